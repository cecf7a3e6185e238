"""Blobs and sealed files: what goes in comes out, or is refused; nothing in between."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import CHEAP_FOR_TESTS, BlobMissing, Vault, VaultDamaged, VaultLocked
from app.store.blobs import CHUNK_BYTES, HEADER_BYTES, PAD_BYTES
from app.store.keys import TAG_BYTES

PRELUDE_BYTES = 24
SIZES = sorted(
    {0, 1, 100, *(n + d for n in (PAD_BYTES, CHUNK_BYTES, 2 * CHUNK_BYTES)
                  for d in (-PRELUDE_BYTES - 1, -PRELUDE_BYTES, -PRELUDE_BYTES + 1, -1, 0, 1))}
)  # fmt: skip


@pytest.fixture
def vault(notes):
    return notes.create()


def flip(path, place, bit=0):
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1 << bit
    path.write_bytes(raw)


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_of_any_size_comes_back_whole(vault, size):
    data = random.Random(size).randbytes(size)
    blob_id = vault.blobs.put(data, "document")
    assert vault.blobs.get(blob_id, kind="document") == data
    assert (vault.blobs.size(blob_id), vault.blobs.kind(blob_id)) == (size, "document")
    assert vault.blobs.path(blob_id).stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def long_blob(tmp_path_factory):
    vault = Vault.create(
        tmp_path_factory.mktemp("blobs") / "vault",
        "cheval agrafe pile correct",
        (),
        kdf=CHEAP_FOR_TESTS,
        testing=True,
    )
    data = random.Random(1).randbytes(3 * CHUNK_BYTES + 5000)
    yield vault, vault.blobs.put(data, "document"), data
    vault.close()


@given(offset=st.integers(0, 3 * CHUNK_BYTES + 6000), size=st.integers(0, 2 * CHUNK_BYTES))
def test_any_stretch_of_a_blob_is_read_alone(long_blob, offset, size):
    vault, blob_id, data = long_blob
    assert vault.blobs.read(blob_id, offset, size) == data[offset : offset + size]


def test_reading_a_large_blob_does_not_hold_it_twice(vault):
    size = 96 * CHUNK_BYTES
    blob_id = vault.blobs.put(bytes(size), "document")
    tracemalloc.start()
    try:
        content = vault.blobs.get(blob_id)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(content) == size
    assert peak_bytes < 1.5 * size


def test_the_size_on_disk_tells_the_content_only_to_four_kilobytes(vault):
    sizes = {
        len(data): vault.blobs.path(vault.blobs.put(data, "x")).stat().st_size
        for data in (b"", b"a", b"a" * 1000, b"a" * (PAD_BYTES - PRELUDE_BYTES))
    }
    assert set(sizes.values()) == {HEADER_BYTES + PAD_BYTES + TAG_BYTES}


def test_the_same_content_twice_looks_like_two_different_blobs(vault):
    one, two = (vault.blobs.path(vault.blobs.put(b"same" * 1000, "x")).read_bytes() for _ in range(2))
    assert not any(one[at : at + 16] == two[at : at + 16] for at in range(4, len(one) - 16))


def test_every_flipped_byte_of_a_blob_is_refused(vault):
    blob_id = vault.blobs.put(random.Random(2).randbytes(CHUNK_BYTES + 9000), "document")
    path = vault.blobs.path(blob_id)
    whole = path.read_bytes()
    places = [*range(HEADER_BYTES + 2), *random.Random(3).sample(range(len(whole)), 200), len(whole) - 1]
    for place in places:
        flip(path, place, place % 8)
        with pytest.raises(VaultDamaged) as told:
            vault.blobs.get(blob_id)
        assert told.value.part == "blob"
        path.write_bytes(whole)
    assert len(vault.blobs.get(blob_id)) == CHUNK_BYTES + 9000


def test_every_truncation_and_extension_of_a_blob_is_refused(vault):
    blob_id = vault.blobs.put(random.Random(4).randbytes(2 * CHUNK_BYTES + 9000), "document")
    path = vault.blobs.path(blob_id)
    whole = path.read_bytes()
    sealed = CHUNK_BYTES + TAG_BYTES
    cuts = {0, 1, 4, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 1, HEADER_BYTES + TAG_BYTES,
            HEADER_BYTES + sealed - 1, HEADER_BYTES + sealed, HEADER_BYTES + sealed + 1,
            HEADER_BYTES + 2 * sealed, len(whole) - PAD_BYTES, len(whole) - 1,
            *random.Random(5).sample(range(len(whole)), 100)}  # fmt: skip
    for length in cuts:
        path.write_bytes(whole[:length])
        with pytest.raises(VaultDamaged):
            vault.blobs.get(blob_id)
    for more in (b"\0", b"\0" * PAD_BYTES, whole[-sealed:], os.urandom(sealed)):
        path.write_bytes(whole + more)
        with pytest.raises(VaultDamaged):
            vault.blobs.get(blob_id)


def test_chunks_moved_repeated_or_left_out_are_refused(vault):
    blob_id = vault.blobs.put(bytes(4 * CHUNK_BYTES), "document")
    path = vault.blobs.path(blob_id)
    whole = path.read_bytes()
    header, body = whole[:HEADER_BYTES], whole[HEADER_BYTES:]
    sealed = CHUNK_BYTES + TAG_BYTES
    chunks = [body[at : at + sealed] for at in range(0, len(body), sealed)]
    for order in (
        [1, 0, 2, 3, 4],
        [0, 1, 1, 3, 4],
        [0, 2, 3, 4],
        [0, 1, 2, 3],
        [0, 1, 2, 2, 3, 4],
        [1, 2, 3, 4],
    ):
        path.write_bytes(header + b"".join(chunks[index] for index in order))
        with pytest.raises(VaultDamaged):
            vault.blobs.get(blob_id)


def test_a_blob_put_in_the_place_of_another_is_refused(vault, notes, tmp_path):
    one, two = (vault.blobs.put(data, "document") for data in (b"first", b"second"))
    raw = [vault.blobs.path(each).read_bytes() for each in (one, two)]
    vault.blobs.path(one).write_bytes(raw[1])
    with pytest.raises(VaultDamaged):
        vault.blobs.get(one)
    # Only the header, then only the body, of the other one.
    for mixed in (
        raw[1][:HEADER_BYTES] + raw[0][HEADER_BYTES:],
        raw[0][:HEADER_BYTES] + raw[1][HEADER_BYTES:],
    ):
        vault.blobs.path(one).write_bytes(mixed)
        with pytest.raises(VaultDamaged):
            vault.blobs.get(one)
    other = notes.create(tmp_path / "other")
    foreign = other.blobs.put(b"first", "document")
    other.blobs.path(foreign).replace(vault.blobs.path(one))
    with pytest.raises(VaultDamaged):
        vault.blobs.get(one)


def test_a_blob_of_another_kind_is_refused_when_the_kind_matters(vault):
    blob_id = vault.blobs.put(b"pixels", "page-image")
    with pytest.raises(VaultDamaged):
        vault.blobs.get(blob_id, kind="document")
    for kind in ("", "Document", "seventeen-letters", "a b", "../x"):
        with pytest.raises(ValueError):
            vault.blobs.put(b"", kind)


@pytest.mark.parametrize("blob_id", ["", "x", "../../vault.json", "0" * 32, "F" * 32, "0" * 33])
def test_an_id_that_names_no_blob_is_told_as_missing(vault, blob_id):
    for verb in (vault.blobs.get, vault.blobs.size, vault.sealed_files.open, vault.sealed_files.size):
        with pytest.raises(BlobMissing):
            verb(blob_id)
    assert not vault.blobs.exists(blob_id)


def test_erasing_a_blob_destroys_its_key_before_its_name(vault, tmp_path):
    blob_id = vault.blobs.put(b"to be forgotten" * 1000, "document")
    path = vault.blobs.path(blob_id)
    before = path.read_bytes()
    # Another name for the same bytes on disk shows what is left of them.
    os.link(path, tmp_path / "remains")
    vault.blobs.delete(blob_id)
    vault.blobs.delete(blob_id)
    remains = (tmp_path / "remains").read_bytes()
    assert not path.exists()
    assert len(remains) == len(before)
    assert remains[4:HEADER_BYTES] != before[4:HEADER_BYTES]
    os.link(tmp_path / "remains", path)
    with pytest.raises(VaultDamaged):
        vault.blobs.get(blob_id)


def test_a_blob_nobody_books_is_set_aside_and_comes_back_when_read(notes, vault):
    kept, lost = (vault.blobs.put(data, "document") for data in (b"kept", b"lost"))
    notes.add(vault, "one", blob_id=kept)
    (notes.folder / "tmp" / "half").write_bytes(b"half-written")
    vault.close()
    vault = notes.open()
    assert (vault.collected.half_written, vault.collected.set_aside) == (1, 1)
    assert list(vault.blobs.ids()) == [kept]
    assert list((notes.folder / "tmp").iterdir()) == []
    assert vault.blobs.get(lost) == b"lost"
    assert sorted(vault.blobs.ids()) == sorted([kept, lost])


def test_quarantine_ends_after_seven_days(notes, vault):
    old, young = (vault.blobs.put(data, "document") for data in (b"old", b"young"))
    vault.close()
    notes.open().close()
    eight_days_ago = (notes.folder / "quarantine" / f"{young}.blob").stat().st_mtime - 8 * 24 * 3600
    os.utime(notes.folder / "quarantine" / f"{old}.blob", (eight_days_ago, eight_days_ago))
    vault = notes.open()
    assert vault.collected.purged == 1
    assert vault.blobs.get(young) == b"young"
    with pytest.raises(BlobMissing):
        vault.blobs.get(old)


def test_without_queries_for_references_nothing_is_collected(notes, vault):
    blob_id = vault.blobs.put(b"whose?", "document")
    vault.close()
    vault = notes.open(references=())
    assert vault.collected.set_aside == 0
    assert vault.blobs.get(blob_id) == b"whose?"


def make_sealed(vault, content=b"state" * 100):
    file = vault.sealed_files.create("reading")
    os.write(file.fd, content)
    assert vault.sealed_files.commit(file) == len(content)
    assert file.fd == -1
    return file.id, bytes(file.key)


def test_a_sealed_file_keeps_its_bytes_and_its_own_key(notes, vault):
    (first, key), (second, other_key) = make_sealed(vault), make_sealed(vault)
    notes.add(vault, "one", sealed_id=first)
    notes.add(vault, "two", sealed_id=second)
    assert len(key) == 32
    assert key != other_key
    vault.close()
    vault = notes.open()
    with vault.sealed_files.open(first) as file:
        assert (file.key, file.kind, os.read(file.fd, 1000)) == (key, "reading", b"state" * 100)
        with pytest.raises(OSError):
            os.write(file.fd, b"x")
    assert vault.sealed_files.size(first) == 500
    assert key.hex() not in repr(file)
    stored = (notes.folder / "sealed" / f"{first}.key").read_bytes()
    assert key not in stored


def test_a_sealed_file_that_is_discarded_or_never_committed_leaves_nothing(notes, vault):
    vault.sealed_files.discard(vault.sealed_files.create("reading"))
    assert list((notes.folder / "tmp").iterdir()) == []
    with vault.sealed_files.create("reading") as file:
        os.write(file.fd, b"half")
    vault.close()
    vault = notes.open()
    assert vault.collected.half_written == 1
    assert list(vault.sealed_files.ids()) == []


def test_a_changed_or_foreign_key_of_a_sealed_file_is_refused(vault):
    (first, _), (second, _) = make_sealed(vault), make_sealed(vault)
    sidecar = vault.sealed_files.path(first).with_suffix(".key")
    whole = sidecar.read_bytes()
    for place in range(len(whole)):
        flip(sidecar, place)
        with pytest.raises(VaultDamaged) as told:
            vault.sealed_files.open(first)
        assert told.value.part == "sealed-file"
        sidecar.write_bytes(whole)
    for raw in (
        b"",
        whole[:-1],
        whole + b"\0",
        vault.sealed_files.path(second).with_suffix(".key").read_bytes(),
    ):
        sidecar.write_bytes(raw)
        with pytest.raises(VaultDamaged):
            vault.sealed_files.open(first)


def test_erasing_a_sealed_file_destroys_its_key(notes, vault, tmp_path):
    file_id, _ = make_sealed(vault)
    sidecar = vault.sealed_files.path(file_id).with_suffix(".key")
    before = sidecar.read_bytes()
    os.link(sidecar, tmp_path / "remains")
    vault.sealed_files.delete(file_id)
    vault.sealed_files.delete(file_id)
    assert (tmp_path / "remains").read_bytes()[20:] != before[20:]
    assert list((notes.folder / "sealed").iterdir()) == []
    with pytest.raises(BlobMissing):
        vault.sealed_files.open(file_id)


def test_sealed_files_without_a_booking_or_a_half_are_erased_at_opening(notes, vault):
    booked, unbooked, keyless, fileless = (make_sealed(vault)[0] for _ in range(4))
    for body, file_id in (("booked", booked), ("keyless", keyless), ("fileless", fileless)):
        notes.add(vault, body, sealed_id=file_id)
    vault.sealed_files.path(keyless).with_suffix(".key").unlink()
    vault.sealed_files.path(fileless).unlink()
    vault.close()
    vault = notes.open()
    assert list(vault.sealed_files.ids()) == [booked]
    assert vault.collected.sealed_erased == 3
    for gone in (unbooked, keyless, fileless):
        with pytest.raises(BlobMissing):
            vault.sealed_files.open(gone)


def test_a_keyed_hash_is_the_vaults_own_and_the_labels_own(notes, vault, tmp_path):
    data = b"the same document"
    assert vault.mac("dedup/1", data) == vault.mac("dedup/1", memoryview(data))
    other = notes.create(tmp_path / "other")
    assert len({vault.mac("dedup/1", data), vault.mac("else/1", data), other.mac("dedup/1", data)}) == 3
    before = vault.mac("dedup/1", data)
    vault.close()
    assert notes.open().mac("dedup/1", data) == before


def test_a_closed_vault_gives_nothing(notes, vault):
    blob_id = vault.blobs.put(b"x", "document")
    file_id, _ = make_sealed(vault)
    vault.close()
    vault.close()
    for verb in (
        lambda: vault.blobs.get(blob_id),
        lambda: vault.blobs.put(b"y", "document"),
        lambda: vault.sealed_files.open(file_id),
        lambda: vault.sealed_files.create("reading"),
        lambda: vault.mac("dedup/1", b""),
        lambda: notes.bodies(vault),
        lambda: notes.add(vault, "late"),
        lambda: vault.add_recovery_slot(),
    ):
        with pytest.raises(VaultLocked):
            verb()
