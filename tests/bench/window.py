"""From ``dev.py run`` to the first painted window, seen from outside: the screen is watched for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QGuiApplication

from app.ui.theme import DARK, LIGHT
from tests.bench.table import Row, show, spread

ROOT = Path(__file__).resolve().parents[2]
RUNS = 5
WAIT_S = 30.0
_PLACES = [QPoint(x, y) for x in (40, 300, 700) for y in (40, 300, 700)]


def measure(home: Path) -> None:
    home.mkdir(parents=True)
    application = QGuiApplication.instance() or QGuiApplication([])
    assert isinstance(application, QGuiApplication)
    environment = {**os.environ, "HUISCLOS_HOME": str(home)}
    taken_s = [_start_once(application, environment) for _ in range(RUNS + 1)][1:]
    show(
        "Start",
        [Row("From `dev.py run` to the painted window", spread(taken_s), f"{RUNS} starts after a first one")],
    )


def _start_once(application: QGuiApplication, environment: dict[str, str]) -> float:
    began_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, ROOT / "dev.py", "run"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - began_s < WAIT_S:
            if _is_painted(application):
                return time.perf_counter() - began_s
            if process.poll() is not None:
                raise SystemExit(f"the window ended at once with code {process.returncode}")
            time.sleep(0.01)
        raise SystemExit(f"no window within {WAIT_S:.0f} s")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        while _is_painted(application):
            time.sleep(0.02)


def _is_painted(application: QGuiApplication) -> bool:
    """Whether a good part of the screen shows the ground or the surface of one of our palettes."""
    picture = application.primaryScreen().grabWindow(0).toImage()
    ours = {QColor(colour).rgb() for palette in (LIGHT, DARK) for colour in (palette.ground, palette.surface)}
    return sum(picture.pixelColor(place).rgb() in ours for place in _PLACES) >= 2
