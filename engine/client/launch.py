"""Starting a worker process: its command, its bare environment, and the channel it inherits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import programs
from engine.protocol import MAX_DESCRIPTORS, MAX_REPLY_BYTES, MAX_REQUEST_BYTES
from engine.transport import Channel

_KEPT_VARIABLES: Final = (
    "PATH", "LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "WINDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES", "MACA_PATH", "HUISCLOS_ISA",
)  # fmt: skip

_SET_VARIABLES: Final = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
    "PYTHONNOUSERSITE": "1",
    # a user's folder that is named is not looked up in the system's list of users, which may be a network's
    "PYTHONUSERBASE": os.devnull,
    # the engine has its own thread pool: other libraries' pools would only compete with it
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # few arenas keep the resident memory flat while threads come and go
    "MALLOC_ARENA_MAX": "2",
}


@dataclass(frozen=True, slots=True)
class LaunchedWorker:
    """A worker that was started and has said nothing yet. `dispose` frees our end after its threads have
    left.
    """

    process: subprocess.Popen[bytes]
    channel: Channel
    dispose: Callable[[], None]


def worker_command() -> list[str]:
    """The program that is the worker."""
    return programs.command_of(programs.WORKER, "engine.worker")


def scrub_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Only what an interpreter and a device driver need: no home, no proxy, nothing a person's shell may
    hold.
    """
    kept = {name: environment[name] for name in _KEPT_VARIABLES if name in environment}
    return {**kept, **_SET_VARIABLES}


def launch_worker(command: Sequence[str]) -> LaunchedWorker:
    """Start a worker with one end of a fresh channel. Raises OSError when the process cannot be started."""
    if sys.platform == "win32":
        from engine.transport.pipe import PipeServer

        server = PipeServer(
            max_request_bytes=MAX_REQUEST_BYTES,
            max_reply_bytes=MAX_REPLY_BYTES,
            max_descriptors=MAX_DESCRIPTORS,
        )
        process = _start([*command, "--channel-pipe", server.address], stdin=subprocess.PIPE)
        return LaunchedWorker(process, server.accept(process), server.dispose)
    from engine.transport.unix import open_pair

    channel, theirs = open_pair(
        max_request_bytes=MAX_REQUEST_BYTES,
        max_reply_bytes=MAX_REPLY_BYTES,
        max_descriptors=MAX_DESCRIPTORS,
    )
    try:
        process = _start(
            [*command, "--channel-fd", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    except OSError:
        channel.dispose()
        raise
    finally:
        theirs.close()
    return LaunchedWorker(process, channel, channel.dispose)


def scrubbed_process(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of the engine that is spoken to over its standard input and output; what it says besides is
    thrown away. Raises OSError."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_root(),
        env=scrub_environment(os.environ),
        close_fds=True,
    )


def _root() -> Path:
    # the folder that holds the engine package is where `-m` finds it, installed or not
    return Path(__file__).resolve().parent.parent.parent


def _start(command: list[str], *, stdin: int, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=_root(),
        env=scrub_environment(os.environ),
        pass_fds=pass_fds,
        close_fds=True,
    )
