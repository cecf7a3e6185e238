"""A checkpoint folder becomes one GGUF file, tensor by tensor and a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.checkpoint import Checkpoint, open_checkpoint
from engine.models.config import ModelConfig
from engine.models.errors import ConversionCancelledError, ConversionError
from engine.models.facts import ModelFacts
from engine.models.gguf import MetadataValue, read_header
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.quantization import group_count, quantise_q4, quantise_q8
from engine.models.spike_codes import READINGS, Reading
from engine.models.spike_conversion import SpikeEncoder
from engine.models.tensor_names import ExpectedTensor, expected_tensors, parameter_count
from engine.models.tensors import ElementType, float_blocks, narrow_to_bf16

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
class Conversion:
    """What was written. `identity` is the SHA-256 that snapshots are bound to."""

    path: Path
    format: Format
    parameters: int
    size_bytes: int
    identity: str


class Encoder(Protocol):
    """What becomes of each tensor on its way into the file."""

    @property
    def open_ended(self) -> bool:
        """Whether the last tensor's length shows only at the end."""

    def plan(self) -> list[TensorPlan]:
        """Every tensor of the file, in its order."""

    def encode(self, tensor: ExpectedTensor, start: int, block: NDArray[np.float32]) -> NDArray[np.generic]:
        """Rows of a tensor from `start` on, as they go into the file now."""

    def finish(self, tensor: ExpectedTensor) -> list[NDArray[np.generic]]:
        """What follows the tensor: its scales, say."""

    def end(self) -> list[NDArray[np.generic]]:
        """What follows all of them."""


def convert(
    source: Path,
    destination: Path,
    format_name: Format,
    *,
    reading: Reading = "f32",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Conversion:
    """Writes `destination` (replacing it) from the checkpoint folder `source`.

    `reading` says how a spiking checkpoint's weights and scales are read before they become codes.
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
        return _write(checkpoint, destination, format_name, reading, progress, cancelled)
    finally:
        checkpoint.tensors.close()


def _write(
    checkpoint: Checkpoint,
    destination: Path,
    format_name: Format,
    reading: Reading,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool] | None,
) -> Conversion:
    tensors = list(expected_tensors(checkpoint.config))
    total, done = parameter_count(checkpoint.config), 0
    metadata = file_metadata(
        checkpoint.config,
        checkpoint.facts,
        format_name,
        tokenizer_json=checkpoint.tokenizer_json,
        template=checkpoint.template,
        stop_ids=checkpoint.stop_ids,
        eos_id=checkpoint.eos_id,
    )
    encoder: Encoder
    if format_name == SPIKE_FORMAT:
        encoder = SpikeEncoder(checkpoint.tensors, checkpoint.config, reading)
        metadata |= encoder.metadata
    else:
        encoder = _FloatEncoder(checkpoint.config, format_name)
    writer = GgufWriter(destination, metadata, encoder.plan(), open_ended=encoder.open_ended)
    with writer:
        for tensor in tensors:
            for start, block in float_blocks(checkpoint.tensors, tensor.name):
                if cancelled is not None and cancelled():
                    raise ConversionCancelledError
                writer.write(encoder.encode(tensor, start, block))
                done += block.size
                if progress is not None:
                    progress(done, total)
            for part in encoder.finish(tensor):
                writer.write(part)
        for part in encoder.end():
            writer.write(part)
    return Conversion(destination, format_name, total, writer.size_bytes, read_header(destination).sha256)


def file_plan(config: ModelConfig, format_name: FloatFormat) -> list[TensorPlan]:
    """Every tensor of a file of this shape and format, in the order of the file."""
    return [
        planned
        for tensor in expected_tensors(config)
        for planned in _plan(tensor, _stored_as(tensor, format_name))
    ]


def file_metadata(
    config: ModelConfig,
    facts: ModelFacts,
    format_name: Format,
    *,
    tokenizer_json: str,
    template: str,
    stop_ids: Sequence[int],
    eos_id: int | None,
) -> dict[str, MetadataValue]:
    """The key/value pairs of a file, but those the writer adds itself."""
    metadata: dict[str, MetadataValue] = {
        keys.GENERAL_ARCHITECTURE: keys.ARCHITECTURE,
        keys.GENERAL_NAME: facts.name,
        keys.GENERAL_LICENSE: facts.licence,
        keys.BLOCK_COUNT: config.layers,
        keys.CONTEXT_LENGTH: config.context_length,
        keys.EMBEDDING_LENGTH: config.hidden_size,
        keys.FEED_FORWARD_LENGTH: config.intermediate_size,
        keys.VOCAB_SIZE: config.vocab_size,
        keys.HEAD_COUNT: config.heads,
        keys.HEAD_COUNT_KV: config.kv_heads,
        keys.NORM_EPSILON: config.norm_eps,
        keys.SLIDING_WINDOW: config.sliding_window,
        keys.ROPE_FREQ_BASE: config.rope_theta,
        keys.GATE_RANK: config.gate_rank,
        keys.GATE_NORMALIZER: config.gate_normalizer,
        keys.SHORT_CONV: config.use_short_conv,
        keys.CONV_SIZE: config.conv_size,
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


def _stored_as(tensor: ExpectedTensor, format_name: FloatFormat) -> _Stored:
    if not tensor.quantised or format_name == "f32":
        return "f32"
    if format_name == "q4" and (tensor.name in _EIGHT_BIT_IN_Q4 or tensor.shape[1] % 2):
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


class _FloatEncoder:
    """Float weights in one of the float formats."""

    open_ended = False

    def __init__(self, config: ModelConfig, format_name: FloatFormat) -> None:
        self._config = config
        self._format: FloatFormat = format_name
        self._scales: list[NDArray[np.generic]] = []

    def plan(self) -> list[TensorPlan]:
        return file_plan(self._config, self._format)

    def encode(self, tensor: ExpectedTensor, start: int, block: NDArray[np.float32]) -> NDArray[np.generic]:
        stored = _stored_as(tensor, self._format)
        if stored == "f32":
            return block
        if stored == "bf16":
            return narrow_to_bf16(block)
        quantised = quantise_q8(block) if stored == "q8" else quantise_q4(block)
        self._scales.append(quantised.scales)
        return quantised.codes

    def finish(self, tensor: ExpectedTensor) -> list[NDArray[np.generic]]:
        scales, self._scales = self._scales, []
        return scales

    def end(self) -> list[NDArray[np.generic]]:
        return []
