"""The licence of a checkpoint folder, as far as the folder itself tells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_READ_BYTES: Final = 64 << 10
_NAME_MAX: Final = 80
_CARD_FIELD: Final = re.compile(r"^license(?:_name)?:\s*[\"']?([^\"'\n]{1,80})", re.MULTILINE | re.IGNORECASE)
_LICENCE_FILES: Final = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING")
_CARDS: Final = ("README.md", "README.MD", "README")
_KNOWN: Final = (
    (re.compile(r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", re.IGNORECASE), "AGPL-3.0"),
    (re.compile(r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", re.IGNORECASE), "LGPL-3.0"),
    (re.compile(r"GNU GENERAL PUBLIC LICENSE\s+Version 3", re.IGNORECASE), "GPL-3.0"),
    (re.compile(r"Apache License\s+Version 2\.0", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"Permission is hereby granted, free of charge", re.IGNORECASE), "MIT"),
    (re.compile(r"Redistribution and use in source and binary forms", re.IGNORECASE), "BSD"),
)


def find_licence(folder: Path, config: Mapping[str, object]) -> str:
    """A short name from config.json, the model card or the licence file; empty where none tells it."""
    told = config.get("license")
    if isinstance(told, str) and _plain(told):
        return _plain(told)
    for name in _CARDS:
        found = _CARD_FIELD.search(_front(folder / name))
        if found is not None and _plain(found[1]):
            return _plain(found[1])
    for name in _LICENCE_FILES:
        text = _front(folder / name)
        for pattern, licence in _KNOWN:
            if pattern.search(text):
                return licence
        first = next((_plain(line) for line in text.splitlines() if _plain(line)), "")
        if first:
            return first
    return ""


def _front(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_READ_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _plain(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).strip(" #*`").strip()[:_NAME_MAX]
