"""Nothing leaves the machine: the real command line, its parser and its engine, as the kernel saw them."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys

import pytest

from tests.promises import processes
from tests.promises.house import PASSPHRASE, ROOT, House
from tests.promises.processes import AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, SOCK_DGRAM, call_inside, until
from tests.promises.traces import calls_of, can_trace, tracing

SAMPLE = ROOT / "resources" / "samples" / "en" / "patient"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no filter to look at")

# The cage proves itself by an attempt that must be refused; nothing else asks for a socket in these words.
PROOF = re.compile(r"^AF_(INET|UNIX), SOCK_STREAM, (IPPROTO_IP|0)$")
FORBIDDEN = re.compile(
    r"/(ssl|_ssl)\.|/sqlite3/|lib-dynload/_sqlite3\.|/urllib/(__pycache__/)?request\."
    r"|/http/(__pycache__/)?(client|server)\.|/(ftplib|smtplib|poplib|imaplib|webbrowser)\.|/xmlrpc/"
    r"|-packages/(requests|urllib3|httpx|aiohttp|huggingface_hub|modelscope|onnxruntime|torch|PySide6|shiboken6)/"
)


@pytest.fixture(scope="module")
def journey(tmp_path_factory, tiny_model):
    """The whole way once, under strace: a new vault, a sample, a search, a question to a real model."""
    if not can_trace():
        pytest.skip("strace is not allowed to look here")
    house = House(tmp_path_factory.mktemp("journey"), portable=False)
    house.install_model(tiny_model)
    seen = "network,openat,open,creat,execve"
    steps = [
        house.take(SAMPLE, under=tracing(house.root / "log" / "1", seen)),
        house.run("search", "colonoscopy", "--dossier", "D", under=tracing(house.root / "log" / "2", seen)),
        house.run(
            "ask",
            "Which drug was prescribed?",
            "--dossier",
            "D",
            under=tracing(house.root / "log" / "3", seen),
        ),
    ]
    assert [step.code for step in steps] == [0, 0, 0], steps
    assert len(steps[0].value["added"]) > 10
    assert steps[1].value["hits"]
    assert steps[2].value["model"] == "tiny", steps[2].out
    yield house, [call for n in (1, 2, 3) for call in calls_of(house.root / "log" / str(n))]
    house.close()


def test_the_journey_was_seen_in_every_kind_of_process(journey):
    _, calls = journey
    started = [call.arguments for call in calls if call.name == "execve" and call.succeeded]
    assert sum('"-m", "app",' in line for line in started) == 3
    assert sum("app.ingest.nursery" in line for line in started) == 1, "only taking in needs the parser"
    assert sum("engine.worker" in line for line in started) == 1, "only a question needs the engine"
    assert len(started) == 5, "nothing else is started"
    assert len({call.thread for call in calls}) > 20, "children of the parser, one per document"


def test_no_process_tries_to_reach_any_network(journey):
    _, calls = journey
    sockets = [call for call in calls if call.name in ("socket", "socketpair")]
    foreign = [call for call in sockets if not call.arguments.startswith("AF_UNIX, ")]
    assert foreign, "the cage's own proofs are in the record, so a socket would be too"
    for call in foreign:
        assert PROOF.match(call.arguments), call
        assert call.rest.split()[0] in ("EACCES", "EPERM"), call
    named = [call for call in calls if call.name in ("connect", "bind", "listen", "accept", "accept4")]
    assert named == [], "not even a local socket is looked up by its name"
    sent = [call for call in calls if call.name in ("sendto", "sendmsg", "sendmmsg")]
    assert sent
    assert [call for call in sent if "sa_family" in call.arguments] == []


def test_no_process_opens_a_module_whose_purpose_is_the_network_nor_a_plain_database(journey):
    _, calls = journey
    opened = [call.path for call in calls if call.name in ("open", "openat") and call.succeeded]
    assert any("/sqlcipher3/" in path for path in opened), "imports are in the record"
    assert any("tokenizers" in path for path in opened), "the engine's imports are in the record"
    assert any("pymupdf" in path for path in opened), "the parser's imports are in the record"
    assert sorted({path for path in opened if FORBIDDEN.search(path)}) == []


def test_nothing_is_written_outside_the_vault_and_our_own_folders(journey):
    house, calls = journey
    written = {
        call.path
        for call in calls
        if call.name in ("open", "openat", "creat") and call.succeeded and call.writes
    }
    inside = {path for path in written if path.startswith(str(house.vault))}
    assert any(path.endswith(".blob") for path in inside), "writes are in the record"
    own = (str(house.config), str(house.models.parent), str(house.log))
    others = {path for path in written - inside if not path.startswith(own)}
    assert others <= {"/dev/null", "/dev/tty"}


def refused(pid: int) -> bool:
    """Every kind of socket that leads out of the machine, asked for by the process itself."""
    kinds = (AF_INET, AF_INET6, AF_NETLINK, AF_PACKET)
    answers = {call_inside(pid, processes.SOCKET, kind, SOCK_DGRAM, 0) for kind in kinds}
    return answers <= {-errno.EACCES, -errno.EPERM}


@pytest.mark.skipif(not processes.CAN_INJECT, reason="written for one processor")
def test_each_living_process_is_refused_a_socket_by_the_kernel(house, tiny_model):
    control = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with control:
        until(lambda: processes.has_open(control.pid, "libc"), "a started interpreter")
        assert call_inside(control.pid, processes.SOCKET, AF_INET, SOCK_DGRAM, 0) >= 0
        control.kill()

    house.install_model(tiny_model)
    house.make_vault()
    slow = house.file(
        "slow.md", "".join(f"Paragraph {n}: {'rent and more of it ' * 40}\n\n" for n in range(400))
    )
    asking = house.start(house.command("ask", "What?", "--dossier", "none"))
    engine = until(lambda: processes.engine_of(asking.pid), "the engine")
    until(lambda: processes.filters_of(engine) >= 2, "the engine's cage")
    taking = house.start(house.command("import", slow, "--dossier", "D"))
    nursery = until(lambda: processes.nursery_of(taking.pid), "the parser's nursery")
    assert taking.stdin
    taking.stdin.write(PASSPHRASE + "\n")
    taking.stdin.flush()

    def caged_child() -> int | None:
        return next((p for p in processes.children(nursery) if processes.filters_of(p) >= 2), None)

    child = until(caged_child, "a caged parser")
    kinds = {"command": asking.pid, "engine": engine, "nursery": nursery, "child": child}
    for kind, pid in kinds.items():
        assert processes.filters_of(pid) >= 1, kind
    try:
        for kind, pid in kinds.items():
            assert refused(pid), kind
        unix = call_inside(taking.pid, processes.SOCKET, 1, SOCK_DGRAM, 0)
        assert unix >= 0, "what is local stays possible for the program with the window"
        assert call_inside(engine, processes.SOCKET, 1, SOCK_DGRAM, 0) in (-errno.EACCES, -errno.EPERM)
    except PermissionError:  # an ordinary user may not trace what keeps its memory to itself
        assert os.geteuid() != 0
    taking.kill()
    taking.wait()
    assert house.finish(asking).code == 2, "asking changed nothing: it says that there is no such dossier"
