"""The engine's own command line: it runs the model in this very process, without the application."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from engine import spike_table
from engine.energy import Energy, EnergyMeter
from engine.models.convert import FORMATS, SPIKE_FORMAT, convert
from engine.models.errors import ModelError
from engine.models.random_checkpoint import LAYOUTS, SCALES
from engine.models.spike_codes import READINGS
from engine.runtime.sampler import Sampler, Sampling

if TYPE_CHECKING:
    from engine.models.loading import LoadedModel

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
EXIT_REFUSED: Final = 3
"""The model, the input file or the template is not usable."""
EXIT_ENVIRONMENT: Final = 4
"""The machine said no: disk full, no permission, out of memory."""
EXIT_INTERRUPTED: Final = 130

_ENVIRONMENT_CODES: Final = frozenset(
    ["disk-full", "destination-unwritable", "model-file-unreadable", "native-missing"]
)
_BAD_ARCHIVE: Final = (
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    AttributeError,
    TypeError,
    NotImplementedError,
    RuntimeError,
)
"""What numpy and zipfile raise for a file that is not what its name says."""
_MODES: Final = ("hf", "vllm", "report")
_PRECISIONS: Final = ("f32", "f16", "int8")


class InputError(ModelError):
    """An argument's content, not its form, is wrong."""


class NotBuiltError(ModelError):
    """The compiled part of the engine is missing."""


@dataclass(frozen=True, slots=True)
class _ChatTurn:
    role: str
    content: str


