"""The `gla_swa` architecture in torch, with plain operations, for training only.

Even layers are gated linear attention with a short convolution, odd layers causal window attention. Module
names equal the published tensor names, so `state_dict()` is the checkpoint (its output matrix is the
embeddings'). The engine's own C++ kernels run the trained model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

CHUNK_TOK = 32
# exponents are centred on the middle of a chunk; beyond this bound a contribution is zero or saturated anyway
EXPONENT_BOUND = 60.0
EMBEDDING_STD = 0.25
GROUP = 128  # inputs that share a scale


@dataclass(frozen=True, slots=True)
class MiniConfig:
    vocab_size: int
    hidden_size: int = 256
    num_hidden_layers: int = 6
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    intermediate_size: int = 512
    gate_low_rank_dim: int = 16
    gate_logit_normalizer: int = 16
    conv_size: int = 4
    norm_eps: float = 1e-6
    rope_theta: float = 1e6
    sliding_window: int = 1024

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def group(self) -> int:
        return self.num_attention_heads // self.num_key_value_heads

    def as_dict(self) -> dict[str, int | float]:
        return asdict(self)


class Projection(nn.Linear):
    """A linear map that can round its weights as the shipped file does: int8, one scale per 128 inputs."""

    def forward(self, x: Tensor, rounded: bool = False) -> Tensor:
        return F.linear(x, as_int8(self.weight) if rounded else self.weight, self.bias)


def as_int8(weight: Tensor) -> Tensor:
    """Rounded going forward, passed through going back."""
    rows, columns = weight.shape
    if columns % GROUP:
        grouped = F.pad(weight.detach(), (0, -columns % GROUP)).view(rows, -1, GROUP)
    else:
        grouped = weight.detach().view(rows, -1, GROUP)
    scale = grouped.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
    told = ((grouped / scale).round() * scale).view(rows, -1)[:, :columns]
    return weight + (told - weight.detach())


def as_spikes(x: Tensor, k: float) -> Tensor:
    """Whole spike counts of an adaptive threshold times that threshold (spec 2.3); passed through going back.

    The last dimension is one neuron population.
    """
    plain = x.detach().float()
    threshold = (plain.abs().mean(-1, keepdim=True) / k).clamp(1e-5, 1e4)
    return x + ((plain / threshold).round() * threshold - plain).to(x.dtype)


def as_bytes(x: Tensor) -> Tensor:
    """int8 with one scale per vector, as windows of spiking models are kept (spec 2.5)."""
    plain = x.detach().float()
    scale = (plain.abs().amax(-1, keepdim=True) / 127).clamp(1e-5, 1e4)
    return x + ((plain / scale).round() * scale - plain).to(x.dtype)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight, in float32 (spec 1.3)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class ShortConvolution(nn.Module):
    """Causal depthwise convolution followed by SiLU (spec 1.5); weight [channels, 1, size]."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        weight = torch.zeros(channels, 1, size)
        weight[:, :, -1] = 1.0
        self.weight = nn.Parameter(weight + 0.3 * torch.randn_like(weight))

    def forward(self, z: Tensor) -> Tensor:
        size = self.weight.shape[-1]
        taps = self.weight[:, 0].to(z.dtype)
        length = z.shape[1]
        padded = F.pad(z, (0, 0, size - 1, 0))
        total = padded[:, :length] * taps[:, 0]
        for j in range(1, size):
            total = total + padded[:, j : j + length] * taps[:, j]
        return F.silu(total)


