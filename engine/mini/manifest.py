"""The few lines beside the shipped file that say what it is: the window lists it without an engine."""

from __future__ import annotations

import json
from pathlib import Path

from engine.mini.evaluate import SHIPPED
from engine.models.loading import ModelInfo, load


def lines_of(info: ModelInfo) -> str:
    """TOML; every string of ours is a JSON string too, which TOML reads alike."""
    values = {
        "name": info.name,
        "label_en": info.label_en,
        "label_fr": info.label_fr,
        "format": info.format,
        "parameters": info.parameters,
        "licence": info.licence,
        "source": info.source,
        "reader": info.reader,
    }
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def write(model: Path | None = None) -> Path:
    """Beside the model at `model` (the shipped one by default), under its name."""
    path = model or SHIPPED
    target = path.with_suffix(".toml")
    target.write_text(lines_of(load(path, threads=1).info), encoding="utf-8")
    return target
