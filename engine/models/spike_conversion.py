"""A spiking checkpoint (W8ASpike) on its way into a file: codes and scales exactly as they are (spec 2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.gguf import MetadataValue
from engine.models.gguf_writer import TensorPlan
from engine.models.spike_codes import Reading, code_weights, read_scales, split_codes
from engine.models.tensor_names import ExpectedTensor, expected_tensors
from engine.models.tensors import ElementType, TensorSource, float_blocks, narrow_to_bf16


class SpikeEncoder:
    """Projections become int8 codes, float32 scales and, at the end of the file, what int8 cannot hold.

    `down_proj` stays float, as the published code computes it, and keeps its scales beside it (spec 2.4). A
    float matrix is bfloat16 where that loses nothing.
    """

    open_ended: Final = True

    def __init__(self, source: TensorSource, config: ModelConfig, reading: Reading) -> None:
        self._source = source
        self._config = config
        self._reading: Reading = reading
        self._scales: list[NDArray[np.float32]] = []
        self._far_counts: list[NDArray[np.int32]] = []
        self._far: list[NDArray[np.uint32]] = []
        self._elements: dict[str, ElementType] = {}

    @property
    def metadata(self) -> dict[str, MetadataValue]:
        return {
            keys.MERGED_GATE: True,
            keys.SPIKE_K: self._config.spike_k,
            keys.SPIKE_READING: self._reading,
        }

    def plan(self) -> list[TensorPlan]:
        planned = [plan for tensor in expected_tensors(self._config) for plan in self._plan(tensor)]
        return [*planned, TensorPlan(keys.FAR, ElementType.I32, (1,))]

    def encode(self, tensor: ExpectedTensor, start: int, block: NDArray[np.float32]) -> NDArray[np.generic]:
        if tensor.coded:
            scales = read_scales(self._source, tensor.name, start, start + len(block), self._reading)
            self._scales.append(scales)
            if not tensor.stays_float:
                rows = split_codes(code_weights(block, scales, self._reading))
                self._far_counts.append(rows.far_counts)
                self._far.append(rows.far)
                return rows.codes
        element = self._elements[tensor.name]
        if element is ElementType.BF16:
            return narrow_to_bf16(block)
        return block

    def finish(self, tensor: ExpectedTensor) -> list[NDArray[np.generic]]:
        parts: list[NDArray[np.generic]] = [*self._scales, *self._far_counts]
        self._scales, self._far_counts = [], []
        return parts

    def end(self) -> list[NDArray[np.generic]]:
        far = np.concatenate(self._far) if self._far else np.empty(0, np.uint32)
        # A file has no empty tensors.
        return [(far if far.size else np.zeros(1, np.uint32)).view(np.int32)]

    def _plan(self, tensor: ExpectedTensor) -> Iterator[TensorPlan]:
        if tensor.coded and not tensor.stays_float:
            yield TensorPlan(tensor.name, ElementType.I8, tensor.shape)
        else:
            self._elements[tensor.name] = element = self._narrowest(tensor)
            yield TensorPlan(tensor.name, element, tensor.shape)
        if tensor.coded:
            yield TensorPlan(
                tensor.name + keys.SCALES_SUFFIX, ElementType.F32, (tensor.shape[0], tensor.groups)
            )
        if tensor.coded and not tensor.stays_float:
            yield TensorPlan(tensor.name + keys.FAR_COUNTS_SUFFIX, ElementType.I32, tensor.shape[:1])

    def _narrowest(self, tensor: ExpectedTensor) -> ElementType:
        if len(tensor.shape) != 2 and self._reading == "f32":
            return ElementType.F32
        if self._reading == "bf16" or self._source.entries[tensor.name].element is ElementType.BF16:
            return ElementType.BF16
        for _, block in float_blocks(self._source, tensor.name):
            if (block.view(np.uint32) & np.uint32(0xFFFF)).any():
                return ElementType.F32
        return ElementType.BF16
