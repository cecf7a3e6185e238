"""Files on their way in: taken, refused, repeated, interrupted, resumed; nothing lost, nothing doubled."""

from __future__ import annotations

import email.message
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from app import services
from app.core.errors import UserError
from app.services import OperationCancelled
from app.services.events import Changed, ImportMoved
from app.services.lanes import Lane
from app.services.views import Changes, DocumentStatus
from app.store import NotEnoughSpace


def take(ws, dossier_id, *paths):
    return services.import_paths(ws, dossier_id, paths).result(60)


def pages_found(ws, dossier_id, words):
    return services.search(ws, dossier_id, words).result(60).total_pages


def test_files_and_folders_are_taken_in_and_can_be_searched_at_once(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        desk.file("box/a/lettre.txt", desk.LETTER)
        desk.file("box/lease.md", desk.LEASE)
        desk.file("box/.hidden.txt", "not this")
        desk.file("box/Thumbs.db", "nor this")
        report = take(ws, dossier_id, desk.root / "files" / "box")
        assert sorted(d.name for d in report.added) == ["lease.md", "lettre.txt"]
        assert (report.pages, report.exceptions, report.cancelled) == (2, (), False)
        assert pages_found(ws, dossier_id, "hopital apixaban") == 1
        cards = services.list_documents(ws, dossier_id)
        assert {c.status for c in cards} == {DocumentStatus.READY}
        assert {c.layout for c in cards} == {"ours"}
        (dossier,) = services.list_dossiers(ws)
        assert (dossier.documents, dossier.pages) == (2, 2)


def test_the_same_content_is_taken_once_whatever_its_name(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, lettre_txt=desk.LETTER)
        again = desk.file("copie.txt", desk.LETTER)
        report = take(ws, dossier_id, again, desk.file("b.txt", desk.LEASE), desk.file("c.txt", desk.LEASE))
        assert [d.name for d in report.added] == ["b.txt"]
        assert report.duplicates == (("copie.txt", "lettre.txt"), ("c.txt", "b.txt"))
        assert len(services.list_documents(ws, dossier_id)) == 2
        other = desk.dossier(ws)
        assert len(take(ws, other, again).added) == 1, "another dossier knows nothing of this one"


def test_a_bad_file_lands_in_the_exception_list_and_never_stops_the_others(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(
            ws,
            dossier_id,
            desk.file("empty.txt", b""),
            desk.file("not-really.pdf", b"hello, I am text"),
            desk.root / "files" / "gone.txt",
            desk.file("odd\nname \u202e💊.txt", "fine all the same"),
            desk.file("good.txt", desk.LETTER),
        )
        assert [d.name for d in report.added][-1] == "good.txt"
        assert len(report.added) == 2
        listed = services.list_exceptions(ws, dossier_id)
        assert {e.problem.code for e in listed} == {"empty-file", "not-a-pdf", "file-gone"}
        assert all("{" not in str(e.problem) for e in listed)
        assert listed == report.exceptions
        assert "\n" not in report.added[0].name


def test_a_name_that_no_disk_can_look_up_is_told_and_does_not_stop_the_others(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(
            ws, dossier_id, desk.root / ("n" * 300), desk.root / "a\0b", desk.file("good.txt", desk.LETTER)
        )
        assert [d.name for d in report.added] == ["good.txt"]
        assert {e.problem.code for e in report.exceptions} <= {"file-unreadable", "file-gone"}
        assert len(report.exceptions) == 2


def test_a_file_deleted_while_importing_is_named_and_can_be_retried_when_it_is_back(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        doomed = desk.file("b.txt", desk.LEASE)

        def delete(moved: ImportMoved) -> None:
            if moved.file == "a.txt":
                doomed.unlink(missing_ok=True)

        subscription = ws.events.subscribe(ImportMoved, delete)
        report = take(ws, dossier_id, desk.file("a.txt", desk.LETTER), doomed)
        subscription.cancel()
        assert [d.name for d in report.added] == ["a.txt"]
        (entry,) = services.list_exceptions(ws, dossier_id)
        assert (entry.name, entry.problem.code, entry.can_retry) == ("b.txt", "file-gone", True)
        desk.file("b.txt", desk.LEASE)
        assert [d.name for d in services.retry(ws, entry.id).result(60).added] == ["b.txt"]
        assert services.list_exceptions(ws, dossier_id) == ()
        with pytest.raises(UserError):
            services.retry(ws, entry.id).result(60)


def test_a_refused_file_can_be_tried_again_from_the_vault_and_dismissed(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        take(ws, dossier_id, desk.file("x.pdf", b"no pdf"))
        (entry,) = services.list_exceptions(ws, dossier_id)
        assert services.retry(ws, entry.id).result(60).added == ()
        (entry,) = services.list_exceptions(ws, dossier_id)
        services.dismiss(ws, entry.id).result(60)
        assert services.list_exceptions(ws, dossier_id) == ()
        assert services.list_documents(ws, dossier_id) == ()
        assert services.check_vault(ws, thorough=True).result(60).problems == ()


def mail(subject, *attachments):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.invalid", "b@example.invalid", subject
    message.set_content(f"Voici {subject}, en pièce jointe.")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def test_attachments_of_a_mail_become_documents_under_it(desk):
    inner = mail("le bail", ("lease.txt", desk.LEASE.encode()))
    outer = mail("le tout", ("lettre.txt", desk.LETTER.encode()), ("inner.eml", inner), ("vide.txt", b""))
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(ws, dossier_id, desk.file("outer.eml", outer))
        cards = {d.name: d for d in services.list_documents(ws, dossier_id)}
        assert cards["lettre.txt"].parent_id == cards["outer.eml"].id
        assert cards["inner.eml"].parent_id == cards["outer.eml"].id
        assert cards["lease.txt"].parent_id == cards["inner.eml"].id
        assert len(report.added) == 4
        services.remove_document(ws, cards["outer.eml"].id).result(60)
        assert services.list_documents(ws, dossier_id) == ()
        assert pages_found(ws, dossier_id, "rent") == 0


def test_progress_is_told_and_changes_are_flagged(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        told, changed = [], []
        ws.events.subscribe(Changed, lambda e: changed.append(e.changes))
        paths = [desk.file(f"{n}.txt", f"{n} {desk.LETTER}") for n in range(5)]
        with desk.held_back(ws, Lane.IMPORT):
            op = services.import_paths(ws, dossier_id, paths)
            op.on_progress(told.append)
        op.result(60)
        assert op.changes & Changes.DOCUMENTS
        assert op.changes & Changes.DOSSIERS
        assert any(c & Changes.DOCUMENTS for c in changed)
        assert told
        assert all(p.total == 5 and p.unit == "file" for p in told)


def test_cancelling_keeps_what_is_done_and_drops_the_rest(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        paths = [desk.file(f"{n}.txt", f"{n} {desk.LETTER}") for n in range(6)]
        with desk.held_after(4):
            with desk.held_back(ws, Lane.IMPORT):
                op = services.import_paths(ws, dossier_id, paths)
                ws.events.subscribe(
                    Changed, lambda _: op.cancel() if len(list_ready(ws, dossier_id)) >= 2 else None
                )
            report = op.result(60)
        assert report.cancelled
        ready = list_ready(ws, dossier_id)
        assert 2 <= len(ready) < 6
        assert len(services.list_documents(ws, dossier_id)) == len(ready)
        assert services.resume_imports(ws).result(60).added == (), "what was dropped does not come back"


def list_ready(ws, dossier_id):
    return [d for d in services.list_documents(ws, dossier_id) if d.status is DocumentStatus.READY]


def test_closing_the_window_in_the_middle_pauses_and_the_next_opening_goes_on(desk):
    ws = desk.open()
    dossier_id = desk.dossier(ws)
    paths = [desk.file(f"{n}.txt", f"{n} {desk.LETTER}") for n in range(6)]
    with desk.held_after(2):
        op = services.import_paths(ws, dossier_id, paths)
        while not list_ready(ws, dossier_id):
            assert not op.done
        ws.close()
        with pytest.raises(OperationCancelled):
            op.result(60)
    ws = desk.open()
    before = len(list_ready(ws, dossier_id))
    report = services.resume_imports(ws).result(60)
    assert before + len(report.added) == 6
    assert sorted(d.name for d in list_ready(ws, dossier_id)) == [f"{n}.txt" for n in range(6)]


def test_without_room_on_the_disk_nothing_is_lost_and_the_import_goes_on_later(desk, monkeypatch):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, first_txt=desk.LEASE)

        def full(_: int) -> None:
            raise NotEnoughSpace(900, 3)

        with monkeypatch.context() as patch:
            patch.setattr(ws.vault, "require_free_space", full)
            with pytest.raises(NotEnoughSpace) as failure:
                take(ws, dossier_id, desk.file("a.txt", desk.LETTER))
            assert "900 MB" in failure.value.sentence()
        assert [d.name for d in services.resume_imports(ws).result(60).added] == ["a.txt"]
        assert len(list_ready(ws, dossier_id)) == 2


def test_deleting_a_dossier_destroys_everything_of_it(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, a_txt=desk.LETTER)
        services.ask(ws, dossier_id, "Quel traitement ?").result(60)
        services.delete_dossier(ws, dossier_id).result(60)
        assert services.list_dossiers(ws) == ()
        assert list((desk.vault / "blobs").rglob("*/*")) == []
        with ws.vault.read() as conn:
            for table in (
                "search_page",
                "search_passage",
                "chat",
                "chat_exchange",
                "chat_citation",
                "import_job",
            ):
                assert conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table
        with pytest.raises(UserError):
            take(ws, dossier_id, desk.file("b.txt", "x"))


CHILD = """
    import os, signal, sys
    from pathlib import Path
    from app import services
    from app.core.paths import Paths
    from app.services import Companions, Workspace
    from app.store import Vault

    root, fatal = Path(sys.argv[1]), int(sys.argv[2])
    parts = Companions.start(Paths.find(root / "home"), with_engine=False)
    ws = Workspace.open(root / "vault", sys.argv[3], companions=parts, auto_read=False, testing=True)
    written, real = [], Vault.write

    class Dying:
        def __init__(self, lane):
            self._lane = lane
        def __enter__(self):
            return self._lane.__enter__()
        def __exit__(self, *error):
            written.append(1)
            if len(written) == fatal:  # half of the points before the commit, half after it
                if fatal % 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                self._lane.__exit__(*error)
                os.kill(os.getpid(), signal.SIGKILL)
            return self._lane.__exit__(*error)

    Vault.write = lambda self: Dying(real(self))
    dossier = services.list_dossiers(ws)[0]
    op = services.resume_imports(ws)
    op.result(60)
    if not services.list_documents(ws, dossier.id) or sys.argv[4] == "import":
        services.import_paths(ws, dossier.id, [root / "files"]).result(60)
    ws.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_point_of_an_import_nothing_is_lost_and_nothing_doubled(desk):
    ws = desk.open()
    dossier_id = desk.dossier(ws)
    ws.close()
    for n in range(3):
        desk.file(f"{n}.txt", f"Numéro {n}\n\n{desk.LETTER}")
    desk.file("long.txt", "\n\n".join(f"Paragraph {n} of a long text about rent. " * 12 for n in range(150)))
    desk.file("mail.eml", mail("le bail", ("lease.txt", desk.LEASE.encode())))
    root = Path(__file__).parents[2]
    lives, verb = 0, "import"
    for fatal in (1, 2, 5, 6, 3, 0):
        child = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(desk.root), str(fatal), desk.PASSPHRASE, verb],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert child.returncode in (0, -signal.SIGKILL), child.stderr
        lives += 1
        verb = "resume"
        if child.returncode == 0:
            break
    assert lives > 4
    ws = desk.open()
    services.resume_imports(ws).result(60)
    cards = services.list_documents(ws, dossier_id)
    assert sorted(c.name for c in cards) == ["0.txt", "1.txt", "2.txt", "lease.txt", "long.txt", "mail.eml"]
    assert {c.status for c in cards} == {DocumentStatus.READY}
    long = next(c for c in cards if c.name == "long.txt")
    assert long.pages == long.pages_done > 8
    with ws.vault.read() as conn:
        indexed = conn.exec_driver_sql("SELECT count(*) FROM search_page").scalar_one()
        stored = conn.exec_driver_sql("SELECT count(*) FROM page").scalar_one()
        passages = conn.exec_driver_sql(
            "SELECT count(*), count(DISTINCT document_id || page || start) FROM search_passage"
        ).one()
        words = conn.exec_driver_sql("SELECT count(*) FROM search_page_words").scalar_one()
    assert indexed == stored == words == sum(c.pages for c in cards)
    assert passages[0] == passages[1]
    assert services.list_exceptions(ws, dossier_id) == ()
    assert services.check_vault(ws, thorough=True).result(60).problems == ()


def test_a_file_that_ends_the_program_again_and_again_is_set_aside(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        path = desk.file("deadly.txt", desk.LETTER)
        with ws.vault.write() as conn:
            (job,) = services.imports.import_jobs.add_paths(conn, dossier_id, [path])
            conn.exec_driver_sql("UPDATE import_job SET attempts = 3")
        report = services.resume_imports(ws).result(60)
        assert [e.problem.code for e in report.exceptions] == ["import-crashed"]
        assert job.name == "deadly.txt"
        assert services.resume_imports(ws).result(60).exceptions == ()


def test_pages_of_a_vault_from_before_the_index_are_indexed_at_its_opening(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, a_txt=desk.LETTER)
        with ws.vault.write() as conn:
            services.searches.index.forget_dossier(conn, dossier_id)
        assert pages_found(ws, dossier_id, "apixaban") == 0
        services.resume_imports(ws).result(60)
        assert pages_found(ws, dossier_id, "apixaban") == 1
        assert services.rebuild_index(ws).result(60) == 1
        assert services.rebuild_index(ws, dossier_id).result(60) == 1
        assert pages_found(ws, dossier_id, "apixaban") == 1
