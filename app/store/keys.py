"""The vault's master key and what is derived from it.

Everything a vault protects hangs on 32 random bytes, the vault key. Each purpose gets a key of its own by
HKDF-SHA256 with the vault's id as salt and a label as info, so that no two purposes ever share one.
Python cannot truly forget a key: `forget` shortens its life, ending the process ends it.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.store.failures import VaultLocked

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
WRAPPED_BYTES = KEY_BYTES + TAG_BYTES

LABEL_DATABASE = "db/1"
LABEL_BLOB_WRAP = "blob-wrap/1"
LABEL_SEALED_WRAP = "sealed-wrap/1"
LABEL_HEADER = "header/1"
LABEL_MAC = "mac/1"


class KeyRing:
    """Holds the vault key and derives from it. Its `repr` says nothing; it cannot be copied into a log."""

    __slots__ = ("_derived", "_key", "_vault_id")

    def __init__(self, vault_key: bytes, vault_id: bytes) -> None:
        if len(vault_key) != KEY_BYTES or len(vault_id) != 16:
            raise ValueError("a vault key has 32 bytes, a vault id 16")
        self._key = bytearray(vault_key)
        self._vault_id = vault_id
        self._derived: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return "<KeyRing>"

    def __reduce__(self) -> str:
        raise TypeError("keys are not serialised")

    def derive(self, label: str) -> bytes:
        """Return the 32-byte key for a purpose. Raises VaultLocked after `forget`."""
        if not self._key:
            raise VaultLocked
        key = self._derived.get(label)
        if key is None:
            key = HKDF(SHA256(), KEY_BYTES, self._vault_id, label.encode("ascii")).derive(bytes(self._key))
            self._derived[label] = key
        return key

    def vault_key(self) -> bytes:
        """Return the vault key itself, to wrap it into another slot. Raises VaultLocked after `forget`."""
        if not self._key:
            raise VaultLocked
        return bytes(self._key)

    def mac(self, label: str, data: bytes | memoryview) -> bytes:
        """Return HMAC-SHA256 of `data` under a key of its own for `label`: 32 bytes, equal for equal data."""
        return hmac.new(self.derive(f"{LABEL_MAC}:{label}"), data, hashlib.sha256).digest()

    def forget(self) -> None:
        """Drop the keys. Best effort: copies may remain until the process ends."""
        for index in range(len(self._key)):
            self._key[index] = 0
        self._key.clear()
        self._derived.clear()


def wrap(wrapping_key: bytes, key: bytes, associated: bytes) -> tuple[bytes, bytes]:
    """Return (nonce of 12 bytes, wrapped key of 48 bytes) by AES-256-GCM bound to `associated`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce, AESGCM(wrapping_key).encrypt(nonce, key, associated)


def unwrap(wrapping_key: bytes, nonce: bytes, wrapped: bytes, associated: bytes) -> bytes | None:
    """Return the key, or None when the wrapping key, the bytes or what they are bound to do not match."""
    try:
        key = AESGCM(wrapping_key).decrypt(nonce, wrapped, associated)
    except InvalidTag:
        return None
    return key if len(key) == KEY_BYTES else None
