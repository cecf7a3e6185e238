"""A model on disk becomes one that runs: a file, or a folder computed in float32."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from engine import kernels
from engine.models import architectures, keys
from engine.models.architectures import Architecture, Shape
from engine.models.checkpoint import open_checkpoint
from engine.models.errors import ModelFileError
from engine.models.experts import Expert, ExpertShelf
from engine.models.facts import ModelFacts, facts_from_metadata
from engine.models.gguf import GgufFile, open_gguf
from engine.models.spike_codes import Reading
from engine.models.spike_coding import SpikeCoding as SpikeCoding
from engine.models.spike_coding import SpikeCodingError, bind_identity, choose_coding, own_coding
from engine.models.spike_weights import StoredSpikes, coded_weight, file_reading
from engine.models.stored_weights import reader_of, stored_weight
from engine.models.template import ChatTemplate
from engine.models.tensor_names import EXPERT_PART, ExpectedTensor, weight_count
from engine.models.tensors import ElementType, TensorSource
from engine.models.tokenizer import Tokenizer
from engine.models.tokenizer_json import parse_tokenizer

VERIFY_MAX_BYTES: Final = 256 << 20
"""Up to here loading checks the weights against the file's own digest; above that, only on request."""

_TOKENIZER_CHARS: Final = 64 << 10
_TOKENIZER_CHARS_PER_ROW: Final = 512
"""A tokenizer's JSON is at most so long; that of the Qwen2 family takes some 75 characters for each id."""
_PLAIN_TEMPLATE: Final = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
"""For a model without a chat template: the contents, a line each."""


class Turn(Protocol):
    """A chat message: role is system, user or assistant."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model is. `identity` is the SHA-256 that readings are bound to; it holds how inputs are
    coded. `coding` is how they are, `own_coding` how they are when nobody says otherwise."""

    name: str
    label_en: str
    label_fr: str
    format: str
    parameters: int
    size_bytes: int
    identity: str
    vocab_size: int
    layers: int
    hidden_size: int
    window_tok: int
    context_tok: int
    evidence_tok: int
    reads_on: bool
    confidence_floor: float
    reader: bool
    licence: str
    source: str
    config: Shape
    coding: SpikeCoding
    own_coding: SpikeCoding
    architecture: str
    kept_elements_per_token: int
    """Keys' and values' elements that a reading keeps of every token for ever; 0: its memory has an end."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run, safe to share between threads; each reading has its own kernels.State."""

    model: kernels.Model
    tokenizer: Tokenizer
    template: ChatTemplate
    info: ModelInfo
    stop_ids: frozenset[int]
    experts: ExpertShelf | None = None
    """Where routed experts come from when they are read on demand."""

    def encode_text(self, text: str) -> list[int]:
        """Ids of anybody's text; no special token is ever among them."""
        return self.tokenizer.encode(text)

    def encode_prompt(self, messages: Sequence[Turn], *, add_generation_prompt: bool = True) -> list[int]:
        """Ids of a chat: the model's template around untrusted contents. Raises ChatTemplateError."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return self.tokenizer.encode_segments(
            self.template.render(turns, add_generation_prompt=add_generation_prompt)
        )

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids without special tokens; cut characters become U+FFFD."""
        return self.tokenizer.decode(ids, skip_special=True)


