"""Live readings by name: for each, the state as last kept and the fingerprint of every text in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from engine.runtime.seam import ReadingState

MAX_SESSIONS: Final = 256
EMPTY_TEXT_SHA256: Final = bytes(32)


class SessionUnknown(LookupError):
    """No live session has this name."""


class SessionLimit(Exception):
    """There are as many live sessions as the engine keeps."""


@dataclass(frozen=True, slots=True)
class Session:
    """One kept reading. `state` is never computed on: whoever goes on from it forks it first."""

    state: ReadingState
    text_sha256: bytes = EMPTY_TEXT_SHA256

    @property
    def position_tok(self) -> int:
        """Tokens read so far."""
        return self.state.position


def extend_text_sha256(before: bytes, text: str) -> bytes:
    """The fingerprint after one more text: SHA-256 of the one before and the SHA-256 of the text's UTF-8."""
    return hashlib.sha256(before + hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).digest()


class Sessions:
    """The live sessions. Changed on the computing thread only; other threads may ask for the totals."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def nbytes(self) -> int:
        """Memory of all kept states, in bytes."""
        return sum(session.state.nbytes for session in list(self._sessions.values()))

    def find(self, name: str) -> Session | None:
        """The session, or None."""
        return self._sessions.get(name)

    def get(self, name: str) -> Session:
        """The session; raises SessionUnknown."""
        session = self._sessions.get(name)
        if session is None:
            raise SessionUnknown
        return session

    def keep(self, name: str, session: Session) -> None:
        """Keep a reading under a name, replacing what was there. Raises SessionLimit."""
        if name not in self._sessions and len(self._sessions) >= MAX_SESSIONS:
            raise SessionLimit
        self._sessions[name] = session

    def drop(self, name: str) -> None:
        """Forget a session; nothing happens when it is not there."""
        self._sessions.pop(name, None)
