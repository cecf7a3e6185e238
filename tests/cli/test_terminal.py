"""The verbs in the terminal: real processes, the passphrase on standard input, JSON that a script can
trust.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import demonstration, exits, terminal, verbs
from app.cli.verbs import printable
from app.core.paths import Paths
from app.core.settings import SettingsFile
from app.store import CHEAP_FOR_TESTS

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a phrase that is long enough"
LETTER = "Madame Le Goff est sortie de l'hôpital le 9 mars.\n\nTraitement : apixaban 5 mg matin et soir.\n"
LEASE = "The monthly rent is EUR 1,250.00.\n\nThe lessor is Mr Paul Arnaud.\n"


class Keyboard(io.StringIO):
    """Standard input that is no terminal."""


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "lettre.txt").write_text(LETTER, "utf-8")
    (folder / "lease.txt").write_text(LEASE, "utf-8")
    (folder / "empty.pdf").write_bytes(b"")
    return folder


@pytest.fixture
def huisclos(tmp_path):
    """Run a verb in this process with a cheap key; returns exit code, standard output and standard error."""

    def run(*arguments, typed=PASSPHRASE + "\n"):
        out, err = io.StringIO(), io.StringIO()
        code = terminal.run(
            [str(a) for a in arguments],
            stdin=Keyboard(typed),
            stdout=out,
            stderr=err,
            paths=Paths.find(tmp_path / "home"),
            kdf=CHEAP_FOR_TESTS,
            shipped_models=tmp_path / "no-models",
            testing=True,
        )
        return code, out.getvalue(), err.getvalue()

    return run


def test_import_search_and_ask_as_a_person_does(huisclos, files, tmp_path):
    vault = tmp_path / "vault"
    code, out, _ = huisclos("import", files, "--dossier", "Le Goff", "--vault", vault)
    assert code == 0
    assert "2 documents, 2 pages" in out
    assert "empty.pdf: The file is empty" in out
    code, out, _ = huisclos("search", "hopital", "--dossier", "le goff", "--vault", vault)
    assert code == 0
    assert "lettre.txt, page 1" in out
    assert "[hôpital]" in out
    code, out, _ = huisclos("ask", "Which", "blood", "thinner?", "--dossier", "Le Goff", "--vault", vault)
    assert code == 0
    assert "No model is installed" in out
    assert "[1] lettre.txt, page 1: “" in out
    assert "apixaban 5 mg" in out
    code, out, _ = huisclos("dossiers", "--vault", vault)
    assert (code, out) == (0, "Le Goff: 2 documents, 2 pages, 1 not taken in whole\n")
    code, out, _ = huisclos("check", "--thorough", "--vault", vault)
    assert code == 0
    assert "as it was written" in out


def test_json_says_everything_a_script_needs(huisclos, files, tmp_path):
    where = ("--dossier", "D", "--vault", tmp_path / "vault", "--json")
    code, out, _ = huisclos("import", files, *where)
    taken = json.loads(out)
    assert code == 0
    assert {d["document"] for d in taken["added"]} == {"lettre.txt", "lease.txt"}
    assert [e["code"] for e in taken["exceptions"]] == ["empty-file"]
    code, out, _ = huisclos("search", "rent", *where)
    found = json.loads(out)
    assert found["total_pages"] == 1
    assert found["hits"][0]["document"] == "lease.txt"
    code, out, _ = huisclos("ask", "How much is the rent?", *where)
    answer = json.loads(out)
    assert code == 0
    assert set(answer) >= {"answer", "model", "statements", "citations", "timings"}
    assert answer["statements"][0]["grade"] == "checked_on_page"
    citation = answer["citations"][0]
    assert (citation["document"], citation["page"]) == ("lease.txt", 1)
    assert "1,250.00" in citation["quote"]
    assert all(len(box) == 4 and box[0] < box[2] and box[1] < box[3] for box in citation["boxes"])
    assert answer["timings"]["total_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "slug"),
    [
        (("dossiers", "--vault", "nowhere"), PASSPHRASE, exits.EXIT_USER, "vault-missing"),
        (("dossiers", "--vault", "vault"), "not the right one", exits.EXIT_USER, "wrong-passphrase"),
        (("dossiers", "--vault", "vault"), "", exits.EXIT_USER, "no-passphrase"),
        (
            ("search", "x", "--dossier", "Nobody", "--vault", "vault"),
            PASSPHRASE,
            exits.EXIT_USER,
            "dossier-unknown",
        ),
        (
            ("import", "x", "--dossier", "D", "--vault", "files"),
            PASSPHRASE,
            exits.EXIT_USER,
            "vault-exists",
        ),
        (("import", "x", "--dossier", "D", "--vault", "new"), "short", exits.EXIT_USER, "weak-passphrase"),
        (("dossiers", "--vault", "broken"), PASSPHRASE, exits.EXIT_ENVIRONMENT, "vault-damaged"),
    ],
)
def test_each_family_of_failure_has_its_exit_code(huisclos, files, tmp_path, arguments, typed, code, slug):
    huisclos("import", files, "--dossier", "D", "--vault", tmp_path / "vault")
    if slug == "vault-damaged":
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "vault.json").write_text("{}", "utf-8")
    given = [
        tmp_path / a if before == "--vault" else a
        for before, a in zip(("", *arguments), arguments, strict=False)
    ]
    got, out, err = huisclos(*given, "--json", typed=typed + "\n" if typed else "")
    failure = json.loads(out)["error"]
    assert (got, failure["code"]) == (code, slug)
    assert err.strip() == failure["message"]
    assert "{" not in err


def test_the_window_s_vault_is_the_default(huisclos, files, tmp_path):
    settings = SettingsFile(Paths.find(tmp_path / "home").settings_file)
    settings.change(vault_folder=str(tmp_path / "chosen"))
    assert huisclos("import", files, "--dossier", "D")[0] == 0
    assert (tmp_path / "chosen" / "vault.json").is_file()


def test_a_stranger_s_file_name_cannot_command_the_terminal(huisclos, tmp_path):
    assert printable("a\x1b[2Jb\r\u202ec\nd") == "a [2Jb  c d"
    hostile = tmp_path / "x\x1b]0;owned\x07.txt"
    hostile.write_text(LETTER, "utf-8")
    _, out, err = huisclos(
        "import", hostile, tmp_path / "gone\x1b[2J.txt", "--dossier", "D", "--vault", tmp_path / "v"
    )
    assert "\x1b" not in out + err


def test_a_passphrase_is_never_taken_as_an_argument(huisclos, tmp_path):
    with pytest.raises(SystemExit) as refused:
        huisclos("dossiers", "--vault", tmp_path / "v", "--passphrase", "x")
    assert refused.value.code == 2


@pytest.mark.parametrize("verb", ["import", "ask"])
def test_ctrl_c_stops_the_verb_and_not_the_program(huisclos, files, tmp_path, monkeypatch, verb):
    where = ("--dossier", "D", "--vault", tmp_path / "vault")
    huisclos("import", files / "lease.txt", *where)
    real = verbs.wait

    def interrupt(operation):
        if operation.verb == verb:
            operation.when_cancelled(lambda: stopped.append(operation.verb))
            restore = exits.on_interrupt(operation.cancel)
            os.kill(os.getpid(), signal.SIGINT)
            restore()
        return real(operation)

    stopped: list[str] = []
    monkeypatch.setattr(verbs, "wait", interrupt)
    given = (files,) if verb == "import" else ("How much is the rent?",)
    code, _, err = huisclos(verb, *given, *where)
    assert stopped == [verb]
    assert code in (exits.EXIT_STOPPED, 0), err  # it may have been over just before
    assert huisclos("dossiers", "--vault", tmp_path / "vault")[0] == 0


def test_ctrl_c_while_an_interrupted_import_goes_on_begins_no_other_one(
    huisclos, files, tmp_path, monkeypatch
):
    where = ("--dossier", "D", "--vault", tmp_path / "vault")
    huisclos("import", files / "lease.txt", *where)
    verbs_run = []
    real = verbs.wait

    def stopped_at_once(operation):
        verbs_run.append(operation.verb)
        report = real(operation)
        return replace(report, cancelled=True) if operation.verb == "resume-imports" else report

    monkeypatch.setattr(verbs, "wait", stopped_at_once)
    code, _, _ = huisclos("import", files, *where)
    assert code == exits.EXIT_STOPPED
    assert verbs_run == ["resume-imports"]


def test_a_mistyped_verb_is_said_and_opens_no_window(tmp_path):
    done = module("app", "serach", "x", home=tmp_path)
    assert done.returncode == 2
    assert "serach" in done.stderr


def module(*arguments, typed="", home):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HUISCLOS_HOME": str(home),
            "LANG": "fr_FR.UTF-8",
            "LC_ALL": "",
        },
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
    )


def test_the_real_command_works_from_import_to_answer_and_needs_no_qt(files, tmp_path):
    vault, typed = tmp_path / "vault", PASSPHRASE + "\n"
    done = module("app", "import", files, "--dossier", "D", "--vault", vault, typed=typed, home=tmp_path)
    assert done.returncode == 0, done.stderr
    done = module(
        "app", "ask", "Qui loue ?", "--dossier", "D", "--vault", vault, "--json", typed=typed, home=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["citations"]
    assert PASSPHRASE not in done.stdout + done.stderr


PROBE = """
import sys
from app.__main__ import main
import builtins, socket
try:
    main(["--help"])
