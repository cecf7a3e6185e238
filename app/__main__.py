"""``python -m app`` and ``huisclos``: a verb works in the terminal, no verb opens the window.

A bundled program is its own children too: the words of ``engine.programs`` and of the ingest room's nursery.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from engine import cage, programs

_NURSERY = "--ingest-nursery"  # as that module calls itself; it loads more than a window needs at once


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code. The filter that refuses internet sockets, and the rule that keeps this
    memory (which will hold the vault's key) out of core files, come before any third-party code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in (programs.WORKER, programs.IMPORTER):
        return programs.run(given[0], given[1:])
    if given and given[0] == _NURSERY:
        from app.ingest import nursery

        return nursery.main(given[1:])
    guarantee = cage.forbid_internet()
    cage.no_core_dumps()
    cage.bar_modules()
    # Any first word that is no option is a verb, or a mistyped one, which the terminal says.
    if given and (not given[0].startswith("-") or given[0] in ("-h", "--help", "--version")):
        from app.cli.terminal import run

        return run(given)
    from app.ui.application import open_window  # Qt is loaded for the window alone

    return open_window(given, guarantee)


if __name__ == "__main__":
    sys.exit(main())
