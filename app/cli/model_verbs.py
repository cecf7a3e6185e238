"""``huisclos model …``: taking a model in, listing, hashing again, removing.

Models lie outside the vault, so only removing one, which destroys its sealed readings as well, asks for the
passphrase.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

from app import services
from app.cli.exits import EXIT_DAMAGED, EXIT_OK, on_interrupt
from app.cli.verbs import Json, Outcome, Setting, opened, printable, wait
from app.core.errors import UserError
from app.core.settings import SettingsFile
from app.services import Operation, Progress, model_imports
from app.services.model_imports import AUTOMATIC
from app.services.models import DEFAULT_ID, InstalledModel, ModelBuiltIn, ModelCatalogue, ModelRefused
from app.services.views import ModelCheck, ModelLook
from app.store import Vault

T = TypeVar("T")

FORMATS = (AUTOMATIC, "q8", "q4", "bf16", "f32", "spike8")
READINGS = ("f32", "bf16")


class ModelRefusedBecause(UserError):
    """As ModelRefused, in the engine's own English words, which say more than can be translated."""

    def __init__(self, name: str, because: str) -> None:
        super().__init__(
            "model-refused", "{name} cannot be used as a model. {because}", name=name, because=because
        )


class Arguments(Protocol):
    """What the parser leaves; each verb reads its own."""

    action: str
    path: Path
    name: str
    format: str
    reading: str
    call_it: str


def add_parser(verbs: Any, common: argparse.ArgumentParser) -> None:
    """``model`` and its actions among the other verbs."""
    model = verbs.add_parser("model", help="add, list, check and remove models")
    actions = model.add_subparsers(dest="action", required=True)
    adding = actions.add_parser(
        "add", parents=[common], help="take in a checkpoint's folder or a model file; asks no passphrase"
    )
    adding.add_argument("path", type=Path, metavar="PATH")
    adding.add_argument("--format", choices=FORMATS, default=AUTOMATIC, help="of a checkpoint; default: auto")
    adding.add_argument(
        "--reading", choices=READINGS, default="f32", help="how a spiking checkpoint's weights become codes"
    )
    adding.add_argument("--name", dest="call_it", default="", metavar="NAME", help="what to call it")
    look = actions.add_parser(
        "look", parents=[common], help="say what a folder or file is, taking nothing in"
    )
    look.add_argument("path", type=Path, metavar="PATH")
    actions.add_parser("list", parents=[common], help="list the models")
    for action, told in (
        ("check", "hash a model's file again"),
        ("remove", "remove a model and the sealed readings it made in this vault"),
    ):
        parser = actions.add_parser(action, parents=[common], help=told)
        parser.add_argument("name", metavar="NAME", help="name or id")


def run(setting: Setting, given: Arguments) -> Outcome:
    act: dict[str, Callable[[Setting, Arguments], Outcome]] = {
        "add": add,
        "look": look_at,
        "list": list_models,
        "check": check,
        "remove": remove,
    }
    return act[given.action](setting, given)


