"""The key file `vault.json`: key slots around the vault key, in two copies, trusted by nothing until its
MAC is.

A slot wraps the vault key under a key derived from a passphrase or a recovery code. Whoever reads a copy
first checks its size, its exact form and the bounds on its derivation cost, then derives, unwraps, and
only then can check the MAC over the whole file; what fails on the way is refused, never repaired.
FORMAT.md has the bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from app.store import disk, kdf, recovery
from app.store.failures import VaultDamaged, VaultMissing, VaultNewer, WrongPassphrase
from app.store.kdf import KdfParameters
from app.store.keys import LABEL_HEADER, NONCE_BYTES, WRAPPED_BYTES, KeyRing, unwrap, wrap

FILE_A = "vault.json"
FILE_B = "vault.b.json"
VERSION = 1
MAX_FILE_BYTES = 64 << 10
MAX_SLOTS = 16

SlotKind = Literal["passphrase", "recovery"]

_Hex16 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_HexNonce = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * NONCE_BYTES}}}$")]
_HexWrapped = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * WRAPPED_BYTES}}}$")]
_HexMac = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class KdfRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The derivation of one slot: Argon2id, cost and salt."""

    algorithm: Literal["argon2id-v1.3"]
    memory_kib: Annotated[int, msgspec.Meta(ge=1, le=kdf.MAX_MEMORY_KIB)]
    passes: Annotated[int, msgspec.Meta(ge=1, le=kdf.MAX_PASSES)]
    lanes: Annotated[int, msgspec.Meta(ge=1, le=kdf.MAX_LANES)]
    salt: _Hex16


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in: the vault key under a key derived from one secret."""

    id: _Hex16
    kind: SlotKind
    kdf: KdfRecord
    nonce: _HexNonce
    wrapped: _HexWrapped


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of one copy. `generation` grows with each change; `mac` covers all that precedes it."""

    format: Literal["huisclos-vault"]
    version: Literal[1]
    vault_id: _Hex16
    generation: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    slots: Annotated[tuple[Slot, ...], msgspec.Meta(min_length=1, max_length=MAX_SLOTS)]
    mac: _HexMac


class _Version(msgspec.Struct, frozen=True):
    format: Literal["huisclos-vault"]
    version: int


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A key file that opened: its verified content, the keys, and the slot that let us in."""

    file: KeyFile
    keys: KeyRing
    slot: Slot


def encode(file: KeyFile) -> bytes:
    """Return the one exact form of a key file: indented JSON in declaration order and a final newline."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def decode(raw: bytes) -> KeyFile:
    """Read one copy, trusting nothing. Raises VaultNewer for a later version, else VaultDamaged."""
    if len(raw) > MAX_FILE_BYTES:
        raise VaultDamaged("key-file")
    try:
        if msgspec.json.decode(raw, type=_Version).version > VERSION:
            raise VaultNewer
        file = msgspec.json.decode(raw, type=KeyFile)
        for slot in file.slots:
            KdfParameters(slot.kdf.memory_kib, slot.kdf.passes, slot.kdf.lanes)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise VaultDamaged("key-file") from None
    if encode(file) != raw or len({slot.id for slot in file.slots}) != len(file.slots):
        raise VaultDamaged("key-file")
    return file


def make_slot(keys: KeyRing, vault_id: str, kind: SlotKind, secret: str, cost: KdfParameters) -> Slot:
    """Wrap the vault key under `secret` with a fresh salt, nonce and slot id."""
    record = KdfRecord(
        "argon2id-v1.3", cost.memory_kib, cost.passes, cost.lanes, os.urandom(kdf.SALT_BYTES).hex()
    )
    slot_id = os.urandom(16).hex()
    kek = kdf.derive(secret, bytes.fromhex(record.salt), cost)
    nonce, wrapped = wrap(kek, keys.vault_key(), _associated(vault_id, slot_id, kind, record))
    return Slot(slot_id, kind, record, nonce.hex(), wrapped.hex())


