"""A second question about 100,000 tokens already read: what is opened and what is read for it."""

from __future__ import annotations

from typing import Final

from app.chat.evidence import WINDOW_TOK, plan_budget
from engine.models.encoding import FloatFormat
from engine.models.facts import ModelFacts
from tests.bench.peer.figures import Goal, Row, Section, figure
from tests.bench.peer.setting import Setting, per, tell
from tests.bench.peer.snapshots import POSITION_TOK, Keeper
from tests.bench.peer.speed import PREFILL_TOK
from tests.bench.peer.workers import Worker

_RESTORE_GOAL_S: Final = 0.5
_READ_GOAL: Final = 2.0


def dossier(setting: Setting, form: FloatFormat = "q8") -> Section:
    """By the wall's clock. The prompt is as long as the application plans it for the speed measured here."""
    section = Section("dossier")
    shape = setting.shape
    setting.folder.mkdir(parents=True, exist_ok=True)
    path = setting.folder / "snapshot-dossier"
    with Worker(Keeper, setting.config, "f16", path) as keeper, setting.ours(shape, form) as ours:
        ours.ask("prefill", PREFILL_TOK)
        read = figure([ours.ask("prefill", PREFILL_TOK, False).wall_s for _ in range(setting.runs)])
        whole_per_token_s = shape.whole_prefill_s(read.value, PREFILL_TOK, 0) / PREFILL_TOK
        budget = plan_budget(
            reader=False,
            window_tok=WINDOW_TOK,
            evidence_tok=ModelFacts().evidence_tok,
            prefill_tok_per_s=1 / whole_per_token_s,
        )
        ours.ask("stand", POSITION_TOK)
        restored, prompted = [], []
        for _ in range(setting.runs):
            restored.append(keeper.ask("restore").wall_s)
            prompted.append(ours.ask("read_on", budget.prompt_tok).wall_s)
        warm = [keeper.ask("restore", True).wall_s for _ in range(setting.runs)]
    path.unlink()
    path.with_name(path.name + ".plain").unlink(missing_ok=True)
    again_s = whole_per_token_s * POSITION_TOK
    prompt_s = shape.whole_prefill_s(figure(prompted).value, budget.prompt_tok)
    first_s = figure(restored).value + prompt_s
    section.facts.update(
        restored=restored, restored_warm=warm, prompted=prompted, prompt_tok=budget.prompt_tok
    )
    layers = "" if shape.is_whole else f", {shape.config.layers} of {shape.layers} layers measured and scaled"
    tell(
        section,
        Row(
            f"second question on {POSITION_TOK:,} tokens: restore",
            figure(restored).value,
            "s",
            Goal("at most", _RESTORE_GOAL_S, "s"),
            figure(restored),
            note=f"from disk; {figure(warm)} when the system still holds the file",
        ),
        Row(
            "evidence and question read, of the dossier's tokens",
            100 * budget.prompt_tok / POSITION_TOK,
            "%",
            Goal("at most", _READ_GOAL, "%"),
            note=f"{budget.prompt_tok} tokens, as the app plans for {per(whole_per_token_s, 1):.0f} tokens/s",
        ),
        Row(
            "time to the first token, of reading the dossier again",
            100 * first_s / again_s,
            "%",
            Goal("at most", _READ_GOAL, "%"),
            figure(prompted),
            note=f"{first_s:.2f} s of {again_s:.0f} s, {form}{layers}",
        ),
    )
    return section
