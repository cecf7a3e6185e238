"""What a folder or file holds, from its descriptions alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from engine.models import architectures, foreign, keys
from engine.models.architectures import Architecture, Shape
from engine.models.checkpoint import Checkpoint, open_checkpoint
from engine.models.encoding import SPIKE_FORMAT, FloatEncoder, FloatFormat
from engine.models.facts import facts_from_metadata
from engine.models.gguf import open_gguf
from engine.models.sources import sniff
from engine.models.tensor_names import ExpectedTensor, weight_count
from engine.models.tensors import TensorSource
from engine.protocol.importing import FormatSize, Look, LookAt

OFFERED: Final[tuple[FloatFormat, ...]] = ("q8", "q4", "bf16")
"""Formats of a float model. Full float32 is left to the engine's own command line: it only doubles bf16."""
_FITS: Final = 0.75
"""Share of the machine's memory that a model's file may take."""
_SPIKE_WEIGHT_BYTES: Final = 1.08
"""A code, and what runs past int8: four bytes for one code in a hundred, twice that for safety."""


def examine(request: LookAt) -> Look:
    """Raises ModelError."""
    source = sniff(Path(request.path))
    if source.kind == "file":
        return _examine_file(source.path)
    if source.kind == "foreign":
        return _examine_foreign(source.path)
    checkpoint = open_checkpoint(source.path)
    try:
        return _examine_checkpoint(checkpoint)
    finally:
        checkpoint.tensors.close()


def _examine_checkpoint(checkpoint: Checkpoint) -> Look:
    tensors = list(checkpoint.architecture.tensors(checkpoint.config))
    formats: tuple[FormatSize, ...]
    if checkpoint.config.spike_k > 0:
        formats = (FormatSize(SPIKE_FORMAT, _spiking_bytes(tensors, checkpoint.tensors)),)
    else:
        formats = tuple(FormatSize(name, _float_bytes(tensors, name)) for name in OFFERED)
    paths = checkpoint.tensors.paths
    return _look(
        checkpoint.architecture,
        checkpoint.config,
        tensors,
        formats,
        is_checkpoint=True,
        name=checkpoint.facts.name,
        container="torch" if paths[0].suffix == ".bin" else "safetensors",
        shards=len(paths),
        source_bytes=sum(path.stat().st_size for path in paths),
        licence=checkpoint.facts.licence,
    )


def _examine_file(path: Path) -> Look:
    file = open_gguf(path)
    architecture = architectures.of_file(file.metadata)
    config = architecture.from_metadata(file.metadata)
    facts = facts_from_metadata(file.metadata).named(path.stem)
    kept_as = str(file.metadata.get(keys.FORMAT, ""))[:16]
    return _look(
        architecture,
        config,
        list(architecture.tensors(config)),
        (FormatSize(kept_as, file.header.size_bytes),),
        is_checkpoint=False,
        name=facts.name,
        container="gguf",
        shards=1,
        source_bytes=file.header.size_bytes,
        licence=facts.licence,
    )


def _examine_foreign(path: Path) -> Look:
    if not foreign.is_engine_installed():
        raise foreign.engine_missing(path.name)
    facts = foreign.read_foreign(path)
    memory = psutil.virtual_memory()
    return Look(
        is_checkpoint=False,
        name=facts.name,
        architecture=facts.architecture,
        note=facts.note,
        container="gguf",
        shards=1,
        parameters=facts.parameters,
        source_bytes=facts.size_bytes,
        licence=facts.licence,
        spiking=False,
        formats=(FormatSize(foreign.FORMAT, facts.size_bytes),),
        recommended=foreign.FORMAT,
        window_tok=0,
        context_tok=facts.context_tok,
        memory_total_bytes=int(memory.total),
        memory_free_bytes=int(memory.available),
    )


def _look(
    architecture: Architecture,
    shape: Shape,
    tensors: Sequence[ExpectedTensor],
    formats: tuple[FormatSize, ...],
    **told: Any,
) -> Look:
    memory = psutil.virtual_memory()
    fitting = [one.format for one in formats if one.size_bytes <= _FITS * memory.total]
    return Look(
        architecture=architecture.name,
        note=architecture.note,
        parameters=weight_count(tensors),
        spiking=shape.spike_k > 0,
        formats=formats,
        recommended=fitting[0] if fitting else min(formats, key=lambda one: one.size_bytes).format,
        window_tok=shape.sliding_window,
        context_tok=shape.context_length,
        memory_total_bytes=int(memory.total),
        memory_free_bytes=int(memory.available),
        **told,
    )


def _float_bytes(tensors: Sequence[ExpectedTensor], format_name: FloatFormat) -> int:
    return sum(planned.size_bytes for planned in FloatEncoder(tensors, format_name).plan())


def _spiking_bytes(tensors: Sequence[ExpectedTensor], source: TensorSource) -> int:
    """At most: whether float32 weights lose nothing as bfloat16 shows only when they are read."""
    total = 0.0
    for tensor in tensors:
        entry = source.entries[tensor.name]
        if tensor.coded and not tensor.stays_float:
            total += weight_count([tensor]) * _SPIKE_WEIGHT_BYTES + 4 * tensor.shape[0] * (1 + tensor.groups)
        else:
            total += entry.size_bytes
    return int(total)
