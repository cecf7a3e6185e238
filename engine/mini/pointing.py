"""Hints during training: what a careful reader would notice on the way, asked of the layers between.

Where attention should look (for the question's words while reading, for the value while answering), which
passage a token stands in, whether its word is asked about, where a value begins, which passage holds it. The
probes are no part of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from engine.mini.model import MiniReader, WindowAttention, angles, rotate

PROBE_SHARE = 0.15  # of the passages' tokens
PASSAGES = 8
# what looks where: a value's beginning and its further words from the answer (last window layer), the value's
# surroundings from the question asked again (middle one), the question's words from the evidence (first one)
LOOKS = ("finds", "copies", "regions", "matches")
LEAST = 1e-4  # of attention, inside the logarithm


@dataclass(slots=True)
class Hints:
    """`looks`: by name, (row, position asking, first position to look at, one past it).

    `passage` is 0 outside; `asked` 1 where a word of the question stands, 0 elsewhere in the evidence, -1
    outside; `begins` where values begin; `verdicts`: (row, position that begins to answer, passage that holds
    the answer or 0).
    """

    looks: dict[str, Tensor]  # each [N, 4] int64
    passage: Tensor  # [B, T] int64
    asked: Tensor  # [B, T] int64
    begins: Tensor  # [B, T] bool
    verdicts: Tensor  # [Q, 3] int64

    def on(self, take: Callable[[Tensor], Tensor]) -> Hints:
        """The same where `take` puts tensors."""
        looks = {name: take(some) for name, some in self.looks.items()}
        others = (take(some) for some in (self.passage, self.asked, self.begins, self.verdicts))
        return Hints(looks, *others)


class Pointing(nn.Module):
    """The probes; attention itself belongs to the model."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.numbers = nn.ModuleList(nn.Linear(hidden_size, PASSAGES) for _ in range(2))
        self.asked = nn.Linear(hidden_size, 1)
        self.begins = nn.ModuleList(nn.Linear(hidden_size, 1) for _ in range(2))
        self.verdict = nn.Linear(hidden_size, PASSAGES)

    def forward(self, model: MiniReader, stream: list[Tensor], hints: Hints) -> dict[str, Tensor]:
        """Losses by name; `stream` is the residual stream as it enters each layer, float32 [B, T, hidden]."""
        last, middle, early = len(stream) - 1, len(stream) // 2, min(2, len(stream) - 1)
        between, half = last // 2 // 2 * 2 + 1, model.c.group * 2  # a window layer; heads
        evidence = hints.passage > 0
        some = evidence & (torch.rand(hints.passage.shape, device=evidence.device) < PROBE_SHARE)
        wanted = hints.passage[some].clamp(max=PASSAGES - 1)
        numbers = [
            F.cross_entropy(probe(even(stream[place][some])), wanted)
            for probe, place in zip(self.numbers, (middle, last), strict=True)
        ]
        # words of the question are rare in the evidence: all of them, and as many others as are probed anyway
        told = evidence & ((hints.asked > 0) | some)
        asked = F.binary_cross_entropy_with_logits(
            self.asked(even(stream[early][told]))[:, 0], hints.asked[told].float()
        )
        rows, places, passages = hints.verdicts.unbind(1)
        begins = [
            pointed(probe(even(stream[place]))[..., 0], evidence, hints.begins)
            for probe, place in zip(self.begins, (last - 1, last), strict=True)
        ]
        verdict = F.cross_entropy(
            self.verdict(even(stream[last][rows, places])), passages.clamp(max=PASSAGES - 1)
        )
        finds, copies = hints.looks["finds"], hints.looks["copies"]
        said = attention_losses(model, last, stream[last], torch.cat((finds, copies)))
        return {
            "finds": average(said[: len(finds)]),
            "copies": average(said[len(finds) :]),
            "regions": average(
                attention_losses(model, between, stream[between], hints.looks["regions"], heads=half)
            ),
            "matches": average(attention_losses(model, 1, stream[1], hints.looks["matches"], heads=half)),
            "numbers": numbers[0] + numbers[1],
            "asked": asked,
            "begins": begins[0] + begins[1],
            "verdict": verdict,
        }


def even(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


def pointed(scores: Tensor, evidence: Tensor, begins: Tensor) -> Tensor:
    """-log of a softmax's share that falls where it should; over the evidence, and over "nowhere" at 0."""
    scores = scores.float().masked_fill(~evidence, float("-inf"))
    scores = torch.cat((torch.zeros_like(scores[:, :1]), scores), 1)
    right = torch.cat((~begins.any(1, keepdim=True), begins), 1)
    share = scores.logsumexp(1) - scores.masked_fill(~right, float("-inf")).logsumexp(1)
    return share.mean()


def average(losses: Tensor) -> Tensor:
    return losses.mean() if len(losses) else losses.sum()


def attention_losses(
    model: MiniReader, index: int, before: Tensor, looks: Tensor, heads: int | None = None
) -> Tensor:
    """-log of a layer's attention (mean of its first `heads`) where it should look, one for each look.

    before [B, T, hidden].
    """
    c = model.c
    layer = model.model.layers[index]
    attention = layer.attn
    assert isinstance(attention, WindowAttention)
    kv = c.num_key_value_heads if heads is None else heads // c.group
    rows, asking, first, after = looks.unbind(1)
    length = before.shape[1]
    with torch.autocast(before.device.type, dtype=torch.bfloat16):
        x = layer.attn_norm(before).to(torch.bfloat16)
        width = kv * c.head_dim
        k = F.linear(x, attention.k_proj.weight[:width], attention.k_proj.bias[:width])
        k = k.view(*x.shape[:2], kv, c.head_dim).transpose(1, 2)
        width *= c.group
        q = F.linear(x[rows, asking], attention.q_proj.weight[:width], attention.q_proj.bias[:width])
        q = q.view(-1, kv * c.group, c.head_dim)
    cos, sin = angles(torch.arange(length, device=before.device), c)
    k = rotate(k.float(), cos, sin).to(torch.bfloat16)[rows]  # [N, kv heads, T, D]
    cos, sin = angles(asking, c)
    q = (rotate(q.float(), cos[:, None], sin[:, None]) * c.head_dim**-0.5).to(torch.bfloat16)
    q = q.view(-1, kv, c.group, c.head_dim)
    scores = (q @ k.transpose(-1, -2)).float().flatten(1, 2)  # [N, heads, T]
    places = torch.arange(length, device=before.device)
    seen = (places <= asking[:, None]) & (places >= asking[:, None] - c.sliding_window)
    scores = scores.masked_fill(~seen[:, None], float("-inf"))
    right = (places >= first[:, None]) & (places < after[:, None])
    share = (scores.softmax(-1) * right[:, None]).sum(-1).mean(1)
    return -(share + LEAST).log()
