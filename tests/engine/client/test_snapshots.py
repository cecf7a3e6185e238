"""The client with the tiny real model: saved, restored, damaged readings."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.client import (
    EngineClient,
    EngineFailed,
    Patience,
)
from engine.client.launch import LaunchedWorker, launch_worker
from engine.protocol import codes
from tests.engine.client.world import QUICK, TINY, WAIT_S, WHY, wait_for


def test_saved_restored_forked_and_uninterrupted_answers_are_equal(tmp_path: Path) -> None:
    key = os.urandom(32)
    text = "On Monday the patient took 5 mg. " * 8
    with EngineClient(patience=QUICK) as client:
        client.load(TINY, threads=1).result(WAIT_S)
        client.read("s", [text]).result(WAIT_S)
        straight = client.generate(WHY, from_session="s", max_tokens=24).result(WAIT_S)
        with (tmp_path / "snapshot").open("w+b") as file:
            saved = client.save_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        assert saved.size_bytes == (tmp_path / "snapshot").stat().st_size
        assert client.status.pid is not None
        os.kill(client.status.pid, signal.SIGKILL)
        wait_for(lambda: client.status.restarts == 1 and client.status.model is not None)
        with (tmp_path / "snapshot").open("rb") as file:
            restored = client.restore_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        assert (restored.position_tok, restored.text_sha256) == (saved.position_tok, saved.text_sha256)
        client.fork("s", "t").result(WAIT_S)
        for name in ("s", "t"):
            again = client.generate(WHY, from_session=name, max_tokens=24).result(WAIT_S)
            assert (again.text, again.confidence) == (straight.text, straight.confidence)


def test_a_damaged_or_foreign_snapshot_is_refused_and_no_session_made(tmp_path: Path) -> None:
    key, path = os.urandom(32), tmp_path / "snapshot"
    with EngineClient(patience=QUICK) as client:
        client.load(TINY, threads=1, window_precision="int8").result(WAIT_S)
        client.read("s", ["On Monday."]).result(WAIT_S)
        with path.open("w+b") as file:
            client.save_state("s", file.fileno(), key, "dossier").result(WAIT_S)
        sealed = path.read_bytes()

        def refused(content: bytes, identity_text: str = "dossier") -> str:
            path.write_bytes(content)
            with path.open("rb") as file, pytest.raises(EngineFailed) as failed:
                client.restore_state("new", file.fileno(), key, identity_text).result(WAIT_S)
            return failed.value.code

        for place in (0, 12, 600, 1060, len(sealed) - 1):
            flipped = bytearray(sealed)
            flipped[place] ^= 1
            assert refused(bytes(flipped)) == codes.STATE_DAMAGED
        assert refused(sealed[:-1]) == codes.STATE_DAMAGED
        assert refused(b"") == codes.STATE_DAMAGED
        assert refused(sealed, "another dossier") == codes.STATE_MISMATCH
        with pytest.raises(EngineFailed) as failed:
            client.generate(WHY, from_session="new").result(WAIT_S)
        assert failed.value.code == codes.SESSION_UNKNOWN
        path.write_bytes(sealed)
        client.load(TINY, threads=1, window_precision="f16").result(WAIT_S)
        assert refused(sealed) == codes.STATE_MISMATCH


def test_a_disk_that_is_full_is_told_as_one(client: EngineClient, write_model: Callable[..., Path]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    client.load(write_model())
    client.read("s", ["x"]).result(WAIT_S)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(EngineFailed) as failed:
            client.save_state("s", full, bytes(32), "dossier").result(WAIT_S)
    finally:
        os.close(full)
    assert failed.value.code == codes.STATE_UNWRITABLE


def test_a_worker_that_answers_garbage_is_ended() -> None:
    def launch(command: object) -> LaunchedWorker:
        code = (
            "import os, socket, sys\n"
            "end = socket.socket(fileno=int(sys.argv[-1]))\n"
            "end.sendall(b'\\x05\\0\\0\\0\\0\\0\\0\\0hello')\n"
            "end.recv(1)\n"
        )
        return launch_worker([sys.executable, "-c", code])

    with EngineClient(patience=Patience(back_off_s=()), launch=launch) as client:
        wait_for(lambda: client.status.phase == "failed")
        assert client.status.reason == "garbled"
