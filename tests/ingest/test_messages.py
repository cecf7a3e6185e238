"""Whatever comes out of a child, the application gets checked values or a reason."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest import conversation
from app.ingest.conversation import Conversation, Reading
from app.ingest.frames import ChannelClosed, FrameAssembler, FrameTooLarge, frame
from app.ingest.jobs import Death
from app.ingest.kinds import kind_of
from app.ingest.limits import Limits
from app.ingest.messages import (
    AttachmentMessage,
    Finished,
    NoteMessage,
    Opened,
    PageMessage,
    Part,
    Pixels,
    Refused,
    encode,
)
from app.ingest.refusals import NOTE_TEMPLATES, REFUSAL_TEMPLATES, IngestRefused
from app.library.words import Word, pack_words, unpack_words

LIMITS = Limits(pages=5, page_text_bytes=200, page_words=20, attachments=3, wall_s=0.2)

numbers = st.one_of(st.integers(-3, 12), st.integers(-(1 << 63), 1 << 63))
sides = st.one_of(st.floats(-10, 700), st.floats())
texts = st.text(max_size=60)
words = st.builds(Word, st.integers(-2, 30), st.integers(-2, 30), sides, sides, sides, sides)
codes = st.sampled_from(["", "no-text", "x"])
answers = st.one_of(
    st.builds(
        Opened,
        st.sampled_from(["application/pdf", "text/plain", "x"]),
        st.sampled_from(["original", "ours"]),
        numbers,
        texts,
        st.lists(st.builds(NoteMessage, st.sampled_from(["repaired", "x"]), numbers), max_size=3),
    ),
    st.builds(PageMessage, numbers, sides, sides, texts, st.lists(words, max_size=4), codes),
    st.builds(AttachmentMessage, texts, numbers),
    st.builds(Part, st.binary(max_size=20)),
    st.builds(Pixels, numbers, numbers, st.binary(max_size=30)),
    st.builds(
        Refused,
        st.sampled_from([*REFUSAL_TEMPLATES, "x"]),
        st.dictionaries(st.text(max_size=8), st.one_of(texts, st.integers(0, 9), st.floats()), max_size=3),
    ),
    st.builds(Finished, numbers),
)  # fmt: skip


class Scripted:
    """A job whose child says what is written."""

    def __init__(self, *said):
        pieces = iter([*said, b""])
        self._frames = FrameAssembler(lambda timeout_s: next(pieces))

    def send(self, data, timeout_s):
        """Nobody listens."""

    def next_frame(self, cap_bytes, timeout_s):
        return self._frames.next_frame(cap_bytes, timeout_s)

    def death(self):
        return Death(signal=9)

    def close(self):
        """There is nothing to close."""


def read(said):
    pages = []
    reading = Reading(1, pages.append, lambda done, total: None, LIMITS)
    with Conversation(Scripted(said), LIMITS, None) as talk:
        more = reading.take_batch(talk)
    return pages, (None if more else reading.document())


def check(said):
    with contextlib.suppress(IngestRefused):
        pages, document = read(said)
        for page in pages:
            assert 0 < page.width_pt < float("inf")
            assert unpack_words(pack_words(page.words)) == tuple(
                Word(w.start, w.end, *(round(value * 100) / 100 for value in (w.x0, w.y0, w.x1, w.y1)))
                for w in page.words
            )
        if document is not None:
            assert 1 <= document.page_count <= LIMITS.pages
            assert all(note.code in NOTE_TEMPLATES for note in document.notes)
            assert len(document.children) <= LIMITS.attachments


@given(st.lists(answers, max_size=8))
def test_any_sequence_of_messages_ends_as_checked_values_or_a_reason(messages):
    check(b"".join(frame(encode(message)) for message in messages if encodes(message)))


@given(st.integers(1, 3), st.lists(answers, max_size=4))
def test_any_ending_after_an_honest_beginning_does_too(count, messages):
    honest = [Opened("application/pdf", "original", count, "t", [])]
    honest.append(PageMessage(1, 595.0, 842.0, "a", [Word(0, 1, 1.0, 1.0, 2.0, 2.0)], ""))
    check(b"".join(frame(encode(message)) for message in [*honest, *messages] if encodes(message)))


@given(st.binary(max_size=300))
def test_any_bytes_do_too(said):
    check(said)


def encodes(message):
    try:
        encode(message)
    except (OverflowError, UnicodeEncodeError, msgspec.MsgspecError):
        return False
    return True


def test_an_honest_conversation_is_believed():
    said = [
        Opened("text/plain", "ours", 1, "Title\nof two lines\u202e", [NoteMessage("signs-missing", 99)]),
        PageMessage(1, 595.0, 842.0, "a", [Word(0, 1, 1.0, 1.0, 2.0, 2.0)], ""),
        AttachmentMessage("../a\n.txt", 3),
        Part(b"ab"),
        Part(b"c"),
        Finished(0),
    ]
    pages, document = read(b"".join(frame(encode(message)) for message in said))
    assert pages[0].words == (Word(0, 1, 1.0, 1.0, 2.0, 2.0),)
    assert document.title == "Title of two lines"
    assert [(child.name, child.data) for child in document.children] == [("a .txt", b"abc")]
    assert [(note.code, note.page) for note in document.notes] == [("signs-missing", 1)]


class Clock:
    """The time as a conversation reads it; a test lets it pass."""

    def __init__(self):
        self.now_s = 1000.0

    def monotonic(self):
        return self.now_s


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(conversation, "time", clock)
    return clock


def five_pages():
    """What a child says of them, with a silence after each."""
    yield frame(encode(Opened("application/pdf", "original", 5, "", [])))
    for number in range(1, 6):
        yield frame(encode(PageMessage(number, 9.0, 9.0, "", [], "")))
        yield None
    yield frame(encode(Finished(0)))


def test_a_slow_caller_is_not_taken_for_a_slow_child(clock):
    pages = []

    def store_slowly(page):
        pages.append(page.number)
        clock.now_s += 100 * LIMITS.wall_s

    reading = Reading(1, store_slowly, lambda done, total: None, LIMITS)
    with Conversation(Scripted(*five_pages()), LIMITS, None) as talk:
        assert not reading.take_batch(talk)
    assert pages == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("silence", "kept"), [(0.9, 5), (1.1, 1)])
def test_a_child_is_too_slow_after_one_long_silence_or_several_shorter_ones(clock, silence, kept):
    class Slow(Scripted):
        def next_frame(self, cap_bytes, timeout_s):
            said = super().next_frame(cap_bytes, timeout_s)
            clock.now_s += silence * LIMITS.wall_s * (said is None)
            return said

    pages = []
    reading = Reading(1, pages.append, lambda done, total: None, LIMITS)
    with Conversation(Slow(*five_pages()), LIMITS, None) as talk, pytest.raises(IngestRefused) as refused:
        reading.take_batch(talk)
    assert refused.value.code == "too-slow"
    assert len(pages) == kept


@given(st.lists(st.binary(max_size=50), max_size=6), st.integers(1, 9))
def test_frames_come_out_whole_however_they_arrive(payloads, step):
    stream = b"".join(frame(payload) for payload in payloads)
    pieces = iter([stream[at : at + step] for at in range(0, len(stream), step)] + [None, b""])
    assembler = FrameAssembler(lambda timeout_s: next(pieces))
    assert [assembler.next_frame(50, 0.0) for _ in payloads] == payloads
    assert assembler.next_frame(50, 0.0) is None
    with pytest.raises(ChannelClosed):
        assembler.next_frame(50, 0.0)


def test_a_frame_over_its_cap_is_refused_before_it_comes():
    assembler = FrameAssembler(lambda timeout_s: b"\xff\xff\xff\xff")
    with pytest.raises(FrameTooLarge):
        assembler.next_frame(1 << 20, 0.0)


@given(st.binary(max_size=400), st.sampled_from(["", "a.eml", "a.md", "a.pdf", "a"]))
def test_the_kind_of_any_bytes_is_told_without_harm(data, name):
    assert kind_of(data, name) in {
        "pdf", "zip", "ole", "rtf", "image", "mail", "markdown", "text", "binary",
    }  # fmt: skip
