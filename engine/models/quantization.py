"""Group-wise symmetric quantisation: float rows to integer codes with one float16 scale per 128 inputs.

value = code * scale. q8 codes are -127..127. q4 codes are -8..7, two to a byte: inside a group of n inputs
byte j holds code j in its low and code n/2 + j in its high nibble, each plus 8, so that unpacking is one
mask and one shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models.errors import ConversionError
from engine.models.keys import QUANT_GROUP

_SHARES: Final = (1.08, 1.01, 0.94, 0.88, 0.81, 0.74, 0.67, 0.60)
"""q4 scales tried, as shares of the one that gives the largest weight the code -8: a smaller step cuts off
that weight and draws all others finer, a larger one leaves room for the other side, whose codes end at 7."""


@dataclass(frozen=True, slots=True)
class QuantisedRows:
    """codes: int8 [rows, inputs] (q8) or packed int8 [rows, inputs / 2] (q4); scales: f16 [rows, groups]."""

    codes: NDArray[np.int8]
    scales: NDArray[np.float16]


def group_count(inputs: int) -> int:
    return -(-inputs // QUANT_GROUP)


def quantise_q8(rows: NDArray[np.float32]) -> QuantisedRows:
    """float32 [rows, inputs] to codes. Raises ConversionError when a weight is not finite or too large."""
    groups = _grouped(rows)
    largest = np.abs(groups).max(axis=2)
    scales = _scale_at_least(largest / np.float32(127.0))
    codes = np.rint(groups * _inverse(scales)[:, :, None])
    np.clip(codes, -127, 127, out=codes)
    return QuantisedRows(_ungrouped(codes.astype(np.int8), rows.shape[1]), scales)


def quantise_q4(rows: NDArray[np.float32]) -> QuantisedRows:
    """float32 [rows, inputs], inputs even, to packed 4-bit codes whose scales make the squared error small.

    The range of codes is lopsided, so the sign of a group's scale is the one that gives its largest weight
    the code -8. Of eight sizes of it the best is found (README.md), fitted by least squares and kept in
    float16. Raises ConversionError when a weight is not finite or too large.
    """
    inputs = rows.shape[1]
    if inputs % 2:
        raise ValueError(f"4-bit codes need an even number of inputs, not {inputs}")
    groups = _grouped(rows)
    highest, lowest = groups.max(axis=2), groups.min(axis=2)
    reach = np.where(-lowest >= highest, lowest, highest) / np.float32(-8.0)
    _check_scales(reach)
    scales = _best_fit(groups, reach)
    scales = _fit(groups, scales)[0]
    _check_scales(scales)
    kept = scales.astype(np.float16)
    codes = _codes_q4(groups, kept.astype(np.float32)).astype(np.int8)
    return QuantisedRows(pack_q4(_ungrouped(codes, inputs)), kept)


def dequantise_q8(quantised: QuantisedRows) -> NDArray[np.float32]:
    """The float32 [rows, inputs] that q8 codes stand for."""
    inputs = quantised.codes.shape[1]
    spread = np.repeat(quantised.scales.astype(np.float32), QUANT_GROUP, axis=1)[:, :inputs]
    return quantised.codes.astype(np.float32) * spread


def dequantise_q4(quantised: QuantisedRows, inputs: int) -> NDArray[np.float32]:
    """The float32 [rows, inputs] that packed 4-bit codes stand for."""
    return dequantise_q8(QuantisedRows(unpack_q4(quantised.codes, inputs), quantised.scales))


def pack_q4(codes: NDArray[np.int8]) -> NDArray[np.int8]:
    """Codes -8..7 [rows, inputs], inputs even, to bytes [rows, inputs / 2]."""
    shifted = (codes + np.int8(8)).view(np.uint8)
    packed = np.empty((codes.shape[0], codes.shape[1] // 2), dtype=np.uint8)
    for start, half in _halves(codes.shape[1]):
        low = shifted[:, start : start + half]
        high = shifted[:, start + half : start + 2 * half]
        packed[:, start // 2 : start // 2 + half] = low | (high << 4)
    return packed.view(np.int8)


def unpack_q4(packed: NDArray[np.int8], inputs: int) -> NDArray[np.int8]:
    """Bytes [rows, inputs / 2] back to codes -8..7 [rows, inputs]."""
    bits = packed.view(np.uint8)
    codes = np.empty((packed.shape[0], inputs), dtype=np.int8)
    for start, half in _halves(inputs):
        part = bits[:, start // 2 : start // 2 + half]
        codes[:, start : start + half] = (part & 15).astype(np.int8) - 8
        codes[:, start + half : start + 2 * half] = (part >> 4).astype(np.int8) - 8
    return codes


def _halves(inputs: int) -> list[tuple[int, int]]:
    return [(start, min(QUANT_GROUP, inputs - start) // 2) for start in range(0, inputs, QUANT_GROUP)]


def _grouped(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """[rows, inputs] as [rows, groups, 128], a short last group filled with zeros, which change no result."""
    if not np.isfinite(rows).all():
        raise ConversionError("weights-not-finite", "A weight of the checkpoint is not a finite number.")
    count, inputs = rows.shape
    groups = group_count(inputs)
    if groups * QUANT_GROUP == inputs:
        return rows.reshape(count, groups, QUANT_GROUP)
    filled = np.zeros((count, groups * QUANT_GROUP), dtype=np.float32)
    filled[:, :inputs] = rows
    return filled.reshape(count, groups, QUANT_GROUP)


def _ungrouped(codes: NDArray[np.int8], inputs: int) -> NDArray[np.int8]:
    return np.ascontiguousarray(codes.reshape(codes.shape[0], -1)[:, :inputs])


def _scale_at_least(scales: NDArray[np.float32]) -> NDArray[np.float16]:
    """Scales as float16, never so small that the largest weight would lose its code."""
    _check_scales(scales)
    rounded = scales.astype(np.float16)
    # Half a code of slack: only where the rounding would really cut the largest weight off.
    short = rounded.astype(np.float32) * np.float32(127.5) < scales * np.float32(127.0)
    rounded[short] = np.nextafter(rounded[short], np.float16(np.inf))
    return rounded


def _inverse(scales: NDArray[np.float16] | NDArray[np.float32]) -> NDArray[np.float32]:
    wide = scales.astype(np.float32)
    inverse: NDArray[np.float32] = np.divide(
        np.float32(1.0), wide, out=np.zeros_like(wide), where=wide != 0.0
    )
    return inverse


def _codes_q4(groups: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    codes: NDArray[np.float32] = groups * _inverse(scale)[:, :, None]
    np.rint(codes, out=codes)
    np.clip(codes, -8.0, 7.0, out=codes)
    return codes


def _best_fit(groups: NDArray[np.float32], reach: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each group the scale, fitted to its codes, that leaves the smallest squared error."""
    best = np.zeros_like(reach)
    most = np.zeros_like(reach)
    for share in _SHARES:
        scale, explained = _fit(groups, reach * np.float32(share))
        better = explained > most
        np.copyto(best, scale, where=better)
        np.copyto(most, explained, where=better)
    return best


def _fit(
    groups: NDArray[np.float32], scale: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(the scale that least squares gives for the codes of `scale`, the squared length that it explains).

    With codes c and weights w the scale is wc/cc, and the squared error ww - (wc)^2/cc: so the largest
    (wc)^2/cc is the smallest error, and no error need be computed.
    """
    codes = _codes_q4(groups, scale)
    along = np.einsum("rgi,rgi->rg", groups, codes)
    square = np.einsum("rgi,rgi->rg", codes, codes)
    fitted = np.divide(along, square, out=np.zeros_like(along), where=square > 0.0)
    explained: NDArray[np.float32] = fitted * along
    return fitted, explained


def _check_scales(scales: NDArray[np.float32]) -> None:
    if scales.size and float(np.abs(scales).max()) > float(np.finfo(np.float16).max):
        raise ConversionError("weights-too-large", "A weight of the checkpoint is too large to be quantised.")
