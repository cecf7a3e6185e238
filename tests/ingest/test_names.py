"""File names that lie, break lines or are too long."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest import clean_file_name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a\nb\r\n.pdf", "a b .pdf"),
        ("facture\u202efdp.exe", "facturefdp.exe"),
        ("👩‍⚕️ dossier.pdf", "👩‍⚕️ dossier.pdf"),
        ("שלום عليكم.pdf", "שלום عليكم.pdf"),
        ("e\u0301te\u0301.txt", "été.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\bail.docx", "bail.docx"),
        ("\x00\x1b[31m.pdf", "[31m.pdf"),
        ("..", "unnamed"),
        ("\u200b\u2066", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_a_name_becomes_one_honest_line(name, clean):
    assert clean_file_name(name) == clean


def test_a_name_of_255_bytes_stays_and_a_longer_one_keeps_its_extension():
    assert clean_file_name("é" * 125 + "a.pdf") == "é" * 125 + "a.pdf"
    cut = clean_file_name("é" * 200 + ".pdf")
    assert cut.endswith("é….pdf")
    assert len(cut.encode()) <= 255
    assert len(clean_file_name("x" * 300 + "." + "y" * 300).encode()) <= 255


@given(st.text(max_size=400))
def test_cleaning_is_final_and_bounded(name):
    clean = clean_file_name(name)
    assert clean_file_name(clean) == clean
    assert 0 < len(clean.encode()) <= 255
    assert unicodedata.is_normalized("NFC", clean)
    assert not set(clean) & set("\n\r\t\0/\u202e\u2028")
