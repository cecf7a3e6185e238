"""Conversion: small errors, flat memory, and nothing left behind when it does not end well."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import gguf as public
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models import convert as convert_module
from engine.models import tensors as tensors_module
from engine.models import tokenizer as tokenizer_module
from engine.models.convert import convert
from engine.models.errors import ConversionCancelledError, ConversionError, ModelFileError
from engine.models.facts import ModelFacts
from engine.models.gguf_writer import GgufWriter
from engine.models.loading import load
from engine.models.quantization import (
    QuantisedRows,
    dequantise_q4,
    dequantise_q8,
    pack_q4,
    quantise_q4,
    quantise_q8,
    unpack_q4,
)
from engine.models.shard_digests import ShardDigests
from engine.models.tensors import ElementType, TensorFile, narrow_to_bf16, widen
from engine.models.tokenizer_json import build_tokenizer_json, byte_alphabet
from tests.fixtures.model_files import SHARDED, random_tensors, small_config, write_checkpoint
from tests.fixtures.random_model import write_random_model


def relative_error(values: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sqrt(np.mean((values - wanted) ** 2) / np.mean(wanted**2)))


def gaussian(rows: int, inputs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, inputs), dtype=np.float32) * np.float32(0.02)


def test_eight_bits_keep_every_weight_within_half_a_step() -> None:
    rows = gaussian(20, 300)
    quantised = quantise_q8(rows)
    assert quantised.codes.shape == (20, 300)
    assert quantised.scales.shape == (20, 3)
    steps = np.repeat(quantised.scales.astype(np.float32), 128, axis=1)[:, :300]
    assert (np.abs(dequantise_q8(quantised) - rows) <= steps * np.float32(0.5001)).all()


def test_four_bits_err_less_than_plain_rounding() -> None:
    for rows in (gaussian(64, 512), np.random.default_rng(1).standard_t(5, (64, 512)).astype(np.float32)):
        groups = rows.reshape(64, 4, 128)
        plain_scale = np.abs(groups).max(axis=2, keepdims=True) / 7
        plain = (np.rint(groups / plain_scale) * plain_scale).reshape(rows.shape)
        ours = dequantise_q4(quantise_q4(rows), 512)
        assert relative_error(ours, rows) < 0.88 * relative_error(plain, rows)


@pytest.mark.parametrize("spread", ["gaussian", "heavy tails", "uniform"])
def test_four_bits_stand_next_to_the_best_scale_there_is(spread: str) -> None:
    """For each group the best of a thousand scales of either sign, in float64."""
    random = np.random.default_rng(2)
    rows = {
        "gaussian": random.standard_normal((16, 512)),
        "heavy tails": random.standard_t(4, (16, 512)),
        "uniform": random.uniform(-1, 1, (16, 512)),
    }[spread].astype(np.float32)
    groups = rows.reshape(-1, 128).astype(np.float64)
    best = np.full(len(groups), np.inf)
    for scale in np.concatenate([sign * np.linspace(0.04, 0.16, 500) for sign in (1, -1)]):
        step = scale * np.abs(groups).max(axis=1, keepdims=True)
        values = np.clip(np.rint(groups / step), -8, 7) * step
        best = np.minimum(best, ((values - groups) ** 2).sum(axis=1))
    ours = ((dequantise_q4(quantise_q4(rows), 512).reshape(-1, 128) - groups) ** 2).sum(axis=1)
    assert float(ours.sum()) < 1.02 * float(best.sum())
    assert (ours < 1.3 * best).all()


def test_a_lopsided_group_uses_the_longer_side_of_the_codes() -> None:
    rows = np.linspace(-1.0, 0.3, 128, dtype=np.float32)[None, :]
    for side in (rows, -rows):
        codes = unpack_q4(quantise_q4(side).codes, 128)
        assert codes.min() == -8


def test_zeros_tiny_and_huge_weights_keep_their_meaning() -> None:
    rows = np.zeros((4, 256), dtype=np.float32)
    rows[1] = 1e-6
    rows[2, ::2] = 4e5
    rows[3, 7] = -1.0
    for values in (dequantise_q8(quantise_q8(rows)), dequantise_q4(quantise_q4(rows), 256)):
        assert (values[0] == 0).all()
        assert np.allclose(values[1], 1e-6, rtol=0.1)
        assert np.allclose(values[2], rows[2], rtol=1e-3)
        assert values[3, 7] == pytest.approx(-1.0, rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_numbers_are_refused(bad: float) -> None:
    rows = gaussian(2, 128)
    rows[1, 5] = bad
    for quantise in (quantise_q8, quantise_q4):
        with pytest.raises(ConversionError) as caught:
            quantise(rows)
        assert caught.value.code == "weights-not-finite"


def test_weights_beyond_the_scale_type_are_refused() -> None:
    rows = np.full((1, 128), 3e38, dtype=np.float32)
    for quantise in (quantise_q8, quantise_q4):
        with pytest.raises(ConversionError) as caught:
            quantise(rows)
        assert caught.value.code == "weights-too-large"


@pytest.mark.parametrize("digests", [False, True])
def test_a_disk_that_fails_half_way_is_told_by_its_shard_and_leaves_nothing(
    digests: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one answers EIO to whoever reads next: who converts, or who takes the digest."""
    failed = OSError(errno.EIO, os.strerror(errno.EIO))
    if digests:
        monkeypatch.setattr(ShardDigests, "_hash", lambda self, shard: raise_(failed))
    else:
        read_rows, read = TensorFile.read_rows, itertools.count()

        def fail_late(self: TensorFile, name: str, start: int, stop: int) -> object:
            return read_rows(self, name, start, stop) if next(read) < 5 else raise_(failed)

        monkeypatch.setattr(TensorFile, "read_rows", fail_late)
    with pytest.raises(ModelFileError, match="cannot be read any more: Input/output error") as told:
        convert(SHARDED, tmp_path / "m.gguf", "q8", digests=True)
    assert told.value.message.startswith("model-0000")
    assert list(tmp_path.iterdir()) == []


