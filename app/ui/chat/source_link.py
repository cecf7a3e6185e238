"""One source under a statement: its number, its document, its page. Pressing it opens the page."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QWidget

from app.chat.values import Citation
from app.ui.plain import elide_middle, one_line, tooltip

_NAME_CHARS = 40


class SourceLink(QPushButton):
    """A button that looks like a chip and holds its citation."""

    def __init__(self, citation: Citation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.citation = citation
        self.setProperty("role", "chip")
        self.setAutoDefault(False)
        page = self.tr("p. {page}").format(page=citation.page)
        text = f"{citation.anchor}   {elide_middle(citation.document, _NAME_CHARS)}, {page}"
        self.setText(text.replace("&", "&&"))
        name = self.tr("Source {number}: {document}, page {page}").format(
            number=citation.anchor, document=one_line(citation.document), page=citation.page
        )
        self.setAccessibleName(name)
        self.setToolTip(tooltip(f"{one_line(citation.document)}, {page}\n{one_line(citation.quote, 500)}"))
