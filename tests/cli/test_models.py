"""``huisclos model …`` as real processes: what comes in, what is refused and why, what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.cli import exits
from app.core.paths import Paths
from app.library import dossiers, readings
from app.services.models import ModelCatalogue
from app.services.schema import MIGRATIONS, REFERENCES
from app.store import Vault
from app.store.kdf import FLOOR
from engine.backends.cores import count_cores
from engine.models.random_checkpoint import write_random_checkpoint

ROOT = Path(__file__).parents[2]
WAIT_S = 100
PASSPHRASE = "Quartz-Vexillum 9071 Ombrage"


# The program, but that a model on trial reads for a moment and not for two seconds.
HURRIED = """
import sys
from app.__main__ import main
from engine import cage
bar = cage.bar_modules
def bar_and_hurry():
    bar()
    from app.services import model_trial
    model_trial.READ_S = 0.05
cage.bar_modules = bar_and_hurry
sys.exit(main())
"""


@dataclass
class House:
    """A home of its own with nothing shipped but the mini reader; processes of it end with the test."""

    home: Path
    program: tuple[str, str] = ("-c", HURRIED)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                sys.executable,
                *self.program,
                "model",
                *map(str, arguments),
                "--vault",
                str(self.home / "vault"),
            ],
            cwd=ROOT,
            env={**os.environ, "HUISCLOS_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.started.append(process)
        return process

    def run(self, *arguments: object) -> tuple[int, dict[str, object], str]:
        out, err = (process := self.start(*arguments, "--json")).communicate(timeout=WAIT_S)
        return process.returncode, json.loads(out) if out.strip() else {}, err

    def refusal(self, *arguments: object) -> str:
        """What a refused import says; nothing of it may stay."""
        code, value, err = self.run("add", *arguments)
        assert code in (exits.EXIT_USER, exits.EXIT_ENVIRONMENT), (code, value, err)
        assert isinstance(value["error"], dict)
        assert "Traceback" not in err
        assert self.left() == []
        return str(value["error"]["message"])

    def left(self) -> list[str]:
        """What lies in the folder of the models."""
        folder = self.home / "models"
        return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "home")
    yield house
    house.close()


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small checkpoint in each published layout."""
    root = tmp_path_factory.mktemp("published")
    for layout in ("base", "w8aspike"):
        write_random_checkpoint(root / layout, layout, "tiny")  # type: ignore[arg-type]
    return {path.name: path for path in root.iterdir()}


def test_a_model_is_added_listed_checked_and_removed(house: House, published: dict[str, Path]) -> None:
    house.program = ("-m", "app")
    before = {p.name: p.read_bytes() for p in published["base"].iterdir()}
    code, value, err = house.run("add", published["base"])
    assert code == 0, err
    model = value["model"]
    assert isinstance(model, dict)
    assert (model["name"], model["format"], model["parameters"]) == ("Random base", "q8", 4_809_536)
    assert model["licence"] == "none: random numbers"
    assert model["prefill_tok_per_s"] > 0
    assert model["decode_tok_per_s"] > 0
    assert len(model["shards"]) == 15
    assert {p.name: p.read_bytes() for p in published["base"].iterdir()} == before, "read in place"
    folder = house.home / "models" / str(model["id"])
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "model.gguf"]
    assert not any(p.stat().st_mode & 0o222 for p in (folder, *folder.iterdir())), "read-only"
    _, listed, _ = house.run("list")
    assert [m["id"] for m in listed["models"]] == ["default", model["id"]]  # type: ignore[index,union-attr]
    code, found, _ = house.run("check", "random BASE")
    assert (code, found["whole"], found["identity"]) == (0, True, model["identity"])
    kept = folder / "model.gguf"
    kept.chmod(0o644)
    with kept.open("r+b") as file:
        file.seek(-5000, os.SEEK_END)
        file.write(b"another weight")
    code, found, _ = house.run("check", model["id"])
    assert (code, found["whole"]) == (exits.EXIT_DAMAGED, False)
    code, removed, _ = house.run("remove", "Random base")
    assert (code, removed["readings_removed"], removed["vault"]) == (0, 0, None)
    assert house.left() == []
    assert house.run("remove", "default")[0] == exits.EXIT_USER
    assert house.run("check", "nobody")[0] == exits.EXIT_USER


