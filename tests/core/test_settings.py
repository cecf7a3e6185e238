"""Settings survive whatever is found on disk."""

from __future__ import annotations

import errno
import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import EnvironmentFailure
from app.core.settings import MIGRATIONS, VERSION, Settings, SettingsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "settings.toml"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_settings_are_written_whole_and_read_back(path):
    file = SettingsFile(path)
    assert file.load() == Settings()
    file.change(language="fr", theme="dark", idle_lock_min=10, vault_folder="/srv/un coffre é")
    again = SettingsFile(path)
    assert again.load() == file.current
    assert again.problem == ""
    assert tomllib.loads(path.read_text("utf-8"))["version"] == VERSION == len(MIGRATIONS)
    assert [each.name for each in path.parent.iterdir()] == ["settings.toml"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("language", "de"), ("idle_lock_min", 0), ("idle_lock_min", True), ("idle_lock_min", "5"), ("theme", 3),
     ("vault_folder", "a\x00b"), ("vault_folder", "x" * 20_000), ("nothing", 1)],
)  # fmt: skip
def test_a_setting_outside_its_type_or_range_is_refused(path, name, value):
    file = SettingsFile(path)
    with pytest.raises(ValueError):
        file.change(**{name: value})
    assert not path.exists()


def test_one_bad_field_costs_only_itself(path):
    write(path, 'version = 1\nlanguage = "xx"\nidle_lock_min = "soon"\ntheme = "dark"\nunknown = 1\n')
    assert SettingsFile(path).load() == Settings(theme="dark")


def test_an_older_file_is_migrated_and_kept_beside(path):
    old = 'language = "fr"\nidle_lock_s = 600\n'
    write(path, old)
    file = SettingsFile(path)
    assert file.load() == Settings(language="fr", idle_lock_min=10)
    assert (path.parent / "settings.v0.toml").read_text("utf-8") == old
    assert SettingsFile(path).load() == file.current


def test_a_migration_that_fails_rolls_back(path):
    def broken(table):
        raise RuntimeError

    old = 'language = "fr"\nidle_lock_s = 600\n'
    write(path, old)
    file = SettingsFile(path, migrations=(*MIGRATIONS, broken))
    assert file.load() == Settings()
    assert file.problem == "migration-failed"
    assert path.read_text("utf-8") == old
    file.change(theme="light")
    assert (path.parent / "settings.v0.toml").read_text("utf-8") == old


def test_a_newer_file_is_understood_as_far_as_possible_and_kept(path):
    newer = 'version = 9\nlanguage = "fr"\nhologram = true\n'
    write(path, newer)
    file = SettingsFile(path)
    assert file.load() == Settings(language="fr")
    assert file.problem == "newer"
    assert path.read_text("utf-8") == newer
    file.change(theme="dark")
    assert (path.parent / "settings.v9.toml").read_text("utf-8") == newer


@pytest.mark.parametrize(
    "text", ["= =", 'version = "one"', "version = -1", "a = " + "[" * 5000, "#" * 300_000]
)
def test_a_damaged_file_gives_defaults_and_is_set_aside(path, text):
    write(path, text)
    file = SettingsFile(path)
    assert file.load() == Settings()
    assert file.problem == "damaged"
    file.change(language="en")
    assert (path.parent / "settings.damaged.toml").read_text("utf-8") == text


def test_bytes_that_are_no_text_give_defaults(path):
    write(path, "")
    path.write_bytes(b"\xff\xfe\x00")
    file = SettingsFile(path)
    assert (file.load(), file.problem) == (Settings(), "damaged")


def test_a_disk_that_refuses_leaves_the_file_as_it_was(path, monkeypatch):
    file = SettingsFile(path)
    file.change(language="fr")
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFailure) as told:
        file.change(language="en")
    assert told.value.code == "settings-not-saved"
    assert path.read_bytes() == before
    assert file.current.language == "fr"


def test_no_setting_can_hold_a_secret_or_a_dossier():
    names = set(Settings.__dataclass_fields__)
    assert not any(word in name for name in names for word in ("pass", "secret", "key", "dossier", "patient"))


@given(
    st.dictionaries(
        st.sampled_from(sorted(Settings.__dataclass_fields__)),
        st.one_of(st.booleans(), st.integers(), st.text(max_size=20), st.lists(st.integers(), max_size=2)),
    )
)
def test_any_table_of_values_loads_to_valid_settings(tmp_path_factory, table):
    import tomli_w

    path = tmp_path_factory.mktemp("settings") / "settings.toml"
    path.write_bytes(tomli_w.dumps({"version": 1, **table}).encode("utf-8", "surrogatepass"))
    loaded = SettingsFile(path).load()
    assert 1 <= loaded.idle_lock_min <= 60
    assert loaded.language in ("", "en", "fr")


def test_what_is_said_of_a_model_is_kept_by_its_id(path):
    file = SettingsFile(path)
    file.change(model_spikes={"default": "k=3.0", "ab" * 16: "off"}, quiet=True)
    assert SettingsFile(path).load() == file.current
    assert file.current.model_spikes["default"] == "k=3.0"
    for bad in ({"a": 3}, {3: "a"}, ["a"], {"a": "b\x00"}):
        with pytest.raises(ValueError):
            file.change(model_spikes=bad)
    write(path, 'version = 1\ntheme = "dark"\n[model_spikes]\ndefault = 3\n')
    assert SettingsFile(path).load() == Settings(theme="dark")
