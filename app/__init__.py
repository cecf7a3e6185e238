"""Huis Clos: ask confidential dossiers questions on your own machine."""

__version__ = "0.1.0"
