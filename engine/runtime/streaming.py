"""Tokens become text as they come: only whole characters, and nothing that may turn out to be a stop text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_UNFINISHED: Final = "�"
# a character has at most four bytes, so no more than this many tokens can belong to an unfinished one
_LONGEST_UNFINISHED_TOK: Final = 8
_CONTEXT_TOK: Final = 8


class TextStream:
    """One answer's text. `push` gives what may be shown now; `text` is everything shown so far.

    Decoding looks at a few tokens before the new ones, because a byte-level decoder joins bytes across
    tokens; the cost per token does not grow with the answer.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stops: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stops = tuple(stops)
        self._ids: list[int] = []
        self._decoded = 0  # ids whose text was taken
        self._held = ""
        self._parts: list[str] = []
        self.stopped = False

    @property
    def text(self) -> str:
        """Everything that was given out."""
        return "".join(self._parts)

    def push(self, token_id: int) -> str:
        """Take a token; give the text that is certain now. After a stop text, `stopped` is true."""
        self._ids.append(token_id)
        return self._release(self._take_decoded(final=False), final=False)

    def finish(self) -> str:
        """Give what was held back: an unfinished character as its replacement, an unfinished stop text as
        text.
        """
        if self.stopped:
            return ""
        return self._release(self._take_decoded(final=True), final=True)

    def _take_decoded(self, *, final: bool) -> str:
        start = max(0, self._decoded - _CONTEXT_TOK)
        before = self._decode(self._ids[start : self._decoded])
        whole = self._decode(self._ids[start:])
        waiting = len(self._ids) - self._decoded
        if whole.endswith(_UNFINISHED) and not final and waiting < _LONGEST_UNFINISHED_TOK:
            return ""
        self._decoded = len(self._ids)
        # `before` may end within a character that `whole` completes: take what they do not share
        shared = len(before) if whole.startswith(before) else _shared_length(before, whole)
        return whole[shared:]

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


def _shared_length(first: str, second: str) -> int:
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length
