"""The raster with what it shows to choose from: coding, layer, site."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.services.inside import SpikeSample
from app.ui.buttons import button
from app.ui.inside.legend import Legend
from app.ui.inside.raster import Raster
from app.ui.inside.sample import Slice, cut, sites_of
from app.ui.inside.trains import CODINGS, Coding
from app.ui.labels import label
from app.ui.look import Look
from app.ui.plain import tooltip


def site_words(site: str) -> str:
    return {
        "mixer": QCoreApplication.translate("InsideSites", "into attention"),
        "output": QCoreApplication.translate("InsideSites", "out of attention"),
        "mlp": QCoreApplication.translate("InsideSites", "into the MLP"),
        "down": QCoreApplication.translate("InsideSites", "into the last matrix"),
        "query": QCoreApplication.translate("InsideSites", "window queries"),
    }[site]


class RasterCard(QFrame):
    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._sample: SpikeSample | None = None
        self.shown = Slice((), 0, ())
        self.raster = Raster(look)
        self.raster.setAccessibleName(self.tr("Spikes over time and neurons"))
        self.layer = QComboBox()
        self.layer.setAccessibleName(self.tr("Layer"))
        self.site = QComboBox()
        self.site.setAccessibleName(self.tr("Site"))
        self.site.setMinimumWidth(190)
        self.layer.setMinimumWidth(130)
        self.legend = Legend(look)
        self.words = label("", "small", wrap=True)
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._codings = QButtonGroup(self)
        self._pages = QStackedWidget()
        area = self._area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.raster)
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(self.tr("Spikes over time and neurons"))
        self._pages.addWidget(area)
        self._pages.addWidget(self.empty)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(label(self.tr("Spikes in time"), "strong"))
        head.addSpacing(10)
        for coding in CODINGS:
            head.addWidget(self._coding_button(coding))
        head.addSpacing(12)
        head.addWidget(self.legend)
        head.addStretch(1)
        head.addWidget(self.layer)
        head.addWidget(self.site)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 12, 16, 10)
        box.setSpacing(8)
        box.addLayout(head)
        box.addWidget(self._pages, 1)
        box.addWidget(self.words)
        self.layer.currentIndexChanged.connect(lambda _: self._offer_sites())
        self.site.currentIndexChanged.connect(lambda _: self._draw())
        self._codings.buttonClicked.connect(lambda _: self._draw())

    @property
    def coding(self) -> Coding:
        return CODINGS[self._codings.checkedId()]

    def show_coding(self, coding: Coding) -> None:
        self._codings.button(CODINGS.index(coding)).setChecked(True)
        self._draw()

    @property
    def layer_shown(self) -> int:
        return max(0, self.layer.currentIndex())

    @property
    def site_shown(self) -> str:
        return str(self.site.currentData() or "mixer")

    def show_sample(self, sample: SpikeSample | None, *, coded: bool) -> None:
        layer, site = self.layer_shown, self.site_shown
        self._sample = sample
        for part in (self.layer, self.site, self.legend, *self._codings.buttons()):
            part.setVisible(sample is not None)
        if sample is None:
            self.shown = Slice((), 0, ())
            self.raster.show_slice(self.shown, self.coding)
            self.empty.setText(
                self.tr("Ask a question: the spikes of the answer appear here.")
                if coded
                else self.tr("There are no spikes to see: this model's inputs are not coded as spikes.")
            )
            self.words.setText("")
            self._pages.setCurrentIndex(1)
            return
        self._pages.setCurrentIndex(0)
        self.layer.blockSignals(True)
        self.layer.clear()
        name = self.tr("Layer {number}")
        self.layer.addItems([name.format(number=one + 1) for one in range(sample.layers)])
        self.layer.setCurrentIndex(min(layer, sample.layers - 1))
        self.layer.blockSignals(False)
        self._offer_sites(site)
        # The answer, which the person knows, rather than the prompt.
        QTimer.singleShot(0, self._area, self._show_end)

    def _show_end(self) -> None:
        bar = self._area.horizontalScrollBar()
        bar.setValue(bar.maximum())

    def _offer_sites(self, wanted: str | None = None) -> None:
        if self._sample is None:
            return
        wanted = wanted or self.site_shown
        sites = sites_of(self._sample, self.layer_shown)
        self.site.blockSignals(True)
        self.site.clear()
        for site in sites:
            self.site.addItem(site_words(site), site)
        self.site.setCurrentIndex(max(0, self.site.findData(wanted)))
        self.site.blockSignals(False)
        self._draw()

    def _draw(self) -> None:
        if self._sample is None:
            return
        self.shown = cut(self._sample, self.layer_shown, self.site_shown)
        self.raster.show_slice(self.shown, self.coding)
        neurons, tokens = len(self.shown.neurons), len(self.shown.tokens)
        text = self.tr(
            "{neurons} of the neurons, top to bottom; {tokens} tokens, left to right, {steps} steps each. "
            "Shaded: the end of the prompt."
        ).format(neurons=neurons, tokens=tokens, steps=self.raster.steps)
        self.words.setText(f"{text} {self._meaning()}")
        self.raster.setAccessibleDescription(self.words.text())
        plus, minus = ("accent", self.tr("positive")), ("reading", self.tr("negative"))
        self.legend.show_entries(
            (("accent", self.tr("spike")),) if self.coding == "binary" else (plus, minus)
        )

    def _meaning(self) -> str:
        match self.coding:
            case "binary":
                return self.tr(
                    "Each neuron is a pair: the upper one fires for positive counts, the lower for negative."
                )
            case "ternary":
                return self.tr("A spike per unit of a count.")
            case "bitwise":
                return self.tr("A spike per set bit of a count, the largest bit first.")

    def _coding_button(self, coding: Coding) -> QPushButton:
        fewer = self.tr("Spikes of -1, 0 and 1: one per set bit, far fewer steps.")
        words = {
            "binary": (self.tr("Binary"), self.tr("Spikes of 0 and 1: one per unit.")),
            "ternary": (self.tr("Ternary"), self.tr("Spikes of -1, 0 and 1: one per unit.")),
            "bitwise": (self.tr("Bitwise"), fewer),
        }[coding]
        made = button(words[0], "chip")
        made.setCheckable(True)
        made.setChecked(coding == "bitwise")
        made.setToolTip(tooltip(words[1]))
        self._codings.addButton(made, CODINGS.index(coding))
        return made
