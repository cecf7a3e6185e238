"""Python's own doors to the network and to a clear database, closed before anybody can import them."""

from __future__ import annotations

import sys
from typing import Final

# Libraries bring some of these along for uses that are not ours (an event loop its TLS, a database toolkit
# the plain driver). All of them are ready to live without; whoever is not, fails where it can be seen.
BARRED_MODULES: Final = ("ssl", "_ssl", "http.client", "urllib.request", "sqlite3", "_sqlite3")


def bar_modules() -> None:
    """Make every later ``import`` of these modules fail with ModuleNotFoundError, in this process."""
    for name in BARRED_MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is how Python spells "never"