def main(arguments: Sequence[str]) -> int:
    """Runs one verb; the exit code is one of the constants above. Errors go to stderr with their code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        run(options)
    except ModelError as error:
        return _fail(error.code, error.message)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; pointing stdout elsewhere keeps Python's exit quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except MemoryError:
        return _fail("memory-full", "There is not enough memory for this.", EXIT_ENVIRONMENT)
    except OSError as error:
        return _fail("system", f"{error.filename or ''} {error.strerror or error}".strip(), EXIT_ENVIRONMENT)
    except ValueError as error:
        return _fail("input-invalid", str(error))
    finally:
        signal.signal(signal.SIGTERM, previous)
    return EXIT_OK


def _run_convert(options: argparse.Namespace) -> None:
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // max(1, total)
        if percent // 5 > told:
            told = percent // 5
            print(f"{percent:3d} %  {done:,} of {total:,} weights", file=sys.stderr)

    began_s = time.monotonic()
    result = convert(
        options.source, options.destination, options.format, reading=options.reading, progress=progress
    )
    print(
        f"{result.path}: {result.format}, {result.parameters:,} weights, {result.size_bytes:,} bytes,"
        f" {time.monotonic() - began_s:.1f} s\nidentity {result.identity}"
    )


def _run_random(options: argparse.Namespace) -> None:
    from engine.models.random_checkpoint import write_random_checkpoint

    began_s = time.monotonic()
    made = write_random_checkpoint(
        options.folder, options.layout, options.scale, tokenizer=options.tokenizer, seed=options.seed
    )
    taken_s = time.monotonic() - began_s
    print(
        f"{made.folder}: {made.tensors} tensors, {made.parameters:,} weights, {made.size_bytes:,} bytes in"
        f" {made.shards} shards, {taken_s:.1f} s ({made.size_bytes / max(taken_s, 1e-9) / 1e6:.0f} MB/s)"
    )


def _run_unpack(options: argparse.Namespace) -> None:
    from engine.models.unpacking import unpack

    if options.folder.exists():
        raise InputError("input-invalid", f"{options.folder} is there already.")
    print(unpack(options.model, options.folder))


def _run_formats(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from engine.format_report import format_lines, measure_formats

    text = options.text.read_text("utf-8", errors="replace")
    report = measure_formats(options.model, text, threads=options.threads, most_tok=options.tokens)
    print(json.dumps(asdict(report)) if options.json else "\n".join(format_lines(report)))


def _run_logits(options: argparse.Namespace) -> None:
    model = _load(options)
    ids = _read_ids(options.ids, model.info.vocab_size)
    decode_from: int = ids.size if options.decode_from is None else min(options.decode_from, ids.size)
    if decode_from < 0:
        raise InputError("input-invalid", "--decode-from must not be negative.")
    state = model.model.new_state(window_precision=options.window_precision, window_mode=options.window_mode)
    logits = np.empty((ids.size, model.info.vocab_size), dtype=np.float32)
    if decode_from:
        logits[:decode_from] = model.model.prefill(
            state, ids[:decode_from], logits="all", chunk_tok=options.chunk_tok
        )
    for position in range(decode_from, ids.size):
        logits[position] = model.model.step(state, int(ids[position]))
    _write_arrays(options.out, logits=logits)
    print(f"{options.out}: logits {list(logits.shape)}, {model.model.isa}")


def _run_generate(options: argparse.Namespace) -> None:
    sampling = Sampling(
        temperature=options.temperature,
        top_p=options.top_p,
        repetition_penalty=options.repetition_penalty,
        seed=options.seed,
    )
    model = _load(options)
    if options.chat is not None:
        turns = [_ChatTurn("user", options.chat)]
        if options.system is not None:
            turns.insert(0, _ChatTurn("system", options.system))
        ids = model.encode_prompt(turns)
    else:
        ids = model.encode_text(options.prompt)
    if not ids:
        raise InputError("input-invalid", "The prompt is empty.")
    _generate(model, ids, sampling, options)


def _generate(model: LoadedModel, ids: list[int], sampling: Sampling, options: argparse.Namespace) -> None:
    sampler = Sampler(sampling, vocabulary=model.tokenizer.vocabulary)
    sampler.see(ids)
    state = model.model.new_state(window_precision=options.window_precision, window_mode=options.window_mode)
    stream = model.tokenizer.stream()
    began_s = time.monotonic()
    logits = model.model.prefill(state, np.array(ids, dtype=np.int32))
    prefilled_s = time.monotonic()
    generated_tok = 0
    for _ in range(options.max_tokens):
        choice = sampler.choose(logits)
        if choice.token_id in model.stop_ids:
            break
        generated_tok += 1
        print(stream.push(choice.token_id), end="", flush=True)
        if generated_tok < options.max_tokens:
            logits = model.model.step(state, choice.token_id)
    print(stream.finish(), flush=True)
    decoded_s = time.monotonic()
    print(
        f"prompt {len(ids)} tokens, {_rate(len(ids), prefilled_s - began_s)};"
        f" answer {generated_tok} tokens, {_rate(generated_tok, decoded_s - prefilled_s)}",
        file=sys.stderr,
    )


def _run_bench(options: argparse.Namespace) -> None:
    began_s = time.monotonic()
    model = _load(options)
    loaded_s = time.monotonic() - began_s
    random = np.random.default_rng(0)
    ids = random.integers(0, model.tokenizer.vocabulary, options.prefill_tok, dtype=np.int32)
    state = model.model.new_state(window_precision=options.window_precision, window_mode=options.window_mode)
    meter = EnergyMeter.open(cards=True)
    model.model.prefill(model.model.new_state(), ids[: min(64, ids.size)])  # warms caches and mapped pages
    began_s = time.monotonic()
    with meter.span() as prefill_span:
        logits = model.model.prefill(state, ids)
    prefill_s = time.monotonic() - began_s
    began_s = time.monotonic()
    with meter.span() as decode_span:
        for _ in range(options.decode_tok):
            logits = model.model.step(state, int(np.argmax(logits)))
    decode_s = time.monotonic() - began_s
    meter.close()
    result = {
        "model": model.info.name,
        "format": model.info.format,
        "parameters": model.info.parameters,
        "size_bytes": model.info.size_bytes,
        "isa": model.model.isa,
        "threads": model.model.threads,
        "load_s": round(loaded_s, 3),
        "prefill_tok": options.prefill_tok,
        "prefill_tok_per_s": round(options.prefill_tok / max(prefill_s, 1e-9), 2),
        "decode_tok": options.decode_tok,
        "decode_tok_per_s": round(options.decode_tok / max(decode_s, 1e-9), 2),
        "state_bytes": state.nbytes,
        "spikes_k": model.info.coding.k,
        "prefill_energy": _energy_of(prefill_span.energy, options.prefill_tok, meter.reason),
        "decode_energy": _energy_of(decode_span.energy, options.decode_tok, meter.reason),
    }
    if options.json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:18} {value}")


def _run_spikes(options: argparse.Namespace) -> None:
    spike_table.run(options, lambda k: _load(options, k))


def _energy_of(energy: Energy | None, tokens: int, reason: str) -> str | dict[str, float]:
    """Measured watts and joules per token, all programs on the parts included; never an estimate."""
    if energy is None:
        return f"not measurable here ({reason})"
    told = {f"{name}_j_per_token": joules / tokens for name, joules in energy.by_source.items()}
    return {"watts": energy.watts, **told}


def _load(options: argparse.Namespace, spike_k: float | None = None) -> LoadedModel:
    # Only here, so that files can be converted where the native module is not built.
    try:
        from engine.models.loading import load
    except ImportError as error:
        raise NotBuiltError("native-missing", f"The native engine is not built: {error}.") from error
    return load(
        options.model,
        threads=options.threads,
        isa=options.isa,
        spike_k=options.spikes if spike_k is None else spike_k,
        spiking_down=options.down == "spiking" and spike_k != 0,
        reading=options.reading,
        expert_memory_bytes=None if options.expert_memory is None else options.expert_memory << 20,
    )


def _read_ids(path: Path, vocab_size: int) -> NDArray[np.int32]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            ids = arrays["input_ids"]
    except KeyError:
        raise InputError("input-invalid", f"{path} holds no array named input_ids.") from None
    except _BAD_ARCHIVE as error:
        raise InputError("input-invalid", f"{path} is not a readable .npz file: {error}") from error
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or not ids.size:
        raise InputError(
            "input-invalid", f"input_ids in {path} must be whole numbers [T], not {ids.dtype} {ids.shape}."
        )
    if int(ids.min()) < 0 or int(ids.max()) >= vocab_size:
        raise InputError("input-invalid", f"input_ids in {path} must lie within 0 to {vocab_size - 1}.")
    narrow: NDArray[np.int32] = ids.astype(np.int32)
    return narrow


def _write_arrays(path: Path, **arrays: NDArray[np.float32]) -> None:
    """All or nothing, like every file we write."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _rate(tokens: int, seconds: float) -> str:
    return f"{tokens / max(seconds, 1e-9):.1f} tokens/s"


