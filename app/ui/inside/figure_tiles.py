"""The main figures of what was coded, large enough to read; what each means in its tooltip."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.services.inside import SpikeReport
from app.ui.labels import label
from app.ui.plain import tooltip
from app.ui.wording import NBSP


def percent(share: float, digits: int = 1) -> str:
    """A share as the language writes it: "11.6%", "11,6 %"."""
    locale = QLocale()
    gap = NBSP if locale.language() == QLocale.Language.French else ""
    return f"{locale.toString(100 * share, 'f', digits)}{gap}%"


def number(value: float, digits: int = 2) -> str:
    return QLocale().toString(float(value), "f", digits)


class FigureTiles(QWidget):
    """Five tiles in a row; ``show_report`` fills them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._tiles: list[QFrame] = []

    def show_report(self, report: SpikeReport | None) -> None:
        for tile in self._tiles:
            self._row.removeWidget(tile)
            tile.deleteLater()
        self._tiles = []
        for value, name, meaning in () if report is None else _figures(report):
            tile = QFrame()
            tile.setProperty("role", "card")
            box = QVBoxLayout(tile)
            box.setContentsMargins(14, 10, 14, 10)
            box.setSpacing(1)
            box.addWidget(label(value, "heading"))
            box.addWidget(label(name, "small"))
            tile.setToolTip(tooltip(meaning))
            tile.setAccessibleName(f"{name}: {value}. {meaning}")
            self._row.addWidget(tile, 1)
            self._tiles.append(tile)


def _figures(report: SpikeReport) -> tuple[tuple[str, str, str], ...]:
    f = report.overall
    return (
        (
            f"{number(f.bitwise_per_channel)} · {number(f.ternary_per_channel)}",
            QCoreApplication.translate("InsideFigures", "spikes per neuron, bitwise · ternary"),
            QCoreApplication.translate(
                "InsideFigures",
                "Mean over all neurons, sites and counted tokens: a spike per set bit of a count, or one per "
                "unit.",
            ),
        ),
        (
            percent(f.silent),
            QCoreApplication.translate("InsideFigures", "silent neurons"),
            QCoreApplication.translate(
                "InsideFigures", "Share of counts that are 0: hardware for spikes would skip their weights."
            ),
        ),
        (
            f"{percent(f.small)} · {percent(f.large)}",
            QCoreApplication.translate("InsideFigures", "counts up to 7 · over 16"),
            QCoreApplication.translate(
                "InsideFigures", "Shares of counts by size. The largest was {largest}."
            ).format(largest=QLocale().toString(f.largest)),
        ),
        (
            percent(f.firing_rate_bits),
            QCoreApplication.translate("InsideFigures", "firing rate, bitwise"),
            QCoreApplication.translate(
                "InsideFigures",
                "Spikes over neurons and time steps; every call takes as many steps as its largest count "
                "needs. With a step per unit it is {units}.",
            ).format(units=percent(f.firing_rate_units)),
        ),
        (
            f"{percent(min(_sparsities(f)), 0)} – {percent(max(_sparsities(f)), 0)}",
            QCoreApplication.translate("InsideFigures", "sparsity, by definition"),
            QCoreApplication.translate(
                "InsideFigures",
                "The literature says “sparsity” for several things. A, of the lowest three bits: {a}. "
                "B, of counts up to 7 alone: {b}. E, of counts up to 7 over all: {e}. "
                "F, of all bits over four steps: {f}. R, one less the firing rate: {r}.",
            ).format(
                a=percent(f.sparsity_a),
                b=percent(f.sparsity_b),
                e=percent(f.sparsity_e),
                f=percent(f.sparsity_f),
                r=percent(f.sparsity_r),
            ),
        ),
    )


def _sparsities(f: object) -> list[float]:
    return [getattr(f, f"sparsity_{one}") for one in "abefr"]
