"""Snapshots: what was sealed comes back, and nothing else does."""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from engine.states import (
    SnapshotDamaged,
    SnapshotIdentity,
    SnapshotMismatch,
    SnapshotUnwritable,
    read_snapshot,
    write_snapshot,
)

KEY = bytes(range(32))
TEXT_SHA256 = b"t" * 32
IDENTITY = SnapshotIdentity("model", "layout;window=f16,hf", "dossier 7, revision 3")
HEAD_BYTES, CARD_BYTES, CHUNK_BYTES = 17, 1040, (1 << 20) + 16


class Memory:
    """A state that is only bytes: eight of position, then a filling."""

    def __init__(
        self, position: int = 0, size_bytes: int = 100, filling: bytes = b"canary-in-the-state "
    ) -> None:
        self.position = position
        self.content = (filling * (size_bytes // len(filling) + 1))[:size_bytes]

    @property
    def payload_bytes(self) -> int:
        return 8 + len(self.content)

    def dump(self, write: Callable[[memoryview], object]) -> None:
        whole = self.position.to_bytes(8, "little") + self.content
        for start in range(0, len(whole), 300_000):
            write(memoryview(whole[start : start + 300_000]))

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None:
        position = int.from_bytes(read(8), "little")
        self.content = bytes(read(len(self.content)))
        self.position = position


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path / "snapshot", os.O_RDWR | os.O_CREAT)
    yield handle
    os.close(handle)


def save(file: int, state: Memory, *, key: bytes = KEY, identity: SnapshotIdentity = IDENTITY) -> bytes:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    size = write_snapshot(file, key, identity, state, TEXT_SHA256)
    sealed = os.pread(file, size + 1, 0)
    assert len(sealed) == size
    return sealed


def restore(
    file: int,
    sealed: bytes,
    *,
    key: bytes = KEY,
    identity: SnapshotIdentity = IDENTITY,
    size_bytes: int = 100,
) -> Memory:
    os.ftruncate(file, 0)
    os.pwrite(file, sealed, 0)
    os.lseek(file, 0, os.SEEK_SET)
    state = Memory(0, size_bytes)
    assert read_snapshot(file, key, identity, state) == TEXT_SHA256
    return state


@pytest.mark.parametrize("size_bytes", [1, 100, (1 << 20) - 9, (1 << 20) - 8, (1 << 20) - 7, (2 << 20) + 5])
def test_a_state_comes_back_as_it_was(file: int, size_bytes: int) -> None:
    before = Memory(4321, size_bytes)
    save(file, before)
    os.lseek(file, 0, os.SEEK_SET)
    after = Memory(0, size_bytes, b"other")
    assert read_snapshot(file, KEY, IDENTITY, after) == TEXT_SHA256
    assert (after.position, after.content) == (before.position, before.content)


def test_nothing_is_in_clear_on_the_disk(file: int) -> None:
    sealed = save(file, Memory(1))
    for told in (b"canary", b"model", b"layout", b"window", b"dossier", b"revision", TEXT_SHA256, KEY):
        assert told not in sealed


def test_two_snapshots_of_one_state_share_no_sealed_byte_run(file: int) -> None:
    first, second = save(file, Memory(1)), save(file, Memory(1))
    assert first[10:] != second[10:]
    assert not {first[i : i + 16] for i in range(17, len(first) - 16)} & {
        second[i : i + 16] for i in range(17, len(second) - 16)
    }


@given(st.integers(0, 1 << 16), st.integers(0, 7))
def test_any_flipped_bit_is_refused(place: int, bit: int) -> None:
    with tempfile.TemporaryFile() as file:
        sealed = bytearray(save(file.fileno(), Memory(1)))
        sealed[place % len(sealed)] ^= 1 << bit
        with pytest.raises(SnapshotDamaged):
            restore(file.fileno(), bytes(sealed))


@pytest.mark.parametrize("place", [0, 7, 8, 9, 10, 16, 17, 500, 1056, 1057, 1100, 1164, -17, -16, -1])
def test_every_region_of_the_file_is_guarded(file: int, place: int) -> None:
    sealed = bytearray(save(file, Memory(1)))
    sealed[place] ^= 0x40
    with pytest.raises(SnapshotDamaged):
        restore(file, bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, 8, 16, 17, 18, 1056, 1057, 1058, 1100, -1, -16, -17])
def test_a_cut_file_is_refused(file: int, length: int) -> None:
    sealed = save(file, Memory(1))
    with pytest.raises(SnapshotDamaged):
        restore(file, sealed[:length])


