"""What is said to and by the process that takes a model in: one JSON value per line.

It lives for one request, its first line. The end of its input asks it to stop, whether somebody cancelled or
nobody is there any more. Its last line is a Look, a TakenIn, a Verdict, a Refused or a Stopped.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct

from engine.protocol.codec import MessageInvalid

MAX_LINE_BYTES: Final = 1 << 20

Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Reading = Literal["f32", "bf16"]


class _Line(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Every line is a value with a `kind`; unknown fields are refused."""


class LookAt(_Line, frozen=True, tag="look_at"):
    """Say what a folder or file holds, without reading its weights."""

    path: Path
    memory_bytes: Annotated[int, Meta(ge=64 << 20)]


class TakeIn(_Line, frozen=True, tag="take_in"):
    """Make `folder`/`file` from a checkpoint (converted) or a model file (copied and checked).

    `format` is for a checkpoint: one of its formats. The source is never changed. `threads` encode (0: as
    many as help), with `quiet` half of the cores at most.
    """

    path: Path
    folder: Path
    file: Path
    format: Annotated[str, Meta(max_length=16)]
    reading: Reading
    name: Annotated[str, Meta(max_length=200)]
    memory_bytes: Annotated[int, Meta(ge=64 << 20)]
    threads: Annotated[int, Meta(ge=0, le=256)] = 0
    quiet: bool = False


class Rehash(_Line, frozen=True, tag="rehash"):
    """Hash a model file again, against what it says of itself."""

    path: Path
    memory_bytes: Annotated[int, Meta(ge=64 << 20)]


ImportRequest = LookAt | TakeIn | Rehash


class FormatSize(Struct, frozen=True, forbid_unknown_fields=True):
    """A format that a model can be kept in, and the size of its file then."""

    format: str
    size_bytes: int


class Look(_Line, frozen=True, tag="look"):
    """What a path holds. `formats` has one entry for a model file: its own. `recommended` suits this
    machine."""

    is_checkpoint: bool
    name: str
    architecture: str
    note: str
    container: str
    shards: int
    parameters: int
    source_bytes: int
    licence: str
    spiking: bool
    formats: tuple[FormatSize, ...]
    recommended: str
    window_tok: int
    context_tok: int
    memory_total_bytes: int
    memory_free_bytes: int


class Moved(_Line, frozen=True, tag="moved"):
    """How far it is, in bytes of the source or in weights; at most ten a second."""

    done: int
    total: int


class Shard(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the source as it was read."""

    name: str
    size_bytes: int
    sha256: str


class TakenIn(_Line, frozen=True, tag="taken_in"):
    """What was made. `sha256` is that of the whole file where it was copied, else empty: the identity, which
    is the digest of the file's front, binds the weights by the digest of theirs."""

    name: str
    label_en: str
    label_fr: str
    format: str
    architecture: str
    parameters: int
    size_bytes: int
    identity: str
    content_sha256: str
    sha256: str
    licence: str
    source: str
    reader: bool
    shards: tuple[Shard, ...]
    seconds: float
    cpu_s: float
    peak_memory_bytes: int


class Verdict(_Line, frozen=True, tag="verdict"):
    """What a file is now, hashed from its first to its last byte."""

    identity: str
    content_sha256: str
    sha256: str
    whole: bool


class Refused(_Line, frozen=True, tag="refused"):
    """It cannot be done; nothing was left behind. `code` is a slug, `message` English."""

    code: str
    message: str


class Stopped(_Line, frozen=True, tag="stopped"):
    """It was stopped as asked; nothing was left behind."""


ImportReport = Look | Moved | TakenIn | Verdict | Refused | Stopped

_T = TypeVar("_T")

_encoder: Final = msgspec.json.Encoder()
_requests: Final = msgspec.json.Decoder(cast("type[ImportRequest]", ImportRequest))
_reports: Final = msgspec.json.Decoder(cast("type[ImportReport]", ImportReport))


def encode_line(message: ImportRequest | ImportReport) -> bytes:
    """One line with its end. Raises MessageInvalid when it is longer than anybody reads."""
    try:
        line = _encoder.encode(message) + b"\n"
    except UnicodeError:
        raise MessageInvalid(f"a {type(message).__name__} holds a text that is no Unicode") from None
    if len(line) > MAX_LINE_BYTES:
        raise MessageInvalid(f"a {type(message).__name__} of {len(line)} bytes is over {MAX_LINE_BYTES}")
    return line


def decode_import_request(line: bytes) -> ImportRequest:
    """Raises MessageInvalid for anything but one request."""
    return _decode(_requests, line)


def decode_import_report(line: bytes) -> ImportReport:
    """Raises MessageInvalid for anything but one report."""
    return _decode(_reports, line)


def _decode(decoder: msgspec.json.Decoder[_T], line: bytes) -> _T:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise MessageInvalid(str(error)) from None
