"""Settings: how the window looks and speaks, when it locks, which model answers and on how many cores."""

from __future__ import annotations

import os

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
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
from app.ui.veil_page import meaning_of_veil

WINDOW, SECURITY, MODELS, COMPUTER = range(4)  # the pages
ZOOM_CHOICES = (75, 90, 100, 110, 125, 150, 175, 200)
IDLE_CHOICES_MIN = (1, 2, 5, 10, 15, 30, 60)
_INDENT_PX = 27  # under the words of a check box


class SettingsDialog(QDialog):
    """Changes apply at once. ``language_chosen`` and ``idle_chosen`` are for the window to act on."""

    language_chosen = Signal(str)
    idle_chosen = Signal(int)
    recovery_code_wanted = Signal()
    passphrase_changed = Signal()

    def __init__(self, look: Look, settings: SettingsFile, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.resize(800, 640)
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
            (self.tr("This computer"), self._computer_page()),
        ):
            self.names.addItem(name)
            self.pages.addWidget(page)
        self.names.currentRowChanged.connect(self.pages.setCurrentIndex)
        self.names.setCurrentRow(0)
        right = QVBoxLayout()
        right.setContentsMargins(28, 26, 28, 20)
        right.addWidget(self.pages, 1)
        right.addSpacing(14)
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
        self.language.activated.connect(lambda _: self.language_chosen.emit(str(self.language.currentData())))
        self.theme = QComboBox()
        for code, name in (
            ("system", self.tr("As the system")), ("light", self.tr("Light")), ("dark", self.tr("Dark")),
        ):  # fmt: skip
            self.theme.addItem(name, code)
        self.theme.setCurrentIndex(max(self.theme.findData(now.theme), 0))
        self.theme.activated.connect(lambda _: self._choose_theme())
        self.zoom = QComboBox()
        for percent in sorted({*ZOOM_CHOICES, now.zoom_percent}):
            self.zoom.addItem(wording.percent(percent), percent)
        self.zoom.setCurrentIndex(max(self.zoom.findData(now.zoom_percent), 0))
        self.zoom.activated.connect(lambda _: self._settings.change(zoom_percent=self.zoom.currentData()))
        page, form = _page(
            self.tr("Window"), self.tr("Language and colours apply at once, the size when you unlock again.")
        )
        _add_row(form, self.tr("Language"), self.language)
        _add_row(form, self.tr("Colours"), self.theme)
        _add_row(form, self.tr("Size of everything"), self.zoom)
        return page

    def _computer_page(self) -> QWidget:
        now = self._settings.current
        self.threads = QComboBox()
        self.threads.addItem(self.tr("As many as there are ({count})").format(count=core_count()), 0)
        for count in sorted({*range(1, core_count() + 1), now.engine_threads} - {0}):
            self.threads.addItem(wording.cores(count), count)
        self.threads.setCurrentIndex(max(self.threads.findData(now.engine_threads), 0))
        self.quiet = QCheckBox(self.tr("Quiet: leave half of the cores to other programs"))
        self.quiet.setChecked(now.quiet)
        self.threads.activated.connect(
            lambda _: self._choose_cores(engine_threads=self.threads.currentData())
        )
        self.quiet.toggled.connect(lambda quiet: self._choose_cores(quiet=quiet))
        page, form = _page(
            self.tr("This computer"),
            self.tr(
                "Fewer cores keep a laptop cool and its fan still; answers then take longer. The model is "
                "loaded again when you change this."
            ),
        )
        _add_row(form, self.tr("Cores for the model"), self.threads)
        form.addRow(self.quiet)
        self._show_cores()
        return page

    def _choose_cores(self, **values: object) -> None:
        self._settings.change(**values)
        self._show_cores()
        self._session.reload_model()

    def _show_cores(self) -> None:
        # A number of cores goes before the quiet half, so the two are never offered together.
        self.quiet.setEnabled(self._settings.current.engine_threads == 0)

    def _security_page(self) -> QWidget:
        now = self._settings.current
        self.idle = QComboBox()
        for minutes in sorted({*IDLE_CHOICES_MIN, now.idle_lock_min}):
            self.idle.addItem(wording.span(minutes * 60), minutes)
        self.idle.setCurrentIndex(max(self.idle.findData(now.idle_lock_min), 0))
        self.idle.activated.connect(lambda _: self._choose_idle(int(self.idle.currentData())))
        page, form = _page(
            self.tr("Security"),
            self.tr(
                "Locking ends the program and starts it again at the locked screen, so that no key stays "
                "in memory."
            ),
        )
        _add_row(form, self.tr("Lock when nobody has typed or clicked for"), self.idle, wrap=True)
        self.veil = QCheckBox(self.tr("Finish readings and answers behind a veil before locking"))
        self.veil.setChecked(now.veil_long_work)
        self.veil.setAccessibleDescription(meaning_of_veil())
        self.veil.toggled.connect(lambda wanted: self._settings.change(veil_long_work=wanted))
        form.addRow(self.veil)
        meaning = label(meaning_of_veil(), "small", wrap=True)
        meaning.setContentsMargins(_INDENT_PX, 0, 0, 8)
        form.addRow(meaning)
        self._change = PassphraseChange(self._look, self._session)
        self._change.code_wanted.connect(self.recovery_code_wanted)
        self._change.changed.connect(self.passphrase_changed)
        column = page.layout()
        assert isinstance(column, QVBoxLayout)
        column.insertWidget(column.count() - 1, self._change)
        return page

    def show_recovery(self) -> None:
        """The recovery code may have come or gone."""
        self._change.show_recovery()

    def _choose_theme(self) -> None:
        choice = self.theme.currentData()
        self._settings.change(theme=choice)
        self._look.choose(choice)

    def _choose_idle(self, minutes: int) -> None:
        self._settings.change(idle_lock_min=minutes)
        self.idle_chosen.emit(minutes)


def core_count() -> int:
    """Cores this program may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _add_row(form: QFormLayout, name: str, choice: QComboBox, *, wrap: bool = False) -> None:
    """A choice with its name before it, on one line with its words."""
    words = label(name, wrap=wrap)
    words.setBuddy(choice)
    words.setMinimumHeight(choice.sizeHint().height())
    choice.setAccessibleName(name)
    form.addRow(words, choice)


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
