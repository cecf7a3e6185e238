"""Random model files of one shape for both engines, written a block at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from engine.models.config import ModelConfig
from engine.models.encoding import FloatFormat
from tests.fixtures.random_model import write_random_model

_BLOCK_BYTES = 1 << 24
TRAINED_TOK = 1 << 20
"""The context the peer's file claims: its own limit is its memory."""


@dataclass(frozen=True, slots=True)
class Store:
    """Files in one folder, each written when it is first asked for and kept for the next time."""

    folder: Path

    def ours(self, config: ModelConfig, form: FloatFormat) -> Path:
        return self.made(f"ours-{form}-{_label(config)}.gguf", lambda p: write_random_model(p, form, config))

    def theirs(self, config: ModelConfig, form: FloatFormat) -> Path:
        return self.made(f"theirs-{form}-{_label(config)}.gguf", lambda p: write_peer(p, form, config))

    def made(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.folder / name
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            write(part)
            part.replace(path)
        return path


def _label(config: ModelConfig) -> str:
    return f"{config.hidden_size}x{config.intermediate_size}-{config.layers}-{config.vocab_size}"


def write_peer(path: Path, form: FloatFormat, config: ModelConfig) -> None:
    """A GGUF file of the qwen2 architecture with the same sizes, as llama.cpp's own tool would quantise it:
    Q8_0, or Q4_0 with the output matrix in Q6_K."""
    body = {"q8": gguf.GGMLQuantizationType.Q8_0, "q4": gguf.GGMLQuantizationType.Q4_0}[form]
    # Q6_K wants rows of whole blocks of 256.
    whole = config.hidden_size % 256 == 0
    head = gguf.GGMLQuantizationType.Q6_K if form == "q4" and whole else body
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_name("random")
    writer.add_context_length(TRAINED_TOK)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("none")
    plan = _plan(config)
    for name, shape in plan:
        kind = gguf.GGMLQuantizationType.F32
        if len(shape) == 2:
            kind = head if name == "output.weight" else body
        writer.add_tensor_info(name, shape, np.dtype(np.float32), _size_bytes(shape, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    assert writer.fout is not None
    file = writer.fout[0]
    random = np.random.default_rng(0)
    for name, shape in plan:
        kind = writer.tensors[-1][name].dtype
        size = _size_bytes(shape, kind)
        writer.write_padding(file, file.tell())
        block = _block(random, name, kind, min(size, _BLOCK_BYTES), config)
        for start in range(0, size, len(block)):
            file.write(block[: size - start].data)
        writer.write_padding(file, size)
    file.flush()
    os.fsync(file.fileno())
    writer.close()


def _plan(config: ModelConfig) -> list[tuple[str, tuple[int, ...]]]:
    hidden, kv, inner = config.hidden_size, config.kv_dim, config.intermediate_size
    plan: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (config.vocab_size, hidden)),
        ("output_norm.weight", (hidden,)),
        ("output.weight", (config.vocab_size, hidden)),
    ]
    for layer in range(config.layers):
        for name, shape in (
            ("attn_norm.weight", (hidden,)),
            ("attn_q.weight", (hidden, hidden)),
            ("attn_q.bias", (hidden,)),
            ("attn_k.weight", (kv, hidden)),
            ("attn_k.bias", (kv,)),
            ("attn_v.weight", (kv, hidden)),
            ("attn_v.bias", (kv,)),
            ("attn_output.weight", (hidden, hidden)),
            ("ffn_norm.weight", (hidden,)),
            ("ffn_gate.weight", (inner, hidden)),
            ("ffn_up.weight", (inner, hidden)),
            ("ffn_down.weight", (hidden, inner)),
        ):
            plan.append((f"blk.{layer}.{name}", shape))
    return plan


def _size_bytes(shape: tuple[int, ...], kind: gguf.GGMLQuantizationType) -> int:
    values, size = gguf.GGML_QUANT_SIZES[kind]
    if shape[-1] % values:
        raise ValueError(f"{kind} needs rows of a multiple of {values}")
    return int(np.prod(shape, dtype=np.int64)) // values * size


def _block(
    random: np.random.Generator, name: str, kind: gguf.GGMLQuantizationType, size: int, config: ModelConfig
) -> NDArray[np.uint8]:
    """`size` bytes or the next whole block less: scales that keep a random model tame, all else random."""
    types = gguf.GGMLQuantizationType
    if kind == types.F32:
        values = random.standard_normal(size // 4, dtype=np.float32)
        values = 1 + values * 0.1 if "norm" in name else values * np.float32(config.hidden_size**-0.5)
        return values.astype(np.float32).view(np.uint8)
    _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (size // block_bytes, block_bytes), dtype=np.uint8)
    spread = {types.Q8_0: 73.0, types.Q4_0: 4.6, types.Q6_K: 18.5 * 73.0}[kind]
    scale = np.array([config.hidden_size**-0.5 / spread], np.float16).view(np.uint8)
    # The scale leads a block, but in Q6_K, where it ends it.
    if kind == types.Q6_K:
        blocks[:, -2:] = scale
    else:
        blocks[:, :2] = scale
    return blocks.reshape(-1)
