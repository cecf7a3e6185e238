"""One tensor on its way into the native engine: its format, and checks that make a wrong array a clear error.

Knows neither the native module nor tensor names or files.
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

GROUP: Final = 128
"""Inputs that share one weight scale (q8, q4)."""

WeightFormat = Literal["f32", "bf16", "f16", "q8", "q4", "s8"]


class KernelError(Exception):
    """The native engine refused or failed; the message says why."""


class WeightError(KernelError):
    """A weight is missing, or has the wrong shape, format or size."""


@dataclasses.dataclass(frozen=True, slots=True)
class Weight:
    """One tensor as the engine reads it; matrices may be read-only views of a mapped file. Float matrices and
    those of which only rows are looked up are used where they lie; of the others the engine makes a packed
    copy, and needs the array no longer.

    `shape` is the logical shape ([out, in] for a matrix). `data` is C-contiguous and holds, by `format`:
    f32: float32; bf16: uint16 (the bits); f16: float16 (vectors only); q8: int8 codes [out, in];
    q4: uint8 or int8 [out, in/2], in each group of n inputs (128, or what is left at the end of a row) byte j
    holds code j in its low and code n/2 + j in its high half, each plus 8. Raw uint8 bytes of the right size
    do for every format.
    `scales` (q8, q4): float16 (or its uint16 bits) [out, ceil(in/128)]; value = code * scale.
    s8: as q8 with float32 `scales`; what int8 cannot hold of a code is in `far` (uint32, `far_starts` int32
    [out + 1] says which belong to which row; column * 8192 + rest + 4096, columns ascending in a row).
    """

    format: WeightFormat
    shape: tuple[int, ...]
    data: NDArray[np.generic]
    scales: NDArray[np.generic] | None = None
    far_starts: NDArray[np.int32] | None = None
    far: NDArray[np.uint32] | None = None


_ELEMENT_BYTES: Final = {"f32": 4, "bf16": 2, "f16": 2, "q8": 1, "q4": 1, "s8": 1}
_DATA_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "f32": ("float32", "uint8"),
    "bf16": ("uint16", "uint8"),
    "f16": ("float16", "uint16", "uint8"),
    "q8": ("int8", "uint8"),
    "q4": ("uint8", "int8"),
    "s8": ("int8", "uint8"),
}


def check_shape(name: str, weight: Weight, shape: tuple[int, ...]) -> None:
    if tuple(weight.shape) != shape:
        raise WeightError(f"{name} should have shape {list(shape)}, not {list(weight.shape)}")


def bytes_of(name: str, array: NDArray[np.generic], size_bytes: int, element_bytes: int) -> NDArray[np.uint8]:
    if array.nbytes != size_bytes:
        raise WeightError(f"{name} should hold {size_bytes} bytes, not {array.nbytes}")
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    # A file may place a tensor anywhere; the kernels need whole elements aligned.
    if flat.ctypes.data % element_bytes:
        flat = np.frombuffer(flat.tobytes(), np.uint8)
    return flat


def data_bytes(name: str, weight: Weight) -> NDArray[np.uint8]:
    if weight.format not in _DATA_TYPES:
        raise WeightError(f"{name} has the unknown format {weight.format!r}")
    if str(weight.data.dtype) not in _DATA_TYPES[weight.format]:
        raise WeightError(f"{name} ({weight.format}) cannot be stored as {weight.data.dtype}")
    count = int(np.prod(weight.shape, dtype=np.int64))
    if weight.format == "q4":
        if len(weight.shape) != 2 or weight.shape[1] % 2:
            raise WeightError(
                f"{name}: q4 needs a matrix with an even number of inputs, not {list(weight.shape)}"
            )
        count //= 2
    element = _ELEMENT_BYTES[weight.format]
    return bytes_of(name, weight.data, count * element, element)


def matrix_arrays(name: str, weight: Weight) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None]:
    if weight.format == "f16":
        raise WeightError(f"{name}: f16 matrices are not supported; use f32, bf16, q8 or q4")
    data = data_bytes(name, weight)
    if weight.format not in ("q8", "q4"):
        if weight.scales is not None:
            raise WeightError(f"{name} ({weight.format}) must not have scales")
        return data, None
    if weight.scales is None or str(weight.scales.dtype) not in ("float16", "uint16", "uint8"):
        raise WeightError(f"{name} ({weight.format}) needs float16 scales")
    rows, columns = weight.shape
    groups = -(-columns // GROUP)
    scales = bytes_of(f"{name}.scales", weight.scales, rows * groups * 2, 2).view(np.uint16)
    return data, scales


def widen(name: str, weight: Weight) -> NDArray[np.float32]:
    if weight.format in ("q8", "q4", "s8"):
        raise WeightError(f"{name} is a vector or filter and must be f32, bf16 or f16, not {weight.format}")
    data = data_bytes(name, weight)
    if weight.format == "f32":
        return data.view(np.float32).copy()
    if weight.format == "f16":
        return data.view(np.float16).astype(np.float32)
    return (data.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
