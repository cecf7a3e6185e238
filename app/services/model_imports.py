"""Taking a model in, looking at one before, hashing one again: without a vault, for models lie outside it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from app import __version__
from app.core.clock import utc_stamp
from app.core.errors import UserError
from app.services.engine_words import about, why
from app.services.model_manifest import MeasuredSpeed, ModelManifest, SourceShard
from app.services.model_trial import try_model
from app.services.models import MODEL_FILE, InstalledModel, ModelCatalogue, ModelRefused
from app.services.operation import Operation, OperationCancelled, Progress
from app.services.views import Fit, FormatOffer, ModelCheck, ModelLook
from engine.client import EngineCancelled, EngineDied, EngineFailed, Request
from engine.client.importing import Look, ModelImporter, Reading, TakenIn
from engine.protocol import ModelInfo

T = TypeVar("T")

AUTOMATIC = "auto"
FITS_WELL, FITS_AT_ALL = 0.75, 0.95
"""Shares of the machine's memory that a model's file may take."""


class FormatUnsuitable(UserError):
    def __init__(self, name: str, offered: str) -> None:
        super().__init__(
            "model-format-unsuitable",
            "This model cannot be kept as “{name}”. It can be kept as: {offered}.",
            name=name,
            offered=offered,
        )


def look_at(catalogue: ModelCatalogue, path: Path, op: Operation[ModelLook]) -> ModelLook:
    """What a folder or file holds. Raises ModelRefused, OperationCancelled."""
    importer = ModelImporter()
    op.when_cancelled(importer.cancel)
    return _shown(catalogue, _ask(path.name, op, lambda: importer.look_at(path)))


def take_in(
    catalogue: ModelCatalogue,
    path: Path,
    op: Operation[Any],
    *,
    format_name: str = AUTOMATIC,
    reading: Reading = "f32",
    name: str = "",
    threads: int | None = None,
    quiet: bool = False,
) -> InstalledModel:
    """Convert a checkpoint or copy a model file into a folder of its own, prove it, measure it, keep it.

    Progress is in thousandths, ``detail`` says which stage. Without ``threads`` it takes all cores, ``quiet``
    half of them. A model that is here already is given as it is.
    Raises ModelRefused, FormatUnsuitable, ModelsNotWritable, OperationCancelled; then nothing of it stays.
    """
    importer = ModelImporter()
    op.when_cancelled(importer.cancel)
    told = path.absolute().name
    look = _ask(told, op, lambda: importer.look_at(path))
    chosen = _choose_format(look, format_name)
    with catalogue.staging() as staging:
        taken = _ask(
            told,
            op,
            lambda: importer.take_in(
                path,
                staging,
                MODEL_FILE,
                format_name=chosen,
                reading=reading,
                name=name,
                threads=threads,
                quiet=quiet,
                progress=lambda done, total: op.report_only(
                    Progress(1000 * done // max(1, total), 1000, "thousandth", "convert")
                ),
            ),
        )
        known = catalogue.with_identity(taken.identity)
        if known is not None:
            return known
        op.report(Progress(1000, 1000, "thousandth", "measure"))
        info, speed = _ask(
            told,
            op,
            lambda: try_model(
                staging / MODEL_FILE, threads=threads, quiet=quiet, when_cancelled=op.when_cancelled
            ),
        )
        op.check()
        return catalogue.install(staging, _manifest(taken, look, path, reading, info, speed))


def rehash(catalogue: ModelCatalogue, model: InstalledModel, op: Operation[ModelCheck]) -> ModelCheck:
    """Read every byte of a model once more. Raises ModelRefused, OperationCancelled."""
    importer = ModelImporter()
    op.when_cancelled(importer.cancel)
    began_s = time.monotonic()
    kept = model.manifest
    try:
        verdict = _ask(
            model.card.label_en,
            op,
            lambda: importer.rehash(
                model.path, lambda done, total: op.report_only(Progress(done, total, "byte", "check"))
            ),
        )
    except ModelRefused as refused:
        if not refused.detail:  # the importer died: that says nothing of the file
            raise
        return ModelCheck(model.card, False, "", time.monotonic() - began_s)
    whole = (
        verdict.whole
        and kept.identity in ("", verdict.identity)
        and kept.content_sha256 in ("", verdict.content_sha256)
        and kept.sha256 in ("", verdict.sha256)
    )
    return ModelCheck(model.card, whole, verdict.identity, time.monotonic() - began_s)


def await_model(op: Operation[Any], name: str, request: Request[ModelInfo]) -> ModelInfo:
    """A model that is being loaded into the engine that answers. Raises ModelRefused, OperationCancelled."""
    op.when_cancelled(request.cancel)
    return _ask(name, op, request.result)


def fit_of(size_bytes: int, memory_bytes: int) -> Fit:
    """Whether a file of this size fits a memory of that."""
    if size_bytes <= FITS_WELL * memory_bytes:
        return Fit.WELL
    return Fit.TIGHT if size_bytes <= FITS_AT_ALL * memory_bytes else Fit.NOT


def reading_time_s(characters: int, tok_per_character: float, prefill_tok_per_s: float) -> float | None:
    """How long a text of so many characters takes to read, None where nothing was measured."""
    if tok_per_character <= 0 or prefill_tok_per_s <= 0:
        return None
    return characters * tok_per_character / prefill_tok_per_s


def _ask(name: str, op: Operation[Any], call: Callable[[], T]) -> T:
    try:
        return call()
    except EngineCancelled:
        raise OperationCancelled(op.verb) from None
    except EngineFailed as failure:
        raise ModelRefused(name, why(failure.code), about(failure), detail=failure.message) from None
    except EngineDied:
        raise ModelRefused(name, "the engine could not load it") from None


def _choose_format(look: Look, wanted: str) -> str:
    offered = [one.format for one in look.formats]
    if wanted == AUTOMATIC or not look.is_checkpoint:
        return look.recommended
    if wanted not in offered and not (wanted == "f32" and not look.spiking):
        raise FormatUnsuitable(wanted, ", ".join(offered))
    return wanted


def _shown(catalogue: ModelCatalogue, look: Look) -> ModelLook:
    memory = look.memory_total_bytes
    place = catalogue.folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return ModelLook(
        name=look.name,
        is_checkpoint=look.is_checkpoint,
        architecture=look.architecture,
        note=look.note,
        container=look.container,
        shards=look.shards,
        parameters=look.parameters,
        source_bytes=look.source_bytes,
        licence=look.licence,
        spiking=look.spiking,
        offers=tuple(FormatOffer(f.format, f.size_bytes, fit_of(f.size_bytes, memory)) for f in look.formats),
        recommended=look.recommended,
        memory_bytes=memory,
        disk_free_bytes=shutil.disk_usage(place).free,
    )


def _manifest(
    taken: TakenIn, look: Look, path: Path, reading: Reading, info: ModelInfo, speed: MeasuredSpeed
) -> ModelManifest:
    return ModelManifest(
        name=taken.name,
        label_en=taken.label_en or taken.name,
        label_fr=taken.label_fr or taken.label_en or taken.name,
        format=taken.format or info.format,
        architecture=taken.architecture,
        note=look.note,
        parameters=taken.parameters,
        size_bytes=taken.size_bytes,
        identity=taken.identity,
        content_sha256=taken.content_sha256,
        sha256=taken.sha256,
        licence=taken.licence,
        source=taken.source,
        origin=path.absolute().name,
        reading=reading if look.spiking and look.is_checkpoint else "",
        reader=taken.reader,
        shards=tuple(SourceShard(s.name, s.size_bytes, s.sha256) for s in taken.shards),
        converter=f"huisclos {__version__}",
        added_utc=utc_stamp(),
        taken_s=round(taken.seconds, 3),
        cpu_s=round(taken.cpu_s, 3),
        peak_memory_bytes=taken.peak_memory_bytes,
        speed=speed,
    )
