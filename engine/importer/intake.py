"""Taking a model in: a checkpoint is converted, a model file copied; both are hashed on the way."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import numpy as np

from engine.models import architectures, foreign, keys
from engine.models.convert import Format, convert, count_threads
from engine.models.errors import ConversionCancelledError, ConversionError, ModelFileError
from engine.models.facts import facts_from_metadata
from engine.models.gguf import open_gguf
from engine.models.gguf_writer import sync_folder
from engine.models.sources import Source, sniff
from engine.models.tensor_names import weight_count
from engine.models.tensors import find_not_finite
from engine.protocol.importing import Rehash, Shard, TakeIn, TakenIn, Verdict

_COPY_BYTES: Final = 4 << 20
_ROOM_BYTES: Final = 64 << 20

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


def take_in(request: TakeIn, progress: Progress, cancelled: Cancelled) -> TakenIn:
    """Raises ModelError; then nothing of ours is left in the folder."""
    began_s = time.monotonic()
    source, target = sniff(Path(request.path)), Path(request.folder) / request.file
    try:
        if source.kind == "checkpoint":
            made = convert(
                source.path,
                target,
                cast("Format", request.format),
                reading=request.reading,
                name=request.name,
                digests=True,
                threads=request.threads or count_threads(quiet=request.quiet),
                progress=progress,
                cancelled=cancelled,
            )
            shards = tuple(Shard(s.name, s.size_bytes, s.sha256) for s in made.shards)
            sha256 = ""
        else:
            sha256 = _copy(source, target, progress, cancelled)
            if source.kind == "file":
                _check_numbers(source.path.name, target, cancelled)
            shards = (Shard(source.path.name, target.stat().st_size, sha256),)
        describe = _describe_foreign if source.kind == "foreign" else _describe
        return describe(request, target, sha256, shards, time.monotonic() - began_s)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def rehash(request: Rehash, progress: Progress, cancelled: Cancelled) -> Verdict:
    """Every byte of a file once more. Raises ModelError for a file that cannot be read as a model."""
    path = Path(request.path)
    found_as = sniff(path)
    start, total, told = _front(found_as)
    whole, content = hashlib.sha256(), hashlib.sha256()
    done = 0
    for block in _blocks(path):
        if cancelled():
            raise ConversionCancelledError
        whole.update(block)
        content.update(block[max(0, min(len(block), start - done)) :])
        done += len(block)
        progress(done, total)
    found = content.hexdigest()
    if found_as.kind == "foreign":
        return Verdict(foreign.identity_of(path), found, whole.hexdigest(), True)
    identity = open_gguf(path).header.sha256 if isinstance(told, str) else whole.hexdigest()
    return Verdict(identity, found, whole.hexdigest(), told is None or told == found)


def _describe(
    request: TakeIn, target: Path, sha256: str, shards: tuple[Shard, ...], seconds: float
) -> TakenIn:
    file = open_gguf(target)
    architecture = architectures.of_file(file.metadata)
    config = architecture.from_metadata(file.metadata)
    facts = facts_from_metadata(file.metadata).named(request.name or target.stem)
    told = file.metadata.get(keys.CONTENT_SHA256)
    return TakenIn(
        name=facts.name,
        label_en=facts.label_en,
        label_fr=facts.label_fr,
        format=str(file.metadata.get(keys.FORMAT, ""))[:16],
        architecture=architecture.name,
        parameters=weight_count(architecture.tensors(config)),
        size_bytes=file.header.size_bytes,
        identity=file.header.sha256 if isinstance(told, str) else sha256,
        content_sha256=told if isinstance(told, str) else "",
        sha256=sha256,
        licence=facts.licence,
        source=facts.source,
        reader=facts.reader,
        shards=shards,
        seconds=seconds,
        cpu_s=time.process_time(),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _describe_foreign(
    request: TakeIn, target: Path, sha256: str, shards: tuple[Shard, ...], seconds: float
) -> TakenIn:
    facts = foreign.read_foreign(target)
    name = request.name or facts.name
    return TakenIn(
        name=name,
        label_en=name,
        label_fr=name,
        format=foreign.FORMAT,
        architecture=facts.architecture,
        parameters=facts.parameters,
        size_bytes=facts.size_bytes,
        identity=foreign.identity_of(target),
        content_sha256="",
        sha256=sha256,
        licence=facts.licence,
        source="",
        reader=False,
        shards=shards,
        seconds=seconds,
        cpu_s=time.process_time(),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _front(source: Source) -> tuple[int, int, object]:
    """Where a file's weights begin, its size, and the digest that it tells of its weights, if any."""
    if source.kind == "foreign":
        return 0, foreign.read_foreign(source.path).size_bytes, None
    header = open_gguf(source.path).header
    return header.data_offset_bytes, header.size_bytes, header.metadata.get(keys.CONTENT_SHA256)


def _copy(found: Source, target: Path, progress: Progress, cancelled: Cancelled) -> str:
    """The file beside ours, hashed as it passes; its weights must be what its own digest says."""
    source = found.path
    start, total, told = _front(found)  # refused before a byte of it is copied
    free = shutil.disk_usage(target.parent).free
    if free < total + _ROOM_BYTES:
        raise ConversionError(
            "disk-full", f"The copy needs {total / 1e6:,.1f} MB, and its disk has {free / 1e6:,.1f} MB left."
        )
    whole, content = hashlib.sha256(), hashlib.sha256()
    done = 0
    try:
        with target.open("xb") as file:
            for block in _blocks(source):
                if cancelled():
                    raise ConversionCancelledError
                whole.update(block)
                content.update(block[max(0, min(len(block), start - done)) :])
                file.write(block)
                done += len(block)
                progress(done, total)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    if done != total:
        raise ModelFileError("model-file-truncated", f"{source.name} changed while it was copied.")
    if told is not None and told != content.hexdigest():
        raise ModelFileError(
            "model-file-damaged", f"{source.name} is damaged: its weights are not what was written."
        )
    return whole.hexdigest()


def _check_numbers(name: str, target: Path, cancelled: Cancelled) -> None:
    """As conversion does of a checkpoint's weights; integer codes are numbers whatever they are."""

    def check_cancel() -> None:
        if cancelled():
            raise ConversionCancelledError

    tensors = open_gguf(target).tensors
    try:
        found = find_not_finite(tensors, check_cancel)
    finally:
        tensors.close()
    if found:
        raise ModelFileError("weights-not-finite", f"{name}: {found} holds what is no finite number.")


def _blocks(path: Path) -> Iterator[memoryview]:
    buffer = np.empty(_COPY_BYTES, dtype=np.uint8)
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer.data):
                yield buffer.data[:count]
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read any more: {error.strerror or error}."
        ) from error


def _unwritable(target: Path, error: OSError) -> ConversionError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConversionError("disk-full", f"The disk of {target.parent} is full.")
    return ConversionError(
        "destination-unwritable", f"{target} cannot be written: {error.strerror or error}."
    )


def peak_memory_bytes() -> int:
    """The most memory this process ever held, 0 where the system does not tell."""
    # Not getrusage: what it tells begins with what the program that started us held.
    try:
        status = Path("/proc/self/status").read_text("ascii", "replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) << 10 if found else 0
