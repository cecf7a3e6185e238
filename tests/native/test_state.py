"""The reading state as a value: chunking, phases, forks, dumps, cancelling, refusals."""

from __future__ import annotations

import dataclasses
import io
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import kernels
from engine.kernels import CancelFlag, Cancelled, KernelError, Model, NativeConfig, State, Weight

PRECISIONS = ["f32", "f16", "int8"]
MODES = ["hf", "vllm", "report"]


def ids_of(model: Model, count: int, seed: int = 3) -> NDArray[np.int32]:
    return np.random.default_rng(seed).integers(0, model.config.vocab_size, count).astype(np.int32)


def dumped(state: State) -> bytes:
    out = io.BytesIO()
    state.dump(out.write)
    return out.getvalue()


def test_chunking_never_shows(odd_model: Model) -> None:
    ids = ids_of(odd_model, 83)
    for mode in ("vllm", "report"):
        state = odd_model.new_state(window_precision="f32", window_mode=mode)
        steps = np.stack([odd_model.step(state, int(token)) for token in ids])
        for chunk_tok in (1, 5, 16, 21, 64, 83):
            state = odd_model.new_state(window_precision="f32", window_mode=mode)
            logits = odd_model.prefill(state, ids, logits="all", chunk_tok=chunk_tok)
            assert float(np.abs(logits - steps).max()) < 1e-4, (mode, chunk_tok)


def test_chunking_barely_shows_in_the_smaller_windows(odd_model: Model) -> None:
    # Keys and values are stored before they are used, so a chunk sees exactly what single steps see.
    ids = ids_of(odd_model, 60)
    for precision in ("f16", "int8"):
        first = odd_model.new_state(window_precision=precision, window_mode="vllm")
        second = odd_model.new_state(window_precision=precision, window_mode="vllm")
        steps = np.stack([odd_model.step(first, int(token)) for token in ids])
        logits = odd_model.prefill(second, ids, logits="all", chunk_tok=17)
        # A last-bit difference may move an entry to the neighbouring code.
        assert float(np.abs(logits - steps).max()) < (2e-3 if precision == "f16" else 5e-2)


def test_in_hf_mode_each_position_follows_its_phase(tiny, isa: str) -> None:
    model = Model(tiny.config, tiny.weights, threads=1, isa=isa)
    ids = np.concatenate([tiny.answers["text.input_ids"], tiny.answers["text.gen_ids"]])[:60]

    def rows(mode: str, decode_from: int) -> NDArray[np.float32]:
        state = model.new_state(window_precision="f32", window_mode=mode)
        head = model.prefill(state, ids[:decode_from], logits="all", chunk_tok=23)
        return np.concatenate([head, *(model.step(state, int(token))[None] for token in ids[decode_from:])])

    w = tiny.config.sliding_window
    wide, narrow, mixed = rows("vllm", 60), rows("report", 60), rows("hf", 45)
    assert np.abs(wide[:w] - narrow[:w]).max() < 1e-4
    assert np.abs(wide[w:] - narrow[w:]).max() > 1e-2
    assert np.abs(mixed[:45] - wide[:45]).max() < 1e-4
    assert np.abs(mixed[45:] - wide[45:]).max() > 1e-3
    # A later prefill is a prefill again: its positions see W + 1 keys.
    state = model.new_state(window_precision="f32", window_mode="hf")
    model.prefill(state, ids[:20], logits="none")
    tail = model.prefill(state, ids[20:], logits="all")
    assert np.abs(tail - wide[20:]).max() < 1e-4


def test_threads_and_repetition_never_show(odd_config, odd_weights, isa: str) -> None:
    outputs = []
    for threads in (1, 1, 3):
        model = Model(odd_config, odd_weights, threads=threads, isa=isa)
        state = model.new_state()
        logits = model.prefill(state, ids_of(model, 50), logits="all", chunk_tok=32)
        outputs.append((logits.tobytes(), model.step(state, 5).tobytes(), dumped(state)))
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("read_tok", [0, 1, 9, 19, 20, 21, 57])
def test_forked_and_restored_states_continue_bit_equally(
    odd_model: Model, precision: str, read_tok: int
) -> None:
    ids = ids_of(odd_model, read_tok)
    state = odd_model.new_state(window_precision=precision)
    odd_model.prefill(state, ids, logits="none", chunk_tok=13)
    payload = dumped(state)
    assert len(payload) == state.payload_bytes
    fork = state.fork()
    restored = odd_model.new_state(window_precision=precision)
    odd_model.prefill(
        restored, ids_of(odd_model, 33, seed=8), logits="none"
    )  # whatever was there is replaced
    restored.load(io.BytesIO(payload).read)
    assert restored.position == fork.position == read_tok
    assert dumped(restored) == dumped(fork) == payload

    def continuation(s: State) -> tuple[bytes, bytes, bytes]:
        steps = b"".join(odd_model.step(s, token).tobytes() for token in (4, 9, 2))
        rest = odd_model.prefill(s, ids_of(odd_model, 40, seed=9), logits="all", chunk_tok=11)
        return steps, rest.tobytes(), dumped(s)

    expected = continuation(state)
    assert continuation(fork) == expected
    assert continuation(restored) == expected


