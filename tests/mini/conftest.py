"""The training code's own tests need torch; they are collected where it is (`dev.py test --train`)."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["train"]