def test_a_spiking_checkpoint_and_a_single_file_come_in_too(
    house: House, published: dict[str, Path], tmp_path: Path
) -> None:
    code, value, _ = house.run("look", published["w8aspike"] / "config.json")
    assert code == 0
    assert [o["format"] for o in value["look"]["offers"]] == ["spike8"]  # type: ignore[index]
    code, value, err = house.run("add", published["w8aspike"], "--reading", "bf16", "--name", "Impulse")
    assert code == 0, err
    spiking = value["model"]
    assert (spiking["name"], spiking["format"]) == ("Impulse", "spike8")  # type: ignore[index]
    assert len(spiking["shards"]) == 7  # type: ignore[index]
    single = tmp_path / "single.gguf"
    shutil.copy(house.home / "models" / str(spiking["id"]) / "model.gguf", single)  # type: ignore[index]
    code, value, _ = house.run("add", single)
    assert (code, value["model"]["id"]) == (0, spiking["id"]), "the same model is kept once"  # type: ignore[index]
    single.replace(house.home / "models" / "by-hand.gguf")
    _, listed, _ = house.run("list")
    assert "by-hand.gguf" in [m["id"] for m in listed["models"]]  # type: ignore[index,union-attr]
    assert house.run("check", "by-hand.gguf")[1]["whole"] is True


@pytest.mark.parametrize("quiet", [False, True])
def test_a_quiet_computer_is_quiet_while_a_model_is_tried_too(
    house: House, published: dict[str, Path], quiet: bool
) -> None:
    config = Paths.find(house.home).settings_file
    config.parent.mkdir(parents=True)
    config.write_text(f"version = 1\nquiet = {str(quiet).lower()}\n")
    code, value, err = house.run("add", published["base"])
    assert code == 0, err
    manifest = house.home / "models" / str(value["model"]["id"]) / "manifest.json"  # type: ignore[index]
    assert json.loads(manifest.read_text())["speed"]["threads"] == count_cores(quiet=quiet)


# -- what is wrong with a source, and what is said -----------------------------------------------------


def lose_a_shard(folder: Path) -> str:
    (folder / "pytorch_model-00003-of-00015.bin").unlink()
    return "pytorch_model-00003-of-00015.bin"


def lose_a_shard_without_index(folder: Path) -> str:
    (folder / "pytorch_model.bin.index.json").unlink()
    return lose_a_shard(folder)


def cut_a_shard(folder: Path) -> str:
    with (folder / "pytorch_model-00002-of-00015.bin").open("r+b") as file:
        file.truncate(9000)
    return "pytorch_model-00002-of-00015.bin"


def contradict_the_tensors(folder: Path) -> str:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"intermediate_size": 640', '"intermediate_size": 768'))
    return "mlp.gate_proj.weight has shape [640, 256], but config.json calls for [768, 256]"


def lose_the_tokenizer(folder: Path) -> str:
    (folder / "vocab.json").unlink()
    return "vocab.json"


def lose_the_configuration(folder: Path) -> str:
    (folder / "config.json").unlink()
    return "config.json"


def put_in_no_number(folder: Path) -> str:
    """A NaN among the bfloat16 of the first shard that holds nothing but embeddings."""
    name = "pytorch_model-00001-of-00015.bin"
    data = bytearray((folder / name).read_bytes())
    data[200_000:200_002] = np.uint16(0x7FC0).tobytes()
    (folder / name).write_bytes(data)
    return f"{name}: model.embeddings.weight: A weight of the checkpoint is not a finite number"


def call_something(folder: Path) -> str:
    """The table of a shard names a function to call."""
    name = "pytorch_model-00004-of-00015.bin"
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(
        data.replace(b"ccollections\nOrderedDict\n", b"cposix\nsystem\nOrderedDict__\n"[:25])
    )
    return name


def claim_absurd_sizes(folder: Path) -> str:
    """The directory at the end of a shard speaks of an entry larger than all disks."""
    name = "pytorch_model-00005-of-00015.bin"
    data = bytearray((folder / name).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 20 : place + 28] = b"\xff\xff\xff\x7f" * 2
    (folder / name).write_bytes(data)
    return name


def repeat_a_tensor(folder: Path) -> str:
    (folder / "pytorch_model.bin.index.json").unlink()
    shutil.copy(folder / "pytorch_model-00006-of-00015.bin", folder / "pytorch_model-00007-of-00015.bin")
    return "pytorch_model-00006-of-00015.bin"


@pytest.mark.parametrize(
    "spoil",
    [
        lose_a_shard,
        lose_a_shard_without_index,
        cut_a_shard,
        contradict_the_tensors,
        lose_the_tokenizer,
        lose_the_configuration,
        put_in_no_number,
        call_something,
        claim_absurd_sizes,
        repeat_a_tensor,
    ],
)
def test_a_spoilt_checkpoint_is_refused_by_the_name_of_what_is_wrong(
    house: House, published: dict[str, Path], tmp_path: Path, spoil: Callable[[Path], str]
) -> None:
    folder = shutil.copytree(published["base"], tmp_path / "model")
    expected = spoil(folder)
    assert expected in house.refusal(folder, "--format", "bf16")


