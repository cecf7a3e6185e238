"""The one door to the native engine: weights in, a model and its reading states out.

Knows the tensor names of the published `gla_swa` checkpoints and what the native module wants; knows no
file format. Every array is checked here, so a wrong shape or type is a clear Python error and never a
fault below.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from engine import _native
from engine.native_config import Branches as Branches
from engine.native_config import NativeConfig as NativeConfig
from engine.native_config import expected_tensors as expected_tensors
from engine.native_config import expert_tensors as expert_tensors
from engine.spike_tally import PLACES, SpikeSite
from engine.spike_tally import SpikeTally as SpikeTally
from engine.weights import GROUP as GROUP
from engine.weights import KernelError as KernelError
from engine.weights import Weight as Weight
from engine.weights import WeightError as WeightError
from engine.weights import WeightFormat as WeightFormat
from engine.weights import bytes_of, check_shape, data_bytes, matrix_arrays, widen

ABI: Final = 6
WindowPrecision = Literal["f32", "f16", "int8"]
WindowMode = Literal["hf", "vllm", "report"]

CHUNK_TOK: Final = 96
"""Tokens computed at once: sixteen tiles of the integer kernels, whose activations stay in a core's own cache
while the weights pass once."""

_PIECE_BYTES: Final = 1 << 20
"""Pieces of a dumped state end where those of a sealed stream do: each is then one of them and need not be
copied."""
_LARGEST_CHUNK_TOK: Final = 1024
LARGEST_DRAFT_TOK: Final = 64
_LARGEST_POSITION_TOK: Final = 1 << 40
_LARGEST_CACHED_POSITION_TOK: Final = 1 << 24
"""Where layers keep every token: a dumped state that claims more is absurd."""


class Cancelled(KernelError):
    """A call stopped because its flag was set. The state stands at its last complete chunk,
    `State.position`."""


CancelFlag = _native.CancelFlag
"""`set()` from any thread; native code looks at it many times per second. Cannot be unset."""


FetchExpert = Callable[[int, int], tuple[Weight, Weight, Weight]]
"""(layer, expert) -> gate, up and down matrix; f32, bf16, q8 or q4. Called on the thread of a run."""


@dataclasses.dataclass(frozen=True, slots=True)
class KernelInfo:
    """What this machine and this build offer; `isa` is the table that would be chosen now. Some of `tables`
    are only taken when they are asked for."""

    isa: str
    tables: tuple[str, ...]
    cpu_features: tuple[str, ...]
    build_hash: str
    abi: int


def features() -> KernelInfo:
    """The chosen kernel table and what there was to choose from. `HUISCLOS_ISA` forces one of `tables`."""
    return KernelInfo(
        _choose_isa(None),
        tuple(_native.tables_for(_native.cpu_features())),
        tuple(_native.cpu_features()),
        _native.build_hash,
        _native.abi,
    )


def self_test() -> None:
    """Runs every kernel of the chosen table on known inputs, in a few milliseconds. Raises KernelError
    naming the first kernel whose answer is wrong."""
    isa = _choose_isa(None)
    wrong = _native.self_test(isa)
    if wrong:
        raise KernelError(f"kernel self-test failed on {isa}: {wrong}")


def multiply_at_once(rounds: int, *, threads: int, isa: str | None = None) -> int:
    """Multiplies and adds bytes in registers only, as fast as the table's instruction set can, on `threads`
    threads at once. Gives how many products were made: the time this takes is the machine's integer peak."""
    return _native.multiply_at_once(_choose_isa(isa), rounds, threads)


def read_at_once(block: NDArray[np.uint8], *, threads: int, isa: str | None = None) -> int:
    """Reads `block` (from a multiple of 64 bytes, 512 times a whole number long) once, on `threads` threads
    at once, each a stretch of its own. Gives the xor of its 32-bit words: the time this takes is the
    machine's read bandwidth."""
    return _native.read_at_once(_choose_isa(isa), block, threads)


