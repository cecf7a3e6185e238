"""What a spiking model's inputs were coded as, counted natively while it runs (native/model/tally.h)."""

from __future__ import annotations

from typing import Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

SpikeSite = Literal["mixer", "output", "mlp", "down", "query"]
"""What is coded: normed inputs of attention and MLP, inputs of o_proj and down_proj, window queries."""
SITES: Final[tuple[SpikeSite, ...]] = get_args(SpikeSite)

COUNT_BINS: Final = 256
"""The first places of a site: how often the count i - 128 occurred, for -127 to 127."""
BEYOND, BEYOND_UNITS, BEYOND_BITS, BEYOND_LOW, BIT_STEPS, UNIT_STEPS, ROWS, LARGEST = range(256, 264)
"""Counts beyond these: how many, the sum of their sizes, of the set bits of the sizes, of those among the
lowest three. Then values times the steps that the largest count of their call needs, a step per bit and per
unit, summed over calls; rows (each has a threshold); the size of the largest count."""
PLACES: Final = 264

NOT_CODED: Final = -128
"""In a sample: nothing was coded there (the layer lacks the site, or nobody wanted its result)."""


SAMPLED_PROMPT_TOK: Final = 8


class NativeTally(Protocol):
    """What the native module gives."""

    @property
    def sampled_tok(self) -> int: ...

    def read(self, out: NDArray[np.uint64]) -> None: ...

    def read_sample(self, tokens: int, out: NDArray[np.uint8]) -> None: ...


class SpikeTally:
    """Counts over all calls on the states it is set on (`State.tally`); made by `Model.new_tally`.

    A call that is cancelled or fails adds nothing. May be read from any thread while calls go on.
    """

    __slots__ = ("layers", "native", "neurons")

    def __init__(self, native: NativeTally, layers: int, neurons: int) -> None:
        self.native = native
        self.layers = layers
        self.neurons = neurons

    def places(self) -> NDArray[np.uint64]:
        """[layers, sites, PLACES], the sites in the order of SITES."""
        out = np.empty((self.layers, len(SITES), PLACES), np.uint64)
        self.native.read(out.reshape(-1))
        return out

    def sample(self, tokens: int) -> NDArray[np.int8]:
        """[n, layers, sites, neurons]: counts, cut at +-127, of the last n <= `tokens` tokens, or NOT_CODED.

        Of the tokens that go in together (a chunk of a prompt) the last SAMPLED_PROMPT_TOK are there.
        Neuron j of a row is its input j * width // min(neurons, width).
        """
        tokens = min(tokens, self.native.sampled_tok)
        out = np.empty((tokens, self.layers, len(SITES), self.neurons), np.int8)
        self.native.read_sample(tokens, out.reshape(-1).view(np.uint8))
        return out
