"""Identities: 128 random bits in lower-case hexadecimal, which say nothing about what they name."""

from __future__ import annotations

import re
import secrets

ID_LENGTH = 32
_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """Return a fresh random id of 32 hexadecimal characters."""
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Tell whether `text` has the exact form of an id, and so may be used as a file name."""
    return _ID.fullmatch(text) is not None
