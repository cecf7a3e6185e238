"""PDF files: words exact, boxes where the ink is, columns one after the other, tables row by row."""

from __future__ import annotations

import io
import unicodedata

import pymupdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen import canvas

LEFT = "The claimant states that the lease was signed in March and that rent was paid"
RIGHT = "The defendant answers that no receipt was ever given for the sums in question"


def test_a_pdf_gives_its_pages_in_order_with_words_and_sizes(reader, files, spans_hold):
    progress = []
    data = files.pdf(["Créatinine : 98 µmol/L\nœuvre – 12,50 €", "Second"])
    document, pages = reader.parse(data, "a.pdf", on_progress=lambda *step: progress.append(step))
    assert (document.media_type, document.page_count, document.layout) == ("application/pdf", 2, "original")
    assert document.title == "A title"
    assert document.pages_with_text == 2
    assert not document.needs_ocr()
    assert [page.number for page in pages] == [1, 2]
    assert pages[0].text == "Créatinine : 98 µmol/L\nœuvre – 12,50 €"
    assert (round(pages[0].width_pt), round(pages[0].height_pt)) == (595, 842)
    assert progress == [(0, 2), (1, 2), (2, 2)]
    spans_hold(pages)


def ink_columns(picture, box, scale):
    """Whether there is anything dark inside a box."""
    x0, y0, x1, y1 = (int(value * scale) for value in box)
    for y in range(max(y0, 0), min(y1 + 1, picture.height_px)):
        row = y * picture.width_px * 3
        if min(picture.rgb[row + 3 * x0 : row + 3 * (x1 + 1)], default=255) < 128:
            return True
    return False


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_boxes_lie_on_the_ink_however_the_page_is_turned_and_cropped(reader, files, turn, spans_hold):
    document = pymupdf.open(stream=files.pdf(["Alone words here"]), filetype="pdf")
    document[0].set_cropbox(pymupdf.Rect(30, 40, 560, 700))
    document[0].set_rotation(turn)
    data = document.tobytes()
    parsed, pages = reader.parse(data)
    spans_hold(pages)
    assert pages[0].text.split() == ["Alone", "words", "here"]
    picture = reader.helper.render(data, parsed.media_type, 1, width_px=600)
    scale = picture.width_px / pages[0].width_pt
    assert abs(picture.height_px - pages[0].height_pt * scale) <= 2
    boxes = [(word.x0, word.y0, word.x1, word.y1) for word in pages[0].words]
    assert all(ink_columns(picture, box, scale) for box in boxes)
    blank = bytearray(picture.rgb)
    for x0, y0, x1, y1 in boxes:
        for y in range(max(int(y0 * scale) - 2, 0), int(y1 * scale) + 3):
            left, right = max(int(x0 * scale) - 2, 0), int(x1 * scale) + 3
            start = (y * picture.width_px + left) * 3
            blank[start : start + (right - left) * 3] = b"\xff" * ((right - left) * 3)
    assert min(blank) > 200  # nothing dark is left outside the boxes


def two_columns(sheet):
    sheet.setFont("Helvetica-Bold", 15)
    sheet.drawString(60, 800, "A title that spans both of the columns of this page and more words")
    sheet.setFont("Helvetica", 8)
    for row in range(20):
        sheet.drawString(60, 760 - 12 * row, f"L{row:02d} {LEFT[:44]}")
        sheet.drawString(320, 760 - 12 * row, f"R{row:02d} {RIGHT[:44]}")
    sheet.drawString(60, 500, "A closing line across the whole width of the page, " * 2)


def test_columns_are_read_one_after_the_other_even_when_drawn_line_by_line(reader, files):
    _, pages = reader.parse(files.pdf([two_columns]))
    marks = [word for word in pages[0].text.split() if word[0] in "LR" and word[1:].isdigit()]
    assert marks == [f"L{row:02d}" for row in range(20)] + [f"R{row:02d}" for row in range(20)]
    assert pages[0].text.startswith("A title that spans")
    assert pages[0].text.rstrip().endswith("width of the page,")