def add(setting: Setting, given: Arguments) -> Outcome:
    catalogue = _catalogue(setting)
    settings = SettingsFile(setting.paths.settings_file).load()
    told: list[int] = []

    def tell(progress: Progress) -> None:
        if progress.detail == "measure":
            setting.say("measuring")
        elif progress.total and 20 * progress.done // progress.total not in told:
            told.append(20 * progress.done // progress.total)
            setting.say(f"{100 * progress.done // progress.total:3d} %")

    def work(op: Operation[InstalledModel]) -> InstalledModel:
        op.on_progress(tell)
        return model_imports.take_in(
            catalogue,
            given.path,
            op,
            format_name=given.format,
            reading="bf16" if given.reading == "bf16" else "f32",
            name=printable(given.call_it).strip()[:200],
            threads=settings.engine_threads or None,
            quiet=settings.quiet,
        )

    model = _do("add-model", work)
    lines = [
        f"“{printable(model.card.label_en)}” is installed: {_facts(model)}.",
        f"  id {model.card.id}, identity {model.manifest.identity}",
        _taken_line(model),
    ]
    if model.card.prefill_tok_per_s:
        lines.append(
            f"  measured here: reads {model.card.prefill_tok_per_s:.1f}, writes"
            f" {model.card.decode_tok_per_s:.1f} tokens/s"
        )
    if model.card.note:
        lines.append(f"  note: {model.card.note}")
    return Outcome("\n".join(lines), {"model": _value(model)})


def _taken_line(model: InstalledModel) -> str:
    kept = model.manifest
    read_bytes = sum(shard.size_bytes for shard in kept.shards)
    speed = f"{read_bytes / 1e6 / max(kept.taken_s, 1e-6):.0f} MB/s"
    line = f"  {read_bytes / 1e9:.2f} GB in {len(kept.shards)} files read and hashed in {kept.taken_s:.1f} s"
    peak = f", at most {kept.peak_memory_bytes / 1e6:.0f} MB of memory" if kept.peak_memory_bytes else ""
    return f"{line} ({speed}{peak})"


def look_at(setting: Setting, given: Arguments) -> Outcome:
    catalogue = _catalogue(setting)
    look = _do("look-at-model", lambda op: model_imports.look_at(catalogue, given.path, op))
    return Outcome(_look_text(look), {"look": asdict(look)})


def _look_text(look: ModelLook) -> str:
    kind = f"{look.container}, {look.shards} files" if look.is_checkpoint else "a model file"
    licence = printable(look.licence) or "not stated"
    size = f"{look.parameters:,} parameters, {look.source_bytes / 1e9:.2f} GB"
    lines = [f"“{printable(look.name)}”: {look.architecture}, {size}, {kind}; licence: {licence}"]
    fits = {"well": "fits this machine", "tight": "fits tightly", "not": "does not fit this machine's memory"}
    for offer in look.offers:
        mark = "  (default)" if offer.format == look.recommended else ""
        lines.append(
            f"  {offer.format or 'as it is'}: {offer.size_bytes / 1e9:.2f} GB, {fits[offer.fit]}{mark}"
        )
    if look.note:
        lines.append(f"  note: {look.note}")
    return "\n".join(lines)


def list_models(setting: Setting, given: Arguments) -> Outcome:
    chosen = SettingsFile(setting.paths.settings_file).load().model_id
    models = _catalogue(setting).installed(chosen)
    lines = [
        f"{'*' if model.card.chosen else ' '} {printable(model.card.label_en)}: {_facts(model)}"
        f"  [{model.card.id}]"
        for model in models
    ]
    return Outcome("\n".join(lines) or "No model is installed.", {"models": [_value(m) for m in models]})


def check(setting: Setting, given: Arguments) -> Outcome:
    catalogue = _catalogue(setting)
    model = catalogue.find_named(given.name)
    found: ModelCheck = _do("check-model", lambda op: model_imports.rehash(catalogue, model, op))
    text = "is as it was written" if found.whole else "is damaged: its bytes are not what was written"
    value: Json = {
        "id": model.card.id,
        "name": model.card.label_en,
        "whole": found.whole,
        "identity": found.identity,
        "seconds": round(found.seconds, 3),
    }
    return Outcome(
        f"“{printable(model.card.label_en)}” {text}.", value, EXIT_OK if found.whole else EXIT_DAMAGED
    )


def remove(setting: Setting, given: Arguments) -> Outcome:
    catalogue = _catalogue(setting)
    model = catalogue.find_named(given.name)
    if model.card.id == DEFAULT_ID:
        raise ModelBuiltIn
    readings, vault = 0, setting.folder if Vault.exists(setting.folder) else None
    if vault is not None:
        with opened(setting) as ws:
            readings = wait(services.remove_model(ws, model.card.id))
    else:
        catalogue.remove(model.card.id)
    value: Json = {
        "id": model.card.id,
        "name": model.card.label_en,
        "readings_removed": readings,
        "vault": None if vault is None else printable(str(vault)),
    }
    looked = (
        f"There is no vault at {printable(str(setting.folder))}"
        if vault is None
        else f"{readings} sealed readings it had made in {printable(str(vault))} are destroyed"
    )
    return Outcome(
        f"“{printable(model.card.label_en)}” is removed. {looked}; any other vault keeps the readings it has"
        " of it.",
        value,
    )


def _catalogue(setting: Setting) -> ModelCatalogue:
    setting.paths.create()
    catalogue = ModelCatalogue(setting.paths.models, setting.shipped_models)
    catalogue.sweep()
    return catalogue


def _do(verb: str, work: Callable[[Operation[T]], T]) -> T:
    """The work on this very thread; Ctrl-C stops it, not the program."""
    op: Operation[T] = Operation(verb)
    restore = on_interrupt(op.cancel)
    try:
        return work(op)
    except ModelRefused as refused:
        if not refused.detail:
            raise
        raise ModelRefusedBecause(str(refused.params["name"]), printable(refused.detail)) from None
    finally:
        restore()
        with suppress(Exception):
            op.finish(None)


def _facts(model: InstalledModel) -> str:
    card = model.card
    parts = [card.format, f"{card.parameters:,} parameters" if card.parameters else ""]
    parts += [f"{card.size_bytes / 1e6:.1f} MB", f"licence {printable(card.licence)}" if card.licence else ""]
    parts.append("comes with Huis Clos" if card.built_in else "")
    return ", ".join(part for part in parts if part)


def _value(model: InstalledModel) -> Json:
    card, manifest = model.card, model.manifest
    return {
        "id": card.id,
        "name": card.label_en,
        "format": card.format,
        "architecture": manifest.architecture,
        "parameters": card.parameters,
        "size_bytes": card.size_bytes,
        "licence": card.licence,
        "source": card.source,
        "identity": manifest.identity,
        "sha256": manifest.sha256,
        "shards": [{"name": s.name, "size_bytes": s.size_bytes, "sha256": s.sha256} for s in manifest.shards],
        "taken_s": manifest.taken_s,
        "cpu_s": manifest.cpu_s,
        "peak_memory_bytes": manifest.peak_memory_bytes,
        "prefill_tok_per_s": card.prefill_tok_per_s,
        "decode_tok_per_s": card.decode_tok_per_s,
        "built_in": card.built_in,
        "chosen": card.chosen,
        "note": card.note,
        "kv_bytes_per_token": card.kv_bytes_per_token,
        "max_context_tok": card.max_context_tok,
    }
