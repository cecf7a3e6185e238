"""Reading a dossier: every page once through the model, in the background, kept as a sealed snapshot.

A snapshot belongs to one model file and one sequence of pages. Its identity says which; anything else in
its place means reading again, never a guess. It dies with its dossier, and with any document that was part
of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from app.core.errors import EnvironmentFailure, HuisClosError
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import pages as page_rows
from app.library import readings as reading_rows
from app.library.failures import DocumentMissing, DossierMissing
from app.library.values import Coverage, DocumentStatus, Reading
from app.services.engine_words import why
from app.services.events import ReadingMoved
from app.services.lanes import Lane
from app.services.live_readings import LiveReading
from app.services.model_choice import bring_model
from app.services.models import InstalledModel
from app.services.operation import PROGRESS_INTERVAL_S, Operation, OperationCancelled, Progress
from app.services.shredding import destroy
from app.services.views import Changes, ReadingCard, ReadingState
from app.services.workspace import Workspace
from engine.client import EngineCancelled, EngineDied, EngineError, EngineFailed
from engine.protocol import ModelInfo, ReadDone

BATCH_PAGES = 4
CHECKPOINT_PAGES = 100
CHECKPOINT_S = 60.0
READY_WAIT_S = 120.0
MAX_LIVES = 3  # deaths of the engine in one reading before it is given up
MAC_LABEL = "reading-text"
SEALED_KIND = "reading"


class ReadingStopped(EnvironmentFailure):
    """The engine could not go on. ``why`` is one of ``engine_words``, to be translated."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "reading-stopped",
            "Reading the dossier stopped: {why}. Searching and asking work; start the reading again later.",
            why=why,
        )


@dataclass(frozen=True, slots=True)
class _PageText:
    document_id: str
    number: int
    text: str


def digest(before: bytes, text: str) -> bytes:
    """Chain of SHA-256 over the texts read so far, so that a prefix can be recognised page by page."""
    return hashlib.sha256(before + hashlib.sha256(text.encode("utf-8")).digest()).digest()


def identity(info: ModelInfo, position_tok: int, mac: bytes) -> str:
    """What a snapshot is sealed to: model file, window, text read and position."""
    window = f"{info.window_precision}|{info.window_mode}"
    return f"huisclos-reading/1|{info.identity}|{window}|{position_tok}|{mac.hex()}"


def session_name(dossier_id: str) -> str:
    return f"dossier-{dossier_id}"


def reading_card(ws: Workspace, dossier_id: str) -> ReadingCard:
    """How far the reading of a dossier is, by the model loaded now (without one, by the last that read)."""
    with ws.vault.read() as conn:
        try:
            pages = dossier_rows.get_dossier(conn, dossier_id).pages
        except DossierMissing:
            pages = 0
        return card_of(ws, conn, dossier_id, pages)


def card_of(ws: Workspace, conn: Connection, dossier_id: str, pages_total: int) -> ReadingCard:
    """The same where the pages that are ready are counted already."""
    shown = ws.live_readings.shown(dossier_id)
    if shown is not None:
        return shown
    info = ws.host.info
    booked = _booked(conn, dossier_id, info)
    if booked is None:
        state = ReadingState.WAITING if info is not None else ReadingState.OFF
        return ReadingCard(state, 0, pages_total, memory_bytes=0)
    read = booked.pages
    if info is None:
        state = ReadingState.OFF
    else:
        state = ReadingState.READY if read >= pages_total else ReadingState.WAITING
    return ReadingCard(
        state, read, pages_total, booked.position_tok, booked.size_bytes, None, booked.created_utc
    )


def open_dossier(ws: Workspace, dossier_id: str) -> Operation[ReadingCard]:
    """Bring the kept reading of a dossier back into the engine's memory, if there is one that still holds;
    with
    ``auto_read``, go on reading what was not read yet.
    """

    def work(op: Operation[ReadingCard]) -> ReadingCard:
        bring_model(ws, dossier_id)
        info = ws.host.wait_until_ready(READY_WAIT_S, op.cancel_event)
        if info is not None:
            with suppress(EngineError):
                _restore(ws, dossier_id, info)
        card = reading_card(ws, dossier_id)
        idle = not any(other.verb == "read-dossier" for other in ws.busy_with(dossier_id))
        if ws.auto_read and idle and card.state is ReadingState.WAITING and card.pages_total:
            read_dossier(ws, dossier_id)
        return card

    return ws.lanes.run(Lane.READ, "open-dossier", work)


