"""The engine through the real protocol: speed of the default model, snapshots, memory of a reading."""

from __future__ import annotations

import statistics
from pathlib import Path

from engine.client import EngineClient
from engine.client.measure import ReadingMemory, measure_reading_memory, measure_snapshot
from engine.protocol import ChatMessage
from tests.bench.table import Row, megabytes, show

LENGTHS_TOK = (1_000, 8_000, 32_000)
FULL_LENGTHS_TOK = (*LENGTHS_TOK, 256_000)
PROMPT = "\n".join(
    f"[{n}] On 3 March the clinic noted a dose of {n} mg for the patient in room {n}." for n in range(1, 7)
)


def measure(model: Path, *, full: bool) -> None:
    with EngineClient(model_folders=[model.parent]) as client:
        info = client.load(model).result(300)
        _measure_speed(
            client, f"{info.label_en or info.name}, {info.format}, {info.parameters / 1e6:.1f} M parameters"
        )
        _measure_snapshot(client)
        _measure_memory(client, FULL_LENGTHS_TOK if full else LENGTHS_TOK)


def _measure_speed(client: EngineClient, name: str) -> None:
    message = ChatMessage("user", PROMPT + "\n? Which dose was noted?")
    runs = [client.generate([message], max_tokens=32).result(120) for _ in range(5)]
    prefill = statistics.median(run.prompt_tok / run.prefill_s for run in runs)
    writing = [run for run in runs if run.generated_tok > 1 and run.decode_s > 0]
    decode = statistics.median(run.generated_tok / run.decode_s for run in writing) if writing else 0.0
    show(
        f"Default model ({name})",
        [
            Row(
                "Reading a question and its passages",
                f"{prefill:.0f} tokens/s",
                f"{runs[0].prompt_tok} tokens, median of 5",
            ),
            Row(
                "Writing an answer", f"{decode:.0f} tokens/s", f"{runs[0].generated_tok} tokens, median of 5"
            ),
        ],
    )


def _measure_snapshot(client: EngineClient) -> None:
    cost = measure_snapshot(client, 8_000)
    show(
        "Kept reading (sealed, 16-bit window)",
        [
            Row("Size", megabytes(cost.size_bytes), f"after {cost.position_tok} tokens"),
            Row("Save, synced to disk", f"{cost.save_s * 1000:.0f} ms"),
            Row("Restore", f"{cost.restore_s * 1000:.0f} ms"),
        ],
    )


def _measure_memory(client: EngineClient, lengths_tok: tuple[int, ...]) -> None:
    print("\nMemory of the engine's process while one reading grows", flush=True)
    points: list[ReadingMemory] = []

    def tell(point: ReadingMemory) -> None:
        points.append(point)
        ratio = f"{point.rss_bytes / points[1].rss_bytes:.4f} of 8k" if len(points) > 2 else ""
        row = Row(
            f"at {point.position_tok:,} tokens",
            megabytes(point.rss_bytes),
            f"{point.tokens_per_s:.0f} tokens/s {ratio}",
        )
        print(f"  {row.what:<46} {row.figure:>18}   {row.note}".rstrip(), flush=True)

    measure_reading_memory(client, lengths_tok, tell=tell)
