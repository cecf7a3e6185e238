"""A vault as version 0 left it, opened by this version: everything is there, whatever kills the way."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from app.services.schema import MIGRATIONS, REFERENCES
from app.store import CHEAP_FOR_TESTS, Vault, VaultNewer, WrongPassphrase

# The children only ever run the store; nothing they need is held by another thread.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

SOURCE = Path(__file__).parents[1] / "fixtures" / "vault-v0"
PASSPHRASE = "un coffre de la version zéro"
RECOVERY_CODE = "000G-40R4-0M30-E209-185G-R38E-1WMN"
DOCUMENT = b"Compte rendu du 3 mars 2021.\nTension 13/8, poids 71 kg.\n" * 40


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "vault")
    return tmp_path / "vault"


def open_vault(folder, steps=MIGRATIONS, secret=PASSPHRASE):
    return Vault.open(folder, secret, steps, references=REFERENCES, testing=True)


def assert_whole(vault):
    with vault.read() as connection:
        names = connection.exec_driver_sql("SELECT name FROM dossier").scalars().all()
        name, blob_id, mac = connection.exec_driver_sql(
            "SELECT name, blob_id, content_mac FROM document"
        ).one()
        page = connection.exec_driver_sql("SELECT text FROM page WHERE number = 1").scalar_one()
        sealed_id = connection.exec_driver_sql("SELECT sealed_file_id FROM reading").scalar_one()
    assert (names, name) == (["Monsieur Exemple"], "compte rendu.txt")
    assert page == "Compte rendu du 3 mars 2021. Tension 13/8, poids 71 kg."
    assert vault.blobs.get(blob_id, kind="document") == DOCUMENT
    assert vault.mac("dedup/1", DOCUMENT) == mac
    with vault.sealed_files.open(sealed_id) as sealed:
        assert (sealed.kind, os.read(sealed.fd, 100)) == ("reading", b"what a reading left behind")
    assert vault.check("full").problems == ()


def tables(vault):
    with vault.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        ).all()
    return [(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows]


def test_a_vault_of_version_0_opens_with_everything_in_it(folder):
    with open_vault(folder) as vault:
        assert vault.schema_version == MIGRATIONS[-1].version > 0
        assert_whole(vault)
        assert [backup.suffix for backup in (folder / "backups").iterdir()] == [".db"]


def test_after_its_migration_it_is_as_a_new_vault_is(folder, tmp_path):
    new = Vault.create(tmp_path / "new", PASSPHRASE, MIGRATIONS, kdf=CHEAP_FOR_TESTS, testing=True)
    with open_vault(folder) as old, new:
        assert tables(old) == tables(new)


def test_its_recovery_code_still_opens_it_and_a_wrong_passphrase_does_not(folder):
    with pytest.raises(WrongPassphrase):
        open_vault(folder, secret="un coffre de la version un")
    with open_vault(folder, secret=RECOVERY_CODE) as vault:
        assert vault.opened_by == "recovery"
        assert_whole(vault)


def test_the_version_before_refuses_it_once_migrated(folder):
    open_vault(folder).close()
    with pytest.raises(VaultNewer):
        open_vault(folder, MIGRATIONS[:1])


def killing(step, after):
    """The same step, which kills its process before its statement number `after`, or at its very end."""

    def run(connection):
        if callable(step.statements):
            step.statements(connection)
        else:
            for number, statement in enumerate(step.statements):
                if number == after:
                    os.kill(os.getpid(), signal.SIGKILL)
                connection.exec_driver_sql(statement)
        os.kill(os.getpid(), signal.SIGKILL)

    return replace(step, statements=run)


POINTS = [
    (step.version, after)
    for step in MIGRATIONS[1:]
    for after in range(1 if callable(step.statements) else len(step.statements) + 1)
]


@pytest.mark.parametrize(("version", "after"), POINTS)
def test_a_kill_inside_any_step_of_the_application_costs_nothing(folder, version, after):
    steps = [killing(step, after) if step.version == version else step for step in MIGRATIONS]
    child = os.fork()
    if child == 0:
        try:
            open_vault(folder, steps)
        finally:
            os._exit(99)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    with open_vault(folder, MIGRATIONS[:version]) as vault:
        assert vault.schema_version == version - 1
        assert_whole(vault)
    with open_vault(folder) as vault:
        assert vault.schema_version == MIGRATIONS[-1].version
        assert_whole(vault)


def test_what_was_indexed_without_directions_is_indexed_anew(folder):
    of_before = next(step.version for step in MIGRATIONS if step.name == "directions of passages")
    with open_vault(folder, MIGRATIONS[:of_before]) as vault, vault.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO search_page (id, dossier_id, document_id, page) "
            "SELECT 1, dossier_id, id, 1 FROM document"
        )
    with open_vault(folder) as vault, vault.read() as connection:
        # So the next opening of the application finds a page that is not in the index.
        assert connection.exec_driver_sql("SELECT count(*) FROM search_page").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM page").scalar_one() > 0
