"""How the inputs of the model in the engine are coded: a choice that is kept for this model."""

from __future__ import annotations

from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QWidget

from app.bridge.session import Session
from app.bridge.tasks import while_alive
from app.services.spike_choice import K_CHOICES, SpikeChoice
from app.services.views import EngineCard, EngineState
from app.ui.failures import sentence
from app.ui.labels import label
from app.ui.plain import tooltip


class SpikesChoice(QWidget):
    """``told`` carries what a choice does, and nothing once it is done; ``failed`` why it could not be."""

    told = Signal(str)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._busy = False
        self.choice = QComboBox()
        self.choice.setMinimumWidth(170)
        self.choice.setAccessibleName(self.tr("Spikes of this model"))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.down = QCheckBox(self.tr("last matrix too"))
        self.down.setToolTip(
            tooltip(
                self.tr(
                    "Code the input of each layer's last matrix (down_proj) as well. The paper says so, the "
                    "published code does not."
                )
            )
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(label(self.tr("Spikes"), "muted"))
        row.addWidget(self.choice)
        row.addWidget(self.down)
        self.choice.activated.connect(lambda _: self._choose())
        self.down.clicked.connect(lambda _: self._choose())

    def show_engine(self, card: EngineCard) -> None:
        """Offer what this model can do, with what it does now chosen."""
        spikes = card.spikes
        self.setVisible(card.model is not None)
        ready = card.state is EngineState.READY and not self._busy
        self.choice.setEnabled(ready)
        self.choice.clear()
        if not spikes.fixed:
            self.choice.addItem(self.tr("off"), SpikeChoice(0.0))
        ks = sorted({*K_CHOICES, *(k for k in (spikes.k, spikes.own_k) if k)})
        for k in ks:
            text = f"k = {QLocale().toString(k, 'g', 4)}"
            own = k == spikes.own_k
            self.choice.addItem(self.tr("{k}, as made").format(k=text) if own else text, SpikeChoice(k))
        at = [self.choice.itemData(i).k for i in range(self.choice.count())]
        self.choice.setCurrentIndex(at.index(spikes.k) if spikes.k in at else 0)
        self.down.setChecked(spikes.down)
        self.down.setEnabled(ready and spikes.k > 0)

    def _choose(self) -> None:
        k = self.choice.currentData().k
        own = self._session.engine().spikes
        down = self.down.isChecked() and k > 0
        # What the model does by itself needs no setting, and follows the model when that changes.
        wanted = SpikeChoice() if k == own.own_k and not down else SpikeChoice(k, down)
        if (k, down) == (own.k, own.down):
            return
        self._busy = True
        self.choice.setEnabled(False)
        self.down.setEnabled(False)
        self.told.emit(self.tr("The model is loaded anew; a dossier is read anew with it."))
        task = self._session.choose_spikes(wanted)
        task.then(self, lambda _: self.told.emit(""))
        task.failed.connect(while_alive(self, lambda failure: self.failed.emit(sentence(failure))))
        task.ended.connect(while_alive(self, self._end))

    def _end(self) -> None:
        self._busy = False
        self.show_engine(self._session.engine())
