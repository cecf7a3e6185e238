"""Taking a full-size model in, over the real command line: a random checkpoint in a published layout is
written, copied for comparison, imported, asked one question, and removed again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from app.core.resources import resource
from engine.models.encoding import SPIKE_FORMAT
from engine.models.random_checkpoint import LAYOUTS, Layout, Scale, write_random_checkpoint
from tests.bench.table import Row, megabytes, show
from tests.promises.house import PASSPHRASE, House
from tests.promises.steering import Window

TOKENIZER = Path(__file__).parents[1] / "fixtures" / "golden" / "tokenizer"
QUESTION = "What does the letter of the court say?"
ANSWER_TOK = 8
WAIT_S = 3600.0
"""For one answer of a large model on a machine that does much else."""

__all__ = ["LAYOUTS", "measure"]


def measure(
    folder: Path, layout: Layout, scale: Scale, format_name: str, *, pictures: Path | None = None
) -> None:
    """The 7B takes 15 GB (w8aspike 31 GB), and the result beside it. `pictures` gets some of the window
    while it answers."""
    source = folder / layout
    house = House(folder / "house")
    home = house.root / "huisclos"
    try:
        began_s = time.perf_counter()
        made = write_random_checkpoint(source, layout, scale, tokenizer=TOKENIZER if scale == "7b" else None)
        written_s = time.perf_counter() - began_s
        copied_s = _copy(source, folder / "copy")
        wanted = SPIKE_FORMAT if layout == "w8aspike" else format_name
        model, imported_s = _import(source, home, wanted)
        file = home / "models" / model["id"] / "model.gguf"
        answer = subprocess.run(
            [sys.executable, "-m", "engine", "generate", file, "--chat", QUESTION,
             "--max-tokens", str(ANSWER_TOK)],
            capture_output=True, text=True, check=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        told, heard_s = _ask_in_the_window(house, str(model["id"]), pictures)
    finally:
        if home.exists():
            for path in home.rglob("*"):
                path.chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
    rate = made.size_bytes / model["taken_s"]
    speed = f"{model['prefill_tok_per_s']:.1f} and {model['decode_tok_per_s']:.1f} tokens/s"
    show(
        f"Taking in a random {scale} checkpoint, layout {layout}, as {wanted}",
        [
            Row("Source", megabytes(made.size_bytes), f"{made.tensors} tensors in {made.shards} shards"),
            Row("Writing it", f"{made.size_bytes / 1e6 / written_s:.0f} MB/s"),
            Row(
                "Plain copy of it",
                f"{made.size_bytes / 1e6 / copied_s:.0f} MB/s",
                f"{copied_s:.1f} s, synced",
            ),
            Row("Conversion with all digests", f"{rate / 1e6:.0f} MB/s", f"{model['taken_s']:.1f} s"),
            Row("The same, of a plain copy's speed", f"{copied_s / model['taken_s']:.0%}"),
            Row(
                "The same, by its processor time",
                f"{made.size_bytes / 1e6 / model['cpu_s']:.0f} MB/s",
                f"{model['cpu_s']:.1f} s of all cores together: what a busy machine does not change",
            ),
            Row("Most memory it held", megabytes(model["peak_memory_bytes"]), "resident, of its process"),
            Row("Result", megabytes(model["size_bytes"])),
            Row("huisclos model add, with the measured run", f"{imported_s:.1f} s"),
            Row("Reading and writing, as measured by it", speed),
            Row("An answer", f"{ANSWER_TOK} tokens", answer.stderr.strip()[:90]),
            Row(
                "Asked in the window, about a sample dossier",
                f"{heard_s:.1f} s",
                f"until the first words; {told['model']}, stopped after {len(told['text'])} characters",
            ),
        ],
    )


def _ask_in_the_window(house: House, model_id: str, pictures: Path | None) -> tuple[dict[str, str], float]:
    """(what the window answered and with which model, seconds from the question to the first words).

    Random weights never come to an end, so the answer is then stopped, as a person would."""
    # Nobody types while a large model answers: the window would lock itself after five minutes.
    house.choose_model(model_id, idle_lock_min=60)
    house.make_vault()
    window = Window(house, wait_s=WAIT_S)

    def picture(name: str) -> None:
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            window.tell("picture", str(pictures.resolve() / f"{name}.png"))

    try:
        window.tell("unlock", PASSPHRASE)
        window.tell("make_dossier", "Sample")
        window.tell("begin_import", str(resource("samples", "en", "patient")))
        window.tell("finish_import")
        picture("loading")
        began_s = time.perf_counter()
        window.tell("begin_question", QUESTION)
        picture("reading")
        window.tell("see_words")
        heard_s = time.perf_counter() - began_s
        picture("writing")
        told = window.tell("stop_question")
        picture("answered")
        return told, heard_s
    finally:
        window.process.kill()
        house.close()


def _copy(source: Path, target: Path) -> float:
    """Seconds to copy and sync every file. Each copy goes before the next, so that the disk holds one."""
    copied_s = 0.0
    for path in sorted(source.iterdir()):
        began_s = time.perf_counter()
        shutil.copyfile(path, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        copied_s += time.perf_counter() - began_s
        target.unlink()
    return copied_s


def _import(source: Path, home: Path, format_name: str) -> tuple[dict[str, object], float]:
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "app", "model", "add", source, "--format", format_name, "--json"],
        env={**os.environ, "HUISCLOS_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["model"], time.perf_counter() - began_s
