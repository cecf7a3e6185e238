"""The published weight container: read as it is, refused when header and bytes disagree."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.errors import ModelFileError
from engine.models.safetensors import open_safetensors
from engine.models.shards import WeightFolder
from engine.models.tensors import ElementType, narrow_to_bf16, widen
from tests.fixtures.model_files import FLOAT_TINY, SHARDED, write_safetensors


def container(header: object, size_bytes: int = 0) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(size_bytes)


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


INVALID = "model-file-invalid"
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "model-file-truncated"),
    "a header longer than the file": (struct.pack("<Q", 1 << 60) + b"{}", "model-file-truncated"),
    "no JSON": (container(b"[1, 2, 3]"), INVALID),
    "cut JSON": (container(b'{"a": '), "model-json-invalid"),
    "not UTF-8": (container(b'{"\xff": 1}'), "model-json-invalid"),
    "JSON nested too deeply": (container(b'{"a": ' + b"[" * 100_000), "model-json-invalid"),
    "a number that is none": (container(b'{"a": NaN}'), "model-json-invalid"),
    "the same tensor twice": (container(b'{"a": 1, "a": 2}'), "model-json-invalid"),
    "metadata that is no map of texts": (container({"__metadata__": {"a": 1}}), INVALID),
    "a tensor that is a number": (container({"a": 3}), INVALID),
    "a tensor without a place": (container({"a": {"dtype": "F32", "shape": [2]}}), INVALID),
    "a tensor with something more": (container({"a": {**entry(), "x": 1}}, 8), INVALID),
    "an unknown type": (container({"a": entry("F33")}, 8), INVALID),
    "a type that is a list": (container({"a": entry(["F32"])}, 8), INVALID),
    "a type that no weight has": (
        container({"a": entry("I64", [1])}, 8),
        "model-tensor-type-unsupported",
    ),
    "a negative dimension": (container({"a": entry(shape=[-2])}, 8), INVALID),
    "a dimension of zero": (container({"a": entry(shape=[0], offsets=[0, 0])}), INVALID),
    "a dimension that is true": (container({"a": entry(shape=[True, 2])}, 8), INVALID),
    "a broken dimension": (container({"a": entry(shape=[2.0])}, 8), INVALID),
    "nine dimensions": (container({"a": entry(shape=[1] * 8 + [2])}, 8), INVALID),
    "a product beyond 63 bits": (
        container({"a": entry(shape=[1 << 40, 1 << 40])}, 8),
        "model-tensor-oversized",
    ),
    "a product that wraps to eight": (
        container({"a": entry(shape=[(1 << 62) + 1, 4])}, 8),
        "model-tensor-oversized",
    ),
    "another size than its shape": (container({"a": entry(offsets=[0, 12])}, 12), INVALID),
    "an end before its start": (container({"a": entry(offsets=[8, 0])}, 8), INVALID),
    "three places": (container({"a": entry(offsets=[0, 4, 8])}, 8), INVALID),
    "a hole before it": (container({"a": entry(offsets=[8, 16])}, 16), INVALID),
    "an overlap": (container({"a": entry(), "b": entry(offsets=[4, 12])}, 12), INVALID),
    "bytes that are not there": (container({"a": entry()}, 4), "model-file-truncated"),
    "bytes after the last tensor": (container({"a": entry()}, 9), "model-file-truncated"),
    "a nameless tensor": (container({"": entry()}, 8), INVALID),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_is_refused_with_one_clear_error(name: str, tmp_path: Path) -> None:
    data, code = HOSTILE[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        open_safetensors(path)
    assert caught.value.code == code


@pytest.mark.timeout(10)
def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 33) + b"{")
    with path.open("r+b") as file:
        file.truncate(1 << 34)
    with pytest.raises(ModelFileError) as caught:
        open_safetensors(path)
    assert caught.value.code == "model-file-oversized"


def test_tensors_come_back_to_the_bit_in_every_type(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    wide = random.standard_normal((4, 6), dtype=np.float32)
    arrays = {"a": wide, "b": wide.astype(np.float16), "c": narrow_to_bf16(wide), "d": np.int8([[1], [-2]])}
    write_safetensors(tmp_path / "m.safetensors", arrays)
    file = open_safetensors(tmp_path / "m.safetensors")
    for name, array in arrays.items():
        assert np.array_equal(file.map_tensor(name), array)
        assert np.array_equal(file.read_rows(name, 1, 2), array[1:2])
    file.close()


def test_widening_is_exact_and_narrowing_rounds_to_the_nearest_even() -> None:
    values = np.array([1.0, -2.5, 3.0e38, 1e-40, np.inf, 0.0], dtype=np.float32)
    bits = narrow_to_bf16(values)
    assert np.array_equal(narrow_to_bf16(widen(bits, ElementType.BF16)), bits)
    halfway = np.array([0x3F808000, 0x3F818000, 0x3F808001], dtype=np.uint32).view(np.float32)
    assert narrow_to_bf16(halfway).tolist() == [0x3F80, 0x3F82, 0x3F81]
    assert np.isnan(widen(narrow_to_bf16(np.array([np.nan], dtype=np.float32)), ElementType.BF16)).all()


def test_shards_are_found_through_their_index() -> None:
    folder = WeightFolder(SHARDED)
    assert len(folder.entries) == 31
    assert len(folder.paths) == 3
    assert folder.entries["lm_head.weight"].shape == (320, 448)
    folder.close()


def shard_copy(tmp_path: Path, weight_map: dict[str, str] | None = None) -> Path:
    for path in SHARDED.glob("*.safetensors*"):
        if path.name != "golden.safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if weight_map is not None:
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return tmp_path


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    for shard in ("../x.safetensors", "/etc/x.safetensors", "a\\b.safetensors", "secret"):
        with pytest.raises(ModelFileError) as caught:
            WeightFolder(shard_copy(tmp_path, {"lm_head.weight": shard}))
        assert caught.value.code == "model-json-invalid"


def test_an_index_that_disagrees_with_its_shards_is_refused(tmp_path: Path) -> None:
    index = json.loads((SHARDED / "model.safetensors.index.json").read_text())["weight_map"]
    moved = {**index, "lm_head.weight": index["model.embeddings.weight"]}
    for weight_map in (moved, {**index, "more": index["lm_head.weight"]}):
        with pytest.raises(ModelFileError) as caught:
            WeightFolder(shard_copy(tmp_path, weight_map))
        assert caught.value.code == "checkpoint-incomplete"


def test_a_missing_shard_is_told_by_name(tmp_path: Path) -> None:
    shard_copy(tmp_path)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ModelFileError, match="model-00002-of-00003"):
        WeightFolder(tmp_path)


@given(st.data())
def test_any_change_of_bytes_gives_a_file_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray((FLOAT_TINY / "model.safetensors").read_bytes()[:6200])
    header_end = 8 + int.from_bytes(raw[:8], "little")
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, header_end - 1))
        raw[place] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b'{}[]",:0123456789'))))
    path = tmp_path_factory.mktemp("mutated") / "model.safetensors"
    with path.open("wb") as file:
        file.write(raw)
        file.truncate((FLOAT_TINY / "model.safetensors").stat().st_size)
    try:
        file_read = open_safetensors(path)
    except ModelFileError:
        return
    for name in file_read.entries:
        assert file_read.map_tensor(name).nbytes == file_read.entries[name].size_bytes
