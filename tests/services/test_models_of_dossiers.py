"""Several models side by side: a dossier's own is kept with it, and what a model read goes with the model."""

from __future__ import annotations

import json
import threading

import pytest

from app import services
from app.core.errors import EnvironmentFailure, UserError
from app.library import readings as reading_rows
from app.library.failures import DossierMissing
from app.services import model_imports
from app.services.model_manifest import MANIFEST, ModelManifest, read_manifest
from app.services.models import MODEL_FILE, InstalledModel, ModelCatalogue, ModelRefused
from app.services.operation import Operation, OperationCancelled
from app.services.views import Fit, ReadingState
from engine.client import EngineDied
from engine.models.convert import convert
from tests.fixtures.model_files import FLOAT_TINY, write_checkpoint


@pytest.fixture
def second(tmp_path):
    """A file of another model."""
    convert(FLOAT_TINY, tmp_path / "second.gguf", "bf16")
    return tmp_path / "second.gguf"


def bookings(ws):
    with ws.vault.read() as conn:
        return reading_rows.list_readings(conn)


def ready(ws):
    return ws.host.wait_until_ready(60, threading.Event())


def test_a_dossiers_own_model_is_brought_back_with_it_and_its_readings_go_with_it(real, second):
    with real.open() as ws:
        mine, other = (real.dossier(ws, a_txt=real.LETTER) for _ in range(2))
        services.read_dossier(ws, other).result(60)
        added = services.add_model(ws, second, choose=False).result(60)
        assert [m.chosen for m in services.list_models(ws)] == [True, False]
        assert added.prefill_tok_per_s > 0
        services.choose_dossier_model(ws, mine, added.id).result(60)
        assert ws.host.wanted.card.id == added.id
        assert services.read_dossier(ws, mine).result(60).state is ReadingState.READY
        assert {b.model_id for b in bookings(ws)} == {"default", added.id}
    with real.open() as ws:
        assert services.dossier_model(ws, mine) == added.id
        assert ready(ws).format == "q8", "the common one to begin with"
        card = services.open_dossier(ws, mine).result(60)
        assert (card.state, ws.host.wanted.card.id) == (ReadingState.READY, added.id)
        assert services.open_dossier(ws, other).result(60).state is ReadingState.READY
        assert ws.host.wanted.card.id == "default"
        answer = services.ask(ws, mine, "Quel anticoagulant ?").result(60)
        assert answer.model == "float-tiny"
        assert services.count_readings(ws, added.id) == 1
        assert services.remove_model(ws, added.id).result(60) == 1
        assert services.dossier_model(ws, mine) == ""
        assert [b.dossier_id for b in bookings(ws)] == [other]
        assert set(ws.vault.sealed_files.ids()) == {b.sealed_file_id for b in bookings(ws)}
        assert ready(ws).format == "q8"


def test_a_model_that_comes_in_but_cannot_be_loaded_does_not_stay(real, second, monkeypatch):
    with real.open() as ws:
        load = ws.host.client.load

        def refuse(path, **options):
            return load(path.with_name("no such file") if path.name == MODEL_FILE else path, **options)

        monkeypatch.setattr(ws.host.client, "load", refuse)
        with pytest.raises(ModelRefused):
            services.add_model(ws, second).result(60)
        assert [m.id for m in services.list_models(ws)] == ["default"]
        assert list(ws.host.catalogue.folder.iterdir()) == []
        assert ready(ws).format == "q8", "the one before answers again"


def test_the_model_that_answers_is_loaded_again_whichever_it_is(real, second):
    with real.open() as ws:
        mine = real.dossier(ws, a_txt=real.LETTER)
        added = services.add_model(ws, second, choose=False).result(60)
        services.choose_dossier_model(ws, mine, added.id).result(60)
        ws.settings.change(engine_threads=1)
        card = services.reload_model(ws).result(60)
        assert card.model.id == added.id, "the dossier's own, not the common one"
        assert ws.host.info.threads == 1


def test_a_check_that_could_not_be_made_does_not_call_a_model_damaged(real, monkeypatch):
    with real.open() as ws:

        def die(*_):
            raise EngineDied("not-started")

        monkeypatch.setattr(model_imports.ModelImporter, "rehash", die)
        with pytest.raises(ModelRefused):
            services.check_model(ws, "default").result(60)