def read_dossier(ws: Workspace, dossier_id: str) -> Operation[ReadingCard]:
    """Read what was not read yet, in the background; questions go first. Cancelling pauses: what was read
    is kept.

    Ends quietly (state OFF) when there is no model.
    """

    def work(op: Operation[ReadingCard]) -> ReadingCard:
        ws.hold(dossier_id, op)
        bring_model(ws, dossier_id)
        mine = ws.host.wanted
        try:
            for _ in range(MAX_LIVES):
                info = ws.host.wait_until_ready(READY_WAIT_S, op.cancel_event)
                op.check()
                if info is None:
                    return reading_card(ws, dossier_id)
                try:
                    return _Reading(ws, op, dossier_id, info).run()
                except EngineDied:  # restarted by its client: go on from the last checkpoint
                    op.check()
                    if _is_other(ws.host.wanted, mine):  # another model was wanted: this reading pauses
                        raise OperationCancelled("read-dossier") from None
            raise ReadingStopped("the engine stopped several times")
        except EngineFailed as failure:
            raise ReadingStopped(why(failure.code)) from None
        except EngineError:
            raise OperationCancelled("read-dossier") from None
        except (DocumentMissing, DossierMissing):  # removed meanwhile: what was read of it must go as well
            forget_session(ws, dossier_id)
            ws.host.client.drop(session_name(dossier_id))
            raise OperationCancelled("read-dossier") from None
        finally:
            ws.live_readings.show(dossier_id, None)
            ws.changed(Changes.READING, dossier_id, op)

    return ws.lanes.run(Lane.READ, "read-dossier", work)


def _is_other(model: InstalledModel | None, before: InstalledModel | None) -> bool:
    return model is None or before is None or model.card.id != before.card.id


def session_for_answers(ws: Workspace, dossier_id: str, info: ModelInfo) -> str | None:
    """The live session that answers should start from; None when this model answers from passages alone, or
    when the dossier was not read."""
    if not info.reads_on:
        return None
    live = ws.live_readings.get(dossier_id, ws.host.generation)
    if live is None:
        try:
            live = _restore(ws, dossier_id, info)
        except EngineError:
            return None
    return None if live is None else live.session


def forget_session(ws: Workspace, dossier_id: str) -> None:
    """Drop a dossier's reading from the engine's memory."""
    live = ws.live_readings.forget(dossier_id)
    if live is not None:
        with suppress(EngineError):
            ws.host.client.drop(live.session)


def _booked(conn: Connection, dossier_id: str, info: ModelInfo | None) -> Reading | None:
    if info is not None:
        return reading_rows.find_reading(conn, dossier_id, info.identity)
    kept = reading_rows.list_readings(conn, dossier_id)
    return kept[-1] if kept else None


def _texts(conn: Connection, dossier_id: str, first: Sequence[Coverage]) -> list[_PageText]:
    """Pages in reading order: documents of an earlier reading in the order they were read, then the
    others.
    """
    ready = {
        row.id: row for row in document_rows.list_documents(conn, dossier_id, status=DocumentStatus.READY)
    }
    order = [part.document_id for part in first if part.document_id in ready]
    order += [row_id for row_id in ready if row_id not in set(order)]
    pages = []
    for document_id in order:
        name = ready[document_id].name
        for number, text in page_rows.iterate_texts(conn, document_id):
            heading = " ".join(name.split())
            pages.append(_PageText(document_id, number, f"\n{heading}, {number}\n{text}\n"))
    return pages


def _restore(ws: Workspace, dossier_id: str, info: ModelInfo) -> LiveReading | None:
    """Bring a snapshot back. One that is damaged or of another text or model is dropped: read again."""
    live = ws.live_readings.get(dossier_id, ws.host.generation)
    if live is not None:
        return live
    with ws.vault.read() as conn:
        booked = reading_rows.find_reading(conn, dossier_id, info.identity)
        if booked is None:
            return None
        pages = _texts(conn, dossier_id, booked.covered)[: booked.pages]
    chain = b""
    for page in pages:
        chain = digest(chain, page.text)
    mac = ws.vault.mac(MAC_LABEL, chain)
    if len(pages) != booked.pages or mac != booked.text_mac:
        _unbook(ws, booked)
        return None
    generation = ws.host.generation
    session = session_name(dossier_id)
    try:
        with ws.vault.sealed_files.open(booked.sealed_file_id) as file:
            ws.host.client.restore_state(
                session, file.fd, file.key, identity(info, booked.position_tok, mac)
            ).result()
    except EngineFailed as failure:
        if failure.code in ("state-damaged", "state-mismatch"):
            _unbook(ws, booked)
            return None
        raise
    except HuisClosError:  # the sealed file is missing or its key damaged
        _unbook(ws, booked)
        return None
    covered = tuple((part.document_id, part.pages) for part in booked.covered)
    live = LiveReading(session, generation, booked.position_tok, covered, chain)
    _keep_live(ws, dossier_id, live)
    # A removal takes the booking first and the live session next: whichever side comes second sees the other.
    with ws.vault.read() as conn:
        still_booked = reading_rows.find_reading(conn, dossier_id, info.identity) is not None
    if not still_booked:
        forget_session(ws, dossier_id)
        return None
    return live


def _keep_live(ws: Workspace, dossier_id: str, live: LiveReading) -> None:
    for other in ws.live_readings.put(dossier_id, live):
        with suppress(EngineError):
            ws.host.client.drop(other)


def _unbook(ws: Workspace, booked: Reading) -> None:
    with ws.vault.write() as conn:
        shred = reading_rows.delete_reading(conn, booked.id)
    destroy(ws, shred)


