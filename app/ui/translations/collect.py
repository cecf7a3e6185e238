"""Finds the English templates of failures in the source, so that none is left without a translation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the application's package
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MAKERS = frozenset({"__init__", "Problem", "UserError", "EnvironmentFailure", "OurError"})


def failure_templates(root: Path = ROOT) -> tuple[str, ...]:
    """Every template in ``root``: second argument after a code, or a value of a table named
    ``…_TEMPLATES``.
    """
    found: dict[str, None] = {}
    for path in sorted(root.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        constants = dict(_constants(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                template = _second(node, constants)
                if template is not None:
                    found[template] = None
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                for text in _table(node):
                    found[text] = None
    return tuple(sorted(found))


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value.value


def _second(call: ast.Call, constants: dict[str, str]) -> str | None:
    name = (
        call.func.attr
        if isinstance(call.func, ast.Attribute)
        else call.func.id
        if isinstance(call.func, ast.Name)
        else ""
    )
    if name not in _MAKERS or len(call.args) < 2:
        return None
    code, template = call.args[0], call.args[1]
    if isinstance(code, ast.Constant) and not (isinstance(code.value, str) and _CODE.fullmatch(code.value)):
        return None
    if isinstance(template, ast.Constant) and isinstance(template.value, str) and " " in template.value:
        return template.value
    if isinstance(template, ast.Name) and template.id in constants:
        return constants[template.id]
    return None


def _table(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    named = any(isinstance(target, ast.Name) and target.id.endswith("TEMPLATES") for target in targets)
    if named and isinstance(node.value, ast.Dict):
        for value in node.value.values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
