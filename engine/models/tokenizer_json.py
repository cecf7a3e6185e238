"""The stored form of a tokenizer: a complete `tokenizers` JSON, built from published files, checked when
read.

Only the one family of tokenizers that these models use is accepted: byte-level BPE, NFC or no
normalisation, and a known pre-split. Foreign regular expressions from a file are never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from engine.models.errors import ModelFileError
from engine.models.json_text import read_object, read_text

QWEN2_SPLIT: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The pre-split of spec 1.8 as the library's regular expression."""
WORD_SPLIT: Final = r" ?\p{L}+| ?\p{N}{1,2}| ?(?:\.{2,}|-{2,}|_{2,}|[^\s\p{L}\p{N}])|\s*[\r\n]+|\s+(?!\S)|\s+"
"""The mini reader's own: words, digits by twos and single marks, each with at most one space before it."""
BYTE_LEVEL_SPLIT: Final = "byte-level"
"""Stands for the split built into the library's byte-level step."""

TOKENIZER_MAX_BYTES: Final = 16 << 20
VOCABULARY_MAX: Final = 1 << 20
_ADDED_MAX: Final = 4096
_ADDED_TEXT_MAX: Final = 256


class AddedToken(msgspec.Struct, frozen=True):
    """A token outside the merges, recognised by its exact text; `special` ones are left out for people."""

    token_id: int = msgspec.field(name="id")
    content: str
    special: bool = False
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False


@dataclass(frozen=True, slots=True)
class TokenizerParts:
    """A checked tokenizer: ids 0 to size - 1 without holes, merges as pairs of vocabulary texts."""

    vocab: dict[str, int]
    merges: list[tuple[str, str]]
    added: tuple[AddedToken, ...]
    split: str
    nfc: bool
    size: int


class _Pattern(msgspec.Struct):
    regex: str = msgspec.field(name="Regex")


class _PreTokenizer(msgspec.Struct):
    type: str
    pretokenizers: list[_PreTokenizer] | None = None
    pattern: _Pattern | None = None
    behavior: str | None = None
    invert: bool = False
    add_prefix_space: bool = False
    use_regex: bool = True


class _Normalizer(msgspec.Struct):
    type: str


class _Decoder(msgspec.Struct):
    type: str


class _Model(msgspec.Struct):
    vocab: dict[str, int]
    merges: list[tuple[str, str] | str]
    type: str = "BPE"
    dropout: float | None = None
    unk_token: str | None = None
    continuing_subword_prefix: str | None = None
    end_of_word_suffix: str | None = None
    byte_fallback: bool = False
    ignore_merges: bool = False


class _File(msgspec.Struct):
    model: _Model
    pre_tokenizer: _PreTokenizer
    decoder: _Decoder
    normalizer: _Normalizer | None = None
    added_tokens: list[AddedToken] = []


def parse_tokenizer(text: str) -> TokenizerParts:
    """Reads and checks a `tokenizers` JSON. Raises ModelFileError `tokenizer-invalid` or `-unsupported`."""
    if len(text) > TOKENIZER_MAX_BYTES:
        raise _invalid("it is too large")
    try:
        file = msgspec.json.decode(text.encode("utf-8"), type=_File)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise _invalid(str(error)[:160]) from error
    model = file.model
    plain = not (
        model.dropout or model.unk_token or model.continuing_subword_prefix or model.end_of_word_suffix
    )
    if model.type != "BPE" or not plain or model.byte_fallback or model.ignore_merges:
        raise _unsupported("its model is not plain byte-level BPE")
    if file.decoder.type != "ByteLevel":
        raise _unsupported("it does not decode bytes")
    if file.normalizer is not None and file.normalizer.type != "NFC":
        raise _unsupported(f"its normalisation is {file.normalizer.type[:40]!a}")
    parts = TokenizerParts(
        vocab=model.vocab,
        merges=[_pair(merge) for merge in model.merges],
        added=tuple(file.added_tokens),
        split=_split_of(file.pre_tokenizer),
        nfc=file.normalizer is not None,
        size=_checked_size(model.vocab, file.added_tokens),
    )
    _check_merges(parts)
    return parts


