"""Models on this machine: the one that ships with us, and those a person added, one folder each with a
manifest.

What the list shows is in the manifest, so that it needs no engine. Nothing here reads a weight.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.errors import EnvironmentFailure, UserError
from app.core.ids import is_id, new_id
from app.core.resources import resource
from app.services.model_manifest import (
    OLD_MANIFEST,
    ModelManifest,
    read_manifest,
    read_old_manifest,
    write_manifest,
)
from app.services.views import ModelCard
from app.store.failures import VaultInUse
from app.store.lock import FILE as LOCK_FILE
from app.store.lock import VaultLock

DEFAULT_ID = "default"
MODEL_FILE = "model.gguf"
_STAGING, _GONE = ".part", ".gone"
_READ_ONLY_FILE, _READ_ONLY_FOLDER, _OWNER_FOLDER = 0o444, 0o555, 0o700


class ModelRefused(UserError):
    """A file that is no model we can use. ``why`` is one of ``engine_words`` or of ours, to be translated;
    ``about`` holds the names it is about, ``detail`` the engine's own English sentence.
    """

    def __init__(self, name: str, why: str, about: str = "", *, detail: str = "") -> None:
        super().__init__(
            "model-refused",
            "{name} cannot be used as a model: {why}{about}.",
            name=name,
            why=why,
            about=about,
        )
        self.detail = detail


class ModelUnknown(UserError):
    def __init__(self) -> None:
        super().__init__("model-unknown", "This model is not installed any more. Choose another one.")


class ModelNameUnknown(UserError):
    def __init__(self, name: str) -> None:
        super().__init__("model-name-unknown", "There is no model called “{name}” here.", name=name)


class ModelNameShared(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(
            "model-name-shared", "Several models are called “{name}”. Use the id of one of them.", name=name
        )


class ModelBuiltIn(UserError):
    def __init__(self) -> None:
        super().__init__("model-built-in", "The model that comes with Huis Clos cannot be removed.")


class ModelsNotWritable(EnvironmentFailure):
    def __init__(self) -> None:
        super().__init__(
            "models-not-writable",
            "The folder of the models cannot be changed. Check the free space and the rights on it.",
        )


@dataclass(frozen=True, slots=True)
class InstalledModel:
    card: ModelCard
    path: Path
    manifest: ModelManifest


class ModelCatalogue:
    """What is installed. Thread safe: everything is on disk, each folder is put in place in one rename."""

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        """``folder`` holds added models; ``shipped`` is the folder of the model that ships with us."""
        self.folder = folder
        self.shipped = shipped if shipped is not None else resource("models")

    def installed(self, chosen_id: str = "") -> tuple[InstalledModel, ...]:
        """The shipped model first, then the added ones by label. One of them is ``chosen`` unless there is
        none.
        """
        found = [model for model in (self._default(), *self._added()) if model is not None]
        wanted = chosen_id if any(m.card.id == chosen_id for m in found) else ""
        wanted = wanted or (found[0].card.id if found else "")
        return tuple(replace(m, card=replace(m.card, chosen=m.card.id == wanted)) for m in found)

    def chosen(self, chosen_id: str) -> InstalledModel | None:
        return next((m for m in self.installed(chosen_id) if m.card.chosen), None)

    def find(self, model_id: str) -> InstalledModel:
        """Raises ModelUnknown."""
        for model in self.installed(model_id):
            if model.card.id == model_id:
                return model
        raise ModelUnknown

    def find_named(self, name: str) -> InstalledModel:
        """By id, else by label or name, case aside. Raises ModelNameUnknown, ModelNameShared."""
        models = self.installed()
        for model in models:
            if model.card.id == name:
                return model
        wanted = name.casefold()
        called = [
            m
            for m in models
            if wanted in (n.casefold() for n in (m.card.label_en, m.card.label_fr, m.manifest.name))
        ]
        if not called:
            raise ModelNameUnknown(name)
        if len(called) > 1:
            raise ModelNameShared(name)
        return called[0]

    def with_identity(self, identity: str) -> InstalledModel | None:
        """The added model of this identity, if it is here already."""
        return next((m for m in self._added() if identity and m.manifest.identity == identity), None)

    def _default(self) -> InstalledModel | None:
        files = sorted(self.shipped.glob("*.gguf")) if self.shipped.is_dir() else []
        if not files:
            return None
        manifest = read_old_manifest(files[0].with_suffix(".toml"))
        manifest = manifest or read_old_manifest(self.shipped / OLD_MANIFEST) or ModelManifest()
        return _model(DEFAULT_ID, files[0], manifest, built_in=True)

    def _added(self) -> list[InstalledModel]:
        if not self.folder.is_dir():
            return []
        models = []
        for place in self.folder.iterdir():
            with suppress(FileNotFoundError):  # it is being removed
                models += self._at(place)
        return sorted(models, key=lambda m: (m.card.label_en.casefold(), m.card.id))

    def _at(self, place: Path) -> list[InstalledModel]:
        if place.name.startswith("."):
            return []
        if place.suffix == ".gguf" and place.is_file():  # put there by hand
            return [_model(place.name, place, ModelManifest(), built_in=False)]
        manifest = read_manifest(place) if is_id(place.name) else None
        path = place / MODEL_FILE
        if manifest is None or not path.is_file():
            return []
        return [_model(place.name, path, manifest, built_in=False)]

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder for a model on its way in, nobody else's as long as this lasts. Whatever was not installed
        by its end is gone. Raises ModelsNotWritable."""
        folder = self.folder / f".{new_id()}{_STAGING}"
        try:
            folder.mkdir(mode=_OWNER_FOLDER, parents=True)
            lock = VaultLock.acquire(folder)
        except (OSError, VaultInUse) as failure:
            shutil.rmtree(folder, ignore_errors=True)
            raise ModelsNotWritable from failure
        try:
            yield folder
        finally:
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)

    def install(self, staging: Path, manifest: ModelManifest) -> InstalledModel:
        """Put a finished staging folder in its place, read-only from now on. Raises ModelsNotWritable."""
        model_id = staging.name.removeprefix(".").removesuffix(_STAGING)
        final = self.folder / model_id
        try:
            write_manifest(staging, manifest)
            (staging / LOCK_FILE).unlink(missing_ok=True)
            for file in staging.iterdir():
                file.chmod(_READ_ONLY_FILE)
            staging.replace(final)
            final.chmod(_READ_ONLY_FOLDER)
        except OSError as failure:
            raise ModelsNotWritable from failure
        return _model(model_id, final / MODEL_FILE, manifest, built_in=False)

    def remove(self, model_id: str) -> None:
        """Take an added model away. Raises ModelBuiltIn, ModelUnknown, ModelsNotWritable."""
        if model_id == DEFAULT_ID:
            raise ModelBuiltIn
        model = self.find(model_id)
        try:
            if model.path.parent == self.folder:
                model.path.unlink()
                return
            gone = self.folder / f".{model_id}{_GONE}"
            model.path.parent.replace(gone)
        except OSError as failure:
            raise ModelsNotWritable from failure
        _erase(gone)

    def sweep(self) -> int:
        """Clear away what a crash left of imports and removals; returns how many there were. What another
        process works on right now stays."""
        cleared = 0
        with suppress(OSError):
            for place in sorted(self.folder.glob(".*")):
                if place.name.endswith(_GONE) or (place.name.endswith(_STAGING) and _is_nobodys(place)):
                    _erase(place)
                    cleared += 1
        return cleared


