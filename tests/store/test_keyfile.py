"""Key slots: who gets in, who does not, and what a changed key file can do (nothing)."""

from __future__ import annotations

import json
import shutil
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import (
    CHEAP_FOR_TESTS,
    KdfParameters,
    Vault,
    VaultDamaged,
    VaultMissing,
    VaultNewer,
    WrongPassphrase,
    kdf,
    keyfile,
    recovery,
)
from app.store.failures import NotEnoughMemory, WeakPassphrase


@pytest.fixture
def notes(swift_notes):
    return swift_notes


@pytest.fixture
def derivations(monkeypatch):
    """Counts derivations: the whole cost, and so the time, of a try."""
    made = []
    real = kdf.derive

    def counted(secret, salt, cost):
        made.append(cost)
        return real(secret, salt, cost)

    monkeypatch.setattr(kdf, "derive", counted)
    return made


def rewrite(folder, change, names=("vault.json", "vault.b.json")):
    """Change the parsed key file and lay it out as our writer would, so that only its meaning is wrong."""
    for name in names:
        table = json.loads((folder / name).read_bytes())
        change(table)
        raw = msgspec.json.format(msgspec.json.encode(table), indent=2) + b"\n"
        (folder / name).write_bytes(raw)


def test_a_wrong_passphrase_is_told_plainly(notes):
    notes.create().close()
    with pytest.raises(WrongPassphrase) as told:
        notes.open("cheval agrafe pile faux")
    assert told.value.sentence() == "The passphrase is not right. Nothing was changed."
    assert notes.open().opened_by == "passphrase"


def test_a_wrong_passphrase_costs_as_much_as_the_right_one(notes, derivations):
    notes.create().close()
    derivations.clear()
    notes.open().close()
    right = list(derivations)
    derivations.clear()
    with pytest.raises(WrongPassphrase):
        notes.open("cheval agrafe pile faux")
    assert derivations == right == [CHEAP_FOR_TESTS]


def test_a_vault_without_a_slot_for_the_secret_costs_a_derivation_all_the_same(notes, derivations):
    vault = notes.create()
    vault.add_recovery_slot()
    file = vault._opened.file
    only_recovery = [slot for slot in file.slots if slot.kind == "recovery"]
    keyfile.save(
        notes.folder, keyfile.sign(vault._opened.keys, vault.vault_id, file.generation + 1, only_recovery)
    )
    vault.close()
    (notes.folder / "vault.b.json").unlink()
    derivations.clear()
    with pytest.raises(WrongPassphrase):
        notes.open()
    assert len(derivations) == 1


def test_a_passphrase_opens_however_the_keyboard_composes_it(notes):
    secret = "événement très récent"
    vault = Vault.create(
        notes.folder,
        unicodedata.normalize("NFC", secret),
        notes.migrations,
        kdf=CHEAP_FOR_TESTS,
        testing=True,
    )
    vault.close()
    notes.open(unicodedata.normalize("NFD", secret))


@pytest.mark.parametrize("weak", ["", "court", "aaaaaaaaaaaaaaaa", "abababababababab", "onze lettre"])
def test_a_weak_passphrase_makes_no_vault(notes, weak):
    with pytest.raises(WeakPassphrase):
        Vault.create(notes.folder, weak, notes.migrations, kdf=CHEAP_FOR_TESTS, testing=True)
    assert not notes.folder.exists()
    with pytest.raises(WeakPassphrase):
        notes.create().change_passphrase(notes.passphrase, weak)


def test_a_changed_passphrase_replaces_the_old_one(notes):
    vault = notes.create()
    notes.add(vault, "kept")
    with pytest.raises(WrongPassphrase):
        vault.change_passphrase("not the old one at all", "une nouvelle phrase sûre")
    vault.change_passphrase(notes.passphrase, "une nouvelle phrase sûre")
    assert vault.opens_with("une nouvelle phrase sûre")
    assert not vault.opens_with(notes.passphrase)
    vault.close()
    with pytest.raises(WrongPassphrase):
        notes.open()
    assert notes.bodies(notes.open("une nouvelle phrase sûre")) == ["kept"]


def test_a_recovery_code_opens_and_replaces_a_lost_passphrase(notes):
    vault = notes.create()
    first, code = vault.add_recovery_slot(), vault.add_recovery_slot()
    assert vault.opens_with(code.lower().replace("-", " "))
    assert not vault.opens_with(first)
    vault.close()
    vault = notes.open(code)
    assert vault.opened_by == "recovery"
    vault.change_passphrase(code, "une nouvelle phrase sûre")
    vault.close()
    with pytest.raises(WrongPassphrase):
        notes.open()
    notes.open("une nouvelle phrase sûre").close()
    notes.open(code)