except SystemExit:
    pass
import app.cli.demonstration
loaded = [name for name in sys.modules if name.partition(".")[0] in ("PySide6", "shiboken6")]
assert not loaded, loaded
if sys.platform == "linux":
    try:
        socket.socket(socket.AF_INET)
    except OSError:
        print("refused")
else:
    print("refused")
"""

ORDER = """
import sys
seen = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        seen.append(name)
        return None
sys.meta_path.insert(0, Watch())
from engine import cage
real = cage.forbid_internet
def noted():
    ours = {"app", "engine", "org"} | set(sys.stdlib_module_names)
    foreign = [n for n in seen if n.partition(".")[0] not in ours and not n.startswith("_")]
    assert not foreign, foreign
    print("first")
    return real()
cage.forbid_internet = noted
from app.__main__ import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


def test_no_verb_loads_qt_and_internet_sockets_are_refused():
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("refused")


def test_the_filter_comes_before_any_third_party_code():
    done = subprocess.run([sys.executable, "-c", ORDER], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "first" in done.stdout


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_demonstration_imports_asks_and_shows_where_it_stands(language, tmp_path):
    out = io.StringIO()
    code = demonstration.run(
        out, language=language, shipped_models=tmp_path / "none", kdf=CHEAP_FOR_TESTS, testing=True
    )
    said = out.getvalue()
    assert code == 0, said
    assert ", page " in said
    assert "“" in said
    assert "display" in said.splitlines()[-2]


def test_the_demonstration_speaks_the_language_of_the_environment(monkeypatch):
    monkeypatch.setenv("LC_ALL", "fr_CA.UTF-8")
    assert demonstration.spoken_language() == "fr"
    monkeypatch.setenv("LC_ALL", "C")
    assert demonstration.spoken_language() == "en"


def test_spikes_are_asked_for_and_energy_is_told_or_called_unmeasurable(huisclos, files, tmp_path):
    where = ("--dossier", "D", "--vault", tmp_path / "vault")
    code, _, err = huisclos("ask", "who?", *where, "--spikes", "on")
    assert code == 2
    assert "neither" in err
    assert huisclos("import", files, *where)[0] == 0
    code, out, _ = huisclos("ask", "How much is the rent?", *where, "--spikes", "k=3.0", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["spikes"]["k"] == 0.0, "there is no model"
    assert told["energy"]["answer_j"] is None
    assert told["energy"]["measurable"] or told["energy"]["reason"] in verbs.NO_ENERGY