def source_hash(native_dir: Path) -> str:
    """The build hash of a module compiled from this folder; compare with `features().build_hash`."""
    lines = []
    for path in sorted(p for p in native_dir.rglob("*") if p.suffix in {".h", ".cpp", ".txt", ".cmake"}):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{path.relative_to(native_dir).as_posix()} {digest}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Spikes:
    """Whole counts [T, inputs] (query: [T, heads, head_dim]), one threshold per row."""

    counts: NDArray[np.float32]
    thresholds: NDArray[np.float32]


class State:
    """What one reading remembers: GLA states, window, counter. One thread at a time; made by
    `Model.new_state`. What is read with a `tally` set is counted in it; a copy has none."""

    __slots__ = ("_largest_position", "_layout", "_native", "tally")

    def __init__(self, native: _native.State, layout: str, largest_position: int) -> None:
        self._native = native
        self._layout = layout
        self.tally: SpikeTally | None = None
        self._largest_position = largest_position

    @property
    def position(self) -> int:
        """Tokens read so far; the next token gets this position."""
        return self._native.position

    @property
    def nbytes(self) -> int:
        """Bytes this state has in use (grows until the window is full, then stays; where layers keep every
        token it grows on, and copies share most of it)."""
        return self._native.nbytes

    @property
    def payload_bytes(self) -> int:
        """Exact size of what `dump` writes now."""
        return self._native.payload_bytes

    @property
    def layout(self) -> str:
        """Identity of the payload: states of the same model with equal layout can load each other's
        dump."""
        return self._layout

    def fork(self) -> State:
        """An independent copy; both continue bit-equally."""
        return State(self._native.fork(), self._layout, self._largest_position)

    def dump(self, write: Callable[[memoryview], object]) -> None:
        """Writes the payload piece by piece, without a header. A piece is valid only during its `write`
        call."""
        offset, total = 0, self.payload_bytes
        buffer = np.empty(min(_PIECE_BYTES, total), np.uint8)
        while offset < total:
            count = self._native.read_at(offset, buffer)
            write(buffer[:count].data)
            offset += count

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None:
        """Replaces this state by a dumped one of the same layout. `read(n)` must give exactly n bytes.

        Raises KernelError where the payload is short or its position is absurd; the state is then as it
        was.
        """
        position = int.from_bytes(_read_exactly(read, 8), "little", signed=True)
        if not 0 <= position <= self._largest_position:
            raise KernelError(f"a dumped state cannot stand at position {position}")
        fresh = self._native.blank(position)
        offset, total = 8, fresh.payload_bytes
        while offset < total:
            size = min(_PIECE_BYTES - offset % _PIECE_BYTES, total - offset)
            piece = _read_exactly(read, size)
            offset += fresh.write_at(offset, np.frombuffer(piece, np.uint8))
        self._native = fresh


class Draft:
    """Tokens computed beside a state and not yet read into it; made by `Model.draft_step`. Dropping it leaves
    the state as if it had never been. One thread at a time."""

    __slots__ = ("_beside", "_native", "_state", "logits")

    def __init__(
        self, native: _native.Draft, state: State, beside: _native.State, logits: NDArray[np.float32]
    ) -> None:
        self._native = native
        self._state = state
        self._beside = beside
        self.logits = logits
        """float32 [T, vocab]: after each of the tokens."""

    def commit(self, count: int) -> None:
        """Reads the first `count` of the tokens into the state, 1 or more; once. Nothing else remains.

        Raises ValueError for a bad count, KernelError where the state has gone on without this draft or
        another thread is using it; the state is then as it was."""
        if not 1 <= count <= len(self.logits):
            raise ValueError(
                f"between 1 and {len(self.logits)} tokens can be read of this draft, not {count}"
            )
        stale = self._state._native is not self._beside
        _raise_for(_native.STALE if stale else self._native.commit(count))


