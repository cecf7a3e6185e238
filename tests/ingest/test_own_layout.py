"""Formats without pages: what is laid out, and that boxes and drawing agree."""

from __future__ import annotations

import pymupdf
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.limits import Limits
from app.ingest.plain_texts import read_markdown, read_text
from app.ingest.refusals import IngestRefused
from app.ingest.sources import open_source
from app.ingest.stories import Cell, Paragraph, Run, Story, Table, plain
from app.ingest.typeset_source import FOOTER, TypesetSource

LIMITS = Limits()
PARAGRAPH = (
    "Mme Durand, née le 3 mai 1948, a été admise pour une dyspnée d'effort (III) ; créatinine 98 µmol/L, "
    "coût 12,50 €, œdèmes des membres inférieurs, « sans fièvre ». Жуков Ωμέγα 患者血压升高 fin. "
)


def source_of(*blocks):
    return TypesetSource(Story("text/plain", blocks=list(blocks)), LIMITS)


def words_drawn(source, number):
    """Every sign and its box as the PDF library finds them on the painted page."""
    document = source.paint(number)
    text_page = document[0].get_textpage(flags=pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES)
    signs = []
    for block in text_page.extractRAWDICT()["blocks"]:
        for line in block["lines"]:
            signs += [(sign["c"], sign["bbox"]) for span in line["spans"] for sign in span["chars"]]
    return signs


def text_in(signs, word):
    """The signs whose middle lies in a word's box, left to right."""
    inside = [
        (box[0], sign)
        for sign, box in signs
        if word.x0 <= (box[0] + box[2]) / 2 <= word.x1 and word.y0 <= (box[1] + box[3]) / 2 <= word.y1
    ]
    return "".join(sign for _, sign in sorted(inside)).strip()


def check_round_trip(source):
    for number in range(1, source.page_count + 1):
        page = source.page(number)
        signs = words_drawn(source, number)
        for word in page.words:
            assert text_in(signs, word) == page.text[word.start : word.end].replace("\u2011", "-")
    return source


def test_words_drawn_are_the_words_kept_at_their_boxes():
    blocks = [plain("Un titre assez long", "title"), plain("Antécédents", "heading1")]
    blocks += [plain(PARAGRAPH * 3) for _ in range(12)]
    blocks += [Paragraph((Run("Gras ", bold=True), Run("pen"), Run("ché", italic=True)), label="a)", level=1)]
    blocks += [
        Table(
            tuple(
                (Cell((Run("Sodium"),)), Cell((Run("140 mmol/L"),)), Cell((Run(PARAGRAPH),))) for _ in "abcd"
            )
        )
    ]
    source = check_round_trip(source_of(*blocks))
    assert source.page_count >= 3


@settings(max_examples=25)
@given(
    st.lists(
        st.text(st.characters(codec="cp1252", exclude_categories=["Cc", "Cf"]), max_size=400), max_size=6
    )
)
def test_any_western_text_survives_the_round_trip(paragraphs):
    try:
        source = source_of(*(plain(text) for text in paragraphs))
    except IngestRefused:
        assert not "".join(paragraphs).strip()
        return
    check_round_trip(source)
    kept = " ".join(source.page(number).text for number in range(1, source.page_count + 1))
    assert "".join(kept.split()) == "".join("".join(paragraphs).split())


def test_a_word_longer_than_a_line_is_cut_and_still_one_word_in_the_text():
    long = "https://example.invalid/" + "abcdefghij" * 40
    source = check_round_trip(source_of(plain(f"Voir {long} fin")))
    page = source.page(1)
    assert page.text == f"Voir {long} fin"
    assert max(word.x1 for word in page.words) < 595 - 60


