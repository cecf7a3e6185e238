"""A child that is taken over gets nothing, tells nothing that is believed, and harms nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.ingest import IngestRefused, Limits, ParserHelper
from tests.ingest.attacker import ATTACKS
from tests.ingest.conftest import Reader

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cage is enforced by Linux alone")

ROOT = Path(__file__).resolve().parents[2]
ATTACKER = Path(__file__).with_name("attacker.py")
LIMITS = Limits(memory_bytes=256 << 20)
# For what ends by the clock alone: under these a busy machine's honest child could be too slow as well.
HURRIED = Limits(wall_s=1.5, render_wall_s=1.5, cpu_s=1, own_layout_cpu_s=1, memory_bytes=256 << 20)
ENDS = {
    "silence": {"too-slow"},
    "burn": {"too-slow"},
    "exit": {"reader-died"},
    "crash": {"reader-died"},
    "eat memory": {"too-much-memory", "reader-died"},
    "opened forever": {"reader-misbehaved"},
    "empty parts forever": {"reader-misbehaved"},
    "a long reason": {"image"},
}


def spawn_overtaken(limits):
    with ParserHelper.spawn(limits, command=(sys.executable, str(ATTACKER))) as spawned:
        spawned.wait_ready()
        yield spawned


@pytest.fixture(scope="module")
def overtaken():
    yield from spawn_overtaken(LIMITS)


@pytest.fixture(scope="module")
def hurried():
    yield from spawn_overtaken(HURRIED)


def test_nothing_of_the_system_can_be_reached_from_a_child(overtaken, tmp_path):
    target = tmp_path / "secret"
    target.write_bytes(b"untouched")
    nursery = overtaken.process_id
    document, pages = Reader(overtaken).parse(f"attack system {target}".encode(), "x")
    assert (document.title, pages[0].text) == ("done", "nothing")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert target.read_bytes() == b"untouched"
    assert overtaken.process_id == nursery


def test_the_same_attempts_succeed_without_a_cage(tmp_path):
    target = tmp_path / "secret"
    target.write_bytes(b"untouched")
    command = (sys.executable, str(ATTACKER), "--free", str(target))
    # a shell stays the parent, so that the attempt to end the parent does not end the tests
    script = f"import subprocess; print(subprocess.run({command!r}, capture_output=True).stdout.decode())"
    ran = subprocess.run(
        (sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN)\n" + script),
        capture_output=True,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    done = set(json.loads(ran.stdout))
    assert {"read a file", "write a file", "open an internet socket", "make a socket pair", "fork"} <= done
    assert {"start a program", "signal the parent", "make an anonymous file", "take 3 GiB"} <= done


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_what_a_taken_over_child_says_is_not_believed(overtaken, hurried, attack):
    helper = hurried if ENDS.get(attack) == {"too-slow"} else overtaken
    nursery = helper.process_id
    reader = Reader(helper)
    refused = reader.refusal(f"attack {attack}".encode(), "x")
    assert refused.code in ENDS.get(attack, {"reader-misbehaved"})
    assert all(len(str(value)) <= 80 for value in refused.params.values())
    assert helper.process_id == nursery


def test_pixels_that_cannot_be_are_not_taken(overtaken):
    with pytest.raises(IngestRefused) as caught:
        overtaken.render(b"attack pixels too large", "application/pdf", 1, width_px=100)
    assert caught.value.code == "reader-misbehaved"


def test_after_all_attacks_the_next_file_is_read(overtaken, files):
    _, pages = Reader(overtaken).parse(files.pdf(["still here"]), "a.pdf")
    assert pages[0].text == "still here"


def test_a_child_without_its_cage_reads_nothing(tmp_path, files):
    program = tmp_path / "uncaged.py"
    program.write_text(
        "import sys\n"
        "from app.ingest import child, nursery\n"
        "from engine.cage import Guarantee\n"
        "child.cage_parser = lambda memory_bytes, cpu_s: Guarantee('linux', broken=frozenset({'sockets'}))\n"
        "raise SystemExit(nursery.main(sys.argv[1:]))\n"
    )
    with ParserHelper.spawn(command=(sys.executable, str(program))) as spawned:
        refused = Reader(spawned).refusal(files.pdf(["x"]), "a.pdf")
    assert (refused.code, refused.params["reason"]) == ("cage-missing", "sockets")


def test_no_limit_is_lost_on_the_way_to_the_child():
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(HURRIED), type=Limits) == HURRIED
