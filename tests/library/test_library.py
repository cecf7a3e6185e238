"""Dossiers, documents, pages, exceptions and readings in a real vault."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData
from sqlalchemy.exc import IntegrityError

from app.core.errors import HuisClosError
from app.library import documents, dossiers, exceptions, pages, readings, schema
from app.library.failures import DocumentMissing, DossierMissing, NameEmpty, NameTaken, PageMissing
from app.library.values import Coverage, DocumentStatus, Page, Shred
from app.library.words import Word


def add(connection, dossier, name="a.pdf", mac=b"m" * 32, blob="b" * 32, parent=None):
    return documents.add_document(
        connection, dossier.id, name=name, blob_id=blob, size_bytes=10, content_mac=mac, parent_id=parent
    )


def page(number, text="one two", note=""):
    words = tuple(Word(at, at + len(part), 10.0, 10.0, 20.0, 22.5) for at, part in spans(text))
    return Page(number, 595.0, 842.0, text, words, note)


def spans(text):
    at = 0
    for part in text.split():
        at = text.index(part, at)
        yield at, part
        at += len(part)


def test_the_steps_make_exactly_the_tables_described(connection):
    found = MetaData()
    found.reflect(connection)
    for name, table in schema.metadata.tables.items():
        made = found.tables[name]
        described = {(c.name, str(c.type), c.nullable or c.primary_key, c.primary_key) for c in table.columns}
        assert {
            (c.name, str(c.type), c.nullable or c.primary_key, c.primary_key) for c in made.columns
        } == described
        assert {(i.name, tuple(i.columns.keys())) for i in made.indexes} == {
            (i.name, tuple(i.columns.keys())) for i in table.indexes
        }
        references = connection.exec_driver_sql(f"PRAGMA foreign_key_list({name})")
        assert {(row[3], f"{row[2]}.{row[4]}", row[6]) for row in references} == {
            (f.parent.name, f.target_fullname, f.ondelete) for f in table.foreign_keys
        }


def test_a_dossier_is_made_renamed_counted_and_listed(connection):
    first = dossiers.create_dossier(connection, "  Dossier\nMarie\tDurand ")
    assert first.name == "Dossier Marie Durand"
    second = dossiers.create_dossier(connection, "Affaire 12")
    renamed = dossiers.rename_dossier(connection, first.id, "Marie Durand")
    assert dossiers.list_dossiers(connection) == (renamed, second)
    assert dossiers.find_dossier(connection, "marie durand") == renamed
    document = add(connection, first)
    documents.set_shape(
        connection, document.id, media_type="application/pdf", layout="original", title="T", page_count=3
    )
    assert dossiers.get_dossier(connection, first.id).pages == 0
    documents.finish_document(connection, document.id)
    exceptions.record_exception(connection, first.id, name="b.pdf", code="password")
    counted = dossiers.get_dossier(connection, first.id)
    assert (counted.documents, counted.pages, counted.exceptions) == (1, 3, 1)


def test_names_of_dossiers_are_there_and_differ(connection):
    dossiers.create_dossier(connection, "Élise")
    with pytest.raises(NameTaken):
        dossiers.create_dossier(connection, "E\u0301LISE")
    with pytest.raises(NameEmpty):
        dossiers.create_dossier(connection, " \n\u202e ")
    with pytest.raises(DossierMissing):
        dossiers.rename_dossier(connection, "0" * 32, "x")


def test_a_document_goes_from_queued_to_ready_and_resumes_where_it_stopped(vault):
    with vault.write() as connection:
        dossier = dossiers.create_dossier(connection, "D")
        document = add(connection, dossier)
        assert document.status is DocumentStatus.QUEUED
        documents.start_parsing(connection, document.id)
        documents.set_shape(
            connection, document.id, media_type="application/pdf", layout="original", title="T", page_count=3
        )
        for number in (1, 2):
            pages.put_page(connection, document.id, page(number))
            documents.note_progress(connection, document.id, pages_done=number, page_count=3)
    with vault.read() as connection:
        left = documents.get_document(connection, document.id)
        assert (left.id, left.pages_done, left.status) == (document.id, 2, DocumentStatus.PARSING)
    with vault.write() as connection:
        pages.put_page(connection, document.id, page(3, "three"))
        documents.note_progress(connection, document.id, pages_done=3, page_count=3)
        ready = documents.finish_document(connection, document.id)
        assert (ready.status, ready.pages_done, ready.title) == (DocumentStatus.READY, 3, "T")


def test_pages_come_back_as_they_were_put(connection):
    document = add(connection, dossiers.create_dossier(connection, "D"))
    put = page(7, "œuvre 12,50 € 血压", note="text-cut")
    pages.put_page(connection, document.id, put)
    assert pages.get_page(connection, document.id, 7) == put
    pages.put_page(connection, document.id, page(7, "again"))
    assert pages.get_page_text(connection, document.id, 7) == "again"
    for number in range(1, 121):
        pages.put_page(connection, document.id, page(number, f"text {number}" if number % 2 else ""))
    assert [number for number, _ in pages.iterate_texts(connection, document.id)] == list(range(1, 121))
    some = list(pages.iterate_texts(connection, document.id, first=50, last=52))
    assert some == [(50, ""), (51, "text 51"), (52, "")]
    assert pages.count_pages_with_text(connection, [document.id]) == 60
    assert len(pages.list_page_sizes(connection, document.id)) == 120
    with pytest.raises(PageMissing):
        pages.get_page(connection, document.id, 121)
    with pytest.raises(PageMissing):
        pages.get_page_text(connection, document.id, 0)


def test_the_same_bytes_are_found_again_in_one_dossier_only(connection):
    one, two = dossiers.create_dossier(connection, "1"), dossiers.create_dossier(connection, "2")
    document = add(connection, one, mac=b"x" * 32)
    assert documents.find_duplicate(connection, one.id, b"x" * 32) == document
    assert documents.find_duplicate(connection, two.id, b"x" * 32) is None
    assert documents.find_duplicate(connection, one.id, b"y" * 32) is None


def test_attachments_follow_their_mail_whatever_came_between(connection):
    dossier = dossiers.create_dossier(connection, "D")
    mail = add(connection, dossier, "mail.eml")
    add(connection, dossier, "other.pdf")
    inner = add(connection, dossier, "inner.eml", parent=mail.id)
    leaf = add(connection, dossier, "leaf.pdf", parent=inner.id)
    assert [row.name for row in documents.list_documents(connection, dossier.id)] == [
        "mail.eml",
        "inner.eml",
        "leaf.pdf",
        "other.pdf",
    ]
    assert (mail.depth, inner.depth, leaf.depth) == (0, 1, 2)
    assert documents.list_children(connection, mail.id) == (inner,)


def test_a_refusal_keeps_its_reason_and_a_retry_starts_over(connection):
    dossier = dossiers.create_dossier(connection, "D")
    document = add(connection, dossier)
    pages.put_page(connection, document.id, page(1))
    documents.note_progress(connection, document.id, pages_done=1, page_count=2)
    refused = documents.refuse_document(
        connection, document.id, "too-many-pages", {"pages": 5001, "limit": 5000}
    )
    assert refused.status is DocumentStatus.REFUSED
    assert refused.failure_params == {"pages": 5001, "limit": 5000}
    failed = documents.refuse_document(connection, document.id, "too-slow", status=DocumentStatus.FAILED)
    assert failed.status is DocumentStatus.FAILED
    exceptions.record_exception(connection, dossier.id, name="a", code="too-slow", document_id=document.id)
    fresh = documents.reset_document(connection, document.id)
    assert (fresh.status, fresh.pages_done, fresh.failure_code) == (DocumentStatus.QUEUED, 0, "")
    assert exceptions.list_exceptions(connection, dossier.id) == ()
    with pytest.raises(PageMissing):
        pages.get_page(connection, document.id, 1)


def test_the_exception_list_names_files_and_pages_once_until_dismissed(connection):
    dossier = dossiers.create_dossier(connection, "D")
    document = add(connection, dossier)
    for _ in range(2):
        exceptions.record_exception(
            connection, dossier.id, name="gone.pdf", code="file-gone", source_path="/a/gone.pdf"
        )
        exceptions.record_exception(
            connection,
            dossier.id,
            name="a.pdf",
            code="no-text",
            document_id=document.id,
            page=4,
            can_retry=False,
        )
        exceptions.record_exception(
            connection, dossier.id, name="a.pdf", code="password", document_id=document.id, params={"n": 1}
        )
    listed = exceptions.list_exceptions(connection, dossier.id)
    assert sorted((row.code, row.page, row.can_retry) for row in listed) == [
        ("file-gone", None, True),
        ("no-text", 4, False),
        ("password", None, True),
    ]
    assert exceptions.get_exception(connection, listed[0].id) == listed[0]
    exceptions.dismiss_exception(connection, listed[0].id)
    assert exceptions.get_exception(connection, listed[0].id) is None
    documents.reset_document(connection, document.id)
    left = exceptions.list_exceptions(connection, dossier.id)
    assert left == tuple(row for row in listed[1:] if row.document_id is None)


def book(connection, dossier, sealed, covered, model="m1"):
    return readings.book_reading(
        connection,
        dossier.id,
        model_identity=model,
        position_tok=100,
        text_mac=b"t" * 32,
        sealed_file_id=sealed,
        size_bytes=5,
        covered=covered,
    )


def test_a_new_reading_replaces_the_one_before_of_the_same_model(connection):
    dossier = dossiers.create_dossier(connection, "D")
    document = add(connection, dossier)
    covered = (Coverage(document.id, 3),)
    first, none = book(connection, dossier, "s1", covered)
    assert none == Shred()
    other, _ = book(connection, dossier, "s2", covered, model="m2")
    second, shred = book(connection, dossier, "s3", covered)
    assert shred.sealed_file_ids == ("s1",)
    assert readings.find_reading(connection, dossier.id, "m1") == second
    assert second.pages == 3
    assert readings.list_readings(connection) == (other, second)
    assert readings.delete_reading(connection, other.id).sealed_file_ids == ("s2",)
    assert readings.delete_reading(connection, other.id) == Shred()
    assert first.id != second.id


def test_deleting_a_mail_hands_back_all_that_must_be_destroyed(connection):
    dossier = dossiers.create_dossier(connection, "D")
    kept = add(connection, dossier, "kept.pdf", blob="shared")
    mail = add(connection, dossier, "mail.eml", blob="b1")
    inner = add(connection, dossier, "inner.pdf", blob="b2", parent=mail.id)
    shared = add(connection, dossier, "shared.pdf", blob="shared", parent=mail.id)
    pages.put_page(connection, inner.id, page(1))
    book(connection, dossier, "s1", (Coverage(inner.id, 1),))
    book(connection, dossier, "s2", (Coverage(kept.id, 1),), model="m2")
    exceptions.record_exception(connection, dossier.id, name="x", code="no-text", document_id=inner.id)
    shred = documents.delete_document(connection, mail.id)
    assert sorted(shred.blob_ids) == ["b1", "b2"]
    assert shred.sealed_file_ids == ("s1",)
    assert sorted(shred.document_ids) == sorted((mail.id, inner.id, shared.id))
    assert documents.list_documents(connection, dossier.id) == (kept,)
    assert exceptions.list_exceptions(connection, dossier.id) == ()
    with pytest.raises(DocumentMissing):
        documents.delete_document(connection, mail.id)


def test_deleting_a_dossier_takes_everything_with_it(connection):
    dossier = dossiers.create_dossier(connection, "D")
    other = dossiers.create_dossier(connection, "Other")
    document = add(connection, dossier, blob="b1")
    pages.put_page(connection, document.id, page(1))
    book(connection, dossier, "s1", (Coverage(document.id, 1),))
    exceptions.record_exception(connection, dossier.id, name="x", code="password")
    shred = dossiers.delete_dossier(connection, dossier.id)
    assert shred == Shred(("b1",), ("s1",), (document.id,))
    assert dossiers.list_dossiers(connection) == (other,)
    for table in ("document", "page", "exception", "reading"):
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    with pytest.raises(DossierMissing):
        dossiers.delete_dossier(connection, dossier.id)


def test_a_document_needs_its_dossier_and_its_mail(vault):
    with pytest.raises((IntegrityError, HuisClosError)), vault.write() as connection:
        documents.add_document(
            connection, "f" * 32, name="a", blob_id="b", size_bytes=1, content_mac=b"x" * 32
        )
    with vault.write() as connection:
        dossier = dossiers.create_dossier(connection, "D")
        with pytest.raises(DocumentMissing):
            add(connection, dossier, parent="f" * 32)


def test_the_blobs_of_documents_and_the_files_of_readings_are_not_orphans(vault):
    with vault.write() as connection:
        dossier = dossiers.create_dossier(connection, "D")
        document = add(connection, dossier, blob=vault.blobs.put(b"content", "document"))
        book(connection, dossier, "s1", (Coverage(document.id, 1),))
        named = {row[0] for query in schema.REFERENCES for row in connection.exec_driver_sql(query)}
    assert named == {document.blob_id, "s1"}
