"""Seccomp filters: a short list of rules becomes a classic BPF program, and the kernel keeps it for good.

The program is a pure value, so that tests can run it in a simulator for both machines; installing is one
call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from engine.cage.syscalls import Machine

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000

_X32_BIT: Final = 0x40000000
_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER_EQUAL: Final = 0x35
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

# offsets in struct seccomp_data
_AT_NUMBER: Final = 0
_AT_ARCH: Final = 4
_AT_ARGUMENTS: Final = 16

_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_GET_SECCOMP: Final = 21

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def refuse(errno_value: int) -> int:
    """The verdict that makes the call fail with this error number."""
    return 0x00050000 | errno_value


@dataclass(frozen=True, slots=True)
class Rule:
    """The verdict on one system call.

    Without `argument` the verdict is `verdict`. With it, `verdict` holds when the low 32 bits of that
    argument equal one of `values` or have one of the bits of `mask`, and `otherwise` holds when they do not.
    `null_only` asks for a pointer argument that is zero over its whole 64 bits.
    """

    call: str
    verdict: int
    argument: int | None = None
    values: tuple[int, ...] = ()
    mask: int = 0
    null_only: bool = False
    otherwise: int = ALLOW


def build_program(machine: Machine, rules: Sequence[Rule], default: int) -> list[Instruction]:
    """Write the filter: foreign architectures and x32 calls kill the process, then the rules, then the
    default.
    """
    program: list[Instruction] = [
        (_LOAD_WORD, 0, 0, _AT_ARCH),
        (_JUMP_EQUAL, 1, 0, machine.audit_arch),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD_WORD, 0, 0, _AT_NUMBER),
    ]
    if machine.has_x32:
        program += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, KILL_PROCESS)]
    for rule in rules:
        number = machine.number(rule.call)
        if number is None:
            continue
        body = _rule_body(rule)
        program += [(_JUMP_EQUAL, 0, len(body), number), *body]
    program.append((_RETURN, 0, 0, default))
    return program


def _rule_body(rule: Rule) -> list[Instruction]:
    if rule.argument is None:
        return [(_RETURN, 0, 0, rule.verdict)]
    low = _AT_ARGUMENTS + 8 * rule.argument  # both machines are little-endian
    if rule.null_only:
        return [
            (_LOAD_WORD, 0, 0, low),
            (_JUMP_EQUAL, 0, 3, 0),
            (_LOAD_WORD, 0, 0, low + 4),
            (_JUMP_EQUAL, 0, 1, 0),
            (_RETURN, 0, 0, rule.verdict),
            (_RETURN, 0, 0, rule.otherwise),
        ]
    tests = [(_JUMP_EQUAL, value) for value in rule.values]
    if rule.mask:
        tests.append((_JUMP_ANY_BIT, rule.mask))
    body: list[Instruction] = [(_LOAD_WORD, 0, 0, low)]
    for index, (code, constant) in enumerate(tests):
        body.append((code, len(tests) - index, 0, constant))
    return [*body, (_RETURN, 0, 0, rule.otherwise), (_RETURN, 0, 0, rule.verdict)]


class _FilterProgram(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install_program(machine: Machine, program: Sequence[Instruction]) -> None:
    """Hand the filter to the kernel for every thread of this process and every child to come. OSError when
    refused.
    """
    if len(program) > 4096:
        raise OSError(errno.E2BIG, "the filter is longer than the kernel takes")
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = _FilterProgram(len(program), ctypes.addressof(buffer))
    libc = c_library()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *_unsigned(1, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    number = machine.number("seccomp")
    outcome = libc.syscall(
        ctypes.c_long(number or 0), *_unsigned(_SET_MODE_FILTER, _FLAG_TSYNC), ctypes.byref(header)
    )
    if outcome < 0:
        raise OSError(ctypes.get_errno(), "the kernel refused the filter: " + os.strerror(ctypes.get_errno()))
    if outcome > 0:
        raise OSError(errno.EBUSY, f"thread {outcome} could not take the filter")


def filter_active() -> bool:
    """Whether some seccomp filter already binds this thread."""
    return bool(c_library().prctl(_PR_GET_SECCOMP, *_unsigned(0, 0, 0, 0)) == 2)


def c_library() -> ctypes.CDLL:
    """The C library already in this process; its error number is kept per call."""
    return ctypes.CDLL(None, use_errno=True)


def _unsigned(*values: int) -> tuple[ctypes.c_ulong, ...]:
    # prctl and syscall are variadic: an int would leave the upper half of its register undefined
    return tuple(ctypes.c_ulong(value) for value in values)
