"""Models on this machine: the one that ships with us, and those a person added, one folder each with a
manifest.

A manifest (``model.toml``) holds what the list shows (label, licence, source, hash), so that the list needs
no engine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

from app.core.errors import EnvironmentFailure, UserError
from app.core.ids import is_id, new_id
from app.core.resources import resource
from app.services.views import ModelCard
from engine.protocol import ModelInfo

DEFAULT_ID = "default"
MANIFEST = "model.toml"
MODEL_FILE = "model.gguf"
_MAX_MANIFEST_BYTES = 64 << 10
_COPY_BYTES = 4 << 20
_MAGIC = b"GGUF"


class ModelRefused(UserError):
    """A file that is no model we can use. ``why`` is one of ``engine_words`` or of ours, to be translated;
    ``about`` holds the names it is about.
    """

    def __init__(self, name: str, why: str, about: str = "") -> None:
        super().__init__(
            "model-refused",
            "{name} cannot be used as a model: {why}{about}.",
            name=name,
            why=why,
            about=about,
        )


class ModelUnknown(UserError):
    def __init__(self) -> None:
        super().__init__("model-unknown", "This model is not installed any more. Choose another one.")


class ModelBuiltIn(UserError):
    def __init__(self) -> None:
        super().__init__("model-built-in", "The model that comes with Huis Clos cannot be removed.")


@dataclass(frozen=True, slots=True)
class InstalledModel:
    card: ModelCard
    path: Path


class ModelCatalogue:
    """What is installed. Thread safe: everything is on disk, each folder is put in place in one rename."""

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        """``folder`` holds added models; ``shipped`` is the folder of the model that ships with us."""
        self.folder = folder
        self.shipped = shipped if shipped is not None else resource("models")

    def installed(self, chosen_id: str) -> tuple[InstalledModel, ...]:
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
        for model in self.installed(model_id):
            if model.card.id == model_id:
                return model
        raise ModelUnknown

    def _default(self) -> InstalledModel | None:
        files = sorted(self.shipped.glob("*.gguf")) if self.shipped.is_dir() else []
        if not files:
            return None
        manifest = _read_manifest(files[0].with_suffix(".toml")) or _read_manifest(self.shipped / MANIFEST)
        return InstalledModel(_card(DEFAULT_ID, files[0], manifest, built_in=True), files[0])

    def _added(self) -> list[InstalledModel]:
        if not self.folder.is_dir():
            return []
        models = []
        for folder in self.folder.iterdir():
            path = folder / MODEL_FILE
            manifest = _read_manifest(folder / MANIFEST) if is_id(folder.name) else {}
            if manifest and path.is_file():
                models.append(InstalledModel(_card(folder.name, path, manifest, built_in=False), path))
        return sorted(models, key=lambda m: (m.card.label_en.casefold(), m.card.id))

    def add(
        self,
        source: Path,
        load: Callable[[Path], ModelInfo],
        progress: Callable[[int, int], None],
    ) -> InstalledModel:
        """Copy a converted file in, hash it, have ``load`` prove that the engine takes it, then keep it.

        ``progress(done_bytes, total_bytes)`` may raise to stop. Nothing stays of a file that is refused.
        """
        model_id = new_id()
        staging = self.folder / f".{model_id}.part"
        try:
            staging.mkdir(mode=0o700, parents=True)
            path = staging / MODEL_FILE
            digest = _copy(source, path, progress)
            for known in self._added():
                if known.card.sha256 == digest:
                    return known
            info = load(path)
            manifest = {
                "name": info.name,
                "label_en": info.label_en or info.name,
                "label_fr": info.label_fr or info.label_en or info.name,
                "format": info.format,
                "parameters": info.parameters,
                "sha256": digest,
                "licence": info.licence,
                "source": info.source,
                "reader": info.reader,
            }
            (staging / MANIFEST).write_text(tomli_w.dumps(manifest), "utf-8")
            final = self.folder / model_id
            staging.replace(final)
        except OSError as failure:
            raise EnvironmentFailure(
                "model-not-copied",
                "The model could not be copied. Check that the file can be read and that the disk has room.",
            ) from failure
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return InstalledModel(
            _card(model_id, final / MODEL_FILE, manifest, built_in=False), final / MODEL_FILE
        )

    def remove(self, model_id: str) -> None:
        """Take an added model away. Raises ModelBuiltIn, ModelUnknown."""
        if model_id == DEFAULT_ID:
            raise ModelBuiltIn
        model = self.find(model_id)
        gone = self.folder / f".{model_id}.gone"
        model.path.parent.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> str:
    digest = hashlib.sha256()
    total, done = source.stat().st_size, 0
    with source.open("rb") as read:
        if read.read(len(_MAGIC)) != _MAGIC:
            raise ModelRefused(source.name, "it is not a converted model file (GGUF)")
        read.seek(0)
        free = shutil.disk_usage(target.parent).free
        if free < total + (200 << 20):
            raise EnvironmentFailure(
                "model-no-room",
                "Copying this model needs {needed_mb} MB of free disk space.",
                needed_mb=(total >> 20) + 200,
            )
        with target.open("xb") as write:
            while piece := read.read(_COPY_BYTES):
                digest.update(piece)
                write.write(piece)
                done += len(piece)
                progress(done, total)
            write.flush()
            os.fsync(write.fileno())
    return digest.hexdigest()


def _read_manifest(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.loads(file.read(_MAX_MANIFEST_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def _card(model_id: str, path: Path, manifest: dict[str, object], *, built_in: bool) -> ModelCard:
    def words(key: str, default: str = "") -> str:
        value = manifest.get(key, default)
        return value if isinstance(value, str) else default

    def whole(key: str) -> int:
        value = manifest.get(key, 0)
        return value if isinstance(value, int) else 0

    label = words("label_en") or words("name") or path.stem
    return ModelCard(
        id=model_id,
        label_en=label,
        label_fr=words("label_fr") or label,
        format=words("format"),
        parameters=whole("parameters"),
        size_bytes=path.stat().st_size,
        sha256=words("sha256"),
        licence=words("licence"),
        source=words("source"),
        built_in=built_in,
        chosen=False,
        reader=manifest.get("reader") is True,
    )
