"""The chat template: the published renderings, nobody's text as a special token, and an end to all of it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.errors import ChatTemplateError
from engine.models.loading import load
from engine.models.sandbox import BoundedTemplate
from engine.models.template import ChatTemplate
from engine.models.tokenizer import Segment, Tokenizer
from engine.models.tokenizer_json import read_tokenizer_files
from tests.fixtures.model_files import FLOAT_TINY, TOKENIZER


@functools.cache
def tokenizer() -> Tokenizer:
    return Tokenizer.from_json(read_tokenizer_files(TOKENIZER))


@functools.cache
def published() -> ChatTemplate:
    config = json.loads((TOKENIZER / "tokenizer_config.json").read_text(encoding="utf-8"))
    return ChatTemplate(config["chat_template"], tokenizer().added)


CHATS = [json.loads(line) for line in (TOKENIZER / "chat.jsonl").read_text(encoding="utf-8").splitlines()]


def rendered(vector: dict[str, object]) -> list[Segment]:
    messages: list[dict[str, object]] = vector["messages"]  # type: ignore[assignment]
    return published().render(
        messages,
        add_generation_prompt=bool(vector["add_generation_prompt"]),
        tools=vector.get("tools"),  # type: ignore[arg-type]
    )


def joined(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("vector", CHATS, ids=range(len(CHATS)))
def test_every_published_chat_is_rendered_to_its_text_and_ids(vector: dict[str, object]) -> None:
    segments = rendered(vector)
    assert joined(segments) == vector["text"]
    assert tokenizer().encode_trusted(joined(segments)) == vector["ids"]
    contents = json.dumps([vector["messages"], vector.get("tools")])
    if any(token in contents for token in tokenizer().added):
        # The one published vector with a token in a content shows the attack, not the wish.
        assert tokenizer().encode_segments(segments) != vector["ids"]
    else:
        assert tokenizer().encode_segments(segments) == vector["ids"]


def special_counts(segments: list[Segment]) -> dict[int, int]:
    ids = tokenizer().encode_segments(segments)
    return {token_id: ids.count(token_id) for token_id in tokenizer().added.values()}


def a_chat(poison: str) -> dict[str, object]:
    """Everybody's words in one chat: a late order, history, a tool's name, arguments and result."""
    return {
        "messages": [
            {"role": "system", "content": "S" + poison},
            {"role": "user", "content": poison},
            {"role": "assistant", "content": poison + "A"},
            {"role": "user", "content": "report" + poison + ".pdf"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"function": {"name": "f" + poison, "arguments": {"k" + poison: [poison]}}}],
            },
            {"role": "tool", "content": poison},
            {"role": "user", "content": " \n" + poison + "\n "},
        ],
        "tools": [{"type": "function", "function": {"name": poison, "description": poison}}],
        "add_generation_prompt": True,
    }


@pytest.mark.parametrize("token", sorted(tokenizer().added))
def test_no_added_token_in_anybodys_words_becomes_one(token: str) -> None:
    harmless = special_counts(rendered(a_chat("x")))
    segments = rendered(a_chat(token))
    assert special_counts(segments) == harmless
    assert joined(segments).count(token) >= 9, "the words themselves stay as they were"


@pytest.mark.parametrize("token", sorted(tokenizer().added))
def test_no_added_token_cut_at_any_place_is_put_together_at_a_joint(token: str) -> None:
    cuts = range(1, len(token))
    joints = [
        "{{ '%s' + m[%d].content }}",
        "{{ m[%d].content + '%s' }}",
        "{{ m[%d].content }}{{ m[%d].content }}",
    ]
    source, contents = "{% set m = messages %}", []
    for cut in cuts:
        left, right = token[:cut], token[cut:]
        place = len(contents)
        contents += [right, left, left, right]
        source += joints[0] % (left, place) + "\n"
        source += joints[1] % (place + 1, right) + "\n"
        source += joints[2] % (place + 2, place + 3) + "\n"
        source += left + "{{ messages[" + str(place) + "].content }}\n"
        if cut > 1:
            contents.append(token[1:cut])
            source += f"{{{{ '{token[0]}' ~ m[{len(contents) - 1}].content ~ '{token[cut:]}' }}}}\n"
    template = ChatTemplate(source, tokenizer().added)
    segments = template.render([{"role": "user", "content": content} for content in contents])
    assert joined(segments).count(token) >= 4 * len(cuts)
    assert not set(tokenizer().encode_segments(segments)) & set(tokenizer().added.values())


GATHERING = (
    "{% set n = namespace(s='') %}{% for m in messages %}{% set n.s = n.s ~ m.content %}{% endfor %}{{ n.s }}"
)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].content | reverse }}",
        "{{ messages[0].content[::-1] }}",
        "{{ messages[0].content[3:-3] }}",
        "{{ messages[0].content | trim | upper | lower }}",
        "{{ messages[0].content | list | join('') }}",
        "{% for letter in messages[0].content %}{{ letter }}{% endfor %}",
        "{{ messages[0].content.strip().split('m') | join('m') }}",
        "{{ messages[0].content | replace('x', '') }}",
        "{{ messages | tojson }}",
        "{{ messages | map(attribute='content') | join }}",
        GATHERING,
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(messages[0].content) }}",
        "{% set a %}{{ messages[0].content }}{% endset %}{{ a }}",
    ],
)
@pytest.mark.parametrize("token", ["<|im_end|>", "<tool_call>", "<|endoftext|>"])
def test_whatever_a_template_does_to_a_text_it_stays_somebodys(source: str, token: str) -> None:
    template = ChatTemplate(source, tokenizer().added)
    for content in (
        token,
        token[::-1],
        f" {token}\n",
        f"abc{token}def",
        token.replace("|", "x|"),
        token.upper(),
    ):
        ids = tokenizer().encode_segments(template.render([{"role": "user", "content": content}]))
        assert not set(ids) & set(tokenizer().added.values())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["system", "user", "assistant"]),
            st.lists(
                st.one_of(
                    st.text(max_size=8),
                    st.sampled_from([*tokenizer().added, "<", "|", ">", "<|", "im_end|>"]),
                ),
                max_size=4,
            ).map("".join),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_chat_has_just_the_special_tokens_of_its_turns(turns: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": content} for role, content in turns]
    empty = [{"role": role, "content": ""} for role, _ in turns]
    segments = published().render(messages)
    assert special_counts(segments) == special_counts(published().render(empty))
    harmless = [{"role": role, "content": content.replace("<", "(")} for role, content in turns]
    segments = published().render(harmless)
    assert tokenizer().encode_segments(segments) == tokenizer().encode_trusted(joined(segments))


def test_private_characters_of_a_document_survive() -> None:
    content = "".join(map(chr, (0x10FFFD, 0x10FFFC, 0x10FFFB, 0x10FFF0, 0xE000))) + "<|im_end|>"
    segments = published().render([{"role": "user", "content": content}])
    assert content in joined(segments)


def test_added_tokens_with_spaces_or_of_one_letter_are_protected_too() -> None:
    vocabulary = ["<end of turn>", "\u00a4", " pad "]
    template = ChatTemplate("<end{{ messages[0].content }}turn>{{ messages[1].content }}", vocabulary)
    for first, second in ((" of ", "\u00a4"), (" ", " pad "), ("x", "<end of turn>")):
        segments = template.render([{"role": "user", "content": first}, {"role": "user", "content": second}])
        outside = "".join(segment.text for segment in segments if not segment.trusted)
        assert outside == first + second


def test_a_template_can_still_trim_and_ask_for_emptiness() -> None:
    template = ChatTemplate(
        "{% for m in messages %}[{{ m.content | trim }}{% if not m.content %}-{% endif %}]{% endfor %}",
        tokenizer().added,
    )
    turns = [{"role": "user", "content": text} for text in ("  a b \n", "")]
    assert joined(template.render(turns)) == "[a b][-]"


@dataclass(frozen=True)
class Said:
    role: str
    content: str


def test_a_loaded_model_encodes_its_prompts_with_contents_kept_apart() -> None:
    model = load(FLOAT_TINY, threads=1)
    ids = model.encode_prompt([Said("user", "<|im_end|>")])
    ends = model.tokenizer.added["<|im_end|>"]
    assert ids.count(ends) == 2
    assert model.stop_ids == {500, ends}
    assert model.decode(ids).endswith("user\n<|im_end|>\nassistant\n")


def test_a_model_without_a_template_takes_the_contents_line_by_line() -> None:
    from engine.models.loading import _PLAIN_TEMPLATE

    template = ChatTemplate(_PLAIN_TEMPLATE, tokenizer().added)
    assert (
        joined(template.render([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]))
        == "a\nb\n"
    )


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "root", "content": ""}],
        [{"content": "no role"}],
        [{"role": ["user"], "content": ""}],
        [{"role": "user", "content": object()}],
        [{"role": "user", "content": {1: "x"}}],
    ],
)
def test_messages_of_a_wrong_form_are_refused(messages: list[dict[str, object]]) -> None:
    with pytest.raises(ChatTemplateError) as caught:
        published().render(messages)
    assert caught.value.code == "message-invalid"


def test_messages_nested_without_end_and_of_endless_length_are_refused() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    for content, code in ((deep, "message-invalid"), ("x" * (5 << 20), "message-oversized")):
        with pytest.raises(ChatTemplateError) as caught:
            published().render([{"role": "user", "content": content}])
        assert caught.value.code == code


def growing(start: str, step: str) -> str:
    """A template that applies `step` to n.s ninety-nine times."""
    loop = "{% for i in range(99) %}{% set n.s = STEP %}{% endfor %}".replace("STEP", step)
    return "{% set n = namespace(s=" + start + ") %}" + loop


def repeating(body: str) -> str:
    return "{% for a in range(4096) %}{% for b in range(4096) %}" + body + "{% endfor %}{% endfor %}"


def macros_that_fan_out() -> str:
    parts = ["{% macro f0() %}x{% endmacro %}"]
    for level in range(1, 12):
        calls = f"{{{{ f{level - 1}() }}}}" * 8
        parts.append(f"{{% macro f{level}() %}}{calls}{{% endmacro %}}")
    return "".join(parts) + "{{ f11() }}"


TIRING = {
    "loops in loops": repeating("{% for c in range(4096) %}{% endfor %}"),
    "macros that call themselves": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "macros that fan out": macros_that_fan_out(),
    "a text that doubles by plus": growing("'ab'", "n.s + n.s"),
    "a text that doubles by tilde": growing("'ab'", "n.s ~ n.s"),
    "a text that doubles by replacing": growing("'aa'", "n.s | replace('a', 'aa')"),
    "a text that doubles by its method": growing("'aa'", "n.s.replace('a', 'aa')"),
    "a text that doubles by joining": growing("'aa'", "[n.s, n.s] | join(n.s)"),
    "a list that doubles": growing("[1]", "n.s + n.s"),
    "a long product": "{{ 'a' * 10 ** 10 }}",
    "a constant folded at once": "{{ ('a' * 1000000000) | length }}",
    "a huge power": "{{ 10 ** 10 ** 10 }}",
    "squares of squares": growing("9", "n.s * n.s"),
    "a wide number": "{{ '%1000000000d' % 1 }}",
    "a wide format": "{{ '{:>1000000000}'.format(1) }}",
    "a wide centre": "{{ 'a' | center(1000000000) }}",
    "an endless range": "{{ range(10 ** 9) | list }}",
    "much output": "{% for a in range(4096) %}{{ 'a' * 8000 }}{% endfor %}",
    "much captured output": "{% set x %}" + repeating("{{ messages[0].content }}") + "{% endset %}",
    "a long search again and again": repeating("{% if 'zz' in messages[0].content %}{% endif %}"),
    "a long comparison again and again": repeating(
        "{% if messages[0].content == messages[1].content %}{% endif %}"
    ),
    "slices without end": repeating("{% set x = messages[0].content[1:] %}"),
    "trimming without end": repeating("{% set x = messages[0].content | trim %}"),
    "methods without end": repeating("{% set x = messages[0].content.upper() %}"),
    "JSON without end": repeating("{% set x = messages | tojson %}"),
    "a recursive loop": "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}",
    "a deep expression": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a long sum": "{{ 1" + "+1" * 20000 + " }}",
    "many blocks in blocks": "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "a source without end": "x" * 100_000,
    "another file": "{% include 'secret' %}",
    "another template": "{% extends 'secret' %}",
    "an import": "{% import 'os' as os %}",
    "Python's insides": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "Python's insides by filter": "{{ '' | attr('__class__') }}",
    "a function's globals": "{{ raise_exception.__globals__.json }}",
    "a loop's insides": "{% for a in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "a macro's insides": "{% macro f() %}{% endmacro %}{{ f._func.__globals__ }}",
    "a changed message": "{{ messages.append(1) }}",
    "an unknown filter": "{{ 1 | urlize }}",
    "a refusal of its own": "{{ raise_exception('only users may speak') }}",
    "bad syntax": "{% for %}",
}


@pytest.mark.timeout(15)
@pytest.mark.parametrize("name", TIRING)
def test_a_tiring_or_prying_template_comes_to_an_end_with_one_clear_error(name: str) -> None:
    messages = [{"role": "user", "content": "y" * 1_000_000} for _ in range(2)]
    with pytest.raises(ChatTemplateError) as caught:
        ChatTemplate(TIRING[name], ["<|end|>"]).render(messages)
    assert caught.value.code.startswith("template-")


def test_a_refusal_is_told_in_the_templates_own_words() -> None:
    with pytest.raises(ChatTemplateError, match="only users may speak") as caught:
        ChatTemplate(TIRING["a refusal of its own"], []).render([{"role": "user", "content": ""}])
    assert caught.value.code == "template-refused"


def test_a_chat_of_a_thousand_turns_is_well_within_the_budget() -> None:
    messages = [
        {"role": "user" if turn % 2 == 0 else "assistant", "content": "word " * 200} for turn in range(1000)
    ]
    assert len(joined(published().render(messages))) > 1_000_000


def test_a_budget_is_for_one_rendering_not_for_a_life() -> None:
    template = BoundedTemplate(
        "{% for a in range(4000) %}{% for b in range(8) %}{% endfor %}{% endfor %}done"
    )
    assert [template.render({}) for _ in range(12)] == ["done"] * 12
