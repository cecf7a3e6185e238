"""Every bad input that must be met: one drop of them all at once, and the place of each one's own test."""

from __future__ import annotations

import ast
import contextlib
import email.message
import email.policy
import io
import os
import sys
import zipfile
from pathlib import Path

import pymupdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from app import services
from app.core.paths import Paths
from tests.promises.house import PASSPHRASE, ROOT

HERE = "promises/test_bad_input.py"
DROP = f"{HERE}::test_one_drop_of_everything_bad_takes_in_what_is_good_and_names_the_rest"
LIVES = "promises/test_lives.py"

# Each kind of bad input, and where it is met.
MET = {
    "not a PDF": [DROP, "ingest/test_bad_files.py::test_a_file_that_is_not_what_it_says_or_no_kind_we_read"],
    "truncated PDF": [DROP, "ingest/test_bad_files.py::test_a_truncated_pdf_gives_what_is_left_or_a_reason"],
    "password PDF": [DROP, "ingest/test_bad_files.py::test_a_password_protected_pdf"],
    "0 bytes": [DROP, "ingest/test_bad_files.py::test_an_empty_file"],
    "5,000 pages": [DROP, "ingest/test_bad_files.py::test_5001_pages_are_refused_and_5000_opened"],
    "a page with no text": [
        DROP,
        "ingest/test_bad_files.py::test_a_page_without_text_is_noted_and_a_scan_needs_ocr",
    ],
    "a zip bomb as DOCX": [DROP, "ingest/test_bad_files.py::test_a_zip_bomb_as_a_word_document"],
    "a mail within a mail within a mail": [
        DROP,
        "ingest/test_mails.py::test_a_mail_within_a_mail_within_a_mail_is_refused_with_its_reason",
    ],
    "file names": [DROP, "ingest/test_names.py::test_a_name_becomes_one_honest_line"],
    "the same file twice": [
        DROP,
        "services/test_imports.py::test_the_same_content_is_taken_once_whatever_its_name",
    ],
    "deleted while importing": [
        f"{HERE}::test_what_vanishes_or_cannot_be_read_is_told_and_can_be_tried_again_once_mended",
        "services/test_imports.py::test_a_file_deleted_while_importing_is_named_and_can_be_retried_when_it_is_back",
    ],
    "disk full": [
        f"{LIVES}::test_a_disk_that_fills_up_is_told_and_the_import_goes_on_when_there_is_room",
        "services/test_imports.py::test_without_room_on_the_disk_nothing_is_lost_and_the_import_goes_on_later",
        "store/test_database.py::test_a_full_disk_loses_nothing_and_writing_goes_on_once_there_is_room",
    ],
    "wrong passphrase": [
        f"{LIVES}::test_a_wrong_passphrase_and_none_at_all_are_told_plainly",
        "store/test_keyfile.py::test_a_wrong_passphrase_is_told_plainly",
    ],
    "damaged database": [
        f"{LIVES}::test_a_damaged_database_is_told_and_left_as_it_is",
        "store/test_database.py::test_a_flipped_bit_anywhere_in_the_database_is_found",
    ],
    "damaged snapshot": [
        f"{LIVES}::test_a_damaged_reading_and_a_damaged_model_leave_the_answers_of_the_search",
        "engine/client/test_snapshots.py::test_a_damaged_or_foreign_snapshot_is_refused_and_no_session_made",
        "services/test_readings_and_models.py::test_a_reading_that_no_longer_fits_is_read_again_and_never_guessed",
    ],
    "damaged model": [
        f"{LIVES}::test_a_damaged_reading_and_a_damaged_model_leave_the_answers_of_the_search",
        "promises/test_hostile_models.py::test_a_hostile_model_is_refused_in_one_sentence_and_all_else_goes_on",
    ],
    "engine killed mid-answer": [
        f"{LIVES}::test_an_engine_killed_while_it_answers_leaves_the_passages_and_says_so",
        "engine/client/test_death.py::test_a_killed_engine_is_told_and_comes_back_with_its_model",
    ],
    "window closed mid-import": [
        f"{LIVES}::test_killed_at_any_moment_of_an_import_what_was_acknowledged_stays_and_the_rest_follows",
        "services/test_imports.py::test_closing_the_window_in_the_middle_pauses_and_the_next_opening_goes_on",
    ],
}


