"""The rules of each cage: which system calls are refused, and with which error."""

from __future__ import annotations

import errno
import os
from typing import Final

from engine.cage.seccomp import ALLOW, Rule, refuse

_AF_UNIX: Final = 1
_CLONE_THREAD: Final = 0x00010000
_DENIED: Final = refuse(errno.EPERM)
_NO_SOCKET: Final = refuse(errno.EACCES)
_ABSENT: Final = refuse(errno.ENOSYS)

# Ways around a filter or into another process: rings that open sockets, other processes' memory, kernel keys.
_SIDE_DOORS: Final = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "ptrace", "process_vm_readv",
    "process_vm_writev", "bpf", "keyctl", "add_key", "request_key", "userfaultfd", "perf_event_open",
    "pidfd_getfd", "kcmp",
)  # fmt: skip

_SYSTEM_CHANGES: Final = (
    "mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_by_handle_at", "name_to_handle_at",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "acct", "process_madvise", "seccomp",
)  # fmt: skip

WINDOW_RULES: Final[tuple[Rule, ...]] = (
    Rule("socket", ALLOW, argument=0, values=(_AF_UNIX,), otherwise=_NO_SOCKET),
    Rule("socketpair", ALLOW, argument=0, values=(_AF_UNIX,), otherwise=_NO_SOCKET),
    *(Rule(call, _DENIED) for call in _SIDE_DOORS),
)

# A descriptor's owner gets a signal of the caller's choice: the same as kill().
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_FIOSETOWN, _SIOCSPGRP, _TIOCSTI = 0x8901, 0x8902, 0x5412

# Threads stay possible: clone with CLONE_THREAD; clone3 hides its flags behind a pointer, so glibc is told
# that it does not exist and falls back to clone.
_THREADS_ONLY: Final = (
    Rule("clone", ALLOW, argument=0, mask=_CLONE_THREAD, otherwise=_DENIED),
    Rule("clone3", _ABSENT),
)

ENGINE_RULES: Final[tuple[Rule, ...]] = (
    *(
        Rule(call, _NO_SOCKET)
        for call in ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4")
    ),
    *(Rule(call, _DENIED) for call in ("execve", "execveat", "fork", "vfork")),
    *_THREADS_ONLY,
    *(
        Rule(call, _DENIED)
        for call in (
            "kill",
            "tkill",
            "rt_sigqueueinfo",
            "rt_tgsigqueueinfo",
            "pidfd_send_signal",
            "pidfd_open",
        )
    ),
    Rule("fcntl", _DENIED, argument=1, values=(_F_SETOWN, _F_SETSIG, _F_SETOWN_EX), otherwise=ALLOW),
    Rule("ioctl", _DENIED, argument=1, values=(_FIOSETOWN, _SIOCSPGRP, _TIOCSTI), otherwise=ALLOW),
    *(Rule(call, _DENIED) for call in (*_SIDE_DOORS, *_SYSTEM_CHANGES)),
)

_PARSER_CALLS: Final = (
    "read", "write", "readv", "writev", "pread64", "lseek", "close", "dup", "fstat", "newfstatat", "statx",
    "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "poll", "ppoll", "select", "pselect6",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "membarrier",
    "futex", "set_robust_list", "get_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall",
    "getrandom", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getcwd", "uname",
    "sysinfo", "getrusage", "getrlimit", "exit", "exit_group",
)  # fmt: skip

_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030
_TCGETS, _FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX = 0x5401, 0x541B, 0x5421, 0x5450, 0x5451
_PR_SET_NAME, _PR_GET_NAME = 15, 16

# Everything not named here is refused (the default of this cage).
PARSER_RULES: Final[tuple[Rule, ...]] = (
    *(Rule(call, ALLOW) for call in _PARSER_CALLS),
    *_THREADS_ONLY,
    Rule(
        "fcntl",
        ALLOW,
        argument=1,
        values=(_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_SETFL, _F_DUPFD_CLOEXEC),
        otherwise=_DENIED,
    ),
    Rule(
        "ioctl",
        ALLOW,
        argument=1,
        values=(_TCGETS, _FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX),
        otherwise=_DENIED,
    ),
    Rule("prctl", ALLOW, argument=0, values=(_PR_SET_NAME, _PR_GET_NAME), otherwise=_DENIED),
    # reading a limit is harmless; setting one could lift it for a process with the right to
    Rule("prlimit64", ALLOW, argument=2, null_only=True, otherwise=_DENIED),
)


def own_process_rules() -> tuple[Rule, ...]:
    """A thread may signal its own process (abort does), never another; the process is the one that asks."""
    return (Rule("tgkill", ALLOW, argument=0, values=(os.getpid(),), otherwise=_DENIED),)