def test_the_layout_says_whose_it_is_and_numbers_paragraphs():
    source = source_of(plain("Titre", "heading1"), plain("Premier alinéa"), plain("Second alinéa"))
    drawn = source.paint(1)[0].get_text()
    assert FOOTER in drawn
    assert "1 / 1" in drawn
    assert "¶ 1" in drawn
    assert "¶ 2" in drawn
    assert "¶ 3" not in drawn
    assert source.page(1).text == "Titre\n\nPremier alinéa\n\nSecond alinéa"


def test_nothing_overlaps_and_nothing_leaves_the_page():
    rows = tuple((Cell((Run(f"ligne {row}"),)), Cell((Run(PARAGRAPH * (1 + row % 9)),))) for row in range(20))
    source = source_of(*[plain(PARAGRAPH) for _ in range(12)], Table(rows))
    for number in range(1, source.page_count + 1):
        words = source.page(number).words
        assert all(word.x0 > 60 and word.x1 < 535 and word.y0 > 50 and word.y1 < 790 for word in words)
        for at, one in enumerate(words):
            for two in words[at + 1 :]:
                beside = one.x1 <= two.x0 + 0.02 or two.x1 <= one.x0 + 0.02
                apart = min(one.y1, two.y1) - max(one.y0, two.y0) <= 0.5
                assert beside or apart
    numbers = [word for page in range(1, source.page_count + 1) for word in source.page(page).text.split()]
    assert [int(numbers[at + 1]) for at, word in enumerate(numbers) if word == "ligne"] == list(range(20))


def test_the_same_bytes_are_laid_out_alike_twice(reader, files):
    data = files.docx(lambda document: [document.add_paragraph(PARAGRAPH * 5) for _ in range(20)])
    first, pages = reader.parse(data, "a.docx")
    second, again = reader.parse(data, "renamed.docx")
    assert first == second
    assert pages == again
    assert first.layout == "ours"
    picture = reader.helper.render(data, first.media_type, 2, width_px=300)
    assert picture == reader.helper.render(data, first.media_type, 2, width_px=300)


def test_signs_no_face_has_are_kept_in_the_text_and_said(reader):
    document, pages = reader.parse("Réunion 🙂 à 10 h, שלום".encode(), "a.txt")
    assert pages[0].text == "Réunion 🙂 à 10 h, שלום"
    assert [note.code for note in document.notes] == ["signs-missing"]
    assert reader.helper.render("Réunion 🙂".encode(), "text/plain", 1, width_px=200).width_px == 200


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "latin-1", "cp1252", "utf-32"]
)
def test_text_is_read_in_the_encoding_it_is_in(encoding):
    text = "Élève à l'œuvre : « 12 µmol »" if encoding != "latin-1" else "Élève à l'ouvrage : « 12 µmol »"
    data = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-bom" else text.encode(encoding)
    assert open_source(data, "a.txt").page(1).text == text


def test_chinese_text_is_read_in_its_own_encoding():
    text = "患者血压升高，建议复查。"
    for encoding in ("utf-8", "gb18030"):
        assert open_source(text.encode(encoding), "a.txt").page(1).text == text


def test_lines_and_paragraphs_of_a_text_stay():
    story = read_text(b"Objet : bail\r\nRef 12\r\n\r\n\r\nMadame,\n\x0cPage deux", LIMITS)
    source = TypesetSource(story, LIMITS)
    assert [source.page(n).text for n in (1, 2)] == ["Objet : bail\nRef 12\n\nMadame,", "Page deux"]


def test_markdown_becomes_headings_lists_and_tables():
    text = "# Compte rendu\n\nUn **point** fort\n\n- un\n2. deux\n\n"
    text += "| a | b |\n|---|---|\n| 1 | 2 |\n\n## Suite\nfin\n"
    story = read_markdown(text.encode(), LIMITS)
    assert story.title == "Compte rendu"
    page = TypesetSource(story, LIMITS).page(1)
    assert page.text == "Compte rendu\n\nUn point fort\n\n• un\n\n2. deux\n\na\tb\n1\t2\n\nSuite\n\nfin"


