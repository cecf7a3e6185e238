"""Settings: how the window looks and speaks, when it locks, which model answers, the passphrase."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.bridge.session import Session
from app.core.settings import SettingsFile
from app.ui import wording
from app.ui.buttons import button
from app.ui.dialogs.models_page import ModelsPage
from app.ui.dialogs.passphrase_change import PassphraseChange
from app.ui.labels import label
from app.ui.look import Look

IDLE_CHOICES_MIN = (1, 2, 5, 10, 15, 30, 60)


class SettingsDialog(QDialog):
    """Changes apply at once. ``language_chosen`` and ``idle_chosen`` are for the window to act on."""

    language_chosen = Signal(str)
    idle_chosen = Signal(int)
    recovery_code_made = Signal(str)

    def __init__(self, look: Look, settings: SettingsFile, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.resize(760, 540)
        self._look = look
        self._settings = settings
        self._session = session
        self.pages = QStackedWidget()
        self.names = QListWidget()
        self.names.setProperty("role", "tabs")
        self.names.setFixedWidth(190)
        self.names.setAccessibleName(self.tr("Settings"))
        for name, page in (
            (self.tr("Window"), self._window_page()),
            (self.tr("Security"), self._security_page()),
            (self.tr("Models"), ModelsPage(look, session)),
        ):
            self.names.addItem(name)
            self.pages.addWidget(page)
        self.names.currentRowChanged.connect(self.pages.setCurrentIndex)
        self.names.setCurrentRow(0)
        right = QVBoxLayout()
        right.setContentsMargins(28, 26, 28, 20)
        right.addWidget(self.pages, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), "primary", self.accept))
        right.addLayout(row)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.names)
        box.addLayout(right, 1)

    def _window_page(self) -> QWidget:
        now = self._settings.current
        self.language = QComboBox()
        for code, name in (("en", "English"), ("fr", "Français")):
            self.language.addItem(name, code)
        self.language.setCurrentIndex(max(self.language.findData(now.language), 0))
        self.language.setAccessibleName(self.tr("Language"))
        self.language.activated.connect(lambda _: self.language_chosen.emit(str(self.language.currentData())))
        self.theme = QComboBox()
        for code, name in (
            ("system", self.tr("As the system")), ("light", self.tr("Light")), ("dark", self.tr("Dark")),
        ):  # fmt: skip
            self.theme.addItem(name, code)
        self.theme.setCurrentIndex(max(self.theme.findData(now.theme), 0))
        self.theme.setAccessibleName(self.tr("Colours"))
        self.theme.activated.connect(lambda _: self._choose_theme())
        page, form = _page(self.tr("Window"), self.tr("Changes apply at once."))
        form.addRow(label(self.tr("Language")), self.language)
        form.addRow(label(self.tr("Colours")), self.theme)
        return page

    def _security_page(self) -> QWidget:
        now = self._settings.current
        self.idle = QComboBox()
        for minutes in sorted({*IDLE_CHOICES_MIN, now.idle_lock_min}):
            self.idle.addItem(wording.span(minutes * 60), minutes)
        self.idle.setCurrentIndex(max(self.idle.findData(now.idle_lock_min), 0))
        self.idle.setAccessibleName(self.tr("Lock when nobody has typed or clicked for"))
        self.idle.activated.connect(lambda _: self._choose_idle(int(self.idle.currentData())))
        page, form = _page(
            self.tr("Security"),
            self.tr(
                "Locking ends the program and starts it again at the locked screen, so that no key stays "
                "in memory."
            ),
        )
        form.addRow(label(self.tr("Lock when nobody has typed or clicked for"), wrap=True), self.idle)
        self._change = PassphraseChange(self._look, self._session)
        self._change.recovery_code_made.connect(self.recovery_code_made)
        column = page.layout()
        assert isinstance(column, QVBoxLayout)
        column.insertWidget(column.count() - 1, self._change)
        return page

    def _choose_theme(self) -> None:
        choice = self.theme.currentData()
        self._settings.change(theme=choice)
        self._look.choose(choice)

    def _choose_idle(self, minutes: int) -> None:
        self._settings.change(idle_lock_min=minutes)
        self.idle_chosen.emit(minutes)


def _page(title: str, hint: str) -> tuple[QWidget, QFormLayout]:
    page = QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    column.addWidget(label(title, "heading"))
    column.addWidget(label(hint, "muted", wrap=True))
    column.addSpacing(10)
    form = QFormLayout()
    form.setHorizontalSpacing(24)
    form.setVerticalSpacing(12)
    column.addLayout(form)
    column.addStretch(1)
    return page, form
