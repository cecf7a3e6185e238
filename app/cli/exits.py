"""How a verb ends: exit codes by family of failure, and Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable

from app.core.errors import EnvironmentFailure, HuisClosError, UserError

EXIT_OK = 0
EXIT_USER = 2  # the person asked for something that cannot be
EXIT_ENVIRONMENT = 3  # the machine does not let us; the message says what to do
EXIT_OURS = 4  # a defect of ours
EXIT_DAMAGED = 5  # ``check`` found something that cannot be read any more
EXIT_STOPPED = 130  # stopped by Ctrl-C


def exit_code_of(failure: HuisClosError) -> int:
    if isinstance(failure, UserError):
        return EXIT_USER
    return EXIT_ENVIRONMENT if isinstance(failure, EnvironmentFailure) else EXIT_OURS


def on_interrupt(stop: Callable[[], None]) -> Callable[[], None]:
    """Have Ctrl-C call ``stop`` once (a second one interrupts for good); returns what undoes it."""
    try:
        before = signal.getsignal(signal.SIGINT)

        def hear(_: int, __: object) -> None:
            signal.signal(signal.SIGINT, before)
            stop()

        signal.signal(signal.SIGINT, hear)
    except ValueError:  # not on the main thread: nobody types Ctrl-C there
        return lambda: None
    return lambda: (signal.signal(signal.SIGINT, before), None)[1]
