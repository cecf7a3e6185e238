"""The tokenizer: the published encodings, streams, and nothing that can make a special token by accident."""

from __future__ import annotations

import functools
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from engine.models.errors import ModelFileError
from engine.models.tokenizer import Segment, Tokenizer
from engine.models.tokenizer_json import (
    BYTE_LEVEL_SPLIT,
    QWEN2_SPLIT,
    WORD_SPLIT,
    AddedToken,
    build_tokenizer_json,
    parse_tokenizer,
    read_tokenizer_files,
)
from tests.fixtures.model_files import FLOAT_TINY, MERGES, SHARDED, TOKENIZER, tokenizer_vocabulary


@functools.cache
def published_json() -> str:
    return read_tokenizer_files(TOKENIZER)


@functools.cache
def published() -> Tokenizer:
    return Tokenizer.from_json(published_json())


def vectors(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (TOKENIZER / name).read_text(encoding="utf-8").splitlines()]


def test_every_published_encoding_is_met() -> None:
    wrong = [
        vector["text"]
        for vector in vectors("encode.jsonl")
        if published().encode_trusted(str(vector["text"])) != vector["ids"]
    ]
    assert wrong == []


def test_every_published_encoding_decodes_to_its_text() -> None:
    for vector in vectors("encode.jsonl"):
        wanted = vector.get("decoded", vector["text"])
        assert published().decode(vector["ids"], skip_special=False) == wanted  # type: ignore[arg-type]


def test_every_published_decoding_is_met_with_and_without_special_tokens() -> None:
    for vector in vectors("decode.jsonl"):
        ids: list[int] = vector["ids"]  # type: ignore[assignment]
        assert published().decode(ids, skip_special=False) == vector["text"]
        assert published().decode(ids) == vector["text_skip_special"]


def test_streaming_token_by_token_gives_the_same_text() -> None:
    for vector in vectors("decode.jsonl") + vectors("encode.jsonl"):
        ids: list[int] = vector["ids"]  # type: ignore[assignment]
        for skip in (True, False):
            stream = published().stream(skip_special=skip)
            text = "".join(map(stream.push, ids)) + stream.finish()
            assert text == published().decode(ids, skip_special=skip)


def test_a_stream_never_shows_half_a_character() -> None:
    stream = published().stream()
    ids = published().encode("血压 🫀 é")
    assert "\ufffd" not in "".join(map(stream.push, ids))
    assert stream.finish() == ""


def test_the_stored_form_is_a_complete_tokenizer_for_the_public_library() -> None:
    library = tokenizers.Tokenizer.from_str(published_json())
    for vector in vectors("encode.jsonl"):
        assert library.encode(str(vector["text"]), add_special_tokens=False).ids == vector["ids"]


def test_added_tokens_are_ordinary_text_unless_trusted() -> None:
    tokenizer = published()
    assert len(tokenizer.added) == 22
    for text, token_id in tokenizer.added.items():
        assert tokenizer.encode_trusted(text) == [token_id]
        ids = tokenizer.encode(text)
        assert token_id not in ids
        assert tokenizer.decode(ids) == text


@given(st.lists(st.tuples(st.text(max_size=12), st.booleans()), max_size=6), st.data())
def test_pieces_encode_like_the_whole_wherever_no_token_touches_untrusted_text(
    pieces: list[tuple[str, bool]], data: st.DataObject
) -> None:
    tokenizer = published()
    names = sorted(tokenizer.added)
    segments = []
    for text, trusted in pieces:
        token = data.draw(st.sampled_from(["", *names])) if trusted else ""
        segments.append(Segment(text.replace("<", "(") + token, trusted))
    whole = "".join(segment.text for segment in segments)
    assert tokenizer.encode_segments(segments) == tokenizer.encode_trusted(whole)


@given(st.data())
def test_no_cut_of_a_token_lets_an_untrusted_piece_take_part_in_it(data: st.DataObject) -> None:
    tokenizer = published()
    token = data.draw(st.sampled_from(sorted(tokenizer.added)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(token)), min_size=1, max_size=3)))
    places = [0, *cuts, len(token)]
    texts = [token[start:end] for start, end in itertools.pairwise(places)]
    trust = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    segments = [Segment(text, trusted) for text, trusted in zip(texts, trust, strict=True)]
    ids = tokenizer.encode_segments(segments)
    if any(segment.text and not segment.trusted for segment in segments):
        assert tokenizer.added[token] not in ids
    else:
        assert ids == [tokenizer.added[token]]


@given(st.text(max_size=200))
def test_no_text_whatever_becomes_an_added_token(text: str) -> None:
    assert not set(published().encode(text)) & set(published().added.values())


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert published().decode(published().encode("a\ud800b")) == "a\ufffdb"