@pytest.mark.parametrize("more_tok", [-1, 0, 1, 1000])
def test_a_window_of_several_large_pages_is_forked_and_restored_bit_equally(
    odd_config: NativeConfig, odd_weights: dict[str, Weight], more_tok: int
) -> None:
    """Around the position from which on windows are filled at once, and in memory of another kind."""
    bytes_per_entry = odd_config.kv_heads * odd_config.head_dim * 4
    window_tok = (5 << 20) // bytes_per_entry
    config = dataclasses.replace(odd_config, sliding_window=window_tok)
    model = Model(config, odd_weights, threads=1)
    position = window_tok + 1 + more_tok
    random = np.random.default_rng(4)
    entries = min(position, window_tok + 1) * len(config.attn_layers) * 2 * bytes_per_entry
    before = dumped(model.new_state(window_precision="f32"))
    numbers = random.standard_normal((len(before) - 8 + entries) // 4, np.float32)
    payload = position.to_bytes(8, "little") + numbers.tobytes()
    state = model.new_state(window_precision="f32")
    state.load(io.BytesIO(payload).read)
    fork = state.fork()
    assert dumped(state) == dumped(fork) == payload
    assert model.step(state, 3).tobytes() == model.step(fork, 3).tobytes()
    assert dumped(state) == dumped(fork) != payload


def test_a_fork_is_independent(odd_model: Model) -> None:
    state = odd_model.new_state()
    odd_model.prefill(state, ids_of(odd_model, 30), logits="none")
    before = dumped(state)
    fork = state.fork()
    odd_model.prefill(fork, ids_of(odd_model, 25, seed=1), logits="none")
    assert dumped(state) == before
    assert fork.position == 55


def test_a_state_stops_growing_with_its_window(odd_model: Model) -> None:
    state = odd_model.new_state()
    sizes = []
    for _ in range(6):
        odd_model.prefill(state, ids_of(odd_model, 10), logits="none")
        sizes.append(state.nbytes)
    assert sizes[0] < sizes[1] == sizes[2] == sizes[5]


def test_a_short_or_absurd_payload_leaves_the_state_as_it_was(odd_model: Model) -> None:
    state = odd_model.new_state()
    odd_model.prefill(state, ids_of(odd_model, 30), logits="none")
    payload = dumped(state)
    for damaged in (
        b"",
        payload[:7],
        payload[:-1],
        b"\xff" * 8 + payload[8:],
        b"\0" * 7 + b"\x10" + payload[8:],
    ):
        with pytest.raises(KernelError):
            state.load(io.BytesIO(damaged).read)
        assert dumped(state) == payload


def test_states_know_their_layout(odd_model: Model, tiny) -> None:
    layouts = {
        odd_model.new_state(window_precision=p, window_mode=m).layout for p in PRECISIONS for m in MODES
    }
    assert len(layouts) == 9
    other = Model(tiny.config, tiny.weights, threads=1)
    with pytest.raises(ValueError, match="another shape"):
        odd_model.step(other.new_state(), 1)


def test_a_raised_flag_stops_at_a_chunk_boundary_with_a_whole_state(odd_model: Model) -> None:
    ids = ids_of(odd_model, 80)
    flag = CancelFlag()
    seen: list[int] = []

    def progress(done_tok: int) -> None:
        seen.append(done_tok)
        if done_tok == 32:
            flag.set()

    state = odd_model.new_state()
    with pytest.raises(Cancelled):
        odd_model.prefill(state, ids, chunk_tok=16, cancel=flag, progress=progress)
    assert seen == [16, 32]
    assert state.position == 32
    uncancelled = odd_model.new_state()
    odd_model.prefill(uncancelled, ids[:32], chunk_tok=16, logits="none")
    assert dumped(state) == dumped(uncancelled)
    with pytest.raises(Cancelled):
        odd_model.step(state, 1, cancel=flag)
    assert dumped(state) == dumped(uncancelled)
    assert odd_model.step(state, 1).tobytes() == odd_model.step(uncancelled, 1).tobytes()


def read_on(model: Model, state: State, ids: NDArray[np.int32], flag: CancelFlag) -> None:
    for _ in range(10_000):
        model.prefill(state, ids, chunk_tok=1000, logits="none", cancel=flag)


def test_a_flag_raised_while_a_chunk_runs_discards_that_chunk(odd_model: Model) -> None:
    ids = ids_of(odd_model, 1000)
    for delay_s in (0.0, 0.001, 0.004):
        flag = CancelFlag()
        state = odd_model.new_state()
        raiser = threading.Timer(delay_s, flag.set)
        raiser.start()
        with pytest.raises(Cancelled):
            read_on(odd_model, state, ids, flag)
        raiser.join()
        assert state.position % 1000 == 0
        if state.position == 0:
            assert dumped(state) == dumped(odd_model.new_state())


def test_one_model_serves_several_threads(odd_model: Model) -> None:
    prompts = [ids_of(odd_model, 70, seed) for seed in range(4)]
    alone = [odd_model.prefill(odd_model.new_state(), p, logits="all").tobytes() for p in prompts]
    together: dict[int, bytes] = {}

    def read(index: int) -> None:
        logits = odd_model.prefill(odd_model.new_state(), prompts[index], logits="all")
        together[index] = logits.tobytes()

    workers = [threading.Thread(target=read, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [together[i] for i in range(4)] == alone


def test_logits_can_be_had_for_all_the_last_or_no_position(odd_model: Model) -> None:
    ids = ids_of(odd_model, 37)
    logits = {}
    for wanted in ("all", "last", "none"):
        state = odd_model.new_state()
        logits[wanted] = odd_model.prefill(state, ids, logits=wanted, chunk_tok=16)
        assert state.position == 37
    assert logits["all"].shape == (37, 101)
    assert logits["none"].shape == (0,)
    assert np.abs(logits["last"] - logits["all"][-1]).max() < 1e-5


def test_positions_far_out_are_rotated_exactly(odd_model: Model) -> None:
    # Angles come from float64, so a million tokens on nothing has drifted.
    config = odd_model.config
    state = odd_model.new_state(window_precision="f32")
    start = 1_000_003
    payload = bytearray(odd_model_payload(odd_model, start))
    state.load(io.BytesIO(payload).read)
    near = odd_model.new_state(window_precision="f32")
    odd_model.prefill(state, np.array([7], np.int32), logits="none")
    odd_model.prefill(near, np.array([7], np.int32), logits="none")
    far_key = odd_model.window_entries(state, 1)[0][:, -1]
    raw_key = odd_model.window_entries(near, 1)[0][:, -1]  # position 0: not rotated at all
    half = config.head_dim // 2
    inverse = np.float32(config.rope_theta ** (-2.0 * np.arange(half) / config.head_dim))
    angle = np.float64(start) * inverse.astype(np.float64)
    low, high = raw_key[:, :half].astype(np.float64), raw_key[:, half:].astype(np.float64)
    expected = np.concatenate(
        [low * np.cos(angle) - high * np.sin(angle), high * np.cos(angle) + low * np.sin(angle)], axis=1
    )
    assert np.abs(far_key - expected).max() < 1e-5


def odd_model_payload(model: Model, position: int) -> bytes:
    """An all-zero state standing at `position`."""
    probe = model.new_state(window_precision="f32")
    model.prefill(probe, ids_of(model, model.config.sliding_window + 1), logits="none")
    return position.to_bytes(8, "little") + bytes(probe.payload_bytes - 8)


def test_bad_calls_are_refused_in_words(odd_model: Model) -> None:
    state = odd_model.new_state()
    with pytest.raises(ValueError, match="from 0 to 100"):
        odd_model.step(state, 101)
    with pytest.raises(ValueError, match="from 0 to 100"):
        odd_model.prefill(state, np.array([-1]))
    with pytest.raises(ValueError, match="whole numbers"):
        odd_model.prefill(state, np.array([0.5]))
    with pytest.raises(ValueError, match="one dimension"):
        odd_model.prefill(state, np.array([[1]]))
    with pytest.raises(ValueError, match="at least one token"):
        odd_model.prefill(state, np.array([], np.int32))
    with pytest.raises(ValueError, match="chunk_tok"):
        odd_model.prefill(state, np.array([1]), chunk_tok=0)
    with pytest.raises(ValueError, match="logits"):
        odd_model.prefill(state, np.array([1]), logits="some")
    with pytest.raises(ValueError, match="window_precision"):
        odd_model.new_state(window_precision="f8")
    with pytest.raises(ValueError, match="window_mode"):
        odd_model.new_state(window_mode="other")
    assert state.position == 0
    assert odd_model.prefill(state, np.array([], np.int32), logits="none").shape == (0,)
    assert kernels.features().isa in kernels.features().tables
