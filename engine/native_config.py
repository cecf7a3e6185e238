"""The shape of a `gla_swa` model as the native engine wants it, and the tensors that shape needs."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Branches:
    """What a model has whose layers run a linear and a softmax branch side by side (spec §3).

    The linear branch is gated by its own keys: sigmoid of q and k, decay 1 - k. Layers of `attn_layers` see a
    window of `sliding_window` keys, themselves included; the others see everything. `sinks` learned tokens
    come before every text and are seen by all of it. The layers of `routed_layers` send each token to the
    best of `experts`, the others have an ordinary MLP. What the published texts leave open is a flag here;
    `engine/models/branched.py` says which way each default goes, and why.
    """

    expert_size: int
    routed_layers: tuple[int, ...] = ()
    experts: int = 16
    sinks: int = 128
    own_qkv: bool = False
    own_output: bool = False
    whole_norm: bool = False
    branch_affine: bool = True
    branch_learned: bool = False
    linear_rope: bool = False
    linear_scale: bool = True
    linear_sinks: bool = True
    sink_positions: bool = True
    shared_expert: bool = True
    router_sigmoid: bool = False
    router_weighs: bool = True
    branch_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        for name, least, largest in (
            ("expert_size", 1, 1 << 20),
            ("experts", 1, 1024),
            ("sinks", 0, 4096),
        ):
            if not least <= getattr(self, name) <= largest:
                raise ValueError(f"{name} must be from {least} to {largest}, not {getattr(self, name)!r}")
        if len(set(self.routed_layers)) != len(self.routed_layers):
            raise ValueError(f"routed_layers must be distinct, not {self.routed_layers}")
        if not 0 < self.branch_norm_eps < 1:
            raise ValueError(f"branch_norm_eps must be positive and small, not {self.branch_norm_eps!r}")


@dataclasses.dataclass(frozen=True, slots=True)
class NativeConfig:
    """Hyperparameters of a `gla_swa` model (spec §1.1). Layers in `attn_layers` use window attention,
    the others GLA.

    With `spike_k` above 0 the inputs of the projections are spike counts of an adaptive threshold,
    mean|x| / spike_k, and windows hold exact eight-bit codes (spec §2.3, §2.5); `spike_down` codes the input
    of `down_proj` as well. `merged_gate`: the decay gate is one matrix `gk_proj`, not a low-rank pair.
    """

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    gate_rank: int
    sliding_window: int
    attn_layers: tuple[int, ...]
    gate_normalizer: float = 16.0
    norm_eps: float = 1e-6
    rope_theta: float = 1_000_000.0
    use_short_conv: bool = False
    conv_size: int = 4
    merged_gate: bool = False
    spike_k: float = 0.0
    spike_down: bool = False
    branches: Branches | None = None

    def __post_init__(self) -> None:
        limits = {
            "vocab_size": 1 << 24,
            "hidden_size": 1 << 18,
            "layers": 1024,
            "heads": 1024,
            "kv_heads": 1024,
            "head_dim": 512,
            "intermediate_size": 1 << 20,
            "gate_rank": 4096,
            "sliding_window": 1 << 20,
            "conv_size": 64,
        }
        for name, largest in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
                raise ValueError(f"{name} must be a whole number from 1 to {largest}, not {value!r}")
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even, not {self.head_dim}")
        if self.use_short_conv and self.conv_size < 2:
            raise ValueError("conv_size must be at least 2 where the short convolution is used")
        if len(set(self.attn_layers)) != len(self.attn_layers) or not all(
            0 <= layer < self.layers for layer in self.attn_layers
        ):
            raise ValueError(
                f"attn_layers must be distinct layers below {self.layers}, not {self.attn_layers}"
            )
        if self.branches is not None:
            if self.use_short_conv or self.merged_gate:
                raise ValueError("branches go with neither a short convolution nor a decay gate")
            if not all(0 <= layer < self.layers for layer in self.branches.routed_layers):
                raise ValueError(f"routed_layers must be below {self.layers}")
        if not 0 <= self.spike_k <= 1024 or (self.spike_down and not self.spike_k):
            raise ValueError(f"spike_k must be 0 (off) or up to 1024, not {self.spike_k!r}")
        for name in ("gate_normalizer", "norm_eps", "rope_theta"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 < value < 1e12):
                raise ValueError(f"{name} must be positive and finite, not {value!r}")

    @property
    def q_dim(self) -> int:
        return self.heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * self.head_dim


def expected_tensors(config: NativeConfig) -> dict[str, tuple[int, ...]]:
    """Name and logical shape of every tensor a model of this configuration needs (spec §1.2, §1.5, §3)."""
    hidden, q_dim, kv_dim = config.hidden_size, config.q_dim, config.kv_dim
    shapes: dict[str, tuple[int, ...]] = {"model.embeddings.weight": (config.vocab_size, hidden)}
    if config.branches is not None and config.branches.sinks:
        shapes["model.sinks.weight"] = (config.branches.sinks, hidden)
    for i in range(config.layers):
        layer = f"model.layers.{i}"
        shapes[f"{layer}.attn_norm.weight"] = (hidden,)
        for part, width in (("q", q_dim), ("k", kv_dim), ("v", kv_dim)):
            shapes[f"{layer}.attn.{part}_proj.weight"] = (width, hidden)
            shapes[f"{layer}.attn.{part}_proj.bias"] = (width,)
            if config.use_short_conv and i not in config.attn_layers:
                shapes[f"{layer}.attn.{part}_conv1d.weight"] = (width, 1, config.conv_size)
        shapes[f"{layer}.attn.o_proj.weight"] = (hidden, q_dim)
        shapes[f"{layer}.mlp_norm.weight"] = (hidden,)
        if config.branches is not None:
            shapes |= _branch_tensors(config, config.branches, i)
            continue
        if i not in config.attn_layers:
            if config.merged_gate:
                shapes[f"{layer}.attn.gk_proj.weight"] = (kv_dim, hidden)
                shapes[f"{layer}.attn.gk_proj.bias"] = (kv_dim,)
            else:
                shapes[f"{layer}.attn.gk_proj.0.weight"] = (config.gate_rank, hidden)
                shapes[f"{layer}.attn.gk_proj.1.weight"] = (kv_dim, config.gate_rank)
                shapes[f"{layer}.attn.gk_proj.1.bias"] = (kv_dim,)
            shapes[f"{layer}.attn.g_norm.weight"] = (config.head_dim,)
        shapes |= _mlp_tensors(f"{layer}.mlp", hidden, config.intermediate_size)
    shapes["model.norm.weight"] = (hidden,)
    shapes["lm_head.weight"] = (config.vocab_size, hidden)
    return shapes


def expert_tensors(layer: int, expert: int) -> tuple[str, str, str]:
    """The names of one routed expert's gate, up and down matrix."""
    prefix = f"model.layers.{layer}.mlp.experts.{expert}"
    return f"{prefix}.gate_proj.weight", f"{prefix}.up_proj.weight", f"{prefix}.down_proj.weight"


