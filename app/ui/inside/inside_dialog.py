"""Inside the model: its spikes in time, counts by layer, and what it remembers beside a transformer."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.bridge.session import Session
from app.bridge.tasks import while_alive
from app.services.events import EngineChanged
from app.services.inside import InsideCard
from app.services.views import EngineState
from app.ui import wording
from app.ui.buttons import button
from app.ui.failures import sentence
from app.ui.inside.counts_chart import CountsChart, by_layer
from app.ui.inside.export import ExportButton
from app.ui.inside.figure_tiles import FigureTiles, number, percent
from app.ui.inside.legend import Legend
from app.ui.inside.memory_chart import MemoryChart, own_bytes, transformer_bytes
from app.ui.inside.raster_card import RasterCard
from app.ui.inside.spikes_choice import SpikesChoice
from app.ui.labels import label, set_role
from app.ui.look import Look


class InsideDialog(QDialog):
    """Stays open beside the window and follows the answers. Asks for the figures when it is shown."""

    def __init__(self, look: Look, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Inside the model"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(1060, 860)
        self._session = session
        self.card: InsideCard | None = None
        self.model = label("", "title")
        self.truth = label("", "muted", wrap=True)
        self.note = label("", "error", wrap=True)
        self.choice = SpikesChoice(session)
        self.tiles = FigureTiles()
        self.raster = RasterCard(look)
        self.counts = CountsChart(look)
        self.memory = MemoryChart(look)
        self.memory_words = label("", "small", wrap=True)
        own, other = self.tr("this model"), self.tr("a transformer of the same shape")
        self.memory_legend = Legend(look, (("accent", own), ("reading", other)))
        self.energy = label("", "small", wrap=True)
        self.estimate = label("", "small", wrap=True)
        self.charts = QWidget()
        self.export = ExportButton(self)
        self._build()
        self.choice.told.connect(self._say)
        self.choice.failed.connect(self.complain)
        session.chats_changed.connect(self._chats_changed)
        session.relay.engine_changed.connect(self._engine_changed)
        self._was = session.engine().state

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """Ask the engine again."""
        task = self._session.look_inside()
        task.succeeded.connect(while_alive(self, self.show_card))
        task.failed.connect(while_alive(self, lambda failure: self.complain(sentence(failure))))

    def show_card(self, card: InsideCard) -> None:
        self.card = card
        engine = card.engine
        self.choice.show_engine(engine)
        self.model.setText(wording.model_label(engine.model) if engine.model is not None else "")
        report = card.answer or card.everything
        self.truth.setText(self._truth(card))
        self.tiles.show_report(report)
        self.tiles.setVisible(report is not None)
        sample = None if card.answer is None else card.answer.sample
        self.raster.show_sample(sample, coded=engine.spikes.k > 0)
        self.counts.show_layers(by_layer(report.sites) if report is not None else ())
        self._counts_card.setVisible(report is not None)
        now_tok = self._length_tok(card)
        self.memory.show_shape(card.memory, now_tok)
        self.memory_words.setText(self._memory_words(card, now_tok))
        self.memory.setAccessibleDescription(self.memory_words.text())
        self.energy.setText(self._energy_words(card))
        self.estimate.setText("" if report is None else self._estimate_words(card))
        self.estimate.setVisible(report is not None)
        self.export.follow(card)

    # -- words ----------------------------------------------------------------------------------------------

    def _truth(self, card: InsideCard) -> str:
        spikes = card.engine.spikes
        if card.engine.model is None or card.memory is None:
            return self.tr("No model is loaded.")
        if not spikes.k:
            return self.tr(
                "This model runs without spikes: its weights and inputs are ordinary numbers. Choose a k to "
                "run it with its inputs as whole spike counts of a threshold, mean|x| / k; its answers will "
                "differ a little."
            )
        if spikes.fixed:
            how = self.tr("This checkpoint was made for spikes and computes them exactly as published.")
        elif spikes.k == spikes.own_k:
            how = self.tr("This model is made to run with its inputs coded as whole spike counts.")
        else:
            how = self.tr(
                "Inputs are coded as whole spike counts; answers may differ a little from those without."
            )
        if card.answer is None:
            return how + " " + self.tr("Ask a question to see them.")
        counted = self.tr("Counted in what the model wrote last, one token of {every}.").format(
            every=card.answer.every_tok
        )
        return f"{how} {counted}"

    def _length_tok(self, card: InsideCard) -> int:
        dossier = self._session.opened_dossier()
        read = 0 if dossier is None else dossier.reading.tokens_read
        return max(read, card.answer_tok)

    def _memory_words(self, card: InsideCard, now_tok: int) -> str:
        shape = card.memory
        if shape is None:
            return ""
        at = now_tok or shape.window_tok
        text = self.tr(
            "At {tokens} tokens a reading takes {own}; a transformer of the same shape would keep {other}. "
            "Computed from the shapes, not measured: keys and values of every layer, in half precision."
        ).format(
            tokens=number(at, 0),
            own=wording.size(round(own_bytes(shape, at))),
            other=wording.size(round(transformer_bytes(shape, at))),
        )
        if shape.growing_token_bytes == 0:
            text += " " + self.tr("This one stops growing at {tokens} tokens.").format(
                tokens=number(shape.window_tok, 0)
            )
        return text

    def _energy_words(self, card: InsideCard) -> str:
        return self.tr("Energy: {told}").format(told=wording.energy_line(card.engine.energy))

    def _estimate_words(self, card: InsideCard) -> str:
        report = card.answer or card.everything
        if report is None:
            return ""
        return self.tr(
            "Estimate for event-driven hardware in 45 nm, not measured and not this machine: {saved} less "
            "than FP16, {saved8} less than INT8 per operation, without moving data."
        ).format(saved=percent(report.estimate.saved_of_fp16), saved8=percent(report.estimate.saved_of_int8))

    # -- parts ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.model, 1)
        head.addWidget(self.choice)
        head.addWidget(self.export)
        below = QHBoxLayout()
        below.setSpacing(14)
        self._counts_card = _card(self.tr("Counts by layer"), self.counts)
        below.addWidget(self._counts_card, 1)
        below.addWidget(
            _card(self.tr("Memory of a reading"), self.memory, self.memory_legend, self.memory_words), 1
        )
        column = QVBoxLayout(self.charts)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        column.addWidget(self.tiles)
        column.addWidget(self.raster, 5)
        column.addLayout(below, 4)
        self.counts.setAccessibleName(self.tr("Counts by layer"))
        self.memory.setAccessibleName(self.tr("Memory of a reading"))
        self.note.hide()
        foot = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.estimate)
        words.addWidget(self.energy)
        foot.addLayout(words, 1)
        close = button(self.tr("Close"), "primary", self.accept)
        foot.addWidget(close, 0, Qt.AlignmentFlag.AlignBottom)
        box = QVBoxLayout(self)
        box.setContentsMargins(26, 20, 26, 18)
        box.setSpacing(10)
        box.addLayout(head)
        box.addWidget(self.truth)
        box.addWidget(self.note)
        box.addWidget(self.charts, 1)
        box.addLayout(foot)
        # In the order it is read; the first key press changes nothing.
        self.setTabOrder(self.choice.down, self.export)
        close.setFocus()

    def complain(self, text: str) -> None:
        """Say what went wrong."""
        self._say(text, "error")

    def _say(self, text: str, role: str = "muted") -> None:
        set_role(self.note, role)
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _chats_changed(self, _: object) -> None:
        self.refresh()

    def _engine_changed(self, event: EngineChanged) -> None:
        """Another model, or the same one loaded otherwise."""
        state = event.engine.state
        if state is EngineState.READY and self._was is not EngineState.READY:
            self.refresh()
        elif state is not EngineState.READY:
            self.choice.show_engine(event.engine)
        self.energy.setText(self.tr("Energy: {told}").format(told=wording.energy_line(event.engine.energy)))
        self._was = state


def _card(title: str, *parts: QWidget) -> QFrame:
    frame = QFrame()
    frame.setProperty("role", "card")
    frame.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    box = QVBoxLayout(frame)
    box.setContentsMargins(16, 12, 16, 12)
    box.setSpacing(8)
    box.addWidget(label(title, "strong"))
    for index, part in enumerate(parts):
        box.addWidget(part, 1 if index == 0 else 0)
    return frame