FIELDS = [
    (("vault_id",), "0" * 32),
    (("generation",), 7),
    (("mac",), "0" * 64),
    (("slots", 0, "id"), "0" * 32),
    (("slots", 0, "kind"), "recovery"),
    (("slots", 0, "nonce"), "0" * 24),
    (("slots", 0, "wrapped"), "0" * 96),
    (("slots", 0, "kdf", "memory_kib"), 128),
    (("slots", 0, "kdf", "passes"), 2),
    (("slots", 0, "kdf", "lanes"), 2),
    (("slots", 0, "kdf", "salt"), "0" * 32),
    (("slots", 1, "wrapped"), "0" * 96),
    (("slots", 1, "kind"), "passphrase"),
]


def set_field(table, field, value):
    for step in field[:-1]:
        table = table[step]
    assert table[field[-1]] != value
    table[field[-1]] = value


def test_a_recovery_code_nobody_kept_is_taken_back_from_both_copies(notes):
    vault = notes.create()
    code = vault.add_recovery_slot()
    vault.remove_recovery_slot()
    assert not vault.has_recovery_code
    vault.remove_recovery_slot()
    vault.close()
    for gone in ("vault.json", "vault.b.json"):
        kept = (notes.folder / gone).read_bytes()
        (notes.folder / gone).unlink()
        with pytest.raises(WrongPassphrase):
            notes.open(code)
        notes.open().close()
        (notes.folder / gone).write_bytes(kept)


def test_the_recovery_code_that_opened_the_vault_is_not_taken_back(notes):
    vault = notes.create()
    code = vault.add_recovery_slot()
    vault.close()
    vault = notes.open(code)
    vault.remove_recovery_slot()
    assert vault.has_recovery_code
    assert vault.opens_with(code)


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_a_key_file_with_any_field_changed_opens_nothing(notes, field, value):
    vault = notes.create()
    vault.add_recovery_slot()
    vault.close()
    rewrite(notes.folder, lambda table: set_field(table, field, value))
    with pytest.raises((WrongPassphrase, VaultDamaged)):
        notes.open()


@pytest.mark.parametrize(("field", "value"), FIELDS)
def test_a_changed_copy_is_replaced_by_the_whole_one(notes, field, value):
    vault = notes.create()
    vault.add_recovery_slot()
    notes.add(vault, "kept")
    vault.close()
    whole = (notes.folder / "vault.json").read_bytes()
    rewrite(notes.folder, lambda table: set_field(table, field, value), names=("vault.json",))
    vault = notes.open()
    assert notes.bodies(vault) == ["kept"]
    assert (notes.folder / "vault.json").read_bytes() == (notes.folder / "vault.b.json").read_bytes() == whole


@pytest.mark.parametrize("kept", ["vault.json", "vault.b.json"])
@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "huge", "noise"])
def test_one_copy_of_the_key_file_is_enough(notes, kept, harm):
    notes.create().close()
    other = notes.folder / ({"vault.json", "vault.b.json"} - {kept}).pop()
    raw = other.read_bytes()
    if harm == "gone":
        other.unlink()
    else:
        other.write_bytes(
            {"empty": b"", "cut": raw[:100], "huge": b" " * 70_000 + raw, "noise": b"\xff" * 500}[harm]
        )
    notes.open().close()
    assert other.read_bytes() == raw


def test_a_folder_without_key_files_is_no_vault(notes, tmp_path):
    with pytest.raises(VaultMissing):
        notes.open()
    notes.create().close()
    for name in ("vault.json", "vault.b.json"):
        (notes.folder / name).unlink()
    with pytest.raises(VaultMissing):
        notes.open()


def test_two_damaged_copies_are_told_as_damage(notes):
    notes.create().close()
    for name in ("vault.json", "vault.b.json"):
        (notes.folder / name).write_bytes(b"{}")
    with pytest.raises(VaultDamaged) as told:
        notes.open()
    assert told.value.part == "key-file"


@pytest.mark.parametrize(
    ("field", "value"),
    [("memory_kib", 2**32 - 1), ("memory_kib", (2 << 20) + 1), ("memory_kib", 0), ("memory_kib", 7),
     ("passes", 2**31), ("passes", 11), ("passes", 0), ("lanes", 17), ("lanes", 0), ("lanes", -1),
     ("memory_kib", 1e3), ("algorithm", "argon2d"), ("salt", ""), ("salt", "00" * 2000)],
)  # fmt: skip
def test_a_derivation_bomb_is_refused_before_anything_is_derived(notes, derivations, field, value):
    notes.create().close()
    derivations.clear()
    rewrite(notes.folder, lambda table: table["slots"][0]["kdf"].__setitem__(field, value))
    with pytest.raises(VaultDamaged):
        notes.open()
    assert derivations == []


def test_a_cost_below_the_floor_is_refused_unless_a_test_asks(notes, derivations):
    notes.create().close()
    derivations.clear()
    with pytest.raises(VaultDamaged):
        notes.open(testing=False)
    assert derivations == []
    with pytest.raises(ValueError):
        notes.create(notes.folder.with_name("other"), testing=False)
    assert kdf.DEFAULT.reaches(kdf.FLOOR)
    assert KdfParameters(memory_kib=64 << 10, passes=3, lanes=4) == kdf.FLOOR


