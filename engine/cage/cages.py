"""The cages and the memory rule: what each process gives up, and the proof that it is gone."""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.cage.guarantee import Guarantee, Promise
from engine.cage.landlock import landlock_abi, restrict_files
from engine.cage.rules import ENGINE_RULES, PARSER_RULES, WINDOW_RULES, own_process_rules
from engine.cage.seccomp import (
    ALLOW,
    Rule,
    build_program,
    c_library,
    filter_active,
    install_program,
    refuse,
)
from engine.cage.syscalls import Machine, machine_named

_AF_UNIX: Final = 1
_AF_INET: Final = 2
_SOCK_STREAM: Final = 1
_PR_SET_DUMPABLE: Final = 4

_PARSER_PROMISES: Final[frozenset[Promise]] = frozenset(
    (
        "internet",
        "sockets",
        "processes",
        "signals",
        "file_writes",
        "file_reads",
        "memory_limit",
        "cpu_limit",
        "core_dumps",
    )
)
_ENGINE_DEVICES: Final = ("nvidia*", "dri", "mxcd", "mxgvm", "null", "urandom", "random", "zero")
_SYSTEM_READABLE: Final = (
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/opt/maca", "/proc/self",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/kernel", "/proc/sys/vm", "/proc/driver",
    "/sys/devices/system", "/sys/fs/cgroup", "/sys/bus/pci", "/sys/module",
)  # fmt: skip


def forbid_internet() -> Guarantee:
    """Refuse every socket that is not AF_UNIX, in this process, its threads and its children, for good.

    Meant as the first statement of a program that has a window. Child programs keep working. Reading another
    process's memory, io_uring (whose rings can open sockets) and the kernel's key store are refused too.
    Calling it again changes nothing.
    """
    asked: frozenset[Promise] = frozenset({"internet"})
    machine = _machine()
    if machine is None:
        return _nothing(asked)
    if not (filter_active() and _socket_refused(_AF_INET)):
        try:
            install_program(machine, build_program(machine, WINDOW_RULES, ALLOW))
        except OSError as error:
            return _nothing(asked, str(error))
    if not _socket_refused(_AF_INET):
        return _nothing(asked, "an internet socket could still be opened after the filter was set")
    return Guarantee(_platform(), kernel_filter=True, kept=asked)


def forbid_sockets(readable_folders: Sequence[Path] | None = None) -> Guarantee:
    """Refuse any new socket, any new process and any signal to another process; threads stay allowed.

    Where the kernel has Landlock, no file can be opened for writing any more; with `readable_folders`, only
    these folders, this interpreter and the system's libraries can still be read. Call it again to narrow the
    folders, before any thread is started: threads already running keep what they had of the file system.
    """
    asked: frozenset[Promise] = frozenset({"internet", "sockets", "processes", "signals", "file_writes"})
    if readable_folders is not None:
        asked |= {"file_reads"}
    machine = _machine()
    if machine is None:
        return _nothing(asked)
    readable = [Path("/")] if readable_folders is None else [*_interpreter_folders(), *readable_folders]
    devices = [path for pattern in _ENGINE_DEVICES for path in Path("/dev").glob(pattern)]
    return _shut_in(machine, asked, set(), [], readable, [], devices)


def cage_importer(readable: Sequence[Path], writable: Sequence[Path], memory_bytes: int) -> Guarantee:
    """As `forbid_sockets`, but files can be made, replaced and removed in the `writable` folders, and the
    address space is bounded by `memory_bytes`. Call it before any thread is started."""
    asked: frozenset[Promise] = frozenset(
        {
            "internet",
            "sockets",
            "processes",
            "signals",
            "file_writes",
            "file_reads",
            "memory_limit",
            "core_dumps",
        }
    )
    kept: set[Promise] = set(no_core_dumps().kept)
    reasons: list[str] = []
    if sys.platform != "win32":
        import resource

        kept |= _set_limits([(resource.RLIMIT_AS, memory_bytes, "memory_limit")], reasons)
    machine = _machine()
    if machine is None:
        return Guarantee(_platform(), kept=frozenset(kept), broken=asked - kept, reason=_no_filter_reason())
    readable = [*_interpreter_folders(), *readable]
    devices = [Path("/dev/null"), Path("/dev/urandom"), Path("/dev/zero")]
    return _shut_in(machine, asked, kept, reasons, readable, writable, devices)


def _shut_in(
    machine: Machine,
    asked: frozenset[Promise],
    kept: set[Promise],
    reasons: list[str],
    readable: Sequence[Path],
    writable: Sequence[Path],
    devices: Sequence[Path],
) -> Guarantee:
    """The engine's filter and these files, on top of what is `kept` already."""
    abi = landlock_abi()
    if abi:
        try:
            restrict_files(abi, readable, writable=writable, devices=devices)
            kept |= asked & {"file_writes", "file_reads"}
        except OSError as error:
            reasons.append(str(error))
    else:
        reasons.append("this kernel has no Landlock")
    try:
        if not (filter_active() and _socket_refused(_AF_UNIX)):
            rules = (*ENGINE_RULES, *own_process_rules())
            install_program(machine, build_program(machine, rules, ALLOW))
        if _socket_refused(_AF_UNIX) and _socket_refused(_AF_INET):
            kept |= {"internet", "sockets", "processes", "signals"}
        else:
            reasons.append("a socket could still be opened after the filter was set")
    except OSError as error:
        reasons.append(str(error))
    return Guarantee(
        _platform(),
        kernel_filter="sockets" in kept,
        landlock_abi=abi if "file_writes" in kept else 0,
        kept=frozenset(kept),
        broken=asked - kept,
        reason="; ".join(reasons),
    )


