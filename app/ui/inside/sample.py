"""The recorded counts of an answer, as the pictures want them."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.inside import NOT_CODED, SpikeSample


@dataclass(frozen=True, slots=True)
class Slice:
    """One site of one layer: ``neurons`` of ``counts`` at each token, 0 where nothing was coded.

    ``tokens`` are the texts of those tokens at which the site was coded; the first ``prompt_tok`` of them
    belong to the prompt.
    """

    tokens: tuple[str, ...]
    prompt_tok: int
    neurons: tuple[tuple[int, ...], ...]

    @property
    def largest(self) -> int:
        return max((abs(count) for row in self.neurons for count in row), default=0)


def sites_of(sample: SpikeSample, layer: int) -> tuple[str, ...]:
    """Sites of a layer at which anything was coded, in the engine's order."""
    return tuple(site for site in sample.sites if cut(sample, layer, site).tokens)


def cut(sample: SpikeSample, layer: int, site: str) -> Slice:
    """The counts of one site, without what was not coded."""
    width = sample.neurons
    place = (layer * len(sample.sites) + _place_of(sample, site)) * width
    stride = sample.layers * len(sample.sites) * width
    texts: list[str] = []
    prompt_tok = 0
    columns: list[memoryview] = []
    whole = memoryview(sample.counts).cast("b")
    for token, text in enumerate(sample.texts):
        column = whole[token * stride + place : token * stride + place + width]
        if column[0] == NOT_CODED:
            continue
        texts.append(text)
        prompt_tok += token < sample.prompt_tok
        columns.append(column)
    kept = [j for j in range(width) if columns and columns[0][j] != NOT_CODED]
    return Slice(tuple(texts), prompt_tok, tuple(tuple(column[j] for column in columns) for j in kept))


def _place_of(sample: SpikeSample, site: str) -> int:
    return next(place for place, one in enumerate(sample.sites) if one == site)