@pytest.mark.parametrize("item", MET)
def test_each_bad_input_has_its_test(item):
    for place in MET[item]:
        file, _, name = place.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, place


def pdf(*pages: str | None, **options: object) -> bytes:
    """A PDF; None is a page with a drawing and no text."""
    written = io.BytesIO()
    sheet = canvas.Canvas(written, pagesize=A4, invariant=True, **options)
    for page in pages:
        if page is None:
            sheet.rect(100, 100, 200, 200, fill=1)
        else:
            sheet.drawString(72, 700, page)
        sheet.showPage()
    sheet.save()
    return written.getvalue()


def many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 10 10]>>" % (count, kids),
        *[b"<</Type/Page/Parent 2 0 R>>"] * count,
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % (n, each) for n, each in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer<</Root 1 0 R/Size %d>>\n%%%%EOF" % (len(objects) + 1)


def locked(data: bytes) -> bytes:
    document = pymupdf.open(stream=data, filetype="pdf")
    return document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="u", owner_pw="o")


def bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"\0" * (150 << 20))
    return written.getvalue()


def mail(subject: str, inner: bytes = b"") -> bytes:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = "a@example.invalid", "b@example.invalid", subject
    message.set_content(f"This is the {subject}.")
    if inner:
        message.add_attachment(email.message_from_bytes(inner, policy=email.policy.SMTP))
    return message.as_bytes()


WHOLE = pdf(*(f"Page {n} about the lease" for n in range(1, 9)))
LONG_NAME = "é" * 125 + "x.txt"  # 255 bytes

