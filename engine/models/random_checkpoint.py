"""Random checkpoints in the published layouts: names, shapes, types, shards and index, of any size.

For measuring size, memory and speed where the real weights cannot be had; what such a model says means
nothing.
Written a block at a time from a small store of random numbers, so that the disk sets the pace.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.errors import ConversionError
from engine.models.gguf_writer import TensorPlan
from engine.models.tensor_names import ExpectedTensor, expected_tensors
from engine.models.tensors import ElementType, narrow_to_bf16
from engine.models.tokenizer_json import byte_alphabet
from engine.models.torch_writer import TorchWriter

Layout = Literal["base", "sft", "w8aspike"]
LAYOUTS: Final[tuple[Layout, ...]] = get_args(Layout)
Scale = Literal["tiny", "7b"]
SCALES: Final[tuple[Scale, ...]] = get_args(Scale)

_SHAPES: Final = {
    "7b": ModelConfig(
        vocab_size=152_064,
        hidden_size=3584,
        layers=28,
        heads=28,
        kv_heads=4,
        intermediate_size=18_944,
        sliding_window=4096,
    ),
    "tiny": ModelConfig(
        vocab_size=1280,
        hidden_size=256,
        layers=6,
        heads=4,
        kv_heads=2,
        intermediate_size=640,
        sliding_window=64,
    ),
}
_TORCH_SHARDS: Final = 15
_SAFETENSORS_SHARDS: Final = 7
_SAFETENSORS_SHARD_BYTES: Final = 5_000_000_000
"""Filled up to here one after the other, the published spiking shards begin where they do (spec 2.1)."""
_STORE_ELEMENTS: Final = 1 << 22
_CODE_SPREAD: Final = 48.8
"""Standard deviation of codes at which 0.9 % of them run past int8, as measured in the published weights."""
_CODE_LIMIT: Final = 194
_TOKENIZER_FILES: Final = (
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
)


@dataclass(frozen=True, slots=True)
class RandomCheckpoint:
    """What was written."""

    folder: Path
    layout: Layout
    tensors: int
    parameters: int
    size_bytes: int
    shards: int


def write_random_checkpoint(
    folder: Path,
    layout: Layout,
    scale: Scale,
    *,
    tokenizer: Path | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> RandomCheckpoint:
    """Fills an empty or new `folder`. `tokenizer` is a folder with published tokenizer files, else there are
    single bytes for tokens. `progress(bytes done, bytes in all)`. Raises ConversionError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConversionError("destination-unwritable", f"{folder} is not empty.")
    shape = _SHAPES[scale]
    if layout == "w8aspike":
        shape = replace(shape, merged_gate=True, spike_k=keys.PUBLISHED_SPIKE_K)
    plan = published_plan(shape)
    total = sum(tensor.size_bytes for tensor in plan)
    free = shutil.disk_usage(folder).free
    if free < total + (64 << 20):
        raise ConversionError("disk-full", f"The checkpoint needs {total} bytes; {folder} has {free} left.")
    _write_config(folder, shape, layout)
    _write_tokenizer(folder, tokenizer)
    stem, suffix, writer, count = (
        ("model", ".safetensors", SafetensorsWriter, _SAFETENSORS_SHARDS)
        if shape.spike_k
        else ("pytorch_model", ".bin", TorchWriter, _TORCH_SHARDS)
    )
    numbers = _Numbers(shape, seed)
    places: dict[str, str] = {}
    done = 0
    for rank, part in enumerate(split_shards(plan, count), 1):
        name = f"{stem}-{rank:05d}-of-{count:05d}{suffix}"
        with writer(folder / name, part) as shard:
            for tensor in part:
                places[tensor.name] = name
                for block in numbers.blocks(tensor):
                    shard.write(block)
                    done += block.nbytes
                    if progress is not None:
                        progress(done, total)
    _dump(
        folder / f"{stem}{suffix}.index.json",
        {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))},
    )
    weights = sum(np.prod(t.shape, dtype=np.int64) for t in plan if not _is_scale(t.name))
    return RandomCheckpoint(folder, layout, len(plan), int(weights), total, count)


