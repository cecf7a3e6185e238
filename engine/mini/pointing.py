"""Hints during training: where the last layer should look, and which passage each token stands in.

Both act on the residual stream that enters the last layer, the one that looks up answers. They are no part
of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from engine.mini.model import MiniReader, WindowAttention, angles, rotate

PROBE_SHARE = 0.15  # of the passages' tokens
PASSAGES = 8


@dataclass(slots=True)
class Hints:
    """`looks`: (row, position asking, first position to look at, one past it); `passage` is 0 outside."""

    looks: Tensor  # [N, 4] int64
    passage: Tensor  # [B, T] int64


class Pointing(nn.Module):
    """The probe for passages; the attention itself belongs to the model."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.probe = nn.Linear(hidden_size, PASSAGES)

    def forward(self, model: MiniReader, before: Tensor, hints: Hints) -> tuple[Tensor, Tensor]:
        """(mean -log of the attention where it should be, cross-entropy of the passages' numbers)."""
        chosen = (hints.passage > 0) & (torch.rand(hints.passage.shape) < PROBE_SHARE)
        seen = before[chosen]
        seen = seen * torch.rsqrt(seen.square().mean(-1, keepdim=True) + 1e-6)
        numbers = F.cross_entropy(self.probe(seen), hints.passage[chosen].clamp(max=PASSAGES - 1))
        return attention_loss(model, before, hints.looks), numbers


def attention_loss(model: MiniReader, before: Tensor, looks: Tensor) -> Tensor:
    """-log of the last layer's attention (mean of heads) where it should look; before [B, T, hidden]."""
    c = model.c
    layer = model.model.layers[-1]
    attention = layer.attn
    assert isinstance(attention, WindowAttention)
    rows, asking, first, after = looks.unbind(1)
    length = before.shape[1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = layer.attn_norm(before).to(torch.bfloat16)
        k = attention.k_proj(x).view(*x.shape[:2], c.num_key_value_heads, c.head_dim).transpose(1, 2)
        q = attention.q_proj(x[rows, asking]).view(-1, c.num_attention_heads, c.head_dim)
    cos, sin = angles(torch.arange(length), c)
    k = rotate(k.float(), cos, sin).to(torch.bfloat16)[rows]  # [N, kv heads, T, D]
    cos, sin = angles(asking, c)
    q = (rotate(q.float(), cos[:, None], sin[:, None]) * c.head_dim**-0.5).to(torch.bfloat16)
    q = q.view(-1, c.num_key_value_heads, c.group, c.head_dim)
    scores = (q @ k.transpose(-1, -2)).float().flatten(1, 2)  # [N, heads, T]
    places = torch.arange(length)
    scores = scores.masked_fill(places > asking[:, None, None], float("-inf"))
    right = (places >= first[:, None]) & (places < after[:, None])
    share = (scores.softmax(-1) * right[:, None]).sum(-1).mean(1)
    return -(share + 1e-4).log().mean()
