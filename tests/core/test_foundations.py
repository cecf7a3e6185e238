"""Ids, time, paths, events and the log."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from app.core.clock import parse_stamp, utc_stamp
from app.core.errors import UserError
from app.core.events import EventBus
from app.core.ids import is_id, new_id
from app.core.log import MAX_FILE_BYTES, Log
from app.core.paths import Paths


def test_ids_are_random_and_fit_for_file_names():
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(each) for each in ids)


@pytest.mark.parametrize(
    "text", ["", "../../../etc/passwd", "A" * 32, "g" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n"]
)
def test_what_is_no_id_is_told(text):
    assert not is_id(text)


def test_stamps_sort_as_text_and_read_back():
    stamp = utc_stamp()
    assert stamp.endswith("Z")
    assert abs((parse_stamp(stamp) - datetime.now(UTC)).total_seconds()) < 60
    assert "2026-01-02T00:00:00.000Z" < "2026-01-10T00:00:00.000Z"
    with pytest.raises(ValueError):
        parse_stamp("2026-01-02T00:00:00")


def test_one_home_holds_everything_for_its_owner_alone(tmp_path, monkeypatch):
    paths = Paths.find(tmp_path / "a home")
    paths.create()
    places = [paths.config, paths.data, paths.models, paths.log]
    assert all(place.parent == tmp_path / "a home" and place.is_dir() for place in places)
    if os.name == "posix":
        assert all(place.stat().st_mode & 0o077 == 0 for place in places)
    monkeypatch.setenv("HUISCLOS_HOME", str(tmp_path / "other"))
    assert Paths.find().default_vault == tmp_path / "other" / "data" / "vault"
    monkeypatch.delenv("HUISCLOS_HOME")
    assert tmp_path not in Paths.find().data.parents


@dataclass(frozen=True)
class Ping:
    number: int


class Loud(Ping):
    pass


def test_an_event_reaches_its_kind_and_its_parents_until_cancelled():
    bus, pings, louds, everything = EventBus(), [], [], []
    ping = bus.subscribe(Ping, pings.append)
    bus.subscribe(Loud, louds.append)
    bus.subscribe(object, everything.append)
    bus.publish(Ping(1))
    bus.publish(Loud(2))
    ping.cancel()
    ping.cancel()
    bus.publish(Ping(3))
    assert [each.number for each in pings] == [1, 2]
    assert [each.number for each in louds] == [2]
    assert [each.number for each in everything] == [1, 2, 3]


def test_a_failing_handler_stops_nobody():
    failures, seen = [], []
    bus = EventBus(failures.append)
    bus.subscribe(Ping, lambda event: 1 // 0)
    bus.subscribe(Ping, seen.append)
    bus.publish(Ping(1))
    assert seen == [Ping(1)]
    assert [type(each) for each in failures] == [ZeroDivisionError]


def test_handlers_may_subscribe_and_cancel_while_events_pass():
    bus, seen = EventBus(), []

    def once(event: Ping) -> None:
        first.cancel()
        bus.subscribe(Ping, seen.append)

    first = bus.subscribe(Ping, once)
    bus.publish(Ping(1))
    bus.publish(Ping(2))
    assert seen == [Ping(2)]


def test_events_published_from_many_threads_all_arrive():
    bus, seen = EventBus(), []
    bus.subscribe(Ping, lambda event: seen.append(event.number))
    threads = [
        threading.Thread(target=lambda start=start: [bus.publish(Ping(start + n)) for n in range(100)])
        for start in range(0, 800, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(800))


def test_the_log_holds_slugs_and_numbers_but_no_words(tmp_path):
    log = Log(tmp_path / "log")
    log.note("ingest", "page-ready", document=new_id(), page=3, seconds=0.25, name="Certificat Martin.pdf")
    text = (tmp_path / "log" / "huisclos.log").read_text()
    assert "ingest.page-ready" in text
    assert "page=3" in text
    assert "name=?" in text
    assert "Martin" not in text


def test_a_logged_failure_tells_its_code_and_place_but_none_of_its_words(tmp_path):
    log = Log(tmp_path)
    try:
        raise UserError("dossier-missing", "{name} is not here.", name="Dossier Martin")
    except UserError as failure:
        log.failure("services", "open", failure)
    try:
        int("Monsieur Martin")
    except ValueError as failure:
        log.failure("services", "parse", failure)
    text = (tmp_path / "huisclos.log").read_text()
    assert "code=dossier-missing" in text
    assert "kind=ValueError" in text
    assert "test_foundations:" in text
    assert "Martin" not in text


def test_the_log_never_outgrows_two_files(tmp_path):
    log = Log(tmp_path)
    file = tmp_path / "huisclos.log"
    file.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    log.note("core", "turn")
    log.note("core", "turn")
    assert file.stat().st_size < 1000
    assert (tmp_path / "huisclos.old.log").stat().st_size == MAX_FILE_BYTES + 1


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path):
    (tmp_path / "log").write_text("a file where the folder should be")
    Log(tmp_path / "log").note("core", "turn")
    Log(None).note("core", "turn")
    assert (tmp_path / "log").read_text().startswith("a file")
