"""The encrypted store: a vault with its database, blobs and sealed files. Knows no domain word."""

from app.store.blobs import BlobStore
from app.store.check import CheckReport, Problem
from app.store.failures import (
    BlobMissing,
    DatabaseBusy,
    DatabaseMisuse,
    DiskFull,
    MigrationFailed,
    NotEnoughMemory,
    NotEnoughSpace,
    StorageFailed,
    StorageRefused,
    UnfitDatabase,
    VaultDamaged,
    VaultExists,
    VaultInUse,
    VaultLocked,
    VaultMissing,
    VaultNewer,
    VaultOnNetwork,
    WeakPassphrase,
    WrongPassphrase,
)
from app.store.kdf import CHEAP_FOR_TESTS, KdfParameters
from app.store.migrations import Migration
from app.store.orphans import Collected
from app.store.sealed import SealedFile, SealedFiles
from app.store.vault import Vault

__all__ = [
    "CHEAP_FOR_TESTS",
    "BlobMissing",
    "BlobStore",
    "CheckReport",
    "Collected",
    "DatabaseBusy",
    "DatabaseMisuse",
    "DiskFull",
    "KdfParameters",
    "Migration",
    "MigrationFailed",
    "NotEnoughMemory",
    "NotEnoughSpace",
    "Problem",
    "SealedFile",
    "SealedFiles",
    "StorageFailed",
    "StorageRefused",
    "UnfitDatabase",
    "Vault",
    "VaultDamaged",
    "VaultExists",
    "VaultInUse",
    "VaultLocked",
    "VaultMissing",
    "VaultNewer",
    "VaultOnNetwork",
    "WeakPassphrase",
    "WrongPassphrase",
]
