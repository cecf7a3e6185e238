"""Every code the engine can give has words of its own, and no words are left over."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from app.services.engine_words import OTHER_TEMPLATES, WHY_TEMPLATES, about, why
from app.services.models import ModelRefused
from engine.client import EngineFailed, errors
from engine.protocol import codes

ENGINE = Path(__file__).resolve().parents[2] / "engine"
SLUG = re.compile(r"[a-z]+(-[a-z]+)+")
MAKERS = frozenset({"_bad", "__init__", "RequestFailed"})
# What these say goes to a terminal of their own.
OWN_COMMAND_LINE = frozenset({"cli.py", "mini", "spike_table.py"})


def codes_in_source() -> set[str]:
    """First arguments of everything that makes a failure in the engine: slugs, or constants that hold one."""
    trees = [
        ast.parse(path.read_text("utf-8"))
        for path in ENGINE.rglob("*.py")
        if not OWN_COMMAND_LINE & set(path.relative_to(ENGINE).parts)
    ]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named: dict[str, set[object]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for each in targets:
                named.setdefault(_name_of(each), set()).add(node.value.value)
    found: set[str] = set()
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        maker = _name_of(node.func)
        first = next((given for given in node.args if _name_of(given) != "self"), None)
        if first is None or not (maker in MAKERS or maker.endswith("Error")):
            continue
        told = {first.value} if isinstance(first, ast.Constant) else named.get(_name_of(first), set())
        found |= {code for code in told if isinstance(code, str) and SLUG.fullmatch(code)}
    return found


def _name_of(node: ast.expr) -> str:
    return str(getattr(node, "attr", "") or getattr(node, "id", ""))


def constants_of(module: object) -> set[str]:
    return {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}


def test_every_code_of_the_engine_has_words_and_no_words_are_left_over() -> None:
    source = codes_in_source()
    assert {"model-pickle-refused", "format-unsuitable", "scale-invalid", "code-out-of-range"} <= source
    known = source | constants_of(codes) | constants_of(errors)
    assert known - set(WHY_TEMPLATES) == set()
    assert set(WHY_TEMPLATES) - known == set()


def test_the_words_go_on_a_sentence() -> None:
    for words in (*WHY_TEMPLATES.values(), *OTHER_TEMPLATES.values()):
        assert words[0].islower(), words
        assert words[-1] not in ".!? ", words
        assert "{" not in words, words


def test_a_refusal_says_why_in_our_words_and_names_the_file_and_the_weights() -> None:
    failure = EngineFailed(
        "model-tensor-shape",
        "model-00002-of-00015.bin: model.layers.3.mlp.up_proj.weight has shape [2], not that of config.json.",
    )
    told = ModelRefused("Essai", why(failure.code), about(failure)).sentence()
    assert told == (
        "Essai cannot be used as a model: weights do not have the shape the model calls for "
        "(model-00002-of-00015.bin, model.layers.3.mlp.up_proj.weight, config.json)."
    )


def test_a_code_nobody_knows_is_still_told_in_words() -> None:
    assert why("from-a-later-version") == "the engine refused it"
    assert about(EngineFailed("x", "Nothing is named here.")) == ""
