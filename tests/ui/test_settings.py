"""Settings of the window and of the computer, and what they change."""

from __future__ import annotations

import os

import pytest

from app.core.paths import Paths
from app.core.settings import SettingsFile
from app.ui import application
from app.ui.dialogs.settings_dialog import SettingsDialog, core_count
from tests.ui.conftest import Stage


def test_the_model_is_loaded_again_with_the_cores_that_were_chosen(
    scripted: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = scripted.open()
    loaded: list[int] = []
    monkeypatch.setattr(
        window.session,
        "reload_model",
        lambda: loaded.append(window._settings.current.engine_threads),
    )
    dialog = SettingsDialog(scripted.look, window._settings, window.session, window)
    assert dialog.threads.currentData() == 0
    assert dialog.quiet.isEnabled()
    dialog.quiet.setChecked(True)
    assert window._settings.current.quiet
    dialog.threads.setCurrentIndex(dialog.threads.findData(1))
    dialog.threads.activated.emit(dialog.threads.currentIndex())
    assert window._settings.current.engine_threads == 1
    assert not dialog.quiet.isEnabled(), "a number of cores goes before the quiet half"
    assert loaded == [0, 1]
    assert dialog.threads.findData(core_count()) > 0
    dialog.deleteLater()


@pytest.fixture
def paths(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    for name in (application._SCALE, application._SCALED_BY_US):
        monkeypatch.setenv(name, "x")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    return Paths.find(tmp_path)


def scale_of(paths: Paths, percent: int) -> str | None:
    file = SettingsFile(paths.settings_file)
    file.load()
    file.change(zoom_percent=percent)
    application._enlarge(paths)
    return os.environ.get(application._SCALE)


def test_everything_takes_the_size_that_was_chosen_and_loses_it_again(paths: Paths) -> None:
    assert scale_of(paths, 100) is None
    assert scale_of(paths, 150) == "1.5"
    assert scale_of(paths, 75) == "0.75"  # a locked program inherits what the one before it set
    assert scale_of(paths, 100) is None


def test_a_size_asked_for_outside_goes_first(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(application._SCALE, "2")
    assert scale_of(paths, 150) == "2"
