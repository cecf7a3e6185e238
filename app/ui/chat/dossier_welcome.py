"""The empty state of a chat: what to do next, which depends on what the dossier holds."""

from __future__ import annotations

from collections.abc import Sequence

from app.services.views import DocumentCard, DocumentStatus
from app.ui.chat.suggestions import suggest
from app.ui.chat.welcome import Welcome
from app.ui.language import Speech


class DossierWelcome(Welcome):
    """``wanted`` is for a new dossier when there is none, for files when it is empty."""

    def show_for(self, has_dossier: bool, documents: Sequence[DocumentCard], language: Speech) -> None:
        ready = [card for card in documents if card.status is DocumentStatus.READY]
        if not has_dossier:
            self.show_words(
                self.tr("Begin with a dossier"),
                self.tr(
                    "Drop files anywhere on this window. A dossier is made of them, and you can ask it "
                    "questions."
                ),
                deed=self.tr("New dossier"),
            )
        elif ready:
            self.show_words(
                self.tr("What would you like to know?"),
                self.tr("Every answer shows the page it comes from."),
                suggest({card.name for card in ready}, language),
            )
        elif documents:
            self.show_words(
                self.tr("One moment"), self.tr("As soon as the first document is taken in, you can ask.")
            )
        else:
            self.show_words(
                self.tr("This dossier is empty"),
                self.tr("Drop PDF, Word, mail or text files here, or choose them from a folder."),
                deed=self.tr("Add files…"),
            )
