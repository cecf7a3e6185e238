"""Bringing a vault up to date: whatever kills it, the next opening finds a whole step."""

from __future__ import annotations

import os
import signal

import pytest

from app.store import CHEAP_FOR_TESTS, DiskFull, Migration, MigrationFailed, Vault, VaultNewer, migrations

# The children only ever run the store; nothing they need is held by another thread.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

STEPS = (
    Migration(0, "start", ("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)",)),
    Migration(
        1,
        "tags",
        (
            "CREATE TABLE tag (id INTEGER PRIMARY KEY, word TEXT NOT NULL)",
            "INSERT INTO tag (word) SELECT 'of ' || body FROM note",
            "ALTER TABLE note ADD COLUMN tag_id INTEGER REFERENCES tag (id)",
            "UPDATE note SET tag_id = (SELECT id FROM tag WHERE word = 'of ' || note.body)",
        ),
    ),
    Migration(
        2,
        "search",
        (
            "CREATE VIRTUAL TABLE words USING fts5(body)",
            "INSERT INTO words (rowid, body) SELECT id, body FROM note",
        ),
    ),
    Migration(
        3,
        "rebuild",
        (
            "CREATE TABLE note_new (id INTEGER PRIMARY KEY, body TEXT NOT NULL, tag_id INTEGER)",
            "INSERT INTO note_new SELECT id, upper(body), tag_id FROM note",
            "DROP TABLE note",
            "ALTER TABLE note_new RENAME TO note",
        ),
    ),
)
SECRET = "cheval agrafe pile correct"
BODIES = [f"note {number}" for number in range(50)]


def open_vault(folder, steps):
    return Vault.open(folder, SECRET, steps, testing=True)


@pytest.fixture
def folder(swift_path):
    """A vault of version 0 with fifty notes."""
    folder = swift_path / "vault"
    with Vault.create(folder, SECRET, STEPS[:1], kdf=CHEAP_FOR_TESTS, testing=True) as vault:
        with vault.write() as connection:
            for body in BODIES:
                connection.exec_driver_sql("INSERT INTO note (body) VALUES (?)", (body,))
    return folder


def state(vault):
    with vault.read() as connection:
        tables = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master")}
        bodies = [row[0] for row in connection.exec_driver_sql("SELECT body FROM note ORDER BY id")]
        linked = (
            connection.exec_driver_sql("SELECT count(*) FROM note JOIN tag ON tag.id = tag_id").scalar_one()
            if "tag" in tables
            else 0
        )
    return vault.schema_version, bodies, linked, "words" in tables, "note_new" in tables


WHOLE = {
    0: (0, BODIES, 0, False, False),
    1: (1, BODIES, 50, False, False),
    2: (2, BODIES, 50, True, False),
    3: (3, [body.upper() for body in BODIES], 50, True, False),
}


def test_a_vault_is_brought_up_to_date_step_by_step(folder):
    for newest in (1, 2, 3):
        with open_vault(folder, STEPS[: newest + 1]) as vault:
            assert state(vault) == WHOLE[newest]
            assert vault.check("full").exit_code == 0


def test_a_vault_of_version_0_reaches_the_newest_in_one_opening(folder):
    with open_vault(folder, STEPS) as vault:
        assert state(vault) == WHOLE[3]


def killing(step, after):
    """The same step, which kills its process once `after` of its statements have run."""

    def run(connection):
        for number, statement in enumerate(step.statements):
            if number == after:
                os.kill(os.getpid(), signal.SIGKILL)
            connection.exec_driver_sql(statement)
        os.kill(os.getpid(), signal.SIGKILL)

    return Migration(step.version, step.name, run)


POINTS = [(step.version, after) for step in STEPS[1:] for after in range(len(step.statements) + 1)]