@pytest.mark.parametrize("tail", [b"x", bytes(16), bytes(2000)])
def test_an_extended_file_is_refused(file: int, tail: bytes) -> None:
    sealed = save(file, Memory(1))
    with pytest.raises(SnapshotDamaged):
        restore(file, sealed + tail)


def test_chunks_cannot_be_dropped_moved_or_doubled(file: int) -> None:
    size_bytes = (3 << 20) + 5
    sealed = save(file, Memory(1, size_bytes))
    start = HEAD_BYTES + CARD_BYTES
    chunks = [sealed[start + i * CHUNK_BYTES : start + (i + 1) * CHUNK_BYTES] for i in range(4)]
    head = sealed[:start]
    assert restore(file, sealed, size_bytes=size_bytes).position == 1
    for mixed in (
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], *chunks[2:]],
        [chunks[0], chunks[0], *chunks[2:]],
        [*chunks[:3]],
        [*chunks, chunks[3]],
    ):
        with pytest.raises(SnapshotDamaged):
            restore(file, head + b"".join(mixed), size_bytes=size_bytes)


def test_parts_of_another_snapshot_under_the_same_key_are_refused(file: int) -> None:
    first, second = save(file, Memory(1)), save(file, Memory(2))
    for cut in (HEAD_BYTES, HEAD_BYTES + CARD_BYTES):
        with pytest.raises(SnapshotDamaged):
            restore(file, first[:cut] + second[cut:])


def test_another_key_is_refused(file: int) -> None:
    with pytest.raises(SnapshotDamaged):
        restore(file, save(file, Memory(1)), key=bytes(32))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (SnapshotIdentity("model 2", IDENTITY.layout, IDENTITY.identity_text), "model"),
        (SnapshotIdentity("model", "layout;window=int8,hf", IDENTITY.identity_text), "precision"),
        (SnapshotIdentity("model", IDENTITY.layout, "dossier 8"), "text"),
    ],
)
def test_a_snapshot_of_something_else_is_a_mismatch_and_told_as_one(
    file: int, other: SnapshotIdentity, told: str
) -> None:
    with pytest.raises(SnapshotMismatch, match=told):
        restore(file, save(file, Memory(1)), identity=other)


