"""Each kernel of each table against numpy in float64, at odd sizes, with poisoned and guarded outputs."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from engine import _native, kernels
from engine.models.quantization import pack_q4
from tests.native.packing import packed_matrix, tiled

F64 = np.float64
SIZES = [1, 7, 16, 33, 202]


def rng_of(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


def floats(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def near(actual: np.ndarray, expected: np.ndarray, relative: float = 2e-6) -> None:
    """Largest difference, measured against the largest expected value."""
    size = max(float(np.abs(expected).max()), 1e-30)
    assert float(np.abs(actual.astype(F64) - expected).max()) <= relative * size


def make(structure_type: type, **fields: object) -> ctypes.Structure:
    structure = structure_type()
    for name, value in fields.items():
        array = getattr(value, "array", value)
        setattr(structure, name, array.ctypes.data if isinstance(array, np.ndarray) else array)
    structure.kept = fields  # the arrays live as long as the structure
    return structure


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def test_no_entry_of_a_simd_table_is_the_reference(table, reference, types) -> None:
    if table.head.name == b"scalar":
        assert table.head.abi == reference.head.abi == kernels.ABI
        return
    others = {reference.entry(kernel) for kernel in types["SIGNATURES"]}
    entries = [table.entry(kernel) for kernel in types["SIGNATURES"]]
    assert all(entries)
    assert not others & set(entries)
    assert len(set(entries)) == len(entries)


def test_the_self_test_passes_and_its_digests_agree_between_tables(isa: str) -> None:
    assert _native.self_test(isa) == ""
    for (kernel, value, size), (other, expected, _) in zip(
        _native.digests(isa), _native.digests("scalar"), strict=True
    ):
        assert kernel == other
        assert abs(value - expected) <= 2e-6 * size, kernel


def test_the_self_test_covers_every_kernel(types) -> None:
    run_together = {"window_finish"}  # closes every window_attend
    covered = {kernel for kernel, _, _ in _native.digests("scalar")}
    assert covered | run_together == set(types["SIGNATURES"])


@pytest.mark.parametrize("n", SIZES)
def test_norms(table, types, n: int) -> None:
    rng = rng_of(1, n)
    x, a, w = floats(rng, 3, n, scale=4), floats(rng, 3, n), floats(rng, n)
    y = types["Guarded"]((3, n))
    table("rmsnorm", x, w, 3, n, 1e-5, y)
    wide = x.astype(F64)
    near(y.check(), wide / np.sqrt((wide**2).mean(1, keepdims=True) + 1e-5) * w)
    both = types["Guarded"]((3, n))
    both.array[:] = x
    y = types["Guarded"]((3, n))
    table("add_rmsnorm", both, a, w, 3, n, 1e-5, y)
    assert (both.check() == x + a).all()
    wide = (x + a).astype(F64)
    near(y.check(), wide / np.sqrt((wide**2).mean(1, keepdims=True) + 1e-5) * w)
    alone = types["Guarded"]((3, n))
    alone.array[:] = x
    table("rmsnorm", alone, w, 3, n, 1e-5, alone)  # in place
    near(alone.check(), x.astype(F64) / np.sqrt((x.astype(F64) ** 2).mean(1, keepdims=True) + 1e-5) * w)


@pytest.mark.parametrize("n", SIZES)
def test_activations_and_gates(table, types, n: int) -> None:
    rng = rng_of(2, n)
    x = floats(rng, n, scale=30)
    x[0] = -200.0
    gates = -np.logaddexp(0, -x.astype(F64)) / 16
    for kernel, extra, expected in (("relu", (n,), np.maximum(x, 0)), ("log_gate", (n, 1 / 16), gates)):
        out = types["Guarded"]((n,))
        out.array[:] = x
        table(kernel, out, *extra)
        actual = out.check()
        assert np.allclose(actual, expected, rtol=2e-6, atol=1e-37), kernel
    up = floats(rng, n)
    out = types["Guarded"]((n,))
    out.array[:] = x
    table("silu_mul", out, up, n)
    with np.errstate(over="ignore"):
        assert np.allclose(out.check(), silu(x.astype(F64)) * up, rtol=3e-6, atol=1e-36)


@pytest.mark.parametrize("n", SIZES)
def test_sigmoid_and_what_it_leaves(table, types, n: int) -> None:
    x = floats(rng_of(14, n), n, scale=12)
    x[:2] = (90.0, -90.0)[: min(n, 2)]
    for wanted in (True, False):
        out, rest = types["Guarded"]((n,)), types["Guarded"]((n,))
        out.array[:] = x
        table("sigmoid_gate", out, rest if wanted else 0, n)
        assert np.allclose(out.check(), 1 / (1 + np.exp(-x.astype(F64))), rtol=2e-6, atol=1e-37)
        if wanted:
            assert np.allclose(rest.check(), -np.logaddexp(0, x.astype(F64)), rtol=2e-6, atol=1e-37)
        else:
            assert np.isnan(rest.array).all()


def test_gates_stay_finite_and_exact_at_the_edges(table, types) -> None:
    edges = np.array([-1e30, -120, -88, -1e-8, 0, 1e-8, 17, 88, 120, 1e30], np.float32)
    out, rest = types["Guarded"](edges.shape), types["Guarded"](edges.shape)
    out.array[:] = edges
    table("sigmoid_gate", out, rest, edges.size)
    assert np.allclose(rest.check(), -np.logaddexp(0, edges.astype(F64)), rtol=1e-6, atol=1e-37)
    assert (out.check()[[0, 4, -1]] == [0, 0.5, 1]).all()
    out = types["Guarded"](edges.shape)
    out.array[:] = edges
    table("log_gate", out, edges.size, 1.0)
    assert np.allclose(out.check(), -np.logaddexp(0, -edges.astype(F64)), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("d", [2, 22, 64])
def test_rotation(table, types, d: int) -> None:
    rng = rng_of(3, d)
    heads, tokens, ld = 3, 2, 3 * d + 5
    x, angle = floats(rng, tokens, ld), rng.uniform(0, 6, (tokens, d // 2))
    cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    out = types["Guarded"]((tokens, ld))
    out.array[:] = x
    table("rope", out, ld, tokens, heads, d, cosine, sine)
    shaped = x[:, : heads * d].reshape(tokens, heads, 2, d // 2).astype(F64)
    low, high = shaped[:, :, 0], shaped[:, :, 1]
    c, s = cosine[:, None], sine[:, None]
    expected = np.stack([low * c - high * s, high * c + low * s], 2).reshape(tokens, -1)
    actual = out.check()
    near(actual[:, : heads * d], expected)
    assert (actual[:, heads * d :] == x[:, heads * d :]).all()


@pytest.mark.parametrize("tokens", [1, 2, 3, 9])
@pytest.mark.parametrize("channels", [5, 48])
def test_short_convolution(table, types, tokens: int, channels: int) -> None:
    rng = rng_of(4, tokens, channels)
    width = 4
    x, past, w = floats(rng, tokens, channels), floats(rng, width - 1, channels), floats(rng, width, channels)
    y, kept = types["Guarded"]((tokens, channels)), types["Guarded"]((width - 1, channels))
    table("short_conv", x, past, w, tokens, channels, width, y, kept)
    line = np.concatenate([past, x]).astype(F64)
    sums = sum(w[j] * line[j : j + tokens] for j in range(width))
    near(y.check(), silu(sums))
    assert (kept.check() == line[-(width - 1) :].astype(np.float32)).all()


def quantised(table, types, x: np.ndarray):
    tokens, cols = x.shape
    groups = -(-cols // 128)
    codes = types["Guarded"]((tokens, groups * 128), np.int8)
    scales, sums = types["Guarded"]((tokens, groups)), types["Guarded"]((tokens, groups), np.int32)
    out = make(types["Codes"], codes=codes, scales=scales, sums=sums, tokens=tokens, groups=groups)
    table("quantise_rows", make(types["Rows"], x=x, tokens=tokens, ld=cols), cols, out)
    return out, codes.check(), scales.check(), sums.check()


@pytest.mark.parametrize("cols", [2, 34, 128, 202, 640])
def test_activations_become_int8(table, types, cols: int) -> None:
    x = floats(rng_of(5, cols), 3, cols)
    x[1] = 0
    x[2] *= np.float32(1e-35)
    _, codes, scales, sums = quantised(table, types, x)
    groups = scales.shape[1]
    padded = np.zeros((3, groups * 128), np.float32)
    padded[:, :cols] = x
    grouped = padded.reshape(3, groups, 128)
    top = np.abs(grouped).max(2)
    assert (scales == np.where(top > 1e-30, top / np.float32(127), 0)).all()
    assert (sums == codes.reshape(3, groups, 128).astype(np.int32).sum(2)).all()
    assert (codes[:, cols:] == 0).all()
    assert not codes[1:].any()
    error = np.abs(codes.reshape(3, groups, 128)[0] * scales[0][:, None] - grouped[0])
    assert (error <= 0.5001 * scales[0][:, None]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 6, 127, 128, 201])
def test_what_is_no_finite_number_shows_in_its_group(table, types, bad: float, place: int) -> None:
    cols = 202
    x = floats(rng_of(15), 2, cols)
    _, kept_codes, kept_scales, _ = quantised(table, types, x)
    kept_codes, kept_scales = kept_codes.copy(), kept_scales.copy()
    x[1, place] = bad
    codes, scales, sums = (
        types["Guarded"]((2, 256), np.int8), types["Guarded"]((2, 2)), types["Guarded"]((2, 2), np.int32),
    )  # fmt: skip
    out = make(types["Codes"], codes=codes, scales=scales, sums=sums, tokens=2, groups=2)
    table("quantise_rows", make(types["Rows"], x=x, tokens=2, ld=cols), cols, out)
    group = place // 128
    assert np.isnan(scales.array[1, group])
    assert sums.array[1, group] == 0
    assert not codes.check()[1, 128 * group : 128 * group + 128].any()
    scales.array[1, group] = kept_scales[1, group]
    kept_codes[1, 128 * group : 128 * group + 128] = 0
    assert (scales.check() == kept_scales).all()
    assert (codes.array == kept_codes).all()
    scales.array[1, group] = np.nan
    data, weight_scales, _, _ = int_matrix(rng_of(16), "q8", 37, cols)
    matrix = packed_matrix(table, types, "q8", data, weight_scales, cols)
    words, tile_scales, tile_sums = np.zeros(128, np.int32), np.zeros(4, np.float32), np.zeros(4, np.int32)
    tiles = make(types["Tiles"], words=words, scales=tile_scales, sums=tile_sums, tokens=2, groups=2)
    table("tile_codes", out, 0, tiles)
    y = types["Guarded"]((2, 37))
    table("matmul_q8", matrix, 0, 37, tiles, 0, y, 37)
    assert np.isfinite(y.array[0]).all()
    assert np.isnan(y.array[1]).all()


@pytest.mark.parametrize("kernel", ["window_store_i8", "window_store_codes"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_shows_in_a_window_entry(table, types, kernel: str, bad: float) -> None:
    for d in (2, 22, 64):
        for place in range(d):
            x = floats(rng_of(17, d), 3, d)
            x[1, place] = bad
            codes, scales = types["Guarded"]((3, d), np.int8), types["Guarded"]((3,))
            table(kernel, x, d, 3, d, codes, scales)
            assert np.isnan(scales.array).tolist() == [False, True, False]
            assert not codes.check()[1].any()
            assert codes.array[[0, 2]].any(1).all()


def float_matrix(rng: np.random.Generator, kind: str, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    w = floats(rng, rows, cols)
    if kind == "f32":
        return w, w
    bits = (w.view(np.uint32) >> np.uint32(16)).astype(np.uint16)
    return bits, (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


@pytest.mark.parametrize("kind", ["f32", "bf16"])
@pytest.mark.parametrize("tokens", [1, 2, 3, 5, 6, 19])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (5, 9), (37, 202), (64, 300)])
def test_float_matrices(table, types, kind: str, tokens: int, rows: int, cols: int) -> None:
    rng = rng_of(6, tokens, rows, cols)
    data, wide = float_matrix(rng, kind, rows, cols)
    x, bias = floats(rng, tokens, cols + 3), floats(rng, rows)
    matrix = make(types["Matrix"], data=data, scales=0, rows=rows, cols=cols)
    inputs = make(types["Rows"], x=x, tokens=tokens, ld=cols + 3)
    expected = x[:, :cols].astype(F64) @ wide.T.astype(F64)
    for b, wanted in ((bias, expected + bias), (0, expected)):
        y = types["Guarded"]((tokens, rows))
        table(f"matmul_{kind}", matrix, 0, rows, inputs, b, y, rows, table.scratch_pointer())
        near(y.check(), wanted, 1e-5)


def int_matrix(rng: np.random.Generator, kind: str, rows: int, cols: int):
    groups = -(-cols // 128)
    scales = rng.uniform(0.001, 0.02, (rows, groups)).astype(np.float16)
    low, high = (-128, 128) if kind == "q8" else (-8, 8)
    codes = rng.integers(low, high, (rows, cols)).astype(np.int8)
    codes[0] = low  # the smallest code everywhere: the largest sums there are
    data = codes if kind == "q8" else pack_q4(codes)
    wide = codes.astype(F64) * np.repeat(scales.astype(F64), 128, axis=1)[:, :cols]
    return data, scales, codes, wide


@pytest.mark.parametrize("kind", ["q8", "q4"])
@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 6, 19, 57])
@pytest.mark.parametrize(("rows", "cols"), [(1, 2), (5, 34), (37, 202), (16, 2304), (33, 4400)])
def test_integer_matrices(table, types, kind: str, tokens: int, rows: int, cols: int) -> None:
    rng = rng_of(7, tokens, rows, cols)
    data, scales, _, wide = int_matrix(rng, kind, rows, cols)
    x, bias = floats(rng, tokens, cols), floats(rng, rows)
    x[0] = np.abs(x[0]).max()  # the largest activation code everywhere
    inputs, codes, code_scales, _ = quantised(table, types, x)
    seen = codes.astype(F64) * np.repeat(code_scales.astype(F64), 128, axis=1)
    matrix = packed_matrix(table, types, kind, data, scales, cols)
    tiles = tiled(table, types, inputs)
    expected = seen[:, :cols] @ wide.T
    for b, wanted in ((bias, expected + bias), (0, expected)):
        y = types["Guarded"]((tokens, rows))
        table(f"matmul_{kind}", matrix, 0, rows, tiles, b, y, rows)
        near(y.check(), wanted, 3e-6)


@pytest.mark.parametrize("kind", ["q8", "q4"])
def test_a_token_alone_gives_bit_for_bit_what_it_gives_among_others(table, types, kind: str) -> None:
    rng = rng_of(15)
    rows, cols, tokens = 64, 4400, 57
    data, scales, _, _ = int_matrix(rng, kind, rows, cols)
    matrix = packed_matrix(table, types, kind, data, scales, cols)
    x = floats(rng, tokens, cols)
    together = types["Guarded"]((tokens, rows))
    table(
        f"matmul_{kind}",
        matrix,
        0,
        rows,
        tiled(table, types, quantised(table, types, x)[0]),
        0,
        together,
        rows,
    )
    for t in (0, 5, 6, 56):
        alone = types["Guarded"]((1, rows))
        table(
            f"matmul_{kind}",
            matrix,
            0,
            rows,
            tiled(table, types, quantised(table, types, x[t : t + 1])[0]),
            0,
            alone,
            rows,
        )
        assert (alone.check()[0] == together.check()[t]).all()


@pytest.mark.parametrize("kind", ["f32", "bf16", "q8", "q4"])
def test_a_stretch_of_rows_is_written_and_nothing_else(table, types, kind: str) -> None:
    rng = rng_of(8)
    rows, cols, tokens = 100, 202, 7
    scratch: list[int] = []
    if kind in ("q8", "q4"):
        data, scales, _, _ = int_matrix(rng, kind, rows, cols)
        inputs = tiled(table, types, quantised(table, types, floats(rng, tokens, cols))[0])
        matrix = packed_matrix(table, types, kind, data, scales, cols)
    else:
        data = float_matrix(rng, kind, rows, cols)[0]
        inputs = make(types["Rows"], x=floats(rng, tokens, cols), tokens=tokens, ld=cols)
        matrix = make(types["Matrix"], data=data, scales=0, rows=rows, cols=cols)
        scratch = [table.scratch_pointer()]
    whole, part = types["Guarded"]((tokens, rows)), types["Guarded"]((tokens, rows))
    table(f"matmul_{kind}", matrix, 0, rows, inputs, 0, whole, rows, *scratch)
    table(f"matmul_{kind}", matrix, 32, 96, inputs, 0, part, rows, *scratch)
    assert np.isnan(part.array[:, :32]).all()
    assert np.isnan(part.array[:, 96:]).all()
    assert (part.array[:, 32:96] == whole.check()[:, 32:96]).all()  # bit-equal: the split never shows


@pytest.mark.parametrize("cols", [2, 34, 202])
def test_embedding_rows(table, types, cols: int) -> None:
    rng = rng_of(9, cols)
    for kind in ("f32", "bf16"):
        data, wide = float_matrix(rng, kind, 4, cols)
        out = types["Guarded"]((cols,))
        table(f"embed_{kind}", make(types["Matrix"], data=data, scales=0, rows=4, cols=cols), 2, out)
        assert (out.check() == wide[2]).all()
    for kind in ("q8", "q4"):
        data, scales, _, wide = int_matrix(rng, kind, 4, cols)
        out = types["Guarded"]((cols,))
        table(f"embed_{kind}", make(types["Matrix"], data=data, scales=scales, rows=4, cols=cols), 2, out)
        assert (out.check() == wide[2].astype(np.float32)).all()


def gla_reference(state, q, k, v, log_decay, scale):
    state = state.astype(F64)
    rows = []
    for t in range(k.shape[0]):
        state = np.exp(log_decay[t].astype(F64))[:, None] * state + np.outer(k[t], v[t])
        rows.append((q[t] * scale) @ state)
    return np.array(rows), state


@pytest.mark.parametrize("kernel", ["gla_step", "gla_chunk"])
@pytest.mark.parametrize("tokens", [1, 15, 16, 17, 50])
@pytest.mark.parametrize(("group", "d"), [(1, 6), (3, 22), (7, 64)])
def test_gated_linear_attention(table, types, kernel: str, tokens: int, group: int, d: int) -> None:
    if kernel == "gla_step" and tokens != 1:
        tokens = 1
    rng = rng_of(11, tokens, group, d)
    state = floats(rng, d, d)
    q, k, v = floats(rng, tokens, group, d), floats(rng, tokens, d), floats(rng, tokens, d)
    # From no decay at all to a state forgotten in one step, with a few gates far beyond that.
    log_decay = -np.exp(rng.uniform(-12, 2.5, (tokens, d))).astype(np.float32)
    log_decay[:, 0] = -300
    out, after = types["Guarded"]((tokens, group, d)), types["Guarded"]((d, d))
    sizes = {"ldq": group * d, "ldo": group * d, "ldk": d, "ldv": d, "ldg": d}
    args = make(
        types["Gla"], state_in=state, state_out=after, q=q, k=k, v=v, log_decay=log_decay, o=out,
        tokens=tokens, group=group, d=d, scale=d**-0.5, **sizes,
    )  # fmt: skip
    table(kernel, args, *([table.scratch_pointer()] if kernel == "gla_chunk" else []))
    expected, final = gla_reference(state, q, k, v, log_decay, d**-0.5)
    near(out.check(), expected, 1e-5)
    near(after.check(), final, 1e-5)
    own = state.copy()  # the state may be replaced in place
    args.state_in = args.state_out = own.ctypes.data
    table(kernel, args, *([table.scratch_pointer()] if kernel == "gla_chunk" else []))
    assert (own == after.array).all()


@pytest.mark.parametrize("d", [6, 22, 64])
def test_a_state_moves_on_alike_without_queries(table, types, d: int) -> None:
    rng = rng_of(12, d)
    state, q, k, v = floats(rng, d, d), floats(rng, 3, d), floats(rng, d), floats(rng, d)
    log_decay = -np.exp(rng.uniform(-12, 2.5, d)).astype(np.float32)
    out, with_queries, without = (types["Guarded"](shape) for shape in ((3, d), (d, d), (d, d)))
    shared = {"state_in": state, "k": k, "v": v, "log_decay": log_decay, "tokens": 1, "d": d, "scale": 1.0}
    table("gla_step", make(types["Gla"], **shared, state_out=with_queries, q=q, o=out, group=3))
    table("gla_step", make(types["Gla"], **shared, state_out=without, group=0))
    assert (with_queries.check() == without.check()).all()


PRECISIONS = {"f32": np.float32, "f16": np.float16, "i8": np.int8}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("entries", [1, 31, 32, 71])
@pytest.mark.parametrize(("tokens", "group", "d"), [(1, 1, 6), (5, 3, 22), (16, 7, 64)])
def test_window_attention(
    table, types, precision: str, entries: int, tokens: int, group: int, d: int
) -> None:
    rng = rng_of(12, entries, tokens, d)
    dtype = PRECISIONS[precision]
    ld = group * d + 4
    x = {"keys": floats(rng, entries, d, scale=2), "values": floats(rng, entries, d)}
    stored, scales, wide = {}, {}, {}
    for part, data in x.items():
        out = types["Guarded"]((entries, d), dtype)
        scale = types["Guarded"]((entries,))
        table(f"window_store_{precision}", data, d, entries, d, out, scale if precision == "i8" else 0)
        stored[part], scales[part] = out.check(), scale.array
        wide[part] = stored[part].astype(F64)
        if precision == "i8":
            wide[part] = wide[part] * scale.check()[:, None]
            assert np.abs(wide[part] - data).max() <= 0.51 * scales[part].max()
        else:
            assert (stored[part] == data.astype(dtype)).all()
    q = floats(rng, tokens, ld, scale=3)
    first = np.sort(rng.integers(0, entries, tokens))
    begin = first.astype(np.int64)
    end = np.minimum(begin + rng.integers(1, entries + 1, tokens), entries).astype(np.int64)
    end[0], begin[0] = entries, 0
    peak = np.full(tokens * group, -np.inf, np.float32)
    total = np.zeros(tokens * group, np.float32)
    mix = types["Guarded"]((tokens * group, d))
    mix.array[:] = 0
    queries = make(
        types["Queries"], q=q, ld=ld, tokens=tokens, group=group, d=d, begin=begin, end=end, scale=0.3,
        peak=peak, total=total, mix=mix,
    )  # fmt: skip
    # In two spans, as a ring gives them, cut at an odd place.
    cut = entries // 3
    for start, stop in ((0, cut), (cut, entries)):
        if start == stop:
            continue
        low, high = begin - start, np.minimum(end, stop) - start
        kept = (np.maximum(low, 0), high)
        queries.begin, queries.end = kept[0].ctypes.data, kept[1].ctypes.data
        span = make(
            types["Span"], keys=stored["keys"][start:stop], values=stored["values"][start:stop],
            key_scales=scales["keys"][start:stop], value_scales=scales["values"][start:stop],
            count=stop - start,
        )  # fmt: skip
        table(f"window_attend_{precision}", span, queries, table.scratch_pointer())
    out = types["Guarded"]((tokens, ld))
    table("window_finish", queries, out, ld)
    for t in range(tokens):
        seen = slice(int(begin[t]), int(end[t]))
        heads = q[t, : group * d].reshape(group, d).astype(F64)
        scores = heads @ wide["keys"][seen].T * float(np.float32(0.3))
        weights = np.exp(scores - scores.max(1, keepdims=True))
        expected = weights / weights.sum(1, keepdims=True) @ wide["values"][seen]
        near(out.array[t, : group * d].reshape(group, d), expected, 1e-5)
        assert np.isnan(out.array[t, group * d :]).all()
    mix.check()


def test_half_conversions_round_like_numpy(table, types) -> None:
    rng = rng_of(13)
    values = np.concatenate([
        floats(rng, 2000, scale=100),
        np.ldexp(rng.uniform(1, 2, 2000), rng.integers(-30, 17, 2000)).astype(np.float32),
        np.array([0.0, -0.0, 65504, 65519.9, 65520, 1e9, -1e9, 2**-24, 2**-25, 2**-26, 6.1e-5], np.float32),
    ])  # fmt: skip
    out = types["Guarded"](values.shape, np.float16)
    table("window_store_f16", values, values.size, 1, values.size, out, 0)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    assert (out.check().view(np.uint16) == expected.view(np.uint16)).all()
