"""Destroys what a transaction took the last reference from. Called after the commit: a kill between the two
leaves orphans, which the next opening of the vault collects."""

from __future__ import annotations

from app.library.values import Shred
from app.store import Vault


def destroy(vault: Vault, shred: Shred) -> None:
    for blob_id in shred.blob_ids:
        vault.blobs.delete(blob_id)
    for file_id in shred.sealed_file_ids:
        vault.sealed_files.delete(file_id)
