"""The zip container around torch weights: where each stored entry lies in the file, and nothing else.

Only what torch writes is taken: entries stored as they are (never compressed, never encrypted), one folder
around them, the directory at the very end, 64-bit sizes where needed. Every number is checked against the
file before it is used, so an archive cannot name bytes outside itself, twice, or more than there are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from engine.models.errors import ModelFileError
from engine.models.tensors import file_size

DIRECTORY_LIMIT_BYTES: Final = 4 << 20
"""A shard of the published checkpoints needs a few kilobytes."""

_ENTRIES_MAX: Final = 20_000
_END: Final = struct.Struct("<4s4H2IH")
_LOCATOR: Final = struct.Struct("<4sIQI")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_ENCRYPTED: Final = 0x2041
"""Encrypted entry, strong encryption, masked directory."""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry, its bytes as they are in the file: `offset_bytes` from the start of the file."""

    name: str
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    header_bytes: int
    size_bytes: int


def read_archive(path: Path) -> Mapping[str, StoredEntry]:
    """All entries by their name below the one folder torch puts around them. Raises ModelFileError."""
    size = file_size(path)
    try:
        with path.open("rb") as file:
            start, length, count = _find_directory(path, file, size)
            listed = list(_read_directory(path, _read(path, file, start, length), count))
            entries = [_locate(path, file, entry, start) for entry in listed]
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error
    place = 0
    for entry in sorted(entries, key=lambda entry: entry.offset_bytes):
        if entry.offset_bytes < place:
            raise invalid(path, "invalid", f"its entry {entry.name[:80]!a} lies over another")
        place = entry.offset_bytes + entry.size_bytes
    return _without_folder(path, entries)


def invalid(path: Path, kind: str, reason: str) -> ModelFileError:
    return ModelFileError(f"model-file-{kind}", f"{path.name} is not a valid torch file: {reason}.")


def _find_directory(path: Path, file: BinaryIO, size: int) -> tuple[int, int, int]:
    if size < _END.size:
        raise invalid(path, "truncated", "it is too short to be one")
    if _read(path, file, 0, 4) != b"PK\x03\x04":
        raise invalid(path, "invalid", "it does not begin as a zip archive, which torch writes since 1.6")
    end = size - _END.size
    mark, disk, first_disk, here, count, length, start, comment = _END.unpack(
        _read(path, file, end, _END.size)
    )
    if mark != b"PK\x05\x06" or comment:
        raise invalid(path, "truncated", "its directory is not at its end")
    locator = end - _LOCATOR.size
    if locator >= 0:
        mark, disk_64, end_64, disks = _LOCATOR.unpack(_read(path, file, locator, _LOCATOR.size))
        if mark == b"PK\x06\x07":
            if disk_64 or disks > 1 or end_64 + _END_64.size != locator:
                raise invalid(path, "invalid", "its 64-bit directory record is misplaced")
            mark, record, _, _, disk, first_disk, here, count, length, start = _END_64.unpack(
                _read(path, file, end_64, _END_64.size)
            )
            if mark != b"PK\x06\x06" or record != _END_64.size - 12:
                raise invalid(path, "invalid", "its 64-bit directory record is none")
            end = end_64
    if disk or first_disk or here != count:
        raise invalid(path, "invalid", "it is one part of several")
    if count > _ENTRIES_MAX or length > DIRECTORY_LIMIT_BYTES:
        raise invalid(path, "oversized", f"its directory claims {count} entries in {length} bytes")
    if start + length != end:
        raise invalid(path, "truncated", "its directory does not lie where it says")
    return start, length, count


def _read_directory(path: Path, raw: bytes, count: int) -> Iterator[_Listed]:
    place, seen = 0, set()
    for _ in range(count):
        if place + _CENTRAL.size > len(raw):
            raise invalid(path, "truncated", "its directory ends within an entry")
        fields = _CENTRAL.unpack_from(raw, place)
        mark, flags, method = fields[0], fields[3], fields[4]
        packed, size, name_bytes, extra_bytes, comment_bytes, disk = *fields[8:13], fields[13]
        header = fields[16]
        place += _CENTRAL.size
        after = place + name_bytes + extra_bytes + comment_bytes
        if mark != b"PK\x01\x02" or after > len(raw) or disk:
            raise invalid(path, "invalid", "its directory holds something that is no entry")
        name = _entry_name(path, raw[place : place + name_bytes])
        if name in seen:
            raise invalid(path, "invalid", f"its entry {name[:80]!a} is listed twice")
        seen.add(name)
        extra = raw[place + name_bytes : place + name_bytes + extra_bytes]
        size, packed, header = _widen_sizes(path, extra, (size, packed, header))
        if flags & _ENCRYPTED:
            raise invalid(path, "invalid", f"its entry {name[:80]!a} is encrypted")
        if method or packed != size:
            raise invalid(path, "invalid", f"its entry {name[:80]!a} is compressed, which torch never does")
        yield _Listed(name, header, size)
        place = after
    if place != len(raw):
        raise invalid(path, "invalid", "its directory holds more than its entries")


def _entry_name(path: Path, raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid(path, "invalid", "an entry's name is not a text") from None
    # Entries are never unpacked; a name that leads elsewhere says enough about who wrote it.
    parts = name.split("/")
    if len(parts) < 2 or "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise invalid(path, "invalid", f"its entry {name[:80]!a} has a name that leads out of it")
    return name


def _widen_sizes(path: Path, extra: bytes, values: tuple[int, int, int]) -> list[int]:
    """Size, packed size and place, each taken from the 64-bit field where the short one says so."""
    wide: bytes | None = None
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        if kind == 1:
            wide = extra[place + 4 : place + 4 + length]
        place += 4 + length
    result = []
    for value in values:
        if value != 0xFFFF_FFFF:
            result.append(value)
        elif wide is not None and len(wide) >= 8:
            result.append(int.from_bytes(wide[:8], "little"))
            wide = wide[8:]
        else:
            raise invalid(path, "invalid", "an entry has no size")
    return result


def _locate(path: Path, file: BinaryIO, entry: _Listed, limit: int) -> StoredEntry:
    told = f"its entry {entry.name[:80]!a}"
    if entry.header_bytes + _LOCAL.size > limit:
        raise invalid(path, "truncated", f"{told} lies outside the file")
    fields = _LOCAL.unpack(_read(path, file, entry.header_bytes, _LOCAL.size))
    name_bytes, extra_bytes = fields[9], fields[10]
    offset = entry.header_bytes + _LOCAL.size + name_bytes + extra_bytes
    if fields[0] != b"PK\x03\x04" or fields[3] != 0:
        raise invalid(path, "invalid", f"{told} is not where the directory says")
    if offset + entry.size_bytes > limit:
        raise invalid(path, "truncated", f"{told} claims {entry.size_bytes} bytes that are not there")
    if _read(path, file, entry.header_bytes + _LOCAL.size, name_bytes) != entry.name.encode():
        raise invalid(path, "invalid", f"{told} has another name at its place")
    return StoredEntry(entry.name, offset, entry.size_bytes)


def _without_folder(path: Path, entries: list[StoredEntry]) -> Mapping[str, StoredEntry]:
    folders = {entry.name.split("/", 1)[0] for entry in entries}
    if len(folders) != 1:
        raise invalid(path, "invalid", "its entries are not in one folder")
    return {entry.name.split("/", 1)[1]: entry for entry in entries}


def _read(path: Path, file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    data = file.read(length)
    if len(data) != length:
        raise invalid(path, "truncated", "it ends early")
    return data
