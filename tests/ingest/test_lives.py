"""Cancelled jobs, dead helpers, dead applications: nothing hangs, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from app.ingest import IngestCancelled, IngestRefused, ParserHelper
from tests.ingest.conftest import Reader

ROOT = Path(__file__).resolve().parents[2]


def children_of(helper):
    return psutil.Process(helper.process_id).children()


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def own():
    with ParserHelper.spawn() as spawned:
        yield spawned


def test_cancel_ends_the_child_and_keeps_the_pages_so_far(own, files):
    cancel = threading.Event()
    pages = []

    def keep(page):
        pages.append(page)
        if page.number == 3:
            cancel.set()

    data = files.pdf([f"Page {number}" for number in range(1, 101)])
    with pytest.raises(IngestCancelled):
        own.parse(data, "a.pdf", on_page=keep, cancel=cancel)
    assert [page.text for page in pages] == ["Page 1", "Page 2", "Page 3"]
    wait_until(lambda: not children_of(own))
    own.parse(data, "a.pdf", first_page=4, on_page=pages.append)
    assert [page.number for page in pages] == list(range(1, 101))


def test_cancel_reaches_a_child_that_is_busy(files):
    attacker = str(Path(__file__).with_name("attacker.py"))
    cancel = threading.Event()
    with ParserHelper.spawn(command=(sys.executable, attacker)) as spawned:
        spawned.wait_ready()
        timer = threading.Timer(0.2, cancel.set)
        timer.start()
        with pytest.raises(IngestCancelled):
            spawned.parse(b"attack burn", "x", on_page=lambda page: None, cancel=cancel)
        timer.join()
        wait_until(lambda: not children_of(spawned))


def test_an_error_of_the_caller_passes_through_and_ends_the_child(own, files):
    class DiskFull(Exception):
        pass

    def fail(page):
        raise DiskFull

    with pytest.raises(DiskFull):
        own.parse(files.pdf(["x"] * 60), "a.pdf", on_page=fail)
    wait_until(lambda: not children_of(own))
    assert Reader(own).parse(files.pdf(["y"]))[1][0].text == "y"


def test_a_helper_that_died_is_started_again(own, files):
    own.wait_ready()
    first = own.process_id
    psutil.Process(first).kill()
    wait_until(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE)
    assert Reader(own).parse(files.pdf(["y"]))[1][0].text == "y"
    assert own.process_id != first


def test_a_child_that_dies_while_viewing_is_replaced(own, files):
    wait_until(lambda: not children_of(own))
    with own.open_view(files.pdf(["One", "Two"])) as view:
        first = view.render(1, width_px=100)
        (child,) = children_of(own)
        child.kill()
        assert view.render(1, width_px=100) == first
        assert len(children_of(own)) == 1
        assert children_of(own)[0].pid != child.pid
    wait_until(lambda: not children_of(own))


def test_jobs_run_side_by_side(own, files):
    def read(number):
        return Reader(own).parse(files.pdf([f"Document {number}"] * 3), "a.pdf")[1][2].text

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(12))) == [f"Document {number}" for number in range(12)]


def test_a_closed_helper_reads_nothing_more_and_leaves_nothing(files):
    spawned = ParserHelper.spawn()
    spawned.wait_ready()
    nursery = psutil.Process(spawned.process_id)
    view = spawned.open_view(files.pdf(["x"]))
    view.render(1, width_px=50)
    (child,) = nursery.children()
    spawned.close()
    assert not nursery.is_running()
    wait_until(lambda: not child.is_running())
    view.close()
    with pytest.raises(IngestRefused):
        spawned.parse(files.pdf(["x"]), "a.pdf", on_page=lambda page: None)
    spawned.close()


def test_a_helper_that_is_closed_while_it_warms_up_is_not_waited_for():
    never_warm = "import socket, sys; socket.socket(fileno=int(sys.argv[1])).recv(1)"
    cold, warm = ParserHelper.spawn(command=(sys.executable, "-c", never_warm)), ParserHelper.spawn()
    warm.wait_ready()
    processes = [cold._process, warm._process]
    cold.close()
    warm.close()
    assert [process.returncode for process in processes] == [-signal.SIGKILL, 0]


def test_helper_and_children_end_with_the_application(tmp_path, files):
    path = tmp_path / "a.pdf"
    path.write_bytes(files.pdf(["x"]))
    script = (
        "import os, pathlib, sys; from app.ingest import ParserHelper; h = ParserHelper.spawn(); "
        f"v = h.open_view(pathlib.Path({str(path)!r}).read_bytes()); v.render(1, width_px=50); "
        "print(h.process_id, flush=True); sys.stdin.read(); os._exit(9)"
    )
    application = subprocess.Popen(
        (sys.executable, "-c", script),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        nursery = psutil.Process(int(application.stdout.readline()))
        family = [nursery, *nursery.children()]
        assert len(family) == 2
    finally:
        application.kill()
        application.communicate()
    wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))


def test_a_system_without_fork_reads_and_draws_with_a_process_per_job(files, spans_hold):
    with ParserHelper.spawn(fork=False) as spawned:
        assert spawned.process_id is None
        data = files.pdf([f"Page {number}" for number in range(1, 4)])
        document, pages = Reader(spawned).parse(data, "a.pdf")
        spans_hold(pages)
        assert [page.text for page in pages] == ["Page 1", "Page 2", "Page 3"]
        picture = spawned.render(data, document.media_type, 2, width_px=300)
        assert min(picture.rgb) < 100
        refused = Reader(spawned).refusal(b"%PDF-1.7", "a.pdf")
        assert refused.code == "damaged"
    assert threading.active_count() == 1 or not any(
        thread.name == "parser-pipe" for thread in threading.enumerate()
    )


def test_files_are_read_under_the_filter_of_the_window(tmp_path, files):
    path = tmp_path / "a.pdf"
    path.write_bytes(files.pdf(["Behind the filter"]))
    script = (
        "from engine.cage import forbid_internet, no_core_dumps; forbid_internet(); no_core_dumps()\n"
        "import pathlib; from app.ingest import ParserHelper\n"
        f"data = pathlib.Path({str(path)!r}).read_bytes()\n"
        "with ParserHelper.spawn() as helper:\n"
        "    helper.parse(data, 'a.pdf', on_page=lambda page: print(page.text))\n"
        "    print(helper.render(data, 'application/pdf', 1, width_px=90).width_px)\n"
    )
    command = (sys.executable, "-c", script)
    ran = subprocess.run(command, capture_output=True, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert ran.stdout.decode().split("\n")[:2] == ["Behind the filter", "90"]


def test_no_key_and_no_secret_of_the_environment_reaches_the_helper(files, monkeypatch):
    monkeypatch.setenv("HUISCLOS_TEST_SECRET", "geheim")
    with ParserHelper.spawn() as spawned:
        spawned.wait_ready()
        environment = Path(f"/proc/{spawned.process_id}/environ")
        try:
            held = environment.read_bytes()
        except PermissionError:  # the memory of the helper is closed to others of the same user
            held = b""
        assert b"geheim" not in held
        assert not any(
            f"/{os.getpid()}/" in one.path for one in psutil.Process(spawned.process_id).open_files()
        )