def cage_parser(memory_bytes: int, cpu_s: int) -> Guarantee:
    """Leave this process nothing but computing and the descriptors it already holds.

    No file can be opened, no socket or process made, no signal sent; the address space is bounded by
    `memory_bytes` and the processor time by `cpu_s` seconds, after which the kernel ends the process. Files
    opened before stay readable, but nothing can be written to one. Import and warm up everything first: a
    lazy import fails afterwards.
    """
    asked = _PARSER_PROMISES
    kept: set[Promise] = set()
    reasons: list[str] = []
    kept |= no_core_dumps().kept
    abi = landlock_abi() if sys.platform == "linux" else 0
    if abi:
        try:
            restrict_files(abi)
        except OSError as error:
            reasons.append(str(error))
            abi = 0
    if sys.platform != "win32":
        kept |= _limit_resources(memory_bytes, cpu_s, reasons)
    machine = _machine()
    filtered = False
    if machine is None:
        reasons.append(_no_filter_reason())
    else:
        try:
            rules: tuple[Rule, ...] = (*PARSER_RULES, *own_process_rules())
            install_program(machine, build_program(machine, rules, refuse(errno.EPERM)))
            filtered = _socket_refused(_AF_UNIX) and _socket_refused(_AF_INET)
        except OSError as error:
            reasons.append(str(error))
    if filtered:
        kept |= {"internet", "sockets", "processes", "signals", "file_writes", "file_reads"}
    elif abi:
        kept |= {"file_writes", "file_reads"}
    return Guarantee(
        _platform(),
        kernel_filter=filtered,
        landlock_abi=abi,
        kept=frozenset(kept & asked),
        broken=asked - kept,
        reason="; ".join(reasons),
    )


def no_core_dumps() -> Guarantee:
    """Keep this process's memory off the disk after a crash, out of reach of the user's other processes."""
    asked: frozenset[Promise] = frozenset({"core_dumps"})
    if sys.platform == "win32":
        return _nothing(asked, "crash reports are governed by the system's policy")
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        zero = ctypes.c_ulong(0)
        if c_library().prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero) != 0:
            return _nothing(asked, "the process could not be made undumpable")
    return Guarantee(_platform(), kept=asked)


def _limit_resources(memory_bytes: int, cpu_s: int, reasons: list[str]) -> set[Promise]:
    if sys.platform == "win32":
        return set()
    import resource

    return _set_limits(
        [
            (resource.RLIMIT_AS, memory_bytes, "memory_limit"),
            (resource.RLIMIT_CPU, cpu_s, "cpu_limit"),
            (resource.RLIMIT_FSIZE, 0, None),
            (resource.RLIMIT_NOFILE, 32, None),
        ],
        reasons,
    )


def _set_limits(wanted: Sequence[tuple[int, int, Promise | None]], reasons: list[str]) -> set[Promise]:
    if sys.platform == "win32":
        return set()
    import resource

    kept: set[Promise] = set()
    for limit, value, promise in wanted:
        hard = resource.getrlimit(limit)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(limit, (bounded, bounded))
        except (OSError, ValueError) as error:
            reasons.append(str(error))
            continue
        if promise is not None:
            kept.add(promise)
    return kept


def _interpreter_folders() -> list[Path]:
    folders = [sys.prefix, sys.base_prefix, *_SYSTEM_READABLE, str(Path(__file__).resolve().parent.parent)]
    folders += [entry for entry in sys.path if entry.endswith(("-packages", "lib-dynload"))]
    if getattr(sys, "frozen", False):
        folders.append(sys.executable)  # a bundled program, which holds its modules
    return [Path(folder) for folder in dict.fromkeys(folders)]


def _machine() -> Machine | None:
    # a 32-bit interpreter on a 64-bit kernel would be killed by the architecture check
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    return machine_named(platform.machine())


def _socket_refused(family: int) -> bool:
    libc = c_library()
    handle = int(libc.socket(family, _SOCK_STREAM, 0))
    if handle >= 0:
        libc.close(handle)
        return False
    return ctypes.get_errno() in (errno.EACCES, errno.EPERM)


def _platform() -> str:
    return f"{sys.platform} {platform.machine()}"


def _no_filter_reason() -> str:
    return f"no kernel filter is known for {_platform()}"


def _nothing(asked: frozenset[Promise], reason: str = "") -> Guarantee:
    return Guarantee(_platform(), broken=asked, reason=reason or _no_filter_reason())
