"""What is true now: work under way, the model and its machine, the network, the memory of the reading."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QWidget

from app.services.events import ImportMoved
from app.services.views import EngineCard, EngineState, ReadingCard, ReadingState
from app.ui import wording
from app.ui.buttons import icon_button
from app.ui.failures import sentence
from app.ui.labels import ElidedLabel, label
from app.ui.look import Look
from app.ui.plain import tooltip
from engine.cage import Guarantee

_DOT = {
    EngineState.READY: "checked",
    EngineState.STARTING: "reading",
    EngineState.LOADING: "reading",
    EngineState.RESTARTING: "reading",
    EngineState.OFF: "absent",
    EngineState.FAILED: "danger",
}


class StatusBar(QFrame):
    """``work_cancelled`` comes from the cross beside the progress bar, ``inside_wanted`` from the sign."""

    work_cancelled = Signal()
    inside_wanted = Signal()

    def __init__(self, look: Look, guarantee: Guarantee, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "status")
        self.setFixedHeight(32)
        self._look = look
        self._guarantee = guarantee
        self._engine: EngineCard | None = None
        self._narrow = False
        self.work = ElidedLabel("", "small")
        self._energy_gap = _gap()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(130)
        self._cancel = icon_button(self.tr("Stop taking in files"), self.work_cancelled.emit)
        look.dress(self._cancel, "close", "muted", 14)
        self._dot = QLabel("●")
        self.engine = label("", "small")
        self.device = label("", "small")
        self._sign = QLabel()
        self.network = label("", "small")
        self.memory = label("", "small")
        self._memory_gap = _gap()
        # The first to shrink where there is no room.
        self.energy = ElidedLabel("", "small", Qt.TextElideMode.ElideRight)
        self.inside = icon_button(self.tr("Inside the model"), self.inside_wanted.emit)
        look.dress(self.inside, "spikes", "muted", 16)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.work)
        row.addWidget(self._bar)
        row.addWidget(self._cancel)
        row.addStretch(1)
        for part in (
            self._dot,
            self.engine,
            self.device,
            _gap(),
            self._sign,
            self.network,
            self._memory_gap,
            self.memory,
            self._energy_gap,
            self.energy,
            self.inside,
        ):
            row.addWidget(part)
        self.show_idle()
        self._show_network()
        self._reading = ReadingCard(ReadingState.OFF)
        self.show_reading(self._reading)
        look.changed.connect(self._redraw)

    def show_idle(self) -> None:
        """Nothing is being taken in."""
        for part in (self.work, self._bar, self._cancel):
            part.hide()
        self._make_room()

    def show_import(self, moved: ImportMoved) -> None:
        text = self.tr("Taking in {file}").format(file=moved.file)
        if moved.files_total > 1:
            text += f" ({min(moved.files_done + 1, moved.files_total)} / {moved.files_total})"
        self._show_work(text)
        if moved.files_total:
            share = moved.files_done + (moved.page / moved.pages if moved.pages else 0)
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * min(share / moved.files_total, 1.0)))

    def show_busy(self, text: str) -> None:
        """Work whose length is not known yet."""
        self._show_work(text)
        self._bar.setRange(0, 0)

    def show_engine(self, card: EngineCard) -> None:
        self._engine = card
        self.engine.setText(wording.engine_line(card))
        self.device.setText("·  " + wording.device(card.device) if card.state is EngineState.READY else "")
        self.device.setVisible(bool(self.device.text()))
        lines = []
        if card.problem is not None:
            lines.append(sentence(card.problem))
        if card.prefill_tok_per_s > 0:
            speed = QLocale().toString(card.prefill_tok_per_s, "f", 0)
            lines.append(self.tr("Reads {speed} tokens a second").format(speed=speed))
        if card.decode_tok_per_s > 0:
            speed = QLocale().toString(card.decode_tok_per_s, "f", 0)
            lines.append(self.tr("Writes {speed} tokens a second").format(speed=speed))
        self.inside.setVisible(card.model is not None)
        self.energy.show_text(self.tr("Energy: {told}").format(told=wording.energy_line(card.energy)))
        self.energy.setToolTip(tooltip(wording.energy_meaning(card.energy)))
        self.energy.setAccessibleDescription(wording.energy_meaning(card.energy))
        self.show_reading(self._reading)
        self.set_narrow(self._narrow)
        for part in (self._dot, self.engine, self.device):
            part.setToolTip(tooltip("\n".join(lines)) if lines else "")
        self._redraw()

    def show_reading(self, card: ReadingCard) -> None:
        self._reading = card
        shown = card.memory_bytes > 0
        self.memory.setVisible(shown)
        self._memory_gap.setVisible(shown)
        if not shown:
            return
        model = None if self._engine is None else self._engine.model
        if model is not None and model.kv_bytes_per_token > 0:
            text = self.tr("Memory of the reading: {size} · grows with length")
            meaning = self.tr("A reading by this model takes more memory with every page.")
        else:
            text = self.tr("Memory of the reading: {size} · constant")
            meaning = self.tr("A reading takes this much memory whatever the length of the dossier.")
        self.memory.setText(text.format(size=wording.size(card.memory_bytes)))
        self.memory.setToolTip(tooltip(meaning))

    def set_narrow(self, narrow: bool) -> None:
        """Leave the machine and its energy out where there is no room for them."""
        self._narrow = narrow
        self._make_room()

    def _make_room(self) -> None:
        """The machine and its energy give way to work under way, and to a narrow window."""
        room = not self._narrow and self.work.isHidden()
        self.device.setVisible(bool(self.device.text()) and room)
        with_model = self._engine is not None and self._engine.model is not None
        self.energy.setVisible(with_model and room)
        self._energy_gap.setVisible(with_model and room)

    def _show_work(self, text: str) -> None:
        self.work.show_text(text)
        for part in (self.work, self._bar, self._cancel):
            part.show()
        self._make_room()

    def _show_network(self) -> None:
        held = self._guarantee.keeps("internet")
        self.network.setText(
            self.tr("Offline – network blocked") if held else self.tr("Network not blocked by the system")
        )
        self._look.dress(self._sign, "offline" if held else "warning", "muted" if held else "danger", 15)
        meaning = (
            self.tr(
                "The operating system refuses every internet connection to this program and all its parts."
            )
            if held
            else self.tr(
                "This program opens no connection, but the operating system does not enforce it here: "
                "{reason}"
            ).format(reason=self._guarantee.reason)
        )
        self.network.setToolTip(tooltip(meaning))
        self.network.setAccessibleDescription(meaning)

    def _redraw(self) -> None:
        state = self._engine.state if self._engine is not None else EngineState.OFF
        colour = getattr(self._look.palette, _DOT[state])
        self._dot.setStyleSheet(f"color: {colour}; font-size: 10px;")


def _gap() -> QFrame:
    line = QFrame()
    line.setProperty("role", "line")
    line.setFixedSize(1, 14)
    return line
