"""Import, first search, and search in a vault of 10,000 pages."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

from app import services
from app.core.paths import Paths
from app.core.resources import resource
from app.library.dossiers import create_dossier
from tests.bench.shelf import PASSPHRASE, put_document
from tests.bench.table import Row, show, spread

PAGES = 10_000
QUERIES = 200


def measure(home: Path) -> None:
    paths = Paths.find(home)
    paths.create()
    companions = services.Companions.start(paths, with_engine=False)
    began_s = time.perf_counter()
    workspace = services.Workspace.create(paths.default_vault, PASSPHRASE, companions=companions)
    created_s = time.perf_counter() - began_s
    with workspace:
        _measure_import(workspace, created_s)
        _measure_search(workspace)


def _measure_import(workspace: services.Workspace, created_s: float) -> None:
    pages, imported_s, first_hit_s = 0, 0.0, 0.0
    for language in ("fr", "en"):
        for kind in ("patient", "case"):
            dossier = services.create_dossier(workspace, f"{kind} {language}").result(30)
            began_s = time.perf_counter()
            report = services.import_paths(
                workspace, dossier.id, [resource("samples", language, kind)]
            ).result()
            imported_s += time.perf_counter() - began_s
            pages += report.pages
            word = {"fr": "le", "en": "the"}[language]
            began_s = time.perf_counter()
            services.search(workspace, dossier.id, word).result(30)
            first_hit_s = max(first_hit_s, time.perf_counter() - began_s)
    show(
        "Import (the four sample dossiers: PDF, DOCX, mail with attachments)",
        [
            Row("Making a vault (Argon2id 256 MiB, t=3, p=4)", f"{created_s:.2f} s"),
            Row("Import", f"{pages / imported_s:.1f} pages/s", f"{pages} pages, one commit per page"),
            Row("First search result after an import", f"{first_hit_s * 1000:.0f} ms"),
        ],
    )


def _measure_search(workspace: services.Workspace) -> None:
    dice = random.Random(7)
    roots = [
        "".join(dice.choice("bcdfglmnprstv") + dice.choice("aeiou") for _ in range(3)) for _ in range(6000)
    ]
    weights = [1 / (rank + 3) for rank in range(len(roots))]
    dossier_id, per_document = "", 100
    began_s = time.perf_counter()
    for number in range(PAGES // per_document):
        with workspace.vault.write() as connection:
            if not dossier_id:
                dossier_id = create_dossier(connection, "Ten thousand pages").id
            first = number * per_document + 1
            pages = [
                " ".join(dice.choices(roots, weights, k=260)) + f". reference {page}."
                for page in range(first, first + per_document)
            ]
            put_document(connection, dossier_id, f"document-{number:03}.txt", pages)
    indexed_s = time.perf_counter() - began_s
    taken_s: list[float] = []
    for query in range(QUERIES):
        words = " ".join(dice.choices(roots, weights, k=1 + query % 3))
        began_s = time.perf_counter()
        services.search(workspace, dossier_id, words).result(60)
        taken_s.append(time.perf_counter() - began_s)
    taken_s.sort()
    show(
        f"Search in {PAGES:,} pages",
        [
            Row("Storing and indexing", f"{PAGES / indexed_s:.0f} pages/s"),
            Row(
                "Search, median (fastest-slowest)",
                spread(taken_s),
                f"{QUERIES} queries of one to three words",
            ),
            Row(
                "Search, 95th percentile",
                f"{taken_s[int(len(taken_s) * 0.95)] * 1000:.1f} ms",
                f"mean {statistics.mean(taken_s) * 1000:.1f} ms",
            ),
        ],
    )
