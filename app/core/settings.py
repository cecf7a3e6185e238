"""The settings file: typed, versioned, written in one piece, without a secret or a dossier's name in it.

Rules for what is found on disk, since a window must start whatever happened to its settings:

- a field that is unknown, or of the wrong type or range, falls back to its default, alone;
- an older version is migrated step by step; the file it came from stays beside it as `settings.v<N>.toml`,
  and if a step fails that older file stays in place untouched (rollback) while defaults are used;
- a newer version is read as far as it is understood, and kept aside before anything is written over it;
- a file that is no TOML at all is moved aside as `settings.damaged.toml`.
"""

from __future__ import annotations

import os
import threading
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import tomli_w

from app.core.errors import EnvironmentFailure

VERSION = 1
MAX_FILE_BYTES = 256 << 10

Table = dict[str, object]
Step = Callable[[Table], Table]

Language = Literal["", "en", "fr"]
Theme = Literal["system", "light", "dark"]
WindowPrecision = Literal["f32", "f16", "int8"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default. `""` stands for "not chosen yet".

    `veil_long_work` lets readings and answers end behind a veil when the idle time is up, before it locks.
    `quiet` leaves half of the cores to others; `engine_threads` (0: as many as there are) goes before it.
    `model_spikes` says of a model, by its id, whether its inputs are coded as spikes: "off", "k=3.0" or
    "k=3.0,down"; a model that is not named does what it was made for.
    """

    language: Language = ""
    theme: Theme = "system"
    idle_lock_min: int = 5
    veil_long_work: bool = True
    window_geometry: str = ""
    window_layout: str = ""
    zoom_percent: int = 100  # size of everything in the window, from the next start on
    vault_folder: str = ""
    model_id: str = ""
    engine_threads: int = 0
    engine_window_precision: WindowPrecision = "f16"
    quiet: bool = False
    model_spikes: Mapping[str, str] = field(default_factory=dict)
    first_start_done: bool = False
    recovery_reminded: bool = False


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "language": ("", "en", "fr"),
    "theme": ("system", "light", "dark"),
    "engine_window_precision": ("f32", "f16", "int8"),
}
_RANGES: Mapping[str, tuple[int, int]] = {
    "idle_lock_min": (1, 60),
    "zoom_percent": (75, 200),
    "engine_threads": (0, 256),
}
_MAX_TEXT = 16_384
_MAX_ENTRIES = 1000

# Step N turns a table of version N into one of version N + 1. Version 0 named no version, counted in seconds.


def _from_0(table: Table) -> Table:
    seconds = table.pop("idle_lock_s", None)
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        table["idle_lock_min"] = max(1, round(seconds / 60))
    return table


MIGRATIONS: tuple[Step, ...] = (_from_0,)


class SettingsFile:
    """The settings of this user on this machine. Thread safe; `current` is an immutable value."""

    def __init__(self, path: Path, *, migrations: Sequence[Step] = MIGRATIONS) -> None:
        """Name the file; nothing is read before `load`."""
        self._path = path
        self._migrations = tuple(migrations)
        self._lock = threading.RLock()
        self._current = Settings()
        self._keep_as: str | None = None
        self.problem: Literal["", "damaged", "newer", "migration-failed", "unreadable"] = ""

    @property
    def current(self) -> Settings:
        return self._current

    def load(self) -> Settings:
        """Read the file, migrating it when it is older. Never fails: `problem` says what was in the way."""
        with self._lock:
            self.problem = ""
            self._keep_as = None
            self._current = self._read()
            return self._current

    def change(self, **values: object) -> Settings:
        """Set some fields, write the file, return the new value.

        Raises EnvironmentFailure `settings-not-saved` when the disk refuses; the file is then as it was.
        Raises ValueError for a value outside its type or range.
        """
        with self._lock:
            known = {one.name for one in fields(Settings)}
            for name, value in values.items():
                if name not in known or not _fits(name, value):
                    raise ValueError(f"no such setting or value: {name}")
            changed = replace(self._current, **values)  # type: ignore[arg-type]
            self._write(changed)
            self._current = changed
            return changed

    def _read(self) -> Settings:
        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return Settings()
        except OSError:
            self.problem = "unreadable"
            return Settings()
        try:
            if len(raw) > MAX_FILE_BYTES:
                raise ValueError("too large")
            table: Table = tomllib.loads(raw.decode("utf-8"))
            version = table.pop("version", 0)
            if not isinstance(version, int) or isinstance(version, bool) or version < 0:
                raise ValueError("no version")
        except (ValueError, RecursionError):
            self.problem = "damaged"
            self._keep_as = "settings.damaged.toml"
            return Settings()
        newest = len(self._migrations)
        if version > newest:
            self.problem = "newer"
            self._keep_as = f"settings.v{version}.toml"
            return _settings(table)
        if version == newest:
            return _settings(table)
        self._keep_as = f"settings.v{version}.toml"
        try:
            for step in self._migrations[version:]:
                table = step(dict(table))
        except Exception:
            self.problem = "migration-failed"
            return Settings()
        migrated = _settings(table)
        try:
            self._write(migrated)
        except EnvironmentFailure:
            self.problem = "unreadable"
        return migrated

    def _write(self, settings: Settings) -> None:
        table: Table = {"version": len(self._migrations)}
        for one in fields(Settings):
            value = getattr(settings, one.name)
            table[one.name] = dict(value) if isinstance(value, Mapping) else value
        temporary = self._path.with_suffix(".toml.part")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._keep_as is not None:
                _write_whole(temporary, self._path.read_bytes())
                temporary.replace(self._path.with_name(self._keep_as))
                self._keep_as = None
            _write_whole(temporary, tomli_w.dumps(table).encode("utf-8"))
            temporary.replace(self._path)
            if os.name == "posix":
                folder = os.open(self._path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as failure:
            raise EnvironmentFailure(
                "settings-not-saved",
                "The settings could not be saved. Check the free space and the rights on their folder.",
            ) from failure


def _write_whole(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settings(table: Mapping[str, object]) -> Settings:
    kept = {
        f.name: table[f.name] for f in fields(Settings) if f.name in table and _fits(f.name, table[f.name])
    }
    return Settings(**kept)  # type: ignore[arg-type]


def _fits(name: str, value: object) -> bool:
    default: object = getattr(Settings(), name)
    if isinstance(default, dict) and isinstance(value, Mapping):
        return len(value) <= _MAX_ENTRIES and all(
            isinstance(one, str) and len(one) <= _MAX_TEXT and one.isprintable()
            for one in (*value.keys(), *value.values())
        )
    if type(value) is not type(default):
        return False
    if isinstance(value, str):
        choices = _CHOICES.get(name)
        return value in choices if choices is not None else len(value) <= _MAX_TEXT and value.isprintable()
    if isinstance(value, int) and name in _RANGES:
        least, most = _RANGES[name]
        return least <= value <= most
    return True
