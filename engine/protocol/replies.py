"""What the engine answers: `Accepted`, then any of `Progress`, `Delta`, `StateSaved`, then exactly one of
`Done`, `Failed`, `Cancelled`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from engine.protocol.inside import Inspection

StopReason = Literal["end", "stop", "length", "stopped"]
"""The model ended its answer; a stop text came; the limit of tokens was reached; the person stopped it."""


class _Message(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Every message is a value with a `kind`; unknown fields are refused."""


class ModelInfo(_Message, frozen=True, tag="model_info"):
    """The loaded model. `identity` is the SHA-256 that snapshots are bound to.

    `spikes_k` above 0: its inputs are coded as spikes; `own_spikes_k` is what it was made for, and
    `spikes_fixed` says that it cannot run without. `growth` says how memory grows with a reading: not beyond
    a window (recurrent), with every token in some layers (mixed) or in all (transformer);
    `kv_bytes_per_token` is by how much, and `max_context_tok` how long a reading can be (0: without end).
    """

    name: str
    label_en: str
    label_fr: str
    format: str
    parameters: int
    size_bytes: int
    identity: str
    vocab_size: int
    layers: int
    hidden_size: int
    window_tok: int
    context_tok: int
    evidence_tok: int
    reads_on: bool
    confidence_floor: float
    reader: bool
    licence: str
    source: str
    threads: int
    isa: str
    window_precision: str
    window_mode: str
    state_bytes: int
    load_s: float
    spikes_k: float = 0.0
    own_spikes_k: float = 0.0
    spikes_fixed: bool = False
    spiking_down: bool = False
    architecture: str = "gla_swa"
    growth: Literal["recurrent", "mixed", "transformer"] = "recurrent"
    kv_bytes_per_token: int = 0
    max_context_tok: int = 0


class TokenCounts(_Message, frozen=True, tag="token_counts"):
    """One count per text asked about."""

    counts: tuple[int, ...]


class ReadDone(_Message, frozen=True, tag="read_done"):
    """`position_tok` is the session's length now, `tokens` what this request added, `texts_done` how many
    texts are in.

    `text_sha256` binds the session's state to every text read into it, in order.
    """

    position_tok: int
    tokens: int
    seconds: float
    texts_done: int
    text_sha256: str


class GenerateDone(_Message, frozen=True, tag="generate_done"):
    """An answer. `confidence` is the geometric mean of its tokens' probabilities, `lowest_probability` the
    least one.

    `prompt_tok` counts the prompt alone, `reused_tok` the session's tokens it started from.
    """

    text: str
    prompt_tok: int
    reused_tok: int
    generated_tok: int
    prefill_s: float
    decode_s: float
    stop_reason: StopReason
    confidence: float
    lowest_probability: float


class SessionPosition(_Message, frozen=True, tag="session_position"):
    """Where a session stands after it was restored, forked or dropped (then 0 tokens)."""

    session: str
    position_tok: int
    text_sha256: str


class StateSaved(_Message, frozen=True, tag="state_saved"):
    """A snapshot is complete in the file that was handed over. The engine does not sync it: the application
    does.
    """

    request_id: int
    size_bytes: int
    position_tok: int
    text_sha256: str
    seconds: float


Outcome = ModelInfo | TokenCounts | ReadDone | GenerateDone | SessionPosition | StateSaved | Inspection


class Welcome(_Message, frozen=True, tag="welcome"):
    """The handshake succeeded. `kept` and `broken` are the promises of the engine's cage."""

    protocol_version: int
    build_hash: str
    pid: int
    platform: str
    kernel_filter: bool
    landlock_abi: int
    kept: tuple[str, ...]
    broken: tuple[str, ...]
    cage_reason: str


class Rejected(_Message, frozen=True, tag="rejected"):
    """The handshake failed; the worker leaves."""

    code: str
    message: str
    protocol_version: int
    build_hash: str


class Accepted(_Message, frozen=True, tag="accepted"):
    """The request is well formed and waits for its turn."""

    request_id: int


class Progress(_Message, frozen=True, tag="progress"):
    """`done` of `total` in tokens (reading, prompt) or per mille (loading); at most ten times a second."""

    request_id: int
    phase: Literal["load", "read", "prompt"]
    done: int
    total: int


class Delta(_Message, frozen=True, tag="delta"):
    """The next piece of an answer and the probability of each token that made it."""

    request_id: int
    text: str
    probabilities: tuple[float, ...]


class Done(_Message, frozen=True, tag="done"):
    """The request succeeded."""

    request_id: int
    outcome: Outcome


class Failed(_Message, frozen=True, tag="failed"):
    """The request failed: a stable code and an English sentence without any of the person's text."""

    request_id: int
    code: str
    message: str


class Cancelled(_Message, frozen=True, tag="cancelled"):
    """The request was stopped; `partial` is what is kept of it (an answer so far, the texts read whole)."""

    request_id: int
    partial: GenerateDone | ReadDone | None = None


class Pong(_Message, frozen=True, tag="pong"):
    """Alive. Memory of the whole worker and of its live reading states, in bytes."""

    nonce: int
    rss_bytes: int
    state_bytes: int
    sessions: int


EngineMessage = (
    Welcome | Rejected | Accepted | Progress | Delta | StateSaved | Done | Failed | Cancelled | Pong
)