def test_whole_numbers_are_no_weights(house: House, published: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(published["w8aspike"], tmp_path / "model")
    name = "model-00001-of-00007.safetensors"
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data.replace(b'"dtype":"F32"', b'"dtype":"I32"', 1))
    assert name in house.refusal(folder)


def test_a_model_that_is_larger_than_the_disk_is_refused_before_a_byte_is_written(
    house: House, published: dict[str, Path], tmp_path: Path
) -> None:
    """The shards are holes: terabytes that take no room."""
    folder = tmp_path / "vast"
    write_vast_checkpoint(folder, published["w8aspike"])
    said = house.refusal(folder, "--format", "bf16")
    assert "needs" in said
    assert "MB left" in said


def write_vast_checkpoint(folder: Path, like: Path) -> None:
    """A float checkpoint of two matrices of 2^36 numbers each, in one sparse file."""
    from engine.models.config import ModelConfig
    from engine.models.tensor_names import expected_tensors

    shutil.copytree(like, folder, ignore=shutil.ignore_patterns("model*"))
    shape = {
        "vocab_size": 1 << 20,
        "hidden_size": 1 << 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 128,
        "num_key_value_heads": 1,
        "intermediate_size": 64,
    }
    config = json.loads((folder / "config.json").read_text()) | shape
    (folder / "config.json").write_text(json.dumps(config))
    header, place = {}, 0
    for tensor in expected_tensors(ModelConfig.from_json(config)):
        size = 2 * int(np.prod(tensor.shape, dtype=np.int64))
        header[tensor.name] = {
            "dtype": "BF16",
            "shape": list(tensor.shape),
            "data_offsets": [place, place + size],
        }
        place += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place)


# -- what goes wrong on the way ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that takes a while: its embeddings are long."""
    folder = tmp_path_factory.mktemp("slow") / "model"
    write_slow_checkpoint(folder)
    return folder


def write_slow_checkpoint(folder: Path) -> None:
    from engine.models import random_checkpoint
    from engine.models.config import ModelConfig

    shape = ModelConfig(
        vocab_size=60_000,
        hidden_size=1024,
        layers=4,
        heads=8,
        kv_heads=2,
        intermediate_size=4096,
        sliding_window=64,
    )
    shapes = random_checkpoint._SHAPES
    before = shapes["tiny"]
    shapes["tiny"] = shape
    try:
        write_random_checkpoint(folder, "base", "tiny")
    finally:
        shapes["tiny"] = before


