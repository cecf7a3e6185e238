"""How often whole blocks of inputs stay silent for a whole tile of tokens.

What a kernel could skip, with channels in the order of how often they fire. The order comes from one half
of a text, the figures from the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.loading import LoadedModel
from tests.bench.table import Row

TILE_TOK: Final = 6
BLOCKS: Final = (4, 32, 128)
"""Inputs of one step of the integer products, of eight steps, of a group."""
_TEXT_TOK: Final = 1800


def silence(model: LoadedModel, text: Path) -> list[Row]:
    """Of a model that codes its inputs, over what its projections read."""
    ids = np.array(model.encode_text(text.read_text("utf-8"))[:_TEXT_TOK], np.int32)
    half = len(ids) // 2 // TILE_TOK * TILE_TOK
    first, second = _fired(model, ids[:half]), _fired(model, ids[half : 2 * half])
    channels = sum(fired.shape[1] for fired in second)
    silent = sum((~fired).mean() * fired.shape[1] for fired in second) / channels
    rows = [
        Row("Silent inputs", f"{100 * silent:.1f} %", f"of {2 * half} tokens of {text.name}, second half")
    ]
    for block in BLOCKS:
        shares = [
            sum(
                silent_blocks(fired[:, np.argsort(rates.mean(0), kind="stable")], block, tokens)
                * fired.shape[1]
                for rates, fired in zip(first, second, strict=True)
            )
            / channels
            for tokens in (TILE_TOK, 1)
        ]
        rows.append(
            Row(
                f"Blocks of {block} silent for {TILE_TOK} tokens",
                f"{100 * shares[0]:.2f} %",
                f"channels by rate; for one token {100 * shares[1]:.2f} %",
            )
        )
    return rows


def silent_blocks(fired: NDArray[np.bool_], block: int, tokens: int) -> float:
    """Of `fired` [tokens, inputs] the share of blocks of so many inputs and tokens in which nothing fires."""
    rows, columns = len(fired) // tokens * tokens, fired.shape[1] // block * block
    cut = fired[:rows, :columns].reshape(rows // tokens, tokens, columns // block, block)
    return float((~cut.any((1, 3))).mean())


def _fired(model: LoadedModel, ids: NDArray[np.int32]) -> list[NDArray[np.bool_]]:
    """[tokens, inputs] of every layer and projection that reads spikes, queries left out."""
    traced = model.model.trace_spikes(model.model.new_state(), ids)
    return [coded.counts != 0 for (_, site), coded in traced.items() if site != "query"]
