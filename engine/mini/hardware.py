"""Where training computes, and how much that takes at once: a processor's cores, or an accelerator."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Hardware:
    """`batch_tok`: tokens of a step, `long_batch_tok` from `train.LONG_TOK` on. `writers`: processes that
    write text beside the training. `compiled`: whether compiling every shape pays: a step of a core takes
    seconds, one of an accelerator less than the compilation of a shape saves.
    """

    device: torch.device
    batch_tok: int
    long_batch_tok: int
    longest_tok: int
    writers: int
    compiled: bool

    def take(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def find_hardware(name: str = "auto") -> Hardware:
    """`name`: a torch device, or "auto" for an accelerator where there is one: MetaX's torch calls its cards
    cuda as NVIDIA's does. Raises RuntimeError when torch does not know the device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cpu":
        return Hardware(device, 4096, 6144, 8192, 1, True)
    return Hardware(device, 1 << 16, 1 << 16, 32_768, max(1, (os.cpu_count() or 2) - 2), False)
