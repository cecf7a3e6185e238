"""What every backend must do, whoever computes: the loops of the runtime over a loaded model."""

from __future__ import annotations

import io
import threading
from collections.abc import Generator, Sequence

import pytest

from engine.protocol import ChatMessage, Generate, GenerateDone
from engine.runtime.answering import AnswerStopped
from engine.runtime.interrupt import Interrupt
from engine.runtime.reading import ReadingStopped
from engine.runtime.seam import LoadedBackend
from engine.runtime.sessions import Session, Sessions

TEXTS = ("The patient was seen on Monday. " * 5, "She was well again on Thursday. " * 5)
QUESTION = "When was the patient seen?"


def read(model: LoadedBackend, sessions: Sessions, texts: Sequence[str], name: str = "s") -> Session:
    for _ in model.read(sessions, name, texts, Interrupt(), lambda done, total: None):
        pass
    return sessions.get(name)


def finish(steps: Generator[None, None, GenerateDone]) -> GenerateDone:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: GenerateDone = end.value
            return done


def ask(
    model: LoadedBackend,
    session: Session | None = None,
    *,
    content: str = QUESTION,
    interrupt: Interrupt | None = None,
    **options: object,
) -> GenerateDone:
    request = Generate(1, (ChatMessage("user", content),), **{"max_tokens": 12, **options})  # type: ignore[arg-type]
    said: list[str] = []
    steps = model.generate(
        request,
        session,
        interrupt or Interrupt(),
        lambda done, total: None,
        lambda text, p: said.append(text),
    )
    done = finish(steps)
    assert "".join(said) == done.text
    return done


def dumped(session: Session) -> bytes:
    out = io.BytesIO()
    session.state.dump(lambda piece: out.write(piece))
    return out.getvalue()


