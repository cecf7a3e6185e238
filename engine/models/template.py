"""The checkpoint's own chat template, rendered so that nobody's text can pass for the template's.

A template may emit added tokens; texts from documents, file names, history, tools, questions may not.
Before rendering, each such text is marked: every character that begins or ends some added token is replaced
by a stand-in character, and the text is put between two marks. After rendering the marks tell which came from
outside, whatever the template did to them in between; stand-ins turn back into what they stood for.
Marks and stand-ins are private-use characters that occur in none of the texts of this rendering.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.models.errors import ChatTemplateError
from engine.models.sandbox import BoundedTemplate
from engine.models.tokenizer import Segment

CONTENT_MAX_CHARS: Final = 4 << 20
_ROLES: Final = ("system", "user", "assistant", "tool")
_DEPTH_MAX: Final = 32
_PRIVATE: Final = range(0x10FFFD, 0xFFFFF, -1)

# Names by which templates look things up; as keys they are the protocol's words, not anybody's text.
# fmt: off
_STRUCTURE: Final = frozenset([
    "arguments", "content", "description", "enum", "function", "id", "items", "name", "parameters",
    "properties", "required", "role", "tool_call_id", "tool_calls", "type",
])
# fmt: on


class ChatTemplate:
    """One template with the added tokens it must protect. Safe to share between threads."""

    def __init__(
        self, source: str, added_tokens: Collection[str], *, named_tokens: Mapping[str, str] | None = None
    ) -> None:
        """`named_tokens` are variables of the template such as `eos_token`. Raises ChatTemplateError."""
        self.source = source
        self._template = BoundedTemplate(source)
        self._edges = sorted({token[0] for token in added_tokens} | {token[-1] for token in added_tokens})
        self._spaced = any(re.search(r"\s", token) for token in added_tokens)
        self._named_tokens = dict(named_tokens or {})

    def render(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        add_generation_prompt: bool = True,
        tools: Sequence[Mapping[str, object]] | None = None,
    ) -> list[Segment]:
        """The prompt in pieces, told apart by whether the template wrote them. Raises ChatTemplateError.

        A message has `role` (system, user, assistant or tool), `content` and maybe `tool_calls`.
        """
        for message in messages:
            if message.get("role") not in _ROLES:
                raise ChatTemplateError("message-invalid", "A chat message has no valid role.")
        marks = self._choose_marks(messages, tools)
        text = self._template.render(
            {
                **self._named_tokens,
                "messages": [{**marks.mark_map(message, 0), "role": message["role"]} for message in messages],
                "tools": marks.mark(list(tools), 0) if tools else None,
                "add_generation_prompt": add_generation_prompt,
            }
        )
        return list(marks.split(text))

    def _choose_marks(self, messages: object, tools: object) -> _Marks:
        used: set[str] = set(self.source)
        for token in self._named_tokens.values():
            used.update(token)
        size = 0
        for text in _texts([messages, tools], 0):
            size += len(text)
            if size > CONTENT_MAX_CHARS:
                raise ChatTemplateError("message-oversized", "The messages are too long.")
            used.update(text)
        free = [chr(code) for code in _first_free(used, len(self._edges) + 2)]
        return _Marks(free[0], free[1], dict(zip(self._edges, free[2:], strict=True)), spaced=self._spaced)


@dataclass(frozen=True, slots=True)
class _Marks:
    """The private characters of one rendering."""

    start: str
    end: str
    stand_ins: Mapping[str, str]
    spaced: bool

    def mark(self, value: object, depth: int) -> object:
        """A copy of messages or tools with every text in it marked."""
        if isinstance(value, str):
            return self.mark_text(value)
        if isinstance(value, Mapping):
            return self.mark_map(value, depth)
        if isinstance(value, list | tuple):
            return [self.mark(item, depth + 1) for item in value]
        return value

    def mark_map(self, value: Mapping[str, object], depth: int) -> dict[str, object]:
        return {
            key if key in _STRUCTURE else self.mark_text(key): self.mark(item, depth + 1)
            for key, item in value.items()
        }

    def mark_text(self, text: str) -> str:
        if not text:
            return ""  # So that a template can still ask whether there is any.
        replaced = text.translate({ord(old): new for old, new in self.stand_ins.items()})
        core = replaced.strip()
        if self.spaced or not core:
            return f"{self.start}{replaced}{self.end}"
        # Marks go inside the outer white space, which no added token holds, so that a template can trim it.
        left = len(replaced) - len(replaced.lstrip())
        right = left + len(core)
        return f"{replaced[:left]}{self.start}{core}{self.end}{replaced[right:]}"

    def split(self, text: str) -> Iterator[Segment]:
        """The rendered text in pieces, without marks; a stand-in that lost its marks is still untrusted."""
        back = {stand_in: character for character, stand_in in self.stand_ins.items()}
        special = re.compile("[" + re.escape(self.start + self.end + "".join(back)) + "]")
        inside = False
        place = 0
        for match in special.finditer(text):
            if match.start() > place:
                yield Segment(text[place : match.start()], not inside)
            character = match.group()
            if character in back:
                yield Segment(back[character], False)
            else:
                inside = character == self.start
            place = match.end()
        if place < len(text):
            yield Segment(text[place:], not inside)


def _texts(value: object, depth: int) -> Iterator[str]:
    if depth > _DEPTH_MAX:
        raise ChatTemplateError("message-invalid", "The messages are nested too deeply.")
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ChatTemplateError("message-invalid", "A key in the messages is not a text.")
            yield key
            yield from _texts(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, depth + 1)
    elif value is not None and not isinstance(value, bool | int | float):
        raise ChatTemplateError("message-invalid", "The messages hold something that is not JSON.")


def _first_free(used: Collection[str], count: int) -> list[int]:
    found: list[int] = []
    for code in _PRIVATE:
        if chr(code) not in used:
            found.append(code)
            if len(found) == count:
                return found
    raise ChatTemplateError("message-invalid", "The messages use up all private characters.")
