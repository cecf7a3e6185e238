"""Settings every test shares: a bounded hypothesis profile and a home of its own."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# As the application has it (app.retrieval.encoder), for whatever of a test reads numpy first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long an example takes to make says how busy the machine is, and nothing about the program.
settings.register_profile(
    "suite",
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
