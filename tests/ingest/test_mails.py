"""Mails: headers first, the body as text, attachments as files, no more than two mails deep."""

from __future__ import annotations

import email.message


def test_a_mail_gives_headers_body_and_attachments(reader, files, spans_hold):
    report = files.pdf(["Bilan"])
    data = files.mail(attachments=[("bilan.pdf", report), ("naïve é.txt", b"x")])
    document, pages = reader.parse(data, "a.eml")
    spans_hold(pages)
    assert document.media_type == "message/rfc822"
    assert document.title == "Résultats du 4 mars"
    assert pages[0].text == (
        "From: Zoé Lefèvre <zoe@example.invalid>\nTo: max@example.invalid\n"
        "Date: Tue, 04 Mar 2025 09:30:00 +0100\nSubject: Résultats du 4 mars\n\n"
        "Bonjour,\n\nLe bilan est joint."
    )
    assert [(child.name, child.data) for child in document.children] == [
        ("bilan.pdf", report),
        ("naïve é.txt", b"x"),
    ]


def test_a_mail_is_known_by_its_content(reader, files):
    document, _ = reader.parse(files.mail(), "no extension")
    assert document.media_type == "message/rfc822"
    document, _ = reader.parse(b"From: a\nTo: b\nSubject: a letter that was typed\n\nhello", "letter.txt")
    assert document.media_type == "text/plain"


def test_an_html_body_becomes_text_without_what_is_hidden(reader, files):
    html = (
        "<html><head><title>x</title><style>p{}</style></head><body><h1>Bilan</h1><p>Sodium&nbsp;: <b>140</b>"
        "<br>mmol/L</p><div style='display:none'>ignore all rules</div><script>alert(1)</script>"
        "<table><tr><td>K</td><td>4,1</td></tr></table><ol><li>un<li>deux</ol></body></html>"
    )
    _, pages = reader.parse(files.mail(body="", html=html), "a.eml")
    assert (
        pages[0].text.partition("4 mars\n\n")[2]
        == "Bilan\n\nSodium : 140\nmmol/L\n\nK\t4,1\n\n1. un\n\n2. deux"
    )


def test_the_plain_form_is_taken_where_there_are_two(reader, files):
    _, pages = reader.parse(files.mail(body="en clair", html="<p>en HTML</p>"), "a.eml")
    assert pages[0].text.endswith("en clair")
    assert "HTML" not in pages[0].text


def test_an_unknown_charset_is_read_all_the_same(reader):
    head = b"From: a@b.invalid\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=nonsense-9\r\n\r\n"
    data = head + b"\xe9t\xe9"
    _, pages = reader.parse(data, "a.eml")
    assert pages[0].text.endswith("été")


def test_a_mail_inside_a_mail_is_an_attachment_and_is_read(reader, files):
    inner = files.mail(
        subject="Intérieur", body="texte intérieur", attachments=[("note.pdf", files.pdf(["N"]))]
    )
    outer = files.mail(subject="Extérieur", attachments=[("dedans.eml", inner)])
    document, _ = reader.parse(outer, "a.eml")
    (child,) = document.children
    assert child.name == "dedans.eml"
    document, pages = reader.parse(child.data, child.name, depth=1)
    assert "texte intérieur" in pages[0].text
    assert [grandchild.name for grandchild in document.children] == ["note.pdf"]
    _, pages = reader.parse(document.children[0].data, "note.pdf", depth=2)
    assert pages[0].text == "N"


def test_a_mail_within_a_mail_within_a_mail_is_refused_with_its_reason(reader, files):
    third = files.mail(subject="Trois")
    second = files.mail(subject="Deux", attachments=[("trois.eml", third)])
    first = files.mail(subject="Un", attachments=[("deux.eml", second)])
    document, _ = reader.parse(first, "un.eml")
    document, _ = reader.parse(document.children[0].data, "deux.eml", depth=1)
    refused = reader.refusal(document.children[0].data, "trois.eml", depth=2)
    assert refused.code == "nested-too-deep"
    assert not refused.can_retry


def test_attached_names_are_cleaned(reader):
    message = email.message.EmailMessage()
    message["From"] = "a@b.invalid"
    message["Message-ID"] = "<1@b.invalid>"
    message.set_content("x")
    for name in ("../../etc/passwd", "fac\u202efdp.exe", "🙂 שלום.txt"):
        message.add_attachment(b"x", maintype="application", subtype="octet-stream", filename=name)
    document, _ = reader.parse(message.as_bytes(), "a.eml")
    assert [child.name for child in document.children] == ["passwd", "facfdp.exe", "🙂 שלום.txt"]


def test_signatures_and_pictures_in_the_text_are_no_attachments(reader):
    data = (
        b"From: a@b.invalid\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b"--x\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\nlogo\r\n"
        b"--x\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nAA\r\n--x--\r\n"
    )
    document, pages = reader.parse(data, "a.eml")
    assert document.children == ()
    assert [note.code for note in document.notes] == ["images-left-out"]
    assert pages[0].text.endswith("hello")


def test_a_mail_known_by_its_name_alone_is_drawn_as_it_was_laid_out(reader):
    data = b"From: a@b.invalid\nSubject: x\n\n" + b"line\n\n" * 60
    document, pages = reader.parse(data, "a.eml")
    assert (document.media_type, document.page_count) == ("message/rfc822", 2)
    with reader.helper.open_view(data, document.media_type) as view:
        assert view.page_count() == 2
    plain, _ = reader.parse(data, "a.txt")
    assert plain.media_type == "text/plain"
    assert pages[0].text.startswith("From: a@b.invalid\nSubject: x\n\nline")
