"""Everything can be reached by keys and heard by a screen reader; small screens and the dark fit too."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QWidget,
)

from app.ui import icons
from app.ui.dialogs.command_palette import CommandPalette
from app.ui.dialogs.settings_dialog import SettingsDialog
from app.ui.page_view import KEPT_BYTES, PageView
from app.ui.theme import DARK, LIGHT, Palette
from tests.ui.conftest import Stage
from tests.ui.test_questions import LETTER, quoting


def test_every_action_has_words_a_sign_and_a_shortcut_of_its_own(stage: Stage) -> None:
    window = stage.open()
    seen: dict[str, str] = {}
    for action in window.actions_:
        assert action.text().strip()
        assert not action.icon().isNull()
        assert action.shortcuts(), action.text()
        for keys in action.shortcuts():
            assert keys.toString() not in seen, (action.text(), seen[keys.toString()])
            seen[keys.toString()] = action.text()
    assert len(seen) > 30


def _is_inside_another(part: QWidget) -> bool:
    """True for the arrows, lists and fields that Qt itself puts inside a box or a row of tabs."""
    if part.metaObject().className() == "QComboBoxListView":
        return True
    return part.objectName().startswith("qt_") or isinstance(part.parent(), QComboBox | QLineEdit | QTabBar)


def test_everything_one_can_press_or_type_in_has_a_name(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER, vide_txt=b"")
    scripted.desk.client.answer = quoting("apixaban 5 mg matin et soir")  # type: ignore[union-attr,assignment]
    scripted.ask(window, "Quel est le traitement de sortie ?")
    window.viewer.open_document(next(c for c in window.library.documents.rows if c.pages))
    window.library.exceptions.open()
    settings = SettingsDialog(scripted.look, window._settings, window.session, window)
    kinds = (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QAbstractItemView)
    for root in (window, settings):
        for part in root.findChildren(QWidget):
            if not isinstance(part, kinds) or part.isHidden() or _is_inside_another(part):
                continue
            text = part.text() if isinstance(part, QAbstractButton) else ""
            assert part.accessibleName() or text, (part.metaObject().className(), part.parent())
    settings.deleteLater()


def test_the_tab_key_walks_from_the_dossiers_to_the_question(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    scripted.until(window.chat.composer.field.isEnabled)
    window.library.dossier_list.setFocus()
    reached: list[QWidget | None] = []
    for _ in range(40):
        window.focusNextChild()
        reached.append(window.focusWidget())
    assert window.library.document_list in reached
    assert window.chat.composer.field in reached
    assert reached.index(window.library.document_list) < reached.index(window.chat.composer.field)


def test_panes_are_reached_by_their_keys(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.viewer.open_document(window.library.documents.rows[0])
    window.actions_.go_library.trigger()
    assert window.focusWidget() is window.library.dossier_list
    window.actions_.go_viewer.trigger()
    assert window.viewer.view is not None
    assert window.focusWidget() is window.viewer.view.pages
    window.actions_.go_chat.trigger()
    assert window.focusWidget() is window.chat.composer.field


def test_enter_asks_and_shift_enter_begins_a_line(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    field = window.chat.composer.field
    scripted.until(field.isEnabled)
    QTest.keyClicks(field, "one")
    QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(field, "two")
    assert field.toPlainText() == "one\ntwo"
    assert not window.chat.cards
    QTest.keyClick(field, Qt.Key.Key_Return)
    scripted.until(lambda: window.chat.cards and not window.chat.is_answering)
    assert window.chat.cards[0].question == "one\ntwo"


def test_under_1100_pixels_the_pages_become_a_tab(scripted: Stage) -> None:
    window = scripted.open()
    scripted.take_in(window, lettre_txt=LETTER)
    window.resize(1000, 700)
    scripted.until(lambda: window.panes.tabs.isVisible())
    assert not window.viewer.isVisible()
    window.library.document_opened.emit(window.library.documents.rows[0])
    assert window.viewer.isVisible()
    assert not window.chat.isVisible()
    window.panes.tabs.setCurrentIndex(0)
    assert window.chat.isVisible()
    window.resize(1400, 800)
    scripted.until(lambda: not window.panes.tabs.isVisible())
    assert window.viewer.isVisible()
    assert window.chat.isVisible()


def test_the_dark_reaches_every_pane_at_once(stage: Stage) -> None:
    window = stage.open()
    stage.take_in(window, lettre_txt=LETTER)
    window.viewer.open_document(window.library.documents.rows[0])
    window.actions_.dark.trigger()
    assert stage.look.palette is DARK
    assert window._settings.current.theme == "dark"
    assert QApplication.palette().window().color() == QColor(DARK.ground)
    assert window.viewer.view is not None
    assert window.viewer.view.pages._palette is DARK
    window.actions_.dark.trigger()
    assert stage.look.palette is LIGHT


def test_a_command_is_found_by_a_part_of_its_name(stage: Stage) -> None:
    window = stage.open("fr")
    palette = CommandPalette(window.actions_, window)
    palette.field.setText("verif coffre")
    assert palette.list.count() == 1
    palette._run()
    assert palette.chosen is window.actions_.check_vault
    palette.deleteLater()
    palette.chosen.trigger()
    stage.until(lambda: "Le coffre est intact" in window.toast.words)


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_from_its_ground_in_both_palettes() -> None:
    for palette in (LIGHT, DARK):
        pairs = [
            (text, ground)
            for text in ("text", "muted", "accent", "danger", "checked", "reading", "absent")
            for ground in ("ground", "surface", "raised")
        ]
        pairs += [
            ("accent_text", "accent"),
            ("text", "accent_wash"),
            ("accent", "accent_wash"),
            ("danger", "danger_wash"),
        ]
        for text, ground in pairs:
            assert _contrast(_colour(palette, text), _colour(palette, ground)) >= 4.5, (
                palette.is_dark,
                text,
                ground,
            )


def _colour(palette: Palette, name: str) -> str:
    return str(getattr(palette, name))


def test_every_icon_draws_something(stage: Stage) -> None:
    for name in icons.NAMES:
        image = icons.pixmap(name, "#000000", 24).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24)), name


def test_a_setting_is_kept_and_applied_at_once(stage: Stage) -> None:
    window = stage.open()
    dialog = SettingsDialog(stage.look, window._settings, window.session, window)
    minutes: list[int] = []
    dialog.idle_chosen.connect(minutes.append)
    dialog.idle.setCurrentIndex(dialog.idle.findData(15))
    dialog.idle.activated.emit(dialog.idle.currentIndex())
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.theme.activated.emit(dialog.theme.currentIndex())
    assert minutes == [15]
    assert window._settings.current.idle_lock_min == 15
    assert stage.look.palette is DARK
    stage.look.choose("light")
    dialog.deleteLater()


def test_the_passphrase_is_changed_in_the_settings(stage: Stage) -> None:
    window = stage.open()
    dialog = SettingsDialog(stage.look, window._settings, window.session, window)
    change = dialog._change
    QTest.keyClicks(change.old.edit, "the wrong one entirely")
    for field in (change.new, change.again):
        QTest.keyClicks(field.edit, "another phrase altogether")
    change.go.click()
    stage.until(lambda: "not right" in change.says.text())
    change.old.clear()
    QTest.keyClicks(change.old.edit, stage.desk.PASSPHRASE)
    change.go.click()
    stage.until(lambda: "is changed" in change.says.text())
    assert change.old.text == change.new.text == change.again.text == ""
    assert window.session.workspace.vault.opens_with("another phrase altogether")
    assert not window.session.workspace.vault.opens_with(stage.desk.PASSPHRASE)
    dialog.deleteLater()


def test_page_pictures_are_kept_up_to_a_bound_and_those_in_view_whatever_they_take(stage: Stage) -> None:
    pages = PageView(LIGHT)
    pages.resize(400, 300)
    pages.set_pages([(595.0, 842.0)] * 40)
    picture = QImage(1000, 10_000, QImage.Format.Format_RGB888)
    for number in range(1, 41):
        pages.set_image(number, picture)
    held = sum(image.sizeInBytes() for image in pages._images.values())
    assert held <= KEPT_BYTES + picture.sizeInBytes()
    assert 1 in pages._images, "it is on show"
    assert 2 < len(pages._images) < 40
    pages.set_pages([(14_400.0, 14_400.0)])
    assert pages._sizes[0][0] * pages._scale() <= pages.viewport().width(), (
        "a plan of five metres fits the width"
    )
