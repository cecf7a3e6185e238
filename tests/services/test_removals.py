"""Removed, deleted or cancelled while something works on it: nothing stops, stays behind or is lost."""

from __future__ import annotations

import email.message
import threading

import pytest

from app import services
from app.core.errors import EnvironmentFailure, UserError
from app.library import documents as document_rows
from app.services.events import Changed, ImportMoved, ReadingMoved
from app.services.lanes import Lane
from app.services.views import DocumentStatus
from app.store import NotEnoughSpace


def take(ws, dossier_id, *paths):
    return services.import_paths(ws, dossier_id, paths).result(60)


def named(ws, dossier_id):
    return {d.name: d for d in services.list_documents(ws, dossier_id)}


def once(deed):
    """A listener that does its deed at the first call for which it says that it did."""
    done = threading.Event()

    def hear(event):
        if not done.is_set() and deed(event) is not False:
            done.set()

    return hear, done


def test_a_document_removed_while_it_is_taken_in_does_not_stop_the_others(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)

        def remove(_):
            found = named(ws, dossier_id).get("a.txt")
            if found is None or found.status is not DocumentStatus.PARSING:
                return False
            services.remove_document(ws, found.id).result(60)
            return True

        hear, removed = once(remove)
        ws.events.subscribe(Changed, hear)
        report = take(ws, dossier_id, desk.file("a.txt", desk.LETTER), desk.file("b.txt", desk.LEASE))
        assert removed.is_set()
        assert [d.name for d in report.added] == ["b.txt"]
        assert list(named(ws, dossier_id)) == ["b.txt"]
        assert services.search(ws, dossier_id, "apixaban").result(60).total_pages == 0
        assert services.resume_imports(ws).result(60).added == ()


def test_a_dossier_deleted_before_its_files_are_listed_leaves_no_job_behind(desk, monkeypatch):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        listing = services.imports.list_files

        def delete_meanwhile(paths, check):
            with ws.vault.write() as conn:
                services.dossiers.dossier_rows.delete_dossier(conn, dossier_id)
            return listing(paths, check)

        monkeypatch.setattr(services.imports, "list_files", delete_meanwhile)
        with pytest.raises(UserError):
            take(ws, dossier_id, desk.file("a.txt", desk.LETTER))
        monkeypatch.undo()
        assert services.resume_imports(ws).result(60).exceptions == ()
        other = desk.dossier(ws)
        assert len(take(ws, other, desk.file("a.txt", desk.LETTER)).added) == 1


def test_what_a_full_disk_left_half_taken_in_is_finished_when_it_is_dropped_again(desk, monkeypatch):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        path = desk.file("a.txt", desk.LETTER)
        parse = ws.helper.parse

        def full(*_, **__):
            raise NotEnoughSpace(900, 1)

        monkeypatch.setattr(ws.helper, "parse", full)
        with pytest.raises(EnvironmentFailure):
            take(ws, dossier_id, path)
        monkeypatch.setattr(ws.helper, "parse", parse)
        report = take(ws, dossier_id, path)
        assert (report.duplicates, [d.name for d in report.added]) == ((), ["a.txt"])
        assert services.resume_imports(ws).result(60).added == (), "it is taken in once"


def test_a_cancelled_retry_loses_neither_the_file_nor_its_entry(desk, monkeypatch):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        path = desk.file("x.pdf", b"no pdf")
        take(ws, dossier_id, path)
        path.unlink()
        (entry,) = services.list_exceptions(ws, dossier_id)
        began = threading.Event()

        def slow(*_, cancel, **__):
            began.set()
            assert cancel.wait(60)
            raise services.intake.IngestCancelled

        monkeypatch.setattr(ws.helper, "parse", slow)
        op = services.retry(ws, entry.id)
        assert began.wait(60)
        op.cancel()
        assert op.result(60).cancelled
        monkeypatch.undo()
        assert list(named(ws, dossier_id)) == ["x.pdf"]
        (entry,) = services.list_exceptions(ws, dossier_id)
        assert entry.can_retry
        services.retry(ws, entry.id).result(60)
        (entry,) = services.list_exceptions(ws, dossier_id)
        assert entry.problem.code == "not-a-pdf"


def test_a_mail_and_its_attachment_dropped_together_are_taken_in_once(desk):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.invalid", "b@example.invalid", "bail"
    message.set_content("Voici le bail.")
    message.add_attachment(
        desk.LEASE.encode(), maintype="application", subtype="octet-stream", filename="lease.txt"
    )
    with desk.open() as ws:
        dossier_id = desk.dossier(ws)
        report = take(
            ws, dossier_id, desk.file("m.eml", message.as_bytes()), desk.file("same.txt", desk.LEASE)
        )
        assert sorted(d.name for d in report.added) == ["lease.txt", "m.eml"]
        assert report.pages == 2
        assert services.get_dossier(ws, dossier_id).pages == 2


def test_a_page_note_is_no_reason_to_take_a_whole_document_in_again(desk):
    with desk.open() as ws:
        dossier_id = desk.dossier(ws, lettre_txt=desk.LETTER)
        (card,) = services.list_documents(ws, dossier_id)
        with ws.vault.write() as conn:
            entry = services.imports.exception_rows.record_exception(
                conn, dossier_id, name=card.name, code="no-text", document_id=card.id, page=1, can_retry=False
            )
        with pytest.raises(UserError):
            services.retry(ws, entry.id).result(60)
        assert services.list_documents(ws, dossier_id)[0].status is DocumentStatus.READY


