"""From a passphrase to a key: Argon2id with bounds on both sides.

Parameters come from a file that somebody else may have written, so they are bounded upwards (no file
makes us take all the memory) and downwards (no file makes us derive cheaply what a thief could then
try).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw

from app.store.failures import NotEnoughMemory

KEY_BYTES = 32
SALT_BYTES = 16
MAX_PASSPHRASE_CHARS = 1024

MAX_MEMORY_KIB = 2 << 20
MAX_PASSES = 10
MAX_LANES = 16


@dataclass(frozen=True, slots=True)
class KdfParameters:
    """Argon2id's cost: memory in KiB, passes over it, lanes. Raises ValueError outside the bounds."""

    memory_kib: int
    passes: int
    lanes: int

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= MAX_LANES or not 1 <= self.passes <= MAX_PASSES:
            raise ValueError("Argon2 passes or lanes out of bounds")
        if not 8 * self.lanes <= self.memory_kib <= MAX_MEMORY_KIB:
            raise ValueError("Argon2 memory out of bounds")

    def reaches(self, floor: KdfParameters) -> bool:
        """Tell whether no part of the cost is below `floor`."""
        return (
            self.memory_kib >= floor.memory_kib and self.passes >= floor.passes and self.lanes >= floor.lanes
        )


DEFAULT = KdfParameters(memory_kib=256 << 10, passes=3, lanes=4)
FLOOR = KdfParameters(memory_kib=64 << 10, passes=3, lanes=4)
CHEAP_FOR_TESTS = KdfParameters(memory_kib=64, passes=1, lanes=1)


def derive(secret: str, salt: bytes, cost: KdfParameters) -> bytes:
    """Return the 32-byte key for `secret` (made NFC first, so that no keyboard locks a person out).

    Raises NotEnoughMemory when the machine cannot afford the cost.
    """
    text = unicodedata.normalize("NFC", secret[:MAX_PASSPHRASE_CHARS])
    try:
        return hash_secret_raw(
            text.encode("utf-8", "surrogatepass"),
            salt,
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )
    except (HashingError, MemoryError):
        # The cause is dropped on purpose: its frames hold the passphrase.
        raise NotEnoughMemory from None
