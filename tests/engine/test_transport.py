"""The channel: whole frames, capped, with descriptors, and a clear end."""

from __future__ import annotations

import array
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.transport import ChannelClosed, FrameRefused

if sys.platform == "win32":
    pytest.skip("the socket pair is for POSIX", allow_module_level=True)

from engine.transport.unix import UnixChannel, adopt, open_pair

LIMIT = 1 << 20


def limits() -> dict[str, int]:
    return {"max_request_bytes": LIMIT, "max_reply_bytes": LIMIT, "max_descriptors": 1}


def open_descriptors() -> int:
    """How many descriptors this process has, by trying."""
    count = 0
    for descriptor in range(1024):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        count += 1
    return count


@pytest.fixture
def ends() -> Iterator[tuple[UnixChannel, UnixChannel]]:
    ours, theirs = open_pair(**limits())
    other = adopt(theirs.detach(), **limits())
    yield ours, other
    ours.dispose()
    other.dispose()


@pytest.fixture
def raw() -> Iterator[tuple[UnixChannel, socket.socket]]:
    ours, theirs = open_pair(**limits())
    yield ours, theirs
    ours.dispose()
    theirs.close()


@given(st.lists(st.binary(max_size=3000), max_size=8))
def test_frames_arrive_whole_and_in_order(payloads: list[bytes]) -> None:
    ours, theirs = open_pair(**limits())
    other = adopt(theirs.detach(), **limits())
    try:
        for payload in payloads:
            ours.send(payload)
        assert [other.receive().payload for _ in payloads] == payloads
    finally:
        ours.dispose()
        other.dispose()


def test_a_frame_larger_than_the_system_takes_at_once_arrives(ends: tuple[UnixChannel, UnixChannel]) -> None:
    payload = os.urandom(LIMIT)
    sender = threading.Thread(target=ends[0].send, args=(payload,))
    sender.start()
    assert ends[1].receive().payload == payload
    sender.join()


def test_a_descriptor_travels_and_is_the_same_open_file(
    ends: tuple[UnixChannel, UnixChannel], tmp_path: Path
) -> None:
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    ends[0].send(b"here", (file,))
    frame = ends[1].receive()
    os.write(frame.descriptors[0], b"written there")
    assert not os.get_inheritable(frame.descriptors[0])
    frame.close_descriptors()
    os.close(file)
    assert (tmp_path / "file").read_bytes() == b"written there"


def test_too_much_is_refused_before_it_is_sent(ends: tuple[UnixChannel, UnixChannel]) -> None:
    with pytest.raises(FrameRefused):
        ends[0].send(bytes(LIMIT + 1))
    with pytest.raises(FrameRefused):
        ends[0].send(b"", (0, 1))


def test_a_frame_that_says_it_is_oversized_is_refused_unread(raw: tuple[UnixChannel, socket.socket]) -> None:
    raw[1].sendall(struct.pack("<II", 0xFFFFFFFF, 0))
    with pytest.raises(FrameRefused, match="over"):
        raw[0].receive()


def test_descriptors_that_nobody_announced_are_closed_and_refused(
    raw: tuple[UnixChannel, socket.socket],
) -> None:
    before = open_descriptors()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]).tobytes())
    raw[1].sendmsg([struct.pack("<II", 1, 0), b"x"], [rights])
    with pytest.raises(FrameRefused, match="descriptors"):
        raw[0].receive()
    assert open_descriptors() == before


def test_a_flood_of_descriptors_is_refused(raw: tuple[UnixChannel, socket.socket]) -> None:
    before = open_descriptors()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 60).tobytes())
    raw[1].sendmsg([struct.pack("<II", 1, 1), b"x"], [rights])
    with pytest.raises(FrameRefused, match="descriptors"):
        raw[0].receive()
    assert open_descriptors() == before


def test_announced_descriptors_that_did_not_come_are_refused(raw: tuple[UnixChannel, socket.socket]) -> None:
    raw[1].sendall(struct.pack("<II", 1, 1) + b"x")
    with pytest.raises(FrameRefused, match="descriptors"):
        raw[0].receive()


@pytest.mark.parametrize("sent", [b"", b"\x05", struct.pack("<II", 5, 0), struct.pack("<II", 5, 0) + b"abc"])
def test_the_end_of_the_other_side_is_told_wherever_it_comes(
    raw: tuple[UnixChannel, socket.socket], sent: bytes
) -> None:
    raw[1].sendall(sent)
    raw[1].close()
    with pytest.raises(ChannelClosed):
        raw[0].receive()


def test_closing_wakes_whoever_waits(ends: tuple[UnixChannel, UnixChannel]) -> None:
    told: list[str] = []

    def wait() -> None:
        try:
            ends[0].receive()
        except ChannelClosed:
            told.append("closed")

    waiting = threading.Thread(target=wait)
    waiting.start()
    ends[0].close()
    waiting.join(60)
    assert told == ["closed"]
    with pytest.raises(ChannelClosed):
        ends[0].send(b"x")
    with pytest.raises(ChannelClosed):
        ends[1].receive()


def test_a_descriptor_that_is_no_local_stream_is_not_adopted(tmp_path: Path) -> None:
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    with pytest.raises(OSError, match=r".+"):
        adopt(file, **limits())
    os.close(file)
    end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with pytest.raises(OSError, match="no local stream"):
        adopt(end.detach(), **limits())
    other.close()
