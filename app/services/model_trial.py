"""A short measured run of a model in an engine of its own: it proves that the file loads, reads and writes,
and says how fast, without touching the engine that answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.services.model_manifest import MeasuredSpeed
from engine.client import EngineCancelled, EngineClient, EngineDied
from engine.protocol import ChatMessage, ModelInfo

READ_S = 2.0
ANSWER_TOK = 8
_SESSION = "trial"
_TEXT = (
    "The patient was seen on Monday with a letter from the court about an invoice and a dose of five mg. "
    "Le dossier contient un courrier du tribunal et une ordonnance de la clinique pour la semaine suivante. "
)
_WARM = "What does it say?"


def try_model(
    path: Path,
    *,
    threads: int | None,
    quiet: bool = False,
    when_cancelled: Callable[[Callable[[], None]], None] = lambda stop: None,
) -> tuple[ModelInfo, MeasuredSpeed]:
    """Load, read for two seconds, write a few words, on the cores that answers will have. Raises
    EngineFailed, EngineCancelled, EngineDied."""
    stopped: list[bool] = []
    with EngineClient(lambda status: None, model_folders=[str(path.parent)]) as client:

        def stop() -> None:
            stopped.append(True)
            client.close()

        when_cancelled(stop)
        try:
            info = client.load(path, threads=threads, quiet=quiet).result()
            return info, _measure(client, info)
        except EngineDied:
            if stopped:
                raise EngineCancelled from None
            raise


def _measure(client: EngineClient, info: ModelInfo) -> MeasuredSpeed:
    """A large model on a small machine takes seconds for a sentence, so no more is asked than is counted."""
    text_tok = client.count_tokens([_TEXT]).result().counts[0]
    most = 64
    if info.max_context_tok:
        most = max(1, min(most, info.max_context_tok // (2 * max(1, text_tok))))
    # The first words pay for weights that come from the disk, so they are not counted.
    client.read(_SESSION, [_WARM]).result()
    tokens, seconds = 0, 0.0
    texts = 1
    while seconds < READ_S:
        if info.max_context_tok:  # it keeps every token: begin again, so that they fit
            client.drop(_SESSION).result()
        done = client.read(_SESSION, [_TEXT] * texts).result()
        tokens, seconds = tokens + done.tokens, seconds + done.seconds
        texts = min(most, texts * 2) if done.seconds < READ_S / 8 else texts
    client.drop(_SESSION)
    answer = client.generate([ChatMessage("user", _WARM)], max_tokens=ANSWER_TOK).result()
    return MeasuredSpeed(
        prefill_tok_per_s=round(tokens / max(seconds, 1e-9), 2),
        decode_tok_per_s=round(answer.generated_tok / answer.decode_s, 2) if answer.decode_s > 0 else 0.0,
        tok_per_character=round(text_tok / len(_TEXT), 4),
        state_bytes=info.state_bytes,
        threads=info.threads,
        isa=info.isa,
        kv_bytes_per_token=info.kv_bytes_per_token,
        max_context_tok=info.max_context_tok,
    )