def asked_while(scripted, ws, dossier_id, deed, answer="«apixaban 5 mg» [1]"):
    """Ask, do the deed while the model speaks, and give the operation."""
    scripted.client.answer = lambda m: answer
    scripted.client.hold = threading.Event()
    op = services.ask(ws, dossier_id, "Quel anticoagulant ?")
    spoken = threading.Event()
    op.on_partial(lambda _: spoken.set())
    assert spoken.wait(60)
    deed()
    scripted.client.hold.set()
    return op


def test_a_dossier_deleted_while_it_is_asked_keeps_no_answer(scripted):
    with scripted.open() as ws:
        dossier_id = scripted.dossier(ws, lettre_txt=scripted.LETTER)
        op = asked_while(scripted, ws, dossier_id, lambda: services.delete_dossier(ws, dossier_id).result(60))
        with pytest.raises(UserError):
            op.result(60)
        with ws.vault.read() as conn:
            for table in ("chat", "chat_exchange", "chat_citation", "chat_evidence"):
                assert conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0


def test_a_document_removed_while_it_is_asked_leaves_no_word_of_it_in_the_chat(scripted):
    with scripted.open() as ws:
        dossier_id = scripted.dossier(ws, lettre_txt=scripted.LETTER, bail_txt=scripted.LEASE)
        letter = named(ws, dossier_id)["lettre.txt"]
        op = asked_while(scripted, ws, dossier_id, lambda: services.remove_document(ws, letter.id).result(60))
        with pytest.raises(UserError):
            op.result(60)
        with ws.vault.read() as conn:
            for table in ("chat_citation", "chat_evidence"):
                left = conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
                assert left == 0, table
        assert services.list_chats(ws, dossier_id) == ()


def test_a_chat_deleted_while_it_is_answered_does_not_come_back(scripted):
    with scripted.open() as ws:
        dossier_id = scripted.dossier(ws, lettre_txt=scripted.LETTER)
        scripted.client.answer = lambda m: "«apixaban 5 mg» [1]"
        first = services.ask(ws, dossier_id, "Quel anticoagulant ?").result(60)
        scripted.client.hold = threading.Event()
        op = services.ask(ws, dossier_id, "Et la dose ?", chat_id=first.chat_id)
        spoken = threading.Event()
        op.on_partial(lambda _: spoken.set())
        assert spoken.wait(60)
        services.delete_chat(ws, first.chat_id).result(60)
        scripted.client.hold.set()
        with pytest.raises(UserError):
            op.result(60)
        assert services.list_chats(ws, dossier_id) == ()


def test_answers_that_cite_a_half_taken_document_go_with_it_when_its_import_is_cancelled(scripted):
    scripted.client.answer = lambda m: "«apixaban 5 mg» [1]"
    with scripted.open() as ws:
        dossier_id = scripted.dossier(ws)
        path = scripted.file("long.txt", "\n\n".join([scripted.LETTER * 20] * 40))
        kept = []

        def ask_now(moved):
            if moved.page < 9:
                return False
            kept.append(services.ask(ws, dossier_id, "Quel anticoagulant ?").result(60))
            op.cancel()
            return True

        hear, done = once(ask_now)
        ws.events.subscribe(ImportMoved, hear)
        with scripted.held_back(ws, Lane.IMPORT):
            op = services.import_paths(ws, dossier_id, [path])
        assert op.result(60).cancelled
        assert done.is_set()
        assert any(s.citations for s in kept[0].statements)
        assert services.list_answers(ws, kept[0].chat_id) == ()


def test_a_reading_never_books_a_document_that_was_removed_under_it(real):
    with real.open() as ws:
        dossier_id = real.dossier(ws, long_txt="\n\n".join([real.LETTER * 20] * 8), bail_txt=real.LEASE)
        first = named(ws, dossier_id)["long.txt"]

        def remove(_):
            # As when stopping the reading takes longer than a removal waits for it.
            with ws.vault.write() as conn:
                document_rows.delete_document(conn, first.id)

        hear, removed = once(remove)
        ws.events.subscribe(ReadingMoved, hear)
        op = services.read_dossier(ws, dossier_id)
        with pytest.raises(services.OperationCancelled):
            op.result(60)
        assert removed.is_set()
        with ws.vault.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM reading").scalar_one() == 0
        assert list(ws.vault.sealed_files.ids()) == []
        assert ws.live_readings.get(dossier_id, ws.host.generation) is None
        services.read_dossier(ws, dossier_id).result(60)
        assert services.reading_card(ws, dossier_id).pages_read == 1


def test_deleting_one_dossier_leaves_the_interrupted_imports_of_another_alone(desk):
    with desk.open() as ws:
        first, second = desk.dossier(ws), desk.dossier(ws)
        with ws.vault.write() as conn:
            for dossier_id, names in ((first, "abcd"), (second, "efgh")):
                paths = [desk.file(f"{n}.txt", f"{n} {desk.LETTER}") for n in names]
                services.import_jobs.add_paths(conn, dossier_id, paths)
        ended = []

        def delete(_):
            if "a.txt" not in named(ws, first):
                return False
            ended.append(services.delete_dossier(ws, first))
            return True

        hear, deleted = once(delete)
        ws.events.subscribe(Changed, hear)
        report = services.resume_imports(ws).result(60)
        assert deleted.is_set()
        ended[0].result(60)
        assert not report.cancelled
        assert sorted(named(ws, second)) == ["e.txt", "f.txt", "g.txt", "h.txt"]
        with ws.vault.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM import_job").scalar_one() == 0
            left = conn.exec_driver_sql("SELECT count(DISTINCT dossier_id) FROM search_page").scalar_one()
        assert left == 1
