"""Landlock: the calling thread and its later children lose the file system, except what is granted."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from engine.cage.seccomp import c_library

# The three calls have the same numbers on every machine that has them.
_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_PATH_BENEATH: Final = 1
_VERSION_FLAG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_O_PATH: Final = 0o10000000  # Linux numbers, so that other systems' type checks need no such name
_O_CLOEXEC: Final = 0o2000000
_EXECUTE: Final = 1 << 0
_REMOVE_FILE: Final = 1 << 5
_MAKE_FILE: Final = 1 << 8
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_BASE: Final = (1 << 13) - 1  # every right of ABI 1
_REFER: Final = 1 << 13  # ABI 2
_TRUNCATE: Final = 1 << 14  # ABI 3
_IOCTL_DEVICE: Final = 1 << 15  # ABI 5
_TCP: Final = 0b11  # ABI 4: bind and connect
_SCOPES: Final = 0b11  # ABI 6: abstract sockets and signals of processes outside


def landlock_abi() -> int:
    """The version this kernel offers, 0 for none."""
    answer = c_library().syscall(
        ctypes.c_long(_CREATE_RULESET),
        ctypes.c_void_p(None),
        ctypes.c_ulong(0),
        ctypes.c_ulong(_VERSION_FLAG),
    )
    return max(int(answer), 0)


def restrict_files(
    abi: int,
    readable: Iterable[Path] = (),
    *,
    writable: Iterable[Path] = (),
    devices: Iterable[Path] = (),
    scoped: bool = True,
) -> None:
    """Leave this thread only reading below `readable`, reading and writing below `devices`, and below
    `writable` also making, replacing and removing files. OSError when refused.

    Threads started before this call keep their freedom, so call it before any thread is started. Open files
    stay usable. Folders that do not exist are passed over.
    """
    handled = _BASE
    if abi >= 2:
        handled |= _REFER
    if abi >= 3:
        handled |= _TRUNCATE
    if abi >= 5:
        handled |= _IOCTL_DEVICE
    attributes = struct.pack("<Q", handled)
    if abi >= 4:
        attributes += struct.pack("<Q", _TCP)
    if abi >= 6:
        attributes += struct.pack("<Q", _SCOPES if scoped else 0)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_ulong(len(attributes)), ctypes.c_ulong(0))
    try:
        for path in readable:
            _grant(ruleset, path, _READ_FILE | _READ_DIR)
        for path in writable:
            changes = _WRITE_FILE | _TRUNCATE | _MAKE_FILE | _REMOVE_FILE
            _grant(ruleset, path, (_READ_FILE | _READ_DIR | changes) & handled)
        for path in devices:
            _grant(ruleset, path, (_READ_FILE | _READ_DIR | _WRITE_FILE | _IOCTL_DEVICE) & handled)
        libc = c_library()
        one = (ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, *one) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        _call(_RESTRICT_SELF, ctypes.c_ulong(ruleset), ctypes.c_ulong(0))
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: Path, access: int) -> None:
    try:
        handle = os.open(path, _O_PATH | _O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            access &= ~_READ_DIR  # a right of folders, refused on a file
        rule = struct.pack("<Qi", access, handle)
        _call(_ADD_RULE, ctypes.c_ulong(ruleset), ctypes.c_ulong(_PATH_BENEATH), rule, ctypes.c_ulong(0))
    finally:
        os.close(handle)


def _call(number: int, *arguments: object) -> int:
    outcome = int(c_library().syscall(ctypes.c_long(number), *arguments))
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"landlock call {number}: {os.strerror(code)}")
    return outcome
