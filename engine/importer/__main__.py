"""`python -m engine.importer`: its one request, then the cage, then everything else.

The request names the folders that the cage leaves open. It comes from the application; what lies in those
folders comes from strangers and is touched by nothing before the cage stands.
"""

import json
import sys
from pathlib import Path

from engine.cage import cage_importer


def _folders(line: bytes) -> tuple[list[Path], list[Path], int]:
    request = json.loads(line)
    source = Path(request["path"])
    # A shard stands for its folder; links in it may lead elsewhere, as a model store's do.
    readable = [source, source.parent] if not source.is_dir() else [source]
    readable += _linked(source if source.is_dir() else source.parent)
    writable = [Path(request["folder"])] if "folder" in request else []
    return readable, writable, int(request["memory_bytes"])


def _linked(folder: Path) -> list[Path]:
    try:
        return [entry.resolve() for entry in folder.iterdir() if entry.is_symlink()]
    except OSError:
        return []


if __name__ == "__main__":
    _line = sys.stdin.buffer.readline(1 << 20)
    try:
        _readable, _writable, _memory_bytes = _folders(_line)
    except (ValueError, KeyError, TypeError):
        sys.exit(3)
    cage_importer(_readable, _writable, _memory_bytes)

    from engine.importer.process import main

    sys.exit(main(_line))
