"""Everything a person can do, once: menus, buttons, shortcuts and the list of shortcuts share these
actions.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.ui.look import Look
from app.ui.plain import tooltip


class Actions(QObject):
    """The actions of one window. Whoever owns the deed connects to ``triggered``."""

    def __init__(self, look: Look, window: QWidget) -> None:
        super().__init__(window)
        self._look = look
        self._window = window
        self.groups: dict[str, list[QAction]] = {}
        self._library()
        self._chat()
        self._viewer()
        self._application()

    def _library(self) -> None:
        group = self.tr("Dossiers")
        self.new_dossier = self._make(group, self.tr("New dossier"), "Ctrl+N", "add")
        self.rename_dossier = self._make(group, self.tr("Rename the dossier"), "F2", "text")
        self.delete_dossier = self._make(
            group, self.tr("Delete the dossier"), "Ctrl+Shift+Backspace", "trash"
        )
        self.add_files = self._make(group, self.tr("Add files"), "Ctrl+O", "document")
        self.add_folder = self._make(group, self.tr("Add a folder"), "Ctrl+Shift+O", "dossier")
        self.remove_document = self._make(group, self.tr("Remove the document"), "Ctrl+Backspace", "trash")
        self.whole_dossier = self._make(
            group, self.tr("Ask about the whole dossier"), "Ctrl+Shift+A", "check"
        )
        self.exceptions = self._make(group, self.tr("Files not taken in"), "Ctrl+Shift+E", "warning")
        self.read = self._make(group, self.tr("Go on reading"), "Ctrl+R", "play")
        self.cancel_work = self._make(group, self.tr("Stop taking in files"), "Ctrl+.", "close")

    def _chat(self) -> None:
        group = self.tr("Questions")
        self.ask = self._make(group, self.tr("Ask"), "Ctrl+Return", "send")
        self.stop = self._make(group, self.tr("Stop the answer, or close the search"), "Esc", "stop")
        self.ask_again = self._make(group, self.tr("Ask again"), "Ctrl+G", "retry")
        self.copy_answer = self._make(
            group, self.tr("Copy the answer with its sources"), "Ctrl+Shift+C", "copy"
        )
        self.more_passages = self._make(
            group, self.tr("All passages of the answer, or the first ones"), "Ctrl+M", "text"
        )
        self.new_chat = self._make(group, self.tr("New chat"), "Ctrl+T", "answer")
        self.delete_chat = self._make(group, self.tr("Delete the chat"), "Ctrl+Shift+T", "trash")
        self.search = self._make(group, self.tr("Search the dossier"), "Ctrl+F", "search")

    def _viewer(self) -> None:
        group = self.tr("Pages")
        self.next_citation = self._make(group, self.tr("Next citation"), "F4", "down")
        self.previous_citation = self._make(group, self.tr("Previous citation"), "Shift+F4", "up")
        self.next_page = self._make(group, self.tr("Next page"), "Ctrl+PgDown", "forward")
        self.previous_page = self._make(group, self.tr("Previous page"), "Ctrl+PgUp", "back")
        self.zoom_in = self._make(group, self.tr("Larger"), "Ctrl++", "zoom-in")
        self.zoom_in.setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])
        self.zoom_out = self._make(group, self.tr("Smaller"), "Ctrl+-", "zoom-out")
        self.fit_width = self._make(group, self.tr("Fit the width"), "Ctrl+0", "fit")
        self.text_strip = self._make(group, self.tr("What the model sees"), "Ctrl+E", "text", checkable=True)
        self.close_tab = self._make(group, self.tr("Close the document"), "Ctrl+W", "close")

    def _application(self) -> None:
        group = self.tr("Window")
        self.go_library = self._make(group, self.tr("Go to the dossiers"), "Alt+1", "dossier")
        self.go_chat = self._make(group, self.tr("Go to the question"), "Alt+2", "answer")
        self.go_viewer = self._make(group, self.tr("Go to the page"), "Alt+3", "book")
        self.lock = self._make(group, self.tr("Lock now"), "Ctrl+L", "lock")
        self.settings = self._make(group, self.tr("Settings"), "Ctrl+,", "settings")
        self.dark = self._make(group, self.tr("Light or dark"), "Ctrl+Shift+D", "moon")
        self.palette = self._make(group, self.tr("Find a command"), "Ctrl+K", "search")
        self.shortcuts = self._make(group, self.tr("Keyboard shortcuts"), "F1", "help")
        self.guarantees = self._make(group, self.tr("About and guarantees"), "Shift+F1", "lock")
        self.diagnostics = self._make(group, self.tr("Diagnostics"), "Ctrl+F1", "text")
        self.inside = self._make(group, self.tr("Inside the model"), "Ctrl+I", "spikes")
        self.check_vault = self._make(group, self.tr("Check the vault"), "Ctrl+Shift+K", "check")
        self.quit = self._make(group, self.tr("Quit"), "Ctrl+Q", "close")

    def _make(self, group: str, text: str, keys: str, icon: str, *, checkable: bool = False) -> QAction:
        action = QAction(text, self._window)
        action.setShortcut(QKeySequence(keys))
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(tooltip(f"{text}  ({shown})"))
        action.setCheckable(checkable)
        self._look.dress(action, icon)
        self._window.addAction(action)
        self.groups.setdefault(group, []).append(action)
        return action

    def __iter__(self) -> Iterator[QAction]:
        for group in self.groups.values():
            yield from group
