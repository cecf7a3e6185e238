"""A checkpoint folder becomes one GGUF file, tensor by tensor and a block of rows at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.architectures import Architecture
from engine.models.architectures.gla_swa import GlaSwa
from engine.models.checkpoint import Checkpoint, open_checkpoint
from engine.models.encoding import (
    FORMATS,
    SPIKE_FORMAT,
    EncodedBlock,
    Encoder,
    FloatEncoder,
    FloatFormat,
    Format,
)
from engine.models.errors import ConversionCancelledError, ConversionError, ModelFileError
from engine.models.facts import ModelFacts
from engine.models.gguf import MetadataValue, read_header
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.shard_digests import ShardDigest, ShardDigests
from engine.models.spike_codes import READINGS, Reading
from engine.models.spike_conversion import SpikeEncoder
from engine.models.spool import Spool
from engine.models.tensor_names import ExpectedTensor, weight_count
from engine.models.tensors import stored_blocks

__all__ = [
    "FORMATS",
    "SPIKE_FORMAT",
    "Conversion",
    "Format",
    "convert",
    "file_metadata",
    "file_plan",
]

_AHEAD_PER_THREAD: Final = 3
"""Blocks in hand at once, for each thread that encodes."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written. `identity` is the SHA-256 that snapshots are bound to; `shards` are those of the
    source in the order they were first read, none where nobody asked for their digests."""

    path: Path
    format: Format
    parameters: int
    size_bytes: int
    identity: str
    content_sha256: str
    shards: tuple[ShardDigest, ...] = field(default=())


def convert(
    source: Path,
    destination: Path,
    format_name: Format,
    *,
    reading: Reading = "f32",
    name: str = "",
    threads: int | None = None,
    digests: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Conversion:
    """Writes `destination` (replacing it) from the checkpoint folder `source`.

    `reading` says how a spiking checkpoint's weights and scales are read before they become codes; `name` is
    used where the folder names no model. `digests` takes the SHA-256 of every shard on the way.
    `progress(weights done, weights in all)` and `cancelled()` are called between blocks, many times a second.
    Raises ModelFileError for a bad source, ConversionError for a full disk or an unwritable place,
    ConversionCancelledError; then nothing is left behind and an older `destination` is as it was.
    """
    if format_name not in (*FORMATS, SPIKE_FORMAT):
        known = ", ".join((*FORMATS, SPIKE_FORMAT))
        raise ConversionError("format-unknown", f"{format_name!a} is not one of {known}.")
    if reading not in READINGS:
        raise ConversionError("format-unknown", f"{reading!a} is not one of {', '.join(READINGS)}.")
    if destination.is_dir():
        raise ConversionError("destination-unwritable", f"{destination} is a folder.")
    checkpoint = open_checkpoint(source)
    try:
        if (format_name == SPIKE_FORMAT) != (checkpoint.config.spike_k > 0):
            raise ConversionError(
                "format-unsuitable",
                f"{SPIKE_FORMAT} is for spiking checkpoints, and they are for {SPIKE_FORMAT}.",
            )
        with ShardDigests(digests) as hashing:
            run = _Run(checkpoint, destination, hashing, progress, cancelled)
            return run.write(format_name, reading, name, threads or count_threads())
    finally:
        checkpoint.tensors.close()


def count_threads(*, quiet: bool = False) -> int:
    """Threads that encode: beyond four, the disk and the writing one set the pace. `quiet`: half of the cores
    at most."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, allowed // 2 if quiet else allowed))


