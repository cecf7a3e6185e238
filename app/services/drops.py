"""What a drop holds: its files, and the folders of which something was left out, never without a word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import EnvironmentFailure, HuisClosError, UserError

MAX_FILES = 50_000
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})


class TooManyFiles(UserError):
    def __init__(self, most: int = 0, count: int = 0) -> None:
        super().__init__(
            "too-many-files",
            "At most {most} files are taken in at once; {count} more were left out. Drop them again.",
            most=most,
            count=count,
        )


class FolderUnreadable(EnvironmentFailure):
    def __init__(self) -> None:
        super().__init__(
            "folder-unreadable",
            "This folder could not be opened, so nothing in it was taken in. Check its rights.",
        )


class LinksLeftOut(UserError):
    def __init__(self, count: int = 0) -> None:
        super().__init__(
            "links-left-out",
            "Links in this folder are not followed ({count}). Drop the files they lead to.",
            count=count,
        )


@dataclass(frozen=True, slots=True)
class Drop:
    """What was dropped: files in a stable order, and folders of which something was left out, with why."""

    files: tuple[Path, ...]
    left_out: tuple[tuple[Path, HuisClosError], ...] = ()


def list_files(paths: Sequence[Path], check: Callable[[], object] = lambda: None) -> Drop:
    """Files of a drop: those named, and those inside folders but for hidden and system files.

    Links inside folders are not followed. A path that does not exist stays in, so that its loss is told.
    ``check`` is called per folder and may raise, to stop.
    """
    found: dict[Path, None] = {}
    left_out: list[tuple[Path, HuisClosError]] = []
    for path in paths:
        try:
            folder = path.is_dir()
        except OSError:  # a name the system cannot look up: taking it in will say so
            folder = False
        if not folder:
            found[path.absolute()] = None
            continue
        links = 0
        for inner in _walk(path, left_out, check):
            if inner.is_symlink():
                links += 1
            elif inner.is_file():
                found[inner.absolute()] = None
        if links:
            left_out.append((path, LinksLeftOut(links)))
    files = tuple(found)
    if len(files) > MAX_FILES:
        left_out.append((paths[0], TooManyFiles(MAX_FILES, len(files) - MAX_FILES)))
    return Drop(files[:MAX_FILES], tuple(left_out))


def _walk(
    folder: Path, left_out: list[tuple[Path, HuisClosError]], check: Callable[[], object]
) -> Iterator[Path]:
    """Files under a folder in order, but for hidden and system ones; links to folders count as files."""

    def refused(error: OSError) -> None:
        left_out.append((Path(error.filename), FolderUnreadable()))

    for where, folders, names in os.walk(folder, onerror=refused):
        check()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names += [name for name in folders if Path(where, name).is_symlink()]
        for name in sorted(names):
            if not name.startswith(".") and name.casefold() not in _SYSTEM_FILES:
                yield Path(where, name)
