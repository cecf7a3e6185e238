"""Models: configuration, files, conversion, tokenizer and chat template of the `gla_swa` family.

`load` needs the built native module and is imported on first use; everything else here works without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.models.errors import ChatTemplateError, ConversionError, ModelError, ModelFileError

if TYPE_CHECKING:
    from engine.models.loading import LoadedModel, ModelInfo, load

__all__ = [
    "ChatTemplateError",
    "ConversionError",
    "LoadedModel",
    "ModelError",
    "ModelFileError",
    "ModelInfo",
    "load",
]


def __getattr__(name: str) -> object:
    if name in ("LoadedModel", "ModelInfo", "load"):
        from engine.models import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
