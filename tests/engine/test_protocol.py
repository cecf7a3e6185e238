"""Messages: what goes in comes out, and nothing else comes in."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.protocol import (
    MAX_REQUEST_BYTES,
    PROTOCOL_VERSION,
    AppMessage,
    Cancelled,
    ChatMessage,
    CountTokens,
    Delta,
    Done,
    EngineMessage,
    Generate,
    GenerateDone,
    Hello,
    Load,
    MessageInvalid,
    Read,
    SaveState,
    TokenCounts,
    build_hash,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)


@pytest.mark.parametrize(
    "message",
    [
        Hello(PROTOCOL_VERSION, build_hash(), ("/models",)),
        Load(1, "/models/x.gguf", 4, "int8", "report"),
        Read(2, "dossier", ("page one", "page two"), False),
        Generate(3, (ChatMessage("user", "« quoi ? » 血压"),), "dossier", stop=("\n",)),
        SaveState(4, "dossier", bytes(32), "identity"),
    ],
)
def test_a_request_comes_out_as_it_went_in(message: AppMessage) -> None:
    assert decode_request(encode_request(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Delta(1, "text", (0.5, 0.25)),
        Done(2, TokenCounts((1, 2, 3))),
        Cancelled(3, GenerateDone("so far", 1, 2, 3, 0.1, 0.2, "stopped", 0.9, 0.8)),
        Cancelled(4),
    ],
)
def test_a_reply_comes_out_as_it_went_in(message: EngineMessage) -> None:
    assert decode_reply(encode_reply(message)) == message


@given(st.binary(max_size=400))
def test_garbage_is_refused_and_never_quoted(garbage: bytes) -> None:
    for decode in (decode_request, decode_reply):
        with pytest.raises(MessageInvalid):
            decode(b"\xc1" + garbage)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_gives_a_message_or_a_refusal_and_nothing_else(place: int, change: int) -> None:
    whole = bytearray(encode_request(Generate(3, (ChatMessage("user", "hello"),), "dossier", stop=("x",))))
    whole[place % len(whole)] ^= change
    try:
        message = decode_request(bytes(whole))
    except MessageInvalid:
        return
    assert isinstance(message, get_args(AppMessage))


def test_a_message_beyond_its_limits_is_refused() -> None:
    for message in (
        Generate(1, ()),
        Generate(1, (ChatMessage("user", ""),), max_tokens=0),
        Generate(1, (ChatMessage("user", ""),), temperature=-1.0),
        Load(0, "/x"),
        Load(1, "/x", 0),
        SaveState(1, "s", bytes(31), ""),
        Read(1, "", ("x",)),
        Read(1, "s" * 129, ("x",)),
    ):
        with pytest.raises(MessageInvalid):
            decode_request(encode_request(message))


def test_an_unknown_kind_or_field_is_refused() -> None:
    for raw in ({"kind": "format_disk"}, {"kind": "ping", "nonce": 1, "also": 2}, {"nonce": 1}, [1], None):
        with pytest.raises(MessageInvalid):
            decode_request(msgspec.msgpack.encode(raw))


def test_an_oversized_message_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(MessageInvalid, match="over"):
        decode_request(bytes(MAX_REQUEST_BYTES + 1))
    big = "x" * (16 << 20)
    with pytest.raises(MessageInvalid, match="over"):
        encode_request(CountTokens(1, (big, big, big)))


def test_a_deeply_nested_message_is_refused() -> None:
    with pytest.raises(MessageInvalid):
        decode_request(b"\x91" * 100_000)


def test_no_source_of_the_process_rooms_knows_pickle() -> None:
    root = Path(engine.__file__).parent
    for room in ("protocol", "transport", "client", "worker", "runtime", "states", "cage"):
        for source in (root / room).glob("*.py"):
            for node in ast.walk(ast.parse(source.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {"pickle", "marshal", "shelve", "dill"} & {name.split(".")[0] for name in names}


def test_the_build_hash_is_the_same_at_every_asking() -> None:
    assert build_hash() == build_hash()
    assert len(build_hash()) == 64
    assert sys.modules["engine.protocol"].PROTOCOL_VERSION >= 1