def sign(keys: KeyRing, vault_id: str, generation: int, slots: Sequence[Slot]) -> KeyFile:
    """Put slots together under a MAC by the vault's own header key."""
    unsigned = KeyFile("huisclos-vault", 1, vault_id, generation, tuple(slots), "0" * 64)
    return msgspec.structs.replace(unsigned, mac=_mac(keys, unsigned))


def read_copies(folder: Path) -> list[KeyFile]:
    """Return the readable copies, newest first, equal ones once.

    Raises VaultMissing when the folder has none, VaultNewer when any copy is of a later version,
    VaultDamaged when those there are cannot be read as key files, OSError when the disk fails.
    """
    found: list[KeyFile] = []
    present = 0
    for name in (FILE_A, FILE_B):
        try:
            with (folder / name).open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        present += 1
        try:
            copy = decode(raw)
        except VaultDamaged:
            continue
        if copy not in found:
            found.append(copy)
    if present == 0:
        raise VaultMissing(str(folder))
    if not found:
        raise VaultDamaged("key-file")
    return sorted(found, key=lambda each: -each.generation)


def open_copies(copies: Sequence[KeyFile], secret: str, floor: KdfParameters | None) -> Opened:
    """Find the slot that `secret` opens, verify the file it stands in, and return both with the keys.

    A cost below `floor` is refused before anything is derived. A secret that opens nothing costs as much
    time as one for which the vault has no slot: every slot that could be meant is tried, and at least
    one derivation is made.

    Raises WrongPassphrase; VaultDamaged when a slot opens but its file's MAC is wrong, or a cost is
    below the floor.
    """
    code = recovery.canonical(secret)
    derived: dict[KdfRecord, bytes] = {}
    distrusted = False
    for file in copies:
        for slot in file.slots:
            cost = KdfParameters(slot.kdf.memory_kib, slot.kdf.passes, slot.kdf.lanes)
            if floor is not None and not cost.reaches(floor):
                distrusted = True
                continue
            if slot.kind == "recovery" and code is None:
                continue
            if slot.kdf not in derived:
                text = code if slot.kind == "recovery" and code is not None else secret
                derived[slot.kdf] = kdf.derive(text, bytes.fromhex(slot.kdf.salt), cost)
            associated = _associated(file.vault_id, slot.id, slot.kind, slot.kdf)
            key = unwrap(
                derived[slot.kdf], bytes.fromhex(slot.nonce), bytes.fromhex(slot.wrapped), associated
            )
            if key is None:
                continue
            keys = KeyRing(key, bytes.fromhex(file.vault_id))
            if hmac.compare_digest(_mac(keys, file), file.mac):
                return Opened(file, keys, slot)
            keys.forget()
            distrusted = True
    if distrusted:
        raise VaultDamaged("key-file")
    if not derived:
        kdf.derive(secret, bytes(kdf.SALT_BYTES), floor or kdf.CHEAP_FOR_TESTS)
    raise WrongPassphrase


def save(folder: Path, file: KeyFile) -> None:
    """Write both copies durably, A before B, so that one is whole at every moment. Raises OSError."""
    raw = encode(file)
    for name in (FILE_A, FILE_B):
        path = folder / name
        if _holds(path, raw):
            continue
        temporary = folder / (name + ".part")
        temporary.unlink(missing_ok=True)
        disk.write_durably(temporary, path, [raw])


def _holds(path: Path, raw: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1) == raw
    except OSError:
        return False


def _associated(vault_id: str, slot_id: str, kind: str, record: KdfRecord) -> bytes:
    """What a wrapped key is bound to: with a field changed or in another vault it will not open."""
    parts = (
        "huisclos-slot/1", vault_id, slot_id, kind, record.algorithm,
        str(record.memory_kib), str(record.passes), str(record.lanes), record.salt,
    )  # fmt: skip
    return "|".join(parts).encode("ascii")


def _mac(keys: KeyRing, file: KeyFile) -> str:
    covered = encode(msgspec.structs.replace(file, mac="0" * 64))
    return hmac.new(keys.derive(LABEL_HEADER), covered, hashlib.sha256).hexdigest()
