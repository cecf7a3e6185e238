"""Where the files that ship with us lie: fonts, samples, the default model, word lists."""

from __future__ import annotations

import sys
from pathlib import Path

_BUNDLE = getattr(sys, "_MEIPASS", None)  # set by the packaged program: the folder it was unpacked in
ROOT = (Path(_BUNDLE) if _BUNDLE else Path(__file__).resolve().parents[2]) / "resources"


def resource(*parts: str) -> Path:
    """Return the path of a shipped file or folder, for example ``resource("fonts")``."""
    return ROOT.joinpath(*parts)
