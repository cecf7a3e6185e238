"""The main job without a display: a vault under a random passphrase, a sample dossier, one question, its
answer.

``python -m app.cli.demo``. The vault and everything else of it is gone when it ends.
"""

from __future__ import annotations

import sys

from engine import cage


def main() -> int:
    """Run the demonstration; returns the exit code."""
    cage.forbid_internet()
    cage.no_core_dumps()
    cage.bar_modules()
    from app.cli.demonstration import run  # third-party code only after the filter is in place

    return run(sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
