"""dev.py, the entry: standard library only, says what to type, checks nothing twice."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev_under_test", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "dev_under_test", module)
    spec.loader.exec_module(module)
    return module


def test_the_entry_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"))
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_an_older_python_is_told_what_is_needed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0, "final", 0))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 to 3\.14"):
        dev.main()


def test_without_root_the_exact_command_is_printed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "LINUX", True)
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    need = dev.SystemNeed("library:libsurely-not-there.so.9", "libnone9", "none", "none")
    with pytest.raises(dev.SetupError, match="sudo apt-get install libnone9"):
        dev.ensure_system([need])


def test_other_distributions_get_their_own_names(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    need = dev.SystemNeed("library:libsurely-not-there.so.9", "libnone9", "none-fedora", "none-arch")
    monkeypatch.setattr(dev.shutil, "which", lambda name: "/usr/bin/dnf" if name == "dnf" else None)
    assert dev._install_command([need]) == "sudo dnf install none-fedora"
    monkeypatch.setattr(dev.shutil, "which", lambda name: None)
    assert "libnone9" in dev._install_command([need])


def test_what_is_there_is_seen_and_what_is_not_is_missed(dev: ModuleType) -> None:
    assert dev.SystemNeed("module:json", "", "", "").is_met()
    assert not dev.SystemNeed("module:no_such_module_here", "", "", "").is_met()
    assert not dev.SystemNeed("command:no-such-command-here", "", "", "").is_met()
    assert not dev.SystemNeed("library:libsurely-not-there.so.9", "", "", "").is_met()


def test_a_changed_pin_changes_the_stamp(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    pins = tmp_path / "run.lock"
    pins.write_text("a==1")
    before = dev._digest([pins])
    pins.write_text("a==2")
    assert dev._digest([pins]) != before


def test_each_environment_builds_in_a_folder_of_its_own(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that are set up at once would write over one another's objects."""
    (tmp_path / "check.lock").write_text("a==1")
    (tmp_path / "pyproject.toml").write_text("")
    called: list[list[object]] = []
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "LOCKS", tmp_path)
    monkeypatch.setattr(dev, "call", called.append)
    for folder in (".venv", ".venv-gguf"):
        (tmp_path / folder).mkdir()
        dev.ensure_environment([], lock="check", folder=folder)
    places = [str(part) for command in called for part in command if str(part).startswith("build-dir=")]
    assert places == ["build-dir=build/{wheel_tag}", "build-dir=build/venv-gguf-{wheel_tag}"]


@pytest.mark.parametrize("name", ["run", "check"])
def test_every_pin_carries_a_hash(name: str) -> None:
    text = (ROOT / "installer" / "locks" / f"{name}.lock").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=[a-z])", text.strip())
    assert len(pins) > 20
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins)


def test_no_pin_is_a_network_client_or_a_telemetry_carrier() -> None:
    text = (ROOT / "installer" / "locks" / "run.lock").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    assert not names & {
        "requests",
        "urllib3",
        "httpx",
        "httpx2",
        "aiohttp",
        "huggingface-hub",
        "onnxruntime",
        "torch",
    }


def test_help_names_the_two_commands() -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "dev.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "dev.py run" in answer.stdout
    assert "dev.py test" in answer.stdout
