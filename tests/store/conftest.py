"""A small vault of notes: one table that books blobs and sealed files, cheap derivation."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from app.store import CHEAP_FOR_TESTS, Migration, Vault

PASSPHRASE = "cheval agrafe pile correct"
NOTES = (
    Migration(
        1,
        "notes",
        (
            "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT UNIQUE, blob_id TEXT, sealed_id TEXT)",
            "CREATE VIRTUAL TABLE note_words USING fts5(body, tokenize='unicode61 remove_diacritics 2')",
        ),
    ),
)
REFERENCES = ("SELECT blob_id FROM note", "SELECT sealed_id FROM note")


class Notes:
    """Makes and opens vaults of notes; what a test leaves open is closed."""

    passphrase = PASSPHRASE
    migrations = NOTES
    references = REFERENCES

    def __init__(self, folder):
        self.folder = folder
        self._made = []

    def create(self, folder=None, **options):
        options = {"kdf": CHEAP_FOR_TESTS, "references": REFERENCES, "testing": True, **options}
        return self._keep(Vault.create(folder or self.folder, PASSPHRASE, NOTES, **options))

    def open(self, secret=PASSPHRASE, folder=None, migrations=NOTES, **options):
        options = {"references": REFERENCES, "testing": True, **options}
        return self._keep(Vault.open(folder or self.folder, secret, migrations, **options))

    @staticmethod
    def add(vault, body, blob_id=None, sealed_id=None):
        with vault.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO note (body, blob_id, sealed_id) VALUES (?, ?, ?)", (body, blob_id, sealed_id)
            )
            connection.exec_driver_sql("INSERT INTO note_words (body) VALUES (?)", (body,))

    @staticmethod
    def bodies(vault):
        with vault.read() as connection:
            return [row[0] for row in connection.exec_driver_sql("SELECT body FROM note ORDER BY id")]

    def close(self):
        for vault in self._made:
            vault.close()

    def _keep(self, vault):
        self._made.append(vault)
        return vault


@pytest.fixture
def swift_path(tmp_path):
    """A folder in memory where there is one with room: kills and failures are the same there, syncs free."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 256 << 20:
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="store-", dir=memory))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def swift_notes(swift_path):
    made = Notes(swift_path / "a vault é")
    yield made
    made.close()


@pytest.fixture
def notes(tmp_path):
    made = Notes(tmp_path / "a vault é")
    yield made
    made.close()
