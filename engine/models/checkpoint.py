"""A published checkpoint folder: configuration, tokenizer, chat template, weights, checked together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.models import architectures, keys
from engine.models.architectures import Architecture, Shape
from engine.models.errors import ModelFileError
from engine.models.facts import ModelFacts, read_facts
from engine.models.json_text import read_object, read_text
from engine.models.licence import find_licence
from engine.models.sandbox import SOURCE_MAX_CHARS
from engine.models.shards import WeightFolder
from engine.models.tensor_names import ExpectedTensor
from engine.models.tensors import ElementType
from engine.models.tokenizer_json import TokenizerParts, parse_tokenizer, read_tokenizer_files

_JSON_MAX_BYTES: Final = 1 << 20
_TURN_ENDS: Final = ("<|endoftext|>", "<|im_end|>")
"""Chat turns end with one, texts with the other; the declared end id names only one of them (spec 1.9)."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything a folder holds but the weights themselves, which `tensors` reads on demand.

    `config` is the architecture's own kind of value.
    """

    architecture: Architecture
    config: Any
    tokenizer_json: str
    tokenizer: TokenizerParts
    template: str
    eos_id: int | None
    stop_ids: tuple[int, ...]
    facts: ModelFacts
    tensors: WeightFolder
    identity: str

    @property
    def element(self) -> ElementType:
        """The type most weights have."""
        return self.tensors.entries["lm_head.weight"].element


def open_checkpoint(folder: Path) -> Checkpoint:
    """Reads and checks all but the weights' values. Raises ModelFileError."""
    if not folder.is_dir():
        raise ModelFileError("model-file-unreadable", f"{folder} is not a folder.")
    raw = read_object(folder / "config.json", limit_bytes=_JSON_MAX_BYTES)
    architecture = architectures.of_checkpoint(raw)
    architecture.from_json(
        raw, ()
    )  # a configuration that is wrong by itself is told before any shard is opened
    tensors = WeightFolder(folder)
    config = architecture.from_json(raw, tensors.entries)
    check_tensors(architecture.tensors(config), tensors)
    tokenizer_json = read_tokenizer_files(folder)
    tokenizer = parse_tokenizer(tokenizer_json)
    if tokenizer.size > config.vocab_size:
        raise ModelFileError("tokenizer-invalid", "The tokenizer has more ids than the model has rows.")
    named = _read_optional(folder / "tokenizer_config.json")
    generation = _read_optional(folder / "generation_config.json")
    added = {token.content: token.token_id for token in tokenizer.added}
    eos_name = named.get("eos_token")
    if isinstance(eos_name, dict):
        eos_name = eos_name.get("content")
    eos_id = added.get(eos_name) if isinstance(eos_name, str) else None
    stops = {*_ids(raw.get("eos_token_id")), *_ids(generation.get("eos_token_id"))}
    stops.update(added[name] for name in _TURN_ENDS if name in added)
    if eos_id is not None:
        stops.add(eos_id)
    facts = read_facts(folder)
    if not facts.licence:
        facts = msgspec.structs.replace(facts, licence=find_licence(folder, raw))
    return Checkpoint(
        architecture=architecture,
        config=config,
        tokenizer_json=tokenizer_json,
        tokenizer=tokenizer,
        template=_read_template(folder, named),
        eos_id=eos_id,
        stop_ids=tuple(sorted(token_id for token_id in stops if 0 <= token_id < tokenizer.size)),
        facts=facts.named(folder.resolve().name),
        tensors=tensors,
        identity=_identity(config, tokenizer_json, tensors),
    )


def check_tensors(expected: Iterable[ExpectedTensor], tensors: WeightFolder) -> None:
    """Raises ModelFileError unless the folder holds exactly the tensors of this shape, all of them floats."""
    left = dict(tensors.entries)
    for tensor in expected:
        wanted = {tensor.name: tensor.shape}
        if tensor.coded:
            wanted[tensor.name + keys.PUBLISHED_SCALES_SUFFIX] = (tensor.shape[0], tensor.groups, 1)
        for name, shape in wanted.items():
            entry = left.pop(name, None)
            if entry is None:
                raise ModelFileError(
                    "checkpoint-incomplete",
                    f"The checkpoint lacks {name}, which its config.json calls for.",
                )
            if entry.shape != shape:
                raise ModelFileError(
                    "model-tensor-shape",
                    f"{tensors.shard_of(name)}: {name} has shape {list(entry.shape)}, "
                    f"but config.json calls for {list(shape)}.",
                )
            if not entry.element.is_float:
                raise ModelFileError(
                    "model-tensor-type-unsupported",
                    f"{tensors.shard_of(name)}: {name} holds whole numbers, not weights.",
                )
    if left:
        name = min(left)
        raise ModelFileError(
            "checkpoint-tensor-unexpected",
            f"{tensors.shard_of(name)} holds {name[:80]!a}, which no such model has.",
        )


def _read_optional(path: Path) -> dict[str, object]:
    return read_object(path, limit_bytes=_JSON_MAX_BYTES) if path.exists() else {}


def _read_template(folder: Path, tokenizer_config: Mapping[str, object]) -> str:
    if (folder / "chat_template.jinja").exists():
        return read_text(folder / "chat_template.jinja", limit_bytes=SOURCE_MAX_CHARS)
    template = tokenizer_config.get("chat_template", "")
    if isinstance(template, list):
        choices = {
            str(choice.get("name")): choice.get("template") for choice in template if isinstance(choice, dict)
        }
        template = choices.get("default", "")
    if not isinstance(template, str):
        raise ModelFileError("template-invalid", "The checkpoint's chat template is not a text.")
    return template


def _ids(value: object) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [item for item in values if type(item) is int]


def _identity(config: Shape, tokenizer_json: str, tensors: WeightFolder) -> str:
    """A digest of what the folder says and of its shards' sizes and times.

    Not of every weight: a folder of fifteen gigabytes must open at once, and snapshots are kept for converted
    files, whose header does bind the weights.
    """
    digest = hashlib.sha256(repr(config).encode())
    digest.update(hashlib.sha256(tokenizer_json.encode()).digest())
    for path in tensors.paths:
        status = path.stat()
        digest.update(f"\n{path.name} {status.st_size} {status.st_mtime_ns}".encode())
    for name, entry in sorted(tensors.entries.items()):
        digest.update(f"\n{name} {entry.element.value} {entry.shape} {entry.offset_bytes}".encode())
    return digest.hexdigest()
