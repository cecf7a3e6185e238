"""Matrices and activations in the order of the integer products (native/include/huisclos/kernels.h)."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS, GROUP, TILE_TOKENS = 32, 128, 6


def groups_of(cols: int) -> int:
    return -(-cols // GROUP)


def aligned(size_bytes: int) -> NDArray[np.uint8]:
    room = np.full(size_bytes + 64, 0xA5, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size_bytes]


def packed_scales(scales: NDArray[np.generic]) -> NDArray[np.generic]:
    """Scales or offsets: [rows, groups] becomes [blocks, groups, 32], 0 past the last row."""
    rows, groups = scales.shape
    whole = np.zeros((-(-rows // BLOCK_ROWS) * BLOCK_ROWS, groups), scales.dtype)
    whole[:rows] = scales
    return np.ascontiguousarray(whole.reshape(-1, BLOCK_ROWS, groups).transpose(0, 2, 1))


def packed_codes(codes: NDArray[np.int8], kind: str) -> NDArray[np.uint8]:
    """The packed bytes of codes [rows, cols], by numpy alone: what `pack_q8` and `pack_q4` must give."""
    rows, cols = codes.shape
    whole = np.zeros((-(-rows // BLOCK_ROWS) * BLOCK_ROWS, groups_of(cols) * GROUP), np.int16)
    whole[:rows, :cols] = codes
    steps = whole.reshape(-1, BLOCK_ROWS, groups_of(cols), GROUP // 4, 4).transpose(0, 2, 3, 1, 4)
    if kind == "q8":
        return np.ascontiguousarray((steps + 128).astype(np.uint8))
    nibbles = (steps + 8).astype(np.uint8)
    return np.ascontiguousarray(nibbles[:, :, :16] | nibbles[:, :, 16:] << 4)


def pack(table, types, kind: str, data: NDArray[np.generic], rows: int, cols: int) -> NDArray[np.uint8]:
    """What the table's own kernel makes of a matrix as files hold it."""
    blocks = -(-rows // BLOCK_ROWS)
    out = aligned(blocks * groups_of(cols) * BLOCK_ROWS * GROUP // (2 if kind == "q4" else 1))
    matrix = types["Matrix"](data.ctypes.data, 0, rows, cols)
    table(f"pack_{kind}", matrix, 0, blocks, out)
    return out


def packed_matrix(
    table,
    types,
    kind: str,
    data: NDArray[np.generic],
    scales: NDArray[np.generic],
    cols: int,
    far: tuple[NDArray[np.int32], NDArray[np.uint32]] | None = None,
    offsets: NDArray[np.int8] | None = None,
) -> ctypes.Structure:
    """A matrix for the products: scales [rows, groups] in float16, or in float32 for q8 codes as s8, which
    may have offsets [rows, groups]."""
    rows = scales.shape[0]
    own = pack(table, types, kind, data, rows, cols)
    order = packed_scales(scales)
    wide = scales.dtype == np.float32
    moved = None if offsets is None else packed_scales(offsets)
    matrix = types["Packed"](
        own.ctypes.data,
        0 if wide else order.ctypes.data,
        order.ctypes.data if wide else 0,
        0 if moved is None else moved.ctypes.data,
        rows,
        cols,
        far[0].ctypes.data if far else 0,
        far[1].ctypes.data if far else 0,
    )
    matrix.kept = (own, order, moved, far)
    return matrix


def tiled(table, types, codes: ctypes.Structure) -> ctypes.Structure:
    """Codes in the order of the products, in rooms that are guarded on both sides."""
    tokens, groups = codes.tokens, codes.groups
    guarded = types["Guarded"]
    words = guarded((tokens * groups * GROUP // 4,), np.int32)
    scales, sums = guarded((tokens * groups,)), guarded((tokens * groups,), np.int32)
    tiles = types["Tiles"](
        words.array.ctypes.data, scales.array.ctypes.data, sums.array.ctypes.data, tokens, groups
    )
    for tile in range(-(-tokens // TILE_TOKENS)):
        table("tile_codes", codes, tile, tiles)
    tiles.kept = (words, scales, sums)
    for room in tiles.kept:
        room.check()
    return tiles
