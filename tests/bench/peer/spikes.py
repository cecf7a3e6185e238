"""Reading with spikes beside reading with eight-bit activations, `down_proj` as a float and as spikes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.models import keys
from engine.models.config import ModelConfig
from engine.models.convert import file_metadata
from engine.models.encoding import SPIKE_FORMAT
from engine.models.facts import ModelFacts
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.tensor_names import ExpectedTensor, expected_tensors
from engine.models.tensors import ElementType, narrow_to_bf16
from tests.bench.peer.figures import Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.ours import Engine
from tests.bench.peer.setting import Setting, per, tell
from tests.bench.peer.speed import PREFILL_TOK
from tests.bench.peer.workers import Worker
from tests.fixtures.random_model import random_tokenizer, write_random_model

_LAYERS: Final = 3
_GOAL: Final = 10.0
_FAR_EVERY: Final = 100
"""One code of so many does not fit int8, as in the published checkpoint."""
_FLOAT_SPREAD: Final = 127.5 / 2.576
"""Codes of a normal weight's standard deviation."""
_BLOCK: Final = 1 << 22


def spikes(setting: Setting) -> Section:
    section = Section("spikes")
    shape = setting.shape_of(_LAYERS)
    config = shape.config
    label = f"{config.hidden_size}-{config.layers}-{config.vocab_size}"
    plain = setting.store.ours(config, "q8")
    mixed = setting.store.made(f"ours-q8-float-down-{label}.gguf", lambda path: write_mixed(path, config))
    coded = setting.store.made(f"ours-spike8-{label}.gguf", lambda path: write_spiking(path, config))
    with (
        Worker(Engine, plain, setting.threads) as q8,
        Worker(Engine, mixed, setting.threads) as float_down,
        Worker(Engine, coded, setting.threads) as spikes_float_down,
        Worker(_spiking_down, coded, setting.threads) as spikes_down,
    ):
        workers = {
            "q8": q8, "q8, float down": float_down,
            "spike8, float down": spikes_float_down, "spike8, spiking down": spikes_down,
        }  # fmt: skip
        ways: dict[str, Callable[[], Taken]] = {
            name: worker.timed("prefill", PREFILL_TOK, False) for name, worker in workers.items()
        }
        taken = interleave(setting.runs, ways, setting.clock)
    section.facts["seconds"] = taken
    seconds = {name: figure(values) for name, values in taken.items()}
    speed = {name: f.map(lambda s: per(s, PREFILL_TOK), "tokens/s") for name, f in seconds.items()}
    # What a float down_proj adds over a q8 one, and the q8 one by its share of the products.
    share = shape.down_products(PREFILL_TOK) / shape.products(PREFILL_TOK, 0)
    q8_down_s = seconds["q8"].value * share
    float_down_s = seconds["q8, float down"].value - seconds["q8"].value + q8_down_s
    others = [seconds[name].value - float_down_s for name in ("spike8, float down", "q8, float down")]
    note = f"{config.layers} of {shape.layers} layers, no output matrix"
    tell(
        section,
        Row(
            "spike8 prefill, all linears but the float down_proj: slower than q8",
            100 * (others[0] / others[1] - 1),
            "%",
            Goal("at most", _GOAL, "%"),
            speed["spike8, float down"],
            note=f"{note}; q8 {speed['q8']}; a float down_proj takes {float_down_s:.3g} s",
        ),
        Row(
            "spike8 prefill with down_proj spiking: slower than q8",
            100 * (seconds["spike8, spiking down"].value / seconds["q8"].value - 1),
            "%",
            Goal("at most", _GOAL, "%"),
            speed["spike8, spiking down"],
            note=note,
        ),
    )
    return section


def _spiking_down(path: Path, threads: int) -> Engine:
    return Engine(path, threads, spiking_down=True)


def write_mixed(path: Path, config: ModelConfig) -> None:
    """q8, but every `down_proj` in bfloat16, as a spiking model computes it."""
    write_random_model(path, "q8", config, as_bf16=lambda name: name.endswith(keys.DOWN_SUFFIX))


def write_spiking(path: Path, config: ModelConfig) -> None:
    """A spiking model of that shape: random codes, one in a hundred beyond int8, `down_proj` in bfloat16."""
    config = replace(config, merged_gate=True, spike_k=keys.PUBLISHED_SPIKE_K)
    tensors = list(expected_tensors(config))
    plan = [planned for tensor in tensors for planned in _planned(tensor)]
    plan.append(TensorPlan(keys.FAR, ElementType.I32, (1,)))
    metadata = file_metadata(
        config,
        ModelFacts().named("random spike8"),
        SPIKE_FORMAT,
        tokenizer_json=random_tokenizer(),
        template="",
        stop_ids=(),
        eos_id=None,
    )
    random = np.random.default_rng(0)
    far: list[NDArray[np.int32]] = []
    with GgufWriter(path, metadata | {keys.SPIKE_READING: "f32"}, plan, open_ended=True) as writer:
        for tensor in tensors:
            _write_tensor(writer, tensor, random, far)
        writer.write(np.concatenate(far) if far else np.zeros(1, np.int32))


def _planned(tensor: ExpectedTensor) -> list[TensorPlan]:
    codes = tensor.coded and not tensor.stays_float
    element = ElementType.I8 if codes else ElementType.BF16 if len(tensor.shape) == 2 else ElementType.F32
    plan = [TensorPlan(tensor.name, element, tensor.shape)]
    if tensor.coded:
        plan.append(
            TensorPlan(tensor.name + keys.SCALES_SUFFIX, ElementType.F32, (tensor.shape[0], tensor.groups))
        )
    if codes:
        plan.append(TensorPlan(tensor.name + keys.FAR_COUNTS_SUFFIX, ElementType.I32, tensor.shape[:1]))
    return plan


def _write_tensor(
    writer: GgufWriter, tensor: ExpectedTensor, random: np.random.Generator, far: list[NDArray[np.int32]]
) -> None:
    size = int(np.prod(tensor.shape, dtype=np.int64))
    codes = tensor.coded and not tensor.stays_float
    width = tensor.shape[-1]
    if codes:
        block: NDArray[np.generic] = random.integers(-127, 128, min(size, _BLOCK), dtype=np.int8)
    else:
        values = random.standard_normal(min(size, _BLOCK), dtype=np.float32)
        values = 1 + values * np.float32(0.1) if "norm" in tensor.name else values * np.float32(width**-0.5)
        block = narrow_to_bf16(values) if len(tensor.shape) == 2 else values
    for start in range(0, size, block.size):
        writer.write(block[: size - start])
    if tensor.coded:
        # Of a float matrix that is coded when it is loaded, one code in a hundred passes int8 like this.
        step = width**-0.5 / (_FLOAT_SPREAD if tensor.stays_float else 73.0)
        writer.write(np.full((tensor.shape[0], tensor.groups), step, np.float32))
    if codes:
        rows, count = tensor.shape[0], width // _FAR_EVERY
        columns = np.arange(count) * _FAR_EVERY + random.integers(0, _FAR_EVERY, (rows, count))
        rest = random.integers(1, 67, (rows, count))
        far.append(((columns << 13) + rest + 4096).astype(np.int32).reshape(-1))
        writer.write(np.full(rows, count, np.int32))
