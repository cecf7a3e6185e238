"""A model file becomes a checkpoint folder again, its weights as the float32 numbers that they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.models import architectures, keys
from engine.models.architectures.gla_swa import GlaSwa
from engine.models.config import ModelConfig
from engine.models.errors import ConversionError, ModelFileError
from engine.models.facts import FACTS_NAME, facts_from_metadata
from engine.models.gguf import GgufFile, open_gguf
from engine.models.gguf_writer import TensorPlan
from engine.models.quantization import QuantisedRows, dequantise_q4, dequantise_q8
from engine.models.random_checkpoint import SafetensorsWriter
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType, widen

_STEP_ELEMENTS: Final = 1 << 20


def unpack(path: Path, folder: Path) -> Path:
    """Fills a new folder from a file of a float format. Raises ModelFileError, ConversionError."""
    file = open_gguf(path)
    architecture = architectures.of_file(file.metadata)
    if not isinstance(architecture, GlaSwa):
        raise ConversionError("format-unsuitable", f"{path.name} is not of a kind that can be unpacked.")
    config = architecture.from_metadata(file.metadata)
    if config.spike_k:
        raise ConversionError(
            "format-unsuitable", f"{path.name} holds spiking codes, which stay as they are."
        )
    folder.mkdir(parents=True)
    _write_descriptions(file, config, folder, path.stem)
    tensors = list(architecture.tensors(config))
    plan = [TensorPlan(tensor.name, ElementType.F32, tensor.shape) for tensor in tensors]
    with SafetensorsWriter(folder / "model.safetensors", plan) as writer:
        for tensor in tensors:
            for block in _rows(file, tensor):
                writer.write(block)
    file.tensors.close()
    return folder


def _rows(file: GgufFile, tensor: ExpectedTensor) -> Iterator[NDArray[np.float32]]:
    entry = file.tensors.entries.get(tensor.name)
    if entry is None:
        raise ModelFileError("model-tensor-missing", f"The model file lacks {tensor.name}.")
    step = max(1, _STEP_ELEMENTS // entry.row_elements)
    for start in range(0, entry.rows, step):
        stop = min(start + step, entry.rows)
        block = file.tensors.read_rows(tensor.name, start, stop)
        if entry.element is not ElementType.I8:
            yield widen(block, entry.element)
            continue
        scales = file.tensors.read_rows(tensor.name + keys.SCALES_SUFFIX, start, stop)
        codes = QuantisedRows(block.astype(np.int8), scales.astype(np.float16))
        yield dequantise_q8(codes) if entry.shape == tensor.shape else dequantise_q4(codes, tensor.shape[1])


def _write_descriptions(file: GgufFile, config: ModelConfig, folder: Path, stem: str) -> None:
    eos_id = file.metadata.get(keys.EOS_TOKEN_ID)
    described = {
        "model_type": keys.ARCHITECTURE,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "intermediate_size": config.intermediate_size,
        "sliding_window": config.sliding_window,
        "norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "gate_low_rank_dim": config.gate_rank,
        "gate_logit_normalizer": config.gate_normalizer,
        "use_short_conv": config.use_short_conv,
        "conv_size": config.conv_size,
        "max_position_embeddings": config.context_length,
        "hidden_act": "swish",
        "tie_word_embeddings": False,
        "eos_token_id": file.metadata.get(keys.STOP_IDS, eos_id),
    }
    _write(folder / "config.json", json.dumps(described, indent=1))
    _write(folder / "tokenizer.json", str(file.metadata[keys.TOKENIZER_JSON]))
    _write(folder / "chat_template.jinja", str(file.metadata.get(keys.CHAT_TEMPLATE, "")))
    facts = facts_from_metadata(file.metadata).named(stem)
    _write(folder / FACTS_NAME, msgspec.json.encode(facts).decode())


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n" if path.suffix == ".json" else text, "utf-8")