def load(
    path: Path | str,
    *,
    threads: int,
    isa: str | None = None,
    verify: bool | None = None,
    spike_k: float | None = None,
    spiking_down: bool = False,
    reading: Reading | None = None,
    expert_memory_bytes: int | None = None,
) -> LoadedModel:
    """Loads a converted file or a checkpoint folder. Integer matrices are copied into memory in
    the kernels' own order; embeddings and float matrices stay mapped from disk.

    Of a model with routed experts a token touches only its own: mapped from disk and packed when a token
    chose them (the system keeps in memory what it can), or with `expert_memory_bytes` read on demand, those
    used last kept within that budget.

    `threads` cores are used, the calling one included; `isa` forces a kernel table. `verify` hashes the
    weights of a file first (by default up to 256 MiB). `spike_k` codes the inputs of the projections as
    spikes (0: off); by default a model does what it was made for. `spiking_down` codes the input of
    `down_proj` too, which the published code does not do (spec 2.4). `reading` says how the weights of a
    spiking folder become codes; a converted file's are what they are. Raises ModelFileError,
    ChatTemplateError, SpikeCodingError, or ValueError for unusable `threads` or `isa`.
    """
    path = Path(path)
    if path.is_dir():
        return _load_folder(path, threads, isa, spike_k, spiking_down, reading, expert_memory_bytes)
    file = open_gguf(path)
    architecture = architectures.of_file(file.metadata)
    config = architecture.from_metadata(file.metadata)
    facts = facts_from_metadata(file.metadata)
    own = own_coding(config, facts, file_reading(file) if config.spike_k else "f32")
    coding = choose_coding(config, own, spike_k, spiking_down, reading)
    if coding.reading != own.reading:
        raise SpikeCodingError(f"the codes of this file were read as {own.reading}, once and for all")
    tensors = list(architecture.tensors(config))
    shelf = _shelf(path, file.tensors, tensors, expert_memory_bytes)
    try:
        weights = _file_weights(file, config, tensors, spiking_down, on_demand=shelf is not None)
    finally:
        file.tensors.close()  # what is mapped stays mapped, and a shelf opens the file again
    tokenizer = _file_tokenizer(file, config)
    stop_ids = file.metadata.get(keys.STOP_IDS, [])
    if not isinstance(stop_ids, list) or not all(
        type(token_id) is int and 0 <= token_id < tokenizer.vocabulary for token_id in stop_ids
    ):
        raise ModelFileError("model-facts-invalid", "The model's end tokens are not ids of its tokenizer.")
    if verify or (verify is None and file.header.size_bytes <= VERIFY_MAX_BYTES):
        verify_content(file)
    return _assemble(
        architecture,
        config,
        weights,
        tokenizer,
        _text(file, keys.CHAT_TEMPLATE, ""),
        facts.named(path.stem),
        frozenset(int(token_id) for token_id in stop_ids),
        format_name=_text(file, keys.FORMAT),
        size_bytes=file.header.size_bytes,
        identity=_file_identity(file),
        eos_id=file.metadata.get(keys.EOS_TOKEN_ID),
        threads=threads,
        isa=isa,
        coding=coding,
        own=own,
        shelf=shelf,
    )


def verify_content(file: GgufFile) -> None:
    """Hashes all tensors against the digest in the file. Raises ModelFileError `model-file-damaged`."""
    told = file.metadata.get(keys.CONTENT_SHA256)
    if told is not None and told != _digest(file.tensors.path, file.header.data_offset_bytes):
        raise ModelFileError(
            "model-file-damaged",
            f"{file.tensors.path.name} is damaged: its weights are not what was written.",
        )


def _load_folder(
    folder: Path,
    threads: int,
    isa: str | None,
    spike_k: float | None,
    spiking_down: bool,
    reading: Reading | None,
    expert_memory_bytes: int | None,
) -> LoadedModel:
    checkpoint = open_checkpoint(folder)
    config, tensors = checkpoint.config, checkpoint.tensors
    expected = list(checkpoint.architecture.tensors(config))
    shelf = _shelf(folder, tensors, expected, expert_memory_bytes)
    try:
        own = own_coding(config, checkpoint.facts)
        coding = choose_coding(config, own, spike_k, spiking_down, reading)
        weights = {
            tensor.name: coded_weight(tensors, tensor, coding.reading)
            if tensor.coded and (spiking_down or not tensor.stays_float)
            else stored_weight(tensors.entries, tensor, tensors.map_tensor)
            for tensor in expected
            if shelf is None or not tensor.is_expert
        }
    finally:
        tensors.close()  # what is mapped stays mapped
    return _assemble(
        checkpoint.architecture,
        config,
        weights,
        Tokenizer(checkpoint.tokenizer),
        checkpoint.template,
        checkpoint.facts,
        frozenset(checkpoint.stop_ids),
        format_name="spike8"
        if checkpoint.config.spike_k
        else "bf16"
        if checkpoint.element is ElementType.BF16
        else "f32",
        size_bytes=checkpoint.tensors.size_bytes,
        identity=checkpoint.identity,
        eos_id=checkpoint.eos_id,
        threads=threads,
        isa=isa,
        coding=coding,
        own=own,
        shelf=shelf,
    )


def _assemble(
    architecture: Architecture,
    config: Shape,
    weights: Mapping[str, kernels.Weight],
    tokenizer: Tokenizer,
    template: str,
    facts: ModelFacts,
    stop_ids: frozenset[int],
    *,
    format_name: str,
    size_bytes: int,
    identity: str,
    eos_id: object,
    threads: int,
    isa: str | None,
    coding: SpikeCoding,
    own: SpikeCoding,
    shelf: ExpertShelf | None,
) -> LoadedModel:
    named = (
        {"bos_token": "", "eos_token": tokenizer.decode([eos_id], skip_special=False)}
        if type(eos_id) is int
        else {}
    )
    chat = ChatTemplate(template or _PLAIN_TEMPLATE, tokenizer.added, named_tokens=named)
    try:
        model = kernels.Model(
            architecture.native(config, coding.k, coding.down),
            weights,
            threads=threads,
            isa=isa,
            fetch_expert=_mapped_experts(weights) if shelf is None else shelf.fetch,
        )
    except kernels.KernelError as error:
        raise ModelFileError(
            "model-weights-invalid", f"The model's weights are not usable: {error}."
        ) from error
    info = ModelInfo(
        name=facts.name,
        label_en=_noted(facts.label_en, architecture.note),
        label_fr=_noted(facts.label_fr, architecture.note_fr),
        format=format_name,
        parameters=weight_count(architecture.tensors(config)),
        size_bytes=size_bytes,
        identity=bind_identity(identity, coding, own),
        vocab_size=config.vocab_size,
        layers=config.layers,
        hidden_size=config.hidden_size,
        window_tok=config.sliding_window,
        context_tok=config.context_length,
        evidence_tok=facts.evidence_tok,
        reads_on=facts.reads_on,
        confidence_floor=facts.confidence_floor,
        reader=facts.reader,
        licence=facts.licence,
        source=facts.source,
        config=config,
        coding=coding,
        own_coding=own,
        architecture=architecture.name,
        kept_elements_per_token=architecture.kept_elements_per_token(config),
    )
    return LoadedModel(model, tokenizer, chat, info, stop_ids, shelf)


