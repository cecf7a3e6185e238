"""The cages: the programs in a simulator for both machines, and the real thing in real processes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from engine.cage import forbid_internet
from engine.cage.rules import ENGINE_RULES, PARSER_RULES, WINDOW_RULES, own_process_rules
from engine.cage.seccomp import ALLOW, KILL_PROCESS, Instruction, Rule, build_program, refuse
from engine.cage.syscalls import Machine, machine_named

ROOT = Path(engine.__file__).parent.parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="kernel filters are Linux's")
MACHINES = [machine for name in ("x86_64", "aarch64") if (machine := machine_named(name)) is not None]


def simulate(
    program: list[Instruction], machine: Machine, number: int, arguments: list[int], arch: int
) -> int:
    """What the kernel would answer: the classic BPF of these few instructions."""
    words = {0: number & 0xFFFFFFFF, 4: arch}
    for index, argument in enumerate([*arguments, *[0] * (6 - len(arguments))]):
        words[16 + 8 * index] = argument & 0xFFFFFFFF
        words[20 + 8 * index] = argument >> 32 & 0xFFFFFFFF
    accumulator, place = 0, 0
    while True:
        code, if_true, if_false, constant = program[place]
        place += 1
        match code:
            case 0x20:
                accumulator = words[constant]
            case 0x15:
                place += if_true if accumulator == constant else if_false
            case 0x35:
                place += if_true if accumulator >= constant else if_false
            case 0x45:
                place += if_true if accumulator & constant else if_false
            case 0x06:
                return constant
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def verdict(
    rules: tuple[Rule, ...], default: int, machine: Machine, call: str, arguments: list[int] | None = None
) -> int:
    number = machine.number(call)
    assert number is not None
    program = build_program(machine, rules, default)
    return simulate(program, machine, number, arguments or [], machine.audit_arch)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_window_keeps_local_sockets_and_loses_all_others(machine: Machine) -> None:
    for call in ("socket", "socketpair"):
        assert verdict(WINDOW_RULES, ALLOW, machine, call, [1, 1]) == ALLOW
        for family in (0, 2, 10, 16, 17, 40, 1 << 16):
            assert verdict(WINDOW_RULES, ALLOW, machine, call, [family, 1]) == refuse(errno.EACCES)
        # the kernel looks at the low half only, and so does the filter
        assert verdict(WINDOW_RULES, ALLOW, machine, call, [2 | 1 << 32]) == refuse(errno.EACCES)
    for call in ("io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev", "bpf", "keyctl"):
        assert verdict(WINDOW_RULES, ALLOW, machine, call) == refuse(errno.EPERM)
    for call in ("execve", "clone", "clone3", "read", "connect"):
        assert verdict(WINDOW_RULES, ALLOW, machine, call) == ALLOW


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize(
    "rules", [WINDOW_RULES, ENGINE_RULES, PARSER_RULES], ids=["window", "engine", "parser"]
)
def test_foreign_calls_kill(machine: Machine, rules: tuple[Rule, ...]) -> None:
    program = build_program(machine, rules, ALLOW)
    assert simulate(program, machine, 0, [], 0x40000003) == KILL_PROCESS
    if machine.has_x32:
        assert simulate(program, machine, 0x40000000 | 41, [1], machine.audit_arch) == KILL_PROCESS


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_engine_has_threads_and_its_inherited_channel_only(machine: Machine) -> None:
    rules = (*ENGINE_RULES, *own_process_rules())
    for call in ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"):
        assert verdict(rules, ALLOW, machine, call, [1]) == refuse(errno.EACCES)
    for call in ("execve", "execveat", "kill", "tkill", "pidfd_send_signal", "ptrace", "unshare", "mount"):
        assert verdict(rules, ALLOW, machine, call) == refuse(errno.EPERM)
    assert verdict(rules, ALLOW, machine, "clone", [0x00010000 | 0x100]) == ALLOW
    assert verdict(rules, ALLOW, machine, "clone", [17]) == refuse(errno.EPERM)
    assert verdict(rules, ALLOW, machine, "clone3") == refuse(errno.ENOSYS)
    assert verdict(rules, ALLOW, machine, "fcntl", [0, 8]) == refuse(errno.EPERM)
    assert verdict(rules, ALLOW, machine, "fcntl", [0, 3]) == ALLOW
    for call in ("sendmsg", "recvmsg", "read", "write", "mmap"):
        assert verdict(rules, ALLOW, machine, call) == ALLOW


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_parser_has_what_is_named_and_nothing_else(machine: Machine) -> None:
    rules, denied = (*PARSER_RULES, *own_process_rules()), refuse(errno.EPERM)
    for call in ("read", "write", "mmap", "futex", "exit_group"):
        assert verdict(rules, denied, machine, call) == ALLOW
    for call in ("socket", "connect", "execve", "kill", "ptrace", "mount", "seccomp", "bpf"):
        assert verdict(rules, denied, machine, call) == denied
    assert verdict(rules, denied, machine, "prlimit64", [0, 7, 0]) == ALLOW
    assert verdict(rules, denied, machine, "prlimit64", [0, 7, 0x7FFF_0000_0000]) == denied
    assert verdict(rules, denied, machine, "prlimit64", [0, 7, 8]) == denied
    assert verdict(rules, denied, machine, "ioctl", [0, 0x5401]) == ALLOW
    assert verdict(rules, denied, machine, "ioctl", [0, 0x5412]) == denied


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    assert machine_named("riscv64") is None


def run(code: str, **environment: str) -> dict[str, str]:
    """Run code in a fresh interpreter; `tell(name, action)` notes how each action ends."""
    prelude = """
