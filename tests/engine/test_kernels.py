"""The door to the native engine: what it refuses, and in which words."""

from __future__ import annotations

import dataclasses
import gc
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine import kernels
from engine.kernels import Model, NativeConfig, Weight, WeightError

NATIVE = Path(__file__).resolve().parents[2] / "native"

CONFIG = NativeConfig(
    vocab_size=12,
    hidden_size=16,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=4,
    intermediate_size=24,
    gate_rank=3,
    sliding_window=5,
    attn_layers=(1,),
)


def weights_of(config: NativeConfig = CONFIG) -> dict[str, Weight]:
    rng = np.random.default_rng(5)
    return {
        name: Weight("f32", shape, rng.standard_normal(shape).astype(np.float32))
        for name, shape in kernels.expected_tensors(config).items()
    }


def logits_of(model: Model) -> np.ndarray:
    return model.prefill(model.new_state(window_precision="f32"), np.arange(9, dtype=np.int32), logits="all")


def test_the_build_knows_its_sources() -> None:
    assert kernels.features().build_hash == kernels.source_hash(NATIVE)


def test_the_environment_forces_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    for isa in kernels.features().tables:
        monkeypatch.setenv("HUISCLOS_ISA", isa)
        assert kernels.features().isa == isa
        assert Model(CONFIG, weights_of(), threads=1).isa == isa
        kernels.self_test()
    monkeypatch.setenv("HUISCLOS_ISA", "sse9")
    with pytest.raises(ValueError, match="no kernel table 'sse9'"):
        kernels.features()


def test_a_failed_self_test_names_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels._native, "self_test", lambda isa: "rope gives 1 instead of 2")
    with pytest.raises(kernels.KernelError, match="rope gives 1"):
        kernels.self_test()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heads": 5}, "multiple of kv_heads"),
        ({"head_dim": 5}, "must be even"),
        ({"head_dim": 1024}, "from 1 to 512"),
        ({"layers": 0}, "layers must be"),
        ({"vocab_size": True}, "vocab_size must be"),
        ({"attn_layers": (2,)}, "attn_layers"),
        ({"attn_layers": (1, 1)}, "attn_layers"),
        ({"norm_eps": 0.0}, "norm_eps"),
        ({"rope_theta": float("nan")}, "rope_theta"),
        ({"use_short_conv": True, "conv_size": 1}, "conv_size"),
    ],
)
def test_an_impossible_configuration_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(CONFIG, **change)


def test_the_binding_itself_refuses_heads_larger_than_its_kernels_hold() -> None:
    sizes = {
        f.name: int(getattr(CONFIG, f.name)) for f in dataclasses.fields(CONFIG) if f.type in ("int", "bool")
    }
    reals = {"gate_normalizer": 16.0, "norm_eps": 1e-6, "rope_theta": 1e6}
    with pytest.raises(ValueError, match="head shape"):
        kernels._native.Model(sizes | {"head_dim": 514}, reals, [1], [], "scalar", 1, None)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what each thread is doing")
def test_threads_sleep_once_there_is_nothing_to_do() -> None:
    before = set(Path("/proc/self/task").iterdir())
    model = Model(CONFIG, weights_of(), threads=4)
    logits_of(model)
    ours = set(Path("/proc/self/task").iterdir()) - before
    assert len(ours) == 3

    def doing(task: Path) -> str:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]

    end_s = time.monotonic() + 30.0
    while {doing(task) for task in ours} != {"S"}:
        assert time.monotonic() < end_s, "a thread of the pool never goes to sleep"
        time.sleep(0.01)


def test_missing_and_ill_shaped_weights_are_named() -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    for bad, words in (
        (None, "lacks the tensor"),
        (Weight("f32", (16, 24), np.zeros((16, 24), np.float32)), r"shape \[24, 16\]"),
        (Weight("f32", (24, 16), np.zeros((24, 15), np.float32)), "1536 bytes"),
        (Weight("f32", (24, 16), np.zeros((24, 16), np.float64)), "float64"),
        (Weight("f16", (24, 16), np.zeros((24, 16), np.float16)), "not supported"),
        (Weight("q8", (24, 16), np.zeros((24, 16), np.int8)), "scales"),
        (Weight("q8", (24, 16), np.zeros((24, 16), np.int8), np.zeros((23, 1), np.float16)), "48 bytes"),
        (Weight("f32", (24, 16), np.zeros((24, 16), np.float32), np.zeros(1, np.float16)), "not have scales"),
        (Weight("q9", (24, 16), np.zeros((24, 16), np.int8)), "unknown format"),
    ):
        weights = weights_of()
        if bad is None:
            del weights[name]
        else:
            weights[name] = bad
        with pytest.raises(WeightError, match=words) as failure:
            Model(CONFIG, weights, threads=1)
        assert name in str(failure.value)
    vector = "model.norm.weight"
    weights = weights_of() | {vector: Weight("q8", (16,), np.zeros(16, np.int8), np.zeros(1, np.float16))}
    with pytest.raises(WeightError, match="vector"):
        Model(CONFIG, weights, threads=1)