class _Run:
    """One conversion: this thread reads and writes, others encode between."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        destination: Path,
        hashing: ShardDigests,
        progress: Callable[[int, int], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._checkpoint = checkpoint
        self._destination = destination
        self._hashing = hashing
        self._progress = progress
        self._cancelled = cancelled
        self._tensors = list(checkpoint.architecture.tensors(checkpoint.config))
        self._total = weight_count(self._tensors)
        self._done = 0

    def write(self, format_name: Format, reading: Reading, name: str, threads: int) -> Conversion:
        checkpoint = self._checkpoint
        facts = checkpoint.facts
        if name:
            facts = msgspec.structs.replace(facts, name=name, label_en=name, label_fr=name)
        metadata = file_metadata(
            checkpoint.config,
            facts,
            format_name,
            tokenizer_json=checkpoint.tokenizer_json,
            template=checkpoint.template,
            stop_ids=checkpoint.stop_ids,
            eos_id=checkpoint.eos_id,
            architecture=checkpoint.architecture,
        )
        encoder: Encoder
        if format_name == SPIKE_FORMAT:
            spikes = SpikeEncoder(checkpoint.tensors, self._tensors, reading, self._check_cancel)
            encoder, metadata = spikes, metadata | spikes.metadata
        else:
            encoder = FloatEncoder(self._tensors, format_name)
        writer = GgufWriter(self._destination, metadata, encoder.plan(), open_ended=encoder.open_ended)
        with writer, ThreadPoolExecutor(threads, "encode") as pool, Spool(self._destination.parent) as spool:
            for tensor in self._tensors:
                self._write_tensor(writer, encoder, tensor, pool, threads, spool)
            if encoder.open_ended:
                for part in spool.blocks():
                    writer.write(part)
            shards = self._hashing.finish(self._check_cancel)
        header = read_header(self._destination)
        return Conversion(
            self._destination,
            format_name,
            self._total,
            writer.size_bytes,
            header.sha256,
            str(header.metadata[keys.CONTENT_SHA256]),
            shards,
        )

    def _write_tensor(
        self,
        writer: GgufWriter,
        encoder: Encoder,
        tensor: ExpectedTensor,
        pool: ThreadPoolExecutor,
        threads: int,
        spool: Spool,
    ) -> None:
        source = self._checkpoint.tensors
        element = source.entries[tensor.name].element
        after: list[tuple[NDArray[np.generic], ...]] = []
        waiting: deque[tuple[int, Future[EncodedBlock]]] = deque()

        def take_one() -> None:
            size, future = waiting.popleft()
            encoded = future.result()
            writer.write(encoded.now)
            after.append(encoded.after)
            if encoded.at_end is not None:
                spool.add(encoded.at_end)
            self._done += size
            if self._progress is not None:
                self._progress(self._done, self._total)

        self._hashing.begin(source.path_of(tensor.name))
        try:
            for start, block in stored_blocks(source, tensor.name):
                self._check_cancel()
                beside = encoder.read_beside(tensor, start, start + len(block))
                waiting.append((block.size, pool.submit(encoder.encode, tensor, block, element, beside)))
                if len(waiting) >= threads * _AHEAD_PER_THREAD:
                    take_one()
            while waiting:
                take_one()
        except ConversionError as error:
            if error.code in _OF_WEIGHTS:
                where = f"{source.shard_of(tensor.name)}: {tensor.name}"
                raise ConversionError(error.code, f"{where}: {error.message}") from None
            raise
        except OSError as error:
            shard = source.shard_of(tensor.name)
            raise ModelFileError(
                "model-file-unreadable", f"{shard} cannot be read any more: {error.strerror or error}."
            ) from error
        for parts in zip(*after, strict=True):
            for part in parts:
                writer.write(part)

    def _check_cancel(self) -> None:
        if self._cancelled is not None and self._cancelled():
            raise ConversionCancelledError


_OF_WEIGHTS: Final = frozenset(
    ("weights-not-finite", "weights-too-large", "scale-invalid", "code-out-of-range")
)
"""What a weight itself is to blame for: told with its tensor and its shard."""


def file_plan(
    shape: Any, format_name: FloatFormat, architecture: Architecture | None = None
) -> list[TensorPlan]:
    """Every tensor of a file of this shape and format, in the order of the file."""
    return FloatEncoder(list((architecture or GlaSwa()).tensors(shape)), format_name).plan()


def file_metadata(
    shape: Any,
    facts: ModelFacts,
    format_name: Format,
    *,
    tokenizer_json: str,
    template: str,
    stop_ids: Sequence[int],
    eos_id: int | None,
    architecture: Architecture | None = None,
) -> dict[str, MetadataValue]:
    """The key/value pairs of a file, but those the writer adds itself."""
    kind = architecture or GlaSwa()
    metadata: dict[str, MetadataValue] = {
        keys.GENERAL_ARCHITECTURE: kind.name,
        keys.GENERAL_NAME: facts.name,
        keys.GENERAL_LICENSE: facts.licence,
        **kind.to_metadata(shape),
        keys.FORMAT: format_name,
        keys.GROUP_SIZE: keys.QUANT_GROUP,
        **facts.to_metadata(),
        keys.STOP_IDS: list(stop_ids),
        keys.TOKENIZER_JSON: tokenizer_json,
        keys.CHAT_TEMPLATE: template,
    }
    if eos_id is not None:
        metadata[keys.EOS_TOKEN_ID] = eos_id
    return metadata
