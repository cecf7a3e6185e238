"""Rules of the house that no linter knows: who may import the native module, Qt's network, and a database."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path for room in ("app", "engine") for path in (ROOT / room).rglob("*.py"))
NETWORK = {
    "requests",
    "httpx",
    "urllib3",
    "aiohttp",
    "http",
    "ftplib",
    "smtplib",
    "poplib",
    "imaplib",
    "telnetlib",
    "xmlrpc",
    "socketserver",
    "websockets",
    "grpc",
    "huggingface_hub",
    "modelscope",
    "ssl",
    "asyncio",
    "webbrowser",
}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def offenders(is_forbidden: object) -> list[str]:
    assert callable(is_forbidden)
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in SHIPPED
        for name in imports_of(path)
        if is_forbidden(name)
    ]


def test_there_is_something_to_look_at() -> None:
    assert len(SHIPPED) > 100


def test_no_module_whose_purpose_is_the_network_is_imported() -> None:
    assert offenders(lambda name: name.split(".")[0] in NETWORK or name.startswith("urllib.request")) == []
    assert offenders(lambda name: name.startswith(("PySide6.QtNetwork", "PySide6.QtWeb"))) == []


def test_no_plain_database_and_no_pickle_is_imported() -> None:
    assert offenders(lambda name: name.split(".")[0] in {"sqlite3", "pickle", "shelve", "marshal"}) == []


def test_only_one_file_opens_the_door_to_the_native_module() -> None:
    found = {line.split(":")[0] for line in offenders(lambda name: "_native" in name)}
    assert found == {"engine/kernels.py"}


def test_torch_stays_with_those_who_train() -> None:
    found = offenders(lambda name: name.split(".")[0] == "torch")
    assert all(line.startswith("engine/mini/") for line in found)


@pytest.mark.parametrize("name", ["util", "utils", "misc", "common", "helpers", "manager"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    assert [path for path in SHIPPED if path.stem == name] == []


def test_no_file_passes_six_hundred_lines() -> None:
    sources = [
        *SHIPPED,
        *(p for kind in ("*.h", "*.cpp", "*.cu") for p in (ROOT / "native").rglob(kind)),
        ROOT / "dev.py",
    ]
    assert [
        f"{p.relative_to(ROOT)}" for p in sources if len(p.read_text(encoding="utf-8").splitlines()) > 600
    ] == []


def test_every_room_says_what_it_knows() -> None:
    rooms = [
        room
        for top in ("app", "engine")
        for room in (ROOT / top).iterdir()
        if (room / "__init__.py").is_file()
    ]
    assert rooms
    assert [str(room.relative_to(ROOT)) for room in rooms if not (room / "README.md").is_file()] == []
