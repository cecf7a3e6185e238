"""The real program with its window, as seen from outside: commands go in, what it did comes back."""

from __future__ import annotations

import json
import os
import select
import sys
from typing import Any

from tests.promises.house import WAIT_S, House


class Window:
    """One life of the program with its window; ``tell`` sends a command and waits for its one line, at most
    ``wait_s``: a large model on a busy machine needs more than a test gives."""

    def __init__(self, house: House, under: list[str] | None = None, *, wait_s: float = WAIT_S) -> None:
        screen = {"QT_QPA_PLATFORM": "offscreen"}
        if os.environ.get("DISPLAY"):
            shown = ("DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORM")
            screen = {name: os.environ[name] for name in shown if name in os.environ}
        command = [sys.executable, "-m", "tests.promises.windowed", str(house.vault)]
        self.house = house
        self._wait_s = wait_s
        self.process = house.start(command, under=under or (), environment=house.environment | screen)
        self.answer: Any = None
        self.seen: Any = None
        self.told: Any = None

    def send(self, verb: str, *words: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([verb, *words]) + "\n")
        self.process.stdin.flush()

    def tell(self, verb: str, *words: object) -> Any:
        self.send(verb, *words)
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], self._wait_s)[0], f"no answer to {verb}"
        line = self.process.stdout.readline()
        if not line:
            self.process.kill()
            raise AssertionError(f"{verb}: {self.process.communicate()[1]}")
        return json.loads(line)

    @property
    def pid(self) -> int:
        return self.process.pid
