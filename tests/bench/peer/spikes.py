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
from engine.models.spike_codes import split_codes
from engine.models.tensor_names import ExpectedTensor, expected_tensors
from engine.models.tensors import ElementType, narrow_to_bf16
from tests.bench.peer.figures import Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.ours import Engine
from tests.bench.peer.setting import Setting, per, tell
from tests.bench.peer.speed import PREFILL_TOK
from tests.bench.peer.workers import Worker, timed
from tests.fixtures.random_model import random_tokenizer, write_random_model

_LAYERS: Final = 3
_GOAL: Final = Goal("at least", 0.9, "×")
_SPREAD: Final = 127.5 / 2.576
"""Codes of a normal weight's standard deviation: one in a hundred does not fit int8, as in the published
checkpoint, on both sides alike."""
_BLOCK_ROWS: Final = 64
_LOUD_CHANNELS: Final = 10
_LOUD: Final = 1000.0
"""What odd tokens have in these channels: counts beyond int8, also where that goes through gate and up."""


def spikes(setting: Setting) -> Section:
    section = Section("spikes")
    shape = setting.shape_of(_LAYERS)
    config = shape.config
    label = f"{config.hidden_size}-{config.layers}-{config.vocab_size}"
    plain = setting.store.ours(config, "q8")
    mixed = setting.store.made(f"ours-q8-float-down-{label}.gguf", lambda path: write_mixed(path, config))
    coded = setting.store.made(f"ours-spike8-normal-{label}.gguf", lambda path: write_spiking(path, config))
    with (
        Worker(Engine, plain, setting.threads) as q8,
        Worker(Engine, mixed, setting.threads) as float_down,
        Worker(Reader, coded, setting.threads) as spikes_float_down,
        Worker(_spiking_down, coded, setting.threads) as spikes_down,
    ):
        ways: dict[str, Callable[[], Taken]] = {
            "q8": q8.timed("prefill", PREFILL_TOK, False),
            "q8, float down": float_down.timed("prefill", PREFILL_TOK, False),
            "float down": spikes_float_down.timed("read", PREFILL_TOK, 0),
        }
        for every in (0, *_LOUD_EVERY):
            ways[f"spiking down, {every}"] = spikes_down.timed("read", PREFILL_TOK, every)
        taken = interleave(setting.runs, ways, setting.clock)
    section.facts["seconds"] = taken
    seconds = {name: figure(values) for name, values in taken.items()}
    speed = {name: f.map(lambda s: per(s, PREFILL_TOK), "tokens/s") for name, f in seconds.items()}
    # What a float down_proj adds over a q8 one, and the q8 one by its share of the products.
    share = shape.down_products(PREFILL_TOK) / shape.products(PREFILL_TOK, 0)
    q8_down_s = seconds["q8"].value * share
    float_down_s = seconds["q8, float down"].value - seconds["q8"].value + q8_down_s
    others = [seconds[name].value - float_down_s for name in ("float down", "q8, float down")]
    note = f"{config.layers} of {shape.layers} layers, no output matrix"
    rows = [
        Row(
            "spike8 prefill, all linears but the float down_proj, beside q8",
            others[1] / others[0],
            "×",
            _GOAL,
            speed["float down"],
            note=f"{note}; q8 {speed['q8']}; a float down_proj takes {float_down_s:.3g} s",
        )
    ]
    for every in (0, *_LOUD_EVERY):
        beyond = f", one token of {every} with {_LOUD_CHANNELS} counts beyond int8" if every else ""
        name = f"spiking down, {every}"
        rows.append(
            Row(
                f"spike8 prefill with down_proj spiking{beyond}, beside q8",
                seconds["q8"].value / seconds[name].value,
                "×",
                _GOAL,
                speed[name],
                note=note,
            )
        )
    tell(section, *rows)
    return section


_LOUD_EVERY: Final = (100, 2)


class Reader(Engine):
    """Of a file of `write_spiking`."""

    def read(self, tokens: int, loud_every: int) -> Taken:
        """Reads `tokens` into an empty state; one of so many has counts beyond int8, none where that is 0."""
        state = self._model.new_state()
        ids = loud_ids(self._ids(tokens), loud_every)
        return timed(lambda: self._model.prefill(state, ids, logits="none"))


def loud_ids(ids: NDArray[np.int32], every: int) -> NDArray[np.int32]:
    """Even ids, but for one odd of so many."""
    ids = ids & ~1
    if every:
        ids[::every] |= 1
    return ids


def _spiking_down(path: Path, threads: int) -> Reader:
    return Reader(path, threads, spiking_down=True)


def write_mixed(path: Path, config: ModelConfig) -> None:
    """q8, but every `down_proj` in bfloat16, as a spiking model computes it."""
    write_random_model(path, "q8", config, as_bf16=lambda name: name.endswith(keys.DOWN_SUFFIX))


def write_spiking(path: Path, config: ModelConfig) -> None:
    """A spiking model of that shape: normal codes, one in a hundred beyond int8, `down_proj` in bfloat16. Odd
    tokens have counts beyond int8."""
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
    """Rows repeat: a block of random ones, as often as it takes."""
    rows, width = tensor.shape if len(tensor.shape) == 2 else (1, int(np.prod(tensor.shape, dtype=np.int64)))
    counts: list[NDArray[np.int32]] = []
    block = _random_rows(tensor, random, min(rows, _BLOCK_ROWS), width)
    for start in range(0, rows, _BLOCK_ROWS):
        here = block[: rows - start]
        if not tensor.coded or tensor.stays_float:
            writer.write(here.reshape(-1))
            continue
        codes = here.astype(np.int32)
        if tensor.name.endswith((".mlp.gate_proj.weight", ".mlp.up_proj.weight")) and start == 0:
            codes[:_LOUD_CHANNELS, :_LOUD_CHANNELS] = 127  # what is loud stays loud
        parts = split_codes(codes)
        writer.write(parts.codes.reshape(-1))
        far.append(parts.far.astype(np.int32))
        counts.append(parts.far_counts)
    if tensor.coded:
        writer.write(np.full((rows, tensor.groups), width**-0.5 / _SPREAD, np.float32))
    if counts:
        writer.write(np.concatenate(counts))


def _random_rows(
    tensor: ExpectedTensor, random: np.random.Generator, rows: int, width: int
) -> NDArray[np.generic]:
    values = random.standard_normal((rows, width), dtype=np.float32)
    if tensor.coded and not tensor.stays_float:
        return np.rint(values * np.float32(_SPREAD))
    if len(tensor.shape) != 2:
        return 1 + values * np.float32(0.1) if "norm" in tensor.name else values * np.float32(width**-0.5)
    values *= np.float32(width**-0.5)
    if tensor.name == keys.EMBEDDINGS:
        values[1::2, :_LOUD_CHANNELS] = _LOUD
    return narrow_to_bf16(values)
