"""Which model answers: the common one, a dossier's own; adding, checking and removing with a vault open."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.library import dossiers as dossier_rows
from app.library import pages as page_rows
from app.library import readings as reading_rows
from app.library.failures import DossierMissing
from app.services import model_imports
from app.services.lanes import Lane
from app.services.model_imports import AUTOMATIC
from app.services.models import (
    DEFAULT_ID,
    InstalledModel,
    ModelBuiltIn,
    ModelsNotWritable,
    ModelUnknown,
)
from app.services.operation import Operation
from app.services.shredding import destroy
from app.services.views import Changes, EngineCard, ModelCard, ModelCheck, ModelLook
from app.services.workspace import Workspace
from engine.client.importing import Reading


def list_models(ws: Workspace) -> tuple[ModelCard, ...]:
    """The model that ships with us first, if it is there, then the added ones."""
    return tuple(m.card for m in ws.host.catalogue.installed(ws.settings.current.model_id))


def look_at_model(ws: Workspace, path: Path | str) -> Operation[ModelLook]:
    """What a folder or file is, how large it would be here and whether that fits. Raises ModelRefused."""
    source = Path(path)
    return ws.lanes.run(
        Lane.QUICK, "look-at-model", lambda op: model_imports.look_at(ws.host.catalogue, source, op)
    )


def add_model(
    ws: Workspace,
    path: Path | str,
    *,
    format_name: str = AUTOMATIC,
    reading: Reading = "f32",
    choose: bool = True,
) -> Operation[ModelCard]:
    """Convert a checkpoint's folder, or copy a model file, into the models folder; prove and measure it there
    in an engine of its own. With ``choose`` it becomes the common model and is loaded; one that then does not
    come, or is not waited for, does not stay either.

    Raises ModelRefused, FormatUnsuitable, ModelsNotWritable.
    """
    source = Path(path)

    def work(op: Operation[ModelCard]) -> ModelCard:
        catalogue = ws.host.catalogue
        before = {model.card.id for model in catalogue.installed()}
        settings = ws.settings.current
        model = model_imports.take_in(
            catalogue,
            source,
            op,
            format_name=format_name,
            reading=reading,
            threads=settings.engine_threads or None,
            quiet=settings.quiet,
        )
        ws.changed(Changes.MODELS, None, op)
        if not choose:
            return model.card
        try:
            return _choose(ws, op, model.card.id)
        except BaseException:
            if not ws.closing and model.card.id not in before:
                with suppress(ModelsNotWritable, ModelUnknown):
                    catalogue.remove(model.card.id)
                ws.changed(Changes.MODELS, None, op)
            raise

    return ws.lanes.run(Lane.MODEL, "add-model", work)


def check_model(ws: Workspace, model_id: str) -> Operation[ModelCheck]:
    """Hash a model's file again. Raises ModelUnknown."""

    def work(op: Operation[ModelCheck]) -> ModelCheck:
        return model_imports.rehash(ws.host.catalogue, ws.host.catalogue.find(model_id), op)

    return ws.lanes.run(Lane.QUICK, "check-model", work)


def choose_model(ws: Workspace, model_id: str) -> Operation[ModelCard]:
    """Load a model and keep it as the common one; if it does not come, the one before is loaded again.

    Raises ModelUnknown, ModelRefused.
    """
    return ws.lanes.run(Lane.QUICK, "choose-model", lambda op: _choose(ws, op, model_id))


def reload_model(ws: Workspace) -> Operation[EngineCard]:
    """Load the model in the engine once more, as the settings are now. Raises ModelRefused."""

    def work(op: Operation[EngineCard]) -> EngineCard:
        load_again(ws, op)
        ws.changed(Changes.ENGINE | Changes.READING, None, op)
        return ws.host.card()

    return ws.lanes.run(Lane.QUICK, "reload-model", work)


def load_again(ws: Workspace, op: Operation[Any]) -> None:
    """Load the model that is wanted anew and wait for it; nothing where none is. Raises ModelRefused."""
    model = ws.host.wanted
    if model is not None:
        model_imports.await_model(op, model.card.label_en, ws.host.load(model))


