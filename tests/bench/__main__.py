"""``python3 dev.py bench [--full] [--seven-b q8|q4]``: print every measurement the README quotes."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from app.core.resources import resource
from tests.bench import answers, dossiers, reader, window

SECTIONS = ("window", "dossiers", "answers", "reader")


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all")
    parser.add_argument("--full", action="store_true", help="read on to 256,000 tokens (minutes)")
    parser.add_argument(
        "--seven-b",
        choices=["q8", "q4"],
        action="append",
        default=[],
        help="a random model of the published 7B shape (8 GB of disk, 12 GB of memory)",
    )
    options = parser.parse_args()
    wanted = options.sections or SECTIONS
    print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="huisclos-bench-") as scratch:
        if "window" in wanted:
            window.measure(Path(scratch) / "window")
        if "dossiers" in wanted:
            dossiers.measure(Path(scratch) / "dossiers")
        if "answers" in wanted:
            answers.measure(Path(scratch) / "answers")
        if "reader" in wanted:
            reader.measure(resource("models", "mini-reader.gguf"), full=options.full)
        if options.seven_b:
            from tests.bench import seven_b

            for form in options.seven_b:
                seven_b.measure(Path(scratch), form)


if __name__ == "__main__":
    main()
