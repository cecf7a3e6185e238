"""The gates tell plainly what is reached and what is missed, and by how much."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from app.chat.prompt import build
from app.chat.values import Evidence
from engine.mini import gates, manifest, reports
from engine.mini.evaluate import SHIPPED, prompt_of
from engine.mini.gates import Gate, Report
from engine.mini.outcomes import Outcome, Part, Shares, take_apart, weigh
from engine.mini.replies import Speed, measure_speed
from engine.models.loading import LoadedModel, load

PASSAGES = ("The rent is 900 euros.", "The dose was raised to 20 mg on 3 May.", "Mme Lô signed.")
FAST = Speed(5_000.0, 400.0, 300)
NO_SAMPLES = Shares(0, None, None, None, None, None, None)


def outcome(wanted: str, said: str, *, language: str = "en", task: str = "lookup") -> Outcome:
    return Outcome(language, task, "Which dose?", PASSAGES, wanted, said, 0.9)


RIGHT = outcome("« 20 mg » [2]", "« 20 mg » [2]")
OTHER_PLACE = outcome("« 20 mg » [2]", "« 900 euros » [1]")
ALTERED = outcome("« 20 mg » [2]", "« 25 mg » [2]")
MISSED = outcome("« 20 mg » [2]", "«» [0]")
ABSENT = outcome("«» [0]", "«» [0]", task="absent")
INVENTED = outcome("«» [0]", "« 20 mg » [2]", task="absent")


def test_an_answer_is_taken_apart_into_values_and_passages() -> None:
    assert take_apart("« 20 mg » [2]") == (Part("20 mg", 2),)
    assert take_apart("« a b » [1] « c » [ 3 ]") == (Part("a b", 1), Part("c", 3))
    assert take_apart("«» [0]") == (Part("", 0),)
    assert take_apart("20 mg, I believe") == ()


@pytest.mark.parametrize(
    ("one", "right", "exact", "passage", "verbatim", "absent"),
    [
        (RIGHT, True, True, True, True, False),
        (OTHER_PLACE, False, False, False, True, False),
        (ALTERED, False, False, True, False, False),
        (MISSED, False, False, False, False, True),
        (ABSENT, True, True, True, False, True),
        (INVENTED, False, False, False, True, False),
        (outcome("« 20 mg » [2]", "nothing of the kind"), False, False, False, False, False),
        (outcome("« 20 mg » [2]", "« 20 mg » [7]"), False, True, False, False, False),
        (outcome("« a » [1] « b » [2]", "« B » [2] « a » [1]"), True, True, True, False, False),
        (outcome("« a » [1] « b » [2]", "« a » [1]"), False, False, False, False, False),
        (outcome("« 20 mg » [2] yes", "« 20 mg » [2] Yes."), True, True, True, True, False),
        (outcome("« 20 mg » [2] yes", "« 20 mg » [2] no"), False, False, True, True, False),
    ],
)
def test_each_way_of_being_wrong_is_told_apart(
    one: Outcome, right: bool, exact: bool, passage: bool, verbatim: bool, absent: bool
) -> None:
    assert one.right is right
    assert one.exact is exact
    assert one.right_passage is passage
    assert one.verbatim is verbatim
    assert one.says_absent is absent


def test_shares_count_only_the_questions_that_can_tell() -> None:
    shares = weigh([RIGHT, OTHER_PLACE, ALTERED, MISSED, ABSENT, INVENTED])
    assert shares.questions == 6
    assert shares.passage == pytest.approx(50.0)
    assert shares.exact == pytest.approx(25.0)
    assert shares.verbatim == pytest.approx(200 / 3)
    assert shares.absent_known == pytest.approx(50.0)
    assert shares.false_alarms == pytest.approx(25.0)
    assert weigh([]).right is None


def test_a_gate_says_by_how_much_it_is_missed() -> None:
    assert Gate("Passages", 95.0, 95.0).verdict == "met"
    assert Gate("Passages", 95.0, 90.5).verdict == "missed by 4.5 points"
    assert Gate("Alarms", 5.0, 4.0, most=True).verdict == "met"
    assert Gate("Alarms", 5.0, 8.0, most=True).verdict == "missed by 3.0 points"
    assert Gate("Reading", 2_000.0, 1_500.0, "tokens/s").verdict == "missed by 500 tokens/s"
    assert Gate("Passages", 95.0, None).verdict == "not measured"
    assert not Gate("Passages", 95.0, None).met


def test_the_languages_are_compared_where_they_lie_furthest_apart() -> None:
    french = [outcome("« 20 mg » [2]", said, language="fr") for said in ("« 20 mg » [2]", "« 25 mg » [2]")]
    assert gates.gap([RIGHT, *french]) == pytest.approx(50.0)
    assert gates.gap([RIGHT]) is None


def test_what_spike_coding_costs_is_a_gate_of_its_own_when_both_models_are_there() -> None:
    without = gates.set_gates([RIGHT, ALTERED], NO_SAMPLES, FAST, 5_000_000)
    both = gates.set_gates([RIGHT, ALTERED], NO_SAMPLES, FAST, 5_000_000, before=[RIGHT, RIGHT])
    assert len(both) == len(without) + 1
    assert both[-1].measured == pytest.approx(50.0)
    assert not both[-1].met


def test_the_report_lists_gates_tasks_and_failures(tmp_path: Path) -> None:
    held_out = [RIGHT, ALTERED, MISSED, ABSENT, INVENTED]
    report = Report(
        "A reader",
        "ab" * 32,
        gates.set_gates(held_out, NO_SAMPLES, FAST, 5_000_000),
        gates.break_down(held_out, NO_SAMPLES),
        tuple(one for one in held_out if not one.right),
    )
    reports.write(report, tmp_path, further_failures="# More\n", further_rows=[("True page", "57 %")])
    table = (tmp_path / "gates.md").read_text("utf-8")
    assert "| Exact value, held-out set | at least 92.0 % | 33.3 % | missed by 58.7 points |" in table
    assert "| Task: absent |" in table
    assert "| True page | 57 % |" in table
    values = json.loads((tmp_path / "gates.json").read_text("utf-8"))
    assert [gate["met"] for gate in values["gates"]] == [gate.met for gate in report.gates]
    assert values["whole_application"] == {"True page": "57 %"}
    failures = (tmp_path / "failures.md").read_text("utf-8")
    assert "(3 answers)" in failures
    assert "said « 25 mg » [2] (not verbatim, 0.90)" in failures
    assert "(called absent" in failures
    assert "(answered though absent" in failures
    assert failures.startswith("A reader, identity abababababababab…\n\n# More\n# What")


@pytest.fixture(scope="module")
def reader() -> LoadedModel:
    return load(SHIPPED, threads=1)


def test_the_held_out_set_is_the_same_every_time_and_asked_in_our_engine(reader: LoadedModel) -> None:
    told: list[int] = []
    first = gates.ask_held_out(reader, 6, tell=told.append)
    assert told == [1, 2, 3, 4, 5, 6]
    assert first == gates.ask_held_out(reader, 6)
    assert all(one.said for one in first)
    assert {one.language for one in first} == {"fr", "en"}


def test_what_is_asked_here_has_the_form_that_the_application_sends() -> None:
    question = "  Which\ndose? "
    evidence = [Evidence(n, "d", "a.pdf", 1, 0, len(text), text) for n, text in enumerate(PASSAGES, 1)]
    (message,) = build(question, evidence, reader=True)
    assert message.content == prompt_of(list(PASSAGES), question)


def test_speed_is_measured_on_a_real_prompt(reader: LoadedModel) -> None:
    speed = measure_speed(reader, prompt_of(list(PASSAGES), "Which dose?"), runs=1, answer_tok=4)
    assert speed.prompt_tok > 20
    assert speed.prefill_tok_per_s > 0
    assert speed.decode_tok_per_s > 0


def test_the_lines_beside_the_shipped_file_say_what_the_file_says(reader: LoadedModel) -> None:
    kept = SHIPPED.with_suffix(".toml").read_text("utf-8")
    assert kept == manifest.lines_of(reader.info), "python -m engine.mini manifest"
    values = tomllib.loads(kept)
    assert (values["reader"], values["label_fr"]) == (True, reader.info.label_fr)


def test_the_lines_are_written_beside_any_model(tmp_path: Path, reader: LoadedModel) -> None:
    model = tmp_path / "another.gguf"
    model.symlink_to(SHIPPED)
    assert manifest.write(model).read_text("utf-8") == manifest.lines_of(reader.info)
