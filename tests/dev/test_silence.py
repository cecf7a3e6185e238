"""The bench's count of silent blocks, on patterns whose answer is plain."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.silence import silent_blocks


@pytest.mark.parametrize(
    ("block", "tokens", "share"), [(1, 1, 15 / 16), (4, 1, 3 / 4), (4, 2, 1 / 2), (8, 4, 0)]
)
def test_a_block_is_silent_where_none_of_its_inputs_fires_for_any_token(
    block: int, tokens: int, share: float
) -> None:
    fired = np.zeros((4, 8), bool)
    fired[1, 5] = fired[3, 2] = True
    assert silent_blocks(fired, block, tokens) == share
    # What does not fill a block or a tile is left out.
    wider = np.ones((4 + tokens - 1, 8 + block - 1), bool)
    wider[:4, :8] = fired
    assert silent_blocks(wider, block, tokens) == share
