"""What is inside the model: spikes of the last answer, memory; and whether its inputs are coded as spikes."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import UserError
from app.services.engine_words import about, why
from app.services.lanes import Lane
from app.services.model_choice import load_again
from app.services.operation import Operation, OperationCancelled
from app.services.spike_choice import SpikeChoice
from app.services.views import Changes, EngineCard
from app.services.workspace import Workspace
from engine.client import EngineCancelled, EngineDied, EngineFailed
from engine.protocol import EnergyEstimate as EnergyEstimate
from engine.protocol import MemoryShape as MemoryShape
from engine.protocol import SiteReport as SiteReport
from engine.protocol import SpikeFigures as SpikeFigures
from engine.protocol import SpikeReport as SpikeReport
from engine.protocol import SpikeSample as SpikeSample

NOT_CODED = -128
"""In a sample: nothing was coded there."""


class InsideUnknown(UserError):
    """``why`` is one of the engine's reasons in words."""

    def __init__(self, because: str) -> None:
        super().__init__("inside-unknown", "The engine could not look inside the model: {why}.", why=because)


@dataclass(frozen=True, slots=True)
class InsideCard:
    """``answer`` is of the last answer, ``everything`` of all since the model was loaded; None where inputs
    are not coded or nothing was yet. ``answer_tok``: tokens the last answer stood on at its end."""

    engine: EngineCard
    answer: SpikeReport | None = None
    everything: SpikeReport | None = None
    memory: MemoryShape | None = None
    answer_tok: int = 0


def look_inside(ws: Workspace) -> Operation[InsideCard]:
    """Without a loaded model a card with nothing on it. Raises InsideUnknown."""

    def work(op: Operation[InsideCard]) -> InsideCard:
        if ws.host.info is None:
            return InsideCard(ws.host.card())
        try:
            answer = ws.host.client.inspect(sample=True)
            everything = ws.host.client.inspect(scope="all")
            op.when_cancelled(answer.cancel)
            found, whole = answer.result(), everything.result()
        except EngineCancelled:
            raise OperationCancelled(op.verb) from None
        except EngineFailed as failure:
            raise InsideUnknown(why(failure.code) + about(failure)) from None
        except EngineDied as death:
            raise InsideUnknown(why(death.reason)) from None
        return InsideCard(ws.host.card(), found.spikes, whole.spikes, found.memory, found.position_tok)

    return ws.lanes.run(Lane.QUICK, "look-inside", work)


def choose_spikes(ws: Workspace, choice: SpikeChoice) -> Operation[EngineCard]:
    """Keep, for the model in the engine, how its inputs are coded, and load it so. If that cannot be, what
    was kept before holds, and the model is loaded as it was. Raises ModelRefused, InsideUnknown."""

    def work(op: Operation[EngineCard]) -> EngineCard:
        model = ws.host.wanted
        if model is None:
            raise InsideUnknown(why("no-model"))
        before = dict(ws.settings.current.model_spikes)
        chosen = {key: kept for key, kept in before.items() if key != model.card.id}
        if choice.text:
            chosen[model.card.id] = choice.text
        ws.settings.change(model_spikes=chosen)
        try:
            load_again(ws, op)
        except BaseException:
            ws.settings.change(model_spikes=before)
            if not ws.closing:
                ws.host.load(model)
            raise
        ws.changed(Changes.MODELS | Changes.ENGINE | Changes.READING | Changes.SETTINGS, None, op)
        return ws.host.card()

    return ws.lanes.run(Lane.QUICK, "choose-spikes", work)
