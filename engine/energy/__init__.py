"""Measured energy: what the machine itself can tell of the joules it uses, and nothing where it cannot."""

from engine.energy.meter import Energy, EnergyMeter, Span
from engine.energy.sources import Unreadable

__all__ = ["Energy", "EnergyMeter", "Span", "Unreadable"]