def test_what_does_not_exist_cannot_be_chosen_and_changes_nothing(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, a_txt=real.LETTER)
        with pytest.raises(UserError):
            services.choose_dossier_model(ws, dossier_id, "0" * 32).result(60)
        with pytest.raises(DossierMissing):
            services.choose_dossier_model(ws, "0" * 32, "default").result(60)
        assert services.dossier_model(ws, dossier_id) == ""
        assert services.dossier_model(ws, "0" * 32) == ""
        with pytest.raises(UserError):
            services.check_model(ws, "0" * 32).result(60)


def test_the_time_a_dossier_takes_is_its_text_at_the_measured_speed(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, a_txt=desk.LETTER, b_txt=desk.LEASE)
        characters = services.count_characters(ws, dossier_id)
        assert abs(characters - len(desk.LETTER) - len(desk.LEASE)) < 30
    assert model_imports.reading_time_s(1_000_000, 0.25, 50.0) == 5000.0
    assert model_imports.reading_time_s(1_000_000, 0.25, 0.0) is None


def test_whether_a_model_fits_is_told_by_its_share_of_the_memory():
    assert [model_imports.fit_of(size, 1000) for size in (0, 750, 751, 950, 951)] == [
        Fit.WELL,
        Fit.WELL,
        Fit.TIGHT,
        Fit.TIGHT,
        Fit.NOT,
    ]


def test_a_form_that_does_not_suit_is_refused_with_those_that_do(tmp_path):
    catalogue = ModelCatalogue(tmp_path / "models", tmp_path / "none")
    operation: Operation[InstalledModel] = Operation("add-model")
    folder = write_checkpoint(tmp_path / "m")
    with pytest.raises(UserError, match="q8, q4, bf16") as refused:
        model_imports.take_in(catalogue, folder, operation, format_name="spike8")
    assert refused.value.code == "model-format-unsuitable"
    operation.cancel()
    with pytest.raises(OperationCancelled):
        model_imports.take_in(catalogue, folder, operation)
    assert not catalogue.folder.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "models").write_text("a file where a folder should be")
    catalogue = ModelCatalogue(tmp_path / "models", tmp_path / "none")
    with pytest.raises(EnvironmentFailure) as failed, catalogue.staging():
        pass
    assert failed.value.code == "models-not-writable"


def test_names_find_models_ids_find_the_rest_and_old_manifests_are_read(tmp_path):
    catalogue = ModelCatalogue(tmp_path / "models", tmp_path / "none")
    for name in ("Twice", "twice", "Once"):
        with catalogue.staging() as staging:
            (staging / MODEL_FILE).write_bytes(b"GGUF")
            catalogue.install(staging, ModelManifest(name=name, identity=name))
    assert catalogue.find_named("once").manifest.name == "Once"
    assert catalogue.with_identity("Once") is not None
    assert catalogue.with_identity("") is None
    with pytest.raises(UserError) as several:
        catalogue.find_named("TWICE")
    with pytest.raises(UserError) as nobody:
        catalogue.find_named("Thrice")
    assert (several.value.code, nobody.value.code) == ("model-name-shared", "model-name-unknown")
    old = catalogue.folder / ("f" * 32)
    old.mkdir()
    (old / MODEL_FILE).write_bytes(b"GGUF")
    (old / "model.toml").write_text('name = "Old"\nsha256 = "ab"\nunknown = 1\n', "utf-8")
    assert catalogue.find_named("old").card.sha256 == "ab"
    catalogue.remove("f" * 32)
    (catalogue.folder / "by-hand.gguf").write_bytes(b"GGUF")
    assert catalogue.find_named("by-hand").card.id == "by-hand.gguf"
    catalogue.remove("by-hand.gguf")
    assert len(catalogue.installed()) == 3
    assert not list(catalogue.folder.glob(".*"))


@pytest.mark.parametrize("text", ["", "[]", '{"parameters": "many"}', "{" * 5000, "\x00\xff"])
def test_a_manifest_that_is_none_hides_its_model_and_harms_nothing(tmp_path, text):
    folder = tmp_path / "models" / ("a" * 32)
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(b"GGUF")
    (folder / MANIFEST).write_text(text, "utf-8")
    assert read_manifest(folder) is None
    assert ModelCatalogue(tmp_path / "models", tmp_path / "none").installed() == ()
    (folder / MANIFEST).write_text(json.dumps({"name": "New", "of_a_later_version": 1}), "utf-8")
    assert ModelCatalogue(tmp_path / "models", tmp_path / "none").installed()[0].card.label_en == "New"
