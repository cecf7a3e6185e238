"""The application's verbs in the terminal. Imports nothing of Qt; prints English sentences or, with --json,
one value.
"""

from __future__ import annotations

import argparse
import getpass
import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from app import __version__
from app.cli import model_verbs, verbs
from app.cli.exits import EXIT_STOPPED, exit_code_of
from app.cli.verbs import Setting
from app.core.errors import HuisClosError, OurError, UserError
from app.core.paths import Paths
from app.core.settings import SettingsFile
from app.services.operation import OperationCancelled
from app.store import KdfParameters
from app.store.kdf import DEFAULT as DEFAULT_KDF

_MAX_PASSPHRASE_CHARACTERS = 4096
_LONE = re.compile("[\ud800-\udfff]")


class NoPassphrase(UserError):
    def __init__(self) -> None:
        super().__init__(
            "no-passphrase", "A passphrase is needed: type it, or send it as the first line of input."
        )


class PassphrasesDiffer(UserError):
    def __init__(self) -> None:
        super().__init__("passphrases-differ", "The two passphrases are not the same. Nothing was created.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="huisclos",
        description="Ask confidential dossiers questions on your own machine. Without a verb, the window "
        "opens.",
        epilog="The passphrase is asked for, or read from the first line of standard input; it is never an "
        "argument.",
    )
    parser.add_argument("--version", action="version", version=f"huisclos {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--vault", type=Path, metavar="DIR", help="the vault's folder (default: yours)")
    common.add_argument("--json", action="store_true", help="print one JSON value")
    inside = argparse.ArgumentParser(add_help=False)
    inside.add_argument("--dossier", required=True, type=words, metavar="NAME", help="the dossier's name")
    add = parser.add_subparsers(dest="verb", required=True)
    taking = add.add_parser("import", parents=[common, inside], help="take files and folders into a dossier")
    taking.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    searching = add.add_parser("search", parents=[common, inside], help="find pages by their words")
    searching.add_argument("words", nargs="+", type=words, metavar="WORDS")
    searching.add_argument("--limit", type=int, default=20, metavar="N", help="pages shown at most (20)")
    asking = add.add_parser(
        "ask", parents=[common, inside], help="ask a question, get an answer with its pages"
    )
    asking.add_argument("question", nargs="+", type=words, metavar="QUESTION")
    asking.add_argument(
        "--spikes",
        type=words,
        metavar="off|k=3.0[,down]",
        help="code the model's inputs as spikes this time; default: as set for the model",
    )
    add.add_parser("dossiers", parents=[common], help="list the dossiers")
    checking = add.add_parser("check", parents=[common], help="look the vault over, changing nothing")
    checking.add_argument("--thorough", action="store_true", help="verify every stored byte")
    model_verbs.add_parser(add, common)
    return parser


def words(given: str) -> str:
    """An argument as text: bytes of it that are no Unicode become U+FFFD. (Paths keep theirs.)"""
    return _LONE.sub("\ufffd", given)


def speak_any_language(*streams: TextIO) -> None:
    """Let streams of a narrow encoding (an old terminal, a redirected one on Windows) replace what they lack,
    where they would end the program."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if stream.readable() else "replace")


def read_passphrase(stdin: TextIO, *, twice: bool = False) -> str:
    """From the terminal without showing it, else the first line of standard input."""
    if stdin.isatty():
        passphrase = getpass.getpass("Passphrase: ")
        if twice and getpass.getpass("Once more: ") != passphrase:
            raise PassphrasesDiffer
    else:
        passphrase = stdin.readline(_MAX_PASSPHRASE_CHARACTERS).rstrip("\r\n")
    if not passphrase:
        raise NoPassphrase
    return passphrase


def _vault_folder(given: Path | None, paths: Paths) -> Path:
    """The folder named, else the one the window uses, else the platform's place."""
    if given is not None:
        return given.expanduser().absolute()
    chosen = SettingsFile(paths.settings_file).load().vault_folder
    return Path(chosen) if chosen else paths.default_vault


def run(
    arguments: Sequence[str],
    *,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    paths: Paths | None = None,
    kdf: KdfParameters = DEFAULT_KDF,
    shipped_models: Path | None = None,
    testing: bool = False,
) -> int:
    """Run one verb and return its exit code. The streams, folders and cost of the key are parameters for
    tests.
    """
    given = _parser().parse_args(list(arguments))
    out, err = stdout or sys.stdout, stderr or sys.stderr
    speak_any_language(stdin or sys.stdin, out, err)
    where = paths or Paths.find()
    setting = Setting(
        paths=where,
        folder=_vault_folder(given.vault, where),
        passphrase=lambda twice: read_passphrase(stdin or sys.stdin, twice=twice),
        kdf=kdf,
        shipped_models=shipped_models,
        testing=testing,
        say=(lambda line: None) if given.json else (lambda line: print(line, file=err, flush=True)),
    )
    acts: dict[str, Callable[[Setting, Any], verbs.Outcome]] = {
        "import": verbs.take_in,
        "search": verbs.search,
        "ask": verbs.ask,
        "dossiers": verbs.list_dossiers,
        "check": verbs.check,
        "model": model_verbs.run,
    }
    act = acts[given.verb]
    try:
        outcome = act(setting, given)
    except HuisClosError as failure:
        return _fail(failure, given.json, out, err)
    except (OperationCancelled, KeyboardInterrupt):
        print("Stopped.", file=err)
        return EXIT_STOPPED
    except Exception as defect:
        return _fail(
            OurError(
                "unexpected", "Something went wrong inside Huis Clos ({kind}).", kind=type(defect).__name__
            ),
            given.json,
            out,
            err,
        )
    if given.json:
        print(json.dumps(outcome.value, ensure_ascii=not _speaks_unicode(out), indent=1), file=out)
    else:
        print(outcome.text, file=out)
    return outcome.exit_code


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")


def _fail(failure: HuisClosError, as_json: bool, out: TextIO, err: TextIO) -> int:
    if as_json:
        told = {"code": failure.code, "family": failure.family, "message": failure.sentence()}
        print(json.dumps({"error": told}, ensure_ascii=not _speaks_unicode(out)), file=out)
    print(failure.sentence(), file=err)
    return exit_code_of(failure)
