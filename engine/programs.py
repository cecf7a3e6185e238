"""The processes that a program starts of itself, and the words by which a bundled one is asked to be one.

In a checkout a child is `python -m engine.worker`. A bundled program has no interpreter to lend: its children
are the program once more, with one of these words first. Standard library only: a child's cage comes before
everything else.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

WORKER: Final = "--engine-worker"
IMPORTER: Final = "--engine-importer"


def is_bundled() -> bool:
    """Whether this process is a packaged program, without an interpreter beside it."""
    return bool(getattr(sys, "frozen", False))


def command_of(word: str, module: str) -> list[str]:
    """What starts a child: this very program with `word`, or its interpreter with `module`."""
    return [sys.executable, word] if is_bundled() else [sys.executable, "-m", module]


def run(word: str, arguments: Sequence[str]) -> int:
    """Be the engine's process that `word` names. Raises KeyError for one that names none."""
    # Each import stands where it is used: nothing of one process is loaded in another.
    if word == WORKER:
        from engine.worker import __main__ as worker

        return worker.main(arguments)
    if word == IMPORTER:
        from engine.importer import __main__ as importer

        return importer.main()
    raise KeyError(word)
