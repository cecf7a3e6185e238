"""Known answers and small random models for the kernel tests."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import kernels
from engine.kernels import Model, NativeConfig, Weight

GOLDEN = Path(__file__).resolve().parent.parent / "fixtures" / "golden"


def read_safetensors(path: Path) -> dict[str, tuple[str, tuple[int, ...], NDArray[np.uint8]]]:
    """name -> dtype, shape, bytes. Small and trusting: the fixtures are ours."""
    raw = np.fromfile(path, np.uint8)
    header_bytes = int(raw[:8].view("<u8")[0])
    header = json.loads(raw[8 : 8 + header_bytes].tobytes())
    body = raw[8 + header_bytes :]
    return {
        name: (entry["dtype"], tuple(entry["shape"]), body[slice(*entry["data_offsets"])])
        for name, entry in header.items()
        if name != "__metadata__"
    }


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One fixture folder: configuration, weights as stored, expected arrays."""

    config: NativeConfig
    weights: dict[str, Weight]
    answers: dict[str, NDArray[np.generic]]

    @property
    def prompts(self) -> list[str]:
        return sorted({name.split(".")[0] for name in self.answers})


def load_checkpoint(folder: Path) -> Checkpoint:
    raw = json.loads((folder / "config.json").read_text())
    config = NativeConfig(
        vocab_size=raw["vocab_size"],
        hidden_size=raw["hidden_size"],
        layers=raw["num_hidden_layers"],
        heads=raw["num_attention_heads"],
        kv_heads=raw["num_key_value_heads"],
        head_dim=raw["hidden_size"] // raw["num_attention_heads"],
        intermediate_size=raw["intermediate_size"],
        gate_rank=16,
        sliding_window=raw["sliding_window"],
        attn_layers=tuple(raw["attn_layers"]),
        norm_eps=raw["norm_eps"],
        rope_theta=raw["rope_theta"],
    )
    weights = {}
    for path in sorted(folder.glob("model*.safetensors")):
        for name, (dtype, shape, data) in read_safetensors(path).items():
            assert dtype == "BF16"
            weights[name] = Weight("bf16", shape, data)
    answers: dict[str, NDArray[np.generic]] = {}
    for name, (dtype, shape, data) in read_safetensors(folder / "golden.safetensors").items():
        answers[name] = data.view({"F32": np.float32, "I32": np.int32, "I8": np.int8}[dtype]).reshape(shape)
    return Checkpoint(config, weights, answers)


def widen(weight: Weight) -> Weight:
    bits = weight.data.view(np.uint16).astype(np.uint32) << np.uint32(16)
    return Weight("f32", weight.shape, bits.view(np.float32).reshape(weight.shape))


def golden_folders() -> list[Path]:
    folders = [GOLDEN / "float-tiny", GOLDEN / "float-7bshape-1layerpair"]
    more = os.environ.get("HUISCLOS_GOLDEN")
    if more:
        folders.append(Path(more) / "float-7bshape-full")
    return folders


@pytest.fixture(scope="session", params=golden_folders(), ids=lambda p: p.name)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return load_checkpoint(request.param)


@pytest.fixture(scope="session")
def tiny() -> Checkpoint:
    return load_checkpoint(GOLDEN / "float-tiny")


@pytest.fixture(params=kernels.features().tables)
def isa(request: pytest.FixtureRequest) -> str:
    return str(request.param)


RandomModel = Callable[..., tuple[NativeConfig, dict[str, Weight]]]


def random_weights(config: NativeConfig, seed: int = 0) -> dict[str, Weight]:
    """Float32 weights of a scale that keeps activations near 1."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in kernels.expected_tensors(config).items():
        if "norm" in name:
            values = 1 + 0.1 * rng.standard_normal(shape)
        elif "conv1d" in name:
            values = rng.standard_normal(shape) * 0.5
        elif len(shape) == 2 and "embeddings" not in name:
            values = rng.standard_normal(shape) / np.sqrt(shape[1])
        else:
            values = rng.standard_normal(shape)
        weights[name] = Weight("f32", shape, values.astype(np.float32))
    return weights


@pytest.fixture(scope="session")
def odd_config() -> NativeConfig:
    """No size a power of two, short groups everywhere, short convolution on."""
    return NativeConfig(
        vocab_size=101,
        hidden_size=90,
        layers=4,
        heads=6,
        kv_heads=2,
        head_dim=22,
        intermediate_size=150,
        gate_rank=10,
        sliding_window=19,
        attn_layers=(1, 3),
        use_short_conv=True,
        conv_size=4,
    )


@pytest.fixture
def odd_model(odd_config: NativeConfig) -> Iterator[Callable[[str], Model]]:
    weights = random_weights(odd_config)
    yield lambda isa: Model(odd_config, weights, threads=2, isa=isa)