BAD = {
    "a not.pdf": (b"I am no PDF at all.", "not-a-pdf"),
    "b cut.pdf": (WHOLE[:20], "damaged"),
    "c locked.pdf": (locked(pdf("secret")), "password"),
    "d empty.txt": (b"", "empty-file"),
    "e endless.pdf": (many_pages(5001), "too-many-pages"),
    "f scan.pdf": (pdf(None, None), "no-text"),
    "g bomb.docx": (bomb(), "archive-too-large"),
    "h picture.png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "image"),
    "i program.txt": (b"\x7fELF" + bytes(range(256)), "unsupported-kind"),
    "j not.docx": (b"\x00\x01\x02" * 500, "not-a-docx"),
}
GOOD: dict[str | bytes, bytes] = {
    "k half.pdf": pdf("The lease", None),
    "l mended.pdf": WHOLE[: int(len(WHOLE) * 0.97)],
    "m deep.eml": mail("outermost", mail("middle one", mail("innermost"))),
    "n line\nbreak.txt": b"A name of two lines.",
    "o \U0001f469\u200d\u2695\ufe0f \U0001f48a.txt": b"A name with a doctor in it.",
    "p \u202efdp.txt": b"A name that turns round.",
    "q שלום عليكم.txt": b"A name from right to left.",
    b"r caf\xe9.txt": b"A name that is no Unicode.",
    LONG_NAME: b"A name as long as a name may be.",
    "zz good.txt": b"The last one is simply good.",
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that other systems refuse to write")
def test_one_drop_of_everything_bad_takes_in_what_is_good_and_names_the_rest(house):
    house.make_vault()
    for name, (data, _) in BAD.items():
        house.file(f"drop/{name}", data)
    for name, data in GOOD.items():
        place = (
            os.fsencode(house.files / "drop") + b"/" + (name if isinstance(name, bytes) else name.encode())
        )
        Path(os.fsdecode(place)).write_bytes(data)
    house.file("drop/y twin.txt", GOOD["zz good.txt"])
    (house.files / "drop" / "x loop").symlink_to(house.files / "drop")
    os.mkfifo(house.files / "pipe")
    done = house.take(house.files / "drop", house.files / "pipe", house.files / "never there.txt")
    assert done.code == 0, done.err
    report = done.value
    reasons = {entry["file"]: entry["code"] for entry in report["exceptions"] if entry["page"] is None}
    expected = {name: code for name, (_, code) in BAD.items()}
    innermost = {name: code for name, code in reasons.items() if code == "nested-too-deep"}
    assert len(innermost) == 1
    assert reasons.pop("l mended.pdf", "repaired") == "repaired"
    told = {"pipe": "not-a-file", "never there.txt": "file-gone", "drop": "links-left-out"}
    assert reasons == expected | innermost | told
    assert all(len(e["reason"]) > 15 and "{" not in e["reason"] for e in report["exceptions"])
    assert [(e["file"], e["page"]) for e in report["exceptions"] if e["page"]] == [("k half.pdf", 2)]
    assert report["duplicates"] == [{"file": "zz good.txt", "same_as": "y twin.txt"}]
    added = {entry["document"] for entry in report["added"]}
    assert len(report["added"]) == len(GOOD) + 1, added
    assert {"n line break.txt", "p fdp.txt", "q שלום عليكم.txt", LONG_NAME, "m deep.eml"} <= added
    assert all(name.isprintable() or "\u200d" in name for name in added)
    (odd,) = [name for name in added if name.startswith("r caf")]
    odd.encode("utf-8")
    found = house.run("search", "no Unicode", "--dossier", "D").value
    assert found["hits"][0]["document"] == odd

    # The same drop once more, with the locked file saved without its password.
    house.file("drop/c locked.pdf", pdf("The rent is due"))
    again = house.take(house.files / "drop")
    assert again.code == 0
    assert [entry["document"] for entry in again.value["added"]] == ["c locked.pdf"], "nothing is taken twice"
    assert house.run("check", "--thorough").value["problems"] == []


def test_what_vanishes_or_cannot_be_read_is_told_and_can_be_tried_again_once_mended(house):
    house.make_vault()
    for n in range(30):  # long enough that the last ones still wait when the first is told
        house.file(f"drop/{n:02}.txt", f"Number {n}.\n\n" * 200)
    doomed = house.file("drop/zz doomed.txt", "It vanished and came back.")
    empty = house.file("drop/zz empty.txt", "")
    process = house.start(house.command("import", house.files / "drop", "--dossier", "D"))
    assert process.stdin
    assert process.stderr
    process.stdin.write(PASSPHRASE + "\n")
    process.stdin.flush()
    assert process.stderr.readline().startswith("1/32")
    doomed.unlink()
    done = house.finish(process, passphrase=None)
    assert done.code == 0
    assert "zz doomed.txt: The file is not there any more" in done.out
    assert "zz empty.txt: The file is empty" in done.out

    doomed.write_text("It vanished and came back.")
    empty.write_text("It was empty and is not.")
    parts = services.Companions.start(Paths.find(house.root / "huisclos"), with_engine=False)
    workspace = services.Workspace.open(house.vault, PASSPHRASE, companions=parts, auto_read=False)
    with contextlib.closing(workspace) as ws:
        dossier = services.find_dossier(ws, "D")
        assert dossier is not None
        for entry in services.list_exceptions(ws, dossier.id):
            assert entry.can_retry, entry
            assert len(services.retry(ws, entry.id).result(60).added) == 1
        assert services.list_exceptions(ws, dossier.id) == ()
        for words in ("vanished", "empty"):
            assert services.search(ws, dossier.id, words).result(60).total_pages == 1
        assert len(services.list_documents(ws, dossier.id)) == 32
