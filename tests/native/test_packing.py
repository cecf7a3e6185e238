"""The order in which integer matrices and activations lie for the products, against numpy."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from engine.models.quantization import pack_q4
from tests.native.packing import GROUP, TILE_TOKENS, aligned, groups_of, pack, packed_codes, tiled


@pytest.mark.parametrize("kind", ["q8", "q4"])
@pytest.mark.parametrize(("rows", "cols"), [(1, 2), (5, 34), (32, 128), (37, 202), (70, 640)])
def test_packed_bytes_are_those_of_the_contract(table, types, kind: str, rows: int, cols: int) -> None:
    low, high = (-128, 128) if kind == "q8" else (-8, 8)
    codes = np.random.default_rng([rows, cols]).integers(low, high, (rows, cols)).astype(np.int8)
    data = codes if kind == "q8" else pack_q4(codes)
    assert (pack(table, types, kind, data, rows, cols) == packed_codes(codes, kind).reshape(-1)).all()


@pytest.mark.parametrize("kind", ["q8", "q4"])
def test_a_stretch_of_blocks_is_packed_and_nothing_else(table, types, kind: str) -> None:
    rows, cols = 100, 202
    low, high = (-128, 128) if kind == "q8" else (-8, 8)
    codes = np.random.default_rng(1).integers(low, high, (rows, cols)).astype(np.int8)
    data = codes if kind == "q8" else pack_q4(codes)
    expected = packed_codes(codes, kind)
    out = aligned(expected.nbytes)
    table(f"pack_{kind}", types["Matrix"](data.ctypes.data, 0, rows, cols), 1, 3, out)
    found = out.reshape(expected.shape)
    assert (found[1:3] == expected[1:3]).all()
    assert (found[0] == 0xA5).all()
    assert (found[3] == 0xA5).all()


@pytest.mark.parametrize("tokens", [1, 2, 5, 6, 7, 12, 19])
@pytest.mark.parametrize("cols", [34, 128, 300])
def test_codes_lie_tile_after_tile(table, types, tokens: int, cols: int) -> None:
    rng = np.random.default_rng([tokens, cols])
    groups = groups_of(cols)
    codes = rng.integers(-127, 128, (tokens, groups, GROUP // 4, 4)).astype(np.int8)
    scales = rng.standard_normal((tokens, groups)).astype(np.float32)
    sums = rng.integers(-9999, 9999, (tokens, groups)).astype(np.int32)
    given = types["Codes"](codes.ctypes.data, scales.ctypes.data, sums.ctypes.data, tokens, groups)
    words, tile_scales, tile_sums = (room.array for room in tiled(table, types, given).kept)
    for first in range(0, tokens, TILE_TOKENS):
        part = slice(first, min(tokens, first + TILE_TOKENS))
        width = part.stop - first
        expected = codes[part].transpose(1, 2, 0, 3)
        start = first * groups * GROUP // 4
        found = words[start : start + width * groups * GROUP // 4].view(np.int8).reshape(expected.shape)
        assert (found == expected).all()
        for room, rows in ((tile_scales, scales), (tile_sums, sums)):
            found = room[first * groups : (first + width) * groups].reshape(groups, width)
            assert (found == rows[part].T).all()
    if tokens == 1:
        assert words.tobytes() == codes.tobytes()


def test_the_structures_are_as_large_as_the_contract_says(types) -> None:
    sizes = {name: ctypes.sizeof(types[name]) for name in ("Matrix", "Packed", "Codes", "Tiles", "Spikes")}
    assert sizes == {"Matrix": 32, "Packed": 64, "Codes": 40, "Tiles": 40, "Spikes": 80}
