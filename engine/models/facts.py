"""What a model file says about itself beyond its shape: names, licence, and how it should be used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from engine.models import keys
from engine.models.errors import ModelFileError
from engine.models.json_text import read_text

FACTS_NAME: Final = "huisclos.json"
_TEXT_MAX: Final = 1000
_EVIDENCE_MAX_TOK: Final = 1 << 20
SPIKES_K_MAX: Final = 1024


class ModelFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optional in a checkpoint folder as `huisclos.json` with these names; stored in a converted file.

    `evidence_tok`: how much evidence suits the model. `reads_on`: answers start from the dossier's reading,
    not from evidence alone. `confidence_floor`: answers below this probability are not given as the model's.
    `reader`: trained on the application's own evidence format. `spikes_k`: above 0 the model runs with its
    inputs coded as spikes, thresholds mean|x| / spikes_k, unless something else is asked for.
    """

    name: str = ""
    licence: str = ""
    source: str = ""
    label_en: str = ""
    label_fr: str = ""
    evidence_tok: int = 1536
    reads_on: bool = True
    confidence_floor: float = 0.0
    reader: bool = False
    spikes_k: float = 0.0

    def __post_init__(self) -> None:
        for text in (self.name, self.licence, self.source, self.label_en, self.label_fr):
            if len(text) > _TEXT_MAX or not text.isprintable():
                raise ValueError("a name or label is too long or not plain text")
        if not 0 <= self.evidence_tok <= _EVIDENCE_MAX_TOK:
            raise ValueError("evidence_tok is out of range")
        if not math.isfinite(self.confidence_floor) or not 0.0 <= self.confidence_floor <= 1.0:
            raise ValueError("confidence_floor is not within 0 to 1")
        if not math.isfinite(self.spikes_k) or not 0.0 <= self.spikes_k <= SPIKES_K_MAX:
            raise ValueError(f"spikes_k is not within 0 to {SPIKES_K_MAX}")

    def named(self, name: str) -> ModelFacts:
        """These facts with empty names filled in."""
        name = self.name or name
        return msgspec.structs.replace(
            self, name=name, label_en=self.label_en or name, label_fr=self.label_fr or self.label_en or name
        )

    def to_metadata(self) -> dict[str, str | bool | int | float]:
        return {key: getattr(self, field) for key, field in _FIELDS.items()}


_FIELDS: Final[Mapping[str, str]] = {
    keys.NAME: "name",
    keys.LICENCE: "licence",
    keys.SOURCE: "source",
    keys.LABEL_EN: "label_en",
    keys.LABEL_FR: "label_fr",
    keys.EVIDENCE_TOK: "evidence_tok",
    keys.READS_ON: "reads_on",
    keys.CONFIDENCE_FLOOR: "confidence_floor",
    keys.READER: "reader",
    keys.SPIKES_K: "spikes_k",
}


def facts_from_metadata(metadata: Mapping[str, object]) -> ModelFacts:
    """Raises ModelFileError `model-facts-invalid`."""
    present = {field: metadata[key] for key, field in _FIELDS.items() if key in metadata}
    try:
        return msgspec.convert(present, ModelFacts)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def read_facts(folder: Path) -> ModelFacts:
    """The folder's `huisclos.json`, or defaults. Raises ModelFileError `model-facts-invalid`."""
    path = folder / FACTS_NAME
    if not path.exists():
        return ModelFacts()
    try:
        return msgspec.json.decode(read_text(path, limit_bytes=64 << 10), type=ModelFacts)
    except msgspec.MsgspecError as error:
        raise _invalid(str(error)) from error


def _invalid(reason: str) -> ModelFileError:
    return ModelFileError(
        "model-facts-invalid", f"What the model says about itself is not usable: {reason[:160]}."
    )
