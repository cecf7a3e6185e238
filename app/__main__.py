"""``python -m app`` and ``huisclos``: a verb works in the terminal, no verb opens the window."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from engine import cage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code. The filter that refuses internet sockets, and the rule that keeps this
    memory (which will hold the vault's key) out of core files, come before any third-party code.
    """
    guarantee = cage.forbid_internet()
    cage.no_core_dumps()
    cage.bar_modules()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Any first word that is no option is a verb, or a mistyped one, which the terminal says.
    if given and (not given[0].startswith("-") or given[0] in ("-h", "--help", "--version")):
        from app.cli.terminal import run

        return run(given)
    from app.ui.application import open_window  # Qt is loaded for the window alone

    return open_window(given, guarantee)


if __name__ == "__main__":
    sys.exit(main())
