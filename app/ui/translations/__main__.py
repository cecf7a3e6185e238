"""``python -m app.ui.translations``: bring the .ts files up to date with the source and compile the
.qm files.

For developers. New strings appear as unfinished in ``huisclos_fr.ts``; translate them there, run it again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import PySide6

from app.ui.translations.collect import ROOT, failure_templates

FOLDER = Path(__file__).resolve().parent
TOOLS = Path(PySide6.__file__).resolve().parent
FRENCH = FOLDER / "huisclos_fr.ts"
ENGLISH = FOLDER / "huisclos_en.ts"


def update() -> None:
    """Collect every string of the window, and the templates of failures, into the .ts files."""
    with tempfile.TemporaryDirectory() as folder:
        failures = Path(folder) / "failures.py"
        lines = ["from PySide6.QtCore import QCoreApplication"]
        lines += [f"QCoreApplication.translate('Failures', {_literal(text)})" for text in failure_templates()]
        failures.write_text("\n".join(lines) + "\n", "utf-8")
        sources = [str(path) for path in sorted((ROOT / "ui").rglob("*.py")) if path.parent != FOLDER]
        common = ["-no-obsolete", "-locations", "none", "-silent", "-source-language", "en"]
        for target, language, more in ((FRENCH, "fr_FR", []), (ENGLISH, "en_GB", ["-pluralonly"])):
            _call(
                "lupdate",
                [*sources, str(failures), *common, *more, "-target-language", language, "-ts", str(target)],
            )


def compile_to(source: Path, target: Path) -> None:
    """Write the .qm of one .ts file."""
    _call("lrelease", ["-silent", str(source), "-qm", str(target)])


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _call(tool: str, arguments: list[str]) -> None:
    program = TOOLS / (f"{tool}.exe" if sys.platform == "win32" else tool)
    subprocess.run([str(program), *arguments], check=True)


if __name__ == "__main__":
    update()
    for file in (FRENCH, ENGLISH):
        compile_to(file, file.with_suffix(".qm"))
