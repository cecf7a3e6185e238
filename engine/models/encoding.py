"""What becomes of a tensor on its way into a file: the seam between converting and the formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.errors import ConversionError
from engine.models.gguf_writer import TensorPlan
from engine.models.quantization import group_count, quantise_q4, quantise_q8
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType, is_finite, narrow_to_bf16, widen

FloatFormat = Literal["q8", "q4", "bf16", "f32"]
Format = FloatFormat | Literal["spike8"]
FORMATS: Final[tuple[FloatFormat, ...]] = get_args(FloatFormat)
"""What a float checkpoint can become."""
SPIKE_FORMAT: Final = "spike8"
"""What a spiking checkpoint becomes: its very codes and scales."""

_EIGHT_BIT_IN_Q4: Final = (keys.EMBEDDINGS, keys.LM_HEAD)
"""Kept at eight bits in a q4 file: first and last matrix, where four bits cost most (README.md)."""

_Stored = Literal["f32", "bf16", "q8", "q4"]


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """`now` goes into the file at once; `after` follows the whole tensor, part by part: its scales, say.
    `at_end` follows all tensors."""

    now: NDArray[np.generic]
    after: tuple[NDArray[np.generic], ...] = field(default=())
    at_end: NDArray[np.generic] | None = None


class Encoder(Protocol):
    """One format."""

    @property
    def open_ended(self) -> bool:
        """Whether the last tensor's length shows only at the end."""

    def plan(self) -> list[TensorPlan]:
        """Every tensor of the file, in its order."""

    def read_beside(self, tensor: ExpectedTensor, start: int, stop: int) -> NDArray[np.float32] | None:
        """What belongs to some rows but lies elsewhere in the source: their scales."""

    def encode(
        self,
        tensor: ExpectedTensor,
        block: NDArray[np.generic],
        element: ElementType,
        beside: NDArray[np.float32] | None,
    ) -> EncodedBlock:
        """Stored rows to what the file gets of them. Called from several threads; keeps nothing."""


class FloatEncoder:
    """Float weights in one of the float formats."""

    open_ended = False

    def __init__(self, tensors: Sequence[ExpectedTensor], format_name: FloatFormat) -> None:
        self._tensors = tensors
        self._format: FloatFormat = format_name

    def plan(self) -> list[TensorPlan]:
        return [
            planned for tensor in self._tensors for planned in _plan(tensor, stored_as(tensor, self._format))
        ]

    def read_beside(self, tensor: ExpectedTensor, start: int, stop: int) -> None:
        return None

    def encode(
        self, tensor: ExpectedTensor, block: NDArray[np.generic], element: ElementType, beside: object
    ) -> EncodedBlock:
        stored = stored_as(tensor, self._format)
        if stored in ("q8", "q4"):
            rows = widen(block, element)
            quantised = quantise_q8(rows) if stored == "q8" else quantise_q4(rows)
            return EncodedBlock(quantised.codes, (quantised.scales,))
        return EncodedBlock(
            as_floats(block, element, ElementType.F32 if stored == "f32" else ElementType.BF16)
        )


def as_floats(block: NDArray[np.generic], element: ElementType, wanted: ElementType) -> NDArray[np.generic]:
    """Stored floats as `wanted`, f32 or bf16. Raises ConversionError for one that is not finite."""
    if not is_finite(block, element):
        raise ConversionError("weights-not-finite", "A weight of the checkpoint is not a finite number.")
    if element is wanted:
        return block
    rows = widen(block, element)
    return rows if wanted is ElementType.F32 else narrow_to_bf16(rows)


def stored_as(tensor: ExpectedTensor, format_name: FloatFormat) -> _Stored:
    """How a tensor is stored in a file of this format."""
    if not tensor.quantised or format_name == "f32":
        return "f32"
    if format_name == "q4" and (tensor.name in _EIGHT_BIT_IN_Q4 or tensor.shape[-1] % 2):
        return "q8"
    return format_name


def _plan(tensor: ExpectedTensor, stored: _Stored) -> Iterator[TensorPlan]:
    if stored in ("f32", "bf16"):
        element = ElementType.F32 if stored == "f32" else ElementType.BF16
        yield TensorPlan(tensor.name, element, tensor.shape)
        return
    rows, inputs = tensor.shape
    yield TensorPlan(tensor.name, ElementType.I8, (rows, inputs if stored == "q8" else inputs // 2))
    yield TensorPlan(tensor.name + keys.SCALES_SUFFIX, ElementType.F16, (rows, group_count(inputs)))