import errno, json, os, sys
told = {}
def tell(name, action):
    try:
        action()
        told[name] = "done"
    except OSError as error:
        told[name] = errno.errorcode.get(error.errno, "?")
    except MemoryError:
        told[name] = "MemoryError"
"""
    finished = subprocess.run(
        [sys.executable, "-c", prelude + code + "\nprint(json.dumps(told))"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    answer: dict[str, str] = json.loads(finished.stdout)
    return answer


@LINUX
def test_the_window_process_cannot_reach_the_internet_nor_can_its_children() -> None:
    told = run("""
import threading
from engine.cage import forbid_internet
ready, go = threading.Event(), threading.Event()
def early():
    ready.set(); go.wait()
    import socket
    tell("thread started before", lambda: socket.socket(socket.AF_INET))
thread = threading.Thread(target=early); thread.start(); ready.wait()
guarantee = forbid_internet()
again = forbid_internet()
go.set(); thread.join()
import socket, subprocess
told["kept"] = str(guarantee.keeps("internet") and again.keeps("internet") and guarantee.complete)
for name in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET"):
    kind = socket.SOCK_RAW if name == "AF_PACKET" else socket.SOCK_DGRAM
    tell(name, lambda: socket.socket(getattr(socket, name), kind))
tell("AF_UNIX", lambda: [end.close() for end in socket.socketpair()])
child = "import socket\\ntry:\\n socket.socket()\\nexcept PermissionError:\\n print('refused')"
told["child"] = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip()
""")
    assert told == {
        "thread started before": "EACCES",
        "kept": "True",
        "AF_INET": "EACCES",
        "AF_INET6": "EACCES",
        "AF_NETLINK": "EACCES",
        "AF_PACKET": "EACCES",
        "AF_UNIX": "done",
        "child": "refused",
    }


@LINUX
def test_the_engine_process_cannot_open_sockets_start_processes_or_write_files(tmp_path: Path) -> None:
    granted, other = tmp_path / "granted", tmp_path / "other"
    for folder in (granted, other):
        folder.mkdir()
        (folder / "model").write_text("weights")
    told = run(f"""
from pathlib import Path
from engine.cage import forbid_sockets
first = forbid_sockets()
tell("read before", lambda: open({str(other / "model")!r}).read())
second = forbid_sockets([Path({str(granted)!r})])
import socket, threading
told["abi"] = str(min(second.landlock_abi, 1))
told["sockets"] = str(first.keeps("sockets") and second.keeps("sockets"))
for family in ("AF_INET", "AF_UNIX"):
    tell(family, lambda: socket.socket(getattr(socket, family)))