def test_tables_are_read_row_by_row_even_when_drawn_column_by_column(reader, files):
    def draw(sheet):
        for column, texts in enumerate((["Sodium", "Potassium", "Créatinine"] * 3, ["140", "4,1", "98"] * 3)):
            for row, text in enumerate(texts):
                sheet.drawString(72 + 200 * column, 700 - 20 * row, text)
        for row in range(9):
            sheet.drawString(420, 700 - 20 * row, "mmol/L")

    _, pages = reader.parse(files.pdf([draw]))
    rows = [line for line in pages[0].text.split("\n") if line]
    assert rows[0] == "Sodium\t140\tmmol/L"
    assert rows[2] == "Créatinine\t98\tmmol/L"
    assert len(rows) == 9


def test_chinese_signs_are_words_of_their_own(reader, spans_hold):
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    written = io.BytesIO()
    sheet = canvas.Canvas(written, pagesize=A4)
    sheet.setFont("STSong-Light", 14)
    sheet.drawString(72, 700, "患者血压 138/86")
    sheet.save()
    _, pages = reader.parse(written.getvalue())
    spans_hold(pages)
    assert pages[0].text == "患者血压 138/86"
    at = pages[0].text.index("血压")
    found = [word for word in pages[0].words if at <= word.start < at + 2]
    assert len(found) == 2
    assert found[0].x1 - found[0].x0 < 20


def test_words_are_composed_and_ligatures_taken_apart(reader):
    document = pymupdf.open()
    page = document.new_page()
    writer = pymupdf.TextWriter(page.rect)
    writer.append((72, 100), "e\u0301le\u0300ve ﬁnal aﬃrmé co\u00adopé 10\u00a0mg", font=pymupdf.Font("helv"))
    writer.write_text(page)
    _, pages = reader.parse(document.tobytes())
    assert "final affirmé" in pages[0].text
    assert unicodedata.is_normalized("NFC", pages[0].text)
    assert "10 mg" in pages[0].text


def test_form_fields_and_notes_are_part_of_the_page(reader):
    document = pymupdf.open()
    page = document.new_page()
    field = pymupdf.Widget()
    field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, "a", "Amoxicilline"
    field.rect = pymupdf.Rect(72, 100, 250, 120)
    page.add_widget(field)
    _, pages = reader.parse(document.tobytes())
    assert pages[0].text == "Amoxicilline"


def test_text_off_the_page_stays_out(reader, files):
    def draw(sheet):
        sheet.drawString(72, 700, "inside")
        sheet.drawString(72, 2000, "above")
        sheet.drawString(-900, 700, "left")

    _, pages = reader.parse(files.pdf([draw]))
    assert pages[0].text == "inside"


def test_reading_goes_on_at_any_page(reader, files):
    data = files.pdf([f"Page {number}" for number in range(1, 121)])
    document, pages = reader.parse(data, first_page=118)
    assert [page.text for page in pages] == ["Page 118", "Page 119", "Page 120"]
    assert (document.page_count, document.pages_with_text) == (120, 3)
    document, pages = reader.parse(data, first_page=121)
    assert (document.page_count, pages) == (120, [])
    _, pages = reader.parse(data)
    assert [page.text for page in pages] == [f"Page {number}" for number in range(1, 121)]


def test_a_view_draws_page_after_page_at_the_width_asked(reader, files):
    data = files.pdf(["One", "Two"])
    with reader.helper.open_view(data) as view:
        assert view.page_count() == 2
        for page in (1, 2, 1):
            picture = view.render(page, width_px=413)
            assert abs(picture.width_px - 413) <= 1
            assert len(picture.rgb) == picture.width_px * picture.height_px * 3
            assert min(picture.rgb) < 100
