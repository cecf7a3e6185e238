"""Files that pretend to be models, given to the living application one after the other."""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from app import services
from app.chat.values import AnswerMode, Reason
from app.core.errors import UserError
from app.core.paths import Paths
from app.services.views import EngineState
from engine.models import keys
from engine.models.convert import convert, file_metadata, file_plan
from engine.models.facts import ModelFacts
from engine.models.gguf_writer import GgufWriter
from engine.models.tokenizer_json import AddedToken, build_tokenizer_json
from tests.fixtures.model_files import MERGES, small_config, tokenizer_vocabulary, write_checkpoint
from tests.promises import processes
from tests.promises.house import PASSPHRASE


def endless_array(path: Path, tiny: Path) -> None:
    """49 bytes that announce an array of arrays without end."""
    path.write_bytes(b"GGUF" + struct.pack("<IQQQcIIQ", 3, 0, 1, 1, b"a", 9, 9, 2**64 - 1))
    assert path.stat().st_size == 49


def million_tensors(path: Path, tiny: Path) -> None:
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63) + b"\xff" * 4096)


def cut_in_half(path: Path, tiny: Path) -> None:
    path.write_bytes(tiny.read_bytes()[: tiny.stat().st_size // 2])


def other_weights(path: Path, tiny: Path) -> None:
    raw = bytearray(tiny.read_bytes())
    raw[-1000:] = bytes(1000)
    path.write_bytes(raw)


def a_document(path: Path, tiny: Path) -> None:
    path.write_bytes(b"%PDF-1.7 a report, dropped in the wrong place")


def _checkpoint(path: Path, **how: object) -> None:
    folder = write_checkpoint(path.with_suffix(".checkpoint"), **how)  # type: ignore[arg-type]
    convert(folder, path, "q8")


def reaching_out(path: Path, tiny: Path) -> None:
    """A chat template that climbs to Python's own classes."""
    _checkpoint(path, template="{{ messages.__class__.__mro__[1].__subclasses__() }}")


def endless_template(path: Path, tiny: Path) -> None:
    loops = "".join("{% for " + name + " in range(4000) %}" for name in "abc")
    _checkpoint(path, template=loops + "x" + "{% endfor %}" * 3)


def not_numbers(path: Path, tiny: Path) -> None:
    """A well-formed file whose scales are no numbers."""
    config = small_config(sliding_window=4096)
    vocab = tokenizer_vocabulary()
    ends = AddedToken(len(vocab), "<|endoftext|>", special=True)
    tokenizer = build_tokenizer_json(vocab, list(MERGES), [ends])
    metadata = file_metadata(
        config,
        ModelFacts().named("nan"),
        "q8",
        tokenizer_json=tokenizer,
        template="",
        stop_ids=(),
        eos_id=None,
    )
    plan = file_plan(config, "q8")
    with GgufWriter(path, metadata, plan) as writer:
        for planned in plan:
            size = int(np.prod(planned.shape))
            if planned.name.endswith(keys.SCALES_SUFFIX):
                writer.write(np.full(size, np.nan, np.float16))
            elif planned.element.name == "I8":
                writer.write(np.ones(size, np.int8))
            else:
                writer.write(np.ones(size, np.float32))


REFUSED = [endless_array, million_tensors, cut_in_half, other_weights, a_document]
USELESS = [reaching_out, endless_template, not_numbers]


@pytest.fixture
def ws(house, tiny_model):
    house.make_vault()
    house.install_model(tiny_model)
    paths = Paths.find(house.root / "huisclos")
    parts = services.Companions.start(paths, shipped_models=house.root / "nothing-shipped")
    workspace = services.Workspace.open(house.vault, PASSPHRASE, companions=parts, auto_read=False)
    with contextlib.closing(workspace):
        yield workspace


def told_in_one_sentence(refusal, name, secret_folder):
    assert refusal.code == "model-refused", name
    sentence = refusal.sentence()
    assert name in sentence
    assert len(sentence) < 400, sentence
    assert not {part for part in ("Traceback", "{", secret_folder) if part in sentence}


def test_a_hostile_model_is_refused_in_one_sentence_and_all_else_goes_on(ws, house, tiny_model, tmp_path):
    dossier = services.create_dossier(ws, "D").result(60)
    services.import_paths(ws, dossier.id, [house.file("a.txt", "The rent is EUR 900 a month.")]).result(60)
    (mine,) = services.list_models(ws)

    def ask():
        return services.ask(ws, dossier.id, "What is the rent?").result(60)

    assert ask().model == "tiny"
    for build in [*REFUSED, *USELESS]:
        path = tmp_path / f"{build.__name__}.gguf"
        build(path, tiny_model)
        added, refusal = None, None
        try:
            added = services.add_model(ws, path).result(60)
        except UserError as refused:
            refusal = refused
        if refusal is not None:
            told_in_one_sentence(refusal, build.__name__, str(house.root))
        if added is not None:
            assert build in USELESS, build
            # It loads, for its harm lies in what it would do: its answer is not taken, the passages are.
            answer = ask()
            assert answer.mode is AnswerMode.PASSAGES, build
            assert answer.reason in (Reason.ENGINE_DOWN, Reason.UNREADABLE_ANSWER, Reason.LOW_CONFIDENCE), (
                build
            )
            assert "900" in answer.text
            services.choose_model(ws, mine.id).result(60)
            services.remove_model(ws, added.id).result(60)
        assert services.search(ws, dossier.id, "rent ").result(60).total_pages == 1
        assert [m.id for m in services.list_models(ws)] == [mine.id], build
    answer = ask()
    assert (answer.mode, answer.model) == (AnswerMode.MODEL, "tiny"), "the model from before works again"
    assert services.engine_card(ws).state is EngineState.READY
    assert not list((house.root / "huisclos" / "models").glob(".*")), "nothing of them stays"
    assert len(processes.children(os.getpid())) >= 2
