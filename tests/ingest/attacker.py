"""A nursery whose children are taken over: what they then try is named by the file they are given.

Started by tests in place of the real one. The attack runs where a hostile document would run: inside the
real child, after the real cage has closed. With --free FILE the same attempts run without a cage, to prove
that they are real.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from app.ingest import child, nursery
from app.ingest.messages import (
    AttachmentMessage,
    Finished,
    NoteMessage,
    Opened,
    PageMessage,
    Part,
    Pixels,
    Refused,
    encode,
)
from app.ingest.sources import open_source
from app.library.words import Word

WRITE_FD = -1


def attempts(target):
    """Name and deed; a deed that returns has succeeded. `target` is a file that must stay as it is."""
    yield "read a file", lambda: Path(target).read_bytes()
    yield "read the environment", lambda: Path("/proc/self/environ").read_bytes()
    yield "read the parent's memory", lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY)
    yield "list a folder", lambda: list(Path("/").iterdir())
    yield "write a file", lambda: Path(target).write_bytes(b"taken")
    yield "make a file", lambda: Path(target + ".new").write_bytes(b"new")
    yield "remove a file", lambda: Path(target).unlink()
    yield "rename a file", lambda: Path(target).rename(target + ".moved")
    yield "make a folder", lambda: Path(target + ".folder").mkdir()
    yield "open an internet socket", lambda: socket.socket(socket.AF_INET)
    yield "open an IPv6 datagram socket", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    yield "open a local socket", lambda: socket.socket(socket.AF_UNIX)
    yield "make a socket pair", socket.socketpair
    yield (
        "resolve a name",
        lambda: (
            socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)[0] and socket.socket()
        ),
    )
    yield "fork", fork
    yield "start a program", lambda: subprocess.run(["/bin/true"], check=True)
    yield "become a program", lambda: os.execv("/bin/nothing-there", ["x"])
    yield "signal the parent", lambda: os.kill(os.getppid(), 0)
    yield "kill the parent", lambda: os.kill(os.getppid(), signal.SIGTERM)
    yield "open a descriptor of the parent", pidfd_of_parent
    yield "make an anonymous file", lambda: os.memfd_create("x")
    yield "lift a limit", lift_limit
    yield "take 3 GiB", lambda: mmap.mmap(-1, 3 << 30)
    yield "reach into the parent's memory", lambda: syscall(310, os.getppid(), 0, 0, 0, 0, 0)
    yield "make a ring", lambda: syscall(425, 8, ctypes.create_string_buffer(256))
    yield "write to an inherited descriptor", inherited_descriptor


def fork():
    if os.fork() == 0:
        os._exit(0)


def pidfd_of_parent():
    os.pidfd_open(os.getppid())


def lift_limit():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, soft + 1) if hard > soft else soft, hard))


def syscall(*numbers):
    outcome = ctypes.CDLL(None, use_errno=True).syscall(*numbers)
    if outcome < 0:
        raise OSError(ctypes.get_errno(), "refused")


def inherited_descriptor():
    for fd in range(64):
        if fd in (0, 1, 2, WRITE_FD):
            continue
        try:
            os.write(fd, b"J")
        except OSError:
            continue
        return
    raise OSError("there is none")


def successes(target):
    found = []
    for name, deed in attempts(target):
        try:
            deed()
        except (OSError, ValueError, MemoryError, subprocess.SubprocessError, AttributeError):
            continue
        found.append(name)
    return found


class Liar:
    """A source that says what it is told to."""

    media_type, layout, page_count, title, notes = "application/pdf", "original", 1, "", ()

    def __init__(self, text="", words=(), sides=(595.0, 842.0), number=None, **said):
        self.text, self.words, self.sides, self.number = text, list(words), sides, number
        for name, value in said.items():
            setattr(self, name, value)

    def page(self, number):
        return PageMessage(self.number or number, *self.sides, self.text, self.words, "")

    def draw(self, number, width_px):
        return Pixels(60_000, 60_000, b"\0" * 100)

    def attachments(self):
        return ()


def raw(data):
    view = memoryview(data)
    while view:
        view = view[os.write(WRITE_FD, view) :]


def say(*messages):
    for message in messages:
        payload = encode(message)
        raw(struct.pack("<I", len(payload)) + payload)


def forever(*messages):
    while True:
        say(*messages)


def burn():
    while True:
        pass


OPENED = Opened("application/pdf", "original", 1, "", [])
MAIL = Opened("message/rfc822", "ours", 1, "", [])
PAGE = PageMessage(1, 595.0, 842.0, "a", [Word(0, 1, 1.0, 1.0, 2.0, 2.0)], "")
NAN = float("nan")

ATTACKS = {
    "announce 4 GiB": lambda: raw(b"\xff\xff\xff\xff" + b"x" * 1000),
    "no message": lambda: raw(struct.pack("<I", 8) + b"\xc1" * 8),
    "deep nesting": lambda: raw(struct.pack("<I", 500_000) + b"\x91" * 500_000),
    "silence": lambda: time.sleep(600),
    "burn": burn,
    "exit": lambda: os._exit(0),
    "crash": lambda: ctypes.string_at(0),
    "eat memory": lambda: [bytearray(1 << 20) for _ in range(1 << 14)],
    "no pages": lambda: Liar(page_count=0),
    "a billion pages": lambda: Liar(page_count=10**9),
    "unknown kind": lambda: Liar(media_type="text/html"),
    "wrong layout": lambda: Liar(layout="ours"),
    "unknown note": lambda: Liar(notes=[NoteMessage("<b>hello</b>")]),
    "wrong page": lambda: Liar(number=2),
    "infinite page": lambda: Liar(sides=(float("inf"), 842.0)),
    "no page width": lambda: Liar(sides=(0.0, 842.0)),
    "box not a number": lambda: Liar("ab", [Word(0, 2, NAN, 1.0, 2.0, 2.0)]),
    "box off the page": lambda: Liar("ab", [Word(0, 2, 1.0, 1.0, 9e9, 2.0)]),
    "box turned over": lambda: Liar("ab", [Word(0, 2, 5.0, 1.0, 2.0, 2.0)]),
    "word off the text": lambda: Liar("ab", [Word(0, 3, 1.0, 1.0, 2.0, 2.0)]),
    "word empty": lambda: Liar("ab", [Word(1, 1, 1.0, 1.0, 2.0, 2.0)]),
    "words crossing": lambda: Liar("abc", [Word(0, 2, 1, 1, 2, 2), Word(1, 3, 1, 1, 2, 2)]),
    "too much text": lambda: Liar("x" * 5_000_001),
    "a nul in the text": lambda: Liar("a\0b"),
    "pages missing": lambda: say(Opened("application/pdf", "original", 9, "", []), Finished(0)),
    "more pages": lambda: say(OPENED, PAGE, PageMessage(2, 595.0, 842.0, "", [], "")),
    "opened forever": lambda: forever(OPENED),
    "attachments forever": lambda: say(MAIL, PAGE) or forever(AttachmentMessage("a", 0)),
    "a huge attachment": lambda: say(MAIL, PAGE, AttachmentMessage("a", 1 << 40)),
    "a longer attachment": lambda: say(MAIL, PAGE, AttachmentMessage("a", 2), Part(b"123")),
    "empty parts forever": lambda: say(MAIL, PAGE, AttachmentMessage("a", 2)) or forever(Part(b"")),
    "a made-up reason": lambda: say(Refused("<script>", {})),
    "a long reason": lambda: say(Refused("image", {"kind": "x" * 500_000})),
    "odd params": lambda: say(Refused("image", {"a b": NAN})),
    "pixels unasked": lambda: say(OPENED, Pixels(1, 1, b"abc")),
}  # fmt: skip


def taken_over(data, name, **options):
    if not data.startswith(b"attack "):
        return open_source(data, name, **options)
    what = data[7:].decode()
    if what.startswith("system "):
        return Liar(title="done", text=" ".join(successes(what[7:])) or "nothing")
    if what == "pixels too large":
        return Liar()
    return ATTACKS[what]() or Liar()


def serve(read_fd, write_fd):
    global WRITE_FD
    WRITE_FD = write_fd
    return child.serve_job(read_fd, write_fd)


if __name__ == "__main__":
    if sys.argv[1] == "--free":
        print(json.dumps(successes(sys.argv[2])))
    else:
        child.open_source = taken_over
        raise SystemExit(nursery.main(sys.argv[1:], serve=serve))
