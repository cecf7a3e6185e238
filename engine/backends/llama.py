"""Chat models in GGUF that llama.cpp computes, through llama-cpp-python (extra `gguf`).

Only the package's raw bindings are loaded: its own start-up module brings caches and a chat layer that
nothing here uses. One context holds the keys and values of all readings; a reading is a sequence in it, so
a copy of one costs nothing until it goes its own way. Used from one thread, the flags from any.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.metadata
import importlib.util
import os
import re
import struct
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
import psutil
from numpy.typing import NDArray

from engine.backends.cores import count_cores
from engine.models import foreign
from engine.models.errors import ModelError
from engine.models.sources import is_gguf
from engine.models.template import ChatTemplate
from engine.models.tokenizer import Segment, encode_segments
from engine.protocol import ChatMessage, Load, MemoryShape, ModelInfo, codes
from engine.runtime.seam import ContextFull, Flag, Kernel, LoadedBackend, ReadingState, RunnableModel

PACKAGE: Final = foreign.ENGINE_PACKAGE
DISTRIBUTION: Final = "llama-cpp-python"
_BATCH_TOK: Final = 64
"""Tokens of one call; the library looks at the flag between two operations, a few milliseconds each."""
_UNSTOPPABLE_BATCH_TOK: Final = 8
"""Where a stopped call could not be undone (recurrent models), calls are short and looked at in between."""
_SEQUENCES: Final = 64
_RECURRENT_SEQUENCES: Final = 8
"""Each has memory of its own from the start."""
_CONTEXT_MAX_TOK: Final = 1 << 20
_CONTEXT_LEAST_TOK: Final = 512
_MEMORY_SHARE: Final = 0.25
"""Of the memory that is free when the model has been opened: it is taken at once, and for good."""
_SHAPES: Final = struct.Struct("<QQQ")
_STATE_MAX_BYTES: Final = 1 << 40
_ABORTED: Final = 2
_NO_ROOM: Final = 1
_ERROR_LEVEL: Final = 4
_PLAIN_TEMPLATE: Final = "{% for message in messages %}{{ message.content }}\n{% endfor %}"


class LlamaError(ModelError):
    """The library refused or failed."""

    def __init__(self, message: str) -> None:
        super().__init__(codes.BACKEND_FAILED, message)


class LlamaStopped(Exception):
    """A call ended because its flag was raised; the state stands where it did before the last batch."""


class LlamaFlag:
    """Raised from any thread; the library asks for it between two operations."""

    __slots__ = ("_raised",)

    def __init__(self) -> None:
        self._raised = False

    def set(self) -> None:
        self._raised = True

    def is_set(self) -> bool:
        return self._raised


class LlamaBackend:
    name = "llama.cpp"

    def takes(self, path: Path) -> bool:
        return is_gguf(path)

    def load(self, request: Load) -> LoadedBackend:
        """Raises ModelError, with what to type where the library is not installed."""
        began_s = time.monotonic()
        path = Path(request.path)
        if not foreign.is_engine_installed():
            raise foreign.engine_missing(path.name)
        library = _open_library()
        threads = request.threads or count_cores(quiet=request.quiet)
        kernel = LlamaKernel(library, path, threads)
        vocabulary = _Vocabulary(library, kernel.model)
        metadata = kernel.metadata
        source = metadata("tokenizer.chat_template")
        template = ChatTemplate(
            source or _PLAIN_TEMPLATE,
            vocabulary.special,
            named_tokens={"bos_token": vocabulary.bos_text, "eos_token": vocabulary.eos_text},
        )

        def encode_prompt(messages: Sequence[ChatMessage]) -> Sequence[int]:
            turns = [{"role": message.role, "content": message.content} for message in messages]
            ids = vocabulary.encode_segments(template.render(turns))
            # The kernel itself begins a text.
            return ids[1:] if vocabulary.begins and ids[:1] == [vocabulary.bos] else ids

        kernel.first_token = vocabulary.bos if vocabulary.begins else None
        name = metadata("general.name").strip() or path.stem
        identity = foreign.identity_of(path)
        info = ModelInfo(
            name=name,
            label_en=name,
            label_fr=name,
            format=kernel.description,
            parameters=kernel.parameters,
            size_bytes=path.stat().st_size,
            identity=identity,
            vocab_size=vocabulary.size,
            layers=kernel.layers,
            hidden_size=kernel.hidden_size,
            window_tok=0,
            context_tok=kernel.context_tok,
            evidence_tok=1536,
            reads_on=False,
            confidence_floor=0.0,
            reader=False,
            licence=metadata("general.license"),
            source="",
            threads=threads,
            isa=self.name,
            window_precision=request.window_precision,
            window_mode=request.window_mode,
            state_bytes=kernel.fixed_bytes,
            load_s=time.monotonic() - began_s,
            architecture=metadata("general.architecture"),
            growth=kernel.growth,
            kv_bytes_per_token=kernel.token_bytes,
            max_context_tok=kernel.context_tok,
        )
        return RunnableModel(
            kernel=cast("Kernel[ReadingState]", kernel),
            encode_text=vocabulary.encode,
            encode_prompt=encode_prompt,
            token_bytes=vocabulary.token_bytes,
            stop_ids=vocabulary.stop_ids,
            vocabulary=vocabulary.size,
            identity=identity,
            info=info,
            window_precision=request.window_precision,
            window_mode=request.window_mode,
            new_flag=cast("Callable[[], Flag]", LlamaFlag),
            stopped=LlamaStopped,
            memory=MemoryShape(
                fixed_bytes=kernel.fixed_bytes,
                window_tok=0,
                window_token_bytes=0,
                growing_token_bytes=kernel.token_bytes,
                transformer_token_bytes=kernel.token_bytes,
            ),
        )

    def explain(self, error: Exception) -> ModelError | None:
        return error if isinstance(error, ModelError) else None


class LlamaState:
    """One sequence of the context. `position` does not count the token that begins every text."""

    __slots__ = ("_kernel", "cells", "position", "sequence")

    def __init__(self, kernel: LlamaKernel, sequence: int, position: int = 0, cells: int = 0) -> None:
        self._kernel = kernel
        self.sequence = sequence
        self.position = position
        self.cells = cells

    def __del__(self) -> None:
        # Maybe on another thread than the one that computes, which therefore does it.
        self._kernel.dropped.append(self.sequence)

    @property
    def nbytes(self) -> int:
        """What this reading takes of the context's memory; copies share it until they part."""
        return self._kernel.fixed_bytes + self.cells * self._kernel.token_bytes

    @property
    def payload_bytes(self) -> int:
        return _SHAPES.size + self._kernel.saved_bytes(self)

    @property
    def layout(self) -> str:
        return self._kernel.layout

    def fork(self) -> LlamaState:
        """Raises ContextFull when there are too many readings."""
        return self._kernel.copy(self)

    def dump(self, write: Callable[[memoryview], object]) -> None:
        data = self._kernel.save(self)
        write(memoryview(_SHAPES.pack(self.position, self.cells, len(data))))
        write(data)

    def load(self, read: Callable[[int], bytes | bytearray | memoryview]) -> None:
        """Replaces this state; on an error it is as it was. Raises LlamaError."""
        head = bytes(read(_SHAPES.size))
        if len(head) != _SHAPES.size:
            raise LlamaError("A saved reading ends early.")
        position, cells, size = _SHAPES.unpack(head)
        if not position <= cells <= position + 1 or size > _STATE_MAX_BYTES or cells > _CONTEXT_MAX_TOK:
            raise LlamaError("A saved reading is not one of this model.")
        data = bytes(read(size))
        if len(data) != size:
            raise LlamaError("A saved reading ends early.")
        fresh = self._kernel.restore(data)
        self.sequence, fresh.sequence = fresh.sequence, self.sequence
        self.position, self.cells = position, cells


