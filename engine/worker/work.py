"""What each request does: one generator per kind, over the loaded model and the live sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from engine.protocol import (
    CountPrompt,
    CountTokens,
    Drop,
    Fork,
    Generate,
    Inspect,
    Inspection,
    Load,
    ModelInfo,
    Outcome,
    Read,
    RestoreState,
    SaveState,
    SessionPosition,
    StateSaved,
    TokenCounts,
    codes,
)
from engine.runtime.answering import PromptEmpty
from engine.runtime.interrupt import Stopped
from engine.runtime.sampler import LogitsInvalid
from engine.runtime.seam import ContextFull, LoadedBackend, ReadingState
from engine.runtime.sessions import Session, SessionLimit, Sessions, SessionUnknown
from engine.states import (
    SnapshotDamaged,
    SnapshotError,
    SnapshotIdentity,
    SnapshotMismatch,
    SnapshotUnwritable,
    read_snapshot,
    write_snapshot,
)
from engine.worker.desk import Job, RequestFailed

Loader = Callable[[Load], LoadedBackend]

Steps = Generator[None, None, Outcome]


class Workroom:
    """The model of this worker's life and its live sessions. Used by the computing thread."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._model: LoadedBackend | None = None
        self._answer_tok = 0
        self.sessions = Sessions()

    def begin(self, job: Job) -> Steps:
        """The steps of a request. Whatever they raise is the request's end (see `explain`)."""
        message = job.message
        match message:
            case Load():
                return _at_once(lambda: self._load(message))
            case CountTokens() | CountPrompt():
                return self._count(message, job)
            case Read():
                return self._read(message, job)
            case Generate():
                return self._generate(message, job)
            case SaveState():
                return _at_once(lambda: self._save(message, job))
            case RestoreState():
                return _at_once(lambda: self._restore(message, job))
            case Fork():
                return _at_once(lambda: self._fork(message))
            case Drop():
                return _at_once(lambda: self._drop(message))
            case Inspect():
                return _at_once(lambda: self._inspect(message))

    @property
    def _loaded(self) -> LoadedBackend:
        if self._model is None:
            raise RequestFailed(codes.NO_MODEL, "No model is loaded.")
        return self._model

    def _load(self, message: Load) -> ModelInfo:
        if self._model is not None:
            raise RequestFailed(codes.MODEL_ALREADY_LOADED, "This engine already has its model.")
        self._model = self._loader(message)
        return self._model.info

    def _count(self, message: CountTokens | CountPrompt, job: Job) -> Steps:
        model = self._loaded
        if isinstance(message, CountPrompt):
            return TokenCounts((model.count_prompt(message.messages),))
        counts: list[int] = []
        for text in message.texts:
            counts.append(model.count_text(text))
            yield
            job.interrupt.check()
        return TokenCounts(tuple(counts))

    def _read(self, message: Read, job: Job) -> Steps:
        model = self._loaded
        return (
            yield from model.read(
                self.sessions,
                message.session,
                message.texts,
                job.interrupt,
                lambda done, total: job.report("read", done, total),
            )
        )

    def _generate(self, message: Generate, job: Job) -> Steps:
        model = self._loaded
        session = None if message.from_session is None else self.sessions.get(message.from_session)
        done = yield from model.generate(
            message,
            session,
            job.interrupt,
            lambda done, total: job.report("prompt", done, total),
            lambda text, probabilities: job.emit(text, tuple(probabilities)),
        )
        self._answer_tok = done.reused_tok + done.prompt_tok + done.generated_tok
        return done

    def _save(self, message: SaveState, job: Job) -> StateSaved:
        model, session = self._loaded, self.sessions.get(message.session)
        began_s = time.monotonic()
        size_bytes = write_snapshot(
            _file_of(job),
            message.key,
            _identity(model, session.state, message.identity_text),
            session.state,
            session.text_sha256,
            job.interrupt.check,
        )
        saved = StateSaved(
            request_id=message.request_id,
            size_bytes=size_bytes,
            position_tok=session.position_tok,
            text_sha256=session.text_sha256.hex(),
            seconds=time.monotonic() - began_s,
        )
        job.outbox.put(saved, lambda: job.interrupt.cancelled)
        return saved

    def _restore(self, message: RestoreState, job: Job) -> SessionPosition:
        state = self._loaded.new_state()
        identity = _identity(self._loaded, state, message.identity_text)
        try:
            text_sha256 = read_snapshot(_file_of(job), message.key, identity, state, job.interrupt.check)
        except (SnapshotError, MemoryError, RequestFailed, Stopped):
            raise
        except Exception:
            # sealed by us and unchanged, yet not what this kernel writes: made by another build
            raise SnapshotMismatch("the kernel does not accept the state") from None
        self.sessions.keep(message.session, Session(state, text_sha256))
        return self._position(message.session)

    def _fork(self, message: Fork) -> SessionPosition:
        source = self.sessions.get(message.source)
        self.sessions.keep(message.target, Session(source.state.fork(), source.text_sha256))
        return self._position(message.target)

    def _drop(self, message: Drop) -> SessionPosition:
        self.sessions.drop(message.session)
        return SessionPosition(message.session, 0, "")

    def _inspect(self, message: Inspect) -> Inspection:
        model = self._loaded
        spikes = None if model.watch is None else model.watch.report(message.scope, sample=message.sample)
        return Inspection(spikes, model.memory, self._answer_tok)

    def _position(self, name: str) -> SessionPosition:
        session = self.sessions.get(name)
        return SessionPosition(name, session.position_tok, session.text_sha256.hex())


def _at_once(work: Callable[[], Outcome]) -> Steps:
    """Work without a boundary in it, done at its first turn."""
    yield from ()
    return work()


def explain(error: Exception) -> RequestFailed | None:
    """The answer for an error that is no bug of ours; None for one that is."""
    match error:
        case RequestFailed():
            return error
        case SessionUnknown():
            return RequestFailed(codes.SESSION_UNKNOWN, "There is no such reading.")
        case SessionLimit():
            return RequestFailed(codes.SESSION_LIMIT, "There are too many readings at once.")
        case PromptEmpty():
            return RequestFailed(codes.PROMPT_EMPTY, "The prompt is empty.")
        case LogitsInvalid():
            return RequestFailed("model-weights-invalid", f"The model's weights are not usable: {error}.")
        case ContextFull():
            return RequestFailed(codes.CONTEXT_FULL, f"The model has no room for more: {error}.")
        case SnapshotDamaged():
            return RequestFailed(codes.STATE_DAMAGED, f"The snapshot is damaged: {error}.")
        case SnapshotMismatch():
            return RequestFailed(codes.STATE_MISMATCH, f"The snapshot does not fit: {error}.")
        case SnapshotUnwritable():
            return RequestFailed(codes.STATE_UNWRITABLE, f"{error}.")
        case _:
            return None


def _file_of(job: Job) -> int:
    if job.descriptor is None:
        raise RequestFailed(codes.DESCRIPTOR_MISSING, "No file came with the request.")
    return job.descriptor


def _identity(model: LoadedBackend, state: ReadingState, identity_text: str) -> SnapshotIdentity:
    return SnapshotIdentity(model.identity, state.layout, identity_text)