def _is_nobodys(staging: Path) -> bool:
    try:
        VaultLock.acquire(staging).release()
    except (VaultInUse, OSError):
        return False
    return True


def _erase(folder: Path) -> None:
    with suppress(OSError):
        folder.chmod(_OWNER_FOLDER)
        for file in folder.iterdir():
            file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    shutil.rmtree(folder, ignore_errors=True)


def _model(model_id: str, path: Path, manifest: ModelManifest, *, built_in: bool) -> InstalledModel:
    label = manifest.label_en or manifest.name or path.stem
    card = ModelCard(
        id=model_id,
        label_en=label,
        label_fr=manifest.label_fr or label,
        format=manifest.format,
        parameters=manifest.parameters,
        size_bytes=path.stat().st_size,
        sha256=manifest.sha256 or manifest.identity,
        licence=manifest.licence,
        source=manifest.source,
        built_in=built_in,
        chosen=False,
        reader=manifest.reader,
        note=manifest.note,
        prefill_tok_per_s=manifest.speed.prefill_tok_per_s,
        decode_tok_per_s=manifest.speed.decode_tok_per_s,
        tok_per_character=manifest.speed.tok_per_character,
        state_bytes=manifest.speed.state_bytes,
        kv_bytes_per_token=manifest.speed.kv_bytes_per_token,
        max_context_tok=manifest.speed.max_context_tok,
    )
    return InstalledModel(card, path, manifest)
