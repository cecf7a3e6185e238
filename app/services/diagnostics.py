"""What a person or their IT can look at when the engine dies or a file fails: versions, machine, codes, logs.

Nothing of a dossier is in it: no text, no question, no name of a file or dossier, no key, no path.
"""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass

from app import __version__
from app.library import dossiers as dossier_rows
from app.library import exceptions as exception_rows
from app.services.views import EngineCard
from app.services.workspace import Workspace
from engine.client.log_words import tellable
from engine.protocol import PROTOCOL_VERSION, build_hash

ENGINE_LINES = 80
PROGRAM_LINES = 40


@dataclass(frozen=True, slots=True)
class DiagnosticsCard:
    """``reason`` and ``failed_files`` are codes. Sizes are bytes, 0 where they are not known."""

    version: str
    protocol_version: int
    build: str  # of the engine's messages; both sides must have the same
    python: str
    system: str
    machine: str
    memory_bytes: int
    memory_free_bytes: int
    engine: EngineCard
    phase: str
    restarts: int
    reason: str
    engine_bytes: int  # memory of the engine's process
    window: str
    model_identity: str  # first characters of its SHA-256
    cage_kept: tuple[str, ...]
    cage_broken: tuple[str, ...]
    failed_files: tuple[tuple[str, int], ...]  # code of the reason, and how many files of all dossiers
    engine_log: tuple[str, ...]
    program_log: tuple[str, ...]


def diagnose(ws: Workspace) -> DiagnosticsCard:
    """A short read, any thread."""
    status, info = ws.host.client.status, ws.host.info
    memory, free = _memory()
    welcome = status.welcome
    return DiagnosticsCard(
        version=__version__,
        protocol_version=PROTOCOL_VERSION,
        build=build_hash()[:16],
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        memory_bytes=memory,
        memory_free_bytes=free,
        engine=ws.host.card(),
        phase=status.phase,
        restarts=status.restarts,
        reason=status.reason,
        engine_bytes=status.rss_bytes,
        window="" if info is None else f"{info.window_precision}, {info.window_mode}",
        model_identity="" if info is None else info.identity[:16],
        cage_kept=() if welcome is None else welcome.kept,
        cage_broken=() if welcome is None else welcome.broken,
        failed_files=_failed_files(ws),
        engine_log=tuple(tellable(ws.host.client.log_tail())[-ENGINE_LINES:]),
        program_log=tuple(ws.log.tail(PROGRAM_LINES)),
    )


def _failed_files(ws: Workspace) -> tuple[tuple[str, int], ...]:
    with ws.vault.read() as conn:
        codes = Counter(
            entry.code
            for dossier in dossier_rows.list_dossiers(conn)
            for entry in exception_rows.list_exceptions(conn, dossier.id)
        )
    return tuple(sorted(codes.items()))


def _memory() -> tuple[int, int]:
    """Total and available memory of this machine."""
    import psutil  # only when it is asked for: the window opens sooner

    try:
        memory = psutil.virtual_memory()
    except (OSError, RuntimeError):  # /proc is hidden on some machines
        return 0, 0
    return int(memory.total), int(memory.available)
