"""What a person can ask of the library that cannot be."""

from __future__ import annotations

from app.core.errors import UserError


class DossierMissing(UserError):
    """There is no such dossier (any more)."""

    def __init__(self) -> None:
        super().__init__("dossier-missing", "This dossier does not exist any more.")


class DocumentMissing(UserError):
    """There is no such document (any more)."""

    def __init__(self) -> None:
        super().__init__("document-missing", "This document does not exist any more.")


class PageMissing(UserError):
    """The document has no such page, or it has not been read yet."""

    def __init__(self, page: int) -> None:
        super().__init__("page-not-stored", "Page {page} is not there (yet).", page=page)


class NameTaken(UserError):
    """Two dossiers of one name could not be told apart."""

    def __init__(self, name: str) -> None:
        super().__init__("dossier-name-taken", "There is already a dossier called “{name}”.", name=name)


class NameEmpty(UserError):
    """A dossier needs a name."""

    def __init__(self) -> None:
        super().__init__("dossier-name-empty", "Give the dossier a name.")
