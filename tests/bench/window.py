"""From the command to the first painted window, as a person waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.table import Row, show, spread

RUNS = 5


def measure(home: Path) -> None:
    home.mkdir(parents=True)
    environment = {**os.environ, "HUISCLOS_HOME": str(home)}
    taken_s = [_start_once(environment) for _ in range(RUNS + 1)][1:]
    show(
        "Start",
        [
            Row(
                "From the command to the first painted window",
                spread(taken_s),
                f"{RUNS} starts, the first one not counted",
            )
        ],
    )


def _start_once(environment: dict[str, str]) -> float:
    began_s = time.time()
    answer = subprocess.run(
        [sys.executable, "-m", "tests.bench.first_paint"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(answer.stdout.split()[-1]) - began_s
