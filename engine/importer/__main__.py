"""`python -m engine.importer`: its one request, then the cage, then everything else.

The request names the folders that the cage leaves open. It comes from the application; what lies in those
folders comes from strangers and is touched by nothing before the cage stands.
"""

import json
import os
import sys
from pathlib import Path

from engine.cage import cage_importer


def _folders(line: bytes) -> tuple[list[Path], list[Path], int]:
    request = json.loads(line)
    source = Path(request["path"])
    # A shard stands for its folder; links in it may lead to files elsewhere, as a model store's do.
    folder = source if os.path.isdir(source) else source.parent  # noqa: PTH112 - also where nobody may look
    readable = [source, folder, *_linked(folder)]
    writable = [Path(request["folder"])] if "folder" in request else []
    return readable, writable, int(request["memory_bytes"])


def _linked(folder: Path) -> list[Path]:
    """The files that links lead to, and no folder: that would open all that is in it."""
    try:
        targets = [os.path.realpath(entry) for entry in folder.iterdir() if entry.is_symlink()]
    except OSError:
        return []
    return [Path(target) for target in targets if os.path.isfile(target)]  # noqa: PTH113 - as above


def main() -> int:
    """Answer the one request of standard input; gives the exit code."""
    line = sys.stdin.buffer.readline(1 << 20)
    try:
        readable, writable, memory_bytes = _folders(line)
    except (ValueError, KeyError, TypeError):
        return 3
    cage_importer(readable, writable, memory_bytes)

    from engine.importer import process

    return process.main(line)


if __name__ == "__main__":
    sys.exit(main())
