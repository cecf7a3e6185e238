"""A vault that holds the library's tables."""

from __future__ import annotations

import pytest

from app.library import schema
from app.store import CHEAP_FOR_TESTS, Vault


@pytest.fixture
def vault(tmp_path):
    opened = Vault.create(
        tmp_path / "vault",
        "cheval agrafe pile correct",
        schema.MIGRATIONS,
        kdf=CHEAP_FOR_TESTS,
        references=schema.REFERENCES,
        testing=True,
    )
    yield opened
    opened.close()


@pytest.fixture
def connection(vault):
    with vault.write() as opened:
        yield opened
