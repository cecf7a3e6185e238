"""Questions about real documents that nobody of this project wrote, and where to find those documents.

The documents are files as distribution packages ship them. They are not kept here: whoever measures
points at a folder that holds them, and every file is known by its SHA-256.
"""

from __future__ import annotations

import gzip
import hashlib
import unicodedata
from pathlib import Path

import msgspec

QUESTIONS = Path(__file__).with_name("questions.json")
MANUALS = Path(__file__).with_name("manuals.json")  # written later, for the finding of pages alone
_ENDINGS = ("*.pdf", "*.pdf.gz", "*.txt", "*.txt.gz")

# How older typesetting draws accents: a sign of its own before a bare letter ("´e"), an i without its dot.
_DRAWN_ACCENTS = str.maketrans(
    {**dict.fromkeys("´`¨ˆ¸˜˙"), "ı": "i", "œ": "oe", "Œ": "OE", "’": "'", "−": "-"}
)


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document: ``path`` is where it lies inside its package; ``sha256`` is of the file, unpacked."""

    file: str
    language: str
    title: str
    package: str
    version: str
    path: str
    sha256: str
    pages: int
    licence: str


class PaperQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``page`` counts the pages of the file from 1; ``also_pages`` of the same document say the same."""

    id: str
    language: str
    document: str
    page: int
    question: str
    answer: str
    quote: str
    type: str
    shares_keyword: bool
    also_pages: tuple[int, ...] = ()

    @property
    def pages(self) -> frozenset[int]:
        return frozenset((self.page, *self.also_pages))


class AbsentQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    language: str
    question: str


class Collection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    documents: tuple[Paper, ...]
    questions: tuple[PaperQuestion, ...]
    absent: tuple[AbsentQuestion, ...]


class PapersMissing(Exception):
    """Some documents are not in the folder; the message says how to get them."""


def load(path: Path = QUESTIONS) -> Collection:
    return msgspec.json.decode(path.read_bytes(), type=Collection)


def plain(text: str) -> str:
    """For comparing quotes: no accents however they are drawn, no line breaks, no case."""
    text = unicodedata.normalize("NFKD", text.translate(_DRAWN_ACCENTS))
    bare = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(bare.replace("- ", "").split()).casefold()


def gather(folder: Path, papers: tuple[Paper, ...]) -> dict[str, bytes]:
    """Each document's bytes by its file name, found anywhere under ``folder`` by content, gzipped or not.

    Raises PapersMissing.
    """
    wanted = {paper.sha256: paper.file for paper in papers}
    found: dict[str, bytes] = {}
    for path in sorted(path for ending in _ENDINGS for path in folder.rglob(ending)):
        if path.is_file():
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            name = wanted.get(hashlib.sha256(data).hexdigest())
            if name is not None:
                found[name] = data
    missing = [paper for paper in papers if paper.file not in found]
    if missing:
        raise PapersMissing(how_to_get(folder, missing))
    return found


def how_to_get(folder: Path, papers: list[Paper]) -> str:
    """The commands that bring the documents, for a machine with Debian 12 or its archive."""
    packages = " ".join(sorted({f"{paper.package}={paper.version}" for paper in papers}))
    names = ", ".join(paper.file for paper in papers)
    return (
        f"Not found under {folder}: {names}.\nOn Debian 12:\n"
        f"  cd $(mktemp -d) && apt-get download {packages}\n"
        f'  for package in *.deb; do dpkg -x "$package" {folder}; done'
    )
