"""Words that must not be found, in every dress they may wear on a disk."""

from __future__ import annotations

import base64
import contextlib
import unicodedata
import zlib
from collections.abc import Iterable
from pathlib import Path

_STREAM_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x1f\x8b\x08", b"PK\x03\x04")
_UNPACKED_MAX = 1 << 20


def dresses(word: str) -> set[bytes]:
    """The word's bytes in the codings and cases a program may leave behind, cut to whole units of base64."""
    found: set[bytes] = set()
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    for form in {word, unicodedata.normalize("NFD", word), plain}:
        for text in {form, form.lower(), form.upper(), form.casefold()}:
            for coding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
                try:
                    raw = text.encode(coding)
                except UnicodeEncodeError:
                    continue
                found |= {raw, raw.hex().encode(), raw.hex().upper().encode(), raw[::-1]}
                for shift in range(3):
                    # the parts that depend on neighbours are cut off both ends
                    coded = base64.b64encode(b"\0" * shift + raw)
                    found |= {coded[4:-4], base64.urlsafe_b64encode(b"\0" * shift + raw)[4:-4]}
    return found


def unpacked(data: bytes) -> Iterable[bytes]:
    """What every place that looks like a packed stream unpacks to."""
    for start in _STREAM_STARTS:
        at = data.find(start)
        while at >= 0:
            skip, window = (30, -15) if start.startswith(b"PK") else (0, 47)
            if skip:
                skip += int.from_bytes(data[at + 26 : at + 28], "little")
                skip += int.from_bytes(data[at + 28 : at + 30], "little")
            with contextlib.suppress(zlib.error):
                yield zlib.decompressobj(window).decompress(data[at + skip :], _UNPACKED_MAX)
            at = data.find(start, at + 1)


def sightings(folder: Path, words: Iterable[str]) -> dict[str, list[str]]:
    """Where each word was seen under the folder, in names and contents; words nowhere seen are left out."""
    sought = {word: dresses(word) for word in words}
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        texts = [str(path.relative_to(folder)).encode("utf-8", "surrogateescape")]
        if path.is_symlink():
            texts.append(str(path.readlink()).encode("utf-8", "surrogateescape"))
        elif path.is_file():
            data = path.read_bytes()
            texts += [data, *unpacked(data)]
        for word, forms in sought.items():
            if any(form in text for text in texts for form in forms):
                found.setdefault(word, []).append(str(path.relative_to(folder)))
    return found