class Model:
    """A model ready to run: immutable, usable from several threads at once, each with its own state.

    Long calls release the interpreter lock. `threads` is the number of cores used, the calling one
    included.
    """

    __slots__ = ("_config", "_layout", "_native", "isa", "threads")

    def __init__(
        self,
        config: NativeConfig,
        weights: Mapping[str, Weight],
        *,
        threads: int,
        isa: str | None = None,
        fetch_expert: FetchExpert | None = None,
    ) -> None:
        """With `fetch_expert` routed experts are not among `weights`: a call asks for those that its tokens
        chose, holds each while it computes with it, and ends with whatever error that raised, the state
        unchanged.

        Raises WeightError for missing or ill-shaped weights, ValueError for a bad argument or unknown
        `isa`. Tensors that are not expected are ignored: the caller knows which of them matter."""
        if not 1 <= threads <= 256:
            raise ValueError(f"threads must be from 1 to 256, not {threads}")
        self.isa = _choose_isa(isa)
        self.threads = threads
        self._config = config
        self._layout = _layout_of(config)
        self._native = _build(config, weights, self.isa, threads, fetch_expert)

    @property
    def config(self) -> NativeConfig:
        return self._config

    def new_state(
        self, *, window_precision: WindowPrecision = "f16", window_mode: WindowMode = "hf"
    ) -> State:
        """An empty state. Modes (spec §1.6), W = sliding_window: hf sees W+1 keys at positions that were
        prefilled and W at decoded ones; vllm always W+1; report always W.

        A spiking model's windows are exact eight-bit codes whatever the precision asked for."""
        if window_precision not in ("f32", "f16", "int8"):
            raise ValueError(f"window_precision must be f32, f16 or int8, not {window_precision!r}")
        if window_mode not in ("hf", "vllm", "report"):
            raise ValueError(f"window_mode must be hf, vllm or report, not {window_mode!r}")
        if self._config.spike_k:
            window_precision = "int8"
        layout = f"{self._layout};window={window_precision},{window_mode}"
        return State(
            _native.State(self._native, window_precision, window_mode), layout, self._largest_position
        )

    @property
    def _largest_position(self) -> int:
        keeps_all = self._config.branches is not None and len(self._config.attn_layers) < self._config.layers
        return _LARGEST_CACHED_POSITION_TOK if keeps_all else _LARGEST_POSITION_TOK

    def new_tally(self, *, every_tok: int = 1, neurons: int = 0, sample_tok: int = 0) -> SpikeTally:
        """Counts, over all layers and sites, tokens whose position is a multiple of `every_tok`, and keeps
        `neurons` inputs of each for the last `sample_tok` tokens."""
        native = _native.SpikeTally(self._native, every_tok, neurons, sample_tok)
        return SpikeTally(native, self._config.layers, neurons)

    def prefill(
        self,
        state: State,
        ids: NDArray[np.int32],
        *,
        logits: Literal["none", "last", "all"] = "last",
        cancel: CancelFlag | None = None,
        progress: Callable[[int], None] | None = None,
        chunk_tok: int = CHUNK_TOK,
    ) -> NDArray[np.float32]:
        """Reads `ids` [T] in chunks and gives logits [T, vocab], [vocab] or [0]; `progress(tokens_done)`
        after each.

        Raises Cancelled (the state stands at the last complete chunk), ValueError for a bad id,
        KernelError when out of memory or when another thread is using the state; in each case the state
        is whole.
        """
        if logits not in ("none", "last", "all"):
            raise ValueError(f"logits must be none, last or all, not {logits!r}")
        if not 1 <= chunk_tok <= _LARGEST_CHUNK_TOK:
            raise ValueError(f"chunk_tok must be from 1 to {_LARGEST_CHUNK_TOK}, not {chunk_tok}")
        tokens = self._check_ids(state, ids)
        total, vocab = tokens.size, self._config.vocab_size
        if logits == "last" and total == 0:
            raise ValueError("logits of the last position need at least one token")
        rows = {"none": 0, "last": 1, "all": total}[logits]
        out = np.empty((rows, vocab), np.float32)
        for start in range(0, total, chunk_tok):
            chunk = tokens[start : start + chunk_tok]
            end = start + chunk.size
            wanted = out[:0]
            if logits == "all":
                wanted = out[start:end]
            elif logits == "last" and end == total:
                wanted = out
            self._run(state, chunk, False, wanted, cancel)
            if progress is not None:
                progress(end)
        return out.reshape(-1) if logits != "all" else out

    def step(self, state: State, token_id: int, *, cancel: CancelFlag | None = None) -> NDArray[np.float32]:
        """Reads one token in the decode phase and gives the logits [vocab] after it. Raises as
        `prefill`."""
        tokens = self._check_ids(state, np.array([token_id], np.int64))
        out = np.empty((1, self._config.vocab_size), np.float32)
        self._run(state, tokens, True, out, cancel)
        row: NDArray[np.float32] = out[0]
        return row

    def draft_step(self, state: State, ids: NDArray[np.int32], *, cancel: CancelFlag | None = None) -> Draft:
        """Computes `ids` [T], T from 1 to LARGEST_DRAFT_TOK, in the decode phase beside the state, each as a
        step after those before it: a token that was chosen and others that were guessed to follow, say. What
        is committed does not depend on the tokens behind it. Raises as `prefill`."""
        tokens = self._check_ids(state, ids)
        if not 1 <= tokens.size <= LARGEST_DRAFT_TOK:
            raise ValueError(f"between 1 and {LARGEST_DRAFT_TOK} tokens make a draft, not {tokens.size}")
        logits = np.empty((tokens.size, self._config.vocab_size), np.float32)
        beside = state._native
        native = _native.Draft(self._native, beside)
        _raise_for(native.compute(tokens, logits, cancel, _tally_of(state)))
        return Draft(native, state, beside, logits)

    def trace_hidden(self, state: State, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Reads `ids` [T] as one chunk and gives the residual stream [layers + 2, T, hidden]:
        embeddings, after each layer, after the final norm. For tests and for finding faults."""
        return self._trace(state, ids, [])

    def trace_spikes(self, state: State, ids: NDArray[np.int32]) -> dict[tuple[int, SpikeSite], Spikes]:
        """Reads `ids` [T] as one chunk of a spiking model and gives what was coded, by layer and site."""
        config, count = self._config, len(ids)
        if not config.spike_k:
            raise ValueError("this model does not code its inputs as spikes")
        if config.branches is not None:
            raise ValueError("spikes of parallel branches are not recorded")
        shapes: dict[SpikeSite, tuple[int, ...]] = {
            "mixer": (count, config.hidden_size),
            "output": (count, config.q_dim),
            "mlp": (count, config.hidden_size),
            "down": (count, config.intermediate_size if config.spike_down else 0),
            "query": (count, config.heads, config.head_dim),
        }
        found: dict[tuple[int, SpikeSite], Spikes] = {}
        arrays: list[NDArray[np.float32]] = []
        for layer in range(config.layers):
            for site, shape in shapes.items():
                wanted = 0 not in shape and (site != "query" or layer in config.attn_layers)
                counts = np.empty(shape if wanted else 0, np.float32)
                thresholds = np.empty(shape[:-1] if wanted else 0, np.float32)
                arrays += [counts.reshape(-1), thresholds.reshape(-1)]
                if wanted:
                    found[layer, site] = Spikes(counts, thresholds)
        self._trace(state, ids, arrays)
        return found

    def _trace(
        self, state: State, ids: NDArray[np.int32], spikes: list[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        tokens = self._check_ids(state, ids)
        if not 1 <= tokens.size <= _LARGEST_CHUNK_TOK:
            raise ValueError(
                f"between 1 and {_LARGEST_CHUNK_TOK} tokens can be traced at once, not {tokens.size}"
            )
        hidden = np.empty((self._config.layers + 2, tokens.size, self._config.hidden_size), np.float32)
        nothing = np.empty((0, self._config.vocab_size), np.float32)
        self._run(state, tokens, False, nothing, None, hidden, spikes)
        return hidden

    def gla_state(self, state: State, layer: int) -> NDArray[np.float32]:
        """A copy of one gated layer's state [kv_heads, head_dim (key), head_dim (value)]. For tests."""
        both = self._config.branches is not None
        if (layer in self._config.attn_layers and not both) or not 0 <= layer < self._config.layers:
            raise ValueError(f"layer {layer} is not a gated linear layer")
        dim = self._config.head_dim
        out = np.empty((self._config.kv_heads, dim, dim), np.float32)
        state._native.gla_state(layer, out)
        return out

    def window_entries(self, state: State, layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Copies of one window layer's keys (after rotation) and values, oldest first [kv_heads, n,
        head_dim]; n is at most sliding_window + 1. For tests."""
        count = min(state.position, self._config.sliding_window + 1)
        if layer not in self._config.attn_layers:
            if self._config.branches is None:
                raise ValueError(f"layer {layer} is not a window layer")
            count = state.position
        keys = np.empty((self._config.kv_heads, count, self._config.head_dim), np.float32)
        values = np.empty_like(keys)
        state._native.window_entries(layer, keys, values)
        return keys, values

    def _check_ids(self, state: State, ids: NDArray[np.generic]) -> NDArray[np.int32]:
        array = np.asarray(ids)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(
                f"token ids must be whole numbers in one dimension, not {array.dtype} {array.shape}"
            )
        vocab = self._config.vocab_size
        if array.size and (int(array.min()) < 0 or int(array.max()) >= vocab):
            raise ValueError(
                f"token ids must be from 0 to {vocab - 1}; got {int(array.min())} to {int(array.max())}"
            )
        if not state.layout.startswith(self._layout + ";"):
            raise ValueError("this state belongs to a model of another shape")
        if state.position + array.size > self._largest_position:
            raise ValueError("the reading is too long")
        return np.ascontiguousarray(array, np.int32)

    def _run(
        self,
        state: State,
        ids: NDArray[np.int32],
        decode: bool,
        logits: NDArray[np.float32],
        cancel: CancelFlag | None,
        hidden: NDArray[np.float32] | None = None,
        spikes: list[NDArray[np.float32]] | None = None,
    ) -> None:
        status = self._native.run(
            state._native,
            ids,
            decode,
            logits.shape[0],
            logits,
            hidden,
            cancel,
            spikes or [],
            _tally_of(state),
        )
        _raise_for(status)


def _tally_of(state: State) -> _native.SpikeTally | None:
    return None if state.tally is None else cast("_native.SpikeTally", state.tally.native)


def _raise_for(status: int) -> None:
    if status == _native.OK:
        return
    if status == _native.CANCELLED:
        raise Cancelled("stopped on request")
    if status == _native.OUT_OF_MEMORY:
        raise KernelError("not enough memory for this chunk")
    if status == _native.BUSY:
        raise KernelError("another thread is using this state")
    if status == _native.STALE:
        raise KernelError("the state has gone on without this draft")
    raise KernelError(f"the native engine failed with status {status}")


def _choose_isa(wanted: str | None) -> str:
    found = _native.cpu_features()
    tables = _native.tables_for(found)
    name = wanted or os.environ.get("HUISCLOS_ISA") or _native.best_table_for(found)
    if name not in tables:
        raise ValueError(f"this machine has no kernel table {name!r}; it has {', '.join(tables)}")
    return name


def _layout_of(config: NativeConfig) -> str:
    conv = config.conv_size if config.use_short_conv else 0
    spikes = f"spikes={config.spike_k!r},{config.spike_down:d};" if config.spike_k else ""
    if config.branches is not None:
        spikes += f"{config.branches!r};"
    return (
        f"gla_swa-1;{spikes}layers={config.layers};attn={','.join(map(str, sorted(config.attn_layers)))};"
        f"heads={config.heads};kv={config.kv_heads};dim={config.head_dim};w={config.sliding_window};conv={conv}"
    )


def _read_exactly(
    read: Callable[[int], bytes | bytearray | memoryview], count: int
) -> bytes | bytearray | memoryview:
    piece = read(count)
    if len(piece) != count:
        raise KernelError(f"the dumped state ends early: wanted {count} bytes, got {len(piece)}")
    return piece


def _build(
    config: NativeConfig,
    weights: Mapping[str, Weight],
    isa: str,
    threads: int,
    fetch_expert: FetchExpert | None,
) -> _native.Model:
    parts: list[NativeConfig | Branches] = [config, *([config.branches] if config.branches else [])]
    values = {f.name: (f.type, getattr(part, f.name)) for part in parts for f in dataclasses.fields(part)}
    sizes = {name: int(value) for name, (kind, value) in values.items() if kind in ("int", "bool")}
    reals = {name: float(value) for name, (kind, value) in values.items() if kind == "float"}
    sizes["branches"] = int(config.branches is not None)
    routed = config.branches.routed_layers if config.branches is not None else ()
    native = _native.Model(
        sizes,
        reals,
        sorted(config.attn_layers),
        sorted(routed),
        isa,
        threads,
        None if fetch_expert is None else _checked_experts(config, fetch_expert),
    )
    for name, shape in expected_tensors(config).items():
        if fetch_expert is not None and ".experts." in name:
            continue
        weight = weights.get(name)
        if weight is None:
            raise WeightError(f"the model lacks the tensor {name}")
        check_shape(name, weight, shape)
        slot, layer = _slot_of(name)
        if weight.format == "s8" and len(shape) == 2:
            _set_spike_matrix(native, name, weight)
        elif len(shape) == 2:
            data, scales = matrix_arrays(name, weight)
            try:
                native.set_matrix(slot, layer, weight.format, data, scales)
            except ValueError as error:
                raise WeightError(f"{name}: {error}") from None
        else:
            vector = widen(name, weight)
            if len(shape) == 3:  # depthwise filters: the kernel wants [width, channels]
                vector = np.ascontiguousarray(vector.reshape(shape[0], shape[2]).T)
            if not np.isfinite(vector).all():
                raise WeightError(f"{name} holds what is no finite number")
            native.set_vector(slot, layer, vector.reshape(-1))
    missing = native.seal()
    if missing:
        raise WeightError(f"the native model is incomplete: {missing}")
    return native


_ExpertArrays = list[tuple[str, NDArray[np.uint8], NDArray[np.uint16] | None]]


def _checked_experts(config: NativeConfig, fetch: FetchExpert) -> Callable[[int, int], _ExpertArrays]:
    shapes = expected_tensors(config)

    def checked(layer: int, expert: int) -> _ExpertArrays:
        arrays: _ExpertArrays = []
        for name, weight in zip(expert_tensors(layer, expert), fetch(layer, expert), strict=True):
            check_shape(name, weight, shapes[name])
            arrays.append((weight.format, *matrix_arrays(name, weight)))
        return arrays

    return checked


def _set_spike_matrix(native: _native.Model, name: str, weight: Weight) -> None:
    slot, layer = _slot_of(name)
    rows, columns = weight.shape
    scales, starts, far = weight.scales, weight.far_starts, weight.far
    if scales is None or starts is None or far is None:
        raise WeightError(f"{name} (s8) needs scales and the codes beyond int8")
    groups = -(-columns // GROUP)
    if [str(a.dtype) for a in (scales, starts, far)] != ["float32", "int32", "uint32"]:
        raise WeightError(f"{name} (s8) has scales or far codes of another type")
    wide = bytes_of(f"{name}.scales", scales, rows * groups * 4, 4).view(np.float32)
    places = bytes_of(f"{name} starts", starts, (rows + 1) * 4, 4).view(np.int32)
    rest = bytes_of(f"{name} far codes", far, far.nbytes, 4).view(np.uint32)
    try:
        native.set_spike_matrix(slot, layer, data_bytes(name, weight), wide, places, rest)
    except ValueError as error:
        raise WeightError(f"{name}: {error}") from None


def _slot_of(name: str) -> tuple[str, int]:
    parts = name.split(".")
    if parts[1] == "layers":
        return ".".join(parts[3:]), int(parts[2])
    return name, -1


if _native.abi != ABI or _native.TALLY_PLACES != PLACES or _native.LARGEST_DRAFT_TOK != LARGEST_DRAFT_TOK:
    raise ImportError(f"the native module has ABI {_native.abi}, this program needs {ABI}: build it again")
