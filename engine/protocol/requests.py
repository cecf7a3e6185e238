"""What the application asks of the engine. The engine never asks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Role = Literal["system", "user", "assistant"]
WindowPrecision = Literal["f32", "f16", "int8"]
WindowMode = Literal["hf", "vllm", "report"]

RequestId = Annotated[int, Meta(ge=1, lt=1 << 62)]
SessionName = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=16 << 20)]
FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
IdentityText = Annotated[str, Meta(max_length=1024)]
FileKey = Annotated[bytes, Meta(min_length=32, max_length=32)]


class _Message(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Every message is a value with a `kind`; unknown fields are refused."""


class ChatMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a conversation. The content is untrusted text, which never becomes a special token."""

    role: Role
    content: Text


class Hello(_Message, frozen=True, tag="hello"):
    """The first message. `readable_folders` are the only places, beside the program, whose files stay
    readable.
    """

    protocol_version: int
    build_hash: Annotated[str, Meta(max_length=128)]
    readable_folders: Annotated[tuple[FilePath, ...], Meta(max_length=64)] = ()


class Load(_Message, frozen=True, tag="load"):
    """Load the one model of this worker's life: a converted file or a checkpoint folder.

    `spikes_k` codes its inputs as spikes (0: not), else it does what it was made for; `spiking_down` codes
    the input of down_proj too, which the published code does not. `quiet` leaves half of the cores to others
    where `threads` says nothing. `expert_memory_bytes`: routed experts are read on demand and kept within
    so much memory, instead of being mapped.
    """

    request_id: RequestId
    path: FilePath
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None
    window_precision: WindowPrecision = "f16"
    window_mode: WindowMode = "hf"
    spikes_k: Annotated[float, Meta(ge=0.0, le=1024.0)] | None = None
    spiking_down: bool = False
    quiet: bool = False
    expert_memory_bytes: Annotated[int, Meta(ge=0, lt=1 << 50)] | None = None


class CountTokens(_Message, frozen=True, tag="count_tokens"):
    """Count the tokens of each text, as plain text."""

    request_id: RequestId
    texts: Annotated[tuple[Text, ...], Meta(max_length=100_000)]


class CountPrompt(_Message, frozen=True, tag="count_prompt"):
    """Count the tokens of the prompt these messages become."""

    request_id: RequestId
    messages: Annotated[tuple[ChatMessage, ...], Meta(max_length=1000)]


class Read(_Message, frozen=True, tag="read"):
    """Append texts to a live session, made when it does not exist. Each text is kept whole or not at all."""

    request_id: RequestId
    session: SessionName
    texts: Annotated[tuple[Text, ...], Meta(max_length=10_000)]
    background: bool = True


class Generate(_Message, frozen=True, tag="generate"):
    """Answer a conversation, from an empty state or from a copy of a session's."""

    request_id: RequestId
    messages: Annotated[tuple[ChatMessage, ...], Meta(min_length=1, max_length=1000)]
    from_session: SessionName | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=1 << 20)] = 512
    temperature: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    repetition_penalty: Annotated[float, Meta(ge=0.01, le=100.0)] = 1.0
    seed: Annotated[int, Meta(ge=0, lt=1 << 62)] = 0
    stop: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=32)] = ()


class SaveState(_Message, frozen=True, tag="save_state"):
    """Write a session's state, sealed with `key`, into the one file descriptor sent along."""

    request_id: RequestId
    session: SessionName
    key: FileKey
    identity_text: IdentityText


class RestoreState(_Message, frozen=True, tag="restore_state"):
    """Make a session from the sealed state in the one file descriptor sent along."""

    request_id: RequestId
    session: SessionName
    key: FileKey
    identity_text: IdentityText


class Fork(_Message, frozen=True, tag="fork"):
    """Copy a session's state under another name, replacing what was there."""

    request_id: RequestId
    source: SessionName
    target: SessionName


class Drop(_Message, frozen=True, tag="drop"):
    """Forget a session; forgetting one that does not exist is no error."""

    request_id: RequestId
    session: SessionName


class Inspect(_Message, frozen=True, tag="inspect"):
    """Tell what is inside the model: spikes of the last answer (or of all since loading), and memory. With
    `sample`, counts of a few neurons as well.
    """

    request_id: RequestId
    scope: Literal["answer", "all"] = "answer"
    sample: bool = False


class Cancel(_Message, frozen=True, tag="cancel"):
    """Stop a request. It still ends with exactly one answer."""

    request_id: RequestId


class Ping(_Message, frozen=True, tag="ping"):
    """Answered at once with a Pong, whatever the engine computes."""

    nonce: Annotated[int, Meta(ge=0, lt=1 << 62)]


class Shutdown(_Message, frozen=True, tag="shutdown"):
    """Leave. Nothing is answered."""


Work = Load | CountTokens | CountPrompt | Read | Generate | SaveState | RestoreState | Fork | Drop | Inspect
AppMessage = Hello | Work | Cancel | Ping | Shutdown
