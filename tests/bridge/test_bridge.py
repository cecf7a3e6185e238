"""Operations and events as Qt signals, and item models over snapshots."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QObject, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from app.bridge.opening import in_background
from app.bridge.relay import Relay
from app.bridge.rows import ROW, DocumentRows, DossierRows
from app.bridge.tasks import Task, while_alive
from app.core.errors import UserError
from app.core.events import EventBus
from app.services.events import Changed, VaultClosing
from app.services.operation import Operation, OperationCancelled, Progress
from app.services.views import (
    Changes,
    DocumentCard,
    DocumentStatus,
    DossierCard,
    ReadingCard,
    ReadingState,
)

WAIT_MS = 60_000


def document(
    name: str, parent: str | None = None, status: DocumentStatus = DocumentStatus.READY
) -> DocumentCard:
    return DocumentCard(name, "d", parent, name, "text/plain", "ours", status, 1, 1, 10, 0.0, None)


def dossier(name: str) -> DossierCard:
    return DossierCard(name, name, 0.0, 0, 0, 0, ReadingCard(ReadingState.OFF))


def test_everything_a_task_says_is_said_on_the_qt_thread_and_in_order(qtbot: QtBot) -> None:
    operation: Operation[int] = Operation("count")
    task = Task(operation)
    heard: list[tuple[object, bool]] = []

    def hear(what: object) -> None:
        heard.append((what, threading.current_thread() is threading.main_thread()))

    task.streamed.connect(hear)
    task.progressed.connect(hear)
    task.succeeded.connect(hear)

    def work() -> None:
        operation.report(Progress(1, 2, "page"))
        for piece in ("a", "b", "c"):
            operation.stream(piece)
        operation.finish(7)

    worker = threading.Thread(target=work)
    with qtbot.waitSignal(task.ended, timeout=WAIT_MS):
        worker.start()
    worker.join()
    assert all(on_qt_thread for _, on_qt_thread in heard)
    assert heard[-1][0] == 7
    assert "".join(what for what, _ in heard if isinstance(what, str)) == "abc"


def test_a_task_over_an_operation_that_is_over_still_tells_its_end(qtbot: QtBot) -> None:
    operation: Operation[int] = Operation("done")
    operation.finish(3)
    task = Task(operation)
    with qtbot.waitSignal(task.succeeded, timeout=WAIT_MS) as heard:
        pass
    assert heard.args == [3]


@pytest.mark.parametrize(
    ("failure", "signal"), [(UserError("x", "No."), "failed"), (OperationCancelled("x"), "cancelled")]
)
def test_failures_and_cancels_have_signals_of_their_own(
    qtbot: QtBot, failure: Exception, signal: str
) -> None:
    operation: Operation[int] = Operation("bad")
    task = Task(operation)
    with qtbot.waitSignals([getattr(task, signal), task.ended], timeout=WAIT_MS):
        operation.finish(None, failure)


def test_nothing_is_called_for_an_owner_that_is_gone(qtbot: QtBot) -> None:
    owner, heard = QObject(), []
    call = while_alive(owner, heard.append)
    call(1)
    owner.deleteLater()
    qtbot.wait(10)
    from shiboken6 import delete, isValid

    if isValid(owner):
        delete(owner)
    call(2)
    assert heard == [1]


def test_background_work_ends_in_a_result_or_a_failure(qtbot: QtBot) -> None:
    good = in_background("good", lambda: 5)
    with qtbot.waitSignal(good.succeeded, timeout=WAIT_MS) as heard:
        pass
    assert heard.args == [5]

    def refuse() -> int:
        raise UserError("x", "No.")

    bad = in_background("bad", refuse)
    with qtbot.waitSignal(bad.failed, timeout=WAIT_MS) as told:
        pass
    assert isinstance(told.args[0], UserError)


def test_events_published_on_any_thread_are_heard_on_the_qt_thread_until_closed(qtbot: QtBot) -> None:
    bus = EventBus()
    relay = Relay(bus)
    heard: list[object] = []
    relay.changed.connect(
        lambda event: heard.append((event, threading.current_thread() is threading.main_thread()))
    )
    worker = threading.Thread(target=lambda: bus.publish(Changed(Changes.CHATS, "d")))
    with qtbot.waitSignal(relay.changed, timeout=WAIT_MS):
        worker.start()
    worker.join()
    assert heard == [(Changed(Changes.CHATS, "d"), True)]
    with qtbot.waitSignal(relay.closing, timeout=WAIT_MS):
        bus.publish(VaultClosing())
    relay.close()
    bus.publish(Changed(Changes.CHATS, "d"))
    qtbot.wait(20)
    assert len(heard) == 1


def test_rows_that_only_change_their_data_stay_where_they_are(qtbot: QtBot) -> None:
    rows = DossierRows()
    rows.show([dossier("a"), dossier("b")])
    resets: list[int] = []
    changes: list[int] = []
    rows.modelReset.connect(lambda: resets.append(1))
    rows.dataChanged.connect(lambda top, bottom: changes.append(top.row()))
    rows.show([dossier("a"), DossierCard("b", "new", 0.0, 1, 1, 0, ReadingCard(ReadingState.OFF))])
    assert (resets, changes) == ([], [1])
    rows.show([dossier("b")])
    assert resets == []
    assert not rows.place("a").isValid()


@given(
    before=st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7),
    after=st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7),
    held=st.sampled_from("abcdefg"),
)
def test_a_new_snapshot_is_shown_whole_and_a_held_row_is_never_another(before, after, held) -> None:
    rows = DossierRows()
    QAbstractItemModelTester(rows, QAbstractItemModelTester.FailureReportingMode.Fatal)
    rows.show([dossier(name) for name in before])
    place = QPersistentModelIndex(rows.place(held))
    rows.show([dossier(name) for name in after])
    assert [row.id for row in rows.rows] == after
    assert not place.isValid() or place.data(ROW).id == held
    if before == [name for name in after if name in before] and len(after) == len(before) + 1:
        assert place.isValid() == (held in before), "one more row moves no other"


def test_a_screen_reader_hears_what_the_view_says_of_a_row(qtbot: QtBot) -> None:
    rows = DossierRows()
    rows.spoken = lambda card: f"{card.name}, read"
    rows.show([dossier("a")])
    index = rows.index(0)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == f"{rows.rows[0].name}, read"
    assert index.data(Qt.ItemDataRole.DisplayRole) == rows.rows[0].name


def test_attachments_stand_under_their_mail(qtbot: QtBot) -> None:
    rows = DocumentRows()
    rows.show([document("mail"), document("other"), document("inside", "mail"), document("lost", "gone")])
    assert [row.id for row in rows.rows] == ["mail", "inside", "other", "lost"]


def test_the_scope_is_what_stays_checked(qtbot: QtBot) -> None:
    rows = DocumentRows()
    rows.show([document("a"), document("b"), document("c", status=DocumentStatus.REFUSED)])
    assert rows.scope is None
    assert rows.index(2).data(Qt.ItemDataRole.CheckStateRole) is None
    rows.setData(rows.index(0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    assert rows.scope == ("b",)
    rows.only("a")
    assert rows.scope == ("a",)
    rows.show([document("b")])
    assert rows.scope == ()
    rows.clear_scope()
    assert rows.scope is None


def test_constants_survive_a_binding_that_does_not_count_them() -> None:
    lines = (
        "import app.bridge, sys",
        "from PySide6.QtCore import QObject, Signal",
        "class S(QObject): s = Signal(bool)",
        "s = S(); s.s.connect(lambda v: None)",
        "for _ in range(60000): s.s.emit(True)",
        "print('alive')",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.stdout.strip() == "alive"
    assert done.returncode == 0
