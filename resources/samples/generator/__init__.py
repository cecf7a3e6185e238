"""Writes the sample dossiers; run by hand, its output is committed beside it."""
