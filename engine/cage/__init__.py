"""Cages: what each process gives up before it touches anything untrusted. Standard library only."""

from engine.cage.cages import cage_importer, cage_parser, forbid_internet, forbid_sockets, no_core_dumps
from engine.cage.guarantee import Guarantee, Promise
from engine.cage.modules import bar_modules

__all__ = [
    "Guarantee",
    "Promise",
    "bar_modules",
    "cage_importer",
    "cage_parser",
    "forbid_internet",
    "forbid_sockets",
    "no_core_dumps",
]
