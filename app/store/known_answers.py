"""A start-up test of the cryptography: published answers, computed anew before a vault is trusted to it.

A library that was built or replaced wrongly would still encrypt, only to something that nobody can read
elsewhere, or that anybody can. Takes a few milliseconds, once per process.
"""

from __future__ import annotations

import functools
import hashlib
import hmac

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.errors import OurError

# AES-256-GCM: the GCM specification's test case 14. HKDF: RFC 5869, A.1. HMAC-SHA256: RFC 4231, case 2.
# Argon2id: the reference implementation's own test, 256 KiB, two passes, two lanes.
_GCM = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
_HKDF = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
_HMAC = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
_ARGON2 = "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"


class BrokenCryptography(OurError):
    """A primitive gives another answer than the published one."""

    def __init__(self, primitive: str) -> None:
        super().__init__(
            "broken-cryptography",
            "This installation's cryptography gives wrong answers ({primitive}). Nothing was opened.",
            primitive=primitive,
        )


@functools.cache
def require_known_answers() -> None:
    """Raise BrokenCryptography unless every primitive the store uses gives its published answer."""
    hkdf = HKDF(SHA256(), 42, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    answers = {
        "aes-256-gcm": (AESGCM(bytes(32)).encrypt(bytes(12), bytes(16), None), _GCM),
        "hkdf-sha256": (hkdf.derive(b"\x0b" * 22), _HKDF),
        "hmac-sha256": (hmac.digest(b"Jefe", b"what do ya want for nothing?", hashlib.sha256), _HMAC),
        "argon2id": (
            hash_secret_raw(
                b"password",
                b"somesalt",
                time_cost=2,
                memory_cost=256,
                parallelism=2,
                hash_len=32,
                type=Type.ID,
            ),
            _ARGON2,
        ),
    }
    for primitive, (answer, published) in answers.items():
        if answer.hex() != published:
            raise BrokenCryptography(primitive)
