"""A model of another maker through the real program: added, told as what it is, asked, checked, removed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.llama_model import write_llama_model
from tests.promises.house import PASSPHRASE, House, Ran

GROWS = "transformer: memory grows with length"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "house")
    house.make_vault()
    # The library's threads wait for one another by turning: on a busy machine one is faster than two.
    house.choose_model("", engine_threads=1)
    yield house
    house.close()


def model(house: House, *words: object, passphrase: str = PASSPHRASE) -> Ran:
    command = [sys.executable, "-m", "app", "model", *map(str, words)]
    return house.finish(house.start([*command, "--vault", str(house.vault), "--json"]), passphrase)


def test_a_foreign_model_is_added_asked_checked_and_removed(house: House) -> None:
    file = write_llama_model(house.files / "tiny.gguf")
    look = model(house, "look", file).value["look"]
    assert (look["architecture"], look["note"], look["licence"]) == ("llama", GROWS, "test")
    added = model(house, "add", file)
    assert added.code == 0, added.err
    told = added.value["model"]
    assert (told["name"], told["note"], told["max_context_tok"]) == ("tiny llama", GROWS, 2048)
    assert told["kv_bytes_per_token"] > 0
    assert told["prefill_tok_per_s"] > 0
    assert model(house, "add", file).value["model"]["id"] == told["id"], "the same file is kept once"
    paper = house.file("letter.txt", "The hearing of Mrs Quillon takes place on 4 May 2031 in Lyon.")
    assert house.take(paper).code == 0
    house.choose_model(told["id"], engine_threads=1)
    answer = house.run("ask", "When is the hearing?", "--dossier", "D")
    assert answer.code == 0, answer.err
    assert answer.value["model"] == "tiny llama"
    assert answer.value["mode"] == "model"
    assert model(house, "check", "tiny llama").value["whole"] is True
    assert model(house, "remove", "tiny llama").code == 0
    assert list(house.models.iterdir()) == []


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_half_a_foreign_file_is_refused_by_name_and_leaves_nothing(house: House, share: float) -> None:
    whole = write_llama_model(house.files / "tiny.gguf").read_bytes()
    half = house.files / "half.gguf"
    half.write_bytes(whole[: int(share * len(whole))])
    refused = model(house, "add", half)
    assert refused.code != 0
    assert "half.gguf" in json.loads(refused.out)["error"]["message"]
    assert "Traceback" not in refused.err
    assert not house.models.is_dir() or list(house.models.iterdir()) == []
