"""`python -m engine.mini train|evaluate|export`."""

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
    train.add_argument("--rate", type=float, default=2e-3)
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--plain", action="store_true", help="without torch.compile")
    export = verbs.add_parser("export", help="write a checkpoint folder in the published layout")
    export.add_argument("folder", type=Path, help="the training folder")
    export.add_argument("target", type=Path)
    evaluate = verbs.add_parser("evaluate", help="ask the shipped file, in our engine")
    evaluate.add_argument("--model", type=Path)
    evaluate.add_argument("--validation", type=int, default=200, help="questions of the validation side")
    evaluate.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    if a.verb == "train":
        from engine.mini.train import train as run_training

        run_training(
            a.folder, minutes=a.minutes, seed=a.seed, rate=a.rate, threads=a.threads, compiled=not a.plain
        )
    elif a.verb == "export":
        from engine.mini.export import export as write_checkpoint

        write_checkpoint(a.folder, a.target)
    else:
        from engine.mini.evaluate import evaluate as run_evaluation

        run_evaluation(a.model, validation=a.validation, threads=a.threads)


if __name__ == "__main__":
    main()
