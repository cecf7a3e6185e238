"""These tests need llama.cpp; they are collected where it is (`dev.py test --gguf`)."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("llama_cpp") else ["test_llama.py", "test_program.py"]