def published_plan(shape: ModelConfig) -> list[TensorPlan]:
    """Every tensor of the published container: bfloat16, or for a spiking model float32 with its scales."""
    element = ElementType.F32 if shape.spike_k else ElementType.BF16
    found = []
    for tensor in expected_tensors(shape):
        found.append(TensorPlan(tensor.name, element, tensor.shape))
        if tensor.coded:
            found.append(_scales_of(tensor, element))
    return found


def split_shards(plan: Sequence[TensorPlan], count: int) -> list[list[TensorPlan]]:
    """Consecutive tensors in `count` parts, none empty: each filled to the published limit where that gives
    so many, else of nearly one size."""
    filled = _fill_shards(plan, _SAFETENSORS_SHARD_BYTES)
    if len(filled) == count:
        return filled
    total, done = sum(tensor.size_bytes for tensor in plan), 0
    parts: list[list[TensorPlan]] = [[] for _ in range(count)]
    rank = 0
    for place, tensor in enumerate(plan):
        enough = done + tensor.size_bytes / 2 > total * (rank + 1) / count
        must = len(plan) - place <= count - 1 - rank
        if rank + 1 < count and parts[rank] and (enough or must):
            rank += 1
        parts[rank].append(tensor)
        done += tensor.size_bytes
    return parts


def _fill_shards(plan: Sequence[TensorPlan], limit_bytes: int) -> list[list[TensorPlan]]:
    parts: list[list[TensorPlan]] = [[]]
    left = limit_bytes
    for tensor in plan:
        if parts[-1] and tensor.size_bytes > left:
            parts.append([])
            left = limit_bytes
        parts[-1].append(tensor)
        left -= tensor.size_bytes
    return parts


