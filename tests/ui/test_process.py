"""The program as its own process: locking replaces it by a locked one, and it ends when asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

WAIT_S = 60.0

DRIVER = """
import sys
from pathlib import Path
from engine import cage
guarantee = cage.forbid_internet()
from PySide6.QtWidgets import QApplication
from app.core.paths import Paths
from app.services import Companions, Workspace
from app.store import CHEAP_FOR_TESTS
from app.ui.application import Program
application = QApplication(["huisclos"])
program = Program(application, Paths.find(), guarantee, ["--vault", sys.argv[1]], vault=Path(sys.argv[1]),
                  testing=True)
parts = Companions.start(program._paths, settings=program.settings, with_engine=False)
program.shell = None
program._begin(Workspace.create(program._folder, "a phrase that is long enough", companions=parts,
                                kdf=CHEAP_FOR_TESTS, testing=True), ())
print("open", flush=True)
program.lock()
"""


def until(what: object, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + WAIT_S
    while not what():  # type: ignore[operator]
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="a process is replaced in place on POSIX alone")
def test_locking_replaces_the_process_by_a_locked_one_that_ends_when_asked(tmp_path: Path) -> None:
    vault = tmp_path / "vault of mine"
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(vault)],
        env={**os.environ, "HUISCLOS_HOME": str(tmp_path / "home")}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        self = psutil.Process(process.pid)
        until(lambda: self.cmdline()[1:] == ["-m", "app", "--vault", str(vault)], process)
        # The locked program has started its companions: the parser's nursery is a child of it.
        until(lambda: len(self.children()) >= 1, process)
        children = self.children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        _, alive = psutil.wait_procs(children, timeout=WAIT_S)
        assert not alive
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None


CHOOSER = """
import sys
from PySide6.QtWidgets import QApplication
from shiboken6 import delete
from app.ui.dialogs.files import _dialog, keep_no_names
if sys.argv[2] == "nowhere":
    keep_no_names()
application = QApplication(["huisclos"])
dialog = _dialog(None, "Add files")
dialog.setDirectory(sys.argv[1])
dialog.show()
application.processEvents()
dialog.done(1)
delete(dialog)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for the file Qt writes on Linux")
@pytest.mark.parametrize("where", ["usual", "nowhere"])
def test_choosing_files_leaves_no_name_in_the_home(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "Madame Le Goff"
    folder.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    subprocess.run(
        [sys.executable, "-c", CHOOSER, str(folder), where], env=environment, check=True, timeout=60
    )
    written = "".join(path.read_text("utf-8", "replace") for path in home.rglob("*") if path.is_file())
    # Where Qt writes as it usually does, the name is there: the test can fail.
    assert ("Goff" in written) == (where == "usual")


def test_the_window_imports_nothing_whose_purpose_is_the_network() -> None:
    listing = "import sys; import app.ui.main_window, app.ui.application; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    for name in ("PySide6.QtNetwork", "PySide6.QtDBus", "http.client", "urllib.request", "requests"):
        assert name not in loaded, name
