"""A random model of the published 7B shape beside the machine's own limit: how fast it can read memory."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.table import Row, megabytes, show
from tests.fixtures.random_model import write_random_model

PREFILL_TOK, DECODE_TOK = 64, 12
READ_BYTES = 1 << 30


def measure(folder: Path, form: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"seven-b-{form}.gguf"
    write_random_model(file, form)
    try:
        command = [sys.executable, "-m", "engine", "bench", file, "--json"]
        lengths = ["--prefill-tok", str(PREFILL_TOK), "--decode-tok", str(DECODE_TOK)]
        answer = subprocess.run([*command, *lengths], capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout)
        bandwidth = _read_bandwidth()
        # A written token reads every weight but the embedding table, of which it reads one row.
        read_bytes = figures["size_bytes"] - 152064 * 3584 * (1 + 2 / 128)
        share = figures["decode_tok_per_s"] * read_bytes / bandwidth
        show(
            f"Random model of the 7B shape, {form} ({figures['isa']}, {figures['threads']} threads)",
            [
                Row("File", megabytes(figures["size_bytes"])),
                Row("Load", f"{figures['load_s']:.1f} s"),
                Row(
                    "Reading (prefill)",
                    f"{figures['prefill_tok_per_s']:.2f} tokens/s",
                    f"{PREFILL_TOK} tokens",
                ),
                Row(
                    "Writing (decode)", f"{figures['decode_tok_per_s']:.2f} tokens/s", f"{DECODE_TOK} tokens"
                ),
                Row(
                    "This machine's read bandwidth",
                    f"{bandwidth / 1e9:.1f} GB/s",
                    "one thread, numpy sum, best of 9",
                ),
                Row("Weights read while writing", f"{share:.0%}", "of that bandwidth"),
            ],
        )
    finally:
        file.unlink(missing_ok=True)


def _read_bandwidth() -> float:
    """Bytes a second that one thread reads from memory: the best of nine sums over a gigabyte."""
    block = np.ones(READ_BYTES // 8, dtype=np.int64)
    taken_s = []
    for _ in range(9):
        began_s = time.perf_counter()
        np.bitwise_or.reduce(block)
        taken_s.append(time.perf_counter() - began_s)
    return READ_BYTES / min(min(taken_s), statistics.median(taken_s))