class SafetensorsWriter:
    """A context manager for one safetensors file."""

    def __init__(self, path: Path, plan: Sequence[TensorPlan]) -> None:
        header: dict[str, object] = {"__metadata__": {"format": "pt"}}
        place = 0
        for tensor in plan:
            header[tensor.name] = {
                "dtype": tensor.element.value,
                "shape": list(tensor.shape),
                "data_offsets": [place, place + tensor.size_bytes],
            }
            place += tensor.size_bytes
        text = json.dumps(header, separators=(",", ":")).encode()
        self._front = text + b" " * (-len(text) % 8)
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        self._file.write(struct.pack("<Q", len(self._front)) + self._front)
        return self

    def write(self, block: NDArray[np.generic]) -> None:
        self._file.write(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class _Numbers:
    """Random values of each kind of tensor, cut from a store at places that differ from tensor to tensor."""

    def __init__(self, shape: ModelConfig, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._coded = {t.name: t for t in expected_tensors(shape) if t.coded}
        self._normal = self._random.standard_normal(_STORE_ELEMENTS, dtype=np.float32)
        self._codes = np.clip(np.rint(self._normal * np.float32(_CODE_SPREAD)), -_CODE_LIMIT, _CODE_LIMIT)
        self._narrow: dict[float, NDArray[np.uint16]] = {}

    def blocks(self, tensor: TensorPlan) -> Iterator[NDArray[np.generic]]:
        if _is_scale(tensor.name):
            yield self._scales(self._coded[tensor.name.removesuffix(keys.PUBLISHED_SCALES_SUFFIX)])
            return
        coded = self._coded.get(tensor.name)
        if coded is not None:
            yield from self._coded_rows(coded)
            return
        left = int(np.prod(tensor.shape, dtype=np.int64))
        store = self._store(tensor)
        place = int(self._random.integers(store.size))
        while left:
            part = store[place : place + left]
            yield part
            left -= part.size
            place = 0

    def _store(self, tensor: TensorPlan) -> NDArray[np.generic]:
        if "norm" in tensor.name:
            values = 1 + self._normal[: 1 << 16] * np.float32(0.1)
            return values if tensor.element is ElementType.F32 else narrow_to_bf16(values)
        spread = float(tensor.shape[-1] ** -0.5) if len(tensor.shape) == 2 else 0.1
        if tensor.element is ElementType.F32:
            # As published: what was bfloat16 before stays on its grid.
            return (
                narrow_to_bf16(self._normal * np.float32(spread)).astype(np.uint32) << np.uint32(16)
            ).view(np.float32)
        if spread not in self._narrow:
            self._narrow[spread] = narrow_to_bf16(self._normal * np.float32(spread))
        return self._narrow[spread]

    def _scales(self, tensor: ExpectedTensor) -> NDArray[np.float32]:
        """The same for the weights and for their scales, whichever comes first."""
        random = np.random.default_rng(sum(tensor.name.encode()))
        middle = tensor.shape[1] ** -0.5 / _CODE_SPREAD
        values = random.uniform(0.8 * middle, 1.2 * middle, (tensor.shape[0], tensor.groups, 1))
        return values.astype(np.float32)

    def _coded_rows(self, tensor: ExpectedTensor) -> Iterator[NDArray[np.float32]]:
        rows, inputs = tensor.shape
        scales = self._scales(tensor)
        step = max(1, (1 << 20) // inputs)
        for start in range(0, rows, step):
            count = min(step, rows - start)
            place = int(self._random.integers(self._codes.size - count * inputs))
            codes = self._codes[place : place + count * inputs].reshape(count, inputs)
            wide = np.repeat(scales[start : start + count, :, 0], keys.QUANT_GROUP, axis=1)[:, :inputs]
            yield codes * wide


def _scales_of(tensor: ExpectedTensor, element: ElementType) -> TensorPlan:
    name = tensor.name + keys.PUBLISHED_SCALES_SUFFIX
    return TensorPlan(name, element, (tensor.shape[0], tensor.groups, 1))


def _is_scale(name: str) -> bool:
    return name.endswith(keys.PUBLISHED_SCALES_SUFFIX)


def _write_config(folder: Path, shape: ModelConfig, layout: Layout) -> None:
    last = shape.vocab_size - 1
    end = 151_643 if shape.vocab_size > 151_643 else min(last, len(byte_alphabet()))
    config = {
        "architectures": ["GLAswaForCausalLM"],
        "attention_dropout": 0.0,
        "attn_layers": list(range(1, shape.layers, 2)),
        "attn_mode": "chunk",
        "bos_token_id": end,
        "conv_size": 4,
        "eos_token_id": end,
        "gate_logit_normalizer": 16,
        "gate_low_rank_dim": shape.gate_rank,
        "hidden_act": "swish",
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "max_position_embeddings": shape.context_length,
        "model_type": keys.ARCHITECTURE,
        "norm_eps": shape.norm_eps,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": None,
        "rope_theta": shape.rope_theta,
        "sliding_window": shape.sliding_window,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_short_conv": False,
        "vocab_size": shape.vocab_size,
    }
    _dump(folder / "config.json", config)
    _dump(folder / "generation_config.json", {"bos_token_id": end, "eos_token_id": end})
    _dump(
        folder / "huisclos.json",
        {"name": f"Random {layout}", "licence": "none: random numbers", "source": "python -m engine random"},
    )


def _write_tokenizer(folder: Path, published: Path | None) -> None:
    if published is not None:
        for name in _TOKENIZER_FILES:
            if (published / name).exists():
                shutil.copyfile(published / name, folder / name)
        return
    vocabulary = {text: rank for rank, text in enumerate(byte_alphabet().values())}
    _dump(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    added = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    _dump(
        folder / "tokenizer_config.json",
        {
            "added_tokens_decoder": {
                str(len(vocabulary) + rank): {"content": text, "special": True}
                for rank, text in enumerate(added)
            },
            "eos_token": "<|endoftext|>",
            "chat_template": "{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' + "
            "message['content'] + '<|im_end|>\\n' }}{%- endfor %}"
            "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}",
        },
    )


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")
