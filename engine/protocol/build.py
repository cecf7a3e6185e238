"""A fingerprint of the code that both processes must share to understand each other."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path


@cache
def build_hash() -> str:
    """SHA-256 over the sources of the protocol and the transport, as they were when this process first asked;
    over the whole program where that is bundled, which has them inside.

    A program replaced on disk while it runs would start a worker of another version; the handshake then
    refuses.
    """
    if getattr(sys, "frozen", False):
        with Path(sys.executable).open("rb") as program:
            return hashlib.file_digest(program, "sha256").hexdigest()
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for room in (here, here.parent / "transport"):
        for source in sorted(room.glob("*.py")):
            content = source.read_bytes()
            digest.update(f"{room.name}/{source.name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
