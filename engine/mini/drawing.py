"""The pools of words, the sides they belong to, and the draws that everything else rests on."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
SIDES = ("train", "valid", "test")
_ONSETS = "b c d f g h j k l m n p r s t v w z br cr dr fr gr pl pr st tr bl cl gl ch sh th qu"
ONSETS = _ONSETS.split()
VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ou", "ea", "y", "au", "oi", "ie"]
CODAS = ["", "", "", "n", "r", "l", "s", "t", "m", "x", "ck", "nd", "rt", "ss"]
NAMES = frozenset(("first", "last", "city", "street", "companyhead", "hospital"))
# closed lists of ordinary words that all sides need whole
_SHARED = (
    "month weekday header labunit relation method specialty adjective companytail common method2 "
    "document vaccine habit court clause reaction labtest exam freq marital nationality wishes diet aid "
    "language subject colour codelang licence material office tech machine dish pet committee purpose_noun "
    "verbbase purposeend adjective2 food symptom component thingnoun allergen failure"
)
SHARED = frozenset(_SHARED.split())


@dataclass(frozen=True, slots=True)
class Value:
    text: str
    other: str


@cache
def read_pools(language: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Pools by name; a line `name+: …` adds to the pool of that name."""
    pools: dict[str, tuple[tuple[str, ...], ...]] = {}
    words = (HERE / "pools" / f"words_{language}.txt").read_text(encoding="utf-8").split()
    pools["common"] = tuple((w,) for w in dict.fromkeys(words))
    for line in (HERE / "pools" / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, items = line.partition(": ")
            read = tuple(tuple(s.strip() for s in item.split("=")) for item in items.split("; "))
            name, before = name.removesuffix("+"), pools.get(name.removesuffix("+"), ())
            known = {i[0] for i in before}
            pools[name] = before + tuple(i for i in read if i[0] not in known)
    return pools


@cache
def side_of(text: str) -> str:
    """A tenth of all words and patterns belongs to validation alone, a tenth to the test."""
    return {0: "valid", 1: "test"}.get(zlib.crc32(text.lower().encode()) % 10, "train")


class Drawing:
    """All draws of one language and one side from one random stream."""

    def __init__(
        self,
        language: str,
        side: str,
        random: Random,
        excluded: frozenset[str] = frozenset(),
        invents: bool = True,
    ) -> None:
        self.language, self.side, self.random, self.invents = language, side, random, invents
        self.pools = {
            name: [i for i in items if name in SHARED or side_of(i[0]) == side] or list(items)
            for name, items in read_pools(language).items()
        }
        if excluded:
            from engine.mini.exclusion import fold

            self.pools = {
                name: [
                    i for i in items if not any(w in excluded for s in i for w in (*fold(s).split(), fold(s)))
                ]
                or list(items)
                for name, items in self.pools.items()
            }
        self.french = language == "fr"
        self.made: set[str] = set()  # the words made up so far

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def plain(self, pool: str) -> str:
        return self.random.choice(self.pools[pool])[0]

    def draw(self, kind: str) -> Value:
        """Raises AttributeError for a kind that neither a pool nor a method knows."""
        maker = getattr(self, f"make_{kind}", None)
        if maker is not None:
            made = maker()
            return made if isinstance(made, Value) else Value(made, made)
        if kind not in self.pools:
            raise AttributeError(f"unknown kind of value {kind!r}")
        item = self.random.choice(self.pools[kind])
        return Value(item[0], self.random.choice(item[1:]) if len(item) > 1 else item[0])

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def word(self, syllables: int | None = None) -> str:
        """A made-up word; its side is decided by its letters."""
        r = self.random
        if not self.invents:
            return r.choice(self.pools["common"])[0]
        while True:
            count = syllables or r.choice((1, 2, 2, 3, 3, 4))
            text = "".join(r.choice(ONSETS) + r.choice(VOWELS) + r.choice(CODAS) for _ in range(count))
            if 3 <= len(text) <= 14 and side_of(text) == self.side:
                self.made.add(text)
                return text
