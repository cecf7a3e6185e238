"""What tests of the client share: the fake worker, the tiny real model, waiting."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.client import (
    Patience,
    Request,
)
from engine.protocol import ChatMessage, GenerateDone

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parent.parent
FAKE = [sys.executable, str(HERE / "fake_worker.py")]
TINY = HERE.parent / "fixtures" / "golden" / "float-tiny"
WHY = [ChatMessage("user", "why?")]
WAIT_S = 30.0
# Starts again at once, and waits for what a busy machine is late with: only a worker that hangs is ended.
QUICK = Patience(cancel_s=WAIT_S, back_off_s=(0.01, 0.01, 0.01), last_words_s=WAIT_S)


def wait_for(condition: Callable[[], bool]) -> None:
    """Until something is so; a test that waits in vain fails."""
    end_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.005)


def first_delta(request: Request[GenerateDone]) -> threading.Event:
    """Set once the answer has begun."""
    begun = threading.Event()
    request.on_delta(lambda delta: begun.set())
    return begun
