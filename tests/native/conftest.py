"""Known answers and small random models for the kernel tests."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import _native, kernels
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


def build_folder() -> Path:
    """Where CMake built the very module that is loaded. Skips where that was elsewhere."""
    for folder in sorted((GOLDEN.parents[2] / "build").glob("*")):
        module = folder / Path(_native.__file__).name
        if module.is_file() and module.read_bytes() == Path(_native.__file__).read_bytes():
            return folder
    pytest.skip("skipped: the loaded module was not built in this checkout")


@pytest.fixture(params=kernels.features().tables)
def isa(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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


@pytest.fixture(scope="session")
def odd_weights(odd_config: NativeConfig) -> dict[str, Weight]:
    return random_weights(odd_config)


@pytest.fixture
def odd_model(odd_config: NativeConfig, odd_weights: dict[str, Weight], isa: str) -> Model:
    return Model(odd_config, odd_weights, threads=2, isa=isa)


# --- the kernel tables themselves, called through their C contract (native/include/huisclos/kernels.h) ---

P, I64, F32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float


class Matrix(ctypes.Structure):
    _fields_ = [("data", P), ("scales", P), ("rows", I64), ("cols", I64)]


class Packed(ctypes.Structure):
    _fields_ = [
        *(("data", P), ("scales", P), ("wide_scales", P), ("offsets", P), ("rows", I64), ("cols", I64)),
        *(("far_starts", P), ("far", P)),
    ]


class Codes(ctypes.Structure):
    _fields_ = [("codes", P), ("scales", P), ("sums", P), ("tokens", I64), ("groups", I64)]


class Tiles(ctypes.Structure):
    _fields_ = [("words", P), ("scales", P), ("sums", P), ("tokens", I64), ("groups", I64)]


class Spikes(ctypes.Structure):
    _fields_ = [
        *(("codes", Codes), ("counts", P), ("beyond", P), ("far_places", P), ("columns", P), ("ldc", I64)),
    ]


class Rows(ctypes.Structure):
    _fields_ = [("x", P), ("tokens", I64), ("ld", I64)]


class Span(ctypes.Structure):
    _fields_ = [("keys", P), ("values", P), ("key_scales", P), ("value_scales", P), ("count", I64)]


class Queries(ctypes.Structure):
    _fields_ = [
        *(("q", P), ("ld", I64), ("tokens", I64), ("group", I64), ("d", I64), ("begin", P), ("end", P)),
        *(("scale", F32), ("peak", P), ("total", P), ("mix", P)),
    ]


class Gla(ctypes.Structure):
    _fields_ = [
        *((name, P) for name in ("state_in", "state_out", "q", "k", "v", "log_decay", "o")),
        *((name, I64) for name in ("ldq", "ldk", "ldv", "ldg", "ldo", "tokens", "group", "d")),
        ("scale", F32),
    ]


_MATMUL = (P, I64, I64, P, P, P, I64, P)
_MATMUL_INT = (P, I64, I64, P, P, P, I64)
_PACK = (P, I64, I64, P)
_EMBED = (P, I64, P)
_STORE = (P, I64, I64, I64, P, P)
_ATTEND = (P, P, P)
SIGNATURES: dict[str, tuple[type, ...]] = {
    "quantise_rows": (P, I64, P),
    "tile_codes": (P, I64, P),
    "matmul_f32": _MATMUL,
    "matmul_bf16": _MATMUL,
    "pack_q8": _PACK,
    "pack_q4": _PACK,
    "matmul_q8": _MATMUL_INT,
    "matmul_q4": _MATMUL_INT,
    "embed_f32": _EMBED,
    "embed_bf16": _EMBED,
    "embed_q8": _EMBED,
    "embed_q4": _EMBED,
    "rmsnorm": (P, P, I64, I64, F32, P),
    "add_rmsnorm": (P, P, P, I64, I64, F32, P),
    "relu": (P, I64),
    "silu_mul": (P, P, I64),
    "log_gate": (P, I64, F32),
    "rope": (P, I64, I64, I64, I64, P, P),
    "short_conv": (P, P, P, I64, I64, I64, P, P),
    "gla_step": (P,),
    "gla_chunk": (P, P),
    "window_store_f32": _STORE,
    "window_store_f16": _STORE,
    "window_store_i8": _STORE,
    "window_attend_f32": _ATTEND,
    "window_attend_f16": _ATTEND,
    "window_attend_i8": _ATTEND,
    "window_finish": (P, P, I64),
    "spike_rows": (P, I64, F32, P),
    "spike_values": (P, I64, I64, F32, P),
    "spike_columns": (P, I64, I64),
    "matmul_spike": (P, I64, I64, P, P, P, P, I64, P),
    "window_store_codes": _STORE,
    "sigmoid_gate": (P, P, I64),
}


class TableHead(ctypes.Structure):
    _fields_ = [("abi", ctypes.c_uint32), ("name", ctypes.c_char_p), *((name, P) for name in SIGNATURES)]


GUARD = 64
GUARD_BYTE = 0xA5


class Guarded:
    """A NaN-poisoned output between two guard bands that `check` finds untouched or fails."""

    def __init__(self, shape: tuple[int, ...], dtype: type = np.float32) -> None:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._raw = np.full(size + 2 * GUARD, GUARD_BYTE, np.uint8)
        self.array = self._raw[GUARD : GUARD + size].view(dtype).reshape(shape)
        if np.dtype(dtype) == np.float32:
            self.array.fill(np.nan)

    def check(self) -> NDArray[np.generic]:
        assert (self._raw[:GUARD] == GUARD_BYTE).all()
        assert (self._raw[-GUARD:] == GUARD_BYTE).all()
        if self.array.dtype == np.float32:
            assert np.isfinite(self.array).all()
        return self.array


class Table:
    """One instruction set's kernels; arrays are passed as pointers, structures by reference."""

    def __init__(self, isa: str) -> None:
        self.head = TableHead.from_address(_native.table_address(isa))
        self.scratch = np.zeros(1 << 18, np.float64)

    def entry(self, kernel: str) -> int:
        return int(getattr(self.head, kernel))

    def __call__(self, kernel: str, *arguments: object) -> None:
        function = ctypes.CFUNCTYPE(None, *SIGNATURES[kernel])(self.entry(kernel))
        function(*(self._pointer(a) for a in arguments))

    def scratch_pointer(self) -> int:
        address = self.scratch.ctypes.data
        return address + (-address) % 64

    @staticmethod
    def _pointer(argument: object) -> object:
        if isinstance(argument, np.ndarray):
            return argument.ctypes.data
        if isinstance(argument, Guarded):
            return argument.array.ctypes.data
        if isinstance(argument, ctypes.Structure):
            return ctypes.addressof(argument)
        return argument


@pytest.fixture(scope="session")
def types() -> dict[str, object]:
    """The structures of the contract, for tests that build arguments."""
    classes = {
        c.__name__: c for c in (Matrix, Packed, Codes, Tiles, Spikes, Rows, Span, Queries, Gla, Guarded)
    }
    return {**classes, "SIGNATURES": SIGNATURES}


@pytest.fixture
def table(isa: str) -> Table:
    return Table(isa)


@pytest.fixture
def reference() -> Table:
    return Table("scalar")
