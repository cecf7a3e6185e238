"""One process per vault: an advisory lock on `vault.lock` that the kernel drops when its holder dies.

The file stays in place and holds the process number only to name the holder. The descriptor is not
inherited by programs we start; a plain fork would share the lock, so helpers are forked before a vault
is opened.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from app.store.failures import VaultInUse

FILE = "vault.lock"


class VaultLock:
    """Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> VaultLock:
        """Take the folder's lock. Raises VaultInUse when somebody has it, OSError when the disk refuses."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(folder / FILE, flags, 0o600)
        try:
            if not _try_lock(descriptor):
                raise VaultInUse(_holder(descriptor))
            # The number is a courtesy: a disk too full to hold it must not keep a vault shut.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, b"%d\n" % os.getpid())
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back; more than once does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(descriptor: int) -> int:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        text = os.read(descriptor, 32).strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        # Far past the number, so that others can still read who holds it.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
