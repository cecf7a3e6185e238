"""What a cage really enforces here, said without hope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Promise = Literal[
    "internet",  # no internet socket can be made, by this process or any child
    "sockets",  # no new socket of any kind
    "processes",  # no new process, no other program started
    "signals",  # no signal reaches another process
    "file_writes",  # no file can be opened for writing, created, removed or renamed
    "file_reads",  # no file can be opened at all, beyond the folders granted
    "memory_limit",  # the address space is bounded
    "cpu_limit",  # the processor time is bounded
    "core_dumps",  # memory never lands on disk after a crash, nor is read by another process of the user
]


@dataclass(frozen=True, slots=True)
class Guarantee:
    """The outcome of asking for a cage.

    `kept` holds the promises that the operating system enforces from now on; `broken` those that were asked
    for and that nothing enforces here. `kernel_filter` is true where a seccomp filter was installed and
    proved by a refused call. `landlock_abi` is the version of the file-system cage, 0 where there is none.
    `reason` says why a promise is broken, in English, for logs and the page about guarantees.
    """

    platform: str
    kernel_filter: bool = False
    landlock_abi: int = 0
    kept: frozenset[Promise] = frozenset()
    broken: frozenset[Promise] = frozenset()
    reason: str = ""

    @property
    def complete(self) -> bool:
        """True when every promise asked for is enforced."""
        return not self.broken

    def keeps(self, promise: Promise) -> bool:
        """Whether the operating system enforces this promise."""
        return promise in self.kept