def _noted(label: str, note: str) -> str:
    return f"{label} ({note})" if note and note not in label else label


def _shelf(
    path: Path, tensors: TensorSource, expected: Sequence[ExpectedTensor], budget_bytes: int | None
) -> ExpertShelf | None:
    """None where nothing is read on demand."""
    experts = {tensor.name: tensor for tensor in expected if tensor.is_expert}
    if budget_bytes is None or not experts:
        return None
    take = reader_of(tensors)

    def read(layer: int, expert: int) -> Expert:
        try:
            gate, up, down = (
                stored_weight(tensors.entries, experts[name], take)
                for name in kernels.expert_tensors(layer, expert)
            )
        except OSError as error:
            raise ModelFileError(
                "model-file-unreadable", f"{path.name} cannot be read any more: {error.strerror or error}."
            ) from None
        finally:
            tensors.close()
        return gate, up, down

    return ExpertShelf(read, budget_bytes)


def _mapped_experts(weights: Mapping[str, kernels.Weight]) -> kernels.FetchExpert | None:
    """Of experts among the weights only those are packed that a token chose: all of them may not fit."""
    if not any(EXPERT_PART in name for name in weights):
        return None

    def fetch(layer: int, expert: int) -> Expert:
        gate, up, down = (weights[name] for name in kernels.expert_tensors(layer, expert))
        return gate, up, down

    return fetch


def _file_weights(
    file: GgufFile, config: Shape, tensors: Sequence[ExpectedTensor], spiking_down: bool, *, on_demand: bool
) -> dict[str, kernels.Weight]:
    entries = file.tensors.entries
    left = set(entries)
    weights: dict[str, kernels.Weight] = {}
    if config.spike_k:
        coded = StoredSpikes(file)
        weights = coded.weights(tensors, spiking_down=spiking_down)
        left -= set(coded.names)
    for tensor in tensors:
        if tensor.name in weights:
            continue
        weight = stored_weight(entries, tensor, file.tensors.map_tensor)
        left.discard(tensor.name)
        if weight.scales is not None:
            left.discard(tensor.name + keys.SCALES_SUFFIX)
        if not (on_demand and tensor.is_expert):
            weights[tensor.name] = weight
    if left:
        raise ModelFileError(
            "model-tensor-unexpected", f"The model file holds the unknown tensor {min(left)!a}."
        )
    return weights


def _file_tokenizer(file: GgufFile, config: Shape) -> Tokenizer:
    """Checks first what is cheap to check: the library's tables take it seconds at the worst."""
    text = _text(file, keys.TOKENIZER_JSON)
    if len(text) > _TOKENIZER_CHARS + config.vocab_size * _TOKENIZER_CHARS_PER_ROW:
        raise ModelFileError("tokenizer-invalid", "The tokenizer is far too large for the model's rows.")
    parts = parse_tokenizer(text)
    if parts.size > config.vocab_size:
        raise ModelFileError("tokenizer-invalid", "The tokenizer has more ids than the model has rows.")
    return Tokenizer(parts)


def _text(file: GgufFile, key: str, default: str | None = None) -> str:
    value = file.metadata.get(key, default)
    if not isinstance(value, str):
        raise ModelFileError("model-facts-invalid", f"The model file has no text {key}.")
    return value


def _file_identity(file: GgufFile) -> str:
    """The header's digest where the header binds the weights, else the whole file's."""
    if isinstance(file.metadata.get(keys.CONTENT_SHA256), str):
        return file.header.sha256
    return _digest(file.tensors.path, 0)


def _digest(path: Path, start: int) -> str:
    digest = hashlib.sha256()
    buffer = np.empty(4 << 20, dtype=np.uint8)
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while count := file.readinto(buffer.data):
            digest.update(buffer.data[:count])
    return digest.hexdigest()
