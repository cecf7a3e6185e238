"""Processes of ours as the kernel sees them: who lives, what is mapped, what their memory holds, and what a
system call made in their name returns.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 2, 10, 16, 17
SOCK_DGRAM = 2
_PROC = Path("/proc")


def until(met: Callable[[], object], what: str, timeout_s: float = 90.0) -> object:
    """Wait for a fact of another process; returns it."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        found = met()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"never came: {what}")


def children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text("ascii").split())
    return found


def family(pid: int) -> list[int]:
    """The process and everything it started, and what that started."""
    found = [pid]
    for child in children(pid):
        found += family(child)
    return found


def command_of(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    return status_of(pid).get("State", "Z")[0] not in "ZX"


def status_of(pid: int) -> dict[str, str]:
    try:
        lines = (_PROC / str(pid) / "status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def filters_of(pid: int) -> int:
    """How many seccomp filters the kernel applies to the process."""
    status = status_of(pid)
    return int(status.get("Seccomp_filters", "0")) if status.get("Seccomp") == "2" else 0


def engine_of(pid: int) -> int | None:
    return next((p for p in family(pid)[1:] if "engine.worker" in command_of(p)), None)


def nursery_of(pid: int) -> int | None:
    return next((p for p in children(pid) if "app.ingest.nursery" in command_of(p)), None)


def has_open(pid: int, name: str) -> bool:
    with suppress(OSError):
        return name in (_PROC / str(pid) / "maps").read_text("utf-8", "replace")
    return False


def processor_s(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sleeps(pid: int, for_s: float = 0.5) -> bool:
    """Whether every thread waits for something other than a free processor, for a while."""
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        for task in (_PROC / str(pid) / "task").iterdir():
            if (task / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "S":
                return False
        time.sleep(0.02)
    return True


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable private stretch of its memory. Raises PermissionError where we may not look."""
    maps = (_PROC / str(pid) / "maps").read_text("utf-8", "replace").splitlines()
    with (_PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
        for line in maps:
            span, rights, *rest = line.split(maxsplit=5)
            name = rest[3] if len(rest) > 3 else ""
            if not rights.startswith("r") or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            if "w" not in rights and name.startswith("/"):
                continue  # a file's own bytes, as they lie on the disk
            start, end = (int(part, 16) for part in span.split("-"))
            with suppress(OSError, ValueError):
                memory.seek(start)
                yield memory.read(end - start)


def count_in_memory(pid: int, secrets: dict[str, bytes]) -> dict[str, int]:
    found = dict.fromkeys(secrets.values(), 0)  # one word may have the same bytes in several codings
    for stretch in memory_of(pid):
        for secret in found:
            found[secret] += stretch.count(secret)
    return {name: found[secret] for name, secret in secrets.items()}


# -- a system call in another process's name ----------------------------------------------------------------

_ATTACH, _DETACH, _SINGLESTEP, _GETREGS, _SETREGS = 16, 17, 9, 12, 13
_ALL_KINDS = 0x40000000  # __WALL: also threads
# the kernel's user_regs_struct on x86_64
_REGISTERS = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"),
    *("orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"),
)
SOCKET, CLOSE, CONNECT = 41, 3, 42
CAN_INJECT = platform.system() == "Linux" and platform.machine() == "x86_64"


class _Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in _REGISTERS]


def call_inside(pid: int, number: int, *arguments: int) -> int:
    """Make the process itself enter system call ``number``; returns what the kernel answered (-errno).

    The kernel applies the process's own filters to it, whatever program it runs. The call is entered from the
    kernel's own page in its memory, and its registers are put back, so it goes on as if nothing had been.
    Raises PermissionError where the process may not be traced.
    """
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.restype = ctypes.c_long
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ask(request: int, data: object = None) -> None:
        if ptrace(request, pid, None, data) == -1:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    ask(_ATTACH)
    try:
        os.waitpid(pid, _ALL_KINDS)
        before, now = _Registers(), _Registers()
        ask(_GETREGS, ctypes.byref(before))
        ctypes.memmove(ctypes.byref(now), ctypes.byref(before), ctypes.sizeof(before))
        now.rip = _doorway(pid)
        now.rax, now.orig_rax = number, 2**64 - 1  # no interrupted call is to be restarted
        for name, value in zip(("rdi", "rsi", "rdx", "r10"), arguments, strict=False):
            setattr(now, name, value)
        try:
            ask(_SETREGS, ctypes.byref(now))
            ask(_SINGLESTEP)
            os.waitpid(pid, _ALL_KINDS)
            ask(_GETREGS, ctypes.byref(now))
        finally:
            ask(_SETREGS, ctypes.byref(before))
        return ctypes.c_longlong(now.rax).value
    finally:
        with suppress(OSError):
            ask(_DETACH)


def _doorway(pid: int) -> int:
    """Where in the process's memory an instruction stands that enters the kernel: in the page it lends."""
    for line in (_PROC / str(pid) / "maps").read_text("utf-8", "replace").splitlines():
        if line.endswith("[vdso]"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            with (_PROC / str(pid) / "mem").open("rb", buffering=0) as memory:
                memory.seek(start)
                return start + memory.read(end - start).index(b"\x0f\x05")
    raise AssertionError("this system lends no such page")


def end(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
