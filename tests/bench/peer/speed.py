"""Reading 512 tokens and writing at the beginning: beside llama.cpp, and beside the machine's limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.models.encoding import FloatFormat
from tests.bench.peer.figures import Figure, Goal, Row, Section, Taken, figure, interleave
from tests.bench.peer.setting import MISSING, PEER_FORMAT, Counted, Setting, per, tell
from tests.bench.peer.shapes import Shape

PREFILL_TOK: Final = 512
_PREFILL_GOAL: Final = {"q8": 5.0, "q4": 1.8}
_DECODE_GOAL: Final = 1.3
_PEAK_GOAL: Final = 80.0
_BANDWIDTH_GOAL: Final = 93.0
_FORMS: Final[tuple[FloatFormat, ...]] = ("q8", "q4")


def limits(setting: Setting) -> Section:
    """Both limits on one thread and on all that are asked for."""
    section = Section("limits")
    with setting.limits() as machine:
        section.facts.update(machine.ask("describe"))
        for threads in sorted({1, 2, setting.threads}):
            multiply, read = Counted(machine, "multiply", threads), Counted(machine, "read", threads)
            interleave(setting.runs, {"multiply": multiply, "read": read}, setting.clock)
            tops = multiply.rate(setting.clock, "products/s").map(lambda n: 2 * n / 1e12, "TOPS")
            speed = read.rate(setting.clock, "B/s").map(lambda n: n / 1e9, "GB/s")
            told = f"{threads} thread{'s' if threads > 1 else ''}"
            isa = section.facts["isa"]
            tell(
                section,
                Row(f"integer peak, {told}", tops.value, "TOPS", ours=tops, note=f"{isa}, registers only"),
                Row(
                    f"read bandwidth, {told}",
                    speed.value,
                    "GB/s",
                    ours=speed,
                    note=f"{setting.block_bytes >> 20} MiB",
                ),
            )
    return section


def prefill(setting: Setting, forms: tuple[FloatFormat, ...] = _FORMS) -> Section:
    section = Section("prefill")
    shape = setting.shape
    for form in forms:
        with (
            setting.limits() as machine,
            setting.ours(shape, form) as ours,
            setting.theirs(shape, form, 2 * PREFILL_TOK) as theirs,
        ):
            multiply = Counted(machine, "multiply", setting.threads)
            ways: dict[str, Callable[[], Taken]] = {
                "peak": multiply,
                "ours": ours.timed("prefill", PREFILL_TOK),
            }
            if theirs is not None:
                ways["theirs"] = theirs.timed("prefill", PREFILL_TOK)
                section.facts["llama.cpp"] = theirs.ask("describe")
            taken = interleave(setting.runs, ways, setting.clock)
        peak = multiply.rate(setting.clock, "products/s")
        seconds = {name: figure(values) for name, values in taken.items()}
        products = shape.products(PREFILL_TOK, 1)
        section.facts[form] = taken
        _tell_prefill(section, setting, shape, form, seconds, products, peak)
    return section


def _tell_prefill(
    section: Section,
    setting: Setting,
    shape: Shape,
    form: FloatFormat,
    seconds: dict[str, Figure],
    products: int,
    peak: Figure,
) -> None:
    speed = {name: f.map(lambda s: per(s, PREFILL_TOK), "tokens/s") for name, f in seconds.items()}
    ratio = speed["ours"].value / speed["theirs"].value if "theirs" in speed else None
    used = products * (setting.threads if setting.clock == "processor" else 1)
    share = 100 * used / seconds["ours"].value / peak.value
    told = " and ".join(
        f"{per(shape.whole_prefill_s(seconds[name].value, PREFILL_TOK), PREFILL_TOK):.3g}"
        for name in ("ours", "theirs")
        if name in seconds
    )
    tell(
        section,
        Row(
            f"prefill {PREFILL_TOK} tokens, {form}, to llama.cpp {PEER_FORMAT[form]}",
            ratio,
            "×",
            Goal("at least", _PREFILL_GOAL[form], "×"),
            speed["ours"],
            speed.get("theirs", MISSING),
            _depth_note(shape, f"{told} tokens/s", setting),
        ),
        Row(
            f"prefill {PREFILL_TOK} tokens, {form}, of the integer peak",
            share,
            "%",
            Goal("at least", _PEAK_GOAL, "%") if form == "q8" else None,
            seconds["ours"].map(lambda s: 2 * products / s / 1e12, "TOPS"),
            note=f"peak {peak.map(lambda n: 2 * n / 1e12, 'TOPS')}",
        ),
    )


def decode(setting: Setting, forms: tuple[FloatFormat, ...] = _FORMS, steps: int = 8) -> Section:
    section = Section("decode")
    shape = setting.shape
    for form in forms:
        with (
            setting.limits() as machine,
            setting.ours(shape, form) as ours,
            setting.theirs(shape, form, 2 * PREFILL_TOK) as theirs,
        ):
            read = Counted(machine, "read", setting.threads)
            ways: dict[str, Callable[[], Taken]] = {
                "bandwidth": read,
                "ours": ours.timed("step", steps),
                "ours, body": ours.timed("step", steps, False),
            }
            if theirs is not None:
                ways["theirs"] = theirs.timed("step", steps)
                ways["theirs, body"] = theirs.timed("step", steps, False)
            taken = interleave(setting.runs, ways, setting.clock)
        bandwidth = read.rate(setting.clock, "B/s")
        seconds = {name: figure([s / steps for s in values]) for name, values in taken.items()}
        section.facts[form] = taken
        _tell_decode(section, setting, shape, form, seconds, bandwidth)
    return section


def _tell_decode(
    section: Section,
    setting: Setting,
    shape: Shape,
    form: FloatFormat,
    seconds: dict[str, Figure],
    bandwidth: Figure,
) -> None:
    speed = {name: f.map(lambda s: per(s, 1), "tokens/s") for name, f in seconds.items()}
    whole = {
        name: shape.whole_decode_s(seconds[name].value, seconds[f"{name}, body"].value)
        for name in ("ours", "theirs")
        if name in seconds
    }
    ratio = whole["theirs"] / whole["ours"] if "theirs" in whole else None
    used = shape.read_bytes(form) * (setting.threads if setting.clock == "processor" else 1)
    share = 100 * used / seconds["ours"].value / bandwidth.value
    told = " and ".join(f"{1 / s:.2f}" for s in whole.values())
    tell(
        section,
        Row(
            f"decode at depth 0, {form}, of the read bandwidth over weight bytes",
            share,
            "%",
            Goal("at least", _BANDWIDTH_GOAL, "%"),
            seconds["ours"].map(lambda s: shape.read_bytes(form) / s / 1e9, "GB/s"),
            note=f"bandwidth {bandwidth.map(lambda n: n / 1e9, 'GB/s')}",
        ),
        Row(
            f"decode at depth 0, {form}, to llama.cpp {PEER_FORMAT[form]}",
            ratio,
            "×",
            Goal("at least", _DECODE_GOAL, "×"),
            speed["ours"],
            speed.get("theirs", MISSING),
            _depth_note(shape, f"{told} tokens/s", setting),
        ),
    )


def _depth_note(shape: Shape, scaled: str, setting: Setting) -> str:
    threads = f"{setting.threads} thread{'s' if setting.threads > 1 else ''}"
    if shape.is_whole:
        return threads
    return f"{threads}; {shape.config.layers} of {shape.layers} layers measured, scaled to all {scaled}"
