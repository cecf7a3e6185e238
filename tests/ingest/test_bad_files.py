"""Every bad file ends as a clear reason, and never as anything worse."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pymupdf
import pytest

from app.ingest import IngestRefused, Limits, ParserHelper
from tests.ingest.conftest import Reader

DOCX_TYPES = (
    b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    b'<Default Extension="xml" ContentType="application/xml"/></Types>'
)
BODY = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">%s</w:document>'


def packed(parts, compression=zipfile.ZIP_DEFLATED):
    """A zip that calls itself a Word document."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        archive.writestr("[Content_Types].xml", DOCX_TYPES)
        for name, data in parts:
            archive.writestr(name, data)
    return written.getvalue()


def raw_pdf(*objects, trailer=b"/Root 1 0 R"):
    """A PDF of these numbered objects, with a right table of them."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d %s>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, start)
    return bytes(out)


def stream(data, extra=b""):
    return b"<</Length %d %s>>\nstream\n%s\nendstream" % (len(data), extra, data)


PAGES = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>")


def one_page(content, box=b"0 0 595 842", extra=b""):
    return raw_pdf(
        *PAGES,
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>%s>>>>"
        % (box, extra),
        content,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )


def test_an_empty_file(reader):
    assert reader.refusal(b"", "a.pdf").code == "empty-file"


def test_a_file_of_blanks(reader):
    assert reader.refusal(b" \n\t ", "a.txt").code == "nothing-to-read"


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"hello, I am a text", "a.pdf", "not-a-pdf"),
        (b"\x00\x01\x02" * 100, "a.pdf", "not-a-pdf"),
        (b"hello, I am a text", "a.docx", "not-a-docx"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "a.pdf", "image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "scan.jpg", "image"),
        (b"\x00\x01\x02" * 100, "a.bin", "unsupported-kind"),
        (b"\x7fELF\x02\x01\x01\x00" + b"\0" * 50, "a", "unsupported-kind"),
        (b"{\\rtf1 hello}", "a.rtf", "unsupported-kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.doc", "unsupported-kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "a.docx", "password"),
        (b"PK\x03\x04 and then nothing", "a.docx", "damaged"),
        (b"a\x01b\x02c\x03d\x04e\x05f\x06" * 3, "a.txt", "unsupported-kind"),
        ("\x80\x81\x82\x83".encode("utf-16"), "a.txt", "not-text"),
    ],
)
def test_a_file_that_is_not_what_it_says_or_no_kind_we_read(reader, data, name, code):
    assert reader.refusal(data, name).code == code


def test_a_pdf_is_known_by_content_whatever_it_is_called(reader, files):
    document, _ = reader.parse(files.pdf(["x"]), "a.docx")
    assert document.media_type == "application/pdf"


def test_other_archives_are_named(reader):
    for part, kind in (("xl/workbook.xml", "Excel workbook"), ("ppt/slides.xml", "PowerPoint presentation")):
        refused = reader.refusal(packed([(part, b"<a/>")]), "a.zip")
        assert (refused.code, refused.params["kind"]) == ("unsupported-kind", kind)


def test_a_password_protected_pdf(reader, files):
    document = pymupdf.open(stream=files.pdf(["secret"]), filetype="pdf")
    locked = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="u", owner_pw="o")
    assert reader.refusal(locked, "a.pdf").code == "password"
    open_to_all = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="o")
    assert reader.parse(open_to_all)[1][0].text == "secret"


def test_a_truncated_pdf_gives_what_is_left_or_a_reason(reader, files):
    whole = files.pdf([f"Page {number}" for number in range(1, 9)])
    document, pages = reader.parse(whole[: int(len(whole) * 0.97)], "a.pdf")
    assert [note.code for note in document.notes] == ["repaired"]
    assert pages[0].text == "Page 1"
    assert reader.refusal(whole[:20], "a.pdf").code == "damaged"
    assert reader.refusal(b"%PDF-1.7\n", "a.pdf").code == "damaged"


def test_a_page_without_text_is_noted_and_a_scan_needs_ocr(reader, files):
    def drawing(sheet):
        sheet.rect(100, 100, 200, 200, fill=1)

    document, pages = reader.parse(files.pdf(["text", drawing]), "a.pdf")
    assert [page.note for page in pages] == ["", "no-text"]
    assert not document.needs_ocr()
    document, pages = reader.parse(files.pdf([drawing, drawing]), "a.pdf")
    assert document.needs_ocr()
    assert not document.needs_ocr(pages_with_text_before=1)
    assert document.page_count == 2
    picture = reader.helper.render(files.pdf([drawing]), "application/pdf", 1, width_px=100)
    assert min(picture.rgb) == 0


def test_5001_pages_are_refused_and_5000_opened(reader):
    def pages(count):
        kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
        tree = b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 10 10]>>" % (count, kids)
        return raw_pdf(PAGES[0], tree, *[b"<</Type/Page/Parent 2 0 R>>"] * count)

    refused = reader.refusal(pages(5001), "a.pdf")
    assert (refused.code, refused.params) == ("too-many-pages", {"pages": 5001, "limit": 5000})
    document, last = reader.parse(pages(5000), "a.pdf", first_page=4999)
    assert (document.page_count, len(last)) == (5000, 2)


def test_a_text_of_more_than_5000_pages_is_refused(helper):
    with ParserHelper.spawn(Limits(pages=3)) as small:
        refused = Reader(small).refusal("\f".join("abcd").encode(), "a.txt")
    assert refused.code == "too-many-pages"


def test_a_page_count_that_lies_ends_in_a_reason(reader):
    for count in (b"2147483647", b"-1", b"9999999999999"):
        data = raw_pdf(PAGES[0], b"<</Type/Pages/Kids[]/Count %s>>" % count)
        assert reader.refusal(data, "a.pdf").code in {"too-many-pages", "no-pages", "damaged"}


def test_a_page_tree_that_bites_its_tail_ends_in_a_reason(reader):
    data = raw_pdf(PAGES[0], b"<</Type/Pages/Kids[2 0 R]/Count 3>>")
    assert reader.refusal(data, "a.pdf").code in {"damaged", "no-pages"}


def forms_within_forms():
    inside = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"
    return raw_pdf(
        *PAGES,
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        stream(b"/X Do"),
        *(
            stream(b"/X Do /X Do", inside + b"/Resources<</XObject<</X %d 0 R>>>>" % at)
            for at in range(6, 46)
        ),
        stream(b"0 0 1 1 re f", inside),
    )


def hostile_pdfs():
    mebibyte = zlib.compress(b"\0" * (1 << 20), 9)
    flate = zlib.compress(zlib.compress(b" 1 0 0 1 0 0 cm" * 4_000_000, 1), 9)
    yield "double flate bomb", one_page(stream(flate, b"/Filter[/FlateDecode/FlateDecode]"))
    yield (
        "picture of 65,500 by 65,500",
        one_page(
            stream(b"/I Do"),
            extra=b"/XObject<</I<</Subtype/Image/Width 65500/Height 65500/BitsPerComponent 8>>>>",
        ),
    )
    image = stream(mebibyte, b"/Type/XObject/Subtype/Image/Width 65500/Height 65500/ColorSpace/DeviceRGB"
                             b"/BitsPerComponent 8/Filter/FlateDecode")  # fmt: skip
    yield (
        "large picture",
        raw_pdf(
            *PAGES,
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
            stream(b"900 0 0 900 0 0 cm /I Do"),
            image,
        ),
    )
    yield (
        "huge page",
        one_page(stream(b"BT /F 12 Tf 72 700 Td (hello) Tj ET"), box=b"0 0 1000000000 1000000000"),
    )
    yield "page without sides", one_page(stream(b"BT /F 12 Tf (x) Tj ET"), box=b"5 5 5 5")
    yield "page of nonsense sides", one_page(stream(b"BT /F 12 Tf (x) Tj ET"), box=b"nan inf -1e99 1e99")
    yield "deep arrays", one_page(stream(b"[" * 200_000 + b"]" * 200_000))
    yield "deep dictionaries", raw_pdf(PAGES[0], b"<</A" * 100_000 + b">>" * 100_000)
    yield "forms within forms, 2^40 times", forms_within_forms()
    yield "a million signs", one_page(stream(b"BT /F 1 Tf 10 10 Td " + b"(abcdefgh ) Tj " * 120_000 + b"ET"))


@pytest.fixture(scope="module")
def strict():
    limits = Limits(cpu_s=1, own_layout_cpu_s=2, view_cpu_s=1, memory_bytes=400 << 20, page_words=100_000)
    with ParserHelper.spawn(limits) as spawned:
        yield spawned


@pytest.mark.parametrize(
    ("name", "data"), [pytest.param(name, data, id=name) for name, data in hostile_pdfs()]
)
def test_a_hostile_pdf_costs_no_more_than_its_limits(strict, name, data, spans_hold):
    reader = Reader(strict)
    nursery = strict.process_id
    ends = {"too-slow", "too-much-memory", "reader-died", "damaged", "no-pages"}
    try:
        document, pages = reader.parse(data, "a.pdf")
    except IngestRefused as refused:
        assert refused.code in ends  # noqa: PT017
    else:
        assert document.page_count == 1
        spans_hold(pages)
    try:
        picture = strict.render(data, "application/pdf", 1, width_px=200)
    except IngestRefused as refused:
        assert refused.code in ends  # noqa: PT017
    else:
        assert picture.width_px * picture.height_px <= 50_000_000
    assert strict.process_id == nursery


def test_a_picture_of_a_page_is_clamped(reader, files):
    data = files.pdf(["x"], size=(100, 100))
    picture = reader.helper.render(data, "application/pdf", 1, width_px=10_000_000)
    assert max(picture.width_px, picture.height_px) <= 10_000
    assert picture.width_px * picture.height_px <= 50_000_000
    narrow = reader.helper.render(files.pdf(["x"], size=(3, 3000)), "application/pdf", 1, width_px=9000)
    assert narrow.height_px <= 10_000


def test_a_page_that_is_not_there_cannot_be_drawn(reader, files):
    for page in (0, 2, -1, 10**9):
        with pytest.raises(IngestRefused) as caught:
            reader.helper.render(files.pdf(["x"]), "application/pdf", page, width_px=100)
        assert caught.value.code == "page-missing"


def test_a_zip_bomb_as_a_word_document(reader):
    zeros = b"\0" * (30 << 20)
    bomb = packed([("word/document.xml", zeros)])
    assert len(bomb) < 100_000
    assert reader.refusal(bomb, "a.docx").code == "archive-too-large"
    many = packed([("word/document.xml", b"x"), *((f"word/{n}.bin", zeros) for n in range(8))])
    assert reader.refusal(many, "a.docx").code == "archive-too-large"


def test_a_zip_bomb_in_a_zip_is_never_unpacked(reader):
    inner = packed([("word/document.xml", b"\0" * (30 << 20))])
    body = BODY % b"<w:body><w:p><w:r><w:t>text</w:t></w:r></w:p></w:body>"
    outer = packed([("word/document.xml", body), ("word/embeddings/inner.docx", inner)])
    assert reader.refusal(outer, "a.docx").code == "damaged"  # no relations: but the bomb stayed shut


def test_a_zip_that_lies_about_its_sizes(reader):
    bomb = bytearray(packed([("word/document.xml", b"\0" * (30 << 20))]))
    at = bomb.rindex(b"PK\x01\x02")
    struct.pack_into("<I", bomb, at + 24, 1000)
    assert reader.refusal(bytes(bomb), "a.docx").code in {"damaged", "archive-too-large"}


def test_unsafe_packing_is_not_opened(reader):
    link = zipfile.ZipInfo("word/link")
    link.external_attr = 0o120777 << 16
    for part in ("../../evil", "/etc/passwd", "C:/x", "word/../../x", link):
        data = packed([("word/document.xml", BODY % b""), (part, b"x")])
        assert reader.refusal(data, "a.docx").code == "archive-unsafe"
    entries = [(f"word/{n}", b"") for n in range(2001)]
    assert (
        reader.refusal(packed([("word/document.xml", b""), *entries]), "a.docx").code == "archive-too-large"
    )


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + BODY % b"&x;",
        b'<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;&x;">]>' + BODY % b"&y;",
        b'<!DOCTYPE a SYSTEM "http://example.invalid/x.dtd">' + BODY % b"",
        BODY % (b"<w:p>" * 300 + b"</w:p>" * 300),
        BODY.replace(b"<w:document", b'<?xml version="1.0" encoding="utf-16"?><w:document') % b"",
        b"<w:document",
    ],
)
def test_xml_that_is_a_trap_is_not_parsed(reader, xml):
    assert reader.refusal(packed([("word/document.xml", xml)]), "a.docx").code in {
        "archive-unsafe",
        "damaged",
    }


def test_a_mail_of_too_many_parts_is_refused(reader):
    parts = b"".join(b"--x\r\nContent-Type: text/plain\r\n\r\na\r\n" for _ in range(2001))
    data = (
        b"From: a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        + parts
        + b"--x--"
    )
    assert reader.refusal(data, "a.eml").code == "archive-too-large"


def test_a_mail_nested_without_end_is_refused(reader):
    data = b"From: a\r\nMIME-Version: 1.0\r\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000)
    )
    assert reader.refusal(data, "a.eml").code in {"archive-too-large", "damaged", "too-slow"}


def test_a_mail_with_more_attachments_than_allowed_says_so(files):
    with ParserHelper.spawn(Limits(attachments=2, attachment_bytes=100)) as small:
        mail = files.mail(attachments=[("a", b"x" * 200), ("b", b"b"), ("c", b"c"), ("d", b"d")])
        document, _ = Reader(small).parse(mail, "a.eml")
    assert [child.name for child in document.children] == ["b", "c"]
    assert [note.code for note in document.notes] == ["attachment-too-large", "attachments-left-out"]


def test_a_file_over_the_limit_is_refused_before_it_is_read(files):
    with ParserHelper.spawn(Limits(file_bytes=1000)) as small:
        refused = Reader(small).refusal(b"%PDF-" + b"x" * 2000, "a.pdf")
    assert refused.code == "file-too-large"


def test_a_page_with_too_much_text_is_cut_and_noted(files, spans_hold):
    with ParserHelper.spawn(Limits(page_text_bytes=100)) as small:
        document, pages = Reader(small).parse(files.pdf(["word " * 15 + "\n" + "more " * 15]), "a.pdf")
    spans_hold(pages)
    assert pages[0].note == "text-cut"
    assert len(pages[0].text) <= 100
    assert document.pages_with_text == 1


def test_memory_and_processor_time_are_bounded(files):
    limits = Limits(memory_bytes=48 << 20, cpu_s=1)
    with ParserHelper.spawn(limits) as small:
        heavy = "palabra " * 200_000
        assert Reader(small).refusal(heavy.encode(), "a.txt").code in {"too-much-memory", "reader-died"}
        assert Reader(small).refusal(forms_within_forms(), "a.pdf").code in {"too-slow", "too-much-memory"}


def mutated(data, dice):
    """The data with a few bytes changed, cut out, doubled or swapped for words that matter."""
    out = bytearray(data)
    words = (
        b"obj",
        b"endstream",
        b"/Length",
        b"/Kids",
        b"/Count",
        b"-1",
        b"4294967296",
        b"<<",
        b">>",
        b"[",
        b"R",
        b"xref",
    )
    for _ in range(dice.choice((1, 3, 10, 40))):
        at = dice.randrange(len(out))
        deed = dice.randrange(5)
        if deed == 0:
            out[at] = dice.randrange(256)
        elif deed == 1:
            del out[at : at + dice.randrange(1, 200)]
        elif deed == 2:
            out[at:at] = out[at : at + dice.randrange(1, 300)]
        elif deed == 3:
            word = dice.choice(words)
            out[at : at + len(word)] = word
        else:
            out[at : at + 4] = dice.randbytes(4)
        if not out:
            return b"x"
    return bytes(out)


@pytest.mark.parametrize("kind", ["pdf", "docx", "eml", "txt"])
def test_mutated_files_end_as_pages_or_as_a_reason(strict, files, spans_hold, kind):
    dice = random.Random(f"mutation of {kind}")
    document = pymupdf.open(stream=files.pdf(["Première page " * 4, "Deuxième"]), filetype="pdf")
    seeds = {
        "pdf": [
            files.pdf(["Bonjour"] * 3),
            document.tobytes(use_objstms=1, deflate=True),
            document.tobytes(garbage=4),
        ],
        "docx": [
            files.docx(lambda made: (made.add_heading("T"), made.add_table(2, 2), made.add_paragraph("p")))
        ],
        "eml": [files.mail(attachments=[("a.pdf", b"%PDF-1.4"), ("b.eml", files.mail())], html="<p>b</p>")],
        "txt": ["Élève ".encode() * 50],
    }[kind]
    nursery = strict.process_id
    reader = Reader(strict)
    read = refused = 0
    for turn in range(100 if kind == "pdf" else 25):
        data = mutated(seeds[turn % len(seeds)], dice)
        try:
            _, pages = reader.parse(data, f"a.{kind}")
            spans_hold(pages)
            read += 1
        except IngestRefused as refusal:
            assert refusal.code not in {"reader-died", "reader-misbehaved", "cage-missing"}  # noqa: PT017
            refused += 1
    assert strict.process_id == nursery
    assert read + refused >= 25


def test_reading_files_brings_no_network_module_into_the_application():
    script = (
        "import sys; from app.ingest import ParserHelper; h = ParserHelper.spawn(); h.parse(b'x', 'a.txt', "
        "on_page=print); h.close(); print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('pymupdf', 'docx', 'lxml', 'ssl', 'http', 'asyncio', 'pickle', 'email', 'zipfile')))"
    )
    root = str(Path(__file__).resolve().parents[2])
    ran = subprocess.run(
        (sys.executable, "-c", script), capture_output=True, env={"PYTHONPATH": root}, check=True
    )
    assert ran.stdout.decode().strip().endswith("[]")
