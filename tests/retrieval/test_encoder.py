"""The sentence encoder: its layers compute what they say, and what ships knows which texts are alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.retrieval import encoder, vectors
from app.retrieval.encoder import SPANS, Encoder
from app.retrieval.pieces import BEGIN, END, Cutter

CHANCE = np.random.default_rng(11)
PIECES = [
    ("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("\u2581", -4.0), ("\u2581a", -2.0), ("\u2581ab", -3.0),
    ("b", -2.5), ("c", -2.5), ("\u2581fine", -3.0), ("ly", -3.0), ("\u2581finely", -9.0), ("fi", -5.0),
]  # fmt: skip
EMBEDDED, INNER = 5, 3


def random(*shape: int) -> np.ndarray:
    return CHANCE.normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def small() -> Encoder:
    """A small encoder of chance weights, laid out like the one that ships."""
    whole = EMBEDDED + len(SPANS) * INNER
    weights = {
        "step": np.array([0.05], np.float32), "epsilon": np.array([1e-3], np.float32),
        "whole.gain": random(whole), "whole.bias": random(whole),
        "out": random(whole, 6), "out.bias": random(6),
        "dense0": random(6, 4), "dense1": random(4, 4), "past1": random(6, 4), "dense2": random(4, 7),
        "past3": random(4, 7), "dense3": random(7, 7), "centre": 0.1 * random(7), "axes": random(7, 4),
    }  # fmt: skip
    for span in SPANS:
        weights |= {
            f"into{span}": random(EMBEDDED, INNER), f"into{span}.bias": random(INNER),
            f"inner{span}.gain": random(INNER), f"inner{span}.bias": random(INNER),
        }  # fmt: skip
        for layer in (1, 2):
            weights[f"span{span}.{layer}"] = random(span * INNER, INNER)
            weights[f"span{span}.{layer}.bias"] = random(INNER)
    table = CHANCE.integers(-40, 40, (len(PIECES), EMBEDDED)).astype(np.int8)
    return Encoder(Cutter(PIECES), table, weights)


def normalised(values: np.ndarray, w: dict, name: str) -> np.ndarray:
    spread = np.sqrt(values.var() + w["epsilon"][0])
    return (values - values.mean()) / spread * w[f"{name}.gain"] + w[f"{name}.bias"]


def slowly(small: Encoder, text: str) -> np.ndarray:
    """One text, one piece and one neighbour at a time."""
    w = small.weights
    pieces = [BEGIN, *(piece.number for piece in small.cutter.cut(text)), END]
    embedded = [small.table[piece] * w["step"] for piece in pieces]
    features = [list(one) for one in embedded]
    for span, before in SPANS.items():
        inner = [
            normalised(one @ w[f"into{span}"] + w[f"into{span}.bias"], w, f"inner{span}") for one in embedded
        ]
        for layer in (1, 2):
            seen = []
            for at in range(len(pieces)):
                total = w[f"span{span}.{layer}.bias"].copy()
                for step in range(span):
                    where = at - before + step
                    if 0 <= where < len(pieces):
                        part = slice(step * INNER, (step + 1) * INNER)
                        total += inner[where] @ w[f"span{span}.{layer}"][part]
                seen.append(inner[at] + np.maximum(total, 0))
            inner = seen
        for feature, one in zip(features, inner, strict=True):
            feature.extend(one)
    total = np.zeros(6)
    for feature in features:
        total += normalised(np.array(feature), w, "whole") @ w["out"] + w["out.bias"]
    total /= len(pieces) ** 0.5
    first = np.maximum(total @ w["dense0"], 0)
    second = np.maximum(total @ w["past1"] + first @ w["dense1"], 0)
    third = np.maximum(second @ w["dense2"], 0)
    last = np.tanh(second @ w["past3"] + third @ w["dense3"])
    told = (last / np.linalg.norm(last) - w["centre"]) @ w["axes"]
    return told / np.linalg.norm(told)


def test_texts_computed_together_get_what_each_gets_piece_by_piece(small: Encoder) -> None:
    texts = ["ab", "a b c", "finely", "a", "ab ab c finely a b ab"]
    told = small.encode(texts)
    assert told.shape == (len(texts), small.size)
    for text, direction in zip(texts, told, strict=True):
        assert np.abs(direction - slowly(small, text)).max() < 1e-4, text


def test_many_texts_are_computed_in_several_turns_with_the_same_outcome(
    small: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["ab c", "a finely ab", "c", "b a b"] * 3
    together = small.encode(texts)
    monkeypatch.setattr(encoder, "MOST_PIECES", 12)
    assert np.abs(small.encode(texts) - together).max() < 1e-5


def test_a_text_that_is_mostly_of_another_script_has_no_direction_nor_has_none() -> None:
    told = encoder.shipped().encode(["", " \n ", "患者血压偏高", "血压 of 患者的", "The patient rests."])
    assert np.linalg.norm(told, axis=1).round(4).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert encoder.shipped().encode([]).shape == (0, encoder.shipped().size)


@pytest.mark.parametrize("nonsense", ["Xqzv brwkl?", "Zxq qwv", "Blorft snagwelp quindle?"])
def test_what_is_spelled_letter_by_letter_is_like_nothing(nonsense: str) -> None:
    assert not vectors.of_question(nonsense).any()


def test_rare_names_medicines_and_figures_are_not_taken_for_it() -> None:
    for asked in (
        "Quévremont ?",
        "bisoprolol 3,75 mg",
        "To what dose was edoxaban cut in June?",
    ):
        assert vectors.of_question(asked).any(), asked


def test_of_a_very_long_text_the_beginning_tells() -> None:
    sentence = "The tenant has not paid the rent of the flat. "
    short, long, longer = encoder.shipped().encode([sentence, sentence * 200, sentence * 400])
    assert float(long @ longer) > 0.9999
    assert float(short @ long) > 0.5


@pytest.mark.parametrize(
    ("asked", "answer", "stranger"),
    [
        ("Who operated on her?", "A surgeon carried it out.", "The fence was painted green."),
        ("Why was he dismissed?", "His employer let him go for misconduct.", "The soup was served at noon."),
        ("Was there a shipwreck?", "The vessel foundered in heavy seas.", "Invoices lie in the cabinet."),
        ("Qui l'a opérée ?", "L'intervention a été menée par le chirurgien.", "La clôture a été repeinte."),
        ("Combien gagne-t-il ?", "Son salaire mensuel s'élève à 2 000 euros.", "Le chat dort sur le toit."),
        ("How much does he earn?", "Son salaire mensuel s'élève à 2 000 euros.", "Le chat dort sur le toit."),
        ("Quand est-il tombé malade ?", "He became ill in the spring.", "The engine has six cylinders."),
    ],
)  # fmt: skip
def test_an_answer_in_other_words_lies_nearer_than_a_stranger(asked: str, answer: str, stranger: str) -> None:
    question, near, far = encoder.shipped().encode([asked, answer, stranger])
    assert float(question @ near) > float(question @ far) + 0.05


def test_nothing_of_it_is_read_before_the_first_use() -> None:
    code = "import sys, app.retrieval.ranking; print(*sorted({'numpy'} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_its_first_use_brings_nothing_that_knows_the_network() -> None:
    code = (
        "import sys\nfrom app.retrieval import encoder\nencoder.shipped().encode(['rent'])\n"
        "foreign = {'tokenizers', 'huggingface_hub', 'httpx', 'requests', 'urllib3', 'torch'}\n"
        "print(*sorted(foreign & sys.modules.keys()))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_what_ships_takes_little_room() -> None:
    shipped = encoder.shipped()
    assert shipped.table.dtype == np.int8
    path = Path(encoder.__file__).parents[2] / "resources" / "encoder" / "encoder.npz"
    assert path.stat().st_size < 13_000_000
