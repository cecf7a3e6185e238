"""`python -m engine.mini make|train|evaluate|export|gates|needle|golden|manifest|describe`."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.mini")
    verbs = parser.add_subparsers(dest="verb", required=True)
    train = verbs.add_parser("train", help="train, or continue training, in a folder")
    train.add_argument("folder", type=Path)
    train.add_argument("--minutes", type=float, default=85.0)
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--rate", type=float, default=1e-3)
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--device", default="auto", help="a torch device; an accelerator where there is one")
    train.add_argument("--plain", action="store_true", help="without torch.compile")
    make = verbs.add_parser("make", help="train, export, convert and measure: the whole way in one folder")
    make.add_argument("folder", type=Path)
    make.add_argument("--minutes", type=float, default=110.0)
    make.add_argument("--threads", type=int, default=2)
    make.add_argument("--questions", type=int, default=2_000)
    export = verbs.add_parser("export", help="write a checkpoint folder in the published layout")
    export.add_argument("folder", type=Path, help="the training folder")
    export.add_argument("target", type=Path)
    evaluate = verbs.add_parser("evaluate", help="ask the shipped file, in our engine")
    evaluate.add_argument("--model", type=Path)
    evaluate.add_argument("--validation", type=int, default=200, help="questions of the validation side")
    evaluate.add_argument("--threads", type=int, default=1)
    gates = verbs.add_parser("gates", help="what the reader must reach, as far as it needs no application")
    gates.add_argument("--model", type=Path)
    gates.add_argument("--before", type=Path, help="the same reader before spike coding")
    gates.add_argument("--questions", type=int, default=2_000, help="of the held-out set")
    gates.add_argument("--threads", type=int, default=1)
    gates.add_argument("--out", type=Path, help="folder for the tables and the failures")
    needle = verbs.add_parser("needle", help="what is found in long texts, as a table and a picture")
    needle.add_argument("--model", type=Path)
    needle.add_argument("--out", type=Path, required=True, help="folder for needle.md, .json and .png")
    needle.add_argument("--longest", type=int, default=256_000, help="tokens; shorter takes less time")
    needle.add_argument("--needles", type=int, default=8, help="facts in each field; 2 in long texts")
    needle.add_argument("--threads", type=int, default=1)
    manifest = verbs.add_parser(
        "manifest", help="write what the window lists beside the file, after a new one"
    )
    manifest.add_argument("--model", type=Path)
    golden = verbs.add_parser("golden", help="choose and store the answers that no build may change")
    golden.add_argument("--model", type=Path)
    describe = verbs.add_parser("describe", help="what the generator can write, and what it does write")
    describe.add_argument("--questions", type=int, default=2_000)
    describe.add_argument("--side", choices=("train", "valid", "test"), default="train")
    a = parser.parse_args()
    if a.verb == "train":
        from engine.mini.hardware import find_hardware
        from engine.mini.train import train as run_training

        run_training(
            a.folder,
            minutes=a.minutes,
            seed=a.seed,
            rate=a.rate,
            threads=a.threads,
            compiled=not a.plain,
            hardware=find_hardware(a.device),
        )
    elif a.verb == "make":
        from engine.mini.make import make as run_all

        print(run_all(a.folder, minutes=a.minutes, threads=a.threads, questions=a.questions))
    elif a.verb == "export":
        from engine.mini.export import export as write_checkpoint

        write_checkpoint(a.folder, a.target)
    elif a.verb == "gates":
        from engine.mini.gates import measure
        from engine.mini.reports import print_gates, write

        report = measure(a.model, questions=a.questions, threads=a.threads, before=a.before)
        print(report.model)
        print_gates(report.gates)
        print("  The real documents need the application: python3 dev.py bench gates --papers DIR")
        if a.out is not None:
            write(report, a.out)
    elif a.verb == "describe":
        from engine.mini.describe import describe as print_description

        print_description(a.questions, a.side)
    elif a.verb == "golden":
        from engine.mini.evaluate import SHIPPED
        from engine.mini.golden import write as write_golden

        print(write_golden(a.model or SHIPPED))
    elif a.verb == "manifest":
        from engine.mini.manifest import write as write_manifest

        print(write_manifest(a.model))
    elif a.verb == "needle":
        from engine.mini.needle_picture import report_to

        report_to(a.out, a.model, longest_tok=a.longest, needles=a.needles, threads=a.threads)
    else:
        from engine.mini.evaluate import evaluate as run_evaluation

        run_evaluation(a.model, validation=a.validation, threads=a.threads)


if __name__ == "__main__":
    main()