def test_a_shard_that_changed_under_its_digest_is_not_told_as_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights were read before; the digest in the manifest would be that of another file."""
    folder = shutil.copytree(SHARDED, tmp_path / "model")
    hash_whole = ShardDigests._hash

    def cut_first(self: ShardDigests, shard: Path) -> object:
        os.truncate(shard, 1000)
        return hash_whole(self, shard)

    monkeypatch.setattr(ShardDigests, "_hash", cut_first)
    with pytest.raises(ModelFileError, match=r"model-0000\d-of-0000\d\.safetensors"):
        convert(folder, tmp_path / "m.gguf", "q8", digests=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def raise_(error: Exception) -> None:
    raise error


@given(rows=st.integers(1, 4), half=st.integers(1, 200), seed=st.integers(0, 1000))
def test_packing_four_bits_is_undone_exactly(rows: int, half: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-8, 8, (rows, 2 * half), dtype=np.int8)
    packed = pack_q4(codes)
    assert np.array_equal(unpack_q4(packed, 2 * half), codes)


def test_the_public_reader_sees_codes_and_scales_that_give_the_weights_back(tmp_path: Path) -> None:
    config = small_config(hidden_size=192, heads=3, intermediate_size=130)
    write_checkpoint(tmp_path / "folder", config=config, element="F32", seed=5)
    wanted = random_tensors(config, element="F32", seed=5)
    for format_name in convert_module.FORMATS:
        convert(tmp_path / "folder", tmp_path / "model.gguf", format_name)
        reader = public.GGUFReader(tmp_path / "model.gguf")
        seen = {tensor.name: tensor for tensor in reader.tensors}
        codes = [name for name in seen if name.endswith(".scales")]
        assert len(codes) == {"q8": 16, "q4": 16, "bf16": 0, "f32": 0}[format_name]
        for name, array in wanted.items():
            tensor, kind = seen[name], seen[name].tensor_type.name
            if kind == "I8":
                data = tensor.data.view(np.int8)
                quantised = QuantisedRows(data, seen[name + ".scales"].data)
                packed = data.shape[1] * 2 == array.shape[1]
                assert packed == (
                    format_name == "q4" and name not in ("model.embeddings.weight", "lm_head.weight")
                )
                values = dequantise_q4(quantised, array.shape[1]) if packed else dequantise_q8(quantised)
                assert relative_error(values, array) < (0.12 if packed else 0.01)
            elif kind == "BF16":
                assert np.array_equal(tensor.data.view(np.uint16).reshape(array.shape), narrow_to_bf16(array))
            else:
                assert kind == "F32"
                assert np.array_equal(tensor.data.reshape(array.shape), array)


def test_blocks_do_not_change_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "folder")
    for format_name in convert_module.FORMATS:
        whole = convert(tmp_path / "folder", tmp_path / "whole.gguf", format_name)
        with monkeypatch.context() as patch:
            patch.setattr(tensors_module, "_BLOCK_ELEMENTS", 100)
            blocks = convert(tmp_path / "folder", tmp_path / "blocks.gguf", format_name)
        assert whole.identity == blocks.identity
        assert (tmp_path / "whole.gguf").read_bytes() == (tmp_path / "blocks.gguf").read_bytes()


def test_a_published_bfloat16_checkpoint_is_kept_to_the_bit(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder", seed=9)
    convert(tmp_path / "folder", tmp_path / "model.gguf", "bf16")
    seen = {tensor.name: tensor for tensor in public.GGUFReader(tmp_path / "model.gguf").tensors}
    for name, bits in random_tensors(small_config(), seed=9).items():
        data = seen[name].data
        if seen[name].tensor_type.name == "BF16":
            assert data.tobytes() == bits.tobytes()
        else:
            assert np.array_equal(data.reshape(bits.shape), widen(bits, ElementType.BF16))


def test_memory_stays_flat_while_a_large_matrix_is_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(vocab_size=60_000, hidden_size=128, layers=1)
    write_checkpoint(tmp_path / "folder", config=config)
    assert (tmp_path / "folder" / "model.safetensors").stat().st_size > 30e6
    monkeypatch.setattr(tensors_module, "_BLOCK_ELEMENTS", 1 << 16)
    tracemalloc.start()
    try:
        convert(tmp_path / "folder", tmp_path / "model.gguf", "q4")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 6e6


def test_progress_reaches_the_end_and_never_goes_back(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder")
    told: list[tuple[int, int]] = []
    result = convert(
        tmp_path / "folder",
        tmp_path / "model.gguf",
        "q8",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert told[-1] == (result.parameters, result.parameters)


def test_cancelling_keeps_the_older_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder")
    place = tmp_path / "models"
    place.mkdir()
    (place / "model.gguf").write_text("older")
    asked = iter([False] * 5 + [True])
    with pytest.raises(ConversionCancelledError):
        convert(tmp_path / "folder", place / "model.gguf", "q4", cancelled=lambda: next(asked))
    assert [path.name for path in place.iterdir()] == ["model.gguf"]
    assert (place / "model.gguf").read_text() == "older"


def test_a_disk_known_to_be_too_full_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "folder")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(ConversionError) as caught:
        convert(tmp_path / "folder", tmp_path / "model.gguf", "q8")
    assert caught.value.code == "disk-full"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "folder")
    written = 0
    put = convert_module.GgufWriter._put

    def fill_up(writer: convert_module.GgufWriter, data: bytes | memoryview) -> None:
        nonlocal written
        written += len(data)
        if written > 20_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(writer, data)

    monkeypatch.setattr(convert_module.GgufWriter, "_put", fill_up)
    with pytest.raises(ConversionError) as caught:
        convert(tmp_path / "folder", tmp_path / "model.gguf", "q8")
    assert caught.value.code == "disk-full"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a file size limit of the system")
def test_a_write_the_system_refuses_ends_the_command_cleanly(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder")
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));"
        "from engine.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            "convert",
            tmp_path / "folder",
            tmp_path / "m.gguf",
            "--format",
            "f32",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "[destination-unwritable]" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder")
    with pytest.raises(ConversionError) as caught:
        convert(tmp_path / "folder", tmp_path, "q8")
    assert caught.value.code == "destination-unwritable"


def test_weights_that_are_not_numbers_stop_the_conversion_cleanly(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "folder", element="F32")
    raw = bytearray((tmp_path / "folder" / "model.safetensors").read_bytes())
    raw[-4:] = np.float32(np.nan).tobytes()
    (tmp_path / "folder" / "model.safetensors").write_bytes(raw)
    with pytest.raises(ConversionError) as caught:
        convert(tmp_path / "folder", tmp_path / "model.gguf", "q8")
    assert caught.value.code == "weights-not-finite"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(("more", "words"), [(100, "more ids"), (60_000, "far too large")])
def test_a_tokenizer_too_large_for_its_model_is_refused_before_its_tables_are_built(
    more: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config()
    vocab = {text: place for place, text in enumerate(byte_alphabet().values())}
    vocab |= {f"{place:08d}": place for place in range(len(vocab), len(vocab) + more)}
    metadata = convert_module.file_metadata(
        config,
        ModelFacts(),
        "f32",
        tokenizer_json=build_tokenizer_json(vocab, [], []),
        template="",
        stop_ids=[],
        eos_id=None,
    )
    plan = convert_module.file_plan(config, "f32")
    with GgufWriter(tmp_path / "model.gguf", metadata, plan) as writer:
        for planned in plan:
            writer.write(np.zeros(planned.shape, np.float32))
    monkeypatch.setattr(tokenizer_module, "_build", None)
    with pytest.raises(ModelFileError, match=words) as caught:
        load(tmp_path / "model.gguf", threads=1)
    assert caught.value.code == "tokenizer-invalid"


@pytest.mark.parametrize("format_name", convert_module.FORMATS)
def test_the_random_model_for_measuring_is_a_whole_model(
    format_name: convert_module.Format, tmp_path: Path
) -> None:
    size_bytes = write_random_model(tmp_path / "model.gguf", format_name, small_config(layers=3))
    assert size_bytes == (tmp_path / "model.gguf").stat().st_size
    model = load(tmp_path / "model.gguf", threads=1).model
    assert np.isfinite(model.prefill(model.new_state(), np.arange(12, dtype=np.int32))).all()
