"""The worker from its own side of the channel: what it refuses, how it ends, and what its cage leaves it."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client import EngineClient
from engine.client.launch import LaunchedWorker, launch_worker
from engine.protocol import (
    MAX_REQUEST_BYTES,
    PROTOCOL_VERSION,
    Accepted,
    AppMessage,
    Cancel,
    ChatMessage,
    CountTokens,
    Delta,
    Done,
    EngineMessage,
    Failed,
    Generate,
    Hello,
    Load,
    Ping,
    Pong,
    Progress,
    Rejected,
    Shutdown,
    Welcome,
    build_hash,
    codes,
    decode_reply,
    encode_request,
)
from engine.transport import ChannelClosed, Frame
from engine.worker.outbox import MAX_WAITING_BYTES, Outbox

HERE = Path(__file__).resolve().parent
FAKE = [sys.executable, str(HERE / "fake_worker.py")]
WAIT_S = 30.0


class Talk:
    """A worker spoken to frame by frame."""

    def __init__(self, command: list[str]) -> None:
        self.worker: LaunchedWorker = launch_worker(command)

    def say(self, message: AppMessage) -> None:
        self.worker.channel.send(encode_request(message))

    def hear(self) -> EngineMessage:
        return decode_reply(self.worker.channel.receive().payload)

    def greet(self, folder: Path | None = None) -> Welcome:
        folders = () if folder is None else (str(folder),)
        self.say(Hello(PROTOCOL_VERSION, build_hash(), folders))
        welcome = self.hear()
        assert isinstance(welcome, Welcome)
        return welcome

    def ends(self) -> int:
        """The exit code, once the channel has closed."""
        with contextlib.suppress(ChannelClosed):
            while True:
                self.worker.channel.receive()
        return self.worker.process.wait(WAIT_S)

    def close(self) -> None:
        self.worker.process.kill()
        self.worker.process.wait()
        if self.worker.process.stdout is not None:
            self.worker.process.stdout.close()
        self.worker.dispose()


@pytest.fixture
def talk() -> Iterator[Talk]:
    opened = Talk(FAKE)
    yield opened
    opened.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A worker with a bare socket at our end."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [*FAKE, "--channel-fd", str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        stderr=subprocess.DEVNULL,
        cwd=HERE.parent.parent,
    )
    theirs.close()
    yield ours, process
    ours.close()
    process.kill()
    process.wait()


def write_model(folder: Path, **habits: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "model.json"
    path.write_text(json.dumps(habits))
    return path


# --- handshake


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(PROTOCOL_VERSION + 1, build_hash()), codes.PROTOCOL_MISMATCH),
        (Hello(PROTOCOL_VERSION, "0" * 64), codes.PROTOCOL_MISMATCH),
        (Ping(1), codes.MESSAGE_INVALID),
        (CountTokens(1, ("x",)), codes.MESSAGE_INVALID),
    ],
)
def test_a_stranger_is_rejected_with_a_reason(talk: Talk, hello: AppMessage, code: str) -> None:
    talk.say(hello)
    rejected = talk.hear()
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.build_hash) == (code, build_hash())
    assert talk.ends() == 3


def test_a_worker_without_a_channel_leaves() -> None:
    for arguments in (["--channel-fd", "9"], [], ["--channel-fd", "x"]):
        finished = subprocess.run(
            [sys.executable, "-m", "engine.worker", *arguments],
            cwd=HERE.parent.parent,
            capture_output=True,
            timeout=WAIT_S,
            check=False,
        )
        assert finished.returncode in (2, 3)


# --- frames


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("<II", 0xFFFFFFFF, 0),
        struct.pack("<II", MAX_REQUEST_BYTES + 1, 0),
        struct.pack("<II", 5, 0xFFFF),
        struct.pack("<II", 5, 0) + b"\xc1\xff\x00ab",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x04\x95cos\nsystem\n(S'id'\ntR.",
    ],
    ids=["4 GiB", "over the limit", "descriptors", "no message", "another protocol", "a pickle"],
)
def test_garbage_before_the_greeting_ends_the_worker(
    raw: tuple[socket.socket, subprocess.Popen[bytes]], sent: bytes
) -> None:
    raw[0].sendall(sent)
    raw[0].shutdown(socket.SHUT_WR)
    assert raw[1].wait(WAIT_S) in (0, 3)


@pytest.mark.parametrize(
    "garbage", [b"\xc1", b"hello", encode_request(Hello(PROTOCOL_VERSION, build_hash()))]
)
def test_garbage_after_the_greeting_ends_the_worker(talk: Talk, garbage: bytes) -> None:
    talk.greet()
    talk.worker.channel.send(garbage)
    assert talk.ends() == 4


def test_an_oversized_frame_after_the_greeting_ends_the_worker(
    raw: tuple[socket.socket, subprocess.Popen[bytes]],
) -> None:
    hello = encode_request(Hello(PROTOCOL_VERSION, build_hash()))
    raw[0].sendall(struct.pack("<II", len(hello), 0) + hello)
    assert raw[0].recv(1)
    raw[0].sendall(struct.pack("<II", MAX_REQUEST_BYTES + 1, 0))
    assert raw[1].wait(WAIT_S) == 4


# --- life


def test_a_request_is_accepted_and_then_ends_once(talk: Talk, tmp_path: Path) -> None:
    talk.greet(tmp_path)
    talk.say(Load(1, str(write_model(tmp_path))))
    talk.say(CountTokens(2, ("abc",)))
    heard = [talk.hear() for _ in range(4)]
    assert {type(message) for message in heard} == {Accepted, Done}
    assert sorted(message.request_id for message in heard if isinstance(message, Done)) == [1, 2]


def test_a_second_model_and_a_number_used_twice_are_refused(talk: Talk, tmp_path: Path) -> None:
    talk.greet(tmp_path)
    model = str(write_model(tmp_path, step_s=600.0))
    talk.say(Load(1, model))
    talk.say(Load(2, model))
    ends = [m for m in (talk.hear() for _ in range(4)) if not isinstance(m, Accepted)]
    assert isinstance(ends[1], Failed)
    assert ends[1].code == codes.MODEL_ALREADY_LOADED
    for _ in range(2):
        talk.say(Generate(3, (ChatMessage("user", "x"),)))
    talk.say(Ping(7))
    heard = []
    while not isinstance(heard[-1:] and heard[-1], Pong):
        heard.append(talk.hear())
    assert sum(isinstance(message, Accepted) for message in heard) == 1


def test_signs_of_life_come_while_the_engine_computes(talk: Talk, tmp_path: Path) -> None:
    talk.greet(tmp_path)
    talk.say(Load(1, str(write_model(tmp_path, step_s=600.0, deaf=True))))
    talk.say(Generate(2, (ChatMessage("user", "x"),)))
    while not isinstance(talk.hear(), Delta):
        pass
    talk.say(Ping(99))
    pong = talk.hear()
    assert isinstance(pong, Pong)
    assert pong.nonce == 99
    assert pong.rss_bytes > 1 << 20
    talk.say(Cancel(12345))  # a number that nobody knows is no reason to end
    talk.say(Ping(100))
    assert isinstance(talk.hear(), Pong)
    talk.say(Shutdown())
    assert talk.ends() == 0


def test_the_end_of_the_application_is_the_end_of_the_worker(talk: Talk, tmp_path: Path) -> None:
    talk.greet(tmp_path)
    talk.say(Load(1, str(write_model(tmp_path, step_s=600.0, deaf=True))))
    talk.say(Generate(2, (ChatMessage("user", "x"),)))
    while not isinstance(talk.hear(), Delta):
        pass
    talk.worker.channel.close()
    assert talk.worker.process.wait(WAIT_S) == 0


# --- cage


def test_inside_the_worker_there_are_no_sockets_processes_or_other_files(tmp_path: Path) -> None:
    (tmp_path / "beside").write_text("a person's file")
    with EngineClient(command=FAKE) as client:
        info = client.load(write_model(tmp_path / "models", probe=True)).result(WAIT_S)
        welcome = client.status.welcome
    told = json.loads(info.source)
    assert welcome is not None
    if welcome.kernel_filter:
        assert {told[name] for name in ("internet", "local", "pair")} == {"EACCES"}
        assert {told[name] for name in ("fork", "signal")} == {"EPERM"}
    if welcome.landlock_abi:
        assert {told[name] for name in ("read beside", "write")} == {"EACCES"}
    assert told["read the model"] == "done"
    assert "ssl" not in told["modules"]
    assert "http" not in told["modules"]
    assert told["arguments"].startswith("--channel-")
    assert not {"HOME", "USER", "HTTPS_PROXY"} & set(told["environment"].split())


def test_the_cage_comes_before_any_third_party_code() -> None:
    code = (
        "import sys\n"
        "import engine.cage\n"
        "def look(*arguments):\n"
        "    foreign = {name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names\n"
        "    print(sorted(n for n in foreign - {'engine', '__main__'} if not n.startswith('_')))\n"
        "    raise SystemExit\n"
        "engine.cage.forbid_sockets = look\n"
        "import runpy\n"
        "runpy.run_module('engine.worker', run_name='__main__')\n"
    )
    finished = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    assert finished.stdout.strip() == "[]"


# --- outbox


class SlowReader:
    """A channel whose other side takes nothing until it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.taken: list[int] = []
        self.all_taken = threading.Event()

    def send(self, payload: bytes, descriptors: object = ()) -> None:
        assert self.let.wait(WAIT_S)
        self.taken.append(len(payload))
        if len(self.taken) == 13:
            self.all_taken.set()

    def receive(self) -> Frame:
        raise ChannelClosed

    def close(self) -> None:
        self.let.set()


def test_who_produces_faster_than_the_application_reads_is_made_to_wait() -> None:
    reader = SlowReader()
    outbox = Outbox(reader)
    writer = threading.Thread(target=outbox.run)
    writer.start()
    big = Delta(1, "x" * (1 << 20), ())
    told: list[int] = []

    def produce() -> None:
        for number in range(12):
            outbox.put(big)
            told.append(number)

    producer = threading.Thread(target=produce)
    producer.start()
    producer.join(0.5)
    assert producer.is_alive()
    assert len(told) <= MAX_WAITING_BYTES // (1 << 20) + 2
    outbox.put_now(Pong(1, 0, 0, 0))  # a sign of life never waits
    outbox.put(Progress(1, "read", 0, 1), lambda: True)  # who was stopped does not wait either
    reader.let.set()
    producer.join(WAIT_S)
    assert reader.all_taken.wait(WAIT_S)
    outbox.close()
    writer.join(WAIT_S)
    assert len(reader.taken) == 13
