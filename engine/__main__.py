"""`python -m engine`: convert, logits, generate and bench for those who work on models."""

from __future__ import annotations

import sys

from engine.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
