"""Bodies as other programs write them: picture fonts, forms, comments, wrong labels, tags left open."""

from __future__ import annotations

import io
import zipfile

import docx
import pymupdf
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from app.ingest.hypertext import html_blocks
from app.ingest.plain_texts import decode_text
from app.ingest.sources import open_source
from app.ingest.stories import Paragraph
from app.ingest.word_signs import read_sign, read_signs


def text_of(data, name):
    source = open_source(data, name)
    return "\n".join(source.page(number).text for number in range(1, source.page_count + 1))


def saved(document):
    packed = io.BytesIO()
    document.save(packed)
    return packed.getvalue()


def sign(font, code):
    return parse_xml(f'<w:sym {nsdecls("w")} w:font="{font}" w:char="{code}"/>')


def test_a_microgram_in_the_symbol_font_stays_a_microgram():
    document = docx.Document()
    run = document.add_paragraph("Fentanyl 80 ").add_run()
    run._r.append(sign("Symbol", "F06D"))
    document.paragraphs[0].add_run("g, puis 12 ")
    moved = document.paragraphs[0].add_run("\uf06d")
    moved.font.name = "Symbol"
    document.paragraphs[0].add_run("g")
    assert text_of(saved(document), "a.docx") == "Fentanyl 80 µg, puis 12 µg"


def test_ticked_and_empty_boxes_of_a_word_form_are_told_apart_and_drawn():
    document = docx.Document()
    paragraph = document.add_paragraph()
    for code, word in (("F0FE", " Oui "), ("F0A8", " Non ")):
        paragraph.add_run()._r.append(sign("Wingdings", code))
        paragraph.add_run(word)
    source = open_source(saved(document), "a.docx")
    assert source.page(1).text == "☑ Oui ☐ Non"
    assert source.notes == []


def test_signs_nobody_knows_and_broken_codes_do_no_harm():
    assert read_sign("F0", "Arial") == "ð"
    assert read_sign("zz", "Symbol") == read_sign("110000", "Symbol") == ""
    assert read_signs("abc", "Arial") == "abc"
    assert read_signs("\uf0a3 5 \uf062", "Symbol") == "≤ 5 β"


def test_comments_of_a_word_document_are_read_with_their_author():
    document = docx.Document()
    run = document.add_paragraph("Le bail prend fin le 3 mai").add_run(".")
    document.add_comment(run, text="Vérifier cette date.", author="Me Aubertin", initials="MA")
    assert text_of(saved(document), "a.docx") == (
        "Le bail prend fin le 3 mai. (comment 1)\n\n(comment 1, Me Aubertin) Vérifier cette date."
    )


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ],
)
def test_templates_and_documents_with_macros_are_read_as_documents(kind):
    document = docx.Document()
    document.add_paragraph("Une lettre.")
    packed = io.BytesIO()
    plain = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    with zipfile.ZipFile(io.BytesIO(saved(document))) as read, zipfile.ZipFile(packed, "w") as write:
        for entry in read.infolist():
            write.writestr(entry.filename, read.read(entry).replace(plain, kind.encode()))
    assert text_of(packed.getvalue(), "a.docm") == "Une lettre."


def test_a_label_longer_than_a_line_does_not_swallow_its_paragraph():
    document = docx.Document()
    document.add_paragraph("Le texte qui suit.", style="List Number")
    for label in document.part.numbering_part.element.iter(qn("w:lvlText")):
        label.set(qn("w:val"), "Article %1 " + "avec un intitulé interminable " * 12)
    text = text_of(saved(document), "a.docx")
    assert text.count("interminable") == 12
    assert text.replace("\n", " ").endswith("Le texte qui suit.")


def made(draw):
    document = pymupdf.open()
    draw(document.new_page())
    return document


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_ticked_box_of_a_pdf_form_is_a_tick_and_filled_fields_are_text(rotation):
    def draw(page):
        page.insert_text((72, 72), "Nom :")
        for name, kind, place, value in (
            ("nom", pymupdf.PDF_WIDGET_TYPE_TEXT, (200, 60, 400, 80), "Oriane"),
            ("oui", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, (72, 90, 87, 105), True),
        ):
            field = pymupdf.Widget()
            field.field_name, field.field_type, field.field_value = name, kind, value
            field.rect = pymupdf.Rect(place)
            page.add_widget(field)
        page.set_rotation(rotation)

    words = open_source(made(draw).tobytes(), "a.pdf").page(1).text.split()
    assert sorted(words) == [":", "Nom", "Oriane", "☑"]


@pytest.mark.parametrize(
    "label", ["iso-8859-1", "us-ascii", "ISO_8859-1", "windows-1252", "latin1", "", "utf-8"]
)
def test_windows_quotes_under_any_western_label_are_quotes(label):
    said = "L’hôpital n’a pas reçu l’ordonnance d’apixaban."
    assert decode_text(said.encode("cp1252"), label) == said


def test_utf_8_under_a_western_label_is_still_utf_8():
    assert decode_text("Hôpital général".encode(), "iso-8859-1") == "Hôpital général"


def test_text_cut_or_damaged_in_one_place_is_not_taken_for_chinese():
    said = "été reçu " * 30
    assert decode_text(said.encode()[:-4]).startswith("été reçu été")
    assert decode_text(said.encode() + b"\xff!", "utf-8") == said + "\ufffd!"
    assert decode_text("检查报告显示血压正常".encode("gb18030")) == "检查报告显示血压正常"
    assert decode_text("Ä Ö Ü".encode("cp1252")) == "Ä Ö Ü"


def words_of(blocks):
    return " ".join(block.text.strip() for block in blocks if isinstance(block, Paragraph))


def test_hidden_parts_and_scripts_stay_out_however_many_tags_were_left_open():
    page = "<p>ligne<br>" * 700 + "<script>var secret</script><style>p{}</style>"
    page += "<div style='display:none'>caché<div>dedans</div>encore</div><ul><li>un<li>deux</ul>fin"
    words = words_of(html_blocks(page))
    assert words.count("ligne") == 700
    assert words.endswith("un deux fin")
    for hidden in ("secret", "caché", "dedans", "encore", "p{}"):
        assert hidden not in words


def test_bold_ends_where_it_ends_though_paragraphs_inside_are_left_open():
    blocks = html_blocks("<b>gras<p>gras aussi</b><p>maigre")
    assert [(run.text, run.bold) for block in blocks for run in block.runs if run.text.strip()] == [
        ("gras", True), ("gras aussi", True), ("maigre", False),
    ]  # fmt: skip