def test_a_real_vault_opens_at_the_floor_without_any_testing_option(notes):
    vault = Vault.create(notes.folder, notes.passphrase, notes.migrations, kdf=kdf.FLOOR)
    vault.close()
    notes.open(testing=False)


def test_no_memory_for_the_derivation_is_told_as_such(monkeypatch):
    def none_left(*_, **__):
        raise MemoryError

    monkeypatch.setattr(kdf, "hash_secret_raw", none_left)
    with pytest.raises(NotEnoughMemory) as told:
        kdf.derive("a secret of mine", bytes(16), CHEAP_FOR_TESTS)
    assert told.value.__suppress_context__


def test_a_slot_of_another_vault_opens_nothing(notes, tmp_path):
    notes.create().close()
    notes.create(tmp_path / "other").close()
    foreign = json.loads((tmp_path / "other" / "vault.json").read_bytes())
    rewrite(notes.folder, lambda table: table["slots"].append(foreign["slots"][0]))
    with pytest.raises(VaultDamaged):
        notes.open()
    rewrite(notes.folder, lambda table: table.__setitem__("slots", foreign["slots"]))
    with pytest.raises(WrongPassphrase):
        notes.open()


def test_the_key_file_of_another_vault_does_not_open_this_database(notes, tmp_path):
    notes.create().close()
    notes.create(tmp_path / "other").close()
    for name in ("vault.json", "vault.b.json"):
        shutil.copy(tmp_path / "other" / name, notes.folder / name)
    with pytest.raises(VaultDamaged) as told:
        notes.open()
    assert told.value.part == "database"


def test_a_newer_key_file_is_refused_and_left_as_it_is(notes):
    notes.create().close()
    rewrite(notes.folder, lambda table: table.update(version=2, shape="unknown"), names=("vault.json",))
    before = (notes.folder / "vault.json").read_bytes()
    with pytest.raises(VaultNewer):
        notes.open()
    assert (notes.folder / "vault.json").read_bytes() == before


def test_a_change_cut_between_the_copies_opens_with_either_passphrase(notes):
    vault = notes.create()
    before = (notes.folder / "vault.b.json").read_bytes()
    vault.change_passphrase(notes.passphrase, "une nouvelle phrase sûre")
    vault.close()
    after = (notes.folder / "vault.json").read_bytes()
    for secret, stays in (("une nouvelle phrase sûre", after), (notes.passphrase, before)):
        (notes.folder / "vault.json").write_bytes(after)
        (notes.folder / "vault.b.json").write_bytes(before)
        notes.open(secret).close()
        assert (
            (notes.folder / "vault.json").read_bytes()
            == (notes.folder / "vault.b.json").read_bytes()
            == stays
        )


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys") / "vault"
    Vault.create(folder, "cheval agrafe pile correct", (), kdf=CHEAP_FOR_TESTS, testing=True).close()
    return (folder / "vault.json").read_bytes()


@given(data=st.data())
def test_no_flipped_bit_of_the_key_file_is_accepted(key_file, data):
    place = data.draw(st.integers(0, len(key_file) - 1))
    raw = bytearray(key_file)
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        file = keyfile.decode(bytes(raw))
    except (VaultDamaged, VaultNewer):
        return
    with pytest.raises((WrongPassphrase, VaultDamaged)):
        keyfile.open_copies([file], "cheval agrafe pile correct", None)


@given(st.binary(max_size=300))
def test_any_bytes_for_a_key_file_give_one_clear_refusal(raw):
    with pytest.raises(VaultDamaged):
        keyfile.decode(raw)


@pytest.mark.parametrize("layout", [b" ", b"\n"])
def test_another_layout_of_the_same_content_is_refused(key_file, layout):
    with pytest.raises(VaultDamaged):
        keyfile.decode(key_file + layout)
    doubled = key_file.replace(b'"version": 1', b'"version": 1,\n  "version": 1')
    with pytest.raises(VaultDamaged):
        keyfile.decode(doubled)


@given(st.binary(min_size=16, max_size=16))
def test_every_recovery_code_reads_back_however_it_is_typed(secret):
    code = recovery.encode(secret)
    assert [len(group) for group in code.split("-")] == [4] * 7
    assert recovery.decode(code) == recovery.decode(f"  {code.lower().replace('-', ' ')}") == secret
    assert recovery.decode(code.replace("0", "O").replace("1", "l")) == secret


@given(st.binary(min_size=16, max_size=16), st.integers(0, 27), st.integers(1, 31))
def test_a_slip_in_a_recovery_code_never_yields_the_secret(secret, place, shift):
    plain = recovery.encode(secret).replace("-", "")
    other = recovery.ALPHABET[(recovery.ALPHABET.index(plain[place]) + shift) % 32]
    assert recovery.decode(plain[:place] + other + plain[place + 1 :]) != secret


@pytest.mark.parametrize("text", ["", "cheval agrafe pile correct", "0000", "-" * 28, "é" * 28, "0" * 28])
def test_what_is_no_recovery_code_is_told_apart(text):
    assert recovery.decode(text) is None
    assert recovery.canonical(text) is None
