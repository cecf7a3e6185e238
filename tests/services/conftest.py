"""Real vaults with a cheap key, the real parser helper; at the engine's seam a scripted client or a real
worker.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app import services
from app.core.paths import Paths
from app.ingest import ParserHelper
from app.services import Companions, Workspace, model_trial
from app.services.lanes import Lane
from app.store import CHEAP_FOR_TESTS, Vault
from engine.client import EngineCancelled, EngineDied, EngineFailed, EngineStatus
from engine.client.request import Request
from engine.models.convert import convert
from engine.protocol import (
    ChatMessage,
    Delta,
    GenerateDone,
    ModelInfo,
    ReadDone,
    SessionPosition,
    StateSaved,
    TokenCounts,
)
from engine.protocol import Progress as EngineProgress

PASSPHRASE = "a phrase that is long enough"
WAIT_S = 60.0
GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden" / "float-tiny"

INFO = ModelInfo(
    name="scripted",
    label_en="Scripted",
    label_fr="Scénarisé",
    format="q8",
    parameters=1,
    size_bytes=1,
    identity="ab" * 32,
    vocab_size=1,
    layers=1,
    hidden_size=1,
    window_tok=4096,
    context_tok=131072,
    evidence_tok=0,
    reads_on=False,
    confidence_floor=0.3,
    reader=False,
    licence="",
    source="",
    threads=1,
    isa="scalar",
    window_precision="f16",
    window_mode="hf",
    state_bytes=1000,
    load_s=0.0,
)

Answerer = Callable[[Sequence[ChatMessage]], "str | GenerateDone | Exception"]


@dataclass
class ScriptedClient:
    """An engine client whose answers a test writes. ``answer`` gets the messages; four characters are a
    token.
    """

    hear: Callable[[EngineStatus], None]
    info: ModelInfo = INFO
    answer: Answerer = lambda messages: "Nothing. [0]"
    confidence: float = 0.9
    hold: threading.Event | None = None  # when set, generation waits for it (or for a cancel)
    reading: threading.Event | None = None  # when set, half of the prompt is read until it is
    prompts: list[tuple[ChatMessage, ...]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    sessions: list[str | None] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    open: list[tuple[Request[GenerateDone], threading.Event]] = field(default_factory=list)
    status: EngineStatus = field(default_factory=lambda: EngineStatus("stopped"))

    def start(self) -> None:
        self._become(EngineStatus("ready"))

    def close(self) -> None:
        """Open requests end, as the real client's do."""
        for request, stop in self.open:
            request.end(None, EngineDied("closed"))
            stop.set()
        self._become(EngineStatus("stopped"))

    def die(self, reason: str = "gave-up") -> None:
        self._become(EngineStatus("failed", reason=reason))

    def log_tail(self) -> list[str]:
        return list(self.log)

    def _become(self, status: EngineStatus) -> None:
        self.status = status
        self.hear(status)

    def load(self, path: Path, **_: object) -> Request[ModelInfo]:
        self._become(replace(self.status, phase="ready", model=self.info))
        return self._done(self.info)

    def count_prompt(self, messages: Sequence[ChatMessage]) -> Request[TokenCounts]:
        count = self.count(messages)
        self.counts.append(count)
        return self._done(TokenCounts((count,)))

    @staticmethod
    def count(messages: Sequence[ChatMessage]) -> int:
        return sum(4 + len(m.content) // 4 for m in messages)

    def generate(
        self, messages: Sequence[ChatMessage], *, from_session: str | None = None, **options: object
    ) -> Request[GenerateDone]:
        self.prompts.append(tuple(messages))
        self.sessions.append(from_session)
        stop = threading.Event()
        request: Request[GenerateDone] = Request(1, lambda _: stop.set())
        self.open.append((request, stop))
        given = self.answer(messages)
        threading.Thread(target=self._speak, args=(request, given, messages, stop)).start()
        return request

    def _speak(
        self,
        request: Request[GenerateDone],
        given: object,
        messages: Sequence[ChatMessage],
        stop: threading.Event,
    ) -> None:
        if isinstance(given, Exception):
            return request.end(None, given)  # type: ignore[arg-type]
        text = str(given)
        said = ""
        if self.reading is not None:
            request.take_progress(EngineProgress(1, "prompt", 50, 100))
            self.reading.wait(60)
        for word in text.split(" "):
            piece = word if not said else " " + word
            said += piece
            request.take_delta(Delta(1, piece, (0.9,)))
            if self.hold is not None and len(said) > len(text) // 2:
                while not self.hold.wait(0.01) and not stop.is_set():
                    pass
            if stop.is_set():
                return request.end(None, EngineCancelled(self._outcome(said, messages, "stopped")))
        return request.end(self._outcome(text, messages, "end"))

    def _outcome(self, text: str, messages: Sequence[ChatMessage], stop_reason: str) -> GenerateDone:
        return GenerateDone(
            text=text,
            prompt_tok=self.count(messages),
            reused_tok=0,
            generated_tok=max(1, len(text) // 4),
            prefill_s=0.1,
            decode_s=0.1,
            stop_reason=stop_reason,  # type: ignore[arg-type]
            confidence=self.confidence,
            lowest_probability=self.confidence,
        )

    def read(self, session: str, texts: Sequence[str], **_: object) -> Request[ReadDone]:
        return self._done(ReadDone(100, 100, 0.01, len(texts), "00"))

    def drop(self, session: str) -> Request[SessionPosition]:
        return self._done(SessionPosition(session, 0, ""))

    def save_state(self, session: str, file: int, key: bytes, identity_text: str) -> Request[StateSaved]:
        return self._done(None, EngineFailed("state-unwritable", "not here"))

    def restore_state(self, *_: object) -> Request[SessionPosition]:
        return self._done(None, EngineDied("ended"))

    @staticmethod
    def _done(value: object, error: Exception | None = None) -> Request:  # type: ignore[type-arg]
        request: Request = Request(1, lambda _: None)  # type: ignore[type-arg]
        request.end(value, error)  # type: ignore[arg-type]
        return request


LETTER = (
    "Centre hospitalier\n\nMadame Le Goff est sortie de l'hôpital le 9 mars 2024.\n\n"
    "Traitement de sortie : apixaban 5 mg matin et soir.\n\nTension artérielle 145/90 mmHg.\n"
)
LEASE = "Lease\n\nThe monthly rent is EUR 1,250.00, due on the first day.\n\nThe lessor is Mr Paul Arnaud.\n"


@dataclass
class Desk:
    """Makes and reopens workspaces in one temporary place, and closes what a test left open."""

    PASSPHRASE = PASSPHRASE
    LETTER = LETTER
    LEASE = LEASE

    root: Path
    helper: ParserHelper
    shipped: Path | None = None
    client: ScriptedClient | None = None
    _open: list[Workspace] = field(default_factory=list)

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    def companions(self, *, with_engine: bool = True) -> Companions:
        def make(hear: Callable[[EngineStatus], None], _: object) -> ScriptedClient:
            assert self.client is not None
            self.client.hear = hear
            return self.client

        return Companions.start(
            Paths.find(self.root / "home"),
            helper=self.helper,
            shipped_models=self.shipped or self.root / "no-models",
            with_engine=with_engine,
            make_client=make if self.client is not None else None,  # type: ignore[arg-type]
        )

    def open(self, *, auto_read: bool = False, passphrase: str = PASSPHRASE) -> Workspace:
        parts = self.companions()
        try:
            if Vault.exists(self.vault):
                ws = Workspace.open(
                    self.vault, passphrase, companions=parts, auto_read=auto_read, testing=True
                )
            else:
                ws = Workspace.create(
                    self.vault,
                    passphrase,
                    companions=parts,
                    kdf=CHEAP_FOR_TESTS,
                    auto_read=auto_read,
                    testing=True,
                )
        except BaseException:
            parts.close()
            raise
        self._open.append(ws)
        return ws

    def close(self) -> None:
        for ws in self._open:
            ws.close()

    def file(self, name: str, content: str | bytes) -> Path:
        """A file somewhere a person may have it."""
        path = self.root / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def dossier(self, ws: Workspace, **files: str | bytes) -> str:
        """A dossier that holds these files; ``lettre_txt=…`` is called lettre.txt."""
        dossier_id = services.create_dossier(ws, f"Dossier {len(services.list_dossiers(ws))}").result(60).id
        paths = [self.file(".".join(name.rsplit("_", 1)), content) for name, content in files.items()]
        if paths:
            report = services.import_paths(ws, dossier_id, paths).result(60)
            assert len(report.added) == len(files), report.exceptions
        return dossier_id

    @contextlib.contextmanager
    def held_after(self, documents: int) -> Iterator[None]:
        """Every document but the first few stays on its way until its import is stopped: whoever acts in
        the middle of an import does so, however busy the machine is.
        """
        parse, numbers = self.helper.parse, itertools.count(1)

        def held(data: bytes, name: str, *, cancel: threading.Event, **options: Any) -> object:
            if next(numbers) > documents:
                assert cancel.wait(WAIT_S)
            return parse(data, name, cancel=cancel, **options)

        self.helper.parse = held  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            del self.helper.parse  # type: ignore[method-assign]

    @staticmethod
    @contextlib.contextmanager
    def held_back(ws: Workspace, lane: Lane) -> Iterator[None]:
        """What is asked of a lane inside begins at the end: nothing of it is missed by who listens."""
        gate = threading.Event()
        ws.lanes.run(lane, "wait", lambda op: gate.wait(WAIT_S))
        try:
            yield
        finally:
            gate.set()


class SharedHelper(ParserHelper):
    """One nursery for all tests of this room: a workspace that closes leaves it running."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


@pytest.fixture(scope="session")
def helper() -> Iterator[ParserHelper]:
    helper = SharedHelper.spawn()
    assert isinstance(helper, SharedHelper)
    yield helper
    helper.end()


@pytest.fixture(autouse=True)
def hurried_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model on trial reads for a moment: what it does counts here, not how fast it is."""
    monkeypatch.setattr(model_trial, "READ_S", 0.05)


@pytest.fixture
def desk(tmp_path: Path, helper: ParserHelper) -> Iterator[Desk]:
    """No engine: the model folder is empty."""
    with contextlib.closing(Desk(tmp_path, helper)) as desk:
        yield desk


@pytest.fixture
def scripted(tmp_path: Path, helper: ParserHelper) -> Iterator[Desk]:
    """A scripted engine: ``desk.client`` says what it answers."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "scripted.gguf").write_bytes(b"GGUF, as far as the scripted client is concerned")
    client = ScriptedClient(lambda status: None)
    with contextlib.closing(Desk(tmp_path, helper, shipped, client)) as desk:
        yield desk


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one real converted model: the tiny known checkpoint, its window widened to 4,096
    tokens.
    """
    root = tmp_path_factory.mktemp("tiny")
    checkpoint = root / "checkpoint"
    shutil.copytree(GOLDEN, checkpoint)
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    config["sliding_window"] = 4096
    (checkpoint / "config.json").write_text(json.dumps(config), "utf-8")
    folder = root / "models"
    folder.mkdir()
    convert(checkpoint, folder / "tiny.gguf", "q8")
    return folder


@pytest.fixture
def real(tmp_path: Path, helper: ParserHelper, tiny_model: Path) -> Iterator[Desk]:
    """The real engine in its own process with the tiny model."""
    with contextlib.closing(Desk(tmp_path, helper, tiny_model)) as desk:
        yield desk