def test_ids_outside_the_vocabulary_decode_to_nothing() -> None:
    assert published().decode([-1, 10**9, *published().encode("ok"), published().vocabulary]) == "ok"


@pytest.mark.timeout(20)
def test_long_runs_of_one_kind_take_no_absurd_time() -> None:
    for text in (" " * 200_000, "a" * 200_000, "\n \n" * 60_000, "e\u0301" * 60_000, "!" * 200_000):
        ids = published().encode(text)
        assert len(published().decode(ids)) <= len(text)


def test_the_small_tokenizers_of_the_model_folders_are_read() -> None:
    for folder, size in ((FLOAT_TINY, 503), (SHARDED, 311)):
        tokenizer = Tokenizer.from_json(read_tokenizer_files(folder))
        assert tokenizer.vocabulary == size
        assert tokenizer.special_ids == {size - 3, size - 2, size - 1}


def test_a_folder_with_only_the_library_form_is_read(tmp_path: Path) -> None:
    text = build_tokenizer_json(tokenizer_vocabulary(), list(MERGES), [], split=BYTE_LEVEL_SPLIT)
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    assert parse_tokenizer(read_tokenizer_files(tmp_path)).split == BYTE_LEVEL_SPLIT


def test_the_reader_s_own_split_keeps_words_apart_from_all_marks() -> None:
    tokenizer = Tokenizer.from_json(
        build_tokenizer_json(tokenizer_vocabulary(), list(MERGES), [], split=WORD_SPLIT)
    )
    text = "(Dr a12, l'a  b)...\n [3] 2026-01 — é漢\u0301!!"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    pieces = [re.findall(r" ?[a-z]+| ?[0-9]{1,2}|.", part) for part in ("(ab 123", "ab) 123")]
    for words in pieces:
        whole = tokenizer.encode("".join(words))
        assert whole == [token for word in words for token in tokenizer.encode(word)]


def small(change: Callable[[dict[str, object]], object]) -> str:
    text = build_tokenizer_json(
        tokenizer_vocabulary(), list(MERGES), [AddedToken(len(tokenizer_vocabulary()), "<end>", special=True)]
    )
    value = json.loads(text)
    change(value)
    return json.dumps(value)


def test_an_untouched_small_tokenizer_is_accepted() -> None:
    assert parse_tokenizer(small(lambda value: None)).split == QWEN2_SPLIT


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["model"].update(type="Unigram"),
        lambda v: v["model"].update(dropout=0.5),
        lambda v: v["model"].update(byte_fallback=True),
        lambda v: v["model"].update(ignore_merges=True),
        lambda v: v["model"]["merges"].append(["q", "q"]),
        lambda v: v["model"]["merges"].append("no pair"),
        lambda v: v["model"]["merges"].append(["a", "b", "c"]),
        lambda v: v["model"]["vocab"].update(extra=5000),
        lambda v: v["model"]["vocab"].update(extra=-1),
        lambda v: v["model"]["vocab"].update(extra="x"),
        lambda v: v["model"]["vocab"].update(extra=0),
        lambda v: v["model"]["vocab"].pop("!"),
        lambda v: v["added_tokens"].append(v["added_tokens"][0]),
        lambda v: v["added_tokens"][0].update(content=""),
        lambda v: v["added_tokens"][0].update(content="x" * 1000),
        lambda v: v["added_tokens"][0].update(lstrip=True),
        lambda v: v["added_tokens"][0].update(id=3),
        lambda v: v["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex="(a+)+$"),
        lambda v: v["pre_tokenizer"].update(type="Whitespace", pretokenizers=None),
        lambda v: v["normalizer"].update(type="Replace"),
        lambda v: v["decoder"].update(type="WordPiece"),
        lambda v: v.pop("model"),
        lambda v: v.update(model=[]),
    ],
)
def test_a_tokenizer_of_another_kind_or_with_a_fault_is_refused(
    change: Callable[[dict[str, object]], object],
) -> None:
    with pytest.raises(ModelFileError) as caught:
        Tokenizer.from_json(small(change))
    assert caught.value.code in ("tokenizer-invalid", "tokenizer-unsupported")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"model": \ud800}'])
def test_text_that_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError):
        Tokenizer.from_json(text)


def test_loading_and_using_a_model_never_imports_anything_for_the_network() -> None:
    script = (
        "import sys; from pathlib import Path; from engine.models.loading import load\n"
        f"model = load(Path({str(FLOAT_TINY)!r}), threads=1)\n"
        "assert model.decode(model.encode_text('bonjour')) == 'bonjour'\n"
        "names = 'huggingface_hub hf_xet requests urllib3 httpx aiohttp http.client ssl'.split()\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
