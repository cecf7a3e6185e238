"""The process that takes models in: what it may touch, what it says, when it stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.client import EngineCancelled, EngineDied, EngineFailed, importing
from engine.client.importing import ModelImporter
from engine.importer import intake
from engine.importer.__main__ import _linked
from engine.models import sources
from engine.models.convert import Conversion, convert, count_threads
from engine.models.errors import ModelFileError
from engine.models.licence import find_licence
from engine.models.random_checkpoint import write_random_checkpoint
from engine.protocol import MessageInvalid
from engine.protocol.importing import Moved, TakeIn, decode_import_report, encode_line
from tests.fixtures.model_files import FLOAT_TINY, SHARDED

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="kernel filters are Linux's")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random") / "V1"
    write_random_checkpoint(folder, "base", "tiny")
    return folder


def test_what_it_makes_is_what_conversion_makes_with_the_digest_of_every_shard(
    checkpoint: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    look = ModelImporter().look_at(checkpoint)
    assert (look.is_checkpoint, look.container, look.shards, look.recommended) == (True, "torch", 15, "q8")
    assert look.memory_total_bytes > look.memory_free_bytes > 0
    taken = ModelImporter().take_in(
        checkpoint,
        tmp_path,
        "m.gguf",
        format_name="q4",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (look.parameters, look.parameters)
    convert(checkpoint, tmp_path / "ours.gguf", "q4")
    assert (tmp_path / "m.gguf").read_bytes() == (tmp_path / "ours.gguf").read_bytes()
    sums = subprocess.run(
        ["sha256sum", *sorted(p.name for p in checkpoint.glob("*.bin"))],
        cwd=checkpoint, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert [(shard.sha256, shard.name) for shard in taken.shards] == list(
        zip(sums[::2], sums[1::2], strict=True)
    )
    offered = {one.format: one.size_bytes for one in look.formats}
    assert 0 <= taken.size_bytes - offered["q4"] < 100_000, "its size was told before"
    assert 0 < taken.peak_memory_bytes < 400 << 20
    verdict = ModelImporter().rehash(tmp_path / "m.gguf")
    assert verdict.whole
    assert (verdict.identity, verdict.content_sha256) == (taken.identity, taken.content_sha256)
    again = ModelImporter().take_in(tmp_path / "m.gguf", tmp_path, "copy.gguf", format_name="auto")
    assert (again.identity, again.sha256) == (taken.identity, verdict.sha256)


def test_a_copy_of_a_damaged_file_is_refused_and_not_kept(tmp_path: Path) -> None:
    convert(FLOAT_TINY, tmp_path / "m.gguf", "q8")
    data = bytearray((tmp_path / "m.gguf").read_bytes())
    data[-3000] ^= 1
    (tmp_path / "m.gguf").write_bytes(data)
    (tmp_path / "into").mkdir()
    with pytest.raises(EngineFailed, match="its weights are not what was written") as refused:
        ModelImporter().take_in(tmp_path / "m.gguf", tmp_path / "into", "m.gguf", format_name="auto")
    assert refused.value.code == "model-file-damaged"
    assert list((tmp_path / "into").iterdir()) == []
    assert not ModelImporter().rehash(tmp_path / "m.gguf").whole


@pytest.mark.parametrize(("threads", "quiet"), [(0, False), (0, True), (3, True)])
def test_it_encodes_with_the_cores_it_was_given(
    threads: int, quiet: bool, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def converted(*arguments: Any, threads: int, **options: Any) -> Conversion:
        used.append(threads)
        return convert(*arguments, threads=threads, **options)

    monkeypatch.setattr(intake, "convert", converted)
    request = TakeIn(str(checkpoint), str(tmp_path), "m.gguf", "q8", "f32", "", 1 << 30, threads, quiet)
    intake.take_in(request, lambda done, total: None, lambda: False)
    assert used == [threads or count_threads(quiet=quiet)]


def test_quiet_takes_half_of_the_cores_that_encoding_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, all_of_them, half in ((1, 1, 1), (2, 2, 1), (6, 4, 3), (64, 4, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False)
        assert (count_threads(), count_threads(quiet=True)) == (all_of_them, half)


@LINUX
def test_it_can_write_only_where_it_was_told_and_hears_of_nothing_else(
    checkpoint: Path, tmp_path: Path
) -> None:
    """The cage of a process that was asked to write elsewhere than its request says."""
    program = (
        "import sys, socket, os\n"
        "from pathlib import Path\n"
        "from engine.cage import cage_importer\n"
        "source, target, other = map(Path, sys.argv[1:])\n"
        "told = cage_importer([source], [target], 1 << 30)\n"
        "(target / 'yes').write_text('1'); (target / 'yes').replace(target / 'moved')\n"
        "next(source.iterdir()).read_bytes()\n"
        "found = []\n"
        "for deed in (lambda: (other / 'no').write_text('1'), lambda: (other / 'there').read_text(),\n"
        "             lambda: (source / 'no').write_text('1'), lambda: socket.socket(),\n"
        "             lambda: os.fork(), lambda: bytearray(2 << 30)):\n"
        "    try: deed(); found.append('done')\n"
        "    except (OSError, MemoryError) as error: found.append(type(error).__name__)\n"
        "print(found, sorted(told.broken), flush=True)\n"
    )
    for name in ("target", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "there").write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", program, checkpoint, tmp_path / "target", tmp_path / "other"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(["PermissionError"] * 5 + ["MemoryError"])), done.stdout
    assert [p.name for p in (tmp_path / "target").iterdir()] == ["moved"]
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["there"]


def test_it_stops_when_nobody_listens_and_when_it_is_told_to(checkpoint: Path, tmp_path: Path) -> None:
    importer = ModelImporter()

    def take_in_again_and_again() -> None:
        # One that is nearly done when it is told to stop may still come to its end.
        for _ in range(100):
            (tmp_path / "m.gguf").unlink(missing_ok=True)
            importer.take_in(
                checkpoint, tmp_path, "m.gguf", format_name="q4", progress=lambda *_: importer.cancel()
            )

    with pytest.raises(EngineCancelled):
        take_in_again_and_again()
    assert not (tmp_path / "m.gguf").exists()
    with pytest.raises(EngineCancelled):
        importer.look_at(checkpoint)


def test_what_does_not_stop_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = 'import time; print(\'{"kind":"moved","done":1,"total":2}\', flush=True); time.sleep(600)'
    monkeypatch.setattr(importing, "importer_command", lambda: [sys.executable, "-c", deaf])
    monkeypatch.setattr(importing, "_LEAVE_S", 0.1)
    importer = ModelImporter()
    with pytest.raises(EngineCancelled):
        importer.take_in(
            tmp_path, tmp_path, "m.gguf", format_name="q8", progress=lambda *_: importer.cancel()
        )


@LINUX
def test_pipes_are_no_files_and_keep_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    os.mkfifo(tmp_path / "m" / "config.json")
    os.mkfifo(tmp_path / "m" / "README.md")
    for path in (tmp_path / "m", tmp_path / "m" / "config.json"):
        with pytest.raises(EngineFailed, match="is not a file") as refused:
            ModelImporter().look_at(path)
        assert refused.value.code == "model-file-unreadable"
    assert find_licence(tmp_path / "m", {}) == ""


@LINUX
def test_a_link_opens_a_file_and_no_folder(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "m", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "file").write_text("{}")
    (folder / "all").symlink_to(elsewhere)
    (folder / "round").symlink_to(folder / "round")
    (folder / "config.json").symlink_to(elsewhere / "file")
    assert _linked(folder) == [elsewhere / "file"]
    assert _linked(tmp_path / "gone") == []


@pytest.mark.parametrize(
    "line", [b"", b"{}\n", b"not json\n", b'{"kind":"look_at","path":"","memory_bytes":1073741824}\n']
)
def test_a_request_that_is_none_ends_it_at_once(line: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engine.importer"], cwd=ROOT, input=line, capture_output=True, timeout=60
    )
    assert done.returncode == 3
    assert done.stdout == b""


def test_memory_beyond_its_limit_is_told_not_taken(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises((EngineFailed, EngineDied)) as refused:
        ModelImporter(memory_bytes=64 << 20).take_in(checkpoint, tmp_path, "m.gguf", format_name="q8")
    assert not isinstance(refused.value, EngineFailed) or refused.value.code == "out-of-memory"
    assert list(tmp_path.iterdir()) == []


def test_lines_that_are_none_of_the_protocol_are_refused() -> None:
    for line in (b"", b"[]", b'{"kind":"moved"}', b'{"kind":"moved","done":1,"total":2,"more":3}', b"\xff"):
        with pytest.raises(MessageInvalid):
            decode_import_report(line)
    assert decode_import_report(encode_line(Moved(1, 2))) == Moved(1, 2)
    with pytest.raises(MessageInvalid):
        encode_line(TakeIn("\ud800", "f", "m", "q8", "f32", "", 1 << 30))


# -- what a path holds --------------------------------------------------------------------------------------


def test_a_path_is_told_by_its_content(tmp_path: Path) -> None:
    convert(FLOAT_TINY, tmp_path / "any.name", "q8")
    assert sources.sniff(tmp_path / "any.name").kind == "file"
    for path in (SHARDED, SHARDED / "config.json", SHARDED / "model-00002-of-00003.safetensors"):
        found = sources.sniff(path)
        assert (found.kind, found.path) == ("checkpoint", SHARDED)
    (tmp_path / "one").mkdir()
    shutil.copy(tmp_path / "any.name", tmp_path / "one" / "only.gguf")
    assert sources.sniff(tmp_path / "one").path.name == "only.gguf"
    shutil.copy(tmp_path / "any.name", tmp_path / "one" / "second.gguf")
    for path, told in ((tmp_path / "one", "several model files"), (ROOT / "LICENSE", "neither a model file")):
        with pytest.raises(ModelFileError, match=told) as refused:
            sources.sniff(path)
        assert refused.value.code == "model-source-unknown"
    with pytest.raises(ModelFileError, match="cannot be read"):
        sources.sniff(tmp_path / "gone")


def test_another_makers_model_is_told_by_its_architecture(tmp_path: Path) -> None:
    import struct

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    pairs = text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama")
    pairs += text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 128_256)
    path = tmp_path / "other.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + pairs + bytes(4096))
    found = sources.sniff(path)
    assert (found.kind, found.architecture) == ("foreign", "llama")


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "---\nlicense: apache-2.0\nlanguage: fr\n---\n# A model", "apache-2.0"),
        ("LICENSE", "\n   Apache License\n   Version 2.0, January 2004\n", "Apache-2.0"),
        ("LICENSE.txt", "Permission is hereby granted, free of charge, to any person", "MIT"),
        ("LICENSE", "# A licence of our own\n\nAll rights", "A licence of our own"),
        ("notes.txt", "license: mit", ""),
    ],
)
def test_the_licence_is_what_the_folder_says(name: str, text: str, licence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert find_licence(tmp_path, {}) == licence
    assert find_licence(tmp_path, {"license": "cc0-1.0"}) == "cc0-1.0"


def test_the_licence_goes_into_the_file(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "m")
    facts = json.loads((folder / "huisclos.json").read_text())
    (folder / "huisclos.json").write_text(json.dumps({**facts, "licence": ""}))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    assert ModelImporter().look_at(folder).licence == "apache-2.0"
    (tmp_path / "into").mkdir()
    taken = ModelImporter().take_in(folder, tmp_path / "into", "m.gguf", format_name="bf16", name="Mine")
    assert (taken.name, taken.licence) == ("Mine", "apache-2.0")


def test_progress_comes_ten_times_a_second_at_most(checkpoint: Path, tmp_path: Path) -> None:
    heard: list[float] = []
    began_s = time.monotonic()
    ModelImporter().take_in(
        checkpoint, tmp_path, "m.gguf", format_name="q4", progress=lambda *_: heard.append(time.monotonic())
    )
    assert 1 <= len(heard) <= 2 + 10 * (time.monotonic() - began_s)


def test_a_folder_of_links_as_a_model_store_keeps_them_is_read(checkpoint: Path, tmp_path: Path) -> None:
    store, snapshot, into = (tmp_path / name for name in ("blobs", "snapshot", "into"))
    shutil.copytree(checkpoint, store)
    snapshot.mkdir()
    into.mkdir()
    for path in store.iterdir():
        (snapshot / path.name).symlink_to(Path("..") / "blobs" / path.name)
    (tmp_path / "link").symlink_to(snapshot)
    for path in (snapshot, tmp_path / "link", snapshot / "pytorch_model-00001-of-00015.bin"):
        assert ModelImporter().look_at(path).shards == 15
    ModelImporter().take_in(tmp_path / "link", into, "m.gguf", format_name="q8")
    assert [p.name for p in into.iterdir()] == ["m.gguf"]