def build_tokenizer_json(
    vocab: Mapping[str, int],
    merges: list[tuple[str, str]],
    added: list[AddedToken],
    *,
    split: str = QWEN2_SPLIT,
) -> str:
    """The complete `tokenizers` JSON for a byte-level BPE with NFC and the given pre-split."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    steps: list[dict[str, object]] = [
        {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False},
        {**byte_level, "use_regex": False},
    ]
    pre_tokenizer: dict[str, object] = {"type": "Sequence", "pretokenizers": steps}
    if split == BYTE_LEVEL_SPLIT:
        pre_tokenizer = {**byte_level, "use_regex": True}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(added, key=lambda token: token.token_id),
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
            "merges": merges,
        },
    }
    return msgspec.json.encode(content).decode("utf-8")


def read_tokenizer_files(folder: Path) -> str:
    """The tokenizer of a checkpoint folder as one JSON, checked.

    Takes `vocab.json`, `merges.txt` and the added tokens of `tokenizer_config.json` (or `added_tokens.json`);
    without those the folder's own `tokenizer.json`. Raises ModelFileError.
    """
    if not (folder / "vocab.json").exists():
        if not (folder / "tokenizer.json").exists():
            raise ModelFileError(
                "tokenizer-invalid", f"{folder.name} has no tokenizer: neither vocab.json nor tokenizer.json."
            )
        text = read_text(folder / "tokenizer.json", limit_bytes=TOKENIZER_MAX_BYTES)
        parse_tokenizer(text)
        return text
    vocab = read_object(folder / "vocab.json", limit_bytes=TOKENIZER_MAX_BYTES)
    numbered = {text: value for text, value in vocab.items() if type(value) is int}
    if len(numbered) != len(vocab):
        raise _invalid("vocab.json holds something that is not a number")
    lines = read_text(folder / "merges.txt", limit_bytes=TOKENIZER_MAX_BYTES).split("\n")
    # The first line is a version comment; a merge may itself start with "#".
    body = lines[1:] if lines and lines[0].startswith("#version") else lines
    merges = [_pair(line.rstrip("\r")) for line in body if line.strip("\r")]
    text = build_tokenizer_json(numbered, merges, _read_added(folder))
    parse_tokenizer(text)
    return text


def _read_added(folder: Path) -> list[AddedToken]:
    config = folder / "tokenizer_config.json"
    if config.exists():
        described = read_object(config, limit_bytes=1 << 20).get("added_tokens_decoder")
        if isinstance(described, dict):
            try:
                return [
                    msgspec.convert({**value, "id": int(key)}, AddedToken) for key, value in described.items()
                ]
            except (msgspec.ValidationError, TypeError, ValueError) as error:
                raise _invalid(f"tokenizer_config.json: {str(error)[:120]}") from error
    if (folder / "added_tokens.json").exists():
        raw = read_object(folder / "added_tokens.json", limit_bytes=1 << 20)
        try:
            return [msgspec.convert({"id": value, "content": key}, AddedToken) for key, value in raw.items()]
        except msgspec.ValidationError as error:
            raise _invalid(f"added_tokens.json: {str(error)[:120]}") from error
    return []


def _split_of(step: _PreTokenizer) -> str:
    if step.type == "ByteLevel" and step.use_regex and not step.add_prefix_space:
        return BYTE_LEVEL_SPLIT
    steps = step.pretokenizers or []
    if step.type == "Sequence" and [inner.type for inner in steps] == ["Split", "ByteLevel"]:
        split, byte_level = steps
        pattern = split.pattern.regex if split.pattern is not None else ""
        isolated = split.behavior == "Isolated" and not split.invert
        known = isolated and not byte_level.use_regex and not byte_level.add_prefix_space
        if known and pattern in (QWEN2_SPLIT, WORD_SPLIT):
            return pattern
    raise _unsupported("its pre-split is unknown")


def _pair(merge: str | tuple[str, str]) -> tuple[str, str]:
    if isinstance(merge, tuple):
        return merge
    left, separator, right = merge.partition(" ")
    if not (left and separator and right) or " " in right:
        raise _invalid(f"the merge {merge[:40]!a} is not a pair")
    return left, right


def _checked_size(vocab: dict[str, int], added: list[AddedToken]) -> int:
    if not vocab or len(vocab) > VOCABULARY_MAX or len(added) > _ADDED_MAX:
        raise _invalid("its vocabulary has no usable size")
    for token in added:
        if not token.content or len(token.content) > _ADDED_TEXT_MAX:
            raise _invalid("an added token is empty or too long")
        if token.lstrip or token.rstrip or token.single_word or token.normalized:
            raise _unsupported(f"the added token {token.content[:40]!a} changes the text around it")
        if vocab.get(token.content, token.token_id) != token.token_id:
            raise _invalid(f"the added token {token.content[:40]!a} has two ids")
    contents = {token.content for token in added}
    ids = {token.token_id for token in added}
    if len(contents) != len(added) or len(ids) != len(added):
        raise _invalid("an added token occurs twice")
    ids.update(vocab.values())
    size = len(ids)
    extra = sum(1 for content in contents if content not in vocab)
    if size != len(vocab) + extra or min(ids) != 0 or max(ids) != size - 1:
        raise _invalid("its ids are not 0 to the last one, each once")
    return size


def byte_alphabet() -> dict[int, str]:
    """The printable character that stands for each byte in a byte-level vocabulary.

    Printable Latin-1 stands for itself; the other 68 bytes take the code points from 256 on, in order.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in table)
    table.update({byte: chr(256 + rank) for rank, byte in enumerate(others)})
    return table


def _check_merges(parts: TokenizerParts) -> None:
    vocab = parts.vocab
    if not all(character in vocab for character in byte_alphabet().values()):
        # Text with such a byte would lose it without a word.
        raise _invalid("its vocabulary lacks a byte")
    for left, right in parts.merges:
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise _invalid(f"the merge {left[:40]!a} {right[:40]!a} leads out of the vocabulary")


def _invalid(reason: str) -> ModelFileError:
    return ModelFileError("tokenizer-invalid", f"The tokenizer is not usable: {reason}.")


def _unsupported(reason: str) -> ModelFileError:
    return ModelFileError("tokenizer-unsupported", f"This kind of tokenizer cannot be used: {reason}.")
