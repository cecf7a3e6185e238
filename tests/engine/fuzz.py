"""Spoils good model files at random and has the readers read them: a seeded run, as long as one likes.

    python -m tests.engine.fuzz --inputs 200000 [--seed 1] [--reader gguf]

Every input is read in a process whose memory is bounded and whose time is watched. What may come out is a
file or a ModelFileError; anything else (another exception, a crash, a hang, memory beyond the cap) is printed
with the numbers that make the same input again, and fails the run. The suite runs a short one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType

import numpy as np

from engine.models.errors import ModelFileError
from engine.models.foreign import read_foreign
from engine.models.gguf import open_gguf, peek_text
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.random_checkpoint import SafetensorsWriter
from engine.models.shards import WeightFolder
from engine.models.state_dict import StateDictError, read_state_dict
from engine.models.tensors import ElementType, TensorFile
from engine.models.torch_bin import open_torch_bin
from engine.models.torch_writer import TorchWriter, pickle_table

MEMORY_BYTES = 384 << 20
"""What a reading process may add to the address space it starts with."""
GROWTH_BYTES = 96 << 20
"""What it may ever hold more than at its start."""
HANG_S = 5.0
"""No input of a few kilobytes takes so long, whatever else the machine does."""

_PLAN = [
    TensorPlan("model.embeddings.weight", ElementType.BF16, (6, 4)),
    TensorPlan("model.layers.0.attn.q_proj.weight", ElementType.F32, (4, 4)),
    TensorPlan("model.layers.0.attn.q_proj.bias", ElementType.F32, (4,)),
    TensorPlan("model.norm.weight", ElementType.F16, (4,)),
]
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    64,
    127,
    128,
    255,
    256,
    1023,
    4096,
    65535,
    65536,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) + 1,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)


@dataclass(frozen=True)
class Reader:
    """A reader and the good inputs it starts from. `dictionary` holds words of its format."""

    name: str
    samples: tuple[bytes, ...]
    dictionary: tuple[bytes, ...]
    read: Callable[[Path, bytes], None]


@dataclass
class Outcome:
    """What came of a run. `faults` are sentences; there must be none."""

    inputs: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    growth_bytes: int = 0
    faults: list[str] = field(default_factory=list)


def readers(folder: Path) -> tuple[Reader, ...]:
    return (
        Reader("gguf", _gguf_samples(folder), _GGUF_WORDS, _read_gguf),
        Reader("safetensors", _safetensors_samples(folder), _JSON_WORDS, _read_safetensors),
        Reader("torch", _torch_samples(folder), _TORCH_WORDS, _read_torch),
        Reader("pickle", (pickle_table(_PLAN),), _PICKLE_WORDS, _read_pickle),
    )


def spoil(reader: Reader, seed: int, number: int) -> bytes:
    """Input `number` of a run: the same for the same numbers, on any machine."""
    random = np.random.Generator(np.random.PCG64([seed, number, *reader.name.encode()]))
    data = bytearray(reader.samples[int(random.integers(len(reader.samples)))])
    if reader.name == "safetensors" and random.integers(2):
        _spoil_header(data, random)
        return bytes(data)
    for _ in range(int(random.integers(1, 7))):
        _MUTATIONS[int(random.integers(len(_MUTATIONS)))](data, random, reader)
    return bytes(data)


def run(reader_names: Sequence[str], inputs: int, seed: int, folder: Path) -> dict[str, Outcome]:
    """Reads `inputs` spoilt inputs, shared evenly between the readers."""
    found = {}
    for reader in readers(folder):
        if reader.name in reader_names:
            found[reader.name] = _run_reader(reader, inputs // len(reader_names), seed, folder)
    return found


def _run_reader(reader: Reader, inputs: int, seed: int, folder: Path) -> Outcome:
    """Each process goes on behind the input that ended the one before."""
    outcome, first = Outcome(), 0
    fork = multiprocessing.get_context("fork")
    while first < inputs:
        place = fork.Value("q", first)
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=_read_many, args=(reader, first, inputs, seed, folder, place, theirs))
        process.start()
        theirs.close()
        part: Outcome | None = None
        with contextlib.suppress(EOFError):
            part = ours.recv()
        process.join()
        if part is not None:
            _add(outcome, part)
            break
        last = place.value
        outcome.faults.append(
            f"{reader.name} input {last} of seed {seed} ended the process ({process.exitcode})"
        )
        outcome.inputs += last + 1 - first
        first = last + 1
    return outcome


def _add(outcome: Outcome, part: Outcome) -> None:
    outcome.inputs += part.inputs
    outcome.accepted += part.accepted
    outcome.refused.update(part.refused)
    outcome.slowest_s = max(outcome.slowest_s, part.slowest_s)
    outcome.growth_bytes = max(outcome.growth_bytes, part.growth_bytes)
    outcome.faults += part.faults


class _Hung(BaseException):
    """Raised where an input takes too long."""


def _read_many(
    reader: Reader,
    first: int,
    inputs: int,
    seed: int,
    folder: Path,
    place: Synchronized[int],
    answer: multiprocessing.connection.Connection,
) -> None:
    outcome = Outcome()
    path = folder / f"input-{os.getpid()}"
    signal.signal(signal.SIGALRM, _hang)
    now = _status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, now + MEMORY_BYTES))
    held = _status("VmRSS")
    for number in range(first, inputs):
        place.value = number
        data = spoil(reader, seed, number)
        began_s = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, HANG_S)
        try:
            reader.read(path, data)
            outcome.accepted += 1
        except ModelFileError as error:
            outcome.refused[error.code] += 1
        except _Hung:
            outcome.faults.append(f"{reader.name} input {number} of seed {seed} hangs")
        except BaseException as error:
            told = f"{type(error).__name__}: {str(error)[:200]}"
            outcome.faults.append(f"{reader.name} input {number} of seed {seed} gives {told}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        outcome.inputs += 1
        outcome.slowest_s = max(outcome.slowest_s, time.perf_counter() - began_s)
    outcome.growth_bytes = max(0, _status("VmHWM") - held)
    if outcome.growth_bytes > GROWTH_BYTES:
        outcome.faults.append(f"{reader.name} of seed {seed} came to hold {outcome.growth_bytes} bytes more")
    path.unlink(missing_ok=True)
    answer.send(outcome)


def _hang(number: int, frame: FrameType | None) -> None:
    raise _Hung


def _status(field_name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field_name + ":"):
            return int(line.split()[1]) << 10
    raise ValueError(field_name)


# -- how inputs are read ---------------------------------------------------------------------------------


def _use(file: TensorFile) -> None:
    """Every tensor that a reader lets through can be read to its end."""
    for name, entry in file.entries.items():
        file.read_rows(name, max(0, entry.rows - 1), entry.rows)
    file.close()


def _read_gguf(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    peek_text(path, "general.architecture")
    with contextlib.suppress(ModelFileError):  # it has rules of its own for files of other makers
        read_foreign(path)
    _use(open_gguf(path).tensors)


def _read_safetensors(path: Path, data: bytes) -> None:
    """As the only file of a folder, as the window meets it."""
    folder = path.with_suffix(".folder")
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(data)
    weights = WeightFolder(folder)
    for name, entry in weights.entries.items():
        weights.read_rows(name, max(0, entry.rows - 1), entry.rows)
    weights.close()


def _read_torch(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    _use(open_torch_bin(path))


def _read_pickle(path: Path, data: bytes) -> None:
    try:
        read_state_dict(data)
    except StateDictError:
        raise ModelFileError("model-pickle-refused", "") from None


# -- good inputs -----------------------------------------------------------------------------------------


def _gguf_samples(folder: Path) -> tuple[bytes, ...]:
    path = folder / "good.gguf"
    metadata = {
        "general.architecture": "gla_swa",
        "a.text": "x" * 40,
        "a.list": [1, 2, 3],
        "a.f": 0.5,
        "a.b": True,
    }
    with GgufWriter(path, {**metadata, "a.texts": ["one", "two"]}, _PLAN) as writer:
        _fill(writer.write)
    return (path.read_bytes(),)


def _safetensors_samples(folder: Path) -> tuple[bytes, ...]:
    path = folder / "good.safetensors"
    with SafetensorsWriter(path, _PLAN) as writer:
        _fill(writer.write)
    return (path.read_bytes(),)


def _torch_samples(folder: Path) -> tuple[bytes, ...]:
    path = folder / "good.bin"
    with TorchWriter(path, _PLAN) as writer:
        _fill(writer.write)
    return (path.read_bytes(),)


def _fill(write: Callable[[np.ndarray], None]) -> None:
    for planned in _PLAN:
        write(np.zeros(int(np.prod(planned.shape)), dtype=planned.element.numpy))


# -- how they are spoilt ---------------------------------------------------------------------------------

_GGUF_WORDS = (
    b"GGUF",
    b"general.alignment",
    b"general.architecture",
    *(struct.pack("<I", n) for n in range(13)),
)
_JSON_WORDS = (
    b'"shape"',
    b'"dtype"',
    b'"data_offsets"',
    b"[0,0]",
    b"-1",
    b"1e400",
    b"NaN",
    b"{",
    b"[[[[",
    b'"F64"',
    b'"BF16"',
    b"\\u0000",
    b"9223372036854775807",
    b"null",
    b"true",
    b'"__metadata__"',
)
_PICKLE_WORDS = (
    b"R",
    b"(",
    b"t",
    b"u",
    b"Q",
    b"h\x00",
    b"q\x01",
    b"cposix\nsystem\n",
    b"c__builtin__\neval\n",
    b".",
    b"\x80\x04",
    b"b",
    b"}",
    b"]",
    b"0",
    b"2",
    b"1",
    b"J\xff\xff\xff\x7f",
    b"\x8a\x09" + b"\xff" * 9,
    b"X\xff\xff\xff\xff",
    b"ctorch\nDoubleStorage\n",
    b"i",
    b"o",
    b"\x93",
    b"\x95",
)
_TORCH_WORDS = (
    *_PICKLE_WORDS,
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"../",
    b"data/0",
    b"\x01\x00\x08\x00",
    b"\xff\xff\xff\xff",
)

Random = np.random.Generator


def _anywhere(data: bytearray, random: Random) -> int:
    """Mostly near the front or the end, where files describe themselves."""
    if not data:
        return 0
    zone = int(random.integers(4))
    near = min(len(data), 400)
    if zone == 0:
        return int(random.integers(near))
    if zone == 1:
        return len(data) - 1 - int(random.integers(near))
    return int(random.integers(len(data)))


def _flip(data: bytearray, random: Random, reader: Reader) -> None:
    if data:
        data[_anywhere(data, random)] ^= 1 << int(random.integers(8))


def _set(data: bytearray, random: Random, reader: Reader) -> None:
    if data:
        data[_anywhere(data, random)] = int(random.integers(256))


def _number(data: bytearray, random: Random, reader: Reader) -> None:
    width = int(random.choice([1, 2, 4, 8]))
    value = _NUMBERS[int(random.integers(len(_NUMBERS)))] & ((1 << (8 * width)) - 1)
    place = _anywhere(data, random)
    data[place : place + width] = value.to_bytes(width, "little")


def _word(data: bytearray, random: Random, reader: Reader) -> None:
    word = reader.dictionary[int(random.integers(len(reader.dictionary)))]
    place = _anywhere(data, random)
    over = len(word) if random.integers(2) else 0
    data[place : place + over] = word


def _cut(data: bytearray, random: Random, reader: Reader) -> None:
    del data[_anywhere(data, random) :]


def _delete(data: bytearray, random: Random, reader: Reader) -> None:
    place = _anywhere(data, random)
    del data[place : place + int(random.integers(1, 40))]


def _repeat(data: bytearray, random: Random, reader: Reader) -> None:
    place, length = _anywhere(data, random), int(random.integers(1, 200))
    target = _anywhere(data, random)
    data[target:target] = data[place : place + length] * int(random.integers(1, 4))


def _insert(data: bytearray, random: Random, reader: Reader) -> None:
    place = _anywhere(data, random)
    data[place:place] = random.bytes(int(random.integers(1, 24)))


def _spoil_header(data: bytearray, random: Random) -> None:
    """Well-formed JSON of the right length that says something else: what random bytes seldom come to."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for _ in range(int(random.integers(1, 4))):
        name = str(random.choice([one for one in header if one != "__metadata__"] or ["x"]))
        entry = header.setdefault(name, {})
        value = _NUMBERS[int(random.integers(len(_NUMBERS)))]
        choices: list[tuple[str, object]] = [
            ("dtype", str(random.choice(["F32", "BF16", "I8", "F64", "I32", "", "f32"]))),
            ("shape", [value]),
            ("shape", [int(n) for n in random.integers(0, 9, int(random.integers(0, 12)))]),
            ("shape", [value, -1]),
            ("shape", True),
            ("data_offsets", [0, value]),
            ("data_offsets", [value, value]),
            ("data_offsets", [int(n) for n in random.integers(0, 200, 2)]),
            ("more", None),
        ]
        key, changed = choices[int(random.integers(len(choices)))]
        deed = int(random.integers(6))
        if deed == 0:
            del header[name]
        elif deed == 1:
            header[name + "2"] = entry
        elif deed == 2:
            header["__metadata__"] = changed
        else:
            entry[key] = changed
    text = json.dumps(header).encode()
    data[: 8 + length] = struct.pack("<Q", len(text)) + text


_MUTATIONS = (_flip, _set, _number, _number, _word, _word, _cut, _delete, _repeat, _insert)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ("gguf", "safetensors", "torch", "pickle")
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", choices=names, action="append", help="one or more; default: all")
    given = parser.parse_args()
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="huisclos-fuzz-", dir=base) as place:
        found = run(given.reader or names, given.inputs, given.seed, Path(place))
    faults = [fault for outcome in found.values() for fault in outcome.faults]
    for name, outcome in found.items():
        cost = f"slowest {outcome.slowest_s * 1e3:.0f} ms, {outcome.growth_bytes / 1e6:.0f} MB grown"
        refused = json.dumps(dict(outcome.refused.most_common()))
        print(f"{name:12} {outcome.inputs:>8} inputs, {outcome.accepted} read, {cost}; refused {refused}")
    print(f"seed {given.seed}, {time.monotonic() - began_s:.0f} s, {len(faults)} faults")
    for fault in faults[:50]:
        print(f"  {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
