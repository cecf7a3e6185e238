"""The sampler: greedy, seeded, cut by top-p, penalised, and blind to padding rows."""

from __future__ import annotations

import numpy as np
import pytest

from engine.runtime.sampler import Sampler, Sampling


def test_greedy_takes_the_largest_logit_and_tells_its_probability() -> None:
    choice = Sampler(Sampling(), vocabulary=3).choose(np.log(np.array([0.2, 0.5, 0.3], dtype=np.float32)))
    assert choice.token_id == 1
    assert choice.probability == pytest.approx(0.5, abs=1e-6)


def test_a_padding_row_is_never_chosen_however_large() -> None:
    logits = np.array([0.0, 1.0, 99.0], dtype=np.float32)
    for temperature in (0.0, 5.0):
        sampler = Sampler(Sampling(temperature=temperature), vocabulary=2)
        assert all(sampler.choose(logits).token_id < 2 for _ in range(50))


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    logits = np.zeros(50, dtype=np.float32)

    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.0, seed=seed), vocabulary=50)
        return [sampler.choose(logits).token_id for _ in range(20)]

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


def test_top_p_keeps_the_fewest_tokens_that_reach_it() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    sampler = Sampler(Sampling(temperature=1.0, top_p=0.7), vocabulary=4)
    assert {sampler.choose(logits).token_id for _ in range(300)} == {0, 1}


def test_a_tiny_top_p_still_leaves_the_best_token() -> None:
    sampler = Sampler(Sampling(temperature=1.0, top_p=1e-6), vocabulary=4)
    assert sampler.choose(np.array([0.0, 2.0, 1.0, 0.5], dtype=np.float32)).token_id == 1


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-30])
def test_a_temperature_next_to_nothing_takes_the_best_token(temperature: float) -> None:
    sampler = Sampler(Sampling(temperature=temperature, top_p=0.9), vocabulary=4)
    assert sampler.choose(np.array([0.0, 2.0, 1.0, 0.5], dtype=np.float32)).token_id == 1


def test_sampling_follows_the_probabilities() -> None:
    sampler = Sampler(Sampling(temperature=1.0, seed=1), vocabulary=2)
    logits = np.log(np.array([0.8, 0.2], dtype=np.float32))
    share = sum(sampler.choose(logits).token_id == 0 for _ in range(2000)) / 2000
    assert share == pytest.approx(0.8, abs=0.04)


def test_the_repetition_penalty_turns_away_from_tokens_already_seen() -> None:
    logits = np.array([1.0, 0.9, -1.0], dtype=np.float32)
    sampler = Sampler(Sampling(repetition_penalty=1.5), vocabulary=3)
    sampler.see([0])
    assert sampler.choose(logits).token_id == 1
    assert sampler.choose(logits).token_id == 0, "both are penalised now, so the larger one wins again"


def test_logits_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Sampler(Sampling(), vocabulary=2).choose(np.array([np.nan, 1.0], dtype=np.float32))


@pytest.mark.parametrize(
    ("field", "value"), [("temperature", -1.0), ("top_p", 0.0), ("repetition_penalty", 0.0)]
)
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Sampling(**{field: value})
