"""Entry: python -m resources.samples.generator [--out DIR]."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .examination import examine, read_pages
from .mail import write_eml
from .markup import Paper, parse_papers
from .sheet import write_pdf
from .word import write_docx

HERE = Path(__file__).parent
DOSSIERS = ("patient-fr", "case-fr", "patient-en", "case-en")


def write_papers(papers: list[Paper]) -> dict[str, bytes]:
    """Return every paper's bytes by file name, attachments included."""
    files: dict[str, bytes] = {}
    for paper in papers:
        if paper.name.endswith(".pdf"):
            files[paper.name] = write_pdf(paper)
        elif paper.name.endswith(".docx"):
            files[paper.name] = write_docx(paper)
    for paper in papers:
        if paper.name.endswith(".eml"):
            inside = {child.name: files[child.name] for child in papers if child.parent == paper.name}
            files[paper.name] = write_eml(paper, inside)
    return files


def mail_text(paper: Paper) -> list[str]:
    """Return a mail's body as its one page, as it was written."""
    return [" ".join(" ".join(block.lines) for block in paper.blocks)]


def main(arguments: list[str]) -> int:
    """Write every dossier and questions.json under the target folder; print the page counts."""
    parser = argparse.ArgumentParser(prog="resources.samples.generator", description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE.parent)
    out: Path = parser.parse_args(arguments).out
    present: list[dict[str, object]] = []
    absent: list[dict[str, object]] = []
    for dossier in DOSSIERS:
        kind, language = dossier.split("-")
        papers = parse_papers(HERE / "texts" / f"{dossier}.txt")
        files = write_papers(papers)
        folder = out / language / kind
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()
        pages = {}
        for paper in papers:
            data = files[paper.name]
            mail = paper.name.endswith(".eml")
            pages[paper.name] = mail_text(paper) if mail else read_pages(paper.name, data)
            if not paper.parent:
                (folder / paper.name).write_bytes(data)
        parents = {paper.name: paper.parent for paper in papers}
        found, missing = examine(dossier, HERE / "questions" / f"{dossier}.txt", pages, parents)
        present += found
        absent += missing
        for name, texts in pages.items():
            print(f"{dossier:11} {name:55} {len(texts):2} pages, {[len(t.split()) for t in texts]} words")
    for name, entries in (("questions.json", present), ("questions-absent.json", absent)):
        text = json.dumps(entries, ensure_ascii=False, indent=1) + "\n"
        (out / name).write_text(text, encoding="utf-8")
    bare = sum(not question["shares_keyword"] for question in present)
    print(f"{len(present)} questions, {bare} share no keyword with their quote, {len(absent)} absent")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
