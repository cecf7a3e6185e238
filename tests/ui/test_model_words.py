"""What the window says of a model whose memory grows."""

from __future__ import annotations

import dataclasses

from app.services.views import DossierCard, ModelCard, ReadingCard, ReadingState
from app.ui import model_words

CARD = ModelCard(
    id="m", label_en="A model", label_fr="Un modèle", format="gguf", parameters=1, size_bytes=1, sha256="",
    licence="", source="", built_in=False, chosen=False, reader=False,
)  # fmt: skip


def test_only_of_a_model_whose_memory_grows_is_told_how_long_a_dossier_it_holds() -> None:
    assert model_words.length(CARD) == ""
    growing = dataclasses.replace(CARD, kv_bytes_per_token=128_000)
    assert model_words.length(growing) == "Every token read takes 128.0 kB of memory more."
    measured = dataclasses.replace(growing, max_context_tok=32_768, tok_per_character=0.25)
    assert "it can hold about 73 page" in model_words.length(measured)


def test_a_dossier_that_a_model_cannot_hold_is_not_said_to_take_so_long_to_read() -> None:
    dossier = DossierCard("d", "Mrs Q", 0.0, 2, 18, 0, ReadingCard(ReadingState.OFF))
    card = dataclasses.replace(CARD, prefill_tok_per_s=100.0, tok_per_character=0.25, max_context_tok=8192)
    assert "about 1" in model_words.dossier_time(card, dossier, 30_000)
    assert "more than it can hold" in model_words.dossier_time(card, dossier, 40_000)
    endless = dataclasses.replace(card, max_context_tok=0)
    assert "about" in model_words.dossier_time(endless, dossier, 4_000_000)


def test_notes_of_ours_are_translated_and_others_shown_as_they_are() -> None:
    assert (
        model_words.note("transformer: memory grows with length") == "Transformer: memory grows with length."
    )
    assert model_words.note("76B-like, unverified") == "76B-like, unverified"
    assert model_words.note("") == ""
