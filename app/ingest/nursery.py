"""The small process that forks caged children. It is started before the vault is opened and never holds a
key.

    python -m app.ingest.nursery CONTROL_FD      forks a child for every pair of descriptors that arrives
    python -m app.ingest.nursery --single        serves one job over its own input and output (no fork there)

On the control socket arrives one byte with two descriptors: the job's channel and its lifeline. When the
other end of
a lifeline closes, the child is killed; when a child dies, how it died is written to its lifeline. When the
control
socket closes, everything ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

from engine.cage import no_core_dumps

NURSERY = "--ingest-nursery"
"""The word by which a bundled program is asked to be one."""

READY = b"R"
SPAWN = b"J"

Serve = Callable[[int, int], int]  # read and write descriptor of the channel -> exit code


def main(arguments: list[str] | None = None, *, serve: Serve | None = None) -> int:
    """Run the nursery, or a single child; returns the exit code.

    ``serve`` replaces what a child does, for tests.
    """
    no_core_dumps()
    # imported here, so that the first statement of this process is the one above
    from app.ingest.child import serve_job, warm_up

    todo = sys.argv[1:] if arguments is None else arguments
    warm_up()
    if todo[:1] == ["--single"]:
        return _serve_single(serve or serve_job)
    gc.collect()
    gc.freeze()  # children then share these pages instead of copying them
    return Nursery(socket.socket(fileno=int(todo[0])), serve or serve_job).run()


def _serve_single(serve: Serve) -> int:
    read_fd, write_fd = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for fd in (read_fd, write_fd):
            msvcrt.setmode(fd, os.O_BINARY)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    return serve(read_fd, write_fd)


class Nursery:
    """One thread, one loop; nothing here looks into a document."""

    def __init__(self, control: socket.socket, serve: Serve) -> None:
        self._control = control
        self._serve = serve
        self._selector = selectors.DefaultSelector()
        self._lifelines: dict[int, socket.socket] = {}  # by child
        self._wake_read, self._wake_write = os.pipe()

    def run(self) -> int:
        """Serve until the control socket closes."""
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _notice)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # a Ctrl+C in the terminal is the application's to handle
        self._selector.register(self._control, selectors.EVENT_READ, "control")
        self._selector.register(self._wake_read, selectors.EVENT_READ, "wake")
        self._control.sendall(READY)
        try:
            while True:
                for key, _ in self._selector.select():
                    if key.data == "control":
                        if not self._take_order():
                            return 0
                    elif key.data == "wake":
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake_read, 4096)
                        self._bury()
                    else:
                        self._end(int(key.data))
        finally:
            for child in list(self._lifelines):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def _take_order(self) -> bool:
        try:
            order, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        except OSError:
            return False
        if order != SPAWN or len(descriptors) != 2:
            for descriptor in descriptors:
                os.close(descriptor)
            return bool(order)
        channel, lifeline = descriptors
        child = os.fork()
        if child == 0:
            self._become_child(channel)
        os.close(channel)
        line = socket.socket(fileno=lifeline)
        self._lifelines[child] = line
        self._selector.register(line, selectors.EVENT_READ, str(child))
        return True

    def _become_child(self, channel: int) -> None:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            die_with_parent()
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            os.closerange(3, channel)
            os.closerange(channel + 1, min(os.sysconf("SC_OPEN_MAX"), 1 << 16))
            code = self._serve(channel, channel)
        except BaseException:
            code = 71
        finally:
            os._exit(code)

    def _end(self, child: int) -> None:
        # the application let go: kill, and let the SIGCHLD path clean up
        line = self._lifelines.get(child)
        if line is not None:
            self._selector.unregister(line)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _bury(self) -> None:
        from app.ingest.jobs import OBITUARY

        for child in list(self._lifelines):
            pid, status, usage = os.wait4(child, os.WNOHANG)
            if pid == 0:
                continue
            line = self._lifelines.pop(child)
            with contextlib.suppress(KeyError):
                self._selector.unregister(line)
            with contextlib.suppress(OSError):
                line.setblocking(False)
                line.send(OBITUARY.pack(status, usage.ru_utime + usage.ru_stime))
            line.close()


def die_with_parent() -> None:
    """On Linux, make the kernel end this process when the one that forked it ends."""
    if sys.platform == "linux":
        import ctypes

        unsigned = ctypes.c_ulong
        ctypes.CDLL(None).prctl(1, unsigned(signal.SIGKILL), unsigned(0), unsigned(0), unsigned(0))


def _notice(number: int, frame: FrameType | None) -> None:
    """The wake-up descriptor does the work."""


if __name__ == "__main__":
    raise SystemExit(main())