def importer_of(process: subprocess.Popen[str]) -> psutil.Process | None:
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "engine.importer" in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def written_bytes(house: House) -> int:
    """How much of a model lies in a staging folder."""
    total = 0
    for file in (house.home / "models").glob(".*.part/.model*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:
            continue
    return total


@pytest.mark.parametrize("point", ["looking", "converting", "half-way"])
def test_a_kill_leaves_nothing_that_is_taken_for_a_model_and_the_next_start_clears_up(
    house: House, slow: Path, point: str
) -> None:
    process = house.start("add", slow, "--format", "q4")
    reached = {
        "looking": lambda: importer_of(process) is not None,
        "converting": lambda: written_bytes(house) > 0,
        "half-way": lambda: written_bytes(house) > 20_000_000,
    }[point]
    wait_for(reached)
    importer = importer_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if importer is not None:
        importer.wait(WAIT_S)  # it hears that nobody is there any more
    assert [name for name in house.left() if not name.startswith(".")] == []
    _, listed, _ = house.run("list")
    assert [m["id"] for m in listed["models"]] == ["default"]  # type: ignore[index,union-attr]
    assert house.left() == []


def test_a_killed_importer_is_told_and_leaves_nothing(house: House, slow: Path) -> None:
    process = house.start("add", slow, "--format", "q4")
    wait_for(lambda: written_bytes(house) > 0)
    importer = importer_of(process)
    assert importer is not None
    importer.kill()
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == exits.EXIT_USER
    assert "cannot be used as a model" in err
    assert house.left() == []


def test_ctrl_c_stops_an_import_and_leaves_nothing(house: House, slow: Path) -> None:
    process = house.start("add", slow, "--format", "q4")
    wait_for(lambda: written_bytes(house) > 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == exits.EXIT_STOPPED
    assert err.strip().endswith("Stopped.")
    assert house.left() == []


def test_a_disk_that_goes_away_while_it_is_read_is_told_by_the_shard(
    house: House, slow: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(slow, tmp_path / "stick")
    process = house.start("add", folder, "--format", "q4")
    wait_for(lambda: written_bytes(house) > 0)
    shutil.rmtree(folder)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == exits.EXIT_USER
    assert "pytorch_model-000" in err
    assert "cannot be read any more" in err
    assert house.left() == []


def test_a_shard_that_is_cut_while_it_is_read_is_told(house: House, slow: Path, tmp_path: Path) -> None:
    """As a copy that is begun anew over it would, or a disk that is put right after a crash."""
    folder = shutil.copytree(slow, tmp_path / "model")
    process = house.start("add", folder, "--format", "q4")
    wait_for(lambda: written_bytes(house) > 0)
    for shard in folder.glob("*.bin"):
        os.truncate(shard, 70_000)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == exits.EXIT_USER
    assert "pytorch_model-000" in err
    assert "ends in the middle of" in err or "changed while it was read" in err
    assert house.left() == []


def test_a_disk_that_fills_up_while_it_is_written_is_told(house: House, slow: Path) -> None:
    """A limit on the size of files stands in for the last free byte."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000_000, 30_000_000));"
        "import app.__main__; sys.exit(app.__main__.main())"
    )
    limited = [
        sys.executable, "-c", program, "model", "add", str(slow),
        "--format", "q4", "--json", "--vault", str(house.home / "v"),
    ]  # fmt: skip
    done = subprocess.run(
        limited,
        cwd=ROOT,
        env={**os.environ, "HUISCLOS_HOME": str(house.home)},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert done.returncode == exits.EXIT_USER, done.stderr
    assert "model.gguf cannot be written: File too large" in json.loads(done.stdout)["error"]["message"]
    assert house.left() == []


def test_two_imports_at_once_do_not_clear_each_other_away(house: House, slow: Path) -> None:
    process = house.start("add", slow, "--format", "q4")
    wait_for(lambda: written_bytes(house) > 0)
    importer = importer_of(process)
    assert importer is not None
    importer.suspend()
    assert house.run("list")[0] == 0
    assert written_bytes(house) > 0, "what somebody works on stays"
    importer.resume()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_S)
    assert house.left() == []


def test_a_sweep_takes_what_is_nobodys_and_leaves_what_somebody_holds(tmp_path: Path) -> None:
    catalogue = ModelCatalogue(Paths.find(tmp_path).models, tmp_path / "none")
    with catalogue.staging() as mine:
        (mine.parent / ".abc.part").mkdir()
        (mine.parent / ".abc.part" / "model.gguf").write_bytes(b"half")
        (mine.parent / ".abc.gone").mkdir()
        assert catalogue.sweep() == 2
        assert mine.is_dir()
    assert list(catalogue.folder.iterdir()) == []


def test_removing_a_model_opens_the_vault_for_the_readings_it_made(
    house: House, published: dict[str, Path]
) -> None:
    vault = house.home / "vault"
    _, value, _ = house.run("add", published["base"], "--format", "q4")
    model = value["model"]
    assert isinstance(model, dict)
    identity, model_id = str(model["identity"]), str(model["id"])
    with contextlib.closing(
        Vault.create(vault, PASSPHRASE, MIGRATIONS, kdf=FLOOR, references=REFERENCES)
    ) as kept:
        sealed = kept.sealed_files.create("reading")
        os.write(sealed.fd, b"sealed")
        kept.sealed_files.commit(sealed)
        with kept.write() as connection:
            dossier = dossiers.create_dossier(connection, "D")
            dossiers.choose_model(connection, dossier.id, model_id)
            readings.book_reading(
                connection, dossier.id, model_identity=identity, model_id=model_id, position_tok=1,
                text_mac=b"m", sealed_file_id=sealed.id, size_bytes=6, covered=[],
            )  # fmt: skip
    command = [sys.executable, "-m", "app", "model", "remove", model_id, "--json", "--vault", str(vault)]
    for typed, code in (("not the passphrase at all\n", exits.EXIT_USER), (PASSPHRASE + "\n", 0)):
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "HUISCLOS_HOME": str(house.home)}, input=typed,
            capture_output=True, text=True, timeout=WAIT_S,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert (house.left() == []) is (code == 0)
    told = json.loads(done.stdout)
    assert (told["readings_removed"], told["vault"]) == (1, str(vault))
    with contextlib.closing(Vault.open(vault, PASSPHRASE, MIGRATIONS, references=REFERENCES)) as kept:
        assert list(kept.sealed_files.ids()) == []
        with kept.read() as connection:
            assert readings.list_readings(connection) == ()
            assert dossiers.find_dossier(connection, "D").model_id == ""  # type: ignore[union-attr]
