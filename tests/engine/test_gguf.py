"""The model file: written once, read back by us and by the public reader, and refused whenever it lies."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf as public
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.errors import ConversionError, ModelFileError
from engine.models.gguf import MetadataValue, open_gguf
from engine.models.gguf_writer import GgufWriter, TensorPlan
from engine.models.tensors import ElementType, narrow_to_bf16

METADATA: dict[str, MetadataValue] = {
    "general.architecture": "gla_swa",
    "a.text": "é <|im_end|> 血压",
    "a.whole": 7,
    "a.real": 0.5,
    "a.truth": True,
    "a.list": [1, 2, 3],
    "a.texts": ["x", "yz"],
}


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(value: bytes) -> bytes:
    return u64(len(value)) + value


def front(tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + u32(version) + u64(tensors) + u64(pairs)


def pair(key: bytes, kind: int, value: bytes) -> bytes:
    return text(key) + u32(kind) + value


def tensor(name: bytes, lengths: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + u32(len(lengths)) + b"".join(map(u64, lengths)) + u32(kind) + u64(offset)


def aligned(header: bytes, data: int) -> bytes:
    return header + bytes(-len(header) % 32) + bytes(data)


HUGE = 1 << 62
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "model-file-invalid"),
    "another format": (b"PK\x03\x04" + bytes(40), "model-file-invalid"),
    "an older version": (front(version=2), "model-file-version"),
    "a big-endian file": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "model-file-version"),
    "more pairs than bytes": (front(pairs=900), "model-file-truncated"),
    "absurdly many pairs": (front(pairs=HUGE), "model-file-oversized"),
    "more tensors than bytes": (front(tensors=900), "model-file-truncated"),
    "absurdly many tensors": (front(tensors=HUGE), "model-file-oversized"),
    "a key longer than any": (front(pairs=1) + u64(HUGE) + bytes(20), "model-file-oversized"),
    "a text longer than the file": (front(pairs=1) + pair(b"k", 8, u64(5000)), "model-file-truncated"),
    "a text that is not UTF-8": (front(pairs=1) + pair(b"k", 8, text(b"\xff\xfe")), "model-file-invalid"),
    "a key with a control character": (front(pairs=1) + pair(b"k\n", 0, b"\0"), "model-file-invalid"),
    "an empty key": (front(pairs=1) + pair(b"", 0, b"\0" * 9), "model-file-invalid"),
    "an unknown value type": (front(pairs=1) + pair(b"k", 77, bytes(8)), "model-file-invalid"),
    "a truth value of two": (front(pairs=1) + pair(b"k", 7, b"\2"), "model-file-invalid"),
    "the same key twice": (front(pairs=2) + pair(b"k", 0, b"\0") * 2, "model-file-invalid"),
    "arrays in an array": (front(pairs=1) + pair(b"k", 9, u32(9) + u64(1) + bytes(12)), "model-file-invalid"),
    "an array longer than the file": (
        front(pairs=1) + pair(b"k", 9, u32(4) + u64(900)),
        "model-file-truncated",
    ),
    "an array of absurd length": (front(pairs=1) + pair(b"k", 9, u32(0) + u64(HUGE)), "model-file-oversized"),
    "an alignment of seven": (
        front(pairs=1) + pair(b"general.alignment", 4, u32(7)),
        "model-file-invalid",
    ),
    "an alignment of zero": (front(pairs=1) + pair(b"general.alignment", 4, u32(0)), "model-file-invalid"),
    "an alignment that is a text": (
        front(pairs=1) + pair(b"general.alignment", 8, text(b"32")),
        "model-file-invalid",
    ),
    "an alignment of another width": (
        front(pairs=1) + pair(b"general.alignment", 10, u64(32)),
        "model-file-invalid",
    ),
    "a tensor without dimensions": (
        aligned(front(1) + tensor(b"t", (), 0, 0) + bytes(8), 64),
        "model-file-invalid",
    ),
    "a tensor of five dimensions": (
        aligned(front(1) + tensor(b"t", (1,) * 5, 0, 0), 64),
        "model-file-invalid",
    ),
    "a dimension of zero": (aligned(front(1) + tensor(b"t", (4, 0), 0, 0), 64), "model-file-invalid"),
    "a size beyond 63 bits": (
        aligned(front(1) + tensor(b"t", (1 << 40, 1 << 40), 0, 0), 64),
        "model-tensor-oversized",
    ),
    "a size that wraps to little": (
        aligned(front(1) + tensor(b"t", (1 << 62, 4), 0, 0), 64),
        "model-tensor-oversized",
    ),
    "a foreign tensor type": (
        aligned(front(1) + tensor(b"t", (32,), 2, 0), 64),
        "model-tensor-type-unsupported",
    ),
    "an unknown tensor type": (aligned(front(1) + tensor(b"t", (32,), 4000, 0), 64), "model-file-invalid"),
    "a tensor past the end": (aligned(front(1) + tensor(b"t", (32,), 0, 0), 64), "model-file-truncated"),
    "a tensor that starts late": (aligned(front(1) + tensor(b"t", (4,), 0, 32), 96), "model-file-invalid"),
    "a tensor that is not aligned": (aligned(front(1) + tensor(b"t", (4,), 0, 4), 96), "model-file-invalid"),
    "an offset that wraps": (
        aligned(front(1) + tensor(b"t", (4,), 0, (1 << 64) - 32), 96),
        "model-file-invalid",
    ),
    "two tensors in one place": (
        aligned(front(2) + tensor(b"a", (4,), 0, 0) + tensor(b"b", (4,), 0, 0), 64),
        "model-file-invalid",
    ),
    "two tensors of one name": (
        aligned(front(2) + tensor(b"a", (8,), 0, 0) + tensor(b"a", (8,), 0, 32), 64),
        "model-tensor-duplicate",
    ),
    "bytes after the last tensor": (aligned(front(1) + tensor(b"t", (8,), 0, 0), 64), "model-file-invalid"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_lies_is_refused_with_one_clear_error(name: str, tmp_path: Path) -> None:
    data, code = HOSTILE[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        open_gguf(path)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")


@pytest.mark.timeout(10)
def test_the_forty_nine_bytes_that_hang_the_public_reader_are_refused_at_once(tmp_path: Path) -> None:
    data = front(pairs=1) + pair(b"a", 9, u32(0) + u64(0xFFFFFFFFFFFFFFFF))
    assert len(data) == 49
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="elements of 'a'"):
        open_gguf(path)


@pytest.mark.timeout(10)
def test_counts_that_a_huge_sparse_file_would_allow_are_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    for data in (
        front(pairs=1 << 30),
        front(tensors=1 << 30),
        front(pairs=1) + text(b"k") + u32(8) + u64(1 << 30),
    ):
        path.write_bytes(data)
        with path.open("r+b") as file:
            file.truncate(1 << 36)
        with pytest.raises(ModelFileError) as caught:
            open_gguf(path)
        assert caught.value.code == "model-file-oversized"


def write_sample(path: Path) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    wide = random.standard_normal((3, 5), dtype=np.float32)
    arrays = {
        "codes": random.integers(-128, 128, (5, 7), dtype=np.int8),
        "codes.scales": random.standard_normal((5, 1)).astype(np.float16),
        "wide": wide,
        "vector": random.standard_normal(11, dtype=np.float32),
        "brain": narrow_to_bf16(wide),
        "filter": random.standard_normal((4, 1, 3), dtype=np.float32),
    }
    elements = {"int8": "I8", "float16": "F16", "float32": "F32", "uint16": "BF16"}
    plan = [
        TensorPlan(name, ElementType(elements[str(array.dtype)]), array.shape)
        for name, array in arrays.items()
    ]
    with GgufWriter(path, METADATA, plan) as writer:
        for array in arrays.values():
            for row in array if array.ndim > 1 else [array]:
                writer.write(row)
    return arrays


def test_what_is_written_is_read_back_to_the_bit(tmp_path: Path) -> None:
    arrays = write_sample(tmp_path / "model.gguf")
    file = open_gguf(tmp_path / "model.gguf")
    assert {key: file.metadata[key] for key in METADATA} == METADATA
    assert file.tensors.entries.keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(file.tensors.map_tensor(name), array)
        rows = file.tensors.entries[name].rows
        assert (
            file.tensors.read_rows(name, rows - 1, rows).tobytes() == array.reshape(rows, -1)[-1:].tobytes()
        )
    file.tensors.close()


def test_the_public_reader_sees_the_same_tensors_and_values(tmp_path: Path) -> None:
    arrays = write_sample(tmp_path / "model.gguf")
    reader = public.GGUFReader(tmp_path / "model.gguf")
    assert reader.fields["a.text"].contents() == METADATA["a.text"]
    assert reader.fields["a.list"].contents() == METADATA["a.list"]
    assert reader.fields["a.truth"].contents() is True
    types = {seen.name: seen.tensor_type.name for seen in reader.tensors}
    assert types == {
        "codes": "I8", "codes.scales": "F16", "wide": "F32", "vector": "F32", "brain": "BF16", "filter": "F32"
    }  # fmt: skip
    for seen in reader.tensors:
        array = arrays[seen.name]
        assert tuple(int(length) for length in reversed(seen.shape)) == array.shape
        assert seen.data.tobytes() == array.tobytes()


def test_every_cut_of_a_good_file_is_refused(tmp_path: Path) -> None:
    write_sample(tmp_path / "model.gguf")
    whole = (tmp_path / "model.gguf").read_bytes()
    header = open_gguf(tmp_path / "model.gguf").header
    last = max(entry.offset_bytes + entry.size_bytes for entry in header.entries.values())
    path = tmp_path / "cut.gguf"
    for length in range(0, last, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            open_gguf(path)


@given(st.data())
def test_any_change_of_bytes_gives_a_file_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    write_sample(folder / "model.gguf")
    raw = bytearray((folder / "model.gguf").read_bytes())
    header_end = open_gguf(folder / "model.gguf").header.data_offset_bytes
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, header_end - 1))
        size = data.draw(st.sampled_from([1, 4, 8]))
        raw[place : place + size] = data.draw(
            st.one_of(st.binary(min_size=size, max_size=size), st.sampled_from([b"\xff" * size, bytes(size)]))
        )
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(raw))))
    (folder / "model.gguf").write_bytes(raw[:cut])
    try:
        file = open_gguf(folder / "model.gguf")
    except ModelFileError:
        return
    for name in file.tensors.entries:
        assert file.tensors.map_tensor(name).nbytes == file.tensors.entries[name].size_bytes


def test_something_that_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.gguf", Path("/dev/null")):
        with pytest.raises(ModelFileError) as caught:
            open_gguf(path)
        assert caught.value.code == "model-file-unreadable"


def test_a_writer_that_is_left_early_leaves_nothing(tmp_path: Path) -> None:
    plan = [TensorPlan("t", ElementType.F32, (4, 2))]
    with pytest.raises(ValueError, match="not written to its end"):
        with GgufWriter(tmp_path / "model.gguf", METADATA, plan) as writer:
            writer.write(np.zeros((2, 2), dtype=np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_writer_refuses_more_bytes_or_another_type_than_planned(tmp_path: Path) -> None:
    plan = [TensorPlan("t", ElementType.F32, (2,)), TensorPlan("u", ElementType.F32, (2,))]
    for block in (np.zeros(3, dtype=np.float32), np.zeros(2, dtype=np.float64)):
        with pytest.raises(ValueError, match="t "):
            with GgufWriter(tmp_path / "model.gguf", METADATA, plan) as writer:
                writer.write(block)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught:
        with GgufWriter(tmp_path / "absent" / "model.gguf", METADATA, []):
            pass
    assert caught.value.code == "destination-unwritable"
