"""Long work is told by its kind and share, without a gap between an import and the reading after it."""

from __future__ import annotations

import threading

import pytest

from app import services
from app.services.lanes import Lane
from app.services.long_work import WorkCard, WorkKind
from app.services.operation import Operation, Progress
from app.store import WrongPassphrase
from tests.services.conftest import PASSPHRASE, WAIT_S, Desk


def test_no_moment_between_an_import_and_its_reading_is_without_work(real: Desk) -> None:
    ws = real.open(auto_read=True)
    dossier_id = services.create_dossier(ws, "Dossier").result(WAIT_S).id
    seen: list[tuple[WorkCard, ...]] = []
    with real.held_back(ws, Lane.READ):
        operation = services.import_paths(ws, dossier_id, [real.file("lettre.txt", real.LETTER)])
        operation.add_done_callback(lambda _: seen.append(services.list_long_work(ws)))
        operation.result(WAIT_S)
    (work,) = seen
    assert [card.kind for card in work] == [WorkKind.READING]
    (reading,) = [op for op in ws.busy_with(dossier_id) if op.verb == "read-dossier"] or [None]
    if reading is not None:
        reading.result(WAIT_S)


def test_of_several_works_of_a_kind_the_one_begun_first_is_told(desk: Desk) -> None:
    ws = desk.open()
    release = threading.Event()

    def work(op: Operation[None]) -> None:
        op.report_only(Progress(1, 4, "page"))
        release.wait(WAIT_S)

    first = ws.lanes.run(Lane.READ, "read-dossier", work)
    second = ws.lanes.run(Lane.READ, "read-dossier", lambda op: None)
    short = ws.lanes.run(Lane.QUICK, "search", lambda op: release.wait(WAIT_S))
    try:
        while first.progress is None:
            release.wait(0.01)
        assert services.list_long_work(ws) == (WorkCard(WorkKind.READING, 0.25),)
    finally:
        release.set()
    for operation in (first, second, short):
        operation.result(WAIT_S)
    assert services.list_long_work(ws) == ()


def test_only_what_opens_the_vault_proves_it(desk: Desk) -> None:
    ws = desk.open()
    services.prove_passphrase(ws, PASSPHRASE).result(WAIT_S)
    with pytest.raises(WrongPassphrase):
        services.prove_passphrase(ws, PASSPHRASE + "x").result(WAIT_S)
    code = services.add_recovery_code(ws).result(WAIT_S)
    services.prove_passphrase(ws, code).result(WAIT_S)