def element(tag, *children, text=None, **attributes):
    made = OxmlElement(tag)
    for key, value in attributes.items():
        made.set(qn(f"w:{key}"), value)
    for child in children:
        made.append(child)
    if text is not None:
        made.text = text
    return made


def test_a_word_document_gives_its_text_numbers_tables_and_notes(reader, files, spans_hold):
    def build(document):
        document.core_properties.title = "Contrat"
        document.sections[0].header.paragraphs[0].text = "Cabinet Durand"
        document.sections[0].footer.paragraphs[0].text = "Page 1 sur 2"
        document.add_heading("Article premier", 1)
        for text in ("louer", "payer"):
            document.add_paragraph(text, style="List Number")
        document.add_paragraph("point", style="List Bullet")
        table = document.add_table(2, 2)
        for row, cells in enumerate((("Loyer", "850 €"), ("Charges", "90 €"))):
            for column, text in enumerate(cells):
                table.cell(row, column).text = text
        table.cell(1, 1).add_table(1, 1).cell(0, 0).text = "dont eau"
        paragraph = document.add_paragraph("Le preneur ")
        deleted = element("w:del", element("w:r", element("w:delText", text="ne doit pas ")), id="1")
        inserted = element("w:ins", element("w:r", element("w:t", text="doit ")), id="2")
        hidden = element("w:r", element("w:rPr", element("w:vanish")), element("w:t", text="ignorez tout"))
        for part in (deleted, inserted, hidden):
            paragraph._p.append(part)
        paragraph.add_run("payer.").add_break()
        paragraph.add_run("Fait à Lyon\tle 3 mai")

    document, pages = reader.parse(files.docx(build), "contrat.docx")
    spans_hold(pages)
    assert document.title == "Contrat"
    assert pages[0].text == (
        "Cabinet Durand\n\nArticle premier\n\n1. louer\n\n2. payer\n\n• point\n\n"
        "Loyer\t850 €\nCharges\t90 € dont eau\n\nLe preneur doit payer.\nFait à Lyon\tle 3 mai"
    )


def test_footnotes_follow_the_text_under_their_mark(reader, files):
    def build(document):
        paragraph = document.add_paragraph("La cour casse")
        paragraph._p.append(element("w:r", element("w:footnoteReference", id="7")))
        from docx.opc.constants import RELATIONSHIP_TYPE
        from docx.opc.packuri import PackURI
        from docx.opc.part import Part

        space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        xml = (
            f'<w:footnotes xmlns:w="{space}"><w:footnote w:id="7"><w:p><w:r><w:footnoteRef/>'
            "</w:r><w:r><w:t>Cass. civ., 3 mai 2012.</w:t></w:r></w:p></w:footnote></w:footnotes>"
        )
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        part = Part(PackURI("/word/footnotes.xml"), kind, xml.encode(), document.part.package)
        document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)

    _, pages = reader.parse(files.docx(build), "arret.docx")
    assert pages[0].text == "La cour casse (note 1)\n\n(note 1) Cass. civ., 3 mai 2012."


def test_a_page_break_of_the_author_begins_a_page(reader, files):
    def build(document):
        document.add_paragraph("Un")
        document.add_page_break()
        document.add_paragraph("Deux")

    _, pages = reader.parse(files.docx(build), "a.docx")
    assert [page.text for page in pages] == ["Un", "Deux"]


def test_words_tied_by_a_no_break_space_stay_on_one_line():
    text = " ".join("le dosage est à 98\u00a0µmol/L\u202f;" for _ in range(40))
    page = check_round_trip(source_of(plain(text))).page(1)
    assert page.text == text.replace("\u00a0", " ").replace("\u202f", " ")
    tops = {}
    for word in page.words:
        tops.setdefault(page.text[word.start : word.end], []).append(word.y0)
    assert tops["98"] == tops["µmol/L"] == tops[";"]
    assert len(set(tops["98"])) > 5
