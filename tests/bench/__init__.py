"""Measurements behind every number the README quotes: ``python3 dev.py bench``. Never part of the suite."""
