"""The recovery code: 128 random bits that a person can print, read out and type back.

28 characters in seven groups of four: 26 of base 32 for the 128 bits (two zero bits at the end), two for a
checksum, so that a slip of the pen is told from a code of another vault. The alphabet has no I, L, O and U;
whoever types them means 1, 1, 0 and V.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_BYTES = 16
_BODY_CHARS = 26
_CHECK_CHARS = 2
_GROUP = 4
_MEANT = str.maketrans("ILOU", "110V")


def new_code() -> str:
    """Return a fresh recovery code, grouped for reading."""
    return encode(secrets.token_bytes(SECRET_BYTES))


def encode(secret: bytes) -> str:
    """Return the code for 16 bytes: seven groups of four characters joined by hyphens."""
    if len(secret) != SECRET_BYTES:
        raise ValueError("a recovery secret has 16 bytes")
    body = _digits(int.from_bytes(secret, "big") << 2, _BODY_CHARS)
    code = body + _checksum(secret)
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))


def decode(text: str) -> bytes | None:
    """Return the 16 bytes of a code typed in any case, with or without separators; None if it is none."""
    plain = unicodedata.normalize("NFKC", text).upper().translate(_MEANT)
    plain = "".join(char for char in plain if char not in "-\u2010\u2011\u2012\u2013\u2014 \t\n")
    if len(plain) != _BODY_CHARS + _CHECK_CHARS or any(char not in ALPHABET for char in plain):
        return None
    number = 0
    for char in plain[:_BODY_CHARS]:
        number = number << 5 | ALPHABET.index(char)
    if number & 3:
        return None
    secret = (number >> 2).to_bytes(SECRET_BYTES, "big")
    return secret if _checksum(secret) == plain[_BODY_CHARS:] else None


def canonical(text: str) -> str | None:
    """Return the code as `encode` writes it, or None if `text` is no recovery code."""
    secret = decode(text)
    return None if secret is None else encode(secret)


def _digits(number: int, count: int) -> str:
    return "".join(ALPHABET[number >> 5 * (count - 1 - place) & 31] for place in range(count))


def _checksum(secret: bytes) -> str:
    digest = hashlib.sha256(b"huisclos recovery/1" + secret).digest()
    return _digits(int.from_bytes(digest[:2], "big") >> 6, _CHECK_CHARS)
