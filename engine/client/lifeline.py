"""The life of the engine: spawned, greeted, watched, buried, restarted; every request ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from engine.client import errors
from engine.client.errors import EngineCancelled, EngineDied, EngineFailed
from engine.client.incarnation import Incarnation
from engine.client.launch import LaunchedWorker, launch_worker, worker_command
from engine.client.log_tail import LogTail
from engine.client.open_requests import OpenRequest, OpenRequests
from engine.client.outgoing import encode_checked
from engine.client.patience import Patience, RestartPolicy
from engine.client.request import Request, call_back
from engine.client.status import EnginePhase, EngineStatus
from engine.protocol import (
    PROTOCOL_VERSION,
    Cancel,
    Cancelled,
    Delta,
    Done,
    EngineMessage,
    Failed,
    Hello,
    Load,
    MessageInvalid,
    ModelInfo,
    Ping,
    Pong,
    Progress,
    Rejected,
    Shutdown,
    Welcome,
    Work,
    build_hash,
    codes,
    encode_request,
)

T = TypeVar("T")


class Lifeline:
    """One engine process after another, and the requests they owe an end. See EngineClient for the rules.

    `on_status` is called on one of the client's threads whenever the status changes. `model_folders` are
    the folders whose files the worker may read from its start; a model elsewhere costs a restart of the
    empty worker.
    """

    def __init__(
        self,
        on_status: Callable[[EngineStatus], None] = lambda status: None,
        *,
        model_folders: Iterable[Path | str] = (),
        patience: Patience | None = None,
        command: Sequence[str] | None = None,
        launch: Callable[[Sequence[str]], LaunchedWorker] = launch_worker,
    ) -> None:
        self._on_status = on_status
        self._folders = {str(Path(folder).resolve()) for folder in model_folders}
        self._patience = patience or Patience()
        self._command = list(command) if command is not None else worker_command()
        self._launch = launch
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._announcing = threading.RLock()
        self._announced: EngineStatus | None = None
        self._open = OpenRequests()
        self._next_id = 1
        self._phase: EnginePhase = "stopped"
        self._reason = ""
        self._model: ModelInfo | None = None
        self._wanted: Load | None = None
        self._load_id: int | None = None
        self._worker: Incarnation | None = None
        self._welcome: Welcome | None = None
        self._dead: list[Incarnation] = []
        self._pong: Pong | None = None
        self._policy = RestartPolicy(self._patience)
        self._launch_at_s = 0.0
        self._born_at_s = 0.0
        self._pinged_at_s = 0.0
        self._nonce = 0
        self._unanswered = 0
        self._keeper: threading.Thread | None = None
        self._closing = False
        self._log_before = LogTail()

    # --- life

    def start(self) -> None:
        """Start the engine in the background, or again after it was given up. Starting twice changes
        nothing.
        """
        with self._lock:
            if self._closing:
                raise EngineDied(errors.CLOSED)
            if self._phase in ("stopped", "failed"):
                self._phase, self._reason = "starting", ""
                self._launch_at_s = 0.0
                self._policy.forgive()
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="engine-keeper", daemon=True)
                self._keeper.start()
            self._wake.notify_all()
        self._announce()

    def close(self) -> None:
        """End the worker and every thread. Open requests end with EngineDied. Closing twice changes
        nothing.
        """
        with self._lock:
            if self._worker is not None and self._worker.owns_this_thread():
                raise RuntimeError("an engine cannot be closed from one of its own callbacks")
            self._closing = True
            self._phase = "stopped"
            keeper, self._keeper = self._keeper, None
            self._wake.notify_all()
        if keeper is not None and keeper is not threading.current_thread():
            keeper.join()
        self._end_all(lambda entry: True, errors.CLOSED)
        self._announce()

    @property
    def status(self) -> EngineStatus:
        """The engine as last heard of."""
        with self._lock:
            return EngineStatus(
                phase=self._phase,
                model=self._model,
                pid=None if self._worker is None else self._worker.pid,
                restarts=self._policy.restarts,
                reason=self._reason,
                rss_bytes=0 if self._pong is None else self._pong.rss_bytes,
                state_bytes=0 if self._pong is None else self._pong.state_bytes,
                welcome=self._welcome,
            )

    def log_tail(self) -> list[str]:
        """The last lines that the worker (this one, and the one before) wrote: no text of the person's
        is in them.
        """
        with self._lock:
            before, worker = self._log_before, self._worker
        return [*before.lines(), *(worker.log.lines() if worker is not None else ())]

    # --- requests

    def _take_id(self) -> int:
        with self._lock:
            self._next_id += 1
            return self._next_id - 1

    def _ask(self, message: Work, result: type[T], descriptor: int | None = None) -> Request[T]:
        request: Request[T] = Request(message.request_id, self._cancel_request)
        try:
            payload = encode_checked(message)
        except MessageInvalid as error:
            if descriptor is not None:
                os.close(descriptor)
            request.end(None, EngineFailed(codes.MESSAGE_INVALID, str(error)))
            return request
        entry = OpenRequest(cast("Request[object]", request), message, payload, result, descriptor)
        with self._lock:
            refused = self._refusal()
            if not refused:
                self._open.add(entry)
                if self._welcome is not None:
                    self._send(entry)
        if refused:
            if descriptor is not None:
                os.close(descriptor)
            request.end(None, EngineDied(refused))
        self._announce()
        return request

    def _ask_for_model(self, message: Load, folder: Path) -> Request[ModelInfo]:
        """Another model than the worker's, or one outside its folders, means another worker."""
        request: Request[ModelInfo] = Request(message.request_id, self._cancel_request)
        try:
            payload = encode_checked(message)
        except MessageInvalid as error:
            request.end(None, EngineFailed(codes.MESSAGE_INVALID, str(error)))
            return request
        entry = OpenRequest(cast("Request[object]", request), message, payload, ModelInfo)
        replaced = None
        with self._lock:
            refused = self._refusal()
            superseded = self._open.take_all(lambda old: old.is_load and not old.sent and not refused)
            if not refused:
                granted = any(folder.is_relative_to(known) for known in self._folders)
                # a load that was stopped may still come to its end, and with it the worker's one model
                taken = self._wanted is not None or any(old.is_load for old in self._open)
                if self._worker is not None and (taken or not granted):
                    replaced = self._worker
                self._folders.add(str(folder))
                self._wanted, self._load_id = message, message.request_id
                self._policy.forgive_model()
                self._open.add(entry)
                if replaced is None and self._welcome is not None:
                    self._send(entry)
        for old in superseded:
            old.die(errors.MODEL_REPLACED)
        if refused:
            request.end(None, EngineDied(refused))
        if replaced is not None:
            self._bury(replaced, errors.MODEL_REPLACED)
        self._announce()
        return request

    def _refusal(self) -> str:
        if self._phase == "failed":
            return errors.GAVE_UP
        return errors.CLOSED if self._closing or self._phase == "stopped" else ""

    def _send(self, entry: OpenRequest) -> None:
        # with the lock held, and a worker that has welcomed us
        if self._worker is None:
            return
        if entry.is_load:
            self._phase = "loading"
        entry.sent = True
        descriptor, entry.descriptor = entry.descriptor, None
        self._worker.post(entry.payload, descriptor)

    def _cancel_request(self, request_id: int) -> None:
        unsent = None
        with self._lock:
            entry = self._open.find(request_id)
            if entry is None or entry.cancel_by_s is not None:
                return
            if request_id == self._load_id:
                self._wanted = None
            if entry.sent and self._worker is not None:
                entry.cancel_by_s = time.monotonic() + self._patience.cancel_s
                self._worker.post(encode_request(Cancel(request_id)))
                self._wake.notify_all()
            else:
                unsent = self._open.take(request_id)
        if unsent is not None:
            unsent.finish(None, EngineCancelled())

    def _end_all(self, which: Callable[[OpenRequest], bool], reason: str) -> None:
        with self._lock:
            ended = self._open.take_all(which)
        for entry in ended:
            entry.die(reason)

    # --- what the worker says (on its reader thread)

    def _hear(self, worker: Incarnation, message: EngineMessage) -> None:
        with self._lock:
            if worker is not self._worker:
                return
            entry = self._open.find(getattr(message, "request_id", 0))
        match message:
            case Welcome():
                self._enter(message)
                self._announce()
            case Rejected():
                worker.kill(errors.REFUSED)
            case Pong():
                self._pong = message
                self._announce()
            case Progress() if entry is not None:
                entry.request.take_progress(message)
            case Delta() if entry is not None:
                entry.request.take_delta(message)
            case Done() | Failed() | Cancelled() if entry is not None:
                self._conclude(worker, entry, message)
                self._announce()
            case _:
                pass  # Accepted; StateSaved comes again as the outcome

    def _conclude(self, worker: Incarnation, entry: OpenRequest, message: Done | Failed | Cancelled) -> None:
        with self._lock:
            if self._open.take(message.request_id) is None:
                return
            if entry.is_load:
                self._note_loading(entry, message)
        match message:
            case Done(outcome=outcome) if isinstance(outcome, entry.result):
                entry.finish(outcome)
            case Done():
                entry.finish(None, EngineDied(errors.GARBLED))
                worker.kill(errors.GARBLED)
            case Failed():
                entry.finish(None, EngineFailed(message.code, message.message))
            case Cancelled():
                entry.finish(None, EngineCancelled(message.partial))

    def _note_loading(self, entry: OpenRequest, message: Done | Failed | Cancelled) -> None:
        self._phase, self._load_id = "ready", None
        if isinstance(message, Done) and isinstance(message.outcome, ModelInfo):
            self._model, self._reason = message.outcome, ""
            # said again, since a stop that came too late had taken it back
            self._wanted = cast("Load", entry.message)
            self._policy.forgive_model()
        else:
            self._wanted = None
            self._reason = message.code if isinstance(message, Failed) else ""

    def _enter(self, welcome: Welcome) -> None:
        with self._lock:
            self._welcome = welcome
            self._phase = "ready"
            self._wake.notify_all()
            if self._wanted is not None and self._open.find(self._load_id or 0) is None:
                # the model that the worker before had: asked for again before anything else
                message = msgspec.structs.replace(self._wanted, request_id=self._take_id())
                request: Request[object] = Request(message.request_id, self._cancel_request)
                self._load_id = message.request_id
                payload = encode_request(message)
                self._open.add(OpenRequest(request, message, payload, ModelInfo))
            waiting = [entry for entry in self._open if not entry.sent]
            for entry in sorted(waiting, key=lambda entry: entry.request_id != self._load_id):
                self._send(entry)

    # --- death and restart

    def _hear_death(self, worker: Incarnation, reason: str) -> None:
        self._bury(worker, reason)

    def _bury(self, worker: Incarnation, reason: str) -> None:
        with self._lock:
            if worker is not self._worker:
                return
            load = self._open.find(self._load_id or 0)
            loading = load is not None and load.sent
            self._worker, self._welcome, self._pong, self._model = None, None, None, None
            self._dead.append(worker)
            # the log itself, not what is in it now: its end may still be on its way to us
            self._log_before = worker.log
            if reason == errors.MODEL_REPLACED:
                self._phase, self._launch_at_s = "starting", 0.0
            elif not self._closing:
                self._note_death(reason, loading=loading)
            self._wake.notify_all()
        self._end_all(lambda entry: entry.sent, reason)
        if reason == errors.MODEL_REPLACED:
            worker.kill(reason)
        if self._phase == "failed":
            self._end_all(lambda entry: True, errors.GAVE_UP)
        self._announce()

    def _note_death(self, reason: str, *, loading: bool) -> None:
        now_s = time.monotonic()
        wait_s = self._policy.note_death(reason, now_s - self._born_at_s, loading=loading)
        if self._policy.model_kills:
            self._wanted = None
        if wait_s is None:
            self._phase = "failed"
        else:
            self._phase, self._launch_at_s = "restarting", now_s + wait_s
        self._reason = reason

    # --- the keeper's thread

    def _keep(self) -> None:
        while True:
            with self._lock:
                if self._closing:
                    break
                dead, self._dead = self._dead, []
                due = (
                    self._worker is None
                    and self._phase in ("starting", "restarting")
                    and time.monotonic() >= self._launch_at_s
                )
            for worker in dead:
                worker.release(0.0)
            if due:
                self._give_birth()
            self._watch()
            with self._lock:
                if not self._closing and not self._dead:
                    self._wake.wait(self._next_look_s())
        self._leave()

    def _give_birth(self) -> None:
        self._born_at_s = time.monotonic()
        try:
            launched = self._launch(self._command)
        except OSError as error:
            with self._lock:
                self._log_before = LogTail()
                self._log_before.append(f"client: {type(error).__name__} {error.errno}")
                self._note_death(errors.NOT_STARTED, loading=False)
                failed = self._phase == "failed"
            if failed:
                self._end_all(lambda entry: True, errors.GAVE_UP)
            self._announce()
            return
        with self._lock:
            last_words_s = self._patience.last_words_s
            worker = Incarnation(launched, self._hear, self._hear_death, last_words_s)
            self._worker = worker
            self._born_at_s = self._pinged_at_s = time.monotonic()
            self._nonce = self._unanswered = 0
            hello = Hello(PROTOCOL_VERSION, build_hash(), tuple(sorted(self._folders)))
            worker.post(encode_request(hello))
        self._announce()

    def _watch(self) -> None:
        reason = ""
        with self._lock:
            worker, now_s = self._worker, time.monotonic()
            if worker is None:
                return
            if self._welcome is None:
                if now_s - self._born_at_s > self._patience.handshake_s:
                    reason = errors.NOT_STARTED
            else:
                if any(now_s > deadline_s for deadline_s in self._open.deadlines_s()):
                    reason = errors.UNRESPONSIVE
                if now_s - self._pinged_at_s >= self._patience.heartbeat_s:
                    # counted in pings, not in seconds: a machine that slept is no reason to end its engine
                    silent = self._nonce > 0 and worker.heard_at_s < self._pinged_at_s
                    self._unanswered = self._unanswered + 1 if silent else 0
                    if self._unanswered * self._patience.heartbeat_s >= self._patience.silence_s:
                        reason = errors.UNRESPONSIVE
                    self._nonce, self._pinged_at_s = self._nonce + 1, now_s
                    worker.post(encode_request(Ping(self._nonce)))
        if reason:
            worker.kill(reason)

    def _next_look_s(self) -> float:
        now_s = time.monotonic()
        looks_s = [now_s + 3600.0]
        if self._worker is None:
            if self._phase in ("starting", "restarting"):
                looks_s.append(self._launch_at_s)
        elif self._welcome is None:
            looks_s.append(self._born_at_s + self._patience.handshake_s + 0.01)
        else:
            looks_s.append(self._pinged_at_s + self._patience.heartbeat_s)
            looks_s += [deadline_s + 0.01 for deadline_s in self._open.deadlines_s()]
        return max(0.0, min(looks_s) - now_s)

    def _leave(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
            dead, self._dead = self._dead, []
            # one that has not said a word yet would hear of its end only once it is started
            grace_s = 0.0 if self._welcome is None else self._patience.close_s
            self._welcome = self._model = self._pong = None
            if worker is not None:
                self._log_before = worker.log
        if worker is not None:
            worker.post(encode_request(Shutdown()))
            worker.release(grace_s)
        for other in dead:
            other.release(0.0)

    def _announce(self) -> None:
        with self._announcing:
            status = self.status
            if status != self._announced:
                self._announced = status
                call_back(self._on_status, status)
