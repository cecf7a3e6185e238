"""llama.cpp as the peer: the same work through its own C interface, in a process of its own."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.peer.figures import Taken
from tests.bench.peer.workers import timed

BATCH_TOK = 512
_POSITION = struct.Struct("<i")
_CELLS_AT = 16
_RANDOM_BYTES = 1 << 22


def is_installed() -> bool:
    return importlib.util.find_spec("llama_cpp") is not None


class Peer:
    """Lives in a worker. The weights are read into memory, not mapped, so that the system cannot take them
    away. Everything else is as the library comes."""

    def __init__(self, path: Path, threads: int, context_tok: int) -> None:
        os.environ["GGML_NO_BACKTRACE"] = "1"
        import llama_cpp

        self._api: Any = llama_cpp
        self._silence = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self._silence, None)
        llama_cpp.llama_backend_init()
        options = llama_cpp.llama_model_default_params()
        options.n_gpu_layers = 0
        options.use_mmap = False
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), options)
        if not self._model:
            raise ValueError(f"llama.cpp cannot read {path.name}")
        self._vocab = int(llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self._model)))
        self._layers = int(llama_cpp.llama_model_n_layer(self._model))
        self._batch = llama_cpp.llama_batch_init(BATCH_TOK, 0, 1)
        self._context: Any = None
        self._depth = 0
        self._threads = threads
        self.open(context_tok)

    def open(self, context_tok: int) -> None:
        """A context of that length instead of the one there was."""
        if self._context is not None:
            self._api.llama_free(self._context)
        options = self._api.llama_context_default_params()
        options.n_ctx = context_tok
        options.n_batch = options.n_ubatch = BATCH_TOK
        options.n_threads = options.n_threads_batch = self._threads
        options.no_perf = True
        self._context = self._api.llama_init_from_model(self._model, options)
        if not self._context:
            raise ValueError(f"llama.cpp has no memory for {context_tok} tokens")
        self._memory = self._api.llama_get_memory(self._context)
        self._depth = 0

    def use(self, threads: int) -> None:
        self._threads = threads
        self._api.llama_set_n_threads(self._context, threads, threads)

    def prefill(self, tokens: int, head: bool = True) -> Taken:
        """Reads `tokens` from the beginning, the last one's logits computed or not."""
        self._forget(0)
        taken = timed(lambda: self._read(0, tokens, head))
        self._forget(0)
        self._depth = 0
        return taken

    def read_on(self, tokens: int) -> Taken:
        """Reads `tokens` from where the cache stands."""
        taken = timed(lambda: self._read(self._depth, tokens, True))
        self._forget(self._depth)
        return taken

    def step(self, count: int, head: bool = True) -> Taken:
        """Decodes `count` tokens from where the cache stands."""

        def decode() -> None:
            for place in range(count):
                self._submit(self._depth + place, 1, head)

        taken = timed(decode)
        self._forget(self._depth)
        return taken

    def stand(self, depth: int) -> int:
        """Fills the cache with `depth` made-up entries; gives what the library would save of it, in bytes.

        The library's own state of two tokens is the pattern: its cells, and then row upon row of keys and
        values, which are random here.
        """
        self._forget(0)
        self._depth = depth
        if depth == 0:
            return 0
        self._read(0, 2, head=False)
        data = _enlarge(self._save(), 2, depth, self._layers)
        self._forget(0)
        place = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        if self._api.llama_state_seq_set_data(self._context, place, data.nbytes, 0) != data.nbytes:
            raise ValueError("llama.cpp does not accept the made-up cache")
        if self._api.llama_memory_seq_pos_max(self._memory, 0) != depth - 1:
            raise ValueError("llama.cpp's cache does not stand where it should")
        return data.nbytes

    def cache_bytes(self) -> int:
        """Of one token, as saved."""
        self._forget(0)
        sizes = []
        for place in range(3):
            self._submit(place, 1, head=False)
            sizes.append(int(self._api.llama_state_seq_get_size(self._context, 0)))
        self._forget(0)
        self._depth = 0
        return sizes[2] - sizes[1]

    def describe(self) -> dict[str, object]:
        room = ctypes.create_string_buffer(256)
        self._api.llama_model_desc(self._model, room, len(room))
        system = self._api.llama_print_system_info()
        return {
            "version": self._api.__version__,
            "model": room.value.decode("utf-8", "replace"),
            "system": bytes(system).decode("utf-8", "replace"),
        }

    def _save(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        room = np.empty(int(self._api.llama_state_seq_get_size(self._context, 0)), np.uint8)
        place = room.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        if self._api.llama_state_seq_get_data(self._context, place, room.nbytes, 0) != room.nbytes:
            raise ValueError("llama.cpp could not save its cache")
        return room

    def _forget(self, depth: int) -> None:
        self._api.llama_memory_seq_rm(self._memory, 0, depth, -1)

    def _read(self, first: int, tokens: int, head: bool) -> None:
        for done in range(0, tokens, BATCH_TOK):
            count = min(BATCH_TOK, tokens - done)
            self._submit(first + done, count, head and done + count == tokens)

    def _submit(self, first: int, count: int, head: bool) -> None:
        batch = self._batch
        batch.n_tokens = count
        for i in range(count):
            batch.token[i] = (first + i) * 7919 % self._vocab
            batch.pos[i] = first + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = head and i == count - 1
        code = self._api.llama_decode(self._context, batch)
        if code != 0:
            raise ValueError(f"llama.cpp failed with code {code} at position {first}")
        if head:
            self._api.llama_get_logits_ith(self._context, -1)


def _enlarge(
    small: np.ndarray[tuple[int], np.dtype[np.uint8]], tokens: int, wanted: int, layers: int
) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """A saved cache of `wanted` tokens in the pattern of one of `tokens`.

    The layout: mark, sequence, streams and cells (4 bytes each), a cell per token that begins with its
    position (4), 8 bytes, and for the keys of each layer and then the values of each 12 bytes and a row per
    token. Values may lie column by column; they take the same bytes.
    """
    raw = small.tobytes()
    if raw[8:_CELLS_AT] != struct.pack("<II", 1, tokens):
        raise ValueError("llama.cpp saves its cache in a layout that is not known here")
    # Two sizes are sought, of a cell and of a row; a row's stands in the 12 bytes before the first of them.
    for cell_bytes in (12, 16, 20, 24):
        rows = _CELLS_AT + tokens * cell_bytes + 8
        (row_bytes,) = struct.unpack_from("<Q", raw, rows + 4)
        if row_bytes and len(raw) == rows + 2 * layers * (12 + tokens * row_bytes):
            break
    else:
        raise ValueError("llama.cpp saves its cache in a layout that is not known here")
    cell = raw[_CELLS_AT : _CELLS_AT + cell_bytes]
    head = raw[:8] + struct.pack("<II", 1, wanted)
    head += b"".join(_POSITION.pack(position) + cell[4:] for position in range(wanted)) + raw[rows - 8 : rows]
    out = np.empty(len(head) + 2 * layers * (12 + wanted * row_bytes), np.uint8)
    out[: len(head)] = np.frombuffer(head, np.uint8)
    random = np.random.default_rng(0).standard_normal(_RANDOM_BYTES // 2, np.float32)
    values = random.astype(np.float16).view(np.uint8)
    place = len(head)
    for part in range(2 * layers):
        before = rows + part * (12 + tokens * row_bytes)
        out[place : place + 12] = small[before : before + 12]
        place += 12
        end = place + wanted * row_bytes
        while place < end:
            count = min(end - place, len(values))
            out[place : place + count] = values[:count]
            place += count
    return out
