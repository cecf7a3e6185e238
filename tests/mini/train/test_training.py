"""The training code: the same arithmetic as the engine, the published layout, training that resumes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch.nn import functional

from engine.mini.data import Generator
from engine.mini.export import export
from engine.mini.hardware import find_hardware
from engine.mini.model import (
    GatedLinearAttention,
    MiniConfig,
    MiniReader,
    WindowAttention,
    as_bytes,
    as_int8,
    as_spikes,
    attend,
)
from engine.mini.pointing import Pointing, attention_losses
from engine.mini.rows import BUCKETS, Batch, Feeder, Packer, place_of, spaced
from engine.mini.train import lengths_at, rate_at, rows_of, save, train
from engine.mini.vocabulary import train_vocabulary
from engine.models.loading import LoadedModel, load

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("training")
    train_vocabulary(1500, examples=600).save(str(place / "tokenizer.json"))
    return place


def test_the_chunked_linear_attention_equals_its_recurrence() -> None:
    torch.manual_seed(0)
    config = MiniConfig(100, **SMALL)
    layer = GatedLinearAttention(config)
    heads, size, group, length = 2, 16, 2, 96
    x = torch.randn(2, length, 64)
    with torch.no_grad():
        chunked = layer(x)
        q = functional.relu(layer.q_conv1d(layer.q_proj(x)))
        k = functional.relu(layer.k_conv1d(layer.k_proj(x)))
        v = layer.v_conv1d(layer.v_proj(x))
        gate = (functional.logsigmoid(layer.gk_proj(x)) / 16).exp()
        state = torch.zeros(2, heads, size, size)
        outputs = []
        for t in range(length):
            state = state * gate[:, t].view(2, heads, size, 1)
            state = state + k[:, t].view(2, heads, size, 1) * v[:, t].view(2, heads, 1, size)
            read = (q[:, t].view(2, heads, group, size) * size**-0.5) @ state
            outputs.append(read.reshape(2, heads * group, size))
        plain = layer.o_proj(layer.g_norm(torch.stack(outputs, 1)).reshape(2, length, -1))
    assert torch.allclose(chunked, plain, atol=1e-5)


def test_window_attention_equals_the_library_s_own() -> None:
    torch.manual_seed(0)
    layer = WindowAttention(MiniConfig(100, **SMALL))
    x = torch.randn(2, 40, 64)
    cos, sin = torch.ones(40, 8), torch.zeros(40, 8)  # no rotation
    with torch.no_grad():
        q = layer.q_proj(x).view(2, 40, 4, 16).transpose(1, 2)
        k = layer.k_proj(x).view(2, 40, 2, 16).transpose(1, 2).repeat_interleave(2, 1)
        v = layer.v_proj(x).view(2, 40, 2, 16).transpose(1, 2).repeat_interleave(2, 1)
        o = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        expected = layer.o_proj(o.transpose(1, 2).reshape(2, 40, -1))
        assert torch.allclose(layer(x, cos, sin), expected, atol=1e-5)


def test_a_window_in_blocks_equals_the_window_in_one() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(1, 2, 2, 100, 16), torch.randn(1, 2, 100, 16), torch.randn(1, 2, 100, 16)
    whole = attend(q, k, v, 0, 0, 32)
    piece = attend(q[..., 64:96, :], k[:, :, 32:96], v[:, :, 32:96], 64, 32, 32)
    assert torch.allclose(whole[..., 64:96, :], piece, atol=1e-6)
    layer = WindowAttention(MiniConfig(100, **SMALL, sliding_window=32))
    wide = WindowAttention(MiniConfig(100, **SMALL, sliding_window=32))
    wide.load_state_dict(layer.state_dict())
    x = torch.randn(1, 100, 64)
    cos, sin = torch.ones(100, 8), torch.zeros(100, 8)
    with torch.no_grad():
        blocks = layer(x, cos, sin)
        ending = wide(x[:, 20:], cos[20:], sin[20:])
    # the last queries see 32 keys back whatever lies before
    assert torch.allclose(blocks[:, 60:], ending[:, 40:], atol=1e-5)


def test_rounding_forward_leaves_the_gradient_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 64, requires_grad=True)
    spikes = as_spikes(x, 3.0)
    threshold = x.detach().abs().mean(-1, keepdim=True) / 3
    counts = spikes.detach() / threshold
    assert torch.allclose(counts, counts.round(), atol=1e-4)
    assert (spikes - x).abs().max() <= threshold.max() * 0.5001
    spikes.sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))
    for rounded in (as_int8(x.detach()), as_bytes(x.detach())):
        assert (rounded - x.detach()).abs().max() <= x.detach().abs().max() / 127 * 0.5001


def exported(folder: Path, place: Path, *, spikes_k: float) -> tuple[LoadedModel, torch.Tensor, np.ndarray]:
    torch.manual_seed(0)
    model = MiniReader(MiniConfig(1500, **SMALL, sliding_window=128))
    ids = torch.randint(0, 1499, (1, 150))
    with torch.no_grad():
        expected = model.logits(ids, spikes_k)[0].numpy()
    (place / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    save(place, model, Pointing(64), [], {"step": 1, "spikes_k": spikes_k})
    export(place, place / "checkpoint")
    return load(place / "checkpoint", threads=1), ids, expected


def test_the_engine_gives_the_same_logits_for_an_exported_checkpoint(folder: Path, tmp_path: Path) -> None:
    loaded, ids, expected = exported(folder, tmp_path, spikes_k=0.0)
    state = loaded.model.new_state(window_precision="f32")
    logits = loaded.model.prefill(state, ids[0].numpy().astype(np.int32), logits="all")
    assert np.abs(logits - expected).max() < 1e-3
    assert loaded.info.reader
    assert not loaded.info.reads_on


def test_a_checkpoint_trained_with_spikes_runs_with_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # weights rounded to int8 on one side alone would move counts, and a moved count all that follows it
    monkeypatch.setattr("engine.mini.model.as_int8", lambda weight: weight)
    loaded, ids, expected = exported(folder, tmp_path, spikes_k=3.0)
    state = loaded.model.new_state(window_precision="int8")
    logits = loaded.model.prefill(state, ids[0].numpy().astype(np.int32), logits="all")
    assert np.abs(logits - expected).max() < 1e-3
    assert loaded.info.reader


def tokenizer_of(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def batch_of(folder: Path, seed: int, length: int, rows: int, drills: float = 0.0) -> Batch:
    return Packer(tokenizer_of(folder), Generator(seed)).batch(length, rows, drills)


def test_a_row_s_marked_tokens_are_the_answers(folder: Path) -> None:
    tokenizer = tokenizer_of(folder)
    batch = batch_of(folder, 1, 256, 12, drills=0.3)
    for (row, start, stop, passage, _), (same, first) in zip(batch.spans, batch.firsts.tolist(), strict=True):
        text = tokenizer.decode(batch.targets[row, start : stop - 1].tolist())
        assert text.startswith("«") if passage else text == "«» [0]"
        assert f"[{passage}]" in text
        assert batch.answers[row, start:stop].all()
        assert batch.targets[row, stop - 1] == tokenizer.get_vocab_size() - 1
        assert (same, first) == (row, start + 1)


def test_what_is_no_plain_value_is_left_out_as_often_as_wanted(folder: Path) -> None:
    plain = Packer(tokenizer_of(folder), Generator(8)).batch(128, 30, simple=1.0)
    assert all(kind == "value" and passage for *_, passage, kind in plain.spans)
    kinds = {kind for *_, kind in batch_of(folder, 8, 192, 60).spans}
    assert "absent" in kinds
    assert len(kinds) > 2


def test_the_question_stands_before_and_after_the_evidence(folder: Path) -> None:
    tokenizer = tokenizer_of(folder)
    batch = batch_of(folder, 3, 256, 8)
    for row, start, *_ in batch.spans:
        lines = tokenizer.decode(batch.ids[row, : start + 1].tolist()).splitlines()
        assert lines[0].startswith("? ")
        assert lines[0] == lines[-1]
        assert [line[:3] for line in lines[1:-1]] == [f"[{n}]" for n in range(1, len(lines) - 1)]


def test_the_hints_point_at_the_value_in_the_passage_that_answers(folder: Path) -> None:
    batch = batch_of(folder, 2, 512, 10)
    looks = {name: some.tolist() for name, some in batch.hints.looks.items()}
    assert all(looks.values())
    same = [batch.ids[row, first] == batch.targets[row, asking] for row, asking, first, _ in looks["finds"]]
    assert sum(map(bool, same)) >= 0.8 * len(same)
    for row, _, first, after in looks["finds"]:
        assert after == first + 1
        assert batch.hints.begins[row, first]
    for row, asking, first, after in looks["copies"]:
        if after - first == 1 and not batch.hints.begins[row, first]:
            assert batch.ids[row, first] == batch.targets[row, asking]
    for row, asking, first, after in looks["regions"]:
        assert batch.hints.passage[row, asking] == 0
        assert batch.hints.begins[row, first:after].any()
    for row, start, _, passage, _ in batch.spans:
        begins = batch.hints.begins[row].nonzero()[:, 0].tolist()
        assert bool(begins) == bool(passage)
        assert [start, passage] == batch.hints.verdicts[row, 1:].tolist()


def test_words_of_the_question_are_marked_in_the_evidence_and_looked_up(folder: Path) -> None:
    tokenizer = tokenizer_of(folder)
    batch = batch_of(folder, 5, 256, 40)
    assert len(batch.hints.looks["matches"]) > 8
    for row, asking, first, after in batch.hints.looks["matches"].tolist():
        assert batch.hints.asked[row, asking] == 1
        there, here = (tokenizer.decode([int(batch.ids[row, n])]).strip().lower() for n in (first, asking))
        assert there == here
        assert after == first + 1 < asking
    assert (batch.hints.asked[batch.hints.passage == 0] == -1).all()


def test_a_row_of_many_dossiers_fills_a_long_sequence(folder: Path) -> None:
    batch = batch_of(folder, 4, 2048, 1)
    (_, start, _, passage, _) = batch.spans[0]
    assert start > 1024
    assert passage == batch.hints.verdicts[0, 2]
    assert int(batch.hints.passage.max()) > 6


def test_a_value_keeps_its_tokens_in_the_answer() -> None:
    passages = ["seen by (Dr Kerr) on 12 May", "paid 120 and 12"]
    assert spaced("« Dr Kerr » [1]", passages) == "«Dr Kerr » [1]"
    assert spaced("« 12 May » [1] « 12 » [2]", passages) == "« 12 May » [1] « 12 » [2]"
    assert spaced("«» [0]", passages) == "«» [0]"
    assert place_of("12", passages[1]) == passages[1].rindex("12")


def test_attention_that_looks_at_the_right_place_costs_less() -> None:
    torch.manual_seed(0)
    model = MiniReader(MiniConfig(100, **SMALL))
    before = torch.randn(2, 64, 64, requires_grad=True)
    looks = torch.tensor([[0, 40, 3, 4], [1, 50, 7, 9]])
    first = attention_losses(model, 1, before, looks).mean()
    stepper = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(20):
        stepper.zero_grad()
        attention_losses(model, 1, before, looks).mean().backward()
        stepper.step()
    assert attention_losses(model, 1, before, looks).mean() < 0.8 * first
    whole = attention_losses(model, 1, before, torch.tensor([[0, 40, 0, 41]]))
    assert abs(whole.item()) < 1e-2


def test_training_lowers_the_loss_and_continues_where_it_was_stopped(folder: Path) -> None:
    def train_on(steps: int) -> dict[str, float]:
        train(
            folder,
            minutes=1e4,
            threads=1,
            compiled=False,
            config=MiniConfig(1500, **SMALL),
            hardware=find_hardware("cpu"),
            most_steps=steps,
        )
        saved: dict[str, float] = torch.load(folder / "last.pt", weights_only=True)
        return saved

    first, second = train_on(6), train_on(6)
    assert (first["step"], second["step"]) == (6, 12)
    assert second["mean"] < first["mean"] < 9.0
    assert second["seen"] == 2 * first["seen"]
    assert first["spikes_k"] == 0.0


def test_two_writers_write_different_text(folder: Path) -> None:
    feeder = Feeder(folder / "tokenizer.json", seed=5, writers=2)
    try:
        batches = [feeder.next(96, 4, 0.2, 0.0) for _ in range(4)]
    finally:
        feeder.close()
    seen = {tuple(row) for batch in batches for row in batch.ids.tolist()}
    assert len(seen) == 16


def test_a_batch_goes_where_the_model_is_whole(folder: Path) -> None:
    batch = Packer(Tokenizer.from_file(str(folder / "tokenizer.json")), Generator(3)).batch(96, 2)
    there = batch.on(lambda tensor: tensor.to("meta"))
    tensors = [value for value in vars_of(there) if isinstance(value, torch.Tensor)]
    assert len(tensors) == 5 + 4 + len(batch.hints.looks)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert there.spans == batch.spans


def vars_of(batch: Batch) -> list[object]:
    """Everything a batch holds, its hints' parts one by one."""
    parts = [getattr(batch, field.name) for field in dataclasses.fields(batch)]
    hints = [getattr(batch.hints, field.name) for field in dataclasses.fields(batch.hints)]
    return [*parts, *hints, *batch.hints.looks.values()]


def test_sequences_lengthen_and_the_rate_falls_towards_the_end() -> None:
    core, card = find_hardware("cpu"), dataclasses.replace(find_hardware("cpu"), longest_tok=32_768)
    shares = (0.0, 0.15, 0.3, 0.5, 0.9)
    longest = [max(n for n, _ in lengths_at(share, core.longest_tok)) for share in shares]
    assert all(n in BUCKETS for n in longest)
    assert longest == sorted(longest)
    assert longest[0] < longest[-1]
    rates = [rate_at(share, 500, 0) for share in (0.3, 0.7, 0.9, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0
    assert max(n for n, _ in lengths_at(0.95, card.longest_tok)) == 32_768 == BUCKETS[-1]
    assert lengths_at(0.1, card.longest_tok) == lengths_at(0.1, core.longest_tok)
    assert rows_of(128, core) > rows_of(256, core) > rows_of(512, core)
    assert rows_of(1 << 15, core) == 1