class GatedLinearAttention(nn.Module):
    """x [B, T, hidden] -> [B, T, hidden]; T must be a multiple of CHUNK_TOK."""

    def __init__(self, c: MiniConfig) -> None:
        super().__init__()
        self.c = c
        kv = c.num_key_value_heads * c.head_dim
        self.q_proj = Projection(c.hidden_size, c.hidden_size)
        self.k_proj = Projection(c.hidden_size, kv)
        self.v_proj = Projection(c.hidden_size, kv)
        self.gk_proj = nn.Sequential(
            nn.Linear(c.hidden_size, c.gate_low_rank_dim, bias=False), nn.Linear(c.gate_low_rank_dim, kv)
        )
        self.g_norm = RMSNorm(c.head_dim, c.norm_eps)
        self.o_proj = Projection(c.hidden_size, c.hidden_size, bias=False)
        self.q_conv1d = ShortConvolution(c.hidden_size, c.conv_size)
        self.k_conv1d = ShortConvolution(kv, c.conv_size)
        self.v_conv1d = ShortConvolution(kv, c.conv_size)
        # a spread of memory lengths from a few to a few thousand tokens
        spread = torch.linspace(-1.0, 6.0, c.head_dim).repeat(c.num_key_value_heads)
        self.gk_proj[1].bias.data.copy_(spread)

    def forward(self, x: Tensor, spikes_k: float = 0.0) -> Tensor:
        c = self.c
        b, t, _ = x.shape
        coded = spikes_k > 0
        hk, d, g, n, s = c.num_key_value_heads, c.head_dim, c.group, t // CHUNK_TOK, CHUNK_TOK
        q = F.relu(self.q_conv1d(self.q_proj(x, coded)))
        k = F.relu(self.k_conv1d(self.k_proj(x, coded)))
        v = self.v_conv1d(self.v_proj(x, coded))
        gate = F.logsigmoid(self.gk_proj(x).float()) / c.gate_logit_normalizer
        low = x.dtype
        gate = gate.view(b, n, s, hk, d).transpose(2, 3)  # [B, N, Hk, S, D]
        q = q.view(b, n, s, hk, g, d).permute(0, 1, 3, 4, 2, 5) * d**-0.5  # [B, N, Hk, G, S, D]
        k = k.view(b, n, s, hk, d).transpose(2, 3)
        v = v.view(b, n, s, hk, d).transpose(2, 3)
        total = gate.cumsum(-2)
        last = total[..., -1:, :]
        middle = total[..., s // 2 : s // 2 + 1, :]
        rise = (total - middle).clamp(-EXPONENT_BOUND, EXPONENT_BOUND)
        q_in = (q * rise.exp().unsqueeze(3)).to(low).reshape(b, n, hk, g * s, d)
        k_in = (k * (-rise).exp()).to(low)
        scores = (q_in @ k_in.transpose(-1, -2)).view(b, n, hk, g, s, s).tril()
        inner = scores.reshape(b, n, hk, g * s, s) @ v
        if n == 1:
            o = inner
        else:
            added = (k * (last - total).exp()).to(low).transpose(-1, -2) @ v  # [B, N, Hk, D, D]
            decay = last.squeeze(-2).exp().unsqueeze(-1)
            state = torch.zeros(b, hk, d, d, dtype=torch.float32, device=x.device)
            entering = []
            for i in range(n):
                entering.append(state)
                state = state * decay[:, i] + added[:, i]
            memory = torch.stack(entering, 1).to(low)
            q_out = (q * total.exp().unsqueeze(3)).to(low).reshape(b, n, hk, g * s, d)
            o = inner + q_out @ memory
        o = o.view(b, n, hk, g, s, d).permute(0, 1, 4, 2, 3, 5).reshape(b, t, hk * g, d)
        o = self.g_norm(o).to(low).reshape(b, t, -1)
        return self.o_proj(as_spikes(o, spikes_k) if coded else o, coded)


def angles(positions: Tensor, c: MiniConfig) -> tuple[Tensor, Tensor]:
    """cos and sin of the rotary embedding at `positions`, each [..., head_dim / 2]."""
    half = c.head_dim // 2
    inverse = c.rope_theta ** (-torch.arange(half, dtype=torch.float32, device=positions.device) / half)
    angle = positions.float()[..., None] * inverse
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """NeoX halves (spec 1.6); x [B, H, T, D], cos and sin [T, D/2]."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class WindowAttention(nn.Module):
    def __init__(self, c: MiniConfig) -> None:
        super().__init__()
        self.c = c
        kv = c.num_key_value_heads * c.head_dim
        self.q_proj = Projection(c.hidden_size, c.hidden_size)
        self.k_proj = Projection(c.hidden_size, kv)
        self.v_proj = Projection(c.hidden_size, kv)
        self.o_proj = Projection(c.hidden_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, spikes_k: float = 0.0) -> Tensor:
        c = self.c
        b, t, _ = x.shape
        coded = spikes_k > 0
        q = self.q_proj(x, coded).view(b, t, c.num_attention_heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(x, coded).view(b, t, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(x, coded).view(b, t, c.num_key_value_heads, c.head_dim).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if coded:
            q, k, v = as_spikes(q, spikes_k), as_bytes(k), as_bytes(v)
        q, k = (q * c.head_dim**-0.5).to(x.dtype), k.to(x.dtype)
        q = q.reshape(b, c.num_key_value_heads, c.group, t, c.head_dim)
        step = c.sliding_window
        if t <= step + 1:
            o = attend(q, k, v, 0, 0, step)
        else:  # a block of queries sees its own and the block before
            o = torch.cat(
                [
                    attend(
                        q[..., i : i + step, :],
                        *(m[:, :, max(0, i - step) : i + step] for m in (k, v)),
                        i,
                        max(0, i - step),
                        step,
                    )
                    for i in range(0, t, step)
                ],
                3,
            )
        o = o.reshape(b, c.num_attention_heads, t, c.head_dim).transpose(1, 2).reshape(b, t, -1)
        return self.o_proj(as_spikes(o, spikes_k) if coded else o, coded)


def attend(q: Tensor, k: Tensor, v: Tensor, first_query: int, first_key: int, window: int) -> Tensor:
    """Softmax attention to keys at most `window` before; q [B, KV, G, T, D], k and v [B, KV, S, D].

    Written out: on a CPU faster than the fused operator, whose backward pass is slow for small heads.
    """
    b, kv, group, t, d = q.shape
    s = k.shape[2]
    queries = torch.arange(first_query, first_query + t, device=q.device)
    gap = queries[:, None] - torch.arange(first_key, first_key + s, device=q.device)
    unseen = (gap < 0) | (gap > window)
    scores = (q.reshape(b, kv, group * t, d) @ k.transpose(-1, -2)).view(b, kv, group, t, s)
    weights = scores.float().masked_fill(unseen, float("-inf")).softmax(-1).to(v.dtype)
    return (weights.view(b, kv, group * t, s) @ v).view(b, kv, group, t, d)


class GatedMLP(nn.Module):
    def __init__(self, c: MiniConfig) -> None:
        super().__init__()
        self.gate_proj = Projection(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = Projection(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = Projection(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor, rounded: bool = False) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x, rounded)) * self.up_proj(x, rounded), rounded)


class Layer(nn.Module):
    def __init__(self, c: MiniConfig, index: int) -> None:
        super().__init__()
        self.windowed = index % 2 == 1
        self.attn_norm = RMSNorm(c.hidden_size, c.norm_eps)
        self.attn = WindowAttention(c) if self.windowed else GatedLinearAttention(c)
        self.mlp_norm = RMSNorm(c.hidden_size, c.norm_eps)
        self.mlp = GatedMLP(c)

    def forward(
        self, h: Tensor, cos: Tensor, sin: Tensor, dtype: torch.dtype, spikes_k: float = 0.0
    ) -> Tensor:
        x = self.attn_norm(h).to(dtype)
        x = as_spikes(x, spikes_k) if spikes_k else x
        h = h + (self.attn(x, cos, sin, spikes_k) if self.windowed else self.attn(x, spikes_k)).float()
        x = self.mlp_norm(h).to(dtype)
        # what enters down_proj is no spike count, as in the published code (spec 2.4)
        return h + self.mlp(as_spikes(x, spikes_k) if spikes_k else x, spikes_k > 0).float()


class Backbone(nn.Module):
    def __init__(self, c: MiniConfig) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Layer(c, i) for i in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.norm_eps)
        self.c = c

    def forward(self, ids: Tensor, dtype: torch.dtype, spikes_k: float = 0.0) -> tuple[Tensor, list[Tensor]]:
        """(final vectors, the residual stream as it enters each layer), all [B, T, hidden] in float32."""
        cos, sin = angles(torch.arange(ids.shape[1], device=ids.device), self.c)
        cos, sin = cos.to(dtype), sin.to(dtype)
        h = self.embeddings(ids).float()
        stream = []
        for layer in self.layers:
            stream.append(h)
            h = layer(h, cos, sin, dtype, spikes_k)
        return self.norm(h), stream


class MiniReader(nn.Module):
    """`forward(ids [B, T])` -> final vectors [B, T, hidden]; the caller applies `head` where needed.

    The output matrix is the embeddings': a word that attention has found is then a word that can be said,
    however rare.
    """

    def __init__(self, c: MiniConfig) -> None:
        super().__init__()
        self.c = c
        self.model = Backbone(c)
        for name, parameter in self.named_parameters():
            if name.endswith(("proj.weight", "gk_proj.0.weight", "gk_proj.1.weight")):
                nn.init.normal_(parameter, std=c.hidden_size**-0.5)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.data.mul_((2 * c.num_hidden_layers) ** -0.5)
            if name.endswith("proj.bias"):
                nn.init.zeros_(parameter)
        nn.init.normal_(self.model.embeddings.weight, std=EMBEDDING_STD)
        nn.init.constant_(self.model.norm.weight, 1 / (EMBEDDING_STD * c.hidden_size**0.5))

    def forward(
        self, ids: Tensor, dtype: torch.dtype = torch.float32, spikes_k: float = 0.0
    ) -> tuple[Tensor, list[Tensor]]:
        """`spikes_k` above 0: as the shipped file runs, inputs coded as spikes and weights in eight bits."""
        return self.model(ids, dtype, spikes_k)

    def head(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.model.embeddings.weight)

    def logits(self, ids: Tensor, spikes_k: float = 0.0) -> Tensor:
        """Float32 logits [B, T, V] of any length (padded on the right to whole chunks, which is harmless)."""
        t = ids.shape[1]
        padded = F.pad(ids, (0, -t % CHUNK_TOK))
        return self.head(self.model(padded, torch.float32, spikes_k)[0][:, :t])
