"""Work goes on behind a veil: nothing of a dossier is seen, read out or reached without the passphrase."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAccessible, QAccessibleInterface, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.bridge.session import Session
from app.core.paths import Paths
from app.services.lanes import Lane
from app.services.long_work import WorkKind
from app.services.operation import Operation, Progress
from app.ui.application import Program
from app.ui.dialogs.model_adding import ModelAdding
from app.ui.dialogs.settings_dialog import SettingsDialog
from app.ui.language import Speaker
from app.ui.main_window import MainWindow
from app.ui.veil_page import VeilPage
from engine.models.random_checkpoint import write_random_checkpoint
from tests.services.conftest import PASSPHRASE, Desk, ScriptedClient, SharedHelper
from tests.ui.conftest import OFFLINE, WAIT_MS, Stage

CANARY = "Zibeline"
LETTER = f"Madame {CANARY} est sortie le 9 mars 2024 sous apixaban.\n"


@dataclass
class Unattended:
    """A program over an open vault in which a long answer is held until ``client.hold`` is set."""

    qtbot: QtBot
    program: Program
    window: MainWindow
    client: ScriptedClient
    restarts: list[int] = field(default_factory=list)

    def until(self, ready: object) -> None:
        self.qtbot.waitUntil(lambda: bool(ready()), timeout=WAIT_MS)  # type: ignore[operator]

    @property
    def page(self) -> VeilPage:
        page = self.window.veiling.page
        assert page is not None
        return page

    @property
    def veiled(self) -> bool:
        return self.window.veiling.is_drawn

    def ask(self) -> None:
        self.client.hold = threading.Event()
        self.client.answer = lambda _: f"Madame {CANARY} takes apixaban and goes on taking it for long [1]."
        self.until(self.window.chat.composer.field.isEnabled)
        self.window.chat.ask(f"Que prend Madame {CANARY} ?")
        self.until(lambda: CANARY in self.window.chat.cards[-1]._text.toPlainText())

    def enter(self, secret: str) -> None:
        QTest.keyClicks(self.page.field.edit, secret)
        QTest.keyClick(self.page.field.edit, Qt.Key.Key_Return)

    def activate(self) -> None:
        """Shortcuts are heard by the active window alone."""
        self.window.activateWindow()
        self.until(self.window.isActiveWindow)

    def idle(self) -> None:
        """As after the minutes that were chosen."""
        self.program._idle.idle.emit()


@pytest.fixture
def unattended(
    qtbot: QtBot, qapp: QApplication, speaker: Speaker, tmp_path: Path, helper: SharedHelper
) -> Iterator[Unattended]:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "scripted.gguf").write_bytes(b"GGUF, as far as the scripted client is concerned")
    client = ScriptedClient(lambda status: None)
    desk = Desk(tmp_path, helper, shipped, client)
    restarts: list[int] = []
    program = Program(
        qapp, Paths.find(tmp_path / "home"), OFFLINE, restart=lambda _: restarts.append(1), testing=True
    )
    program.speaker.speak("en")
    program.look.choose("light")
    program._begin(desk.open(), (), fresh=True)
    window = program.window
    assert window is not None
    made = Unattended(qtbot, program, window, client, restarts)
    window.session.create_dossier(f"Dossier {CANARY}").then(window, lambda c: window.library.choose(c.id))
    made.until(lambda: window.library.dossier is not None)
    window.deeds.take_in([desk.file(f"{CANARY}.txt", LETTER)])
    made.until(lambda: window.library.documents.rows and not window.session.importing)
    window.viewer.open_document(window.library.documents.rows[0])
    made.until(lambda: window.viewer.view is not None and 1 in window.viewer.view.pages._images)
    with contextlib.closing(desk):
        yield made
        if client.hold is not None:
            client.hold.set()
        program.leave()
        window.hide()
        window.deleteLater()
        qapp.removeEventFilter(program._idle)
        program.speaker.close()
        program.deleteLater()
        qtbot.wait(10)


def spoken(root: QWidget) -> str:
    """Everything an assistive technology can read below a window, shown or not."""
    words: list[str] = []

    def walk(part: QAccessibleInterface, depth: int = 0) -> None:
        words.extend(part.text(kind) for kind in (QAccessible.Text.Name, QAccessible.Text.Description,
                                                  QAccessible.Text.Value, QAccessible.Text.Help))  # fmt: skip
        text = part.textInterface()
        if text is not None:
            words.append(text.text(0, text.characterCount()))
        for number in range(part.childCount()):
            child = part.child(number)
            if child is not None and depth < 40:
                walk(child, depth + 1)

    walk(QAccessible.queryAccessibleInterface(root))
    return "\n".join(words)


def drawn(root: QWidget) -> str:
    """Every word, name and tip that any widget of a window holds, shown or not."""
    words = []
    for part in [root, *root.findChildren(QWidget)]:
        words += [part.toolTip(), part.accessibleName(), part.accessibleDescription(), part.windowTitle()]
        for ask in ("text", "toPlainText", "placeholderText"):
            if callable(getattr(part, ask, None)):
                words.append(str(getattr(part, ask)()))
    return "\n".join(words)


def test_before_the_veil_the_names_are_found_by_the_same_looks(unattended: Unattended) -> None:
    unattended.ask()
    assert CANARY in spoken(unattended.window)
    assert CANARY in drawn(unattended.window)


def test_the_idle_time_draws_a_veil_over_an_answer_and_nothing_of_it_is_left(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    window.toast.say(f"A word of {CANARY}")
    window.veil.show_target(f"Dossier {CANARY}")
    QGuiApplication.clipboard().setText(f"Words of {CANARY}")
    unattended.idle()
    assert unattended.veiled
    assert not unattended.restarts
    assert window.centralWidget() is unattended.page
    assert unattended.page.lines == {WorkKind.ANSWER: "An answer is being written"}
    assert CANARY not in spoken(window)
    assert CANARY not in drawn(window)
    assert CANARY not in QGuiApplication.clipboard().text()
    assert window.windowTitle() == "Huis Clos"
    assert not window.toast.isVisible()
    assert [w for w in QApplication.topLevelWidgets() if w.isVisible()] == [window]
    card = unattended.page.heading.parentWidget()
    assert card is not None
    picture = window.grab().toImage()
    ground = picture.pixelColor(2, 2)
    around = card.rect().translated(card.mapTo(window, QPoint(0, 0))).adjusted(-2, -2, 2, 2)
    ratio = window.devicePixelRatioF()
    others = [
        (x, y)
        for x in range(0, picture.width(), 3)
        for y in range(0, picture.height(), 3)
        if picture.pixelColor(x, y) != ground and not around.contains(int(x / ratio), int(y / ratio))
    ]
    assert not others, "there is something beside the card"


def test_what_happens_behind_the_veil_is_not_told_in_front_of_it(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    unattended.idle()
    window.toast.warn(f"{CANARY}.txt could not be read")
    window.help.shortcuts()
    window.help._show_code("AAAA-BBBB")
    unattended.program._tell_crash(RuntimeError(CANARY))
    assert [w for w in QApplication.topLevelWidgets() if w.isVisible()] == [window]
    assert CANARY not in drawn(window)
    unattended.enter(PASSPHRASE)
    unattended.until(lambda: not unattended.veiled)
    assert "Something unexpected" in window.toast.words, "the last message is told afterwards"


def test_words_that_come_behind_the_veil_are_put_nowhere_before_it_lifts(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    gate = threading.Event()
    lanes = window.session.workspace.lanes
    lanes.run(Lane.READ, "read-dossier", lambda op: gate.wait(WAIT_MS / 1000))
    unattended.idle()
    card = window.chat.cards[-1]
    before = card._text.toPlainText()
    assert unattended.client.hold is not None
    unattended.client.hold.set()
    unattended.until(lambda: WorkKind.ANSWER not in unattended.page.lines)
    assert card._text.toPlainText() == before
    assert card.answer is None
    unattended.enter(PASSPHRASE)
    unattended.until(lambda: card.answer is not None)
    assert "for long" in card.answer.text  # type: ignore[union-attr]
    assert not window.chat.is_answering
    gate.set()


def test_keys_and_drops_reach_nothing_behind_the_veil(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    unattended.idle()
    fired: list[str] = []
    for action in window.actions_:
        if action is not window.actions_.lock:
            action.triggered.connect(lambda _=False, a=action: fired.append(a.text()))
    unattended.activate()
    for action in window.actions_:
        if action is window.actions_.lock:
            continue
        for keys in action.shortcuts():
            combination = keys[0]
            QTest.keyClick(window, combination.key(), combination.keyboardModifiers())
    assert fired == []
    assert not window.acceptDrops()
    for target in (unattended.page, unattended.page.field.edit):
        assert not target.acceptDrops()
    assert unattended.veiled


def test_a_wrong_passphrase_leaves_it_drawn_and_the_right_one_lifts_it(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    window.chat.composer.field.setFocus()
    before, layout = window.centralWidget(), window.panes.layout_text
    unattended.idle()
    unattended.enter("not the passphrase")
    unattended.until(lambda: unattended.page.said)
    assert unattended.page.said == "The passphrase is not right. Nothing was changed."
    assert unattended.page.field.text == ""
    assert unattended.veiled
    assert CANARY not in drawn(window)
    unattended.until(unattended.page.field.isEnabled)
    unattended.enter(PASSPHRASE)
    unattended.until(lambda: not unattended.veiled)
    assert window.centralWidget() is before
    assert before.isVisible()
    assert window.panes.layout_text == layout
    assert window.acceptDrops()
    assert CANARY in spoken(window)
    assert window.chat.is_answering, "the answer went on"
    assert unattended.client.hold is not None
    unattended.client.hold.set()
    unattended.until(lambda: not window.chat.is_answering)
    answer = window.chat.cards[-1].answer
    assert answer is not None
    assert "for long" in answer.text
    assert not unattended.restarts, "once lifted, the end of the work locks nothing"
    assert unattended.program._idle._timer.isActive()
    triggered: list[int] = []
    window.actions_.go_library.triggered.connect(lambda: triggered.append(1))
    unattended.activate()
    key = window.actions_.go_library.shortcut()[0]
    QTest.keyClick(window, key.key(), key.keyboardModifiers())
    assert triggered == [1], "its keys work again"


def test_each_further_wrong_passphrase_has_to_wait_as_at_unlocking(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    for _ in range(2):
        unattended.until(unattended.page.field.isEnabled)
        unattended.enter("not the passphrase")
        unattended.until(lambda: not unattended.page.is_trying)
    assert unattended.page._wait.isActive()
    assert not unattended.page.field.isEnabled()


def test_the_end_of_the_work_locks(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    assert unattended.client.hold is not None
    workspace = unattended.window.session.workspace
    unattended.client.hold.set()
    unattended.until(lambda: unattended.restarts)
    assert workspace.closing
    assert unattended.program.session is None
    assert CANARY not in drawn(unattended.window)


def test_locking_by_hand_behind_the_veil_locks_at_once(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    unattended.activate()
    QTest.keyClick(unattended.window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert unattended.restarts == [1]
    assert unattended.program.session is None


def test_the_button_of_the_veil_ends_the_work(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    unattended.page.lock_wanted.emit()
    assert unattended.restarts == [1]


def test_a_machine_that_slept_locks_behind_the_veil_and_before_it(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    assert unattended.program._idle._timer.isActive()
    unattended.program._idle.slept.emit()
    assert unattended.restarts == [1]


def test_with_the_setting_off_it_locks_at_once(unattended: Unattended) -> None:
    window = unattended.window
    dialog = SettingsDialog(window._look, window._settings, window.session, window)
    assert dialog.veil.isChecked()
    dialog.veil.click()
    assert not window._settings.current.veil_long_work
    dialog.deleteLater()
    unattended.ask()
    unattended.idle()
    assert not unattended.veiled
    assert unattended.restarts == [1]


def test_without_long_work_it_locks_at_once(unattended: Unattended) -> None:
    assert unattended.window.session.long_work() == ()
    unattended.idle()
    assert unattended.restarts == [1]


def test_closing_the_window_behind_the_veil_asks_nothing(unattended: Unattended) -> None:
    unattended.ask()
    unattended.idle()
    left: list[int] = []
    unattended.window.left.connect(lambda: left.append(1))
    unattended.window.close()
    assert left == [1]


def test_open_dialogs_end_without_their_deed(unattended: Unattended) -> None:
    unattended.ask()
    window = unattended.window
    seen: list[QDialog] = []

    def veil() -> None:
        seen.extend(window.findChildren(QDialog))
        unattended.idle()

    QTimer.singleShot(0, window, veil)
    window.deeds.rename_dossier()  # its dialog has the name in a field; returns once that is hidden
    assert len(seen) == 1
    assert unattended.veiled
    card = window.session.opened_dossier()
    assert card is not None
    assert card.name == f"Dossier {CANARY}"
    unattended.until(lambda: not window.findChildren(QDialog))
    assert CANARY not in drawn(window)


def test_a_reading_and_an_import_are_told_with_their_share(stage: Stage) -> None:
    window = stage.open("fr")
    lanes = window.session.workspace.lanes
    release = threading.Event()

    def work(progress: Progress) -> object:
        def run(op: Operation[None]) -> None:
            op.report_only(progress)
            release.wait(WAIT_MS / 1000)

        return run

    try:
        lanes.run(Lane.READ, "read-dossier", work(Progress(157, 412, "page")))  # type: ignore[arg-type]
        lanes.run(Lane.IMPORT, "import", work(Progress(1, 2, "file", f"{CANARY}.pdf", 0.5)))  # type: ignore[arg-type]
        lanes.run(Lane.QUICK, "render-page", work(Progress(0, 1, "page")))  # type: ignore[arg-type]
        stage.until(lambda: [card.share for card in window.session.long_work()] == [157 / 412, 0.75])
        window.veiling.draw()
        page = window.veiling.page
        assert page is not None
        assert page.lines == {
            WorkKind.READING: "Une lecture est en cours\u00a0: 38\u202f%",
            WorkKind.IMPORT: "Une importation est en cours\u00a0: 75\u202f%",
        }
        shown = "\n".join(part.text() for part in page.findChildren(QLabel) if part.isVisible())
        assert "38\u202f%" in shown
        assert CANARY not in shown
    finally:
        release.set()


def test_a_model_being_converted_goes_on_without_its_dialog_and_has_it_back(
    unattended: Unattended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = unattended.window
    source = tmp_path / "Random"
    write_random_checkpoint(source, "base", "tiny")
    release = threading.Event()
    add = window.session.workspace.lanes.run

    def held(self: Session, path: Path, **_: object) -> object:
        def work(op: Operation[None]) -> None:
            op.report_only(Progress(300, 1000, "thousandth", "convert"))
            while not release.wait(0.01):
                op.check()
            raise OSError("the disk went away")

        return self.follow(add(Lane.MODEL, "add-model", work), says=False)

    monkeypatch.setattr(Session, "add_model", held)
    adding = ModelAdding(window.session, source, window)
    adding.show()
    unattended.until(adding.add.isVisible)
    adding.add.click()
    unattended.until(window.session.long_work)
    unattended.idle()
    assert unattended.veiled
    assert unattended.page.lines[WorkKind.CONVERSION].startswith("A model is being taken in")
    unattended.enter(PASSPHRASE)
    unattended.until(lambda: not unattended.veiled)
    unattended.until(lambda: any(found.isVisible() for found in window.findChildren(ModelAdding)))
    again = next(found for found in window.findChildren(ModelAdding) if found.isVisible())
    unattended.until(lambda: "30" in again.says.text())
    release.set()
    unattended.until(lambda: again.more.text() == "Nothing was installed.")
    again.reject()