def _fail(code: str, message: str, exit_code: int | None = None) -> int:
    print(f"error: {message} [{code}]", file=sys.stderr)
    if exit_code is None:
        exit_code = EXIT_ENVIRONMENT if code in _ENVIRONMENT_CODES else EXIT_REFUSED
    return exit_code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine", description="Convert, check and run gla_swa language models on this machine."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("convert", help="make one model file from a checkpoint folder")
    verb.add_argument("source", metavar="SRC", type=Path, help="checkpoint folder")
    verb.add_argument("destination", metavar="DST", type=Path, help="file to write")
    verb.add_argument("--format", choices=(*FORMATS, SPIKE_FORMAT), required=True)
    verb.add_argument(
        "--reading", choices=READINGS, default="f32", help="spike8: how weights and scales become codes"
    )
    verb.set_defaults(run=_run_convert)

    verb = verbs.add_parser("random", help="write a random checkpoint in a published layout, for measuring")
    verb.add_argument("folder", metavar="DIR", type=Path, help="empty or new folder")
    verb.add_argument("--layout", choices=LAYOUTS, required=True)
    verb.add_argument("--scale", choices=SCALES, default="tiny", help="7b: 15 GB, w8aspike 31 GB")
    verb.add_argument("--tokenizer", metavar="DIR", type=Path, help="folder with published tokenizer files")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(run=_run_random)

    verb = verbs.add_parser("unpack", help="make a float32 checkpoint folder from a model file")
    verb.add_argument("model", metavar="MODEL", type=Path)
    verb.add_argument("folder", metavar="DIR", type=Path, help="new folder")
    verb.set_defaults(run=_run_unpack)

    verb = verbs.add_parser("formats", help="what each format of a checkpoint costs in exactness")
    verb.add_argument(
        "model", metavar="MODEL", type=Path, help="checkpoint folder, or a file to unpack first"
    )
    verb.add_argument("--text", metavar="FILE", type=Path, required=True, help="what is read")
    verb.add_argument("--tokens", type=_positive, default=512, help="of the text, from its beginning")
    verb.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_run_formats)

    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("model", metavar="MODEL", type=Path, help="converted file or checkpoint folder")
    running.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    running.add_argument("--isa", help="kernel table to use: scalar, avx2, avxvnni, avx512 or neon")
    running.add_argument(
        "--expert-memory",
        type=_not_negative,
        metavar="MIB",
        help="read routed experts on demand and keep so much of them, instead of mapping them",
    )
    running.add_argument(
        "--spikes", type=_spike_k, metavar="off|k=3.0", help="code inputs as spikes; default: as the model is"
    )
    running.add_argument("--down", choices=("float", "spiking"), default="float", help="input of down_proj")
    running.add_argument("--reading", choices=READINGS, help="of a spiking folder's weights; default: f32")
    running.add_argument("--window-mode", choices=_MODES, default="hf")

    verb = verbs.add_parser("logits", parents=[running], help="write the logits of given token ids")
    verb.add_argument("--ids", metavar="IN.npz", type=Path, required=True, help="holds input_ids [T]")
    verb.add_argument("--out", metavar="OUT.npz", type=Path, required=True, help="gets logits [T, vocab]")
    verb.add_argument("--decode-from", metavar="N", type=int, help="feed positions from N on one at a time")
    verb.add_argument("--window-precision", choices=_PRECISIONS, default="f32")
    verb.add_argument("--chunk-tok", type=int, default=64, help="tokens per prefill chunk")
    verb.set_defaults(run=_run_logits)

    verb = verbs.add_parser("generate", parents=[running], help="continue a text or answer in a chat")
    what = verb.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", metavar="TEXT", help="text to continue as it is")
    what.add_argument("--chat", metavar="TEXT", help="question, put into the model's chat template")
    verb.add_argument("--system", metavar="TEXT", help="system message for --chat")
    verb.add_argument("--max-tokens", type=int, default=256)
    verb.add_argument("--temperature", type=float, default=0.0)
    verb.add_argument("--top-p", type=float, default=1.0)
    verb.add_argument("--repetition-penalty", type=float, default=1.0)
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--window-precision", choices=_PRECISIONS, default="f16")
    verb.set_defaults(run=_run_generate)

    verb = verbs.add_parser("bench", parents=[running], help="measure reading and writing speed")
    verb.add_argument("--prefill-tok", type=_positive, default=512)
    verb.add_argument("--decode-tok", type=_positive, default=64)
    verb.add_argument("--window-precision", choices=_PRECISIONS, default="f16")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_run_bench)

    spike_table.add_verb(verbs, running).set_defaults(run=_run_spikes)
    return parser


def _spike_k(text: str) -> float:
    if text == "off":
        return 0.0
    value = float(text.removeprefix("k="))
    if not 0 < value <= 1024:
        raise argparse.ArgumentTypeError("must be off, or k= with a number up to 1024")
    return value


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
