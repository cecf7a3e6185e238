"""What ``app.cli.demo`` does once the process is caged."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from pathlib import Path
from typing import TextIO

from app import services
from app.cli.verbs import answer_text
from app.core.errors import HuisClosError, OurError
from app.core.paths import Paths
from app.core.resources import resource
from app.services import Companions, Workspace
from app.store import KdfParameters
from app.store.kdf import DEFAULT as DEFAULT_KDF


class SamplesMissing(OurError):
    def __init__(self) -> None:
        super().__init__("samples-missing", "The sample dossiers are not installed.")


def spoken_language() -> str:
    """French where the environment says so, else English."""
    named = next((os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), "")
    return "fr" if named.lower().startswith("fr") else "en"


def pick_question(language: str) -> tuple[str, str]:
    """(dossier kind, question) of the first sample question in the patient's dossier of that language."""
    try:
        questions = json.loads(resource("samples", "questions.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise SamplesMissing from None
    for one in questions:
        if one["dossier"] == f"patient-{language}" and one["shares_keyword"]:
            return "patient", str(one["question"])
    raise SamplesMissing


def run(
    out: TextIO,
    *,
    language: str | None = None,
    shipped_models: Path | None = None,
    kdf: KdfParameters = DEFAULT_KDF,
    testing: bool = False,
) -> int:
    """Import a sample dossier into a temporary vault, ask one question about it, print the answer."""
    speak = language or spoken_language()

    def say(line: str = "") -> None:
        print(line, file=out, flush=True)

    with tempfile.TemporaryDirectory(prefix="huisclos-") as temporary:
        root = Path(temporary)
        try:
            kind, question = pick_question(speak)
            folder = resource("samples", speak, kind)
            say("No display here, so the main job is done in the terminal, in a temporary encrypted vault.")
            companions = Companions.start(Paths.find(root / "home"), shipped_models=shipped_models)
            try:
                workspace = Workspace.create(
                    root / "vault",
                    secrets.token_urlsafe(24),
                    companions=companions,
                    kdf=kdf,
                    auto_read=False,
                    testing=testing,
                )
            except BaseException:
                companions.close()
                raise
            with workspace as ws:
                began_s = time.monotonic()
                dossier = services.create_dossier(ws, f"Sample ({kind}, {speak})").result()
                report = services.import_paths(ws, dossier.id, [folder]).result()
                say(
                    f"{len(report.added)} documents, {report.pages} pages imported, encrypted and indexed in "
                    f"{time.monotonic() - began_s:.1f} s."
                )
                for entry in report.exceptions:
                    say(f"  {entry.name}: {entry.problem}")
                say()
                say(f"? {question}")
                answer = services.ask(ws, dossier.id, question).result()
                say(answer_text(answer))
        except HuisClosError as failure:
            say(failure.sentence())
            return 1
    say()
    say("The vault is gone again. To get the window, run the same command on a machine with a display")
    say("(or through: ssh -X, or xvfb-run for a virtual one).")
    return 0
