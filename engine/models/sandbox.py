"""Runs somebody else's Jinja template with an end to everything it can do.

Jinja's immutable sandbox keeps a template away from Python; what it does not bound is work: loops in loops,
strings that double. Here every step of a loop, every call, filter, comparison and operator is paid for out of
one budget, sizes are checked before they come to be, and only a short list of filters and methods exists.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from engine.models.errors import ChatTemplateError

SOURCE_MAX_CHARS: Final = 24 << 10
"""The longest published templates take some 17,000. Compiling the worst source of this length takes 90 ms."""
OUTPUT_MAX_CHARS: Final = 8 << 20
BUDGET: Final = 400_000
"""One unit is about a microsecond of work. A chat of a thousand turns takes about twenty thousand."""
_VALUE_MAX: Final = 8 << 20
_RANGE_MAX: Final = 4096
_NUMBER_MAX_BITS: Final = 256
_CHARS_PER_UNIT: Final = 256

# fmt: off
_FILTERS: Final = [
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last",
    "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "sort", "string", "sum", "title", "trim", "unique", "upper",
]
_TESTS: Final = [
    "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge",
    "greaterthan", "gt", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne",
    "none", "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper", "!=", "<",
    "<=", "==", ">", ">=",
]
_TEXT_METHODS: Final = [
    "capitalize", "count", "endswith", "find", "index", "isalpha", "isdigit", "isspace", "join", "lower",
    "lstrip", "removeprefix", "removesuffix", "replace", "rfind", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "title", "upper",
]
# fmt: on
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset(_TEXT_METHODS),
    dict: frozenset(["get", "items", "keys", "values"]),
    list: frozenset(["count", "index"]),
    tuple: frozenset(["count", "index"]),
}
_FORBIDDEN_NODES: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)


class _Meter:
    """What is left to spend in one rendering."""

    def __init__(self) -> None:
        self.left = BUDGET

    def spend(self, units: int) -> None:
        self.left -= units
        if self.left < 0:
            raise ChatTemplateError("template-too-slow", "The chat template works too long; it was stopped.")


class BoundedTemplate:
    """A compiled template. Any thread may render; one at a time, since the budget is per rendering."""

    def __init__(self, source: str) -> None:
        """Raises ChatTemplateError `template-invalid`, `template-forbidden` or `template-oversized`."""
        if len(source) > SOURCE_MAX_CHARS:
            raise ChatTemplateError("template-oversized", "The chat template is too long.")
        self._environment = _BoundedEnvironment()
        self._lock = threading.Lock()
        try:
            self._template = self._environment.from_string(source)
        except ChatTemplateError:
            raise
        except (
            jinja2.TemplateError,
            SyntaxError,
            ValueError,
            TypeError,
            RecursionError,
            MemoryError,
        ) as error:
            raise ChatTemplateError(
                "template-invalid", f"The chat template cannot be read: {_told(error)}."
            ) from None

    def render(self, variables: Mapping[str, object]) -> str:
        """Raises ChatTemplateError `template-` `refused`, `too-slow`, `oversized` or `failed`."""
        with self._lock:
            self._environment.meter = _Meter()
            pieces: list[str] = []
            size = 0
            try:
                for piece in self._template.generate(dict(variables)):
                    size += len(piece)
                    if size > OUTPUT_MAX_CHARS:
                        raise ChatTemplateError("template-oversized", "The chat template writes too much.")
                    pieces.append(piece)
            except ChatTemplateError:
                raise
            except Exception as error:  # whatever a template may provoke is the template's failure
                raise ChatTemplateError(
                    "template-failed", f"The chat template failed: {_told(error)}."
                ) from None
            finally:
                self._environment.meter = None
        return "".join(pieces)


class _BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Jinja's own names are overridden below; each override charges the meter, then does what Jinja does."""

    intercepted_binops = frozenset(ImmutableSandboxedEnvironment.default_binop_table)

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols"],
            finalize=self._emit,
            optimized=False,  # Folding constants would work before there is a budget.
        )
        self.meter: _Meter | None = None
        self.filters = {name: self._metered(self.filters[name]) for name in _FILTERS}
        self.filters |= {
            "tojson": self._metered(_to_json),
            "replace": self._metered(self._replace),
            "join": self._metered(self._join),
            "safe": self._metered(str),
            "_steps": self._metered(lambda values: values),
            "_searched": self._metered(lambda value: value),
            "_together": self._metered(lambda parts: self._join(list(parts))),
            "_spend": self._spend,
        }
        self.tests = {name: self.tests[name] for name in _TESTS}
        self.globals = {
            "range": self._range,
            "dict": dict,
            "namespace": Namespace,
            "raise_exception": _raise,
        }

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        for node in source.find_all(_FORBIDDEN_NODES):
            raise ChatTemplateError(
                "template-forbidden", f"The chat template uses {type(node).__name__.lower()}."
            )
        metered = _Metering().visit(source)
        metered.set_environment(self)
        return super()._generate(metered, name, filename, defer_init)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in _METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        if isinstance(obj, (LoopContext, Macro, Namespace, Undefined)):
            return bool(super().is_safe_attribute(obj, attr, value))
        return False

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if getattr(value, "__name__", "") in ("format", "format_map"):
            raise SecurityError("formatting is not allowed")
        return None

    def call(self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        owner = getattr(__obj, "__self__", None)
        self._spend(None, 1 + _cost(owner))
        name = getattr(__obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            return self._replace(owner, *args, **kwargs)
        if isinstance(owner, str) and name == "join":
            return self._join(args[0] if args else (), owner)
        if isinstance(owner, str) and name not in _METHODS[str]:
            raise SecurityError(f"{name} is not allowed")
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sequences = (str, list, tuple)
        if operator == "+" and isinstance(left, sequences) and isinstance(right, sequences):
            _check_size(len(left) + len(right))
        elif isinstance(left, sequences) or isinstance(right, sequences):
            if operator != "*":
                raise SecurityError(f"{operator} is not allowed on texts and lists")
            pair = (left, right) if isinstance(left, sequences) else (right, left)
            _check_size(len(pair[0]) * int(pair[1]))
        elif isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(1, right) if operator == "**" else left.bit_length()
            if max(bits, right.bit_length()) > _NUMBER_MAX_BITS:
                raise SecurityError("a number is too large")
        value = super().call_binop(context, operator, left, right)
        self._spend(None, 1 + _cost(value))
        return value

    def _metered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # `wraps` copies Jinja's marks, so the first argument may be its context; the largest is what costs.
        @functools.wraps(function)
        def metered(*args: Any, **kwargs: Any) -> Any:
            self._spend(None, 1 + max(map(_cost, args[:2]), default=0))
            value = function(*args, **kwargs)
            self._spend(None, _cost(value))
            return value

        return metered

    def _spend(self, _: object, units: int) -> str:
        if self.meter is not None:
            self.meter.spend(units)
        return ""

    @jinja2.pass_context  # So marked, Jinja leaves even constant output to the rendering.
    def _emit(self, _: object, value: Any) -> Any:
        self._spend(None, 1 + _cost(value))
        return value

    def _range(self, *bounds: int) -> range:
        values = range(*bounds)
        if len(values) > _RANGE_MAX:
            raise SecurityError(f"a range of more than {_RANGE_MAX}")
        return values

    def _replace(self, s: str, old: str, new: str, count: int = -1) -> str:
        text, old, new = str(s), str(old), str(new)
        times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
        _check_size(len(text) + times * max(0, len(new) - len(old)))
        return text.replace(old, new, -1 if count is None else count)

    def _join(self, value: Any, d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            value = [self.getattr(item, attribute) for item in value]
        parts = [str(part) for part in value]
        size = sum(map(len, parts)) + len(d) * len(parts)
        _check_size(size)
        self._spend(None, size // _CHARS_PER_UNIT + len(parts))
        return str(d).join(parts)


class _Metering(NodeTransformer):
    """Puts the meter into the tree: into bodies that can run often, and around what can be slow by itself."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise ChatTemplateError("template-forbidden", "The chat template uses a recursive loop.")
        self.generic_visit(node)
        node.iter = _filtered("_steps", node.iter)
        node.body = [_toll(node.body, node.lineno), *node.body]
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        self.generic_visit(node)
        node.body = [_toll(node.body, node.lineno), *node.body]
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        self.generic_visit(node)
        node.body = [_toll(node.body, node.lineno), *node.body]
        return node

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _filtered("_searched", node.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        # Jinja compiles slices to Python's own, past every other hook.
        if isinstance(node.arg, nodes.Slice):
            node.node = _filtered("_searched", node.node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        together: list[nodes.Expr] = node.nodes
        whole = nodes.List(together, lineno=node.lineno)
        return _filtered("_together", whole)


def _filtered(name: str, expression: nodes.Node, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(
        cast(nodes.Expr, expression), name, list(args), [], None, None, lineno=expression.lineno
    )


def _toll(body: Sequence[nodes.Node], lineno: int) -> nodes.Node:
    units = 1
    for node in body:
        units += 1 + sum(1 for _ in node.find_all(nodes.Node))
        units += sum(len(data.data) // _CHARS_PER_UNIT for data in node.find_all(nodes.TemplateData))
    empty = nodes.Const("", lineno=lineno)
    return nodes.ExprStmt(_filtered("_spend", empty, nodes.Const(units, lineno=lineno)), lineno=lineno)


def _cost(value: object) -> int:
    if isinstance(value, str):
        return len(value) // _CHARS_PER_UNIT
    if isinstance(value, (list, tuple, dict, range)):
        return len(value) // 8
    return 0


def _check_size(size: int) -> None:
    if size > _VALUE_MAX:
        raise ChatTemplateError("template-oversized", "The chat template builds too large a value.")


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # As the published templates expect it: plain JSON, nothing escaped for HTML, letters kept as letters.
    if indent is not None and not 0 <= indent <= 8:
        raise SecurityError("indent")
    del ensure_ascii  # Escaping would hide from us which characters came from outside.
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: object) -> NoReturn:
    raise ChatTemplateError(
        "template-refused", f"The chat template refuses these messages: {str(message)[:200]}"
    )


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:160]}"
