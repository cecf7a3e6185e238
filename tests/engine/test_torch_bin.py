"""The published torch container: read without torch, and never run."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.archive import read_archive
from engine.models.convert import convert
from engine.models.errors import ModelFileError
from engine.models.loading import load
from engine.models.shards import WeightFolder
from engine.models.state_dict import StateDictError, read_state_dict
from engine.models.tensors import ElementType
from engine.models.torch_bin import open_torch_bin
from tests.fixtures.model_files import FLOAT_TINY, read_golden
from tests.fixtures.torch_shards import fill_shards

SECOND = "pytorch_model-00002-of-00005.bin"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_shards(tmp_path_factory.mktemp("published") / "float-tiny-bin")


class _Named:
    """Pickles as the bare name of a global, or as a call of it."""

    def __init__(self, name: str, arguments: tuple[object, ...]) -> None:
        self.name, self.arguments = name, arguments


class _Storage:
    def __init__(self, kind: str, key: str, elements: object) -> None:
        self.described = ("storage", kind, key, "cpu", elements)


class _Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]  # the one written in Python can be bent
    """Writes the globals of torch without having torch."""

    def persistent_id(self, value: object) -> object:
        if isinstance(value, _Storage):
            what, kind, *rest = value.described
            return (what, _Word(kind), *rest)
        return None

    def save(self, value: object, *args: object, **named: object) -> None:
        if isinstance(value, _Word):
            module, _, name = value.name.rpartition(".")
            self.write(b"c" + f"{module}\n{name}\n".encode())
        elif isinstance(value, _Named):
            self.save(_Word(value.name))
            self.save(value.arguments)
            self.write(b"R")
        else:
            super().save(value, *args, **named)


class _Word:
    def __init__(self, name: str) -> None:
        self.name = name


def dumped(value: object) -> bytes:
    file = io.BytesIO()
    _Pickler(file, 2).dump(value)
    return file.getvalue()


def tensor(
    shape: object = (2, 3),
    stride: object = (3, 1),
    *,
    offset: object = 0,
    elements: object = 6,
    kind: str = "torch.FloatStorage",
    key: str = "0",
    hooks: object = None,
) -> _Named:
    hooks = OrderedDict() if hooks is None else hooks
    return _Named(
        "torch._utils._rebuild_tensor_v2",
        (_Storage(kind, key, elements), offset, shape, stride, False, hooks),
    )


def write_bin(path: Path, table: object, entries: dict[str, bytes], **extra: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("m/data.pkl", table if isinstance(table, bytes) else dumped(table))
        for key, data in entries.items():
            archive.writestr(f"m/data/{key}", data)
        for name, data in extra.items():
            archive.writestr(f"m/{name}", data)
    return path


def test_every_tensor_equals_the_one_in_the_other_container(published: Path) -> None:
    torch_made, plain = WeightFolder(published), WeightFolder(FLOAT_TINY)
    assert torch_made.entries.keys() == plain.entries.keys()
    assert len(torch_made.paths) == 5
    assert torch_made.size_bytes == plain.size_bytes
    for name, entry in plain.entries.items():
        assert torch_made.entries[name].element is entry.element
        assert np.array_equal(torch_made.map_tensor(name), plain.map_tensor(name))
        assert np.array_equal(torch_made.read_rows(name, 0, 1), plain.read_rows(name, 0, 1))
    torch_made.close()
    plain.close()


def test_the_published_folder_gives_the_known_logits(published: Path) -> None:
    answers = read_golden(FLOAT_TINY)
    model = load(published, threads=1).model
    logits = model.prefill(
        model.new_state(window_precision="f32"), np.asarray(answers["len7.input_ids"]), logits="all"
    )
    assert np.abs(logits - answers["len7.prefill_logits"]).max() <= 1e-4


def test_both_containers_convert_to_the_same_file(published: Path, tmp_path: Path) -> None:
    for source, name in ((published, "a"), (FLOAT_TINY, "b")):
        shutil.copytree(source, tmp_path / name / "m", ignore=shutil.ignore_patterns("golden.*"))
        convert(tmp_path / name / "m", tmp_path / f"{name}.gguf", "q8")
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_shards_without_an_index_are_found_by_their_numbers(published: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "m"))
    (folder / "pytorch_model.bin.index.json").unlink()
    assert len(WeightFolder(folder).entries) == 59
    (folder / SECOND).unlink()
    with pytest.raises(ModelFileError, match="shard 2 of 5 is missing"):
        WeightFolder(folder)


def test_shards_of_two_sets_are_not_mixed(published: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "m"))
    (folder / "pytorch_model.bin.index.json").unlink()
    shutil.copyfile(folder / SECOND, folder / "pytorch_model-00001-of-00004.bin")
    with pytest.raises(ModelFileError, match="two sets"):
        WeightFolder(folder)


def test_a_missing_shard_of_an_index_is_told_by_name(published: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "m"))
    (folder / SECOND).unlink()
    with pytest.raises(ModelFileError, match=SECOND):
        WeightFolder(folder)


def test_an_index_of_torch_shards_cannot_name_other_files(published: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(published, tmp_path / "m"))
    for shard in ("../x.bin", "x.safetensors", "/x.bin"):
        index = {"weight_map": {"lm_head.weight": shard}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
        with pytest.raises(ModelFileError) as caught:
            WeightFolder(folder)
        assert caught.value.code == "model-json-invalid"


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="neither"):
        WeightFolder(tmp_path)


def test_each_type_of_weight_and_shared_storages_are_read(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32)
    halves = values.astype(np.float16)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    table = {
        "a": tensor(),
        "b": tensor(kind="torch.HalfStorage", key="1"),
        "c": tensor(kind="torch.BFloat16Storage", key="2"),
        "row": tensor((3,), (1,), offset=3),
        "number": tensor((), (), offset=5),
        "flat": tensor((1, 3), (77, 1)),
    }
    entries = {"0": values.tobytes(), "1": halves.tobytes(), "2": bits.tobytes()}
    file = open_torch_bin(write_bin(tmp_path / "m.bin", table, entries, byteorder=b"little"))
    assert [file.entries[name].element for name in "abc"] == [
        ElementType.F32,
        ElementType.F16,
        ElementType.BF16,
    ]
    assert np.array_equal(file.map_tensor("a"), values.reshape(2, 3))
    assert np.array_equal(file.map_tensor("b"), halves.reshape(2, 3))
    assert np.array_equal(file.map_tensor("c"), bits.reshape(2, 3))
    assert np.array_equal(file.map_tensor("row"), values[3:])
    assert file.map_tensor("number") == 5
    assert np.array_equal(file.map_tensor("flat"), values[None, :3])


def test_layer_versions_beside_the_table_are_passed_over(tmp_path: Path) -> None:
    table = OrderedDict([("a", tensor())])
    table._metadata = OrderedDict([("", {"version": 1})])  # type: ignore[attr-defined]
    file = open_torch_bin(write_bin(tmp_path / "m.bin", table, {"0": bytes(24)}))
    assert set(file.entries) == {"a"}


class _Call:
    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


HARMFUL: dict[str, tuple[object, str]] = {
    "a shell command": (_Call(os.system, "echo harm > harm"), "system"),
    "an expression": (_Call(builtins.eval, "print(1)"), "builtin.*eval"),
    "an import": (_Call(__import__, "os"), "builtin.*import__"),
    "a call within a tensor's place": ({"a": _Call(os.system, "true")}, "system"),
    "a call within a call": (_Call(tuple, [_Call(os.system, "true")]), "builtin"),
    "an attribute of a module": ({"a": _Call(getattr, "x", "y")}, "getattr"),
    "torch's own loader": (_Named("torch.load", ("x.bin",)), "torch.load"),
    "torch's storage from bytes": (_Named("torch.storage._load_from_bytes", (b"",)), "_load_from_bytes"),
    "a name beyond a dot": (_Named("torch._utils.os.system", ("true",)), "torch._utils.os.system"),
    "a partial function": (_Named("functools.partial", (1,)), "functools.partial"),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", HARMFUL)
def test_a_pickle_that_calls_something_is_refused_by_its_name(
    name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value, told = HARMFUL[name]
    program = dumped(value) if isinstance(value, _Named) else pickle.dumps(value, protocol)
    path = write_bin(tmp_path / "m.bin", program, {})
    with pytest.raises(ModelFileError, match=told) as caught:
        open_torch_bin(path)
    assert caught.value.code == "model-pickle-refused"
    assert not (tmp_path / "harm").exists()


RAW_HARM: dict[str, tuple[bytes, str]] = {
    "the old instruction for an instance": (b"(S'true'\nios\nsystem\n.", "instruction"),
    "an instance named in its instruction": (b"(ios\nsystem\n.", "os.system"),
    "a name put together on the stack": (b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.", "os.system"),
    "an extension code": (b"\x82\x01.", "instruction"),
    "an object made by its class": (b"ccollections\nOrderedDict\n)\x81.", "instruction"),
    "a name that is not one": (b"c" + b"x" * 400 + b"\n", "well-formed"),
    "a known name called with something": (b"ccollections\nOrderedDict\nK\x01\x85R.", "torch does not"),
    "a storage class called": (b"ctorch\nFloatStorage\n)R.", "torch does not"),
    "attributes of a name": (b"ccollections\nOrderedDict\n}b.", "well-formed"),
    "nothing": (b"", "ends early"),
    "nothing left on the stack": (b".", "well-formed"),
    "a bare number": (b"K\x01.", "something else"),
    "a text longer than the file": (b"X\xff\xff\xff\xff", "ends early"),
    "a memory never filled": (b"h\x09.", "well-formed"),
    "a mark popped": (b"(\x85.", "well-formed"),
    "a tuple without a mark": (b"t.", "well-formed"),
    "a key that is a number": (b"}K\x01K\x01s.", "not a name"),
    "a key without a value": (b"}(X\x01\0\0\0au.", "well-formed"),
    "the same key twice": (b"}(X\x01\0\0\0aNX\x01\0\0\0aNu.", "twice"),
    "a number as a tensor": (b"}(X\x01\0\0\0aNu.", "not a tensor"),
    "a huge number": (b"\x8a\x09" + bytes(9) + b".", "too large"),
    "a persistent id that is none": (b"NQ.", "well-formed"),
    "an old protocol": (b"\x80\x00.", "protocol"),
    "a text of another encoding": (b"X\x01\0\0\0\xff.", "UTF-8"),
}


@pytest.mark.parametrize("name", RAW_HARM)
def test_a_program_that_is_no_table_is_refused(name: str) -> None:
    program, told = RAW_HARM[name]
    with pytest.raises(StateDictError, match=told):
        read_state_dict(program)


BAD_TENSORS: dict[str, tuple[_Named, str]] = {
    "a transposed one": (tensor((3, 2), (1, 3)), "row by row"),
    "one that repeats its rows": (tensor((2, 3), (0, 1)), "row by row"),
    "one beyond its storage": (tensor(offset=1), "beyond its storage"),
    "a size that wraps": (tensor((1 << 61, 8), (8, 1)), "beyond its storage"),
    "a negative offset": (tensor(offset=-1), "valid shape"),
    "a negative length": (tensor((-2, 3), (3, 1)), "valid shape"),
    "an empty one": (tensor((0, 3), (3, 1)), "valid shape"),
    "a length that is true": (tensor((True, 3), (3, 1)), "valid shape"),
    "fewer strides than lengths": (tensor((2, 3), (1,)), "valid shape"),
    "nine dimensions": (tensor((1,) * 8 + (6,), (6,) * 8 + (1,)), "valid shape"),
    "hooks": (tensor(hooks={"a": None}), "as torch does"),
    "whole numbers": (tensor(kind="torch.LongStorage"), "torch.LongStorage"),
    "a storage of no length": (tensor(elements=None), "well-formed"),
    "a storage that is not there": (tensor(key="7"), "storage of 'a' is not in it"),
    "a storage with a path for a key": (tensor(key="../data.pkl"), "storage of 'a' is not in it"),
    "a storage of another size": (tensor((1,), (1,), elements=5), "24 bytes for 5 numbers"),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_a_tensor_that_lies_is_refused(name: str, tmp_path: Path) -> None:
    value, told = BAD_TENSORS[name]
    with pytest.raises(ModelFileError, match=told):
        open_torch_bin(write_bin(tmp_path / "m.bin", {"a": value}, {"0": bytes(24)}))


def patched(good: bytes, mark: bytes, offset: int, value: bytes, *, last: bool = False) -> bytes:
    place = (good.rindex(mark) if last else good.index(mark)) + offset
    return good[:place] + value + good[place + len(value) :]


END, CENTRAL = b"PK\x05\x06", b"PK\x01\x02"
FULL = b"\xff\xff\xff\xff"
BENT: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "a file of the time before archives": lambda good: (
        b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(99)
    ),
    "half of it": lambda good: good[: len(good) // 2],
    "its end cut off": lambda good: good[:-1],
    "something behind it": lambda good: good + b"\0",
    "a second disk": lambda good: patched(good, END, 4, b"\x01"),
    "more entries than there are": lambda good: patched(good, END, 8, b"\x09\0\x09\0"),
    "thousands of entries": lambda good: patched(good, END, 8, b"\xff\xff\xff\xff"),
    "a directory of gigabytes": lambda good: patched(good, END, 12, FULL),
    "a directory somewhere else": lambda good: patched(good, END, 16, b"\0\0\0\0"),
    "an encrypted entry": lambda good: patched(good, CENTRAL, 8, b"\x01\0"),
    "a compressed entry": lambda good: patched(good, CENTRAL, 10, b"\x08\0"),
    "an entry of another packed size": lambda good: patched(good, CENTRAL, 20, b"\x07\0"),
    "an entry of gigabytes": lambda good: patched(good, CENTRAL, 20, b"\xfe\xff\xff\xff" * 2),
    "a 64-bit size that is not there": lambda good: patched(good, CENTRAL, 20, FULL * 2),
    "an entry beyond the end": lambda good: patched(good, CENTRAL, 42, b"\0\0\0\x7f"),
    "an entry at another's place": lambda good: patched(good, CENTRAL, 42, bytes(4), last=True),
    "a name of sixty thousand bytes": lambda good: patched(good, CENTRAL, 28, b"\xff\xff"),
    "a name that climbs": lambda good: good.replace(b"m/data/0", b"m/../../"),
    "a name from the root": lambda good: good.replace(b"m/data/0", b"/etc/pas"),
    "a name of another system": lambda good: good.replace(b"m/data/0", b"m\\data\\0"),
    "a name that is no text": lambda good: good.replace(b"m/data/0", b"m/data/\xff"),
    "a second folder": lambda good: good.replace(b"m/data/0", b"n/data/0"),
    "the table twice": lambda good: good.replace(b"m/twin.pkl", b"m/data.pkl"),
    "no table": lambda good: good.replace(b"m/data.pkl", b"m/tata.pkl"),
}


@pytest.mark.parametrize("name", BENT)
def test_an_archive_that_lies_is_refused_with_one_clear_error(name: str, tmp_path: Path) -> None:
    path = write_bin(tmp_path / "m.bin", {"a": tensor()}, {"0": bytes(24)}, **{"twin.pkl": b"."})
    assert set(open_torch_bin(path).entries) == {"a"}
    path.write_bytes(BENT[name](path.read_bytes()))
    with pytest.raises(ModelFileError) as caught:
        open_torch_bin(path)
    assert caught.value.code in ("model-file-invalid", "model-file-truncated", "model-file-oversized")
    assert "m.bin" in caught.value.message


def test_a_truly_compressed_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", bytes(50_000_000))
    with pytest.raises(ModelFileError, match="compressed"):
        open_torch_bin(path)


def test_a_table_of_megabytes_is_not_read(tmp_path: Path) -> None:
    path = write_bin(tmp_path / "m.bin", b"(" * (1 << 21), {})
    with pytest.raises(ModelFileError) as caught:
        open_torch_bin(path)
    assert caught.value.code == "model-file-oversized"


def test_numbers_of_the_other_byte_order_are_refused(tmp_path: Path) -> None:
    path = write_bin(tmp_path / "m.bin", {"a": tensor()}, {"0": bytes(24)}, byteorder=b"big")
    with pytest.raises(ModelFileError, match="little-endian"):
        open_torch_bin(path)


def test_entries_with_64_bit_places_are_found(tmp_path: Path) -> None:
    path = write_bin(tmp_path / "m.bin", {"a": tensor()}, {"0": bytes(24)})
    good = path.read_bytes()
    wanted = read_archive(path)["data/0"]
    place = good.rindex(CENTRAL)
    packed, size = good[place + 20 : place + 24], good[place + 24 : place + 28]
    header = good[place + 42 : place + 46]
    extra = struct.pack("<2H", 1, 24) + size + bytes(4) + packed + bytes(4) + header + bytes(4)
    name = good[place + 46 : place + 54]
    entry = (
        good[place : place + 20] + FULL * 2 + good[place + 28 : place + 30] + struct.pack("<H", len(extra))
    )
    entry += good[place + 32 : place + 42] + FULL + name + extra
    end = good.index(END)
    grown = struct.pack("<I", struct.unpack_from("<I", good, end + 12)[0] + len(extra))
    path.write_bytes(good[:place] + entry + good[end : end + 12] + grown + good[end + 16 :])
    assert read_archive(path)["data/0"] == wanted


@given(st.data())
def test_any_change_of_bytes_gives_a_file_or_the_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    raw = bytearray(write_bin(folder / "m.bin", {"a": tensor()}, {"0": bytes(24)}).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b"(){}tRQcqhXu.\x85"))))
    (folder / "m.bin").write_bytes(raw)
    try:
        file = open_torch_bin(folder / "m.bin")
    except ModelFileError:
        return
    for name in file.entries:
        assert file.map_tensor(name).nbytes == file.entries[name].size_bytes


@given(st.binary(max_size=200))
def test_any_program_is_a_table_or_refused(program: bytes) -> None:
    with contextlib.suppress(StateDictError):
        read_state_dict(program)
