"""Text to token ids and back: the byte-level BPE of the Qwen2 family, around the `tokenizers` library.

Only `tokenizers.Tokenizer` and its parts are used, never its download functions. The library is given the
plain vocabulary without the added tokens: text is ordinary unless this module, on trusted text alone, cuts
an added token out of it. What is stored in a model file is nevertheless a complete `tokenizers` JSON.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from engine.models.errors import ModelFileError
from engine.models.tokenizer_json import BYTE_LEVEL_SPLIT, TokenizerParts, byte_alphabet, parse_tokenizer


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a prompt. Added tokens are recognised in trusted pieces only."""

    text: str
    trusted: bool


class Tokenizer:
    """Immutable and safe to share between threads.

    `vocabulary` is the number of ids (the largest plus one; ids have no holes), `added` maps the text of each
    added token to its id, `special_ids` are those that decoding for people leaves out.
    """

    def __init__(self, parts: TokenizerParts) -> None:
        """Raises ModelFileError `tokenizer-invalid` when vocabulary and merges do not fit together."""
        self.vocabulary = parts.size
        self.added = {token.content: token.token_id for token in parts.added}
        self.special_ids = frozenset(token.token_id for token in parts.added if token.special)
        self._added_ids = frozenset(self.added.values())
        self._library = _build(parts)
        self._bytes = _token_bytes(parts)
        # Longest first: among tokens that start at one place the longest wins.
        choices = sorted(self.added, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, choices))) if choices else None

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Takes a complete `tokenizers` JSON. Raises ModelFileError `tokenizer-invalid` or `-unsupported`."""
        return cls(parse_tokenizer(text))

    def encode(self, text: str) -> list[int]:
        """Ids of ordinary text; whatever the text looks like, no added token is among them."""
        if not text:
            return []
        try:
            ids: list[int] = self._library.encode(text, add_special_tokens=False).ids
        except TypeError:
            # So the library refuses lone surrogates, which are no characters: they become U+FFFD.
            return self.encode(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
        if not self._added_ids.isdisjoint(ids):
            raise ModelFileError("tokenizer-invalid", "The tokenizer's merges can produce a special token.")
        return ids

    def encode_trusted(self, text: str) -> list[int]:
        """Ids of text from a trusted hand: added tokens inside it are recognised."""
        return self.encode_segments([Segment(text, True)])

    def encode_segments(self, segments: Iterable[Segment]) -> list[int]:
        """Ids of pieces put together. No untrusted character ever becomes part of an added token.

        Ordinary text is encoded as one stretch across the joints, so the result equals the encoding of the
        whole wherever no added token touches untrusted text.
        """
        return encode_segments(segments, self.encode, self.added, self._pattern)

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """Text of ids; cut UTF-8 becomes U+FFFD, ids outside the vocabulary nothing."""
        return b"".join(self.token_bytes(token_id, skip_special=skip_special) for token_id in ids).decode(
            "utf-8", "replace"
        )

    def token_bytes(self, token_id: int, *, skip_special: bool = True) -> bytes:
        """The bytes one id stands for; possibly a part of a character."""
        if not 0 <= token_id < self.vocabulary or (skip_special and token_id in self.special_ids):
            return b""
        return self._bytes[token_id]

    def stream(self, *, skip_special: bool = True) -> TextStream:
        """A decoder for one answer that arrives token by token."""
        return TextStream(self, skip_special=skip_special)


def encode_segments(
    segments: Iterable[Segment],
    encode: Callable[[str], list[int]],
    added: Mapping[str, int],
    pattern: re.Pattern[str] | None,
) -> list[int]:
    """`Tokenizer.encode_segments` for any tokenizer: `pattern` finds the texts of `added`, and `encode` takes
    ordinary text alone."""
    ids: list[int] = []
    stretch: list[str] = []
    for segment in _joined(segments):
        if not segment.trusted or pattern is None:
            stretch.append(segment.text)
            continue
        place = 0
        for match in pattern.finditer(segment.text):
            stretch.append(segment.text[place : match.start()])
            ids += encode("".join(stretch))
            ids.append(added[match.group()])
            stretch.clear()
            place = match.end()
        stretch.append(segment.text[place:])
    return ids + encode("".join(stretch))


class TextStream:
    """Turns arriving ids into text, holding back the bytes of a character that is not complete yet."""

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        """The text this id completes; empty while a character is still cut."""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id, skip_special=self._skip_special))

    def finish(self) -> str:
        """What is left at the end: U+FFFD for a character that never became complete."""
        return self._decoder.decode(b"", final=True)


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours of one kind as one, so that an added token may span two trusted pieces."""
    result: list[Segment] = []
    for segment in segments:
        if not segment.text:
            continue
        if result and result[-1].trusted == segment.trusted:
            result[-1] = Segment(result[-1].text + segment.text, segment.trusted)
        else:
            result.append(segment)
    return result


def _build(parts: TokenizerParts) -> tokenizers.Tokenizer:
    try:
        library = tokenizers.Tokenizer(models.BPE(vocab=parts.vocab, merges=parts.merges))
    except Exception as error:
        raise ModelFileError(
            "tokenizer-invalid", f"The tokenizer cannot be used: {str(error)[:160]}."
        ) from error
    if parts.nfc:
        library.normalizer = normalizers.NFC()
    if parts.split == BYTE_LEVEL_SPLIT:
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        library.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(tokenizers.Regex(parts.split), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    library.decoder = decoders.ByteLevel()
    return library


def _token_bytes(parts: TokenizerParts) -> Sequence[bytes]:
    byte_of = {character: byte for byte, character in byte_alphabet().items()}
    table = [b""] * parts.size
    for text, token_id in parts.vocab.items():
        if all(character in byte_of for character in text):
            table[token_id] = bytes(byte_of[character] for character in text)
        else:
            table[token_id] = text.encode("utf-8")
    for token in parts.added:
        table[token.token_id] = token.content.encode("utf-8")
    return table
