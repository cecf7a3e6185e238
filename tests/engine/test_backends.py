"""Backends: which one takes what, and that each keeps the contract. That of llama.cpp is in tests/gguf."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

import pytest

from engine.backends import BACKENDS, backend_for
from engine.backends.native import NativeBackend
from engine.importer.examination import examine
from engine.importer.intake import rehash, take_in
from engine.models import foreign
from engine.models.convert import convert
from engine.models.errors import ModelError, ModelFileError
from engine.models.foreign import identity_of, read_foreign
from engine.models.sources import sniff
from engine.protocol import Load, codes
from engine.protocol.importing import LookAt, Rehash, TakeIn
from engine.runtime.seam import LoadedBackend
from engine.worker.desk import RequestFailed
from engine.worker.loading import load_model
from tests.engine.backend_contract import BackendContract
from tests.engine.fake_model import Habits, make_model
from tests.fixtures.branched_model import write_branched_checkpoint
from tests.fixtures.llama_model import write_llama_model
from tests.fixtures.model_files import FLOAT_TINY


@pytest.fixture(scope="module")
def llama_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama_model(tmp_path_factory.mktemp("llama") / "tiny.gguf")


class TestNative(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> LoadedBackend:
        return NativeBackend().load(Load(1, str(FLOAT_TINY), threads=1))


class TestBranched(BackendContract):
    """Memory grows with the text, experts come on demand."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory: pytest.TempPathFactory) -> LoadedBackend:
        folder = tmp_path_factory.mktemp("branched")
        path = convert(write_branched_checkpoint(folder / "checkpoint"), folder / "model.gguf", "q8").path
        return NativeBackend().load(Load(1, str(path), threads=1, expert_memory_bytes=20_000))


def test_ours_are_computed_by_us_and_other_gguf_files_by_llama(llama_file: Path, tmp_path: Path) -> None:
    ours = convert(FLOAT_TINY, tmp_path / "ours.gguf", "q8").path
    assert backend_for(ours).name == backend_for(FLOAT_TINY).name == "native"
    assert backend_for(llama_file).name == "llama.cpp"
    assert backend_for(tmp_path / "missing").name == "native"
    (tmp_path / "text.txt").write_text("no model at all")
    assert backend_for(tmp_path / "text.txt").name == "native"
    assert len({backend.name for backend in BACKENDS}) == len(BACKENDS)


def test_without_the_library_the_message_says_what_to_type(
    llama_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "ENGINE_PACKAGE", "no_such_package")
    with pytest.raises(RequestFailed, match=r"pip install 'huisclos\[gguf\]'") as failed:
        load_model(Load(1, str(llama_file)))
    assert failed.value.code == codes.BACKEND_MISSING


def test_a_foreign_file_is_told_by_its_front(llama_file: Path) -> None:
    source = sniff(llama_file)
    assert (source.kind, source.architecture) == ("foreign", "llama")
    facts = read_foreign(llama_file)
    assert (facts.name, facts.architecture, facts.licence) == ("tiny llama", "llama", "test")
    assert (facts.layers, facts.context_tok) == (2, 2048)
    assert facts.token_bytes == 2 * 2 * 16 * 2 * 2  # layers, kv heads, head size, keys and values, bytes
    assert facts.parameters == 98_496
    assert facts.size_bytes == llama_file.stat().st_size


def test_a_foreign_file_is_looked_at_taken_in_and_checked(
    llama_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = LookAt(str(llama_file), 64 << 20)
    monkeypatch.setattr(foreign, "ENGINE_PACKAGE", "no_such_package")
    with pytest.raises(ModelFileError, match="pip install"):
        examine(asked)
    monkeypatch.setattr(foreign, "ENGINE_PACKAGE", "numpy")
    look = examine(asked)
    assert (look.note, look.architecture) == ("transformer: memory grows with length", "llama")
    assert (look.recommended, look.source_bytes) == ("gguf", llama_file.stat().st_size)
    request = TakeIn(str(llama_file), str(tmp_path), "model.gguf", "", "f32", "", 64 << 20)
    told: list[int] = []
    taken = take_in(request, lambda done, total: told.append(done), lambda: False)
    copy = tmp_path / "model.gguf"
    assert copy.read_bytes() == llama_file.read_bytes()
    assert taken.sha256 == hashlib.sha256(copy.read_bytes()).hexdigest()
    assert taken.identity == identity_of(llama_file) == identity_of(copy)
    assert (taken.name, taken.format, taken.licence) == ("tiny llama", "gguf", "test")
    assert told[-1] == copy.stat().st_size
    verdict = rehash(Rehash(str(copy), 64 << 20), lambda done, total: None, lambda: False)
    assert (verdict.identity, verdict.sha256) == (taken.identity, taken.sha256)
    with copy.open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"bent!")
    assert identity_of(copy) != taken.identity


def test_no_cut_or_bent_front_of_a_foreign_file_does_more_than_be_refused(
    llama_file: Path, tmp_path: Path
) -> None:
    whole = llama_file.read_bytes()
    path = tmp_path / "bent.gguf"
    for length in [*range(0, 400, 7), 2000, 5000]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read_foreign(path)
    for place in range(4, 600, 3):
        path.write_bytes(whole[:place] + b"\xff" * 8 + whole[place + 8 :])
        with contextlib.suppress(ModelFileError):
            read_foreign(path)


def test_a_model_that_is_full_ends_its_answer_and_tells_a_reader() -> None:
    from engine.runtime.seam import ContextFull
    from engine.worker.work import explain

    told = explain(ContextFull("512 tokens"))
    assert told is not None
    assert (told.code, told.message) == (codes.CONTEXT_FULL, "The model has no room for more: 512 tokens.")


def test_errors_of_a_loaded_model_are_explained_by_its_backend() -> None:
    from engine.kernels import KernelError

    native = NativeBackend()
    told = native.explain(KernelError("no memory"))
    assert told is not None
    assert told.code == "kernels-failed"
    assert native.explain(ModelError("a-code", "A sentence.")) is not None
    assert native.explain(ZeroDivisionError()) is None


def test_the_fake_of_the_tests_is_a_backend_too() -> None:
    model: LoadedBackend = make_model(Habits())
    assert model.count_text("abc") == 3
