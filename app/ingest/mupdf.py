"""The PDF library, whose functions carry no types: one place that says so to the type checker."""

from __future__ import annotations

from typing import Any

import pymupdf as _pymupdf

pymupdf: Any = _pymupdf
