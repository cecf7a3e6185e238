"""The weights of a spiking checkpoint as whole numbers: code = weight / scale, rounded (spec 2.2).

Codes are not clamped. What int8 cannot hold of one is a far entry beside the int8 codes:
column * 8192 + rest + 4096, the columns of a row ascending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.errors import ConversionError
from engine.models.tensors import ElementType, TensorSource, narrow_to_bf16, widen

Reading = Literal["f32", "bf16"]
"""How weights and scales are read (spec 2.6): as stored, or as the published code casts them to bfloat16
first, which rounds the quotient as well and gives other codes."""
READINGS: Final[tuple[Reading, ...]] = get_args(Reading)

_FAR_BITS: Final = 13
_FAR_BIAS: Final = 1 << (_FAR_BITS - 1)
_COLUMNS_MAX: Final = 1 << (31 - _FAR_BITS)


@dataclass(frozen=True, slots=True)
class SpikeRows:
    """codes: int8 [rows, inputs]; far: uint32, the entries of all rows; far_counts: int32 [rows]."""

    codes: NDArray[np.int8]
    far: NDArray[np.uint32]
    far_counts: NDArray[np.int32]


def code_weights(
    rows: NDArray[np.float32], scales: NDArray[np.float32], reading: Reading = "f32"
) -> NDArray[np.int32]:
    """float32 [rows, inputs] and the scales `read_scales` gives to codes [rows, inputs].

    Raises ConversionError where there is no code for a weight.
    """
    check_scales(scales)
    weights = _rounded(rows) if reading == "bf16" else rows
    wide = np.repeat(scales, keys.QUANT_GROUP, axis=1)[:, : rows.shape[1]]
    with np.errstate(over="ignore"):
        quotients = weights / wide
    if reading == "bf16":
        quotients = _rounded(quotients)
    codes = np.rint(quotients)
    if not np.isfinite(codes).all() or np.abs(codes).max(initial=0) >= _FAR_BIAS:
        raise ConversionError(
            "code-out-of-range", "A weight is thousands of times its scale, or not a number."
        )
    whole: NDArray[np.int32] = codes.astype(np.int32)
    return whole


def check_scales(scales: NDArray[np.float32]) -> None:
    """Raises ConversionError unless all are positive numbers."""
    if not np.isfinite(scales).all() or not (scales > 0).all():
        raise ConversionError("scale-invalid", "A scale of the spiking weights is not a positive number.")


def read_scales(
    source: TensorSource, name: str, start: int, stop: int, reading: Reading
) -> NDArray[np.float32]:
    """Scales float32 [rows, groups] of the rows start…stop of a projection in a spiking checkpoint."""
    published = name + keys.PUBLISHED_SCALES_SUFFIX
    scales = widen(source.read_rows(published, start, stop), source.entries[published].element)
    return _rounded(scales) if reading == "bf16" else scales


def split_codes(codes: NDArray[np.int32]) -> SpikeRows:
    """Codes [rows, inputs], each within -4095…4095, as int8 and far entries."""
    if codes.shape[1] > _COLUMNS_MAX:
        raise ValueError(f"{codes.shape[1]} inputs are too many")
    near = np.clip(codes, -128, 127)
    rest = codes - near
    places, columns = np.nonzero(rest)
    far = (columns << _FAR_BITS) + rest[places, columns] + _FAR_BIAS
    counts = np.bincount(places, minlength=codes.shape[0])
    return SpikeRows(near.astype(np.int8), far.astype(np.uint32), counts.astype(np.int32))


def join_codes(rows: SpikeRows) -> NDArray[np.int32]:
    """The inverse of `split_codes`."""
    codes = rows.codes.astype(np.int32)
    places = np.repeat(np.arange(codes.shape[0]), rows.far_counts)
    rest = (rows.far & np.uint32(2 * _FAR_BIAS - 1)).astype(np.int32) - _FAR_BIAS
    codes[places, rows.far >> np.uint32(_FAR_BITS)] += rest
    return codes


def far_starts(far_counts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Where each row's far entries begin, and where the last one's end: int32 [rows + 1]."""
    starts = np.zeros(far_counts.size + 1, np.int32)
    np.cumsum(far_counts, out=starts[1:])
    return starts


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return widen(narrow_to_bf16(values), ElementType.BF16)
