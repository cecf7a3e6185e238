"""The sample dossiers hold what their questions say they hold."""

from __future__ import annotations

import email
import json
import re
import subprocess
import sys
import unicodedata
from email.message import EmailMessage
from email.policy import default
from io import BytesIO
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from docx import Document

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "resources" / "samples"
QUESTIONS: list[dict[str, Any]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))
ABSENT: list[dict[str, Any]] = json.loads((SAMPLES / "questions-absent.json").read_text(encoding="utf-8"))
DOSSIERS = ("patient-fr", "case-fr", "patient-en", "case-en")
FIRST_PAGE_WORDS = 260


def collapse(text: str) -> str:
    return " ".join(text.split())


def list_files(folder: Path = SAMPLES) -> list[Path]:
    return sorted(p for p in folder.glob("??/*/*") if p.suffix in {".pdf", ".docx", ".eml"})


def read_docx(data: bytes) -> str:
    pieces = []
    for item in Document(BytesIO(data)).iter_inner_content():
        rows = getattr(item, "rows", None)
        pieces += [item.text] if rows is None else [cell.text for row in rows for cell in row.cells]
    return collapse(" ".join(pieces))


def read_mail(data: bytes) -> tuple[str, dict[str, bytes]]:
    message = email.message_from_bytes(data, policy=default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    attached = {
        str(part.get_filename()): part.get_payload(decode=True) for part in message.iter_attachments()
    }
    assert all(isinstance(payload, bytes) for payload in attached.values())
    return collapse(str(body.get_content())), attached  # type: ignore[return-value]


def read_pages(folder: Path) -> dict[tuple[str, str], list[str]]:
    """Pages of every document under a samples folder, by dossier and file name, attachments included."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in list_files(folder):
        dossier = f"{path.parent.name}-{path.parent.parent.name}"
        data, pieces = path.read_bytes(), {}
        if path.suffix == ".docx":
            found[dossier, path.name] = [read_docx(data)]
        elif path.suffix == ".eml":
            body, pieces = read_mail(data)
            found[dossier, path.name] = [body]
        else:
            pieces = {path.name: data}
        for name, pdf in pieces.items():
            with pymupdf.open(stream=pdf, filetype="pdf") as document:
                found[dossier, name] = [collapse(page.get_text()) for page in document]
    return found


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, str], list[str]]:
    return read_pages(SAMPLES)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_every_quote_stands_on_the_page_its_question_names(
    question: dict[str, Any], pages: dict[tuple[str, str], list[str]]
) -> None:
    texts = pages[question["dossier"], question["document"]]
    text = texts[question["page"] - 1]
    assert question["quote"] in text
    assert question["answer"] in question["quote"]
    assert collapse(question["quote"]) == question["quote"]
    if question["document"].endswith(".docx"):
        assert len(text.partition(question["quote"])[0].split()) <= FIRST_PAGE_WORDS
    if "attached_to" in question:
        mail = SAMPLES / question["language"] / question["dossier"][:-3] / question["attached_to"]
        assert question["document"] in read_mail(mail.read_bytes())[1]


def test_a_quote_stands_on_no_other_page_of_its_document(pages: dict[tuple[str, str], list[str]]) -> None:
    for question in QUESTIONS:
        texts = pages[question["dossier"], question["document"]]
        assert [n for n, text in enumerate(texts, 1) if question["quote"] in text] == [question["page"]]


def test_the_dossiers_have_sixty_pages_or_more_even_counting_the_pdfs_alone(
    pages: dict[tuple[str, str], list[str]],
) -> None:
    assert sum(len(texts) for (_, name), texts in pages.items() if name.endswith(".pdf")) >= 60


def test_every_dossier_mixes_pdf_word_and_mail_with_an_attachment() -> None:
    for dossier in DOSSIERS:
        kind, language = dossier.split("-")
        files = list_files(SAMPLES)
        mine = [p for p in files if p.parent == SAMPLES / language / kind]
        assert {p.suffix for p in mine} == {".pdf", ".docx", ".eml"}
        assert any(read_mail(p.read_bytes())[1] for p in mine if p.suffix == ".eml")


def test_a_third_of_the_questions_share_no_keyword_with_their_quote() -> None:
    idle = set((SAMPLES / "generator" / "idle-words.txt").read_text(encoding="utf-8").split())

    def words(text: str) -> set[str]:
        bare = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
        bare = "".join(c for c in bare if not unicodedata.combining(c))
        return {
            w for w in re.split(r"[^a-z0-9]+", bare) if w and w not in idle and (w.isdigit() or len(w) > 1)
        }

    def alike(one: str, other: str) -> bool:
        return one == other or (min(len(one), len(other)) >= 4 and one[:4] == other[:4])

    for question in QUESTIONS:
        quoted = words(question["quote"])
        shared = any(alike(asked, word) for asked in words(question["question"]) for word in quoted)
        assert shared == question["shares_keyword"], question["id"]
    bare = sum(not question["shares_keyword"] for question in QUESTIONS)
    assert bare == len(QUESTIONS) // 3


def test_there_are_enough_questions_for_every_dossier_and_each_has_its_own_name() -> None:
    assert len(QUESTIONS) >= 48
    assert len(ABSENT) >= 6
    for dossier in DOSSIERS:
        assert sum(question["dossier"] == dossier for question in QUESTIONS) >= 12
        assert any(question["dossier"] == dossier for question in ABSENT)
    names = [question["id"] for question in QUESTIONS + ABSENT]
    assert len(set(names)) == len(names)
    assert all(question["answer"] is None for question in ABSENT)


def test_french_letters_and_signs_come_out_of_the_pdfs_whole(pages: dict[tuple[str, str], list[str]]) -> None:
    text = " ".join(t for (dossier, _), texts in pages.items() if dossier.endswith("fr") for t in texts)
    for word in ("Écorchebœufs", "µmol/L", "18 437,62 €", "m²", "l’apixaban", "n° RG 24/00291", "36,8 °C"):
        assert word in text or word.replace("n°", "N°") in text
    assert "\ufffd" not in text
    assert "■" not in text


def test_no_sample_is_large() -> None:
    assert sum(path.stat().st_size for path in list_files()) < 2_000_000


def test_the_generator_writes_the_committed_papers_and_questions_again(
    tmp_path: Path, pages: dict[tuple[str, str], list[str]]
) -> None:
    command = [sys.executable, "-m", "resources.samples.generator", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    assert read_pages(tmp_path) == pages
    for name in ("questions.json", "questions-absent.json"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()
    assert [p.relative_to(tmp_path) for p in list_files(tmp_path)] == [
        p.relative_to(SAMPLES) for p in list_files()
    ]
