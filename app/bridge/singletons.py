"""Keeps Python's constants alive under a Qt binding that takes them for immortal.

The binding's wheel serves Python 3.10 and later from one build made with the rules of 3.12, where ``None``,
``True`` and ``False`` are immortal and their references are not counted. On an older Python, each signal that
is emitted and each slot that returns takes one reference that it never gave; after some thousands of them the
interpreter would destroy a constant and end. Measured on 6.12.0 with 3.11: one ``True`` per ``emit``, one
``None`` per slot.
"""

from __future__ import annotations

import ctypes
import sys

IMMORTAL_SINCE = (3, 12)
_REFERENCES = 1 << 40  # more than a process can lose in years
_kept = False


def keep_singletons() -> None:
    """Give the constants so many references that none can be lost. Once is enough; later calls do nothing."""
    global _kept
    if _kept or sys.version_info >= IMMORTAL_SINCE:
        return
    _kept = True
    for constant in (None, True, False, NotImplemented, ...):
        count = ctypes.c_ssize_t.from_address(id(constant))  # the count is an object's first field
        count.value += _REFERENCES
