"""SpikingBrain-76B, as far as its report describes it (spec 3): "76B-like, unverified".

Its weights and code are unpublished. What the report says is fixed here; every question that it leaves open
is a field with a default, so that a checkpoint can answer it in its `config.json`. Names of fields and
tensors are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from engine.models import keys
from engine.models.config import Numbers, bad_config
from engine.models.gguf import TENSORS_MAX, MetadataValue
from engine.models.tensor_names import ExpectedTensor
from engine.native_config import Branches, NativeConfig, expected_tensors

_PREFIX: Final = "branched_moe."
_EXPERTS_MAX: Final = TENSORS_MAX // 6
"""Over all layers: three matrices each, with their scales, must find room in a file."""
_FLOAT_ONLY: Final = (".mlp.router.weight", "model.sinks.weight")
"""Matrices that stay float in every format: small, and every token depends on them."""


@dataclass(frozen=True, slots=True)
class BranchedConfig:
    """The shape of one such model. Layers are counted from 0; sizes are counts of elements.

    Known from the report: a linear and a softmax branch in every layer, the four layers that see everything,
    the seven dense ones, sigmoid maps with decay 1 - k, top 1 of 16 experts beside a shared one, 128 sinks
    seen by every token and seeing one another. Inferred from its size: experts as wide as the dense MLP.
    """

    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    intermediate_size: int
    expert_intermediate_size: int
    full_attention_layers: tuple[int, ...]
    """These see every token before them; all others see `sliding_window` tokens, themselves included."""
    dense_layers: tuple[int, ...]
    """These have an ordinary MLP, all others have experts."""
    sliding_window: int = 4096
    """Unknown; as in the 7B."""
    experts: int = 16
    sinks: int = 128
    norm_eps: float = 1e-6
    branch_norm_eps: float = 1e-6
    """Unknown; as everywhere else."""
    rope_theta: float = 1_000_000.0
    context_length: int = 131_072
    own_qkv: bool = False
    """Unknown whether the linear branch has projections of its own; the parameter count fits either way, and
    the model was grown from one that has one set."""
    own_output: bool = False
    """Unknown whether each branch has its output matrix; one does where both are summed first."""
    whole_norm: bool = False
    """Unknown whether a branch is normed as a whole or head by head; the 7B does it head by head."""
    branch_affine: bool = True
    """Unknown whether these norms have weights; the 7B's have."""
    branch_learned: bool = False
    """Unknown whether the branches' weights w1 and w2 are learned; else each is one half."""
    linear_rope: bool = False
    """Unknown whether positions turn the linear branch; the 7B's is not turned."""
    linear_scale: bool = True
    """Unknown whether its queries are scaled by 1/sqrt(head size); the 7B's are."""
    linear_sinks: bool = True
    """Unknown whether it reads the sinks; they stand at the front of the input."""
    sink_positions: bool = True
    """Unknown which positions sinks have; here the first ones, the text following. Otherwise none."""
    shared_expert: bool = True
    router_sigmoid: bool = False
    """Unknown whether the router's map is softmax or sigmoid."""
    router_weighs: bool = True
    """Unknown whether a probability of one chosen expert is normed away; here it is multiplied by."""

    def __post_init__(self) -> None:
        if self.heads < 1 or self.hidden_size % self.heads:
            raise bad_config(f"hidden_size {self.hidden_size} is not a multiple of {self.heads} heads")
        if not 1 <= self.layers <= 256:
            raise bad_config(f"layers is {self.layers}, which is outside 1 to 256")
        for name in ("full_attention_layers", "dense_layers"):
            if not all(0 <= layer < self.layers for layer in getattr(self, name)):
                raise bad_config(f"{name} names a layer that does not exist")
        if self.experts * len(self.routed_layers) > _EXPERTS_MAX:
            raise bad_config(f"{self.experts} experts in {len(self.routed_layers)} layers are too many")
        if not 1 <= self.context_length <= 1 << 31:
            raise bad_config(f"context_length is {self.context_length}")
        try:
            self.native(0.0, False)
        except ValueError as error:
            raise bad_config(str(error)) from None

    @property
    def spike_k(self) -> float:
        """No spiking checkpoint of this kind is known; any model's inputs can be coded when it is run."""
        return 0.0

    @property
    def kv_dim(self) -> int:
        return self.kv_heads * (self.hidden_size // self.heads)

    @property
    def routed_layers(self) -> tuple[int, ...]:
        return tuple(layer for layer in range(self.layers) if layer not in self.dense_layers)

    def native(self, spike_k: float, spike_down: bool) -> NativeConfig:
        """The same shape in the kernels' words. Raises ValueError for sizes out of bounds."""
        return NativeConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            layers=self.layers,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.hidden_size // self.heads,
            intermediate_size=self.intermediate_size,
            gate_rank=1,
            sliding_window=self.sliding_window,
            attn_layers=tuple(i for i in range(self.layers) if i not in self.full_attention_layers),
            norm_eps=self.norm_eps,
            rope_theta=self.rope_theta,
            spike_k=spike_k,
            spike_down=spike_down,
            branches=Branches(
                expert_size=self.expert_intermediate_size,
                routed_layers=self.routed_layers,
                experts=self.experts,
                sinks=self.sinks,
                branch_norm_eps=self.branch_norm_eps,
                **{name: getattr(self, name) for name in _FLAGS},
            ),
        )