class LlamaKernel:
    """A model and its one context. What it computes follows `engine.runtime.seam.Kernel`."""

    def __init__(self, library: _Library, path: Path, threads: int) -> None:
        self._library = api = library.api
        self._complaints = library.complaints
        self._complaints.is_opening, self._complaints.first = True, ""
        self.dropped: deque[int] = deque()
        self.first_token: int | None = None
        self._flag: Flag | None = None
        options = api.llama_model_default_params()
        options.n_gpu_layers = 0
        self.model = api.llama_model_load_from_file(os.fsencode(path), options)
        if not self.model:
            raise LlamaError(f"llama.cpp cannot read {path.name}{self._why()}.")
        if api.llama_model_has_encoder(self.model) or not api.llama_model_has_decoder(self.model):
            raise LlamaError(f"{path.name} is no chat model.")
        self._is_recurrent = bool(
            api.llama_model_is_recurrent(self.model) or api.llama_model_is_hybrid(self.model)
        )
        self._sequences = _RECURRENT_SEQUENCES if self._is_recurrent else _SEQUENCES
        self._batch_tok = _UNSTOPPABLE_BATCH_TOK if self._is_recurrent else _BATCH_TOK
        self._callback = api.ggml_abort_callback(self._must_stop)
        self._free = list(range(self._sequences))
        self._threads = threads
        self._vocab_size = int(api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model)))
        self._batch = api.llama_batch_init(self._batch_tok, 0, 1)
        self.layers = int(api.llama_model_n_layer(self.model))
        self.hidden_size = int(api.llama_model_n_embd(self.model))
        self.parameters = int(api.llama_model_n_params(self.model))
        self.layout = f"llama.cpp;{library.version};f16"
        self.fixed_bytes, self.token_bytes = self._measure()
        self.context_tok = self._affordable_tok()
        self._context = self._open(self.context_tok)
        self.context_tok = int(api.llama_n_ctx(self._context))
        self._complaints.is_opening = False

    @property
    def growth(self) -> Literal["recurrent", "mixed", "transformer"]:
        if not self._is_recurrent:
            return "transformer"
        return "mixed" if self.token_bytes else "recurrent"

    @property
    def description(self) -> str:
        """The library's own words: architecture, size and format. What it says of its guesses is left out."""
        room = ctypes.create_string_buffer(256)
        self._library.llama_model_desc(self.model, room, len(room))
        words = _plain(room.value).replace("(guessed)", "").split()
        return " ".join(word for word in words if word not in ("?B", "all"))[:64]

    def metadata(self, key: str) -> str:
        """A text of the file, empty when it is not there."""
        room = ctypes.create_string_buffer(1 << 20)
        size = self._library.llama_model_meta_val_str(self.model, key.encode(), room, len(room))
        return room.value.decode("utf-8", "replace") if 0 < size < len(room) else ""

    def new_state(self, **_precision_and_mode: str) -> LlamaState:
        """An empty reading; precision and window are the library's own. Raises ContextFull."""
        return LlamaState(self, self._take_sequence())

    def copy(self, state: LlamaState) -> LlamaState:
        twin = LlamaState(self, self._take_sequence(), state.position, state.cells)
        self._library.llama_memory_seq_cp(self._memory, state.sequence, twin.sequence, -1, -1)
        return twin

    def prefill(
        self,
        state: LlamaState,
        ids: NDArray[np.int32],
        *,
        logits: Literal["none", "last", "all"] = "last",
        cancel: Flag | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        """As engine.kernels.Model.prefill. Raises LlamaStopped, ContextFull or LlamaError, the state then
        standing behind the last whole batch."""
        total = len(ids)
        rows = {"none": 0, "last": min(1, total), "all": total}[logits]
        out = np.empty((rows, self._vocab_size), np.float32)
        done = 0
        while done < total:
            count = min(total - done, self._batch_tok - (1 if self._begins(state) else 0))
            wanted = count if logits == "all" else int(logits == "last" and done + count == total)
            found = self._decode(state, ids[done : done + count], wanted, cancel)
            if wanted:
                out[-1 if logits == "last" else slice(done, done + count)] = found
            done += count
            if progress is not None:
                progress(done)
        return out if logits == "all" else out.reshape(-1)

    def step(self, state: LlamaState, token_id: int, *, cancel: Flag | None = None) -> NDArray[np.float32]:
        """As engine.kernels.Model.step."""
        return self._decode(state, np.array([token_id], np.int32), 1, cancel).reshape(-1)

    def save(self, state: LlamaState) -> memoryview:
        """The reading's part of the context, in one piece. Raises LlamaError."""
        room = np.empty(self.saved_bytes(state), np.uint8)
        place = room.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        save = self._library.llama_state_seq_get_data
        if save(self._context, place, room.nbytes, state.sequence) != room.nbytes:
            raise LlamaError("llama.cpp could not save the reading.")
        return room.data

    def saved_bytes(self, state: LlamaState) -> int:
        return int(self._library.llama_state_seq_get_size(self._context, state.sequence))

    def restore(self, data: bytes) -> LlamaState:
        """A fresh state from what `save` gave. Raises LlamaError, ContextFull."""
        state = LlamaState(self, self._take_sequence())
        place = ctypes.cast(ctypes.c_char_p(data), ctypes.POINTER(ctypes.c_uint8))
        restore = self._library.llama_state_seq_set_data
        if restore(self._context, place, len(data), state.sequence) != len(data):
            raise LlamaError("llama.cpp does not accept the saved reading.")
        return state

    def _must_stop(self, _: object) -> bool:
        flag: Flag | None = self._flag
        stops = flag is not None and flag.is_set()
        self._complaints.is_stopping = stops  # to which the library will say that it was stopped
        return stops

    @property
    def _memory(self) -> object:
        return self._library.llama_get_memory(self._context)

    def _take_sequence(self) -> int:
        self._sweep()
        if not self._free:
            raise ContextFull("too many readings at once")
        return self._free.pop()

    def _sweep(self) -> None:
        while self.dropped:
            sequence = self.dropped.popleft()
            self._library.llama_memory_seq_rm(self._memory, sequence, -1, -1)
            self._free.append(sequence)

    def _begins(self, state: LlamaState) -> bool:
        return self.first_token is not None and state.cells == 0

    def _decode(
        self, state: LlamaState, ids: NDArray[np.int32], rows: int, cancel: Flag | None
    ) -> NDArray[np.float32]:
        """One batch; logits [rows, vocab] of its last positions."""
        self._sweep()
        if cancel is not None and cancel.is_set():
            raise LlamaStopped
        tokens = [self.first_token, *ids.tolist()] if self._begins(state) else ids.tolist()
        if state.cells + len(tokens) > self.context_tok:
            raise ContextFull(f"{self.context_tok} tokens")
        self._flag = None if self._is_recurrent else cancel
        try:
            code = self._submit(state.sequence, state.cells, tokens, rows)
        finally:
            self._flag = None
        if code != 0:
            undone = self._library.llama_memory_seq_rm(self._memory, state.sequence, state.cells or -1, -1)
            if code == _ABORTED and undone:
                raise LlamaStopped
            if code == _NO_ROOM:
                raise ContextFull(f"{self.context_tok} tokens")
            raise LlamaError(f"llama.cpp failed with code {code}.")
        state.cells += len(tokens)
        state.position += len(ids)
        found = np.empty((rows, self._vocab_size), np.float32)
        for row in range(rows):
            place = self._library.llama_get_logits_ith(self._context, row - rows)
            found[row] = np.ctypeslib.as_array(place, (self._vocab_size,))
        return found

    def _submit(self, sequence: int, first: int, tokens: Sequence[int | None], rows: int) -> int:
        batch = self._batch
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i] = token
            batch.pos[i] = first + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = i >= len(tokens) - rows
        return int(self._library.llama_decode(self._context, batch))

    def _open(self, context_tok: int) -> object:
        api = self._library
        options = api.llama_context_default_params()
        options.n_ctx = context_tok
        options.n_seq_max = self._sequences
        options.n_outputs_max = options.n_outputs_max_per_seq = max(self._batch_tok, self._sequences)
        options.n_batch = options.n_ubatch = max(self._batch_tok, self._sequences)
        options.n_threads = options.n_threads_batch = self._threads
        options.kv_unified = True
        options.offload_kqv = False
        options.no_perf = True
        if not self._is_recurrent:
            options.abort_callback = self._callback
        context = api.llama_init_from_model(self.model, options)
        if not context:
            raise LlamaError(f"llama.cpp has no memory for the model{self._why()}.")
        return context

    def _measure(self) -> tuple[int, int]:
        """Bytes that a reading keeps at any length, and those of each token: what the library would save of
        a tiny context, once after two tokens and once after three."""
        api = self._library
        context = self._context = self._open(_CONTEXT_LEAST_TOK)
        sizes = []
        for position in range(3):
            if self._submit(0, position, [0], 0) != 0:
                raise LlamaError(f"llama.cpp cannot compute this model{self._why()}.")
            sizes.append(int(api.llama_state_seq_get_size(context, 0)))
        api.llama_free(context)
        token_bytes = sizes[2] - sizes[1]
        return max(0, sizes[2] - 3 * token_bytes) if self._is_recurrent else 0, token_bytes

    def _affordable_tok(self) -> int:
        trained = int(self._library.llama_model_n_ctx_train(self.model))
        free_bytes = _MEMORY_SHARE * psutil.virtual_memory().available
        afforded = int(free_bytes / self.token_bytes) if self.token_bytes else _CONTEXT_MAX_TOK
        most = min(trained or _CONTEXT_LEAST_TOK, afforded, _CONTEXT_MAX_TOK)
        return max(_CONTEXT_LEAST_TOK, most // 256 * 256)

    def _why(self) -> str:
        """What the library complained of first while the model was opened."""
        return f": {self._complaints.first}" if self._complaints.first else ""


class _Vocabulary:
    """The file's own tokenizer, as the library runs it. Nobody's text becomes a special token.

    Control tokens are recognised on request only. Tokens that the file's maker added ("user defined") the
    library finds in any text; outside white space they are cut apart before it sees them.
    """

    def __init__(self, library: _Library, model: object) -> None:
        self._api = api = library.api
        self._vocab = api.llama_model_get_vocab(model)
        self.size = int(api.llama_vocab_n_tokens(self._vocab))
        self.bos = int(api.llama_vocab_bos(self._vocab))
        self.begins = bool(api.llama_vocab_get_add_bos(self._vocab)) and self.bos >= 0
        marked = api.LLAMA_TOKEN_ATTR_CONTROL | api.LLAMA_TOKEN_ATTR_USER_DEFINED
        self.special: dict[str, int] = {}
        defined: list[str] = []
        stops = set()
        for token_id in range(self.size):
            if api.llama_vocab_is_eog(self._vocab, token_id):
                stops.add(token_id)
            attributes = int(api.llama_vocab_get_attr(self._vocab, token_id))
            text = self._text(token_id) if attributes & marked else ""
            if not text.strip():
                continue
            self.special[text] = token_id
            if attributes & api.LLAMA_TOKEN_ATTR_USER_DEFINED and len(text) > 1:
                defined.append(text)
        self.stop_ids = frozenset(stops)
        self.bos_text = self._text(self.bos)
        self.eos_text = self._text(int(api.llama_vocab_eos(self._vocab)))
        self._pattern = _any_of(self.special)
        self._defined = _any_of(defined)
        self._special_ids = frozenset(self.special.values())

    def encode(self, text: str) -> list[int]:
        """Ids of anybody's text. Raises LlamaError when the library makes a special token of it after all."""
        ids = [token_id for piece in self._cut(text) for token_id in self._tokenize(piece)]
        if not self._special_ids.isdisjoint(ids):
            raise LlamaError("The tokenizer makes special tokens of ordinary text.")
        return ids

    def encode_segments(self, segments: Sequence[Segment]) -> list[int]:
        return encode_segments(segments, self.encode, self.special, self._pattern)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes a token stands for; nothing for a control token."""
        room = ctypes.create_string_buffer(256)
        size = self._api.llama_token_to_piece(self._vocab, token_id, room, len(room), 0, False)
        return room.raw[:size] if 0 < size <= len(room) else b""

    def _cut(self, text: str) -> Iterator[str]:
        """The text in pieces, none of which holds a token of the file's maker as a whole."""
        place = 0
        for match in self._defined.finditer(text) if self._defined else ():
            yield text[place : match.start() + 1]
            place = match.start() + 1
        yield text[place:]

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        if not data:
            return []
        room = (self._api.llama_token * (len(data) + 8))()
        count = self._api.llama_tokenize(self._vocab, data, len(data), room, len(room), False, False)
        if count < 0:
            raise LlamaError("The tokenizer cannot encode a text.")
        return list(room[:count])

    def _text(self, token_id: int) -> str:
        if token_id < 0:
            return ""
        raw = self._api.llama_vocab_get_text(self._vocab, token_id)
        return bytes(raw or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Library:
    """The bindings: `api` has the library's functions under their own names."""

    api: Any
    version: str
    complaints: Complaints


_opened: list[_Library] = []


def _open_library() -> _Library:
    if not _opened:
        _opened.append(_load_library())
    return _opened[0]


def _load_library() -> _Library:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise LlamaError("llama.cpp is not installed as it should be.")
    # A failed assertion of the library would otherwise start a debugger to print where it was.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    bare = types.ModuleType(PACKAGE)
    bare.__path__, bare.__spec__ = list(found.submodule_search_locations), found
    sys.modules[PACKAGE] = bare
    try:
        api: Any = importlib.import_module(f"{PACKAGE}.{PACKAGE}")
    except (OSError, RuntimeError, ImportError, AttributeError) as error:
        raise LlamaError(f"llama.cpp cannot be loaded: {_plain(str(error).encode())[:200]}.") from None
    complaints = Complaints(api)
    api.llama_log_set(complaints.listener, None)
    api.llama_backend_init()
    return _Library(api, importlib.metadata.version(DISTRIBUTION), complaints)


class Complaints:
    """Listens to the library's log. While a model is opened no text has been seen, and its first error tells
    why; later on a word per error goes to our own log and nothing of what it says."""

    def __init__(self, api: Any) -> None:
        self.is_opening = True
        self.is_stopping = False
        self.first = ""
        self.listener = api.llama_log_callback(self._hear)

    def _hear(self, level: int, text: bytes, _: object) -> None:
        if level != _ERROR_LEVEL:
            return
        if self.is_opening:
            self.first = self.first or _plain(text).rpartition("error loading model: ")[2][:200]
        elif not self.is_stopping:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("llama.cpp: error\n")


def _plain(text: bytes) -> str:
    return "".join(c for c in text.decode("utf-8", "replace") if c.isprintable()).strip()


def _any_of(texts: Sequence[str] | dict[str, int]) -> re.Pattern[str] | None:
    # Longest first: among tokens that start at one place the longest wins.
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True)))) if texts else None