def _mlp_tensors(prefix: str, hidden: int, inner: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}.gate_proj.weight": (inner, hidden),
        f"{prefix}.up_proj.weight": (inner, hidden),
        f"{prefix}.down_proj.weight": (hidden, inner),
    }


def _branch_tensors(config: NativeConfig, branches: Branches, i: int) -> dict[str, tuple[int, ...]]:
    hidden, q_dim, kv_dim = config.hidden_size, config.q_dim, config.kv_dim
    attention, mlp = f"model.layers.{i}.attn", f"model.layers.{i}.mlp"
    shapes: dict[str, tuple[int, ...]] = {}
    if branches.own_qkv:
        for part, width in (("q", q_dim), ("k", kv_dim), ("v", kv_dim)):
            shapes[f"{attention}.linear_{part}_proj.weight"] = (width, hidden)
            shapes[f"{attention}.linear_{part}_proj.bias"] = (width,)
    if branches.own_output:
        shapes[f"{attention}.linear_o_proj.weight"] = (hidden, q_dim)
    if branches.branch_affine:
        norm_size = q_dim if branches.whole_norm else config.head_dim
        shapes[f"{attention}.linear_norm.weight"] = (norm_size,)
        shapes[f"{attention}.softmax_norm.weight"] = (norm_size,)
    if branches.branch_learned:
        shapes[f"{attention}.branch_weights"] = (2,)
    if i not in branches.routed_layers:
        return shapes | _mlp_tensors(mlp, hidden, config.intermediate_size)
    shapes[f"{mlp}.router.weight"] = (branches.experts, hidden)
    if branches.shared_expert:
        shapes |= _mlp_tensors(f"{mlp}.shared_expert", hidden, branches.expert_size)
    for expert in range(branches.experts):
        shapes |= _mlp_tensors(f"{mlp}.experts.{expert}", hidden, branches.expert_size)
    return shapes
