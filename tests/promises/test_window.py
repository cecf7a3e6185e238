"""What is promised holds in the real window: no network, nothing readable on disk, nothing kept once locked.

Three lives of one vault: one is locked, one is killed in the middle of taking files in, one ends as usual.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promises import processes
from tests.promises.canaries import sightings
from tests.promises.house import PASSPHRASE, WAIT_S, House
from tests.promises.processes import (
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    AF_PACKET,
    SOCK_DGRAM,
    call_inside,
    count_in_memory,
    family,
    until,
)
from tests.promises.steering import Window
from tests.promises.traces import calls_of, can_trace, tracing

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="looks at processes through the kernel's own files"
)

PERSON = "Philomène Hautecombe-Brzeski"
PHRASE = "tarsectomie zygodactyle inopinée"
ATTACHED = "quitus marmoréen bressuirais"
FILE_NAME = "Bordereau Szklarska"
ATTACHED_NAME = "Pièce-Ångström"
DOSSIER = "Partage Żeromski-Fœtopathe"
ASKED = "phlogistique carolorégienne"
WORDS = (PERSON, PHRASE, ATTACHED, FILE_NAME, ATTACHED_NAME, DOSSIER, ASKED, PASSPHRASE)

MAIL = f"""From: a@example.invalid
To: b@example.invalid
Subject: {FILE_NAME}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x"

--x
Content-Type: text/plain; charset=utf-8

{PERSON} consulte pour une {PHRASE}.
--x
Content-Type: application/octet-stream
Content-Disposition: attachment; filename="{ATTACHED_NAME}.txt"
Content-Transfer-Encoding: base64

{base64.b64encode(f"Le {ATTACHED} est daté du 4 mai.".encode()).decode()}
--x--
"""

FORBIDDEN = {
    *("_ssl", "http.client", "http.server", "urllib.request", "requests", "urllib3", "huggingface_hub"),
    *("sqlite3", "_sqlite3", "onnxruntime", "torch", "tokenizers", "pymupdf", "docx", "smtplib", "ftplib"),
    *("xmlrpc.client", "webbrowser", "PySide6.QtNetwork", "PySide6.QtDBus", "PySide6.QtWebEngineCore"),
}  # fmt: skip


def many(house: House, count: int) -> list[str]:
    text = f"{PERSON} {PHRASE}. " * 60
    return [str(house.file(f"more/{n} {FILE_NAME}.txt", f"{n}\n\n{text}")) for n in range(count)]


def end_of(window: Window) -> None:
    if window.process.poll() is None:
        window.process.kill()
        window.process.wait()


@pytest.fixture(scope="module")
def lived(tmp_path_factory, tiny_model):
    with contextlib.closing(House(tmp_path_factory.mktemp("window"), portable=False)) as house:
        house.install_model(tiny_model)
        house.make_vault()
        house.file(f"first/{FILE_NAME}.md", f"# {PERSON}\n\n" + f"Une {PHRASE} le 3 mai.\n\n" * 40)
        house.file("first/mail.eml", MAIL)
        window = Window(house)
        window.tell("unlock", PASSPHRASE)
        window.tell("make_dossier", DOSSIER)
        window.tell("choose_files", str(house.files / "first"))
        window.tell("wait_for", 3)
        window.tell("finish_import")
        window.answer = window.tell("ask", f"{ASKED} de {PERSON} ?")
        window.seen = window.tell("look_around", PHRASE.split()[0])
        window.told = window.tell("tell")
        yield window


def places_of(house: House) -> list[Path]:
    """Where a program may write: the vaults, the home, the platform's folders, temporary folders."""
    return [house.vault.parent, *(house.root / name for name in ("home", "tmp", "run", "xdg"))]


def left_behind(house: House) -> dict[str, dict[str, list[str]]]:
    found = {str(place): sightings(place, WORDS) for place in places_of(house) if place.exists()}
    shared = [path for path in Path("/dev/shm").iterdir() if path.is_file()]
    for path in shared:
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            found[str(path)] = {word: [str(path)] for word in WORDS if word.encode() in data}
    return {place: words for place, words in found.items() if words}


def test_everything_secret_was_really_used_in_the_window(lived):
    assert lived.answer["model"] == "tiny"
    assert ASKED in lived.seen["copied"]
    assert lived.seen["hits"] > 0
    assert list((lived.house.vault / "sealed").iterdir()), "the reading was kept"


def test_the_window_loads_nothing_that_speaks_to_the_network_nor_opens_documents(lived):
    loaded = set(lived.told["modules"])
    assert {"PySide6.QtWidgets", "app.ui.main_window", "sqlcipher3", "engine.client"} <= loaded
    assert loaded & FORBIDDEN == set()
    mapped = Path(f"/proc/{lived.pid}/maps").read_text("utf-8", "replace")
    assert "libQt6Widgets" in mapped, "mapped libraries are in the record"
    native = r"/_ssl\.|lib-dynload/_sqlite3\.|libssl\.|libcurl|QtNetwork|libQt6Network|libmupdf|WebEngine"
    assert [line for line in mapped.splitlines() if re.search(native, line)] == []


def refused(pid: int) -> bool:
    kinds = (AF_INET, AF_INET6, AF_NETLINK, AF_PACKET)
    answers = {call_inside(pid, processes.SOCKET, kind, SOCK_DGRAM, 0) for kind in kinds}
    return answers <= {-errno.EACCES, -errno.EPERM}


