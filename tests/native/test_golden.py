"""The float fixtures: every expected array, on every kernel table this machine has."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.kernels import Model, State

LOGITS = 1e-4
CACHES = 1e-4

Answers = dict[str, NDArray[np.float32]]


@pytest.fixture
def model(checkpoint, isa: str) -> Model:
    return Model(checkpoint.config, checkpoint.weights, threads=2, isa=isa)


def close(actual: NDArray[np.float32], expected: NDArray[np.float32], tolerance: float) -> None:
    assert actual.shape == expected.shape
    assert np.isfinite(actual).all()
    assert float(np.abs(actual - expected).max()) <= tolerance


def close_state(actual: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    close(actual, expected, 1e-4 * max(1.0, float(np.abs(expected).max())))


def feed(model: Model, state: State, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.stack([model.step(state, int(token)) for token in ids])


def check_memory(model: Model, state: State, answers: Answers, prompt: str, moment: str) -> None:
    for layer in range(model.config.layers):
        if layer not in model.config.attn_layers:
            expected = answers.get(f"{prompt}.layer{layer}.state_after_{moment}")
            if expected is not None:
                close_state(model.gla_state(state, layer), expected)
            continue
        expected = answers.get(f"{prompt}.layer{layer}.k_cache_after_{moment}")
        if expected is not None:
            keys, values = model.window_entries(state, layer)
            count = expected.shape[1]
            close(keys[:, -count:], expected, CACHES)
            close(values[:, -count:], answers[f"{prompt}.layer{layer}.v_cache_after_{moment}"], CACHES)


def test_the_fixtures_hold_what_this_file_checks(checkpoint) -> None:
    kinds = {name.split(".", 1)[1] for name in checkpoint.answers}
    assert {"prefill_logits", "decode_logits", "gen_ids", "layer0.state_after_prefill"} <= kinds
    assert {"layer0.state_after_decode", "layer1.k_cache_after_prefill", "hidden_states"} <= kinds
    assert {"tail_w_plus_1_logits", "all_w_tail_logits", "all_w_prefill_last_rows"} <= kinds


def test_prompt_and_continuation_follow_the_reference(checkpoint, model: Model) -> None:
    answers = checkpoint.answers
    for prompt in checkpoint.prompts:
        ids, generated = answers[f"{prompt}.input_ids"], answers[f"{prompt}.gen_ids"]
        state = model.new_state(window_precision="f32", window_mode="hf")
        logits = model.prefill(state, ids, logits="all", chunk_tok=48)
        close(logits, answers[f"{prompt}.prefill_logits"], LOGITS)
        check_memory(model, state, answers, prompt, "prefill")
        decoded = feed(model, state, generated)
        close(decoded, answers[f"{prompt}.decode_logits"], LOGITS)
        check_memory(model, state, answers, prompt, "decode")
        greedy = [int(logits[-1].argmax()), *(int(row.argmax()) for row in decoded[:-1])]
        assert greedy == generated.tolist()


def test_w_plus_1_everywhere_follows_the_reference(checkpoint, model: Model) -> None:
    answers = checkpoint.answers
    for prompt in checkpoint.prompts:
        expected = answers.get(f"{prompt}.tail_w_plus_1_logits")
        if expected is not None:
            state = model.new_state(window_precision="f32", window_mode="vllm")
            model.prefill(state, answers[f"{prompt}.input_ids"], logits="none", chunk_tok=37)
            close(feed(model, state, answers[f"{prompt}.gen_ids"]), expected, LOGITS)


def test_w_everywhere_follows_the_reference(checkpoint, model: Model) -> None:
    answers = checkpoint.answers
    for prompt in checkpoint.prompts:
        expected = answers.get(f"{prompt}.all_w_tail_logits")
        if expected is None:
            continue
        state = model.new_state(window_precision="f32", window_mode="report")
        logits = model.prefill(state, answers[f"{prompt}.input_ids"], logits="all", chunk_tok=64)
        last_rows = answers.get(f"{prompt}.all_w_prefill_last_rows")
        if last_rows is not None:
            close(logits[-last_rows.shape[0] :], last_rows, LOGITS)
        close(feed(model, state, answers[f"{prompt}.gen_ids"]), expected, LOGITS)


def test_the_residual_stream_follows_the_reference_layer_by_layer(checkpoint, model: Model) -> None:
    for prompt in checkpoint.prompts:
        expected = checkpoint.answers.get(f"{prompt}.hidden_states")
        if expected is not None:
            state = model.new_state(window_precision="f32")
            hidden = model.trace_hidden(state, checkpoint.answers[f"{prompt}.input_ids"])
            close(hidden, expected, LOGITS)


def test_widened_weights_give_the_same_answers(tiny, isa: str) -> None:
    from_bf16 = Model(tiny.config, tiny.weights, threads=1, isa=isa)
    wide = {
        name: type(w)("f32", w.shape, (w.data.view(np.uint16).astype(np.uint32) << 16).view(np.float32))
        for name, w in tiny.weights.items()
    }
    from_f32 = Model(tiny.config, wide, threads=1, isa=isa)
    ids = tiny.answers["len7.input_ids"]
    close(
        from_f32.prefill(from_f32.new_state(window_precision="f32"), ids, logits="all"),
        from_bf16.prefill(from_bf16.new_state(window_precision="f32"), ids, logits="all"),
        1e-5,
    )
