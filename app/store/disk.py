"""Durable writes and honest failures: the only place of the store that talks to the file system's edges.

Order of every durable write: temporary file in the same file system, all bytes, fsync, rename, fsync of the
folder. A failed fsync is never tried again on the same file: what the kernel dropped stays dropped.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from app.core.errors import HuisClosError
from app.store.failures import DiskFull, NotEnoughSpace, StorageFailed, StorageRefused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NETWORK_TYPES = ("nfs", "cifs", "smb", "ncpfs", "afs", "davfs", "fuse.sshfs", "fuse.rclone", "fuse.davfs")

KEEP_FREE_BYTES = 500 << 20


def failure_of(error: OSError, folder: Path) -> HuisClosError:
    """Return the failure that says what `error` means; `folder` is named when rights are the cause."""
    if error.errno in _FULL:
        return DiskFull()
    if error.errno in _REFUSED:
        return StorageRefused(str(folder))
    return StorageFailed()


def sync_file(descriptor: int) -> None:
    """Have the file's bytes on the medium. On macOS plain fsync stops at the drive's own cache."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on the medium. Windows keeps them in order by itself and opens no folder."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create the folder for its owner alone, and its entry durably. Doing so twice does no harm."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    sync_folder(folder.parent)


def create_file(path: Path) -> int:
    """Create a new file for its owner alone and return its descriptor, open for reading and writing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o600)


def write_all(descriptor: int, pieces: Iterable[bytes]) -> int:
    """Write every byte of every piece, however little the system takes at a time; return how many."""
    written = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            taken = os.write(descriptor, view)
            written += taken
            view = view[taken:]
    return written


def write_durably(temporary: Path, target: Path, pieces: Iterable[bytes]) -> int:
    """Write `target` in one piece through `temporary` (same file system); return the size in bytes.

    Raises OSError; then `target` is as it was and `temporary` is gone, or left for the next opening to
    remove where even that was refused.
    """
    descriptor = create_file(temporary)
    try:
        try:
            size_bytes = write_all(descriptor, pieces)
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(target)
    except BaseException:
        remove_quietly(temporary)
        raise
    sync_folder(target.parent)
    return size_bytes


def overwrite_start(path: Path, size_bytes: int) -> None:
    """Replace the first bytes of the file by random ones, durably, as far as the file goes."""
    flags = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        write_all(descriptor, [os.urandom(min(size_bytes, os.fstat(descriptor).st_size))])
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def remove_quietly(path: Path) -> None:
    """Unlink without complaint; what stays is found at the next opening."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def free_bytes(folder: Path) -> int:
    """Return the room left for this user on the folder's file system."""
    return shutil.disk_usage(folder).free


def require_free_space(folder: Path, size_bytes: int) -> None:
    """Pass only when three times `size_bytes` and 500 MB are free. Raises NotEnoughSpace."""
    needed = 3 * size_bytes + KEEP_FREE_BYTES
    free = free_bytes(folder)
    if free < needed:
        raise NotEnoughSpace(needed_mb=-(-needed // 10**6), free_mb=free // 10**6)


def is_network_folder(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Tell whether the folder lies on a mounted network file system. False where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return str(folder).startswith("\\\\")
    best: tuple[int, str] = (-1, "")
    place = folder.absolute().resolve()
    for line in lines:
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        # Of several mounts on one point the last one is on top.
        if place.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), parts[2])
    return best[1].startswith(_NETWORK_TYPES)