class BackendContract:
    """Subclassed once per backend, with a fixture `model`."""

    def test_it_says_what_it_is(self, model: LoadedBackend) -> None:
        info = model.info
        assert len(info.identity) == 64
        assert info.identity == model.identity
        assert info.vocab_size > 0
        assert info.parameters > 0
        assert info.context_tok > 0
        grows = info.growth != "recurrent"
        assert (info.kv_bytes_per_token > 0) == grows

    def test_counts_are_those_of_reading_and_asking(self, model: LoadedBackend) -> None:
        sessions = Sessions()
        session = read(model, sessions, TEXTS)
        assert session.position_tok == sum(model.count_text(text) for text in TEXTS)
        done = ask(model, session)
        assert done.prompt_tok == model.count_prompt([ChatMessage("user", QUESTION)])
        assert done.reused_tok == session.position_tok
        assert 0 < done.generated_tok <= 12
        assert 0 < done.confidence <= 1

    def test_the_same_question_has_the_same_answer_and_leaves_the_reading_alone(
        self, model: LoadedBackend
    ) -> None:
        session = read(model, Sessions(), TEXTS)
        before = dumped(session)
        first, second = ask(model, session), ask(model, session)
        assert (first.text, first.confidence) == (second.text, second.confidence)
        assert dumped(session) == before
        assert ask(model).text == ask(model).text

    def test_what_was_read_bears_on_the_answer(self, model: LoadedBackend) -> None:
        session = read(model, Sessions(), TEXTS)
        assert ask(model, session).confidence != ask(model).confidence

    def test_copies_and_restored_readings_go_on_alike(self, model: LoadedBackend) -> None:
        session = read(model, Sessions(), TEXTS)
        payload = dumped(session)
        assert len(payload) == session.state.payload_bytes
        restored = model.new_state()
        restored.load(io.BytesIO(payload).read)
        assert restored.position == session.position_tok
        assert restored.payload_bytes == len(payload)
        straight = ask(model, session)
        for other in (Session(session.state.fork()), Session(restored)):
            done = ask(model, other)
            assert done.text == straight.text
            assert done.confidence == pytest.approx(straight.confidence, rel=1e-5)

    def test_a_saved_reading_that_was_cut_or_bent_is_refused(self, model: LoadedBackend) -> None:
        session = read(model, Sessions(), TEXTS[:1])
        payload = dumped(session)
        state = model.new_state()
        bent = b"\xff" * 8 + payload[8:]
        for broken in (payload[: len(payload) // 2], payload[:4], bent):
            with pytest.raises(Exception):  # noqa: B017 - the worker takes any for "read again"
                state.load(io.BytesIO(broken).read)
            assert state.position == 0
        state.load(io.BytesIO(payload).read)
        assert state.position == session.position_tok

    def test_readings_are_independent(self, model: LoadedBackend) -> None:
        sessions = Sessions()
        one = read(model, sessions, TEXTS[:1], "one")
        alone = ask(model, one)
        read(model, sessions, TEXTS[1:], "two")
        longer = read(model, sessions, TEXTS[1:], "one")
        assert longer.position_tok > one.position_tok
        assert ask(model, one).confidence == pytest.approx(alone.confidence, rel=1e-5)
        assert sessions.get("two").position_tok == model.count_text(TEXTS[1])

    def test_many_readings_come_and_go(self, model: LoadedBackend) -> None:
        sessions = Sessions()
        for number in range(100):
            read(model, sessions, ["A short text."], f"s{number % 3}")
            sessions.drop(f"s{(number + 1) % 3}")
        assert sessions.nbytes > 0

    def test_a_stopped_answer_ends_and_the_model_goes_on(self, model: LoadedBackend) -> None:
        session = read(model, Sessions(), TEXTS)
        expected = ask(model, session)
        interrupt = Interrupt()
        interrupt.cancel()
        with pytest.raises(AnswerStopped):
            ask(model, session, interrupt=interrupt)
        assert ask(model, session).text == expected.text

    def test_a_reading_stopped_in_the_middle_keeps_its_whole_texts(self, model: LoadedBackend) -> None:
        interrupt = Interrupt()
        sessions = Sessions()
        long = "And so it went on. " * 60
        first_tok = model.count_text(TEXTS[0])

        def report(done: int, total: int) -> None:
            if done > first_tok:
                # from another thread, as the reader does it
                stopper = threading.Thread(target=interrupt.cancel)
                stopper.start()
                stopper.join()

        with pytest.raises(ReadingStopped) as stopped:
            for _ in model.read(sessions, "s", [TEXTS[0], long], interrupt, report):
                pass
        assert stopped.value.partial.texts_done == 1
        assert sessions.get("s").position_tok == first_tok
        straight = read(model, Sessions(), TEXTS[:1])
        assert ask(model, sessions.get("s")).confidence == pytest.approx(
            ask(model, straight).confidence, rel=1e-5
        )

    def test_pausing_changes_nothing(self, model: LoadedBackend) -> None:
        calm, hurried = Sessions(), Sessions()
        read(model, calm, TEXTS)
        interrupt = Interrupt()
        for _ in model.read(hurried, "s", TEXTS, interrupt, lambda done, total: interrupt.pause()):
            interrupt.resume()
        left, right = ask(model, calm.get("s")), ask(model, hurried.get("s"))
        assert left.text == right.text
        assert left.confidence == pytest.approx(right.confidence, rel=1e-4)

    def test_sampling_follows_its_seed(self, model: LoadedBackend) -> None:
        def sampled(seed: int) -> str:
            return ask(model, temperature=5.0, seed=seed).text

        assert sampled(1) == sampled(1)
        assert len({sampled(seed) for seed in range(4)}) > 1

    def test_an_answer_ends_at_its_limit_or_stop_text(self, model: LoadedBackend) -> None:
        full = ask(model, max_tokens=8)
        assert full.generated_tok <= 8
        if len(full.text) > 1:
            cut = ask(model, max_tokens=8, stop=(full.text[1:3],))
            assert cut.stop_reason == "stop"
            assert cut.text == full.text[: full.text.index(full.text[1:3])]

    def test_strange_texts_are_read(self, model: LoadedBackend) -> None:
        for text in ("", "\ud800", "\x00", "é" * 50, "😀", "\n\n\n"):
            read(model, Sessions(), [text])
            model.count_prompt([ChatMessage("user", text)])