tell("pair", socket.socketpair)
tell("fork", os.fork)
tell("exec", lambda: os.execv("/bin/true", ["true"]))
tell("kill parent", lambda: os.kill(os.getppid(), 0))
tell("read granted", lambda: open({str(granted / "model")!r}).read())
tell("read other", lambda: open({str(other / "model")!r}).read())
tell("write granted", lambda: open({str(granted / "model")!r}, "w"))
tell("write new", lambda: open({str(tmp_path / "new")!r}, "w"))
thread = threading.Thread(target=lambda: tell("thread", lambda: None)); thread.start(); thread.join()
import numpy
tell("numpy", lambda: numpy.ones(8) @ numpy.ones(8))
""")
    files = told.pop("abi") == "1"
    assert told == {
        "read before": "done",
        "sockets": "True",
        "AF_INET": "EACCES",
        "AF_UNIX": "EACCES",
        "pair": "EACCES",
        "fork": "EPERM",
        "exec": "EPERM",
        "kill parent": "EPERM",
        "read granted": "done",
        "read other": "EACCES" if files else "done",
        "write granted": "EACCES" if files else "done",
        "write new": "EACCES" if files else "done",
        "thread": "done",
        "numpy": "done",
    }


@LINUX
def test_the_parser_process_can_only_compute() -> None:
    told = run("""
from engine.cage import cage_parser
import resource, socket, threading
guarantee = cage_parser(1 << 30, 20)
told["complete"] = str(guarantee.complete)
tell("open", lambda: open("/etc/hostname"))
tell("list", lambda: os.listdir("/"))
tell("write", lambda: open("/tmp/parser-was-here", "w"))
tell("socket", lambda: socket.socket(socket.AF_UNIX))
tell("pair", socket.socketpair)
tell("fork", os.fork)
tell("exec", lambda: os.execv("/bin/true", ["true"]))
tell("kill parent", lambda: os.kill(os.getppid(), 0))
tell("memfd", lambda: os.memfd_create("x"))
tell("lift the limit", lambda: resource.prlimit(0, resource.RLIMIT_CPU, (9, 20)))
tell("2 GiB", lambda: bytearray(2 << 30))
thread = threading.Thread(target=lambda: tell("thread", lambda: None)); thread.start(); thread.join()
limits = (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
told["limits"] = str([resource.getrlimit(which)[0] for which in limits])
""")
    assert told.pop("complete") == "True"
    assert told.pop("2 GiB") == "MemoryError"
    assert told.pop("thread") == "done"
    assert told.pop("limits") == "[0, 0]"
    assert set(told) == {
        "open", "list", "write", "socket", "pair", "fork", "exec", "kill parent", "memfd", "lift the limit",
    }  # fmt: skip
    assert set(told.values()) == {"EPERM"}


@LINUX
def test_the_processor_time_of_a_parser_is_bounded() -> None:
    code = "from engine.cage import cage_parser\ncage_parser(1 << 30, 1)\nwhile True: pass"
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert finished.returncode < 0


@LINUX
def test_memory_does_not_reach_a_core_file() -> None:
    told = run("""
from engine.cage import no_core_dumps
import resource
told["kept"] = str(no_core_dumps().keeps("core_dumps"))
told["limit"] = str(resource.getrlimit(resource.RLIMIT_CORE))
import ctypes
told["dumpable"] = str(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
""")
    assert told == {"kept": "True", "limit": "(0, 0)", "dumpable": "0"}


def test_a_system_without_filters_says_that_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    guarantee = forbid_internet()
    assert not guarantee.complete
    assert guarantee.broken == {"internet"}
    assert guarantee.kept == frozenset()
    assert "darwin" in guarantee.reason


def test_the_cage_needs_the_standard_library_only() -> None:
    code = (
        "import sys, engine.cage\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded - sys.stdlib_module_names - {'engine', '__main__'}))"
    )
    finished = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert finished.stdout.strip() == "[]"


@LINUX
def test_a_window_under_its_filter_still_talks_to_itself_and_starts_programs() -> None:
    told = run(
        """
from engine.cage import forbid_internet
guarantee = forbid_internet()
from PySide6.QtCore import QCoreApplication, QProcess, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket, QTcpSocket
application = QGuiApplication([])
server = QLocalServer()
told["listening"] = str(server.listen(f"cage-test-{os.getpid()}"))
client = QLocalSocket()
client.connectToServer(server.serverName())
told["connected"] = str(client.waitForConnected(5000))
process = QProcess()
process.start(sys.executable, ["-c", "print('child')"])
process.waitForFinished(20000)
told["child"] = bytes(process.readAllStandardOutput().data()).decode().strip()
internet = QTcpSocket()
internet.connectToHost("127.0.0.1", 9)
internet.waitForConnected(5000)
told["internet"] = internet.error().name
client.close(); server.close()
""",
        QT_QPA_PLATFORM="offscreen",
    )
    assert told == {
        "listening": "True",
        "connected": "True",
        "child": "child",
        "internet": "SocketAccessError",
    }
