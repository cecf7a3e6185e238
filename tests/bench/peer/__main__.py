"""``python3 dev.py bench --peer [SECTION …]``: goal, measured, ours, llama.cpp, in one table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine import kernels
from tests.bench.peer import depth, dossier, drafts, loading, long, snapshots, speed, spikes, threads
from tests.bench.peer.figures import RUNS, Section, print_head
from tests.bench.peer.setting import Setting
from tests.bench.peer.shapes import PUBLISHED_7B, TINY

SECTIONS: Final[dict[str, Callable[[Setting], Section]]] = {
    "limits": speed.limits,
    "prefill": speed.prefill,
    "decode": speed.decode,
    "depth": depth.depth,
    "threads": threads.threads,
    "load": loading.load_time,
    "snapshots": snapshots.snapshots,
    "spikes": spikes.spikes,
    "dossier": dossier.dossier,
    "drafts": drafts.drafts,
    "long": long.long,
}


def main(arguments: list[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    kernels.self_test()  # nothing that computes wrongly is worth timing
    with tempfile.TemporaryDirectory(prefix="huisclos-peer-") as scratch:
        setting = Setting(
            options.models or Path(scratch),
            config=TINY if options.tiny else PUBLISHED_7B,
            layers=options.layers,
            threads=options.threads,
            runs=options.runs,
            clock="processor" if options.processor_time else "wall",
            full=options.full,
            long_tok=options.long_tok,
        )
        if options.alone:
            setting.with_peer = False
        if options.tiny:
            setting.block_bytes = 1 << 20
        measure(setting, options.sections or list(SECTIONS), options.json)


def measure(setting: Setting, names: list[str], report: Path | None = None) -> list[Section]:
    print(f"{platform.platform()}, {_processor()}, {os.cpu_count()} processors")
    when = time.strftime("%d %B %Y %H:%M UTC", time.gmtime())
    print(f"{when}, {setting.runs} interleaved runs, median (lowest–highest)")
    if setting.clock == "processor":
        print("Seconds are the processor's: of one thread, without what other programs took.")
    print_head()
    found: list[Section] = []
    for name in names:
        began_s = time.monotonic()
        section = SECTIONS[name](setting)
        section.facts["taken_s"] = round(time.monotonic() - began_s, 1)
        found.append(section)
        if report is not None:
            report.write_text(
                json.dumps(_report(setting, found), indent=1, default=str) + "\n", encoding="utf-8"
            )
    return found


def _report(setting: Setting, sections: list[Section]) -> dict[str, object]:
    return {
        "machine": platform.platform(),
        "processor": _processor(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernels": kernels.features().build_hash,
        "isa": kernels.features().isa,
        "layers": setting.shape.config.layers,
        "threads": setting.threads,
        "clock": setting.clock,
        "runs": setting.runs,
        "sections": {
            section.name: {"rows": [row.to_json() for row in section.rows], "facts": section.facts}
            for section in sections
        },
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py bench --peer", description=__doc__)
    known = ", ".join(SECTIONS)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {known}; all by default")
    parser.add_argument("--layers", type=int, default=6, help="of 28, at full width (6: 3 GB a model in q8)")
    parser.add_argument("--full", action="store_true", help="all 28 layers, 4 million tokens (hours, 20 GB)")
    parser.add_argument("--threads", type=int, default=1, help="where threads are not what is compared")
    parser.add_argument("--runs", type=int, default=RUNS, help="interleaved runs of each comparison")
    parser.add_argument("--processor-time", action="store_true", help="for a busy machine; one thread only")
    parser.add_argument("--long-tok", type=int, metavar="N", help="of the long reading, instead of a million")
    parser.add_argument("--models", type=Path, metavar="DIR", help="where random model files are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure, as it comes")
    parser.add_argument("--tiny", action="store_true", help="a tiny shape, to see that all of it runs")
    parser.add_argument("--alone", action="store_true", help="without llama.cpp (compiling it takes minutes)")
    return parser


if __name__ == "__main__":
    main()
