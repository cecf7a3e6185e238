"""Measured energy: a made sysfs tree, made driver libraries, and machines that tell nothing."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.energy import EnergyMeter, Unreadable
from engine.energy.metax import MetaX
from engine.energy.nvml import Nvml
from engine.energy.power import PowerIntegral
from engine.energy.rapl import Rapl

RANGE_UJ = 262_143_328_850


def zone(root: Path, folder: str, name: str, energy_uj: int) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    (path / "energy_uj").write_text(f"{energy_uj}\n")
    return path / "energy_uj"


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Path]:
    """Two packages; memory inside the first; what counts the same once more."""
    return {
        "package": zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000),
        "core": zone(tmp_path, "intel-rapl:0:0", "core", 1_000_000),
        "dram": zone(tmp_path, "intel-rapl:0:1", "dram", 2_000_000),
        "second": zone(tmp_path, "intel-rapl:1", "package-1", 7_000_000),
        "psys": zone(tmp_path, "intel-rapl:2", "psys", 9_000_000),
        "mmio": zone(tmp_path, "intel-rapl-mmio:0", "package-0", 5_000_000),
    }


def set_uj(path: Path, value: int) -> None:
    """At once, as the kernel's counters change: a file that is written in place is empty for a moment, and
    the meter looks whenever it likes."""
    aside = path.with_suffix(".new")
    aside.write_text(f"{value}\n")
    aside.replace(path)


def test_packages_and_memory_are_counted_once(tree: dict[str, Path], tmp_path: Path) -> None:
    rapl = Rapl(tmp_path)
    assert rapl.read_j(0.0) == 0.0
    set_uj(tree["package"], 8_000_000)
    set_uj(tree["second"], 7_500_000)
    set_uj(tree["dram"], 2_250_000)
    for same in ("core", "psys", "mmio"):
        set_uj(tree[same], 99_000_000)
    assert rapl.read_j(1.0) == pytest.approx(3.0 + 0.5 + 0.25)


def test_a_counter_that_starts_over_goes_on(tree: dict[str, Path], tmp_path: Path) -> None:
    set_uj(tree["package"], RANGE_UJ - 1_000_000)
    rapl = Rapl(tmp_path)
    set_uj(tree["package"], 999_999)
    assert rapl.read_j(1.0) == pytest.approx(2.0)
    set_uj(tree["package"], 1_999_999)
    assert rapl.read_j(2.0) == pytest.approx(3.0)


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Unreadable) as told:
            Rapl(root)
        assert told.value.reason == "absent"
    with EnergyMeter.open(powercap=tmp_path).span() as span:
        pass
    assert span.energy is None


def test_counters_that_only_root_may_read_are_told_as_such(
    tree: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_text = Path.read_text

    def refuse(self: Path, *given: Any, **more: Any) -> str:
        if self == tree["second"]:
            raise PermissionError
        return read_text(self, *given, **more)

    monkeypatch.setattr(Path, "read_text", refuse)
    meter = EnergyMeter.open(powercap=tmp_path)
    assert (meter.source_names, meter.reason) == ((), "forbidden")
    monkeypatch.undo()
    assert EnergyMeter.open(powercap=tmp_path).source_names == ("cpu",)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="rights of POSIX")
@pytest.mark.parametrize("closed", ["energy_uj", ""])
def test_an_ordinary_user_is_told_so_by_the_real_rights_of_files(closed: str) -> None:
    """As on most systems, where the counters are root's alone; or where the whole folder is closed."""
    program = (
        "import encodings.ascii, os, sys; from pathlib import Path; from engine.energy import EnergyMeter\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "meter = EnergyMeter.open(powercap=Path(sys.argv[1]))\n"
        "with meter.span() as span: pass\n"
        "print(meter.reason, meter.source_names, span.energy)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        package = zone(root / "powercap", "intel-rapl:0", "package-0", 5_000_000)
        shut = package if closed else root
        shut.chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", program, root / "powercap"],
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        shut.chmod(0o700)
    assert done.stdout == "forbidden () None\n", done.stderr


@pytest.mark.parametrize("content", ["", "many", "\xff"])
def test_nonsense_in_the_tree_is_no_measurement(tree: dict[str, Path], tmp_path: Path, content: str) -> None:
    tree["package"].write_text(content, "latin-1")
    with pytest.raises(Unreadable):
        Rapl(tmp_path)


def test_a_span_measures_joules_and_watts(tree: dict[str, Path], tmp_path: Path) -> None:
    meter = EnergyMeter.open(powercap=tmp_path)
    with meter.span() as span:
        assert span.energy is None
        set_uj(tree["package"], 6_500_000)
    assert span.energy is not None
    assert span.energy.by_source == {"cpu": pytest.approx(1.5)}
    assert span.energy.watts == pytest.approx(1.5 / span.energy.seconds)
    assert span.end() is span.energy
    meter.close()


def test_a_source_that_fails_meanwhile_measures_nothing_any_more(
    tree: dict[str, Path], tmp_path: Path
) -> None:
    meter = EnergyMeter.open(powercap=tmp_path)
    with meter.span() as span:
        tree["second"].unlink()
    assert span.energy is None
    assert (meter.source_names, meter.reason) == ((), "absent")
    meter.close()


def test_spans_overlap_on_any_thread(tree: dict[str, Path], tmp_path: Path) -> None:
    meter = EnergyMeter.open(powercap=tmp_path)
    outer = meter.span()
    set_uj(tree["package"], 6_000_000)
    found = []
    thread = threading.Thread(target=lambda: found.append(meter.span().end()))
    thread.start()
    thread.join()
    set_uj(tree["package"], 7_000_000)
    energy = outer.end()
    assert energy is not None
    assert energy.joules == pytest.approx(2.0)
    assert found[0].joules == 0.0
    meter.close()


def test_power_becomes_energy_over_time() -> None:
    powers = iter([10.0, 20.0, 20.0, 0.0])
    integral = PowerIntegral(lambda: next(powers))
    assert [integral.read_j(now) for now in (100.0, 102.0, 103.0, 103.0)] == [0.0, 30.0, 50.0, 50.0]


class Cards:
    """A management library of NVIDIA's kind: two cards, one value for both."""

    def __init__(self, *, counters: bool = True, cards: int = 2) -> None:
        self.energy_mj, self.power_mw = 1000, 50_000
        self.counters, self.cards = counters, cards

        def init() -> int:
            return 0

        def count(out: Any) -> int:
            out._obj.value = self.cards
            return 0

        def handle(index: Any, out: Any) -> int:
            out._obj.value = index.value + 7
            return 0

        def energy(card: Any, out: Any) -> int:
            assert card.value in (7, 8)
            out._obj.value = self.energy_mj
            return 0 if self.counters else 3

        def power(card: Any, out: Any) -> int:
            out._obj.value = self.power_mw
            return 0

        self.nvmlInit_v2, self.nvmlDeviceGetCount_v2 = init, count
        self.nvmlDeviceGetHandleByIndex_v2 = handle
        self.nvmlDeviceGetTotalEnergyConsumption, self.nvmlDeviceGetPowerUsage = energy, power


def test_nvidia_cards_are_read_by_their_counters() -> None:
    cards = Cards()
    source = Nvml(cards)
    cards.energy_mj += 2500
    assert source.read_j(1.0) == pytest.approx(5.0)


def test_older_nvidia_cards_are_read_by_their_power() -> None:
    source = Nvml(Cards(counters=False))
    assert source.read_j(10.0) == 0.0
    assert source.read_j(12.0) == pytest.approx(200.0)


def test_no_card_is_no_source() -> None:
    for library in (Cards(cards=0), object()):
        with pytest.raises(Unreadable):
            Nvml(library)
        with pytest.raises(Unreadable):
            MetaX(library)


def test_metax_boards_add_up_their_supplies() -> None:
    class Boards:
        def __init__(self) -> None:
            def init() -> int:
                return 0

            def count() -> int:
                return 2

            def power(index: ctypes.c_uint, size: Any, ways: Any) -> int:
                size._obj.value = 2
                ways[0].power, ways[1].power = 30_000, 20_000 + 1000 * index.value
                return 0

            self.mxSmlInit, self.mxSmlGetDeviceCount, self.mxSmlGetBoardPowerInfo = init, count, power

    source = MetaX(Boards())
    source.read_j(0.0)
    assert source.read_j(2.0) == pytest.approx(2 * (50 + 51))
