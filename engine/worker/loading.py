"""Loads a model file into what the runtime runs. The only place of the worker that knows engine.models."""

from __future__ import annotations
