"""One nursery for all tests of this room, and writers of real small files."""

from __future__ import annotations

import email.message
import email.policy
import io

import docx
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from app.ingest import IngestRefused, ParserHelper


class Reader:
    """Parses with one helper and keeps what came."""

    def __init__(self, helper):
        self.helper = helper
        self.pages = []

    def parse(self, data, name="file", **options):
        """The document and its pages."""
        self.pages = []
        document = self.helper.parse(data, name, on_page=self.pages.append, **options)
        return document, self.pages

    def refusal(self, data, name="file", **options):
        """The refusal that parsing must end with."""
        self.pages = []
        with pytest.raises(IngestRefused) as caught:
            self.helper.parse(data, name, on_page=self.pages.append, **options)
        assert caught.value.detail
        assert "{" not in caught.value.detail
        return caught.value


class Files:
    """Writers of small files."""

    @staticmethod
    def pdf(pages=("Hello page one", "Second page"), size=A4, **options):
        """Each page a string of lines or a function that draws on the canvas."""
        written = io.BytesIO()
        sheet = canvas.Canvas(written, pagesize=size, **options)
        sheet.setTitle("A title")
        for page in pages:
            sheet.setFont("Helvetica", 11)
            if callable(page):
                page(sheet)
            else:
                for row, line in enumerate(page.split("\n")):
                    sheet.drawString(72, size[1] - 80 - 15 * row, line)
            sheet.showPage()
        sheet.save()
        return written.getvalue()

    @staticmethod
    def docx(build):
        """A Word document that `build` fills."""
        document = docx.Document()
        build(document)
        written = io.BytesIO()
        document.save(written)
        return written.getvalue()

    @staticmethod
    def mail(
        subject="Résultats du 4 mars", body="Bonjour,\n\nLe bilan est joint.\n", attachments=(), html=""
    ):
        """A mail with files; an attachment that is a mail is attached as one."""
        message = email.message.EmailMessage(policy=email.policy.SMTP)
        message["From"] = "Zoé Lefèvre <zoe@example.invalid>"
        message["To"] = "max@example.invalid"
        message["Date"] = "Tue, 04 Mar 2025 09:30:00 +0100"
        message["Subject"] = subject
        if body:
            message.set_content(body)
            if html:
                message.add_alternative(html, subtype="html")
        elif html:
            message.set_content(html, subtype="html")
        for name, data in attachments:
            if name.endswith(".eml"):
                inner = email.message_from_bytes(data, policy=email.policy.SMTP)
                message.add_attachment(inner, filename=name)
            else:
                message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        return message.as_bytes()


@pytest.fixture(scope="session")
def helper():
    with ParserHelper.spawn() as spawned:
        spawned.wait_ready()
        yield spawned


@pytest.fixture
def reader(helper):
    return Reader(helper)


@pytest.fixture(scope="session")
def files():
    return Files()


def check_spans(pages):
    """Every word is where its page says, inside the page, in order."""
    for page in pages:
        at = 0
        for word in page.words:
            assert at <= word.start < word.end <= len(page.text)
            assert not any(sign.isspace() for sign in page.text[word.start : word.end])
            assert 0 <= word.x0 <= word.x1 <= page.width_pt + 0.01
            assert 0 <= word.y0 <= word.y1 <= page.height_pt + 0.01
            at = word.end
        between = "".join(
            page.text[a:b]
            for a, b in zip(
                [0, *(w.end for w in page.words)],
                [*(w.start for w in page.words), len(page.text)],
                strict=True,
            )
        )
        assert not between.strip()


@pytest.fixture(scope="session")
def spans_hold():
    return check_spans