def test_threads_and_layers_are_checked() -> None:
    with pytest.raises(ValueError, match="threads"):
        Model(CONFIG, weights_of(), threads=0)
    model = Model(CONFIG, weights_of(), threads=1)
    state = model.new_state()
    with pytest.raises(ValueError, match="not a gated"):
        model.gla_state(state, 1)
    with pytest.raises(ValueError, match="not a window"):
        model.window_entries(state, 0)


def test_weights_come_as_raw_bytes_unaligned_and_read_only_alike() -> None:
    expected = logits_of(Model(CONFIG, weights_of(), threads=1))
    shifted = {}
    for name, weight in weights_of().items():
        room = np.zeros(weight.data.nbytes + 1, np.uint8)
        room[1:] = weight.data.reshape(-1).view(np.uint8)
        room.flags.writeable = False
        shifted[name] = Weight("f32", weight.shape, room[1:])
    assert (logits_of(Model(CONFIG, shifted, threads=1)) == expected).all()


def test_a_model_keeps_its_arrays_alive_and_lets_them_go() -> None:
    weights = weights_of()
    model = Model(CONFIG, weights, threads=2)
    expected = logits_of(model)
    del weights
    gc.collect()
    assert (logits_of(model) == expected).all()


def test_half_vectors_and_bf16_vectors_are_widened() -> None:
    plain = weights_of()
    rounded, halves = dict(plain), dict(plain)
    for name, weight in plain.items():
        if len(weight.shape) == 1:
            half = weight.data.astype(np.float16)
            halves[name] = Weight("f16", weight.shape, half)
            rounded[name] = Weight("f32", weight.shape, half.astype(np.float32))
    first = logits_of(Model(CONFIG, halves, threads=1))
    assert (first == logits_of(Model(CONFIG, rounded, threads=1))).all()
    for name, weight in plain.items():
        if len(weight.shape) == 1:
            bits = (weight.data.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
            halves[name] = Weight("bf16", weight.shape, bits)
            wide = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
            rounded[name] = Weight("f32", weight.shape, wide)
    first = logits_of(Model(CONFIG, halves, threads=1))
    assert (first == logits_of(Model(CONFIG, rounded, threads=1))).all()


# --- rules of the native sources that only reading them can check ---


def test_code_for_one_instruction_set_includes_nothing_that_could_leak_into_another() -> None:
    allowed = {"arm_neon.h", "immintrin.h", "stdint.h", "string.h", "huisclos/kernels.h"}
    for path in (NATIVE / "cpu").iterdir():
        for name in re.findall(r'#include [<"]([^>"]+)[>"]', path.read_text()):
            assert name in allowed or re.fullmatch(r"cpu/\w+-inl\.h", name), f"{path.name} includes {name}"
        if path.suffix == ".cpp":
            body = path.read_text()
            opened, closed = body.index("namespace {"), body.index("}  // namespace")
            for include in re.finditer(r"#include \"cpu/", body):
                assert opened < include.start() < closed


def test_the_contract_holds_no_function_bodies() -> None:
    header = (NATIVE / "include" / "huisclos" / "kernels.h").read_text()
    assert "inline" not in re.sub(r"//.*", "", header)


def test_the_build_never_asks_for_this_very_machine() -> None:
    for path in [*NATIVE.rglob("CMakeLists.txt"), *NATIVE.rglob("*.cmake")]:
        assert "-march=native" not in path.read_text()


def test_native_code_neither_aborts_nor_prints() -> None:
    banned = re.compile(r"\b(abort|exit|assert|printf|std::cerr|std::cout|terminate)\s*[(<]")
    for path in [*NATIVE.rglob("*.cpp"), *NATIVE.rglob("*.h")]:
        code = re.sub(r"//.*", "", path.read_text()).replace("static_assert", "")
        assert not banned.search(code), path
