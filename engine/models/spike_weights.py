"""Spiking weights as the kernels take them: from a converted file, or computed from a checkpoint folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine import kernels
from engine.models import keys
from engine.models.errors import ConversionError, ModelFileError
from engine.models.gguf import GgufFile
from engine.models.spike_codes import READINGS, Reading, code_weights, far_starts, read_scales, split_codes
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType, TensorSource, float_blocks

_NO_FAR: Final = np.empty(0, np.uint32)


def coded_weight(source: TensorSource, tensor: ExpectedTensor, reading: Reading = "f32") -> kernels.Weight:
    """Codes of one projection of a checkpoint folder, in memory: a byte per weight. Raises ModelFileError."""
    scales = read_scales(source, tensor.name, 0, tensor.shape[0], reading)
    return _code(source, tensor, scales, reading)


def file_reading(file: GgufFile) -> Reading:
    """How the codes of a converted spiking file were read. Raises ModelFileError when it does not say."""
    reading = file.metadata.get(keys.SPIKE_READING)
    if reading not in READINGS:
        raise ModelFileError("model-facts-invalid", "The model file does not say how its codes were read.")
    return "bf16" if reading == "bf16" else "f32"


class StoredSpikes:
    """The coded matrices of a converted file. `names`: the tensors they took from it."""

    def __init__(self, file: GgufFile) -> None:
        """Raises ModelFileError when the file has no far entries or does not say how it was read."""
        self._tensors = file.tensors
        self.names: set[str] = {keys.FAR}
        entry = self._tensors.entries.get(keys.FAR)
        if entry is None or entry.element is not ElementType.I32 or len(entry.shape) != 1:
            raise ModelFileError("model-tensor-missing", f"The model file lacks {keys.FAR}.")
        self._far: NDArray[np.uint32] = self._tensors.map_tensor(keys.FAR).view(np.uint32)
        self._place = 0
        self._reading = file_reading(file)

    def weights(self, tensors: Iterable[ExpectedTensor], *, spiking_down: bool) -> dict[str, kernels.Weight]:
        """All coded matrices by name; `down_proj` among them, coded now, where it is asked for.

        Raises ModelFileError.
        """
        found: dict[str, kernels.Weight] = {}
        for tensor in tensors:
            if not tensor.coded:
                continue
            scales = self._take(
                tensor.name + keys.SCALES_SUFFIX, ElementType.F32, (tensor.shape[0], tensor.groups)
            )
            if not tensor.stays_float:
                found[tensor.name] = self._stored(tensor, scales)
            elif spiking_down:
                self.names.add(tensor.name)
                found[tensor.name] = _code(
                    self._tensors, tensor, np.asarray(scales, np.float32), self._reading
                )
        # A file has no empty tensors: one entry that belongs to nobody stands for none.
        if self._place != (self._far.size if self._place else self._far.size - 1):
            raise ModelFileError("model-tensor-unexpected", f"{keys.FAR} is longer than its matrices say.")
        return found

    def _stored(self, tensor: ExpectedTensor, scales: NDArray[np.generic]) -> kernels.Weight:
        codes = self._take(tensor.name, ElementType.I8, tensor.shape)
        counts = self._take(tensor.name + keys.FAR_COUNTS_SUFFIX, ElementType.I32, tensor.shape[:1])
        end = self._place + int(counts.sum(dtype=np.int64))
        if not self._place <= end <= self._far.size:
            raise ModelFileError(
                "model-tensor-shape", f"{tensor.name} has codes beyond the end of {keys.FAR}."
            )
        far = self._far[self._place : end]
        self._place = end
        return kernels.Weight(
            "s8", tensor.shape, codes, scales, far_starts(np.asarray(counts, np.int32)), far
        )

    def _take(self, name: str, element: ElementType, shape: tuple[int, ...]) -> NDArray[np.generic]:
        entry = self._tensors.entries.get(name)
        if entry is None:
            raise ModelFileError("model-tensor-missing", f"The model file lacks {name}.")
        if entry.element is not element or entry.shape != shape:
            raise ModelFileError(
                "model-tensor-shape",
                f"{name} is {entry.element.value} {entry.shape}, not {element.value} {shape}.",
            )
        self.names.add(name)
        return self._tensors.map_tensor(name)


def _code(
    source: TensorSource, tensor: ExpectedTensor, scales: NDArray[np.float32], reading: Reading
) -> kernels.Weight:
    entry = source.entries.get(tensor.name)
    if entry is None or entry.shape != tensor.shape or not entry.element.is_float:
        raise ModelFileError("model-tensor-shape", f"{tensor.name} is not a float matrix of {tensor.shape}.")
    codes = np.empty(tensor.shape, np.int8)
    far, counts = [_NO_FAR], []
    try:
        for start, block in float_blocks(source, tensor.name):
            stop = start + len(block)
            rows = split_codes(code_weights(block, scales[start:stop], reading))
            codes[start:stop] = rows.codes
            far.append(rows.far)
            counts.append(rows.far_counts)
    except ConversionError as error:
        raise ModelFileError(error.code, f"{tensor.name}: {error.message}") from None
    return kernels.Weight(
        "s8", tensor.shape, codes, scales, far_starts(np.concatenate(counts)), np.concatenate(far)
    )