@pytest.mark.skipif(not processes.CAN_INJECT, reason="written for one processor")
def test_the_kernel_refuses_the_window_and_all_its_processes_a_socket(lived):
    control = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with control:
        until(lambda: processes.has_open(control.pid, "libc"), "a started interpreter")
        assert call_inside(control.pid, processes.SOCKET, AF_INET, SOCK_DGRAM, 0) >= 0
        control.kill()
    engine, nursery = processes.engine_of(lived.pid), processes.nursery_of(lived.pid)
    assert engine
    assert nursery
    # A page on show keeps a caged child of its own alive, which reads nothing while it is looked at.
    child = until(
        lambda: next((p for p in processes.children(nursery) if processes.filters_of(p) >= 2), 0),
        "a caged parser",
    )
    kinds = {"window": lived.pid, "engine": engine, "nursery": nursery, "parser": child}
    assert [kind for kind, pid in kinds.items() if processes.filters_of(pid) < 1] == []
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            refused(lived.pid)  # what keeps its memory to itself may not be traced by the same user either
        return
    assert [kind for kind, pid in kinds.items() if not refused(pid)] == []
    assert call_inside(lived.pid, processes.SOCKET, 1, SOCK_DGRAM, 0) >= 0, "what is local stays possible"
    assert call_inside(engine, processes.SOCKET, 1, SOCK_DGRAM, 0) in (-errno.EACCES, -errno.EPERM)


def test_no_word_is_readable_on_the_disk_while_the_window_lives(lived):
    assert sum(len(list(place.rglob("*"))) for place in places_of(lived.house) if place.exists()) > 15
    assert left_behind(lived.house) == {}


def dressed(told: dict) -> dict[bytes, str]:
    """What to look for in a memory: keys as bytes and as hex, words as Python and Qt hold text."""
    secrets: dict[bytes, str] = {}
    for name, value in told["keys"].items():
        secrets |= {bytes.fromhex(value): f"key {name}", value.encode(): f"hex of key {name}"}
    for word in WORDS:
        # None of them has a letter that Python or Qt would hold in four bytes.
        for coding in ("utf-8", "utf-16-le", "latin-1"):
            with contextlib.suppress(UnicodeEncodeError):
                secrets.setdefault(word.encode(coding), word)
    return secrets


def held(pid: int, secrets: dict[bytes, str], *names: str) -> set[str]:
    """Which of the secrets are in the memory of a process; with ``names``, only these are looked for."""
    sought = {repr(raw): raw for raw, name in secrets.items() if not names or name in names}
    counted = count_in_memory(pid, sought)
    return {secrets[sought[name]] for name, count in counted.items() if count}


def core_limit_of(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/limits").read_text("ascii").splitlines()
    return next(line.split()[4:6] for line in lines if line.startswith("Max core file size"))


def test_after_locking_no_process_of_the_window_holds_a_key_the_passphrase_or_a_word(lived):
    secrets = dressed(lived.told)
    keys = [name for name in secrets.values() if "key" in name]
    pid, before = lived.pid, family(lived.pid)
    engine, nursery = processes.engine_of(pid), processes.nursery_of(pid)
    assert [core_limit_of(each) for each in before] == [["0", "0"]] * len(before), "and none is ever dumped"
    may_look = os.geteuid() == 0  # not even the same user may look; only the system could
    if may_look:
        control = {"key vault", "key database", PASSPHRASE, PERSON}
        assert held(pid, secrets, *control) == control
        assert held(nursery, secrets) == set(), "the parser's nursery never held any of it"
        assert held(engine, secrets, *keys, PASSPHRASE) == set(), "the engine never held a key"

    lived.send("lock")
    until(lambda: " -m app --vault" in processes.command_of(pid), "the locked program")
    until(lambda: processes.nursery_of(pid) not in (None, nursery), "its own new parser")
    until(lambda: processes.has_open(pid, "libQt6Widgets"), "its window")
    assert not [each for each in before[1:] if processes.is_alive(each)], "all others have ended"
    locked = family(pid)
    assert [core_limit_of(each) for each in locked] == [["0", "0"]] * len(locked)
    if may_look:
        assert {processes.command_of(each): held(each, secrets) for each in locked} == {
            processes.command_of(each): set() for each in locked
        }
    os.kill(pid, signal.SIGTERM)
    assert lived.process.wait(WAIT_S) == 0
    until(lambda: not [each for each in locked if processes.is_alive(each)], "the end of all")
    assert left_behind(lived.house) == {}


def test_a_window_killed_while_taking_in_leaves_nothing_readable_and_goes_on_when_it_is_opened_again(lived):
    house = lived.house
    end_of(lived)
    killed = Window(house)
    killed.tell("unlock", PASSPHRASE)
    killed.tell("begin_import", *many(house, 24))
    assert killed.tell("wait_for", 5), "others are still on their way"
    all_of_it = family(killed.pid)
    killed.process.kill()
    assert killed.process.wait(WAIT_S) == -signal.SIGKILL
    until(lambda: not [each for each in all_of_it if processes.is_alive(each)], "the end of all")
    assert left_behind(house) == {}

    trace = house.root / "trace"
    again = Window(house, tracing(trace, "openat,open,creat") if can_trace() else [])
    again.tell("unlock", PASSPHRASE)
    again.tell("wait_for", 27)
    again.tell("finish_import")
    again.tell("ask", f"{ASKED} de {PERSON} ?")
    again.send("leave")
    assert again.process.wait(WAIT_S) == 0
    assert left_behind(house) == {}
    if not can_trace():
        return
    opened = [call for call in calls_of(trace) if call.succeeded]
    written = {call.path for call in opened if call.writes}
    assert any(path.endswith(".blob") for path in written), "writes are in the record"
    own = (house.vault.parent, house.config, house.models.parent, house.log)
    assert {path for path in written if not path.startswith(tuple(map(str, own)))} <= {
        "/dev/null",
        "/dev/tty",
    }
