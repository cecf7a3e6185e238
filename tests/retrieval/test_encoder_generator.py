"""Making the encoder's file: which pieces of words are kept, and that its weights come back as they were."""

from __future__ import annotations

from pathlib import Path

from app.retrieval import words
from resources.encoder.generator.__main__ import choose, dictionary

KNOWN = {words.stem(word) for word in ("rent", "tenant", "loyer", "premiere")}


def kept(*pieces: str) -> list[str]:
    every = ["<unk>", "<s>", "</s>", *pieces]
    return [every[number] for number in choose(every, KNOWN)][3:]


def test_words_that_a_dictionary_knows_are_kept_in_any_form_and_place() -> None:
    assert kept("\u2581rent", "\u2581Tenants", "loyers", "\u2581première") == [
        "\u2581rent", "\u2581Tenants", "loyers", "\u2581première",
    ]  # fmt: skip


def test_words_of_other_languages_and_scripts_are_not() -> None:
    assert kept("\u2581Grundstück", "\u2581血压", "压", "\u2581прав", "Grundstück") == []


def test_scraps_to_spell_all_others_with_are_kept_and_long_ones_are_not() -> None:
    assert kept("a", "é", "tion", "ement", "\u2581", ",", "\u20ac", "2019") == [
        "a", "é", "tion", "\u2581", ",", "\u20ac", "2019",
    ]  # fmt: skip


def test_the_word_lists_are_read_without_their_count_and_their_rules(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/hunspell"
    folder.mkdir(parents=True)
    (folder / "en_US.dic").write_text("2\nrent/SM\ntenant\n", "utf-8")
    (folder / "fr.dic").write_text("1\nloyer/S.() po:nom is:mas\n", "utf-8")
    assert list(dictionary(tmp_path)) == ["rent", "tenant", "loyer"]