def choose_dossier_model(ws: Workspace, dossier_id: str, model_id: str) -> Operation[ModelCard | None]:
    """Give a dossier a model of its own, or with an empty id the common one again, and load it. It is kept
    with the dossier. Gives the model, None where there is none. Raises ModelUnknown, ModelRefused,
    DossierMissing."""

    def work(op: Operation[ModelCard | None]) -> ModelCard | None:
        if model_id:
            ws.host.catalogue.find(model_id)
        before = dossier_model(ws, dossier_id)
        # Kept first: whoever opens the dossier meanwhile would else bring the model from before back.
        with ws.vault.write() as conn:
            dossier_rows.choose_model(conn, dossier_id, model_id)
        model = model_of(ws, dossier_id)
        try:
            if model is not None:
                _load(ws, op, model)
        except BaseException:
            if not ws.closing:
                with ws.vault.write() as conn:
                    dossier_rows.choose_model(conn, dossier_id, before)
            raise
        ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING | Changes.DOSSIERS, dossier_id, op)
        return None if model is None else model.card

    return ws.lanes.run(Lane.QUICK, "choose-dossier-model", work)


def dossier_model(ws: Workspace, dossier_id: str) -> str:
    """The id of a dossier's own model; empty where it has the common one. A short read."""
    with ws.vault.read() as conn:
        try:
            return dossier_rows.get_dossier(conn, dossier_id).model_id
        except DossierMissing:
            return ""


def remove_model(ws: Workspace, model_id: str) -> Operation[int]:
    """Take an added model away with every sealed reading it made; gives how many those were. Dossiers that
    had it as their own get the common one; if it was that, the model that ships with us takes over.

    Raises ModelBuiltIn, ModelUnknown.
    """

    def work(op: Operation[int]) -> int:
        if model_id == DEFAULT_ID:
            raise ModelBuiltIn
        model = ws.host.catalogue.find(model_id)
        loaded = ws.host.wanted
        ws.host.catalogue.remove(model_id)
        with ws.vault.write() as conn:
            dossier_rows.forget_model(conn, model_id)
            shred = reading_rows.delete_readings_of_model(conn, model_id, model.manifest.identity)
        destroy(ws, shred)
        if ws.settings.current.model_id == model_id:
            ws.settings.change(model_id="")
        if loaded is not None and loaded.card.id == model_id:
            default = ws.host.catalogue.chosen(ws.settings.current.model_id)
            if default is not None:
                ws.host.load(default)
        ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING | Changes.DOSSIERS, None, op)
        return len(shred.sealed_file_ids)

    return ws.lanes.run(Lane.QUICK, "remove-model", work)


def count_readings(ws: Workspace, model_id: str) -> int:
    """How many sealed readings would go with a model. A short read."""
    identity = ws.host.catalogue.find(model_id).manifest.identity
    with ws.vault.read() as conn:
        return len(reading_rows.readings_of_model(conn, model_id, identity))


def count_characters(ws: Workspace, dossier_id: str) -> int:
    """How much text the pages of a dossier hold: what a model would have to read. A short read."""
    with ws.vault.read() as conn:
        return page_rows.count_characters(conn, dossier_id)


def model_of(ws: Workspace, dossier_id: str) -> InstalledModel | None:
    """The model of a dossier: its own while that is installed, else the common one."""
    catalogue, own = ws.host.catalogue, dossier_model(ws, dossier_id)
    models = catalogue.installed(ws.settings.current.model_id)
    return next((m for m in models if m.card.id == own), None) or next(
        (m for m in models if m.card.chosen), None
    )


def bring_model(ws: Workspace, dossier_id: str) -> bool:
    """Begin to load a dossier's model where another one is in the engine; tells whether it had to. One model
    is in memory at a time, so the readings of other dossiers pause."""
    model = model_of(ws, dossier_id)
    loaded = ws.host.wanted
    # Without any, no engine was wanted, and none is started here.
    if model is None or loaded is None or loaded.card.id == model.card.id:
        return False
    ws.host.load(model)
    return True


def _choose(ws: Workspace, op: Operation[ModelCard], model_id: str) -> ModelCard:
    model = ws.host.catalogue.find(model_id)
    _load(ws, op, model)
    ws.settings.change(model_id="" if model_id == DEFAULT_ID else model_id)
    ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING, None, op)
    return replace(model.card, chosen=True)


def _load(ws: Workspace, op: Operation[Any], model: InstalledModel) -> None:
    """Load it and wait; where it does not come, the one before is loaded again."""
    before = ws.host.wanted
    try:
        model_imports.await_model(op, model.card.label_en, ws.host.load(model))
    except BaseException:
        if before is not None and before.card.id != model.card.id and not ws.closing:
            ws.host.load(before)
        raise