_FLAGS: Final = tuple(field.name for field in fields(BranchedConfig) if field.type == "bool")
_WHOLE: Final[Mapping[str, str]] = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "intermediate_size": "intermediate_size",
    "expert_intermediate_size": "expert_intermediate_size",
    "sliding_window": "sliding_window",
    "experts": "num_experts",
    "sinks": "num_sink_tokens",
    "context_length": "max_position_embeddings",
}
"""Fields, and what `config.json` calls them."""
_REAL: Final = ("norm_eps", "branch_norm_eps", "rope_theta")
_LISTS: Final = ("full_attention_layers", "dense_layers")
_DEFAULTS: Final = {field.name: field.default for field in fields(BranchedConfig)}


class BranchedMoe:
    name = "branched_moe"
    note = "76B-like, unverified"
    note_fr = "façon 76B, non vérifié"

    def from_json(self, raw: Mapping[str, object], names: Iterable[str]) -> BranchedConfig:
        if any(name.endswith(keys.PUBLISHED_SCALES_SUFFIX) for name in names):
            raise bad_config("how a spiking checkpoint of this kind is stored is not known")
        return _read(Numbers(raw, "config.json"), raw, {**{n: n for n in _DEFAULTS}, **_WHOLE})

    def from_metadata(self, metadata: Mapping[str, object]) -> BranchedConfig:
        return _read(Numbers(metadata, "the model file"), metadata, {n: _PREFIX + n for n in _DEFAULTS})

    def to_metadata(self, shape: BranchedConfig) -> dict[str, MetadataValue]:
        values = {name: getattr(shape, name) for name in _DEFAULTS}
        return {
            _PREFIX + name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != ()
        }

    def tensors(self, shape: BranchedConfig) -> Iterator[ExpectedTensor]:
        for name, lengths in expected_tensors(shape.native(0.0, False)).items():
            yield ExpectedTensor(name, lengths, len(lengths) == 2 and not name.endswith(_FLOAT_ONLY))

    def native(self, shape: BranchedConfig, spike_k: float, spike_down: bool) -> NativeConfig:
        return shape.native(spike_k, spike_down)

    def kept_elements_per_token(self, shape: BranchedConfig) -> int:
        return len(set(shape.full_attention_layers)) * 2 * shape.kv_dim


def published_76b() -> BranchedConfig:
    """The sizes of the report, every open question at its default."""
    return BranchedConfig(
        vocab_size=152_064,
        hidden_size=3584,
        layers=28,
        heads=28,
        kv_heads=4,
        intermediate_size=18_944,
        expert_intermediate_size=18_944,
        full_attention_layers=(6, 13, 20, 27),
        dense_layers=(0, 1, 2, 4, 6, 8, 10),
    )


def _read(numbers: Numbers, raw: Mapping[str, object], called: Mapping[str, str]) -> BranchedConfig:
    found: dict[str, int | float | bool | tuple[int, ...]] = {}
    for name, default in _DEFAULTS.items():
        key = called[name]
        if name in _LISTS:
            found[name] = _layers(raw.get(key, []), key)
        elif name in _FLAGS:
            found[name] = numbers.flag(key, bool(default))
        elif name in _REAL:
            found[name] = numbers.real(key, default if isinstance(default, float) else None)
        else:
            found[name] = numbers.whole(key, default if isinstance(default, int) else None)
    return BranchedConfig(**found)  # type: ignore[arg-type]  # each is of its field's type by now


def _layers(value: object, key: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(layer) is int for layer in value):
        raise bad_config(f"{key} is not a list of layers")
    return tuple(sorted(set(value)))
