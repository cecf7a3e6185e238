"""Which architectures there are: one file here for each, and this list.

An architecture says what its configuration is, which tensors it has and what goes into a file's metadata.
Reading folders, converting, checking and writing know no architecture by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.models import keys
from engine.models.architectures.branched import BranchedMoe
from engine.models.architectures.contract import Architecture, Shape
from engine.models.architectures.gla_swa import GlaSwa
from engine.models.errors import ModelFileError

ARCHITECTURES: Final[tuple[Architecture, ...]] = (GlaSwa(), BranchedMoe())

__all__ = ["ARCHITECTURES", "Architecture", "Shape", "of_checkpoint", "of_file"]


def of_checkpoint(raw: Mapping[str, object]) -> Architecture:
    """The architecture that a parsed `config.json` names. Raises `model-architecture-unknown`."""
    return _named("checkpoint", raw.get("model_type"))


def of_file(metadata: Mapping[str, object]) -> Architecture:
    """The architecture that a file's metadata names. Raises `model-architecture-unknown`."""
    return _named("file", metadata.get(keys.GENERAL_ARCHITECTURE))


def _named(container: str, name: object) -> Architecture:
    for architecture in ARCHITECTURES:
        if architecture.name == name:
            return architecture
    known = ", ".join(architecture.name for architecture in ARCHITECTURES)
    raise ModelFileError(
        "model-architecture-unknown",
        f"This {container} holds a {repr(name)[:80]} model; only {known} models run here.",
    )
