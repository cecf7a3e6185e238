"""A stored tensor as the kernels take it, mapped from its file or read into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.errors import ModelFileError
from engine.models.quantization import group_count
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType, TensorEntry, TensorSource, widen
from engine.weights import Weight, WeightFormat

Take = Callable[[str], NDArray[np.generic]]
"""A tensor's elements by its name: `TensorSource.map_tensor`, or `reader_of`."""

_FORMATS: Final[Mapping[ElementType, WeightFormat]] = {ElementType.F32: "f32", ElementType.BF16: "bf16"}


def reader_of(tensors: TensorSource) -> Take:
    """Takes by reading, not by mapping: what comes is memory of its own."""

    def read(name: str) -> NDArray[np.generic]:
        entry = tensors.entries[name]
        return tensors.read_rows(name, 0, entry.rows).reshape(entry.shape)

    return read


def stored_weight(entries: Mapping[str, TensorEntry], tensor: ExpectedTensor, take: Take) -> Weight:
    """A float tensor, or a quantised one with its scales. Raises ModelFileError for a wrong type or shape."""
    entry = entries.get(tensor.name)
    if entry is None:
        raise ModelFileError("model-tensor-missing", f"The model file lacks {tensor.name}.")
    if entry.element is ElementType.I8 and tensor.quantised:
        return _quantised(entries, tensor, entry, take)
    if entry.shape != tensor.shape:
        raise _shape_error(tensor.name, entry.shape, tensor.shape)
    return float_weight(entry, take)


def float_weight(entry: TensorEntry, take: Take) -> Weight:
    """A float tensor of any shape. Raises ModelFileError for codes."""
    format_name = _FORMATS.get(entry.element)
    if format_name is not None:
        return Weight(format_name, entry.shape, take(entry.name))
    if not entry.element.is_float:
        raise ModelFileError("model-tensor-type-unsupported", f"{entry.name} cannot be stored as codes.")
    # The kernels have no float16 matrices; widening is exact.
    return Weight("f32", entry.shape, widen(take(entry.name), entry.element))


def _quantised(
    entries: Mapping[str, TensorEntry], tensor: ExpectedTensor, entry: TensorEntry, take: Take
) -> Weight:
    rows, inputs = tensor.shape
    kind: WeightFormat
    if entry.shape == (rows, inputs):
        kind = "q8"
    elif inputs % 2 == 0 and entry.shape == (rows, inputs // 2):
        kind = "q4"
    else:
        raise _shape_error(tensor.name, entry.shape, tensor.shape)
    scales = entries.get(tensor.name + keys.SCALES_SUFFIX)
    wanted = (rows, group_count(inputs))
    if scales is None or scales.element is not ElementType.F16 or scales.shape != wanted:
        raise ModelFileError("model-tensor-shape", f"{tensor.name} has no scales that fit it.")
    return Weight(kind, tensor.shape, take(tensor.name), scales=take(scales.name))


def _shape_error(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> ModelFileError:
    return ModelFileError("model-tensor-shape", f"{name} has shape {shape}, which does not fit {wanted}.")
