"""Spike coding and products with spike counts, each table against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from engine.models.spike_codes import far_starts, split_codes
from tests.native.packing import packed_matrix, tiled

F64 = np.float64
FAR_PLACES = 32


def rng_of(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


def clear_of_ties(rng: np.random.Generator, rows: int, cols: int, k: float) -> np.ndarray:
    """Random rows none of whose values is within reach of float32 noise from a tie."""
    x = rng.standard_normal((rows, cols)).astype(np.float32)
    for _ in range(20):
        ratio = x.astype(F64) / (np.abs(x).astype(F64).mean(1, keepdims=True) / k)
        near = np.abs(ratio - np.floor(ratio) - 0.5) < 1e-4
        if not near.any():
            break
        x[near] *= np.float32(1.01)
    assert not near.any()
    return x


def thresholds_of(x: np.ndarray, k: float) -> np.ndarray:
    return np.clip(np.abs(x.astype(F64)).mean(1) / k, 1e-5, 1e4)


class Coded:
    """The spikes of some rows, with room that is guarded on both sides."""

    def __init__(self, table, types, x: np.ndarray, k: float) -> None:
        tokens, cols = x.shape
        groups, guarded = -(-cols // 128), types["Guarded"]
        self.room = {
            "codes": guarded((tokens, groups * 128), np.int8),
            "scales": guarded((tokens, groups)),
            "sums": guarded((tokens, groups), np.int32),
            "counts": guarded((tokens, cols)),
            "beyond": guarded((tokens,), np.int32),
            "far_places": guarded((tokens, FAR_PLACES), np.int32),
            "columns": guarded((cols, -(-tokens // 16) * 16), np.int8),
        }
        at = {name: room.array.ctypes.data for name, room in self.room.items()}
        codes = types["Codes"](at["codes"], at["scales"], at["sums"], tokens, groups)
        self.spikes = types["Spikes"](
            codes, at["counts"], at["beyond"], at["far_places"], at["columns"], -(-tokens // 16) * 16
        )
        rows = types["Rows"](x.ctypes.data, tokens, cols)
        table("spike_rows", rows, cols, k, self.spikes)
        for token in range(0, tokens, 16):
            table("spike_columns", self.spikes, cols, token)
        self.counts = self.room["counts"].check()
        self.columns = self.room["columns"].check()
        self.codes = self.room["codes"].check()
        self.thresholds = self.room["scales"].check()
        for room in self.room.values():
            room.check()
        self.tiles = tiled(table, types, codes)


@pytest.mark.parametrize("k", [2.0, 3.0])
@pytest.mark.parametrize("cols", [1, 7, 64, 128, 202, 640])
def test_inputs_become_counts(table, types, cols: int, k: float) -> None:
    x = clear_of_ties(rng_of(1, cols), 4, cols, k)
    coded = Coded(table, types, x, k)
    wanted = thresholds_of(x, k)
    assert np.allclose(coded.thresholds, wanted[:, None], rtol=1e-6, atol=0)
    counts = np.rint(x.astype(F64) / wanted[:, None])
    assert np.array_equal(coded.counts, counts)
    assert np.array_equal(coded.columns[:, :4], coded.codes[:, :cols].T)
    assert not coded.columns[:, 4:].any()
    assert np.array_equal(coded.codes[:, :cols], np.clip(counts, -127, 127))
    assert not coded.codes[:, cols:].any()
    groups = coded.thresholds.shape[1]
    sums = coded.codes.astype(np.int64).reshape(4, groups, 128).sum(2)
    assert np.array_equal(coded.room["sums"].array, sums)
    assert np.array_equal(coded.room["beyond"].array, (np.abs(counts) > 127).sum(1))
    for y in (types["Guarded"]((4, cols)), None):
        target = x.copy() if y is None else y.array
        source = target if y is None else x
        table("spike_values", source, 4, cols, k, target)
        assert np.array_equal(target, coded.counts * coded.thresholds[:, :1])


def test_ties_go_to_the_even_count(table, types) -> None:
    ratios = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5, 0.0], np.float32)
    rest = np.float32(3 * 16 - np.abs(ratios).sum()) / 8
    x = np.concatenate([ratios, np.full(8, rest)]).astype(np.float32)[
        None
    ]  # mean|x| is 3: the threshold is 1
    coded = Coded(table, types, x, 3.0)
    assert (coded.thresholds == 1).all()
    assert coded.counts[0, :8].tolist() == [0, 2, 2, 0, -2, -2, 4, 0]


def test_thresholds_stay_within_their_limits(table, types) -> None:
    x = np.zeros((4, 200), np.float32)
    x[1] = 1e-7
    x[2] = 6e4
    x[3, 5] = 1e30
    coded = Coded(table, types, x, 3.0)
    assert (coded.thresholds[:2] == np.float32(1e-5)).all()
    assert (coded.thresholds[2:] == np.float32(1e4)).all()
    assert not coded.counts[:2].any()
    assert (coded.counts[2] == 6).all()
    assert coded.counts[3, 5] == 2**30  # where room for a count ends
    assert np.isfinite(coded.counts).all()


def test_one_outlier_keeps_its_whole_count(table, types) -> None:
    x = np.full((1, 3584), 0.01, np.float32)
    x[0, 77] = -1000.0
    coded = Coded(table, types, x, 3.0)
    count = np.rint(-1000.0 / thresholds_of(x, 3.0)[0])
    assert count < -10_000
    assert coded.counts[0, 77] == count
    assert coded.codes[0, 77] == -127
    assert coded.room["beyond"].array[0] == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 6, 127, 128, 201])
def test_a_row_with_what_is_no_finite_number_has_no_spikes_and_no_threshold(
    table, types, bad: float, place: int
) -> None:
    x = rng_of(5).standard_normal((3, 202)).astype(np.float32)
    x[1, place] = bad
    guarded = types["Guarded"]
    codes, scales, sums = guarded((3, 256), np.int8), guarded((3, 2)), guarded((3, 2), np.int32)
    counts, beyond, columns = guarded((3, 202)), guarded((3,), np.int32), guarded((202, 16), np.int8)
    places = guarded((3, FAR_PLACES), np.int32)
    at = [room.array.ctypes.data for room in (codes, scales, sums, counts, beyond, places, columns)]
    spikes = types["Spikes"](types["Codes"](*at[:3], 3, 2), *at[3:], 16)
    table("spike_rows", types["Rows"](x.ctypes.data, 3, 202), 202, 3.0, spikes)
    assert np.isnan(scales.array).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert codes.check().any(1).tolist() == [True, False, True]
    assert counts.check().any(1).tolist() == [True, False, True]
    assert sums.check()[1].tolist() == [0, 0]
    assert beyond.check().tolist() == [0, 0, 0]
    matrix, _, _ = spike_matrix(table, types, rng_of(6), 37, 202, "far")
    y, values = guarded((3, 37)), guarded((3, 202))
    words, tile_scales, tile_sums = guarded((3 * 64,), np.int32), guarded((6,)), guarded((6,), np.int32)
    rooms = [room.array.ctypes.data for room in (words, tile_scales, tile_sums)]
    tiles = types["Tiles"](*rooms, 3, 2)
    table("tile_codes", spikes, 0, tiles)  # the codes are the first of its fields
    table("spike_columns", spikes, 202, 0)
    columns.check()
    table("matmul_spike", matrix, 0, 37, spikes, tiles, 0, y, 37, table.scratch_pointer())
    table("spike_values", x, 3, 202, 3.0, values)
    for out in (y, values):
        assert np.isnan(out.array).all(1).tolist() == [False, True, False]
        assert np.isfinite(out.array[[0, 2]]).all()


def spike_matrix(table, types, rng: np.random.Generator, rows: int, cols: int, kind: str):
    """The matrix for the kernels, and the whole codes and scales behind it."""
    groups = -(-cols // 128)
    scales = rng.uniform(0.001, 0.02, (rows, groups)).astype(np.float16 if kind == "q8" else np.float32)
    codes = rng.integers(-128, 128, (rows, cols))
    if kind in ("far", "offset"):
        far = rng.random(codes.shape) < 0.05
        codes = np.where(far, rng.integers(-4095, 4096, codes.shape), codes)
        codes[0, cols - 1], codes[rows - 1, 0] = 194, -182
    codes[rows // 2] = -128
    parts = split_codes(codes.astype(np.int32))
    far_parts = (far_starts(parts.far_counts), parts.far) if kind in ("far", "offset") else None
    offsets = None
    if kind in ("offset", "near offset"):
        offsets = rng.integers(-127, 128, (rows, groups)).astype(np.int8)
        offsets[0], offsets[-1] = 127, -127
        codes = codes + np.repeat(offsets, 128, axis=1)[:, :cols]
    matrix = packed_matrix(table, types, "q8", parts.codes, scales, cols, far_parts, offsets)
    return matrix, codes, np.repeat(scales.astype(F64), 128, axis=1)[:, :cols]


def check_products(table, types, rng: np.random.Generator, kind: str, coded: Coded, rows: int) -> None:
    """Products of counts and a random matrix of that kind against whole numbers: what is left to rounding
    is one product per group."""
    cols, tokens = coded.counts.shape[1], coded.counts.shape[0]
    matrix, codes, scales = spike_matrix(table, types, rng, rows, cols, kind)
    counts, thresholds = coded.counts.astype(F64), coded.thresholds[:, :1].astype(F64)
    expected = (counts @ (codes * scales).T) * thresholds
    size = (np.abs(counts) @ np.abs(codes * scales).T) * thresholds
    bias = rng.standard_normal(rows).astype(np.float32)
    for b, wanted in ((bias, expected + bias), (0, expected)):
        y = types["Guarded"]((tokens, rows))
        table("matmul_spike", matrix, 0, rows, coded.spikes, coded.tiles, b, y, rows, table.scratch_pointer())
        assert (np.abs(y.check() - wanted) <= 1e-6 * size + 1e-6).all()


@pytest.mark.parametrize("kind", ["q8", "near", "far", "near offset", "offset"])
@pytest.mark.parametrize("tokens", [1, 5, 19, 45, 103])
@pytest.mark.parametrize(("rows", "cols"), [(1, 2), (5, 34), (37, 202), (16, 2304), (35, 4250)])
def test_products_with_counts(table, types, kind: str, tokens: int, rows: int, cols: int) -> None:
    rng = rng_of(2, tokens, rows, cols)
    x = rng.standard_normal((tokens, cols)).astype(np.float32)
    x[tokens // 2, cols // 2] = 500.0  # beyond int8 where the row is long enough
    check_products(table, types, rng, kind, Coded(table, types, x, 3.0), rows)


@pytest.mark.parametrize("kind", ["q8", "near", "far", "offset"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("channels", [1, 20, 32, 33, 70])
def test_products_where_many_tokens_have_counts_beyond_int8(
    table, types, kind: str, channels: int, shared: bool
) -> None:
    rng = rng_of(7, channels)
    tokens, cols = 29, 8200
    x = rng.standard_normal((tokens, cols)).astype(np.float32)
    places = rng.choice(cols - 1, channels - 1, replace=False)
    for t in range(0, tokens, 2):  # the last input among them
        if not shared:
            places = rng.choice(cols - 1, channels - 1, replace=False)
        x[t, places] = rng.choice([-1, 1], channels - 1) * rng.uniform(300, 4000, channels - 1)
        x[t, cols - 1] = 1e4
    coded = Coded(table, types, x, 3.0)
    beyond = coded.room["beyond"].array
    assert (beyond[::2] > channels // 2).all()
    assert not beyond[1::2].any()
    for t in range(0, tokens, 2):
        far = np.flatnonzero(np.abs(coded.counts[t]) > 127)
        kept = min(far.size, FAR_PLACES)
        assert coded.room["far_places"].array[t, :kept].tolist() == far[:kept].tolist()
    check_products(table, types, rng, kind, coded, 37)


@pytest.mark.parametrize("kind", ["q8", "far", "offset"])
def test_a_token_alone_gets_the_very_sums_it_gets_among_others(table, types, kind: str) -> None:
    rng = rng_of(8)
    rows, cols, tokens = 70, 4250, 19
    matrix, _, _ = spike_matrix(table, types, rng, rows, cols, kind)
    x = rng.standard_normal((tokens, cols)).astype(np.float32)
    x[::4, 77::900] = 1e4
    together = Coded(table, types, x, 3.0)
    assert together.room["beyond"].array.any()
    y = types["Guarded"]((tokens, rows))
    table(
        "matmul_spike", matrix, 0, rows, together.spikes, together.tiles, 0, y, rows, table.scratch_pointer()
    )
    for t in range(tokens):
        alone = Coded(table, types, x[t : t + 1], 3.0)
        out = types["Guarded"]((1, rows))
        table(
            "matmul_spike", matrix, 0, rows, alone.spikes, alone.tiles, 0, out, rows, table.scratch_pointer()
        )
        assert np.array_equal(out.check()[0], y.check()[t])


def test_a_stretch_of_rows_is_written_and_nothing_else(table, types) -> None:
    rng = rng_of(3)
    rows, cols, tokens = 100, 202, 7
    matrix, _, _ = spike_matrix(table, types, rng, rows, cols, "far")
    x = rng.standard_normal((tokens, cols)).astype(np.float32)
    x[2, 9] = 900.0
    coded = Coded(table, types, x, 3.0)
    whole, part = types["Guarded"]((tokens, rows)), types["Guarded"]((tokens, rows))
    table("matmul_spike", matrix, 0, rows, coded.spikes, coded.tiles, 0, whole, rows, table.scratch_pointer())
    table("matmul_spike", matrix, 32, 96, coded.spikes, coded.tiles, 0, part, rows, table.scratch_pointer())
    assert np.isnan(part.array[:, :32]).all()
    assert np.isnan(part.array[:, 96:]).all()
    assert (part.array[:, 32:96] == whole.check()[:, 32:96]).all()


@pytest.mark.parametrize("d", [2, 22, 64, 128])
def test_windows_keep_exact_bytes(table, types, d: int) -> None:
    rng = rng_of(4, d)
    x = rng.standard_normal((5, d + 3)).astype(np.float32)
    x[1] = 0
    x[2] = 1e-6
    x[3] *= np.float32(1e7)
    codes, scales = types["Guarded"]((5, d), np.int8), types["Guarded"]((5,))
    table("window_store_codes", x, d + 3, 5, d, codes, scales)
    wanted = np.clip(np.abs(x[:, :d]).max(1) / np.float32(127), np.float32(1e-5), np.float32(1e4))
    assert np.array_equal(scales.check(), wanted)
    assert np.array_equal(codes.check(), np.clip(np.rint(x[:, :d] / wanted[:, None]), -128, 127))
