"""French and English: nothing unfinished, nothing stale, no failure without words, no English in French."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QTabBar,
    QWidget,
)

from app.core.errors import EnvironmentFailure, UserError
from app.services.long_work import WorkCard, WorkKind
from app.store import VaultDamaged
from app.ui.failures import CONTEXT, sentence
from app.ui.language import FOLDER, Speaker
from app.ui.translations import __main__ as tool
from app.ui.translations.collect import failure_templates
from app.ui.veil_page import VeilPage
from tests.ui.conftest import Stage
from tests.ui.test_questions import LETTER, quoting

NARROW, WIDE = "\u202f", "\u00a0"


def messages(language: str) -> list[tuple[str, str, list[str]]]:
    """(context, source, translations) of every entry of a .ts file."""
    root = ElementTree.parse(FOLDER / f"huisclos_{language}.ts").getroot()
    rows = []
    for context in root.iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            assert translation.get("type") is None, message.findtext("source")
            forms = [form.text or "" for form in translation.iter("numerusform")] or [translation.text or ""]
            rows.append((context.findtext("name") or "", message.findtext("source") or "", forms))
    return rows


def test_every_string_is_translated_with_the_same_places() -> None:
    place = re.compile(r"\{[a-z_]+\}|%n")
    for context, source, forms in messages("fr"):
        for form in forms:
            assert form.strip(), (context, source)
            assert sorted(place.findall(form)) == sorted(place.findall(source)), (context, source)


def test_french_signs_stand_behind_unbreakable_spaces() -> None:
    for context, source, forms in messages("fr"):
        for form in forms:
            assert not re.search(r" [;:!?»]|« ", form), (context, source)
            assert not re.search(r"[^\s\u202f\u00a0][;!?](?!\w)", form), (context, source)
            assert "'" not in form, (context, source)


def test_the_french_vous_is_used_throughout() -> None:
    for context, source, forms in messages("fr"):
        for form in forms:
            assert not re.search(r"\b(tu|ton|tes|toi)\b", form, re.IGNORECASE), (context, source)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_compiled_words_are_those_of_the_source(language: str, tmp_path: Path) -> None:
    fresh = tmp_path / "words.qm"
    tool.compile_to(FOLDER / f"huisclos_{language}.ts", fresh)
    assert fresh.read_bytes() == (FOLDER / f"huisclos_{language}.qm").read_bytes()


def test_no_string_of_the_source_is_missing_or_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FRENCH", "ENGLISH"):
        copy = tmp_path / getattr(tool, name).name
        shutil.copy(getattr(tool, name), copy)
        monkeypatch.setattr(tool, name, copy)
    tool.update()
    for language in ("fr", "en"):
        fresh = ElementTree.parse(tmp_path / f"huisclos_{language}.ts").getroot()
        names = {
            (context.findtext("name"), message.findtext("source"))
            for context in fresh.iter("context")
            for message in context.iter("message")
        }
        assert names == {(context, source) for context, source, _ in messages(language)}


def test_every_template_of_a_failure_has_french_words() -> None:
    french = {source: forms[0] for context, source, forms in messages("fr") if context == CONTEXT}
    templates = failure_templates()
    assert len(templates) > 60
    assert set(templates) <= set(french)


def test_the_collector_sees_every_way_a_failure_is_written(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(
        "LATER = 'Said later.'\n"
        "class A(UserError):\n    def __init__(self):\n        super().__init__('a-b', 'Said here.', x=1)\n"
        "raise EnvironmentFailure('c', 'Said there ' 'in two pieces.')\n"
        "Problem(code, LATER, {})\n"
        "SOME_TEMPLATES = {'k': 'Said in a table.'}\n"
        "other('d', 'No failure at all.')\n",
        "utf-8",
    )
    assert failure_templates(tmp_path) == (
        "Said here.", "Said in a table.", "Said later.", "Said there in two pieces.",
    )  # fmt: skip


def test_a_failure_is_told_in_french_with_its_places_filled(speaker: Speaker) -> None:
    speaker.speak("fr")
    assert sentence(VaultDamaged("key-file")).startswith(
        "Le coffre est endommagé (fichier de clés). Il a été"
    )
    told = sentence(UserError("x", "There is already a dossier called “{name}”.", name="A {name} <b>"))
    assert told == f"Il y a déjà un dossier appelé «{WIDE}A {{name}} <b>{WIDE}»."
    assert sentence(RuntimeError("raw words")).startswith("Un imprévu est survenu.")
    assert sentence(EnvironmentFailure("y", "Never heard of.")) == "Never heard of."


def test_counts_are_said_well_in_both_languages(speaker: Speaker) -> None:
    from app.ui import wording

    assert (wording.pages(1), wording.pages(12)) == ("1 page", "12 pages")
    speaker.speak("fr")
    assert wording.documents(0) == f"0{WIDE}document"
    assert wording.documents(3) == f"3{WIDE}documents"
    assert wording.size(121_000_000).endswith("Mo")


def texts_of(widget: QWidget) -> set[str]:
    """Everything a person can read on a window: words, hints, tooltips, names for a screen reader."""
    found: set[str] = set()
    for part in [widget, *widget.findChildren(QWidget)]:
        found |= {part.toolTip(), part.accessibleName(), part.accessibleDescription(), part.windowTitle()}
        if isinstance(part, QLabel | QAbstractButton):
            found.add(part.text())
        elif isinstance(part, QLineEdit | QPlainTextEdit):
            found.add(part.placeholderText())
        elif isinstance(part, QTabBar):
            found |= {part.tabText(number) for number in range(part.count())}
        elif isinstance(part, QComboBox):
            found |= {part.itemText(number) for number in range(part.count())}
        elif isinstance(part, QListWidget):
            found |= {part.item(number).text() for number in range(part.count())}
    for action in widget.findChildren(QAction):
        found |= {action.text(), action.toolTip()}
    return {re.sub(r"<[^>]+>", "", text).strip() for text in found} - {""}


@cache
def _any_of(sources: frozenset[str]) -> re.Pattern[str]:
    """Matches any of these strings with its places filled."""
    patterns = [re.sub(r"\\\{[a-z_]+\\\}|%n", ".+?", re.escape(source)) for source in sources]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def test_no_english_stands_in_a_french_window(scripted: Stage) -> None:
    from app.ui.dialogs.command_palette import CommandPalette
    from app.ui.dialogs.diagnostics import Diagnostics
    from app.ui.dialogs.guarantees import Guarantees
    from app.ui.dialogs.settings_dialog import SettingsDialog
    from app.ui.dialogs.shortcuts import Shortcuts
    from tests.ui.conftest import OFFLINE

    window = scripted.open("fr")
    scripted.take_in(
        window, lettre_txt=LETTER, vide_txt=b"", faux_pdf=b"no pdf", image_png=b"\x89PNG\r\n\x1a\n"
    )
    client = scripted.desk.client
    assert client is not None
    client.answer = quoting("apixaban 5 mg", "Le traitement est")  # type: ignore[assignment]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    client.answer = lambda _: "Les passages ne disent pas cela."
    scripted.ask(window, "Quelle est la tension artérielle ?")
    client.confidence = 0.0
    scripted.ask(window, "Quelle est la tension de Madame Le Goff ?")
    window.viewer.open_document(next(c for c in window.library.documents.rows if c.pages))
    window.actions_.text_strip.trigger()
    window.library.exceptions.open()
    window.toast.warn(sentence(VaultDamaged("blob")))
    windows: list[QWidget] = [window]
    for share in (None, 0.5):
        veil = VeilPage(scripted.look)
        veil.show_work([WorkCard(kind, share) for kind in WorkKind])
        windows.append(veil)
    dialogs: list[QDialog] = [
        SettingsDialog(scripted.look, window._settings, window.session, window),
        Guarantees(scripted.look, OFFLINE, window),
        Shortcuts(window.actions_, window),
        CommandPalette(window.actions_, window),
        Diagnostics(window.session.diagnose(), OFFLINE, window),
    ]
    shown: set[str] = set()
    for each in [*windows, *dialogs]:
        shown |= texts_of(each)
    for each in [*windows[1:], *dialogs]:
        each.deleteLater()
    french = frozenset(form for _, _, forms in messages("fr") for form in forms)
    english = frozenset(source for _, source, _ in messages("fr") if source not in french)
    wrong = {
        text for text in shown if _any_of(english).fullmatch(text) and not _any_of(french).fullmatch(text)
    }
    assert not wrong
    function_words = re.compile(r"\b(the|of|and|is|are|with|this|your|from|not|it)\b", re.IGNORECASE)
    assert not {text for text in shown if function_words.search(text)}


def test_qt_speaks_french_too(speaker: Speaker) -> None:
    speaker.speak("fr")
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Annuler"


def test_the_command_for_translators_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app.ui.translations.__main__ as m; print(m.FRENCH.name)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "huisclos_fr.ts"
