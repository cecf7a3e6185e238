"""Reading JSON that somebody else wrote: strict, no duplicate keys, bounded depth."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final, NoReturn

from engine.models.errors import ModelFileError
from engine.models.tensors import file_size

_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def parse_object(text: str | bytes, origin: str) -> dict[str, object]:
    """The JSON object in `text` (UTF-8). Raises ModelFileError `model-json-invalid`, naming `origin`."""
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value: object = json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
        if _ESCAPED_SURROGATE.search(decoded):
            # Half a character can be neither written nor part of a path.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _invalid(origin, "a text in it holds half a character") from None
    except RecursionError:
        raise _invalid(origin, "it is nested too deeply") from None
    except ValueError as error:
        raise _invalid(origin, str(error)[:160]) from None
    if not isinstance(value, dict):
        raise _invalid(origin, "it is not an object")
    return value


def read_object(path: Path, *, limit_bytes: int) -> dict[str, object]:
    """The JSON object in a file of at most `limit_bytes`. Raises ModelFileError when that is not so."""
    return parse_object(read_text(path, limit_bytes=limit_bytes), path.name)


def read_text(path: Path, *, limit_bytes: int) -> str:
    """A UTF-8 text file of at most `limit_bytes`, line ends untouched. Raises ModelFileError."""
    file_size(path)  # refuses a pipe, which would keep us waiting for ever
    try:
        with path.open("rb") as file:
            # Python sets aside as much as it is asked to read, so ask for what is there.
            data = file.read(min(limit_bytes, os.fstat(file.fileno()).st_size) + 1)
    except OSError as error:
        raise ModelFileError(
            "model-file-unreadable", f"{path.name} cannot be read: {error.strerror or error}."
        ) from error
    if len(data) > limit_bytes:
        raise ModelFileError("model-file-oversized", f"{path.name} is larger than {limit_bytes} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelFileError("model-text-invalid", f"{path.name} is not UTF-8 text.") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _invalid(origin: str, reason: str) -> ModelFileError:
    return ModelFileError("model-json-invalid", f"{origin} is not valid: {reason}.")
