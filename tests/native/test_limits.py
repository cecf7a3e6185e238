"""The loops that measure the machine: what they claim to have done, they did."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import _native, kernels


def aligned_words(lines: int) -> NDArray[np.uint32]:
    room = np.empty(lines * 16 + 16, np.uint32)
    start = -room.ctypes.data % 64 // 4
    words = room[start : start + lines * 16]
    words[:] = np.random.default_rng(lines).integers(0, 1 << 32, words.size, dtype=np.uint32)
    return words


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("lines", [8, 64, 4096 + 8])
def test_every_word_of_the_block_is_read_once(isa: str, lines: int, threads: int) -> None:
    words = aligned_words(lines)
    expected = int(np.bitwise_xor.reduce(words))
    assert kernels.read_at_once(words.view(np.uint8), threads=threads, isa=isa) == expected


def test_products_are_counted_for_every_round_and_thread(isa: str) -> None:
    one = kernels.multiply_at_once(1, threads=1, isa=isa)
    assert one > 0
    assert kernels.multiply_at_once(1000, threads=1, isa=isa) == 1000 * one
    assert kernels.multiply_at_once(1000, threads=2, isa=isa) == 2000 * one
    assert kernels.multiply_at_once(0, threads=1, isa=isa) == 0


def test_blocks_and_numbers_that_do_not_fit_are_refused(isa: str) -> None:
    words = aligned_words(16).view(np.uint8)
    for block in (words[4:516], words[:100]):
        with pytest.raises(ValueError, match="bad block"):
            _native.read_at_once(isa, block, 1)
    with pytest.raises(ValueError, match="bad"):
        _native.read_at_once(isa, words, 0)
    with pytest.raises(ValueError, match="bad number of rounds"):
        _native.multiply_at_once(isa, -1, 1)
