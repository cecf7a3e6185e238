"""A person's machine in a folder: home, temporary folder, platform folders, a vault, and the real program."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from app.core.ids import new_id
from app.services.schema import MIGRATIONS, REFERENCES
from app.store import Vault
from app.store.kdf import FLOOR

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "Quartz-Vexillum 9071 Ombrage"
WAIT_S = 300


@dataclass(frozen=True)
class Ran:
    """What a finished command left. ``value`` is what --json printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        return json.loads(self.out)


@dataclass
class House:
    root: Path
    portable: bool = True  # else the platform's own folders, by XDG
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "run", "files"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.vault.parent.mkdir(parents=True, exist_ok=True)

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def vault(self) -> Path:
        return self.root / "vaults" / "vault"

    @property
    def models(self) -> Path:
        if self.portable:
            return self.root / "huisclos" / "models"
        return self.root / "xdg" / "data" / "huisclos" / "models"

    @property
    def log(self) -> Path:
        if self.portable:
            return self.root / "huisclos" / "log"
        return self.root / "xdg" / "state" / "huisclos" / "log"

    @property
    def config(self) -> Path:
        return (
            self.root / "huisclos" / "config" if self.portable else self.root / "xdg" / "config" / "huisclos"
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ
        }
        own = {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "XDG_CONFIG_HOME": str(self.root / "xdg" / "config"),
            "XDG_CACHE_HOME": str(self.root / "xdg" / "cache"),
            "XDG_DATA_HOME": str(self.root / "xdg" / "data"),
            "XDG_STATE_HOME": str(self.root / "xdg" / "state"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
        }
        if self.portable:
            own["HUISCLOS_HOME"] = str(self.root / "huisclos")
        return kept | own

    def make_vault(self) -> None:
        """An empty vault at the least cost a vault may have."""
        Vault.create(self.vault, PASSPHRASE, MIGRATIONS, kdf=FLOOR, references=REFERENCES).close()

    def install_model(self, file: Path, *, reader: bool = False) -> str:
        """Put a converted file where an added model lies, and choose it."""
        model_id = new_id()
        folder = self.models / model_id
        folder.mkdir(parents=True)
        shutil.copy(file, folder / "model.gguf")
        manifest = {"name": file.stem, "label_en": file.stem, "label_fr": file.stem, "reader": reader}
        (folder / "model.toml").write_text(tomli_w.dumps(manifest), "utf-8")
        self.choose_model(model_id)
        return model_id

    def choose_model(self, model_id: str, **settings: object) -> None:
        """The common model, and other settings beside it."""
        self.config.mkdir(parents=True, exist_ok=True)
        chosen = {"model_id": model_id, **settings}
        (self.config / "settings.toml").write_text(tomli_w.dumps(chosen), "utf-8")

    def file(self, name: str | bytes, content: str | bytes) -> Path:
        path = self.files / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    def command(self, verb: str, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "app", verb, *map(str, arguments), "--vault", str(self.vault)]

    def start(
        self,
        command: Sequence[str],
        *,
        under: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start a program of the house; it waits for its passphrase until somebody writes it."""
        process = subprocess.Popen(
            [*under, *command],
            cwd=ROOT,
            env=dict(environment or self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            **options,
        )
        self._started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], passphrase: str | None = PASSPHRASE) -> Ran:
        out, err = process.communicate(None if passphrase is None else passphrase + "\n", timeout=WAIT_S)
        return Ran(process.returncode, out, err)

    def run(
        self,
        verb: str,
        *arguments: object,
        passphrase: str = PASSPHRASE,
        as_json: bool = True,
        **options: Any,
    ) -> Ran:
        """``huisclos VERB …`` to its end."""
        said = ("--json",) if as_json else ()
        return self.finish(self.start(self.command(verb, *arguments, *said), **options), passphrase)

    def take(self, *paths: object, dossier: str = "D", **options: Any) -> Ran:
        return self.run("import", *paths, "--dossier", dossier, **options)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            with process:
                pass
