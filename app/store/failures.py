"""What can go wrong with a vault, each in its family, none with a secret in it."""

from __future__ import annotations

from app.core.errors import EnvironmentFailure, OurError, UserError


class WrongPassphrase(UserError):
    """No slot of the vault opens with what was given."""

    def __init__(self) -> None:
        super().__init__("wrong-passphrase", "The passphrase is not right. Nothing was changed.")


class WeakPassphrase(UserError):
    """A new passphrase that the policy refuses."""

    def __init__(self, least_characters: int) -> None:
        super().__init__(
            "weak-passphrase",
            "The passphrase is too easy to guess: it needs {least} characters or more, not all alike.",
            least=least_characters,
        )


class VaultLocked(UserError):
    """The vault was closed while something still wanted it."""

    def __init__(self) -> None:
        super().__init__("vault-locked", "The vault is locked. Enter the passphrase to go on.")


class VaultMissing(UserError):
    """There is no vault in the folder."""

    def __init__(self, folder: str) -> None:
        super().__init__("vault-missing", "There is no vault in {folder}.", folder=folder)


class VaultExists(UserError):
    """A vault can only be created in a new or empty folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            "vault-exists", "{folder} is not empty. Choose a new folder for the vault.", folder=folder
        )


class VaultNewer(EnvironmentFailure):
    """The vault was written by a later version of the application, and is left untouched."""

    def __init__(self) -> None:
        super().__init__(
            "vault-newer",
            "This vault was written by a newer version of Huis Clos. Install that version to open it; "
            "nothing was changed.",
        )


class VaultInUse(EnvironmentFailure):
    """Another process, or another window, has the vault open. `process` is 0 when unknown."""

    def __init__(self, process: int) -> None:
        super().__init__(
            "vault-in-use",
            "The vault is already open in another window (process {process}). Close it there first.",
            process=process,
        )


class VaultOnNetwork(EnvironmentFailure):
    """A live vault needs a local disk: the database's log relies on shared memory."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            "vault-on-network",
            "{folder} lies on a network drive, which can lose writes. Choose a local folder.",
            folder=folder,
        )


class VaultDamaged(EnvironmentFailure):
    """Something in the vault is not as it was written. `part`: key-file, database, blob or sealed-file."""

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(
            "vault-damaged",
            "The vault is damaged ({part}). It was left as it is: restore a backup, or run a check to see "
            "what is affected.",
            part=part,
        )


class BlobMissing(EnvironmentFailure):
    """A stored file is not where it should be."""

    def __init__(self, blob_id: str) -> None:
        super().__init__(
            "blob-missing",
            "A stored file is missing from the vault ({id}). Restore a backup to get it back.",
            id=blob_id,
        )


class DiskFull(EnvironmentFailure):
    """There is no room left to write; nothing that was acknowledged is lost."""

    def __init__(self) -> None:
        super().__init__("disk-full", "The disk is full. Free some space and try again; nothing was lost.")


class NotEnoughSpace(EnvironmentFailure):
    """The free-space gate: refused before anything was written."""

    def __init__(self, needed_mb: int, free_mb: int) -> None:
        super().__init__(
            "not-enough-space",
            "This needs {needed_mb} MB of free disk space; there are {free_mb} MB. Free some space and try "
            "again.",
            needed_mb=needed_mb,
            free_mb=free_mb,
        )


class NotEnoughMemory(EnvironmentFailure):
    """The passphrase derivation found no memory."""

    def __init__(self) -> None:
        super().__init__(
            "not-enough-memory",
            "There is not enough memory to open the vault. Close other programs and try again.",
        )


class StorageFailed(EnvironmentFailure):
    """The disk refused a read or a write. After a failed write the vault is read-only until opened again."""

    def __init__(self) -> None:
        super().__init__(
            "storage-failed",
            "The disk reported an error. Nothing more will be written until the vault is opened again. "
            "Check the disk.",
        )


class StorageRefused(EnvironmentFailure):
    """The operating system does not let us at the folder."""

    def __init__(self, folder: str) -> None:
        super().__init__(
            "storage-refused", "{folder} cannot be read or written. Check the rights on it.", folder=folder
        )


class DatabaseBusy(EnvironmentFailure):
    """Another program holds the database (a backup tool or a virus scanner, as a rule)."""

    def __init__(self) -> None:
        super().__init__(
            "database-busy", "Another program is holding the vault's database. Try again in a moment."
        )


class UnfitDatabase(OurError):
    """The database library of this installation is not the one we trust with data."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "unfit-database",
            "This installation's database library cannot be trusted: {reason}.",
            reason=reason,
        )


class DatabaseMisuse(OurError):
    """A statement of ours that the database refuses; `kind` is its error name, never a value of it."""

    def __init__(self, kind: str) -> None:
        super().__init__("database-misuse", "The database refused a statement ({kind}).", kind=kind)


class MigrationFailed(OurError):
    """A step of a migration failed; the vault is as it was before that step."""

    def __init__(self, version: int, kind: str) -> None:
        super().__init__(
            "migration-failed",
            "Bringing the vault up to date failed at step {version} ({kind}). The vault is as it was before "
            "that step.",
            version=version,
            kind=kind,
        )
