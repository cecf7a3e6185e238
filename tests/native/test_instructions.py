"""The built module asks of a processor what every processor of its kind has, but for the files of the tables.

Read from the module itself: its machine code, and the linker's map, which says for every address the file
it came from.
"""

from __future__ import annotations

import dataclasses
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import _native
from tests.native.conftest import build_folder

pytestmark = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64" or shutil.which("objdump") is None,
    reason="skipped: reads x86-64 code of an ELF module with objdump",
)

BASELINE, VEX, EVEX, TILES = "baseline", "vex", "evex", "tiles"

ALLOWED = {
    "avx2.cpp.o": {BASELINE, VEX},
    "avxvnni.cpp.o": {BASELINE, VEX},
    "avxvnni_evex.cpp.o": {BASELINE, VEX, EVEX},
    "avx512.cpp.o": {BASELINE, VEX, EVEX},
    "amx.cpp.o": {BASELINE, VEX, EVEX, TILES},
    "limits_avx2.cpp.o": {BASELINE, VEX},
    "limits_avxvnni.cpp.o": {BASELINE, VEX},
    "limits_avx512.cpp.o": {BASELINE, VEX, EVEX},
}
"""What the files of the tables and of the machine's limits may use. All others: the baseline."""


@dataclasses.dataclass(frozen=True, slots=True)
class Instruction:
    address: int
    code: bytes
    text: str

    @property
    def kind(self) -> str:
        """In 64-bit code C4 and C5 always begin a VEX and 62 an EVEX encoding."""
        mnemonic = self.text.removeprefix("{vex} ").split(" ", 1)[0]
        if "%tmm" in self.text or mnemonic in ("ldtilecfg", "sttilecfg", "tilerelease"):
            return TILES
        if self.code[0] == 0x62 or "%zmm" in self.text or re.search(r"%k[0-7]", self.text):
            return EVEX
        if self.code[0] in (0xC4, 0xC5):
            return VEX
        body = self.code.lstrip(bytes([0x66, 0xF2, 0xF3]))
        body = body[1:] if body and 0x40 <= body[0] <= 0x4F else body
        # SSSE3 and SSE4, which came after the baseline's SSE2, and the counting of bits.
        if body[:2] in (b"\x0f\x38", b"\x0f\x3a") or mnemonic in ("popcnt", "lzcnt", "tzcnt"):
            return mnemonic
        return BASELINE


def instructions(path: Path) -> list[Instruction]:
    listing = subprocess.run(
        ["objdump", "-d", "--wide", "--insn-width=16", str(path)], capture_output=True, text=True, check=True
    ).stdout
    found = []
    for line in listing.splitlines():
        match = re.match(r"\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t?(.*)", line)
        if match:
            found.append(Instruction(int(match[1], 16), bytes.fromhex(match[2]), match[3]))
    return found


def code_ranges(linker_map: Path) -> Iterator[tuple[int, int, str]]:
    """(first address, one past the last, file) of every piece of code in the module."""
    text = linker_map.read_text().split("Linker script and memory map", 1)[-1]
    # A long section name pushes the rest to the next line.
    for match in re.finditer(r"^ \.text[^\s]*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", text, re.M):
        start, size = int(match[1], 16), int(match[2], 16)
        name = Path(match[3].rstrip(")").rsplit("(", 1)[-1]).name
        if size:
            yield start, start + size, name


@pytest.fixture(scope="module")
def kinds_by_file() -> dict[str, dict[str, Instruction]]:
    """For each file of the module the kinds of instruction it holds, with the first of each."""
    folder = build_folder()
    ranges = sorted(code_ranges(folder / "_native.map"))
    assert {name for _, _, name in ranges} >= {"avx2.cpp.o", "avx512.cpp.o", "chunk.cpp.o", "module.cpp.o"}
    found: dict[str, dict[str, Instruction]] = {}
    place = 0
    for instruction in instructions(folder / Path(_native.__file__).name):
        while place < len(ranges) and ranges[place][1] <= instruction.address:
            place += 1
        inside = place < len(ranges) and ranges[place][0] <= instruction.address
        name = ranges[place][2] if inside else "start-up code"
        found.setdefault(name, {}).setdefault(instruction.kind, instruction)
    return found


def test_no_file_uses_more_than_it_may(kinds_by_file: dict[str, dict[str, Instruction]]) -> None:
    for name, kinds in kinds_by_file.items():
        beyond = {
            kind: instruction
            for kind, instruction in kinds.items()
            if kind not in ALLOWED.get(name, {BASELINE})
            and not (name in ALLOWED and kind not in (EVEX, TILES))
        }
        assert not beyond, f"{name}: {beyond}"


def test_the_tables_are_seen_to_use_what_they_are_for(
    kinds_by_file: dict[str, dict[str, Instruction]],
) -> None:
    """Else the test above would pass over code it does not understand."""
    for name in ALLOWED.keys() & kinds_by_file.keys():
        assert ALLOWED[name] <= kinds_by_file[name].keys(), name


def test_the_linker_cannot_take_code_of_a_table_for_others() -> None:
    """A function that is not local to its file could be the one that the linker keeps for every caller."""
    for path in build_folder().rglob("cpu/*.cpp.o"):
        names = subprocess.run(
            ["nm", "--defined-only", "--format=just-symbols", "--extern-only", str(path)],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        stem = path.name.removesuffix(".cpp.o")
        isa = stem.removeprefix("limits_")
        expected = [f"hc_kernels_{isa}"]
        if isa != stem:
            # AVX-VNNI adds products to AVX2, and no loads.
            kinds = ("multiply", "products") if isa == "avxvnni" else ("multiply", "products", "read")
            expected = [f"hc_{kind}_{isa}" for kind in kinds]
        assert sorted(names) == expected, path
