"""The picture and the figures in files of the person's choice. None of the dossier's words is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QMenu, QPushButton

from app.services.inside import InsideCard
from app.ui.dialogs.files import choose_file_to_save
from app.ui.inside.tables import figures_table, slice_table

if TYPE_CHECKING:
    from app.ui.inside.inside_dialog import InsideDialog

_SCALE = 2


class ExportButton(QPushButton):
    def __init__(self, dialog: InsideDialog) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self.setText(self.tr("Export"))
        self.setAccessibleName(self.tr("Export"))
        self.setAutoDefault(False)
        menu = QMenu(self)
        self.picture = menu.addAction(self.tr("Picture (PNG)…"), lambda: self._save("png", save_picture))
        self.spikes = menu.addAction(self.tr("Spikes shown (CSV)…"), lambda: self._save("csv", save_spikes))
        self.figures = menu.addAction(
            self.tr("Figures of all layers (CSV)…"), lambda: self._save("csv", save_figures)
        )
        self.setMenu(menu)

    def follow(self, card: InsideCard) -> None:
        """Offer what there is."""
        self.spikes.setEnabled(card.answer is not None and card.answer.sample is not None)
        self.figures.setEnabled((card.answer or card.everything) is not None)

    def _save(self, ending: str, save: Callable[[InsideDialog, Path], None]) -> None:
        name = f"{self.tr('inside-the-model')}.{ending}"
        path = choose_file_to_save(self._dialog, self.tr("Export"), name)
        if path is None:
            return
        try:
            save(self._dialog, path if path.suffix else path.with_suffix(f".{ending}"))
        except OSError:
            self._dialog.complain(self.tr("The file could not be written there. Choose another place."))


def save_picture(dialog: InsideDialog, path: Path) -> None:
    """The charts as they stand, twice as fine, without a word of the answer. Raises OSError."""
    charts = dialog.charts
    picture = QPixmap(QSize(charts.width(), charts.height()) * _SCALE)
    picture.setDevicePixelRatio(_SCALE)
    picture.fill(dialog.palette().window().color())
    raster = dialog.raster.raster
    raster.show_words(False)
    charts.render(picture)
    raster.show_words(True)
    if not picture.save(str(path), "PNG"):
        raise OSError(f"{path} could not be written")


def save_spikes(dialog: InsideDialog, path: Path) -> None:
    raster = dialog.raster
    path.write_text(slice_table(raster.shown, raster.layer_shown, raster.site_shown), "utf-8")


def save_figures(dialog: InsideDialog, path: Path) -> None:
    card = dialog.card
    report = None if card is None else card.answer or card.everything
    if report is not None:
        path.write_text(figures_table(report), "utf-8")