class _Reading:
    """One run over the pages that were not read yet."""

    def __init__(self, ws: Workspace, op: Operation[ReadingCard], dossier_id: str, info: ModelInfo) -> None:
        self._ws = ws
        self._op = op
        self._dossier_id = dossier_id
        self._info = info
        wanted = ws.host.wanted
        self._model_id = "" if wanted is None else wanted.card.id
        self._session = session_name(dossier_id)
        self._generation = 0
        self._total = 0
        self._told_s = 0.0

    def run(self) -> ReadingCard:
        ws = self._ws
        live = _restore(ws, self._dossier_id, self._info)
        covered = [Coverage(*part) for part in live.covered] if live is not None else []
        with ws.vault.read() as conn:
            pages = _texts(conn, self._dossier_id, covered)
        done = sum(part.pages for part in covered)
        chain = live.digest if live is not None else b""
        position = live.position_tok if live is not None else 0
        if live is None:
            ws.host.client.drop(self._session).result()
        self._generation = ws.host.generation
        self._total = len(pages)
        saved_at, saved_s = done, time.monotonic()
        began_s, began_done = time.monotonic(), done
        while done < len(pages):
            batch = pages[done : done + BATCH_PAGES]
            try:
                self._op.check()
                read = self._read([page.text for page in batch], position)
            except (OperationCancelled, EngineCancelled):
                if done > saved_at and not ws.closing:
                    self._save(pages[:done], position, chain)
                raise OperationCancelled("read-dossier") from None
            ws.host.learn(read)
            position = read.position_tok
            for page in batch:
                chain = digest(chain, page.text)
            done += len(batch)
            speed = (done - began_done) / max(1e-6, time.monotonic() - began_s)
            self._show(done, position, (len(pages) - done) / speed)
            if done - saved_at >= CHECKPOINT_PAGES or time.monotonic() - saved_s >= CHECKPOINT_S:
                self._save(pages[:done], position, chain)
                saved_at, saved_s = done, time.monotonic()
        if done > saved_at:
            self._save(pages[:done], position, chain)
        ws.live_readings.show(self._dossier_id, None)
        return reading_card(ws, self._dossier_id)

    def _read(self, texts: list[str], position_tok: int) -> ReadDone:
        with self._ws.host.energy.pages(len(texts)):
            request = self._ws.host.client.read(self._session, texts, background=True)
            self._op.when_cancelled(request.cancel)
            read = request.result()
        same_worker = self._ws.host.generation == self._generation
        if not same_worker or read.position_tok != position_tok + read.tokens:
            # The worker was replaced, or another dossier took the session's place: what was read before is
            # not in its memory, and going on as if it were would seal a reading with a hole.
            raise EngineDied("ended")
        return read

    def _show(self, done: int, position_tok: int, eta_s: float) -> None:
        self._op.report_only(Progress(done, self._total, "page"))
        card = ReadingCard(
            ReadingState.READING, done, self._total, position_tok, self._ws.host.state_bytes, eta_s
        )
        self._ws.live_readings.show(self._dossier_id, card)
        now_s = time.monotonic()
        if done == self._total or now_s - self._told_s >= PROGRESS_INTERVAL_S:
            self._told_s = now_s
            self._ws.events.publish(ReadingMoved(self._dossier_id, card))

    def _save(self, pages: Sequence[_PageText], position_tok: int, chain: bytes) -> None:
        """Checkpoint: the engine writes the sealed file, then one transaction books it and drops the older
        one.
        """
        ws = self._ws
        mac = ws.vault.mac(MAC_LABEL, chain)
        covered: dict[str, int] = {}
        for page in pages:
            covered[page.document_id] = covered.get(page.document_id, 0) + 1
        file = ws.vault.sealed_files.create(SEALED_KIND)
        try:
            ws.host.client.save_state(
                self._session, file.fd, file.key, identity(self._info, position_tok, mac)
            ).result()
            size_bytes = ws.vault.sealed_files.commit(file)
        except BaseException:
            ws.vault.sealed_files.discard(file)
            raise
        try:
            with ws.vault.write() as conn:
                dossier_rows.get_dossier(conn, self._dossier_id)
                for document_id in covered:
                    document_rows.get_document(conn, document_id)
                _, shred = reading_rows.book_reading(
                    conn,
                    self._dossier_id,
                    model_identity=self._info.identity,
                    model_id=self._model_id,
                    position_tok=position_tok,
                    text_mac=mac,
                    sealed_file_id=file.id,
                    size_bytes=size_bytes,
                    covered=[Coverage(document_id, count) for document_id, count in covered.items()],
                )
        except (DocumentMissing, DossierMissing):
            ws.vault.sealed_files.delete(file.id)
            raise
        destroy(ws, shred)
        live = LiveReading(self._session, self._generation, position_tok, tuple(covered.items()), chain)
        _keep_live(ws, self._dossier_id, live)
        ws.changed(Changes.READING, self._dossier_id)