def test_a_snapshot_of_a_newer_format_is_a_mismatch(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.states.snapshot.FORMAT_VERSION", 2)
    sealed = save(file, Memory(1))
    monkeypatch.undo()
    with pytest.raises(SnapshotMismatch, match="format 2"):
        restore(file, sealed)


def test_a_genuine_card_that_is_no_card_is_a_mismatch(file: int) -> None:
    sealed = save(file, Memory(1))
    head = sealed[:HEAD_BYTES]
    card = AESGCM(KEY).encrypt(head[10:] + struct.pack(">IB", 0, 0), b"\0\x05hello".ljust(1024, b"\0"), head)
    with pytest.raises(SnapshotMismatch, match="description"):
        restore(file, head + card + sealed[HEAD_BYTES + CARD_BYTES :])


def test_a_state_that_asks_for_less_than_was_sealed_is_refused(file: int) -> None:
    save(file, Memory(1, 100))
    os.lseek(file, 0, os.SEEK_SET)
    with pytest.raises(SnapshotDamaged, match="more"):
        read_snapshot(file, KEY, IDENTITY, Memory(0, 50))
    os.lseek(file, 0, os.SEEK_SET)
    with pytest.raises(SnapshotDamaged, match="early"):
        read_snapshot(file, KEY, IDENTITY, Memory(0, 200))


def test_a_file_made_by_the_page_that_describes_the_format_opens(file: int) -> None:
    """The bytes as engine/states/README.md tells them, made without the code that writes them."""
    size_bytes = (2 << 20) + 5
    prefix, content = b"prefix!", os.urandom(size_bytes)
    payload = (77).to_bytes(8, "little") + content
    digests = [
        sha256(t.encode()).digest()
        for t in (IDENTITY.model_identity, IDENTITY.layout, IDENTITY.identity_text)
    ]
    card = msgspec.msgpack.encode(
        {
            "model_identity_sha256": digests[0],
            "layout_sha256": digests[1],
            "identity_text_sha256": digests[2],
            "text_sha256": TEXT_SHA256,
            "position_tok": 77,
            "payload_bytes": len(payload),
        }
    )
    head = b"HCREADNG" + struct.pack(">H", 1) + prefix
    chunks = [(struct.pack(">H", len(card)) + card).ljust(1024, b"\0")]
    chunks += [payload[at : at + (1 << 20)] for at in range(0, len(payload), 1 << 20)]
    sealed = head
    for number, chunk in enumerate(chunks):
        nonce = prefix + struct.pack(">IB", number, number == len(chunks) - 1)
        sealed += AESGCM(KEY).encrypt(nonce, chunk, head)
    found = restore(file, sealed, size_bytes=size_bytes)
    assert (found.position, found.content) == (77, content)


def test_a_state_is_given_nothing_of_a_chunk_that_is_not_proved(file: int) -> None:
    content = os.urandom(3 << 20)
    before = Memory(5)
    before.content = content
    sealed = bytearray(save(file, before))
    sealed[HEAD_BYTES + CARD_BYTES + 2 * CHUNK_BYTES + 1000] ^= 1  # in the third of four
    given = bytearray()

    class Taking(Memory):
        def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None:
            given.extend(read(8))
            while True:
                given.extend(read(1000))

    os.pwrite(file, sealed, 0)
    os.lseek(file, 0, os.SEEK_SET)
    with pytest.raises(SnapshotDamaged):
        read_snapshot(file, KEY, IDENTITY, Taking(0, 3 << 20))
    assert len(given) > 2_000_000
    assert given == ((5).to_bytes(8, "little") + content)[: len(given)]
    assert len(given) <= 2 << 20


@pytest.mark.parametrize(("more_bytes", "told"), [(1, "larger"), (-1, "smaller")])
def test_a_state_that_gives_another_size_than_it_said_is_a_mistake(
    file: int, more_bytes: int, told: str
) -> None:
    class Lying(Memory):
        @property
        def payload_bytes(self) -> int:
            return super().payload_bytes - more_bytes

    with pytest.raises(ValueError, match=told):
        write_snapshot(file, KEY, IDENTITY, Lying(1, 2 << 20), TEXT_SHA256)


def test_a_snapshot_stands_where_the_file_stood(file: int) -> None:
    """Also where the disk begins with it before it is whole, which goes by places in the file."""
    state = Memory(9, 20 << 20, os.urandom(1000))
    os.write(file, b"x" * 5000)
    size_bytes = write_snapshot(file, KEY, IDENTITY, state, TEXT_SHA256)
    assert os.fstat(file).st_size == 5000 + size_bytes
    assert os.pread(file, 5000, 0) == b"x" * 5000
    os.lseek(file, 5000, os.SEEK_SET)
    found = Memory(0, 20 << 20)
    read_snapshot(file, KEY, IDENTITY, found)
    assert (found.position, found.content) == (9, state.content)


def test_a_snapshot_goes_through_a_pipe() -> None:
    state = Memory(3, 5 << 20)
    begin, end = os.pipe()
    found: list[bytes] = []

    def drain() -> None:
        while piece := os.read(begin, 1 << 20):
            found.append(piece)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        size_bytes = write_snapshot(end, KEY, IDENTITY, state, TEXT_SHA256)
    finally:
        os.close(end)
        thread.join()
        os.close(begin)
    assert size_bytes == sum(map(len, found))


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")
def test_a_disk_that_becomes_full_on_the_way_is_told(file: int) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    room_bytes = (6 << 20) + 123
    resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, limits[1]))
    try:
        with pytest.raises(SnapshotUnwritable, match="could not be written"):
            write_snapshot(file, KEY, IDENTITY, Memory(1, 20 << 20), TEXT_SHA256)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.fstat(file).st_size == room_bytes


def test_a_full_disk_is_told_as_one() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(SnapshotUnwritable, match="space"):
            write_snapshot(full, KEY, IDENTITY, Memory(1), TEXT_SHA256)
    finally:
        os.close(full)


def test_saving_can_be_stopped_between_chunks(file: int) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_snapshot(file, KEY, IDENTITY, Memory(1, 3 << 20), TEXT_SHA256, check)


def test_restoring_can_be_stopped_between_chunks(file: int) -> None:
    write_snapshot(file, KEY, IDENTITY, Memory(1, 3 << 20), TEXT_SHA256)
    os.lseek(file, 0, os.SEEK_SET)
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        read_snapshot(file, KEY, IDENTITY, Memory(0, 3 << 20), check)


def test_a_key_of_another_length_is_a_mistake(file: int) -> None:
    with pytest.raises(ValueError, match="32"):
        write_snapshot(file, b"short", IDENTITY, Memory(1), TEXT_SHA256)
