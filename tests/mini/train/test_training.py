"""The training code: the same arithmetic as the engine, the published layout, training that resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.mini.data import Generator
from engine.mini.export import export
from engine.mini.model import GatedLinearAttention, MiniConfig, MiniReader, WindowAttention
from engine.mini.pointing import attention_loss
from engine.mini.train import Packer, lengths_at, rate_at, save, train
from engine.mini.vocabulary import train_vocabulary
from engine.models.loading import load

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


def test_the_engine_gives_the_same_logits_for_an_exported_checkpoint(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = MiniReader(MiniConfig(1500, **SMALL))
    ids = torch.randint(0, 1499, (1, 150))
    with torch.no_grad():
        expected = model.logits(ids)[0].numpy()
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    save(tmp_path, model, [], 0.0, 1, None, False)
    export(tmp_path, tmp_path / "checkpoint")
    loaded = load(tmp_path / "checkpoint", threads=1)
    state = loaded.model.new_state(window_precision="f32")
    logits = loaded.model.prefill(state, ids[0].numpy().astype(np.int32), logits="all")
    assert np.abs(logits - expected).max() < 1e-3
    assert loaded.info.reader
    assert not loaded.info.reads_on


def test_a_row_s_marked_tokens_are_the_answers(folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    batch = Packer(tokenizer, Generator(1)).batch(256, 4)
    assert batch.spans
    for row, start, stop, present in batch.spans:
        text = tokenizer.decode(batch.targets[row, start : stop - 1].tolist())
        assert text.startswith("« " if present else "«» [0]")
        assert text.endswith("]")
        assert batch.answers[row, start:stop].all()
        assert batch.targets[row, stop - 1] == tokenizer.get_vocab_size() - 1


def test_the_hints_point_at_the_value_in_the_passage_that_answers(folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    batch = Packer(tokenizer, Generator(2)).batch(512, 10)
    assert len(batch.hints.looks) > 10
    for row, asking, first, after in batch.hints.looks.tolist():
        asked, seen = tokenizer.decode([int(batch.ids[row, asking])]), batch.ids[row, first:after]
        assert asked.strip() in ("«", "[")
        if asked == "«":
            assert int(seen[0]) == int(batch.targets[row, asking])
        else:
            assert int(tokenizer.decode([int(batch.targets[row, asking])])) == int(
                batch.hints.passage[row, first]
            )


def test_attention_that_looks_at_the_right_place_costs_less() -> None:
    torch.manual_seed(0)
    model = MiniReader(MiniConfig(100, **SMALL))
    before = torch.randn(2, 64, 64, requires_grad=True)
    looks = torch.tensor([[0, 40, 3, 4], [1, 50, 7, 9]])
    first = attention_loss(model, before, looks)
    stepper = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(20):
        stepper.zero_grad()
        attention_loss(model, before, looks).backward()
        stepper.step()
    assert attention_loss(model, before, looks) < 0.8 * first
    whole = attention_loss(model, before, torch.tensor([[0, 40, 0, 41]]))
    assert abs(whole.item()) < 1e-2


def test_training_lowers_the_loss_and_continues_where_it_was_stopped(folder: Path) -> None:
    config = MiniConfig(1500, **SMALL)
    train(folder, minutes=0.12, threads=1, compiled=False, config=config, checkpoint_s=2.0, validation_s=1e9)
    first = torch.load(folder / "last.pt", weights_only=True)
    assert first["step"] > 3
    assert first["mean"] < 7.2
    train(folder, minutes=0.2, threads=1, compiled=False, config=config, checkpoint_s=2.0, validation_s=1e9)
    second = torch.load(folder / "last.pt", weights_only=True)
    assert second["step"] > first["step"]
    assert second["mean"] < first["mean"]


def test_sequences_lengthen_and_the_rate_falls_towards_the_end() -> None:
    longest = [max(n for n, _ in lengths_at(share)) for share in (0.0, 0.15, 0.3, 0.5, 0.9)]
    assert longest == sorted(longest)
    assert longest[0] < longest[-1]
    rates = [rate_at(share, 500, 0) for share in (0.3, 0.7, 0.9, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0
