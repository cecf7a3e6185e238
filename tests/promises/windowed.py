"""The real program with its window, driven from inside by lines: one command in, one line of JSON out.

python -m tests.promises.windowed VAULT   (then commands on standard input, see ``Hand``)
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.ui.application import Program
    from app.ui.main_window import MainWindow

WAIT_S = 3600.0  # nobody waits so long but for a large model; who steers ends a test sooner


def type_in(field: Any, text: str) -> None:
    """As an input method hands in whole words, whatever their letters."""
    from PySide6.QtGui import QInputMethodEvent
    from PySide6.QtWidgets import QApplication

    event = QInputMethodEvent()
    event.setCommitString(text)
    QApplication.sendEvent(field, event)


class Hand:
    """Does what a person does, on the Qt thread; waits for what it sees, never for a time."""

    def __init__(self, program: Program) -> None:
        from PySide6.QtCore import QSocketNotifier

        self.program = program
        self._read = b""
        self._bell = QSocketNotifier(0, QSocketNotifier.Type.Read, program)
        self._bell.activated.connect(self._hear)

    @property
    def window(self) -> MainWindow:
        assert self.program.window is not None
        return self.program.window

    def _hear(self) -> None:
        # Only what is there: after a lock, the rest of the pipe belongs to the program that takes our place.
        got = os.read(0, 65536)
        self._bell.setEnabled(bool(got))
        self._read += got
        while b"\n" in self._read:
            line, _, self._read = self._read.partition(b"\n")
            verb, *words = json.loads(line)
            print(json.dumps(getattr(self, verb)(*words)), flush=True)

    def until(self, what: str, ready: Callable[[], object]) -> None:
        from PySide6.QtTest import QTest

        end_s = time.monotonic() + WAIT_S
        while not ready():
            if time.monotonic() > end_s:
                raise TimeoutError(f"waited in vain for {what}")
            QTest.qWait(10)

    def in_dialog(self, open_it: Callable[[], object], act: Callable[[Any], object]) -> None:
        """``open_it`` does not return before its dialog is closed; ``act`` is done inside it."""
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication

        def look() -> None:
            dialog = QApplication.activeModalWidget()
            if dialog is None:
                QTimer.singleShot(10, look)
            else:
                act(dialog)

        QTimer.singleShot(0, look)
        open_it()

    # -- commands -------------------------------------------------------------------------------------------

    def unlock(self, passphrase: str) -> str:
        from PySide6.QtTest import QTest

        self.until("the locked page", lambda: self.program.shell is not None)
        page: Any = self.program.shell.centralWidget() if self.program.shell else None
        QTest.keyClicks(page.field.edit, passphrase)
        page.go.click()
        self.until("the main window", lambda: self.program.window is not None or page.said)
        assert self.program.window is not None, page.said
        self.kept = passphrase  # held on to, as a careless program would: locking must do for it too
        return "open"

    def make_dossier(self, name: str) -> str:
        def act(dialog: Any) -> None:
            type_in(dialog.field, name)
            dialog.deed.click()

        self.in_dialog(self.window.actions_.new_dossier.trigger, act)
        self.until("the dossier", lambda: self.window.library.dossier is not None)
        return "made"

    def choose_files(self, folder: str) -> str:
        """Every file of a folder, through the dialog a person uses."""
        from PySide6.QtWidgets import QLineEdit

        names = " ".join(f'"{path.name}"' for path in sorted(Path(folder).iterdir()))

        def act(dialog: Any) -> None:
            dialog.setDirectory(folder)
            dialog.findChild(QLineEdit, "fileNameEdit").setText(names)
            dialog.accept()

        self.in_dialog(self.window.actions_.add_files.trigger, act)
        assert self.window.session.importing
        return "begun"

    def begin_import(self, *paths: str) -> str:
        self.window.deeds.take_in([Path(path) for path in paths])
        self.until("the import", lambda: self.window.session.importing)
        return "begun"

    def wait_for(self, documents: int) -> bool:
        """Until that many are taken in; tells whether more are on their way."""
        rows = self.window.library.documents

        def ready() -> int:
            return sum(row.status.value == "ready" for row in rows.rows)

        self.until("documents", lambda: ready() >= documents)
        return self.window.session.importing

    def finish_import(self) -> str:
        self.until("the import's end", lambda: not self.window.session.importing)
        return "done"

    def ask(self, question: str) -> dict[str, Any]:
        self.begin_question(question)
        return self.finish_question()

    def begin_question(self, question: str) -> str:
        chat = self.window.chat
        self.until("the composer", chat.composer.field.isEnabled)
        self.until("the model", lambda: self.window.session.engine().state.value == "ready")
        type_in(chat.composer.field, question)
        self.window.actions_.ask.trigger()
        return "asked"

    def see_words(self) -> str:
        """Until the first words of the answer stand there."""
        chat = self.window.chat
        self.until("words", lambda: chat.cards and (chat.cards[-1]._streamed or not chat.is_answering))
        return "seen"

    def stop_question(self) -> dict[str, Any]:
        self.window.actions_.stop.trigger()
        return self.finish_question()

    def finish_question(self) -> dict[str, Any]:
        chat = self.window.chat
        self.until("the answer", lambda: chat.cards and not chat.is_answering)
        answer = chat.cards[-1].answer
        assert answer is not None
        return {"model": answer.model, "text": answer.text}

    def look_around(self, words: str) -> dict[str, Any]:
        """Search, open what is found, copy the answer, read the dossier, turn through the settings."""
        from PySide6.QtWidgets import QApplication

        window, session = self.window, self.window.session
        type_in(window.top.search, words)
        window.top.entered.emit()
        self.until("results", lambda: window.search.rows.rows)
        window.search.first()
        self.until("a page", lambda: window.viewer.view is not None and window.viewer.view.pages._images)
        window.actions_.text_strip.trigger()
        assert window.viewer.view is not None
        strip = window.viewer.view.strip
        self.until("its text", strip.text.toPlainText)
        window.chat.copy()
        copied = QApplication.clipboard().text()
        assert window.library.dossier is not None
        dossier = window.library.dossier.id
        session.read_dossier(dossier)
        self.until("the reading", lambda: session.reading(dossier).state.value == "ready")
        self.in_dialog(window.actions_.settings.trigger, lambda dialog: dialog.accept())
        window.resize(1100, 800)
        window.grab()
        return {"copied": copied, "hits": len(window.search.rows.rows)}

    def picture(self, path: str) -> bool:
        """The window as it is now; a moment for what is still being laid out."""
        from PySide6.QtTest import QTest

        self.window.resize(1440, 900)
        QTest.qWait(400)
        return self.window.grab().save(path)

    def tell(self) -> dict[str, Any]:
        """What a test must know to look for it: keys as hex, and what this process has loaded."""
        from app.store.keys import LABEL_BLOB_WRAP, LABEL_DATABASE

        keys = self.window.session.workspace.vault._opened.keys
        return {
            "keys": {
                "vault": keys.vault_key().hex(),
                "database": keys.derive(LABEL_DATABASE).hex(),
                "blobs": keys.derive(LABEL_BLOB_WRAP).hex(),
            },
            "modules": sorted(name for name, module in sys.modules.items() if module is not None),
        }

    def lock(self) -> str:
        self.window.actions_.lock.trigger()
        return "never said"  # this process is another program by now

    def leave(self) -> str:
        self.window.close()
        return "left"


def main() -> int:
    """Everything as ``huisclos`` does it; only the first page is shown with a hand at the window."""
    from app.__main__ import main as real_main
    from engine import cage

    # Named first here because the wrapping below already needs the window's modules.
    cage.forbid_internet()
    cage.no_core_dumps()
    cage.bar_modules()
    from app.ui.application import Program

    start = Program.start

    def start_with_hand(program: Program) -> None:
        start(program)
        program.hand = Hand(program)  # type: ignore[attr-defined]

    Program.start = start_with_hand  # type: ignore[method-assign]
    return real_main(["--vault", sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
