"""A spiking checkpoint (W8ASpike) on its way into a file: codes and scales exactly as they are (spec 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.encoding import EncodedBlock, as_floats
from engine.models.gguf import MetadataValue
from engine.models.gguf_writer import TensorPlan
from engine.models.spike_codes import Reading, check_scales, code_weights, read_scales, split_codes
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType, TensorSource, stored_blocks, widen


class SpikeEncoder:
    """Projections become int8 codes, float32 scales and, at the end of the file, what int8 cannot hold.

    `down_proj` stays float, as the published code computes it, and keeps its scales beside it (spec 2.4). A
    float matrix is bfloat16 where that loses nothing.
    """

    open_ended: Final = True

    def __init__(
        self,
        source: TensorSource,
        tensors: Sequence[ExpectedTensor],
        reading: Reading,
        check_cancel: Callable[[], None] = lambda: None,
    ) -> None:
        """Looks through the float matrices for what bfloat16 cannot hold, up to the first such weight: many
        gigabytes of a large model, so `check_cancel` is called between blocks."""
        self._check_cancel = check_cancel
        self._tensors = tensors
        self._reading: Reading = reading
        self._elements = {
            tensor.name: self._narrowest(source, tensor)
            for tensor in tensors
            if tensor.stays_float or not tensor.coded
        }
        self._source = source

    @property
    def metadata(self) -> dict[str, MetadataValue]:
        return {keys.SPIKE_READING: self._reading}

    def plan(self) -> list[TensorPlan]:
        planned = [plan for tensor in self._tensors for plan in self._plan(tensor)]
        return [*planned, TensorPlan(keys.FAR, ElementType.I32, (1,))]

    def read_beside(self, tensor: ExpectedTensor, start: int, stop: int) -> NDArray[np.float32] | None:
        return read_scales(self._source, tensor.name, start, stop, self._reading) if tensor.coded else None

    def encode(
        self,
        tensor: ExpectedTensor,
        block: NDArray[np.generic],
        element: ElementType,
        beside: NDArray[np.float32] | None,
    ) -> EncodedBlock:
        scales = beside
        if scales is None:
            return EncodedBlock(as_floats(block, element, self._elements[tensor.name]))
        if tensor.stays_float:
            check_scales(scales)
            return EncodedBlock(as_floats(block, element, self._elements[tensor.name]), (scales,))
        rows = split_codes(code_weights(widen(block, element), scales, self._reading))
        return EncodedBlock(rows.codes, (scales, rows.far_counts), rows.far.view(np.int32))

    def _plan(self, tensor: ExpectedTensor) -> Iterator[TensorPlan]:
        if tensor.coded and not tensor.stays_float:
            yield TensorPlan(tensor.name, ElementType.I8, tensor.shape)
        else:
            yield TensorPlan(tensor.name, self._elements[tensor.name], tensor.shape)
        if tensor.coded:
            yield TensorPlan(
                tensor.name + keys.SCALES_SUFFIX, ElementType.F32, (tensor.shape[0], tensor.groups)
            )
        if tensor.coded and not tensor.stays_float:
            yield TensorPlan(tensor.name + keys.FAR_COUNTS_SUFFIX, ElementType.I32, tensor.shape[:1])

    def _narrowest(self, source: TensorSource, tensor: ExpectedTensor) -> ElementType:
        if len(tensor.shape) != 2 and self._reading == "f32":
            return ElementType.F32
        element = source.entries[tensor.name].element
        if self._reading == "bf16" or element is ElementType.BF16:
            return ElementType.BF16
        for _, block in stored_blocks(source, tensor.name):
            self._check_cancel()
            if (widen(block, element).view(np.uint32) & np.uint32(0xFFFF)).any():
                return ElementType.F32
        return ElementType.BF16
