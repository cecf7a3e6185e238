"""The table of tensors in a torch file, read from its pickle without unpickling anything.

A pickle is a program for a stack machine. This one knows the few instructions that torch needs to say "a
dictionary of names and tensors" and has no instruction that imports or calls: a global is a word here, and
only the words below are known. Everything else is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeGuard

from engine.models.tensors import ElementType

_REBUILD: Final = "torch._utils._rebuild_tensor_v2"
_ORDERED: Final = "collections.OrderedDict"
_STORAGES: Final[Mapping[str, ElementType]] = {
    "torch.FloatStorage": ElementType.F32,
    "torch.HalfStorage": ElementType.F16,
    "torch.BFloat16Storage": ElementType.BF16,
}
_KNOWN: Final = frozenset([_REBUILD, _ORDERED, *_STORAGES])
_DIMENSIONS_MAX: Final = 8
_NAME_MAX_CHARS: Final = 255


class StateDictError(Exception):
    """The pickle is not a plain table of tensors; the message says what it holds instead."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of `elements` numbers in the archive's entry `data/KEY`."""

    key: str
    element: ElementType
    elements: int


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A row-major tensor that begins `offset` elements into its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """A global the pickle names. It stays a word: nothing is imported."""

    name: str


class _Mark:
    """Where the items of the next tuple or dictionary begin."""


def read_state_dict(program: bytes) -> dict[str, StoredTensor]:
    """Names and places of the tensors a torch pickle lists. Raises StateDictError.

    Time and memory are bounded by the length of `program`: no value is ever copied or walked into.
    """
    table = _Machine(program).run()
    if not isinstance(table, dict):
        raise StateDictError("it holds something else than a table of tensors")
    for name, value in table.items():
        if not isinstance(value, StoredTensor):
            raise StateDictError(f"its {name[:80]!a} is not a tensor")
        if not name or len(name) > _NAME_MAX_CHARS:
            raise StateDictError(f"{name[:80]!a} is not a tensor name")
    return table


