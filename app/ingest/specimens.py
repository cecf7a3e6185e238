"""One tiny file of each kind, written at start-up: reading them loads whatever reading wants later."""

from __future__ import annotations

import io
from collections.abc import Iterator

import docx

from app.ingest.mupdf import pymupdf

_TEXT = "Élève œuvre, 12,50 € – 血压 138/86 mmHg, Ж Ω \u00ad ﬁ"

_MAIL = """From: =?utf-8?q?Zo=C3=A9?= <zoe@example.invalid>
To: max@example.invalid
Date: Tue, 04 Mar 2025 09:30:00 +0100
Subject: =?iso-8859-1?q?R=E9sultats?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: multipart/alternative; boundary="b2"

--b2
Content-Type: text/plain; charset=iso-8859-15
Content-Transfer-Encoding: quoted-printable

=A4 12
--b2
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGgxPkE8L2gxPjxwPkI8L3A+
--b2--

--b1
Content-Type: text/html; charset=utf-8

<h1>A</h1><ul><li>B &eacute;</li></ul>
--b1
Content-Type: text/plain; name="a.txt"
Content-Disposition: attachment; filename*=utf-8''%C3%A9.txt

x
--b1
Content-Type: message/rfc822

Subject: inner
From: a@example.invalid

y
--b1--
"""


def write_specimens() -> Iterator[tuple[str, bytes]]:
    """Names and bytes."""
    yield "a.txt", _TEXT.encode()
    yield "b.md", f"# A\n\n- **{_TEXT}**\n\n| a | b |\n|---|---|\n| c | d |\n".encode()
    yield "c.eml", _MAIL.replace("\n", "\r\n").encode()
    yield "d.docx", _word_document()
    yield "e.pdf", _pdf()


def _word_document() -> bytes:
    document = docx.Document()
    document.core_properties.title = "A"
    document.add_heading("A", 1)
    document.add_paragraph(_TEXT, style="List Number")
    document.add_paragraph().add_run("b").bold = True
    document.add_table(1, 2).cell(0, 0).text = "c"
    document.sections[0].header.paragraphs[0].text = "Header words"
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _pdf() -> bytes:
    document = pymupdf.open()
    for turned in (0, 90):
        page = document.new_page()
        page.insert_text((72, 72), "Élève ﬁn", fontname="helv")
        page.insert_text((72, 99), "血压 μ", fontname="china-s")
        page.insert_text((72, 120), "Times", fontname="tiro")
        picture = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 4, 4), False)
        picture.clear_with(120)
        page.insert_image(pymupdf.Rect(100, 200, 140, 240), stream=picture.tobytes("png"))
        page.insert_image(pymupdf.Rect(100, 300, 140, 340), stream=picture.tobytes("jpeg"))
        page.add_freetext_annot(pymupdf.Rect(72, 400, 200, 430), "note")
        page.set_rotation(turned)
    document.set_metadata({"title": "A"})
    written: bytes = document.tobytes(deflate=True)
    document.close()
    return written
