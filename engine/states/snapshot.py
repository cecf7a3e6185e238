"""The snapshot file: what is in it, and the refusals (see README.md for the format)."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.states.disk import FileWriter, read_into
from engine.states.errors import SnapshotDamaged, SnapshotError, SnapshotMismatch, SnapshotUnwritable
from engine.states.stream import (
    CHUNK_BYTES,
    KEY_BYTES,
    PREFIX_BYTES,
    TAG_BYTES,
    OpeningReader,
    SealingWriter,
    open_chunk,
)

__all__ = [
    "FORMAT_VERSION",
    "SnapshotDamaged",
    "SnapshotError",
    "SnapshotIdentity",
    "SnapshotMismatch",
    "SnapshotUnwritable",
    "read_snapshot",
    "write_snapshot",
]

FORMAT_VERSION: Final = 1
_MAGIC: Final = b"HCREADNG"
_HEAD: Final = struct.Struct(f">8sH{PREFIX_BYTES}s")
_CARD_BYTES: Final = 1024
_MAX_PAYLOAD_BYTES: Final = 1 << 42


@dataclass(frozen=True, slots=True)
class SnapshotIdentity:
    """What a state belongs to. `identity_text` is the application's own word for what was read (which
    dossier, which revisions); only its hash is stored.
    """

    model_identity: str
    layout: str
    identity_text: str


class State(Protocol):
    """The part of a reading state that snapshots need (engine.kernels.State)."""

    @property
    def position(self) -> int: ...

    @property
    def payload_bytes(self) -> int: ...

    def dump(self, write: Callable[[memoryview], object]) -> None: ...

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None: ...


class _Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sealed description that precedes the state."""

    model_identity_sha256: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    layout_sha256: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    identity_text_sha256: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    text_sha256: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    position_tok: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    payload_bytes: Annotated[int, msgspec.Meta(ge=1, lt=_MAX_PAYLOAD_BYTES)]


def _card_of(identity: SnapshotIdentity, text_sha256: bytes, position_tok: int, payload_bytes: int) -> _Card:
    def digest(text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    return _Card(
        digest(identity.model_identity),
        digest(identity.layout),
        digest(identity.identity_text),
        text_sha256,
        position_tok,
        payload_bytes,
    )


def write_snapshot(
    file: int,
    key: bytes,
    identity: SnapshotIdentity,
    state: State,
    text_sha256: bytes,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Seal `state` into the open file at its offset; gives the bytes written. The caller syncs, renames and
    closes.

    `check` is called between chunks and may raise to stop. Raises SnapshotUnwritable; the file is then of no
    use.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a snapshot key has {KEY_BYTES} bytes")
    prefix = os.urandom(PREFIX_BYTES)
    head = _HEAD.pack(_MAGIC, FORMAT_VERSION, prefix)
    writer = FileWriter(file)

    def hand_on(sealed: bytes | memoryview) -> None:
        check()
        writer.write(sealed)

    size_bytes = state.payload_bytes
    card = msgspec.msgpack.encode(_card_of(identity, text_sha256, state.position, size_bytes))
    # the card is chunk 0, of a fixed size whatever it says
    padded = (struct.pack(">H", len(card)) + card).ljust(_CARD_BYTES, b"\0")
    hand_on(head + AESGCM(key).encrypt(prefix + struct.pack(">IB", 0, 0), padded, head))
    sealing = SealingWriter(key, prefix, head, 1, size_bytes, hand_on)
    state.dump(sealing.write)
    sealing.finish()
    return writer.written_bytes


def read_snapshot(
    file: int,
    key: bytes,
    identity: SnapshotIdentity,
    state: State,
    check: Callable[[], None] = lambda: None,
) -> bytes:
    """Fill a fresh `state` from the file's offset to its end; gives the SHA-256 of the texts that were read
    into it.

    `check` is called between chunks and may raise to stop.
    Raises SnapshotDamaged for any changed, missing, moved or added byte and for another key; SnapshotMismatch
    for a whole snapshot of something else. After any error the state must be thrown away.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a snapshot key has {KEY_BYTES} bytes")
    head = _read_up_to(file, _HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        raise SnapshotDamaged("this is no reading snapshot")
    _, version, prefix = _HEAD.unpack(head)
    sealed_card = _read_up_to(file, _CARD_BYTES + TAG_BYTES)
    opened = open_chunk(AESGCM(key), prefix + struct.pack(">IB", 0, 0), sealed_card, head)
    if version != FORMAT_VERSION:  # proved genuine by now: the head is bound to the card
        raise SnapshotMismatch(f"the snapshot has format {version}, this program reads {FORMAT_VERSION}")
    card = _parse_card(opened)
    _compare(card, _card_of(identity, card.text_sha256, card.position_tok, card.payload_bytes))

    def take(room: memoryview) -> int:
        check()
        return read_into(file, room)

    reader = OpeningReader(key, prefix, head, 1, card.payload_bytes, take)
    state.load(reader.read)
    reader.finish()
    if state.position != card.position_tok or state.payload_bytes != card.payload_bytes:
        raise SnapshotMismatch("the state stands elsewhere than its description says")
    return card.text_sha256


def _read_up_to(file: int, count: int) -> bytes:
    room = bytearray(count)
    return bytes(room[: read_into(file, memoryview(room))])


def _parse_card(opened: bytes) -> _Card:
    (length,) = struct.unpack_from(">H", opened)
    try:
        return msgspec.msgpack.decode(opened[2 : 2 + length], type=_Card)
    except msgspec.DecodeError:
        pass
    raise SnapshotMismatch("the snapshot's description is not one that this program writes")


def _compare(found: _Card, wanted: _Card) -> None:
    for name, told in (
        ("model_identity_sha256", "model"),
        ("layout_sha256", "layout or precision"),
        ("identity_text_sha256", "text"),
    ):
        if getattr(found, name) != getattr(wanted, name):
            raise SnapshotMismatch(f"the snapshot was made with another {told}")


assert _CARD_BYTES < CHUNK_BYTES
