"""Whether a question shares a keyword with the words that answer it."""

from __future__ import annotations

import re
import unicodedata

STEM_LENGTH = 4
IDLE_WORDS = frozenset(
    """a an and any are as at be been by did do does for from had has have he her him his how in is it its of on or
    she than that the their them then there these they this to was were what when where which who whom whose why will
    with would much many long take took make made give gave given get before after during between since about
    au aux avec ce ces cet cette dans de des du elle elles en est et ete eu il ils la le les leur lui l d qu s n c j m
    mais ne ou où par pas pour qu que quel quelle quels quelles qui quoi quand sa se ses son sont sur un une vers
    combien comment pourquoi doit faut fait faire fut etait etre ont avait apres avant pendant depuis chez entre
    no not so if but up out""".split()
)


def stems(text: str) -> set[str]:
    """Return the stems of a text's content words: accents off, cut to four letters; short words stay whole."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return {
        word[:STEM_LENGTH] for word in words if word not in IDLE_WORDS and (len(word) > 1 or word.isdigit())
    }


def shares_keyword(question: str, quote: str) -> bool:
    """Tell whether any content-word stem stands in both."""
    return bool(stems(question) & stems(quote))
