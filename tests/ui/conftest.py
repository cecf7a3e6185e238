"""A real window over a real vault; at the engine's seam nothing, or a client whose answers a test writes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.bridge.garbage import GarbageCollector
from app.bridge.session import Session
from app.core.settings import SettingsFile
from app.services import model_trial
from app.services.views import DocumentStatus
from app.ui.language import Speaker, Speech
from app.ui.look import Look
from app.ui.main_window import MainWindow
from engine.cage import Guarantee
from tests.services.conftest import Desk, ScriptedClient, SharedHelper

OFFLINE = Guarantee("linux", kernel_filter=True, kept=frozenset({"internet"}))
WAIT_MS = 60_000


@pytest.fixture(scope="session")
def helper() -> Iterator[SharedHelper]:
    helper = SharedHelper.spawn()
    assert isinstance(helper, SharedHelper)
    yield helper
    helper.end()


@pytest.fixture(autouse=True)
def hurried_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model on trial reads for a moment: what it does counts here, not how fast it is."""
    monkeypatch.setattr(model_trial, "READ_S", 0.05)


@pytest.fixture(scope="package", autouse=True)
def collector(qapp: QApplication) -> Iterator[GarbageCollector]:
    """As in the program: no worker thread destroys a widget."""
    collector = GarbageCollector(qapp)
    yield collector
    collector.stop()


@pytest.fixture(scope="session")
def look(qapp: QApplication) -> Look:
    look = Look(qapp, "light")
    qapp.setQuitOnLastWindowClosed(False)
    return look


@pytest.fixture(scope="session")
def _speaker(qapp: QApplication) -> Speaker:
    return Speaker(qapp)


@pytest.fixture
def speaker(_speaker: Speaker) -> Iterator[Speaker]:
    """Speaks English unless a test says otherwise, and again afterwards."""
    _speaker.speak("en")
    yield _speaker
    _speaker.speak("en")


@dataclass
class Stage:
    """Opens windows, and closes whatever a test left open."""

    qtbot: QtBot
    look: Look
    speaker: Speaker
    desk: Desk
    locked: list[int] = field(default_factory=list)
    windows: list[MainWindow] = field(default_factory=list)

    def open(self, language: Speech = "en", *, auto_read: bool = False) -> MainWindow:
        self.speaker.speak(language)
        self.look.choose("light")
        settings = SettingsFile(self.desk.root / "settings.toml")
        settings.load()
        session = Session(self.desk.open(auto_read=auto_read))
        window = MainWindow(self.look, settings, session, OFFLINE, language, lambda: self.locked.append(1))
        self.windows.append(window)
        window.resize(1440, 900)
        window.show()
        self.qtbot.waitExposed(window)
        return window

    def until(self, ready: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(ready()), timeout=WAIT_MS)

    def take_in(self, window: MainWindow, **files: str | bytes) -> None:
        """Drop files (``lettre_txt=…`` is called lettre.txt) and wait until they are in."""
        paths = [self.desk.file(".".join(name.rsplit("_", 1)), content) for name, content in files.items()]
        more = len(files) + len(window.library.documents.rows) + len(window.library.exceptions.cards)
        window.deeds.take_in(paths)
        self.until(lambda: window.library.dossier is not None and not window.session.importing)

        def settled() -> bool:
            rows, broken = window.library.documents.rows, window.library.exceptions.cards
            moving = {DocumentStatus.QUEUED, DocumentStatus.PARSING}
            return len(rows) + len(broken) >= more and not any(row.status in moving for row in rows)

        self.until(settled)

    def ask(self, window: MainWindow, question: str) -> None:
        """Ask as a person does and wait for the end of the answer."""
        self.until(window.chat.composer.field.isEnabled)
        window.chat.composer.put(question)
        window.actions_.ask.trigger()
        self.until(lambda: window.chat.cards and not window.chat.is_answering)

    def close(self) -> None:
        for window in self.windows:
            window.session.close()
            window.hide()
            window.deleteLater()
        self.windows = []
        self.qtbot.wait(10)
        self.desk.close()


def _stage(qtbot: QtBot, look: Look, speaker: Speaker, desk: Desk) -> Iterator[Stage]:
    with contextlib.closing(Stage(qtbot, look, speaker, desk)) as stage:
        yield stage


@pytest.fixture
def stage(
    qtbot: QtBot, look: Look, speaker: Speaker, tmp_path: Path, helper: SharedHelper
) -> Iterator[Stage]:
    """No model is installed."""
    yield from _stage(qtbot, look, speaker, Desk(tmp_path, helper))


@pytest.fixture
def scripted(
    qtbot: QtBot, look: Look, speaker: Speaker, tmp_path: Path, helper: SharedHelper
) -> Iterator[Stage]:
    """A model that answers what ``stage.desk.client`` says."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "scripted.gguf").write_bytes(b"GGUF, as far as the scripted client is concerned")
    desk = Desk(tmp_path, helper, shipped, ScriptedClient(lambda status: None))
    yield from _stage(qtbot, look, speaker, desk)


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that leaves a thread or a process behind fails."""
    request.getfixturevalue("helper")
    threads = set(threading.enumerate())
    processes = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    end = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < end:
        more_threads = {t for t in threading.enumerate() if t not in threads and t.is_alive()}
        more_processes = {
            child.pid
            for child in psutil.Process().children(recursive=True)
            if child.pid not in processes and child.status() != psutil.STATUS_ZOMBIE
        }
        if not more_threads and not more_processes:
            return
        time.sleep(0.02)
    raise AssertionError(f"left behind: {more_threads} {more_processes}")
