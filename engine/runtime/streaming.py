"""Tokens become text as they come: only whole characters, and nothing that may turn out to be a stop text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence


class TextStream:
    """One answer's text. `push` gives what may be shown now; `text` is everything given out so far.

    `token_bytes` gives the bytes of one token: possibly a part of a character, nothing for a special token.
    """

    def __init__(self, token_bytes: Callable[[int], bytes], stops: Sequence[str] = ()) -> None:
        self._token_bytes = token_bytes
        self._stops = tuple(stops)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._parts: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """Everything that was given out."""
        return "".join(self._parts)

    def push(self, token_id: int) -> str:
        """Take a token; give the text that is certain now. After a stop text, `stopped` is true."""
        return self._release(self._decoder.decode(self._token_bytes(token_id)), final=False)

    def finish(self) -> str:
        """Give what was held back: an unfinished character as U+FFFD, an unfinished stop text as text."""
        if self.stopped:
            return ""
        return self._release(self._decoder.decode(b"", final=True), final=True)

    def _release(self, fresh: str, *, final: bool) -> str:
        pending = self._held + fresh
        cuts = [cut for stop in self._stops if (cut := pending.find(stop)) >= 0]
        if cuts:
            self.stopped = True
            out, self._held = pending[: min(cuts)], ""
        elif final:
            out, self._held = pending, ""
        else:
            keep = max((_overlap(pending, stop) for stop in self._stops), default=0)
            out, self._held = pending[: len(pending) - keep], pending[len(pending) - keep :]
        if out:
            self._parts.append(out)
        return out


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` could be the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