def in_a_child(work):
    """Run `work` in a forked child; return its exit status as waitpid gives it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(99)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize(("version", "after"), POINTS)
def test_a_kill_inside_a_step_leaves_the_state_before_it(folder, version, after):
    steps = [killing(step, after) if step.version == version else step for step in STEPS]
    status = in_a_child(lambda: open_vault(folder, steps))
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    # Code that knows only the steps done before finds their state whole…
    with open_vault(folder, STEPS[:version]) as vault:
        assert state(vault) == WHOLE[version - 1]
        assert vault.check("full").exit_code == 0
    # …and the next opening completes.
    with open_vault(folder, STEPS) as vault:
        assert state(vault) == WHOLE[3]
        assert vault.check("full").exit_code == 0


def test_a_kill_between_steps_and_around_the_backup_completes_at_the_next_opening(folder, monkeypatch):
    for seam in ("before backup", "after backup", 1, 2, 3):

        def work(seam=seam):
            real_back_up, real_run = migrations.back_up, migrations._run

            def back_up(*arguments):
                if seam == "before backup":
                    os.kill(os.getpid(), signal.SIGKILL)
                real_back_up(*arguments)
                if seam == "after backup":
                    os.kill(os.getpid(), signal.SIGKILL)

            def run(database, step):
                real_run(database, step)
                if step.version == seam:
                    os.kill(os.getpid(), signal.SIGKILL)

            migrations.back_up, migrations._run = back_up, run
            open_vault(folder, STEPS)

        assert os.WIFSIGNALED(in_a_child(work))
        done = seam if isinstance(seam, int) else 0
        with open_vault(folder, STEPS[: done + 1]) as vault:
            assert state(vault) == WHOLE[done]


def test_what_was_there_is_copied_before_the_first_step(folder, tmp_path):
    open_vault(folder, STEPS).close()
    (backup,) = (folder / "backups").iterdir()
    assert backup.stat().st_mode & 0o077 == 0
    assert not backup.read_bytes().startswith(b"SQLite format 3")
    # Put back, it is the vault of before.
    for name in ("library.db", "library.db-wal", "library.db-shm"):
        (folder / name).unlink(missing_ok=True)
    backup.replace(folder / "library.db")
    with open_vault(folder, STEPS[:1]) as vault:
        assert state(vault) == WHOLE[0]


def test_only_the_last_three_copies_stay(folder):
    with open_vault(folder, STEPS) as vault:
        made = [vault.back_up_database(f"by-hand-{number}") for number in range(5)]
        assert sorted((folder / "backups").iterdir()) == made[-3:]


def test_a_new_vault_is_not_backed_up(folder):
    assert list((folder / "backups").iterdir()) == []


def test_a_vault_of_a_newer_version_is_refused_untouched(folder):
    open_vault(folder, STEPS).close()
    before = (folder / "library.db").read_bytes()
    with pytest.raises(VaultNewer):
        open_vault(folder, STEPS[:2])
    assert (folder / "library.db").read_bytes() == before
    open_vault(folder, STEPS).close()


@pytest.mark.parametrize(
    "wrong",
    [("CREATE TABLE fresh (x)", "CREATE TABLE note (x)"), lambda connection: [][1]],
)
def test_a_step_that_fails_is_ours_and_leaves_the_state_before_it(folder, wrong):
    with pytest.raises(MigrationFailed) as told:
        open_vault(folder, (*STEPS[:2], Migration(2, "wrong", wrong)))
    assert told.value.params["version"] == 2
    with open_vault(folder, STEPS[:2]) as vault:
        assert state(vault) == WHOLE[1]


def test_a_disk_that_fills_up_during_a_migration_leaves_the_state_before_it(folder):
    def growing(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        connection.exec_driver_sql("CREATE TABLE big AS SELECT zeroblob(1000000) AS body")

    with pytest.raises(DiskFull):
        open_vault(folder, (*STEPS[:2], Migration(2, "big", growing)))
    with open_vault(folder, STEPS) as vault:
        assert state(vault) == WHOLE[3]


@pytest.mark.parametrize("versions", [(2,), (0, 2), (1, 1), (2, 1), (-1, 0)])
def test_steps_with_a_gap_are_refused_before_anything_is_touched(tmp_path, versions):
    steps = [Migration(version, "x", ()) for version in versions]
    with pytest.raises(ValueError):
        Vault.create(tmp_path / "vault", SECRET, steps, kdf=CHEAP_FOR_TESTS, testing=True)
    assert not (tmp_path / "vault").exists()