class _Machine:
    def __init__(self, program: bytes) -> None:
        self._program = program
        self._place = 0
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._steps: dict[int, Callable[[], None]] = {
            0x80: self._protocol,
            0x95: self._frame,
            ord("("): lambda: self._stack.append(_Mark()),
            ord(")"): lambda: self._stack.append(()),
            ord("t"): lambda: self._stack.append(tuple(self._items())),
            0x85: lambda: self._tuple(1),
            0x86: lambda: self._tuple(2),
            0x87: lambda: self._tuple(3),
            ord("}"): lambda: self._stack.append({}),
            ord("s"): self._set_item,
            ord("u"): self._set_items,
            ord("X"): lambda: self._text(4),
            0x8C: lambda: self._text(1),
            ord("J"): lambda: self._stack.append(self._number(4, signed=True)),
            ord("K"): lambda: self._stack.append(self._number(1)),
            ord("M"): lambda: self._stack.append(self._number(2)),
            0x8A: self._long,
            0x88: lambda: self._stack.append(True),
            0x89: lambda: self._stack.append(False),
            ord("N"): lambda: self._stack.append(None),
            ord("q"): lambda: self._remember(self._number(1)),
            ord("r"): lambda: self._remember(self._number(4)),
            0x94: lambda: self._remember(len(self._memo)),
            ord("h"): lambda: self._recall(self._number(1)),
            ord("j"): lambda: self._recall(self._number(4)),
            ord("c"): lambda: self._word(self._line(), self._line()),
            ord("i"): lambda: self._word(self._line(), self._line()),
            0x93: self._stack_word,
            ord("Q"): self._storage,
            ord("R"): self._apply,
            ord("b"): self._build,
        }

    def run(self) -> object:
        while True:
            step = self._number(1)
            if step == ord("."):
                break
            action = self._steps.get(step)
            if action is None:
                raise StateDictError(
                    f"it uses the pickle instruction {bytes([step])!a}, which torch does not"
                )
            action()
        if len(self._stack) != 1:
            self._broken()
        return self._stack[0]

    def _skip(self, count: int) -> bytes:
        data = self._program[self._place : self._place + count]
        if len(data) != count:
            raise StateDictError("its table ends early")
        self._place += count
        return data

    def _frame(self) -> None:
        self._skip(8)  # its length is only a hint for buffering

    def _number(self, size: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._skip(size), "little", signed=signed)

    def _long(self) -> None:
        size = self._number(1)
        if size > 8:
            raise StateDictError("a number in it is too large")
        self._stack.append(self._number(size, signed=True))

    def _text(self, size: int) -> None:
        self._stack.append(self._decode(self._skip(self._number(size))))

    def _line(self) -> str:
        end = self._program.find(b"\n", self._place, self._place + 256)
        if end < 0:
            self._broken()
        return self._decode(self._skip(end + 1 - self._place)[:-1])

    @staticmethod
    def _decode(raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise StateDictError("a text in it is not UTF-8") from None

    def _protocol(self) -> None:
        if not 2 <= self._number(1) <= 5:
            raise StateDictError("its pickle protocol is not one that torch writes")

    def _pop(self) -> object:
        if not self._stack or isinstance(self._stack[-1], _Mark):
            self._broken()
        return self._stack.pop()

    def _items(self) -> list[object]:
        """Everything above the last mark; the mark goes with it."""
        place = len(self._stack) - 1
        while place >= 0 and not isinstance(self._stack[place], _Mark):
            place -= 1
        if place < 0:
            self._broken()
        items = self._stack[place + 1 :]
        del self._stack[place:]
        return items

    def _tuple(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._put([key, value])

    def _set_items(self) -> None:
        self._put(self._items())

    def _put(self, items: list[object]) -> None:
        table = self._stack[-1] if self._stack else None
        if not isinstance(table, dict) or len(items) % 2:
            self._broken()
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise StateDictError("its table has a key that is not a name")
            if key in table:
                raise StateDictError(f"its table holds {key[:80]!a} twice")
            table[key] = value

    def _remember(self, place: int) -> None:
        value = self._pop()
        self._stack.append(value)
        self._memo[place] = value

    def _recall(self, place: int) -> None:
        if place not in self._memo:
            self._broken()
        self._stack.append(self._memo[place])

    def _stack_word(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            self._broken()
        self._word(module, name)

    def _word(self, module: str, name: str) -> None:
        told = f"{module}.{name}"
        if told not in _KNOWN:
            raise StateDictError(f"it asks for {told[:120]!a}, which a table of tensors does not need")
        self._stack.append(_Word(told))

    def _storage(self) -> None:
        """A persistent id: ("storage", type, key, device it was on, number of elements)."""
        described = self._pop()
        if not isinstance(described, tuple) or len(described) != 5:
            self._broken()
        what, kind, key, device, elements = described
        if what != "storage" or not isinstance(kind, _Word) or kind.name not in _STORAGES:
            self._broken()
        if not isinstance(key, str) or not isinstance(device, str) or not _is_count(elements):
            self._broken()
        self._stack.append(Storage(key, _STORAGES[kind.name], elements))

    def _apply(self) -> None:
        arguments, word = self._pop(), self._pop()
        if not isinstance(word, _Word) or not isinstance(arguments, tuple):
            self._broken()
        if word.name == _ORDERED and not arguments:
            self._stack.append({})
        elif word.name == _REBUILD:
            self._stack.append(_tensor(arguments))
        else:
            raise StateDictError(f"it uses {word.name} in a way torch does not")

    def _build(self) -> None:
        """Attributes of a table (torch keeps layer versions there) say nothing about its tensors."""
        attributes = self._pop()
        if not isinstance(attributes, dict) or not self._stack or not isinstance(self._stack[-1], dict):
            self._broken()

    @staticmethod
    def _broken() -> NoReturn:
        raise StateDictError("its table is not well-formed")


def _is_count(value: object) -> TypeGuard[int]:
    # `True` is an int for Python; a length never is.
    return type(value) is int and 0 <= value < 1 << 62


def _tensor(arguments: tuple[object, ...]) -> StoredTensor:
    if len(arguments) not in (6, 7):
        raise StateDictError("a tensor in it is not described as torch does")
    storage, offset, shape, strides, wants_gradient, hooks = arguments[:6]
    if not isinstance(storage, Storage) or not isinstance(wants_gradient, bool) or hooks != {}:
        raise StateDictError("a tensor in it is not described as torch does")
    if not isinstance(shape, tuple) or not isinstance(strides, tuple) or len(shape) != len(strides):
        raise StateDictError("a tensor in it has no valid shape")
    if not _is_count(offset) or not all(map(_is_count, (*shape, *strides))):
        raise StateDictError("a tensor in it has no valid shape")
    if len(shape) > _DIMENSIONS_MAX or 0 in shape:
        raise StateDictError("a tensor in it has no valid shape")
    elements = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length > 1 and stride != elements:
            raise StateDictError(f"a tensor of shape {shape} in it is not stored row by row")
        elements *= length
    if offset + elements > storage.elements:
        raise StateDictError(f"a tensor of shape {shape} in it reaches beyond its storage")
    return StoredTensor(storage, offset, shape)
