"""The engine as the services hold it: which model it should have, whether it can answer, how fast it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from app.core.settings import Settings
from app.services.energy_book import EnergyBook
from app.services.engine_words import about, why
from app.services.models import InstalledModel, ModelCatalogue, ModelRefused
from app.services.spike_choice import SpikeChoice, SpikesUnreadable
from app.services.views import EngineCard, EngineState, Problem, SpikesCard
from engine.client import EngineClient, EngineDied, EngineError, EngineFailed, EngineStatus, Request
from engine.energy import EnergyMeter
from engine.protocol import GenerateDone, ModelInfo, ReadDone

_STATES = {
    "stopped": EngineState.OFF,
    "starting": EngineState.STARTING,
    "loading": EngineState.LOADING,
    "ready": EngineState.READY,
    "restarting": EngineState.RESTARTING,
    "failed": EngineState.FAILED,
}
_ISA_NAMES = {
    "amx": "AMX",
    "avx512": "AVX-512",
    "avxvnni": "AVX-VNNI",
    "avx2": "AVX2",
    "neon": "NEON",
    "scalar": "scalar",
}
_LEAST_TOK_TO_MEASURE = 32
_LATEST_WEIGHT = 0.5


class EngineHost:
    """One client, its chosen model and its measured speed. Thread safe. Listeners hear on any thread.

    ``client`` may be any object with the client's methods, which is where tests put theirs.
    """

    def __init__(
        self,
        catalogue: ModelCatalogue,
        settings: Callable[[], Settings],
        make_client: Callable[[Callable[[EngineStatus], None], Iterable[str]], EngineClient] | None = None,
        spikes: SpikeChoice | None = None,
        meter: EnergyMeter | None = None,
    ) -> None:
        self.catalogue = catalogue
        self._settings = settings
        self._spikes = spikes
        self._lock = threading.Lock()
        self._listeners: list[Callable[[EngineCard], None]] = []
        self._wanted: InstalledModel | None = None
        self._loading: Request[ModelInfo] | None = None
        self._refusal: Problem | None = None
        self._prefill_tok_per_s = 0.0
        self._decode_tok_per_s = 0.0
        self._changed = threading.Condition()
        self.energy = EnergyBook(meter or EnergyMeter.open(), self._announce)
        folders = [str(catalogue.shipped), str(catalogue.folder)]
        make = make_client or (lambda hear, readable: EngineClient(hear, model_folders=readable))
        self.client = make(self._hear, folders)

    def start(self) -> None:
        """Start the engine and load the chosen model, both in the background; returns at once.

        Without a model there is nothing for a worker to do, and none is started.
        """
        chosen = self.catalogue.chosen(self._settings().model_id)
        if chosen is not None:
            with suppress(EngineError, OSError):  # the status says it
                self.load(chosen)
        self._announce()

    def ensure_started(self) -> None:
        """Have a worker, also after the client gave it up."""
        if self.client.status.phase in ("failed", "stopped"):
            self.client.start()

    def load(self, model: InstalledModel) -> Request[ModelInfo]:
        with self._lock:
            self._wanted, self._refusal = model, None
            self._prefill_tok_per_s = self._decode_tok_per_s = 0.0
        self.energy.forget()
        self.ensure_started()
        settings, spikes = self._settings(), self._spikes_of(model)
        request = self.client.load(
            model.path,
            threads=settings.engine_threads or None,
            quiet=settings.quiet,
            window_precision=settings.engine_window_precision,
            spikes_k=spikes.k,
            spiking_down=spikes.down,
        )
        with self._lock:
            self._loading = request
        request.add_done_callback(self._loaded)
        self._announce()
        return request

    def close(self) -> None:
        with self._changed:
            self._listeners = []
            self._changed.notify_all()
        self.client.close()
        self.energy.close()

    def _spikes_of(self, model: InstalledModel) -> SpikeChoice:
        """What was asked for this run, else what is kept for this model."""
        if self._spikes is not None:
            return self._spikes
        try:
            return SpikeChoice.parse(self._settings().model_spikes.get(model.card.id, ""))
        except SpikesUnreadable:  # the file was written by hand
            return SpikeChoice()

    # -- what it can do now ---------------------------------------------------------------------------------

    @property
    def info(self) -> ModelInfo | None:
        """The loaded model, or None while there is none."""
        status = self.client.status
        return status.model if status.phase == "ready" else None

    @property
    def generation(self) -> int:
        """Changes whenever the worker's live readings were lost."""
        status = self.client.status
        return hash((status.restarts, status.pid))

    def is_hopeless(self) -> bool:
        """True when waiting cannot bring a model: none is installed, it was refused, or the engine gave
        up.
        """
        with self._lock:
            if self._wanted is None or self._refusal is not None:
                return True
        return self.client.status.phase in ("failed", "stopped")

    def wait_until_ready(self, timeout_s: float, cancelled: threading.Event) -> ModelInfo | None:
        """The loaded model, waited for while it loads or restarts; None when there will be none in time."""
        waited_s = 0.0
        while True:
            info = self.info
            if info is not None or cancelled.is_set() or self.is_hopeless() or waited_s >= timeout_s:
                return info
            with self._changed:
                self._changed.wait(0.1)
            waited_s += 0.1

    @property
    def state_bytes(self) -> int:
        """Memory of the readings that live in the worker now."""
        return self.client.status.state_bytes

    @property
    def wanted(self) -> InstalledModel | None:
        """The model that was asked for last, loaded or not; None when the engine was never wanted."""
        with self._lock:
            return self._wanted

    @property
    def has_model(self) -> bool:
        with self._lock:
            return self._wanted is not None

    @property
    def prefill_tok_per_s(self) -> float:
        """Measured on this machine with this model; 0 when nothing was read yet."""
        return self._prefill_tok_per_s

    def learn(self, done: GenerateDone | ReadDone) -> None:
        """Take the speed from what was just done."""
        with self._lock:
            if isinstance(done, ReadDone):
                self._prefill_tok_per_s = _blend(self._prefill_tok_per_s, done.tokens, done.seconds)
            else:
                self._prefill_tok_per_s = _blend(self._prefill_tok_per_s, done.prompt_tok, done.prefill_s)
                self._decode_tok_per_s = _blend(self._decode_tok_per_s, done.generated_tok, done.decode_s, 4)

    # -- what the status bar says ---------------------------------------------------------------------------

    def card(self) -> EngineCard:
        status = self.client.status
        with self._lock:
            wanted, refusal = self._wanted, self._refusal
        model = None if wanted is None else replace(wanted.card, chosen=True)
        state = _STATES[status.phase]
        problem = refusal
        if wanted is None:
            state = EngineState.OFF
        elif refusal is not None:
            state = EngineState.FAILED
        elif state is EngineState.READY and status.model is None:
            state = EngineState.LOADING
        elif state is EngineState.FAILED:
            problem = Problem(
                "engine-gave-up",
                "The engine stopped several times in a row ({reason}). Search works; choose the model again "
                "to restart it.",
                {"reason": why(status.reason)},
            )
        elif state is EngineState.RESTARTING:
            problem = Problem(
                "engine-restarting",
                "The engine stopped ({reason}) and is being restarted. Nothing is lost.",
                {"reason": why(status.reason)},
            )
        info = status.model
        if info is not None and model is not None:
            model = replace(
                model,
                label_en=info.label_en or model.label_en,
                label_fr=info.label_fr or model.label_fr,
                format=info.format,
                parameters=info.parameters,
                licence=info.licence or model.licence,
                source=info.source or model.source,
                reader=info.reader,
                kv_bytes_per_token=info.kv_bytes_per_token,
                max_context_tok=info.max_context_tok,
            )
        return EngineCard(
            state=state,
            model=model,
            device=""
            if info is None
            else f"CPU, {_ISA_NAMES.get(info.isa, info.isa)}, {info.threads} threads",
            memory_bytes=status.state_bytes,
            prefill_tok_per_s=self._prefill_tok_per_s,
            decode_tok_per_s=self._decode_tok_per_s,
            problem=problem,
            energy=self.energy.card(),
            spikes=SpikesCard()
            if info is None
            else SpikesCard(info.spikes_k, info.own_spikes_k, info.spikes_fixed, info.spiking_down),
        )

    def listen(self, listener: Callable[[EngineCard], None]) -> None:
        with self._lock:
            self._listeners.append(listener)
        listener(self.card())

    def _hear(self, _: EngineStatus) -> None:
        self._announce()

    def _loaded(self, request: Request[ModelInfo]) -> None:
        error = request.error()
        with self._lock:
            if request is not self._loading:
                return
            if isinstance(error, EngineFailed) and self._wanted is not None:
                self._refusal = Problem.of(
                    ModelRefused(self._wanted.card.label_en, why(error.code), about(error))
                )
            elif isinstance(error, EngineDied) and error.reason == "gave-up":
                self._loading = None
        self._announce()

    def _announce(self) -> None:
        with self._changed:
            self._changed.notify_all()
        with self._lock:
            listeners = list(self._listeners)
        if listeners:
            card = self.card()
            for listener in listeners:
                listener(card)


def _blend(before: float, tokens: int, seconds: float, least_tok: int = _LEAST_TOK_TO_MEASURE) -> float:
    if tokens < least_tok or seconds <= 0:
        return before
    now = tokens / seconds
    return now if before == 0 else before + _LATEST_WEIGHT * (now - before)
