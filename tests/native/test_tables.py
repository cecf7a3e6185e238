"""Which kernel tables a machine is offered: by every bit its processor and operating system answer."""

from __future__ import annotations

import platform

import pytest

from engine import _native, kernels

XSAVE, AVX, FMA, F16C = 1 << 27, 1 << 28, 1 << 12, 1 << 29  # leaf 1, ECX
AVX2, F, DQ, BW, VL = 1 << 5, 1 << 16, 1 << 17, 1 << 30, 1 << 31  # leaf 7, EBX
VNNI = 1 << 11  # leaf 7, ECX
TILE, TILE_INT8 = 1 << 24, 1 << 25  # leaf 7, EDX
AVX_VNNI = 1 << 4  # leaf 7.1, EAX
SSE_YMM, ZMM, TILES = 0x6, 0xE0, 0x60000  # XCR0

X86 = platform.machine().lower() in ("x86_64", "amd64")

HASWELL = {
    "last_leaf": 13,
    "leaf1_ecx": XSAVE | AVX | FMA | F16C,
    "leaf7_ebx": AVX2,
    "saved_registers": 1 | SSE_YMM,
}
ALDER_LAKE = HASWELL | {"last_leaf": 32, "leaf7_eax": 1, "leaf7_1_eax": AVX_VNNI}
ZEN_4 = HASWELL | {
    "last_leaf": 16,
    "leaf7_eax": 1,
    "leaf7_ebx": AVX2 | F | DQ | BW | VL,
    "leaf7_ecx": VNNI,
    "saved_registers": 1 | SSE_YMM | ZMM,
}
SAPPHIRE_RAPIDS = ZEN_4 | {
    "leaf7_1_eax": AVX_VNNI,
    "leaf7_edx": TILE | TILE_INT8,
    "saved_registers": 1 | SSE_YMM | ZMM | TILES,
}

ALL_512 = ["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512vnni"]
ALL_256 = ["avx2", "fma", "f16c"]


def without(machine: dict[str, int], word: str, bits: int) -> dict[str, int]:
    return machine | {word: machine[word] & ~bits}


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({}, []),
        (HASWELL, ALL_256),
        (ALDER_LAKE, [*ALL_256, "avxvnni"]),
        (ZEN_4, [*ALL_256, *ALL_512]),
        (SAPPHIRE_RAPIDS, [*ALL_256, "avxvnni", *ALL_512, "amx-tile", "amx-int8"]),
        # The operating system saves too little, or does not say what it saves.
        (without(ZEN_4, "saved_registers", 0x4), []),
        (without(ZEN_4, "saved_registers", 0x2), []),
        (without(ZEN_4, "leaf1_ecx", XSAVE), []),
        (without(ZEN_4, "saved_registers", 0x20), ALL_256),
        (without(ZEN_4, "saved_registers", 0x40), ALL_256),
        (without(ZEN_4, "saved_registers", 0x80), ALL_256),
        (without(SAPPHIRE_RAPIDS, "saved_registers", 0x20000), [*ALL_256, "avxvnni", *ALL_512]),
        (without(SAPPHIRE_RAPIDS, "saved_registers", 0x40000), [*ALL_256, "avxvnni", *ALL_512]),
        # Valgrind reports VNNI, of the host, without what it rests on.
        (HASWELL | {"leaf7_ecx": VNNI}, ALL_256),
        (HASWELL | {"leaf7_ecx": VNNI, "saved_registers": 1 | SSE_YMM | ZMM}, ALL_256),
        (without(ZEN_4, "leaf7_ebx", F), ALL_256),
        (without(SAPPHIRE_RAPIDS, "leaf7_edx", TILE), [*ALL_256, "avxvnni", *ALL_512]),
        (without(ZEN_4, "leaf1_ecx", AVX), []),
        # Words that the processor does not have.
        (ZEN_4 | {"last_leaf": 6}, []),
        (ALDER_LAKE | {"leaf7_eax": 0}, ALL_256),
    ],
)
def test_a_feature_counts_only_with_all_it_rests_on(machine: dict[str, int], expected: list[str]) -> None:
    assert _native.features_of(machine) == expected


@pytest.mark.parametrize(
    ("word", "bit", "lost"),
    [
        ("leaf1_ecx", FMA, "fma"),
        ("leaf1_ecx", F16C, "f16c"),
        ("leaf7_ebx", AVX2, "avx2"),
        ("leaf7_ebx", DQ, "avx512dq"),
        ("leaf7_ebx", BW, "avx512bw"),
        ("leaf7_ebx", VL, "avx512vl"),
        ("leaf7_ecx", VNNI, "avx512vnni"),
        ("leaf7_1_eax", AVX_VNNI, "avxvnni"),
        ("leaf7_edx", TILE_INT8, "amx-int8"),
    ],
)
def test_each_bit_is_looked_at(word: str, bit: int, lost: str) -> None:
    everything = _native.features_of(SAPPHIRE_RAPIDS)
    found = _native.features_of(without(SAPPHIRE_RAPIDS, word, bit))
    assert set(everything) - set(found) == {lost}


def chosen(machine: dict[str, int]) -> tuple[list[str], str]:
    found = _native.features_of(machine)
    return _native.tables_for(found), _native.best_table_for(found)


@pytest.mark.skipif(not X86, reason="skipped: tables of another processor")
@pytest.mark.parametrize(
    ("machine", "tables", "best"),
    [
        ({}, ["scalar"], "scalar"),
        (HASWELL, ["scalar", "avx2"], "avx2"),
        (ALDER_LAKE, ["scalar", "avx2", "avxvnni"], "avxvnni"),
        (ZEN_4, ["scalar", "avx2", "avx512", "avxvnni-evex"], "avx512"),
        (
            SAPPHIRE_RAPIDS,
            ["scalar", "avx2", "avxvnni", "avx512", "avxvnni-evex", "amx"],
            "avx512",
        ),
        (HASWELL | {"leaf7_ecx": VNNI}, ["scalar", "avx2"], "avx2"),
        (without(ZEN_4, "leaf7_ebx", DQ), ["scalar", "avx2", "avxvnni-evex"], "avx2"),
        (without(ZEN_4, "leaf7_ebx", VL), ["scalar", "avx2"], "avx2"),
        (without(ZEN_4, "leaf7_ecx", VNNI), ["scalar", "avx2"], "avx2"),
        (without(HASWELL, "leaf1_ecx", FMA), ["scalar"], "scalar"),
        (without(HASWELL, "leaf1_ecx", F16C), ["scalar"], "scalar"),
    ],
)
def test_a_machine_is_offered_what_it_can_run(machine: dict[str, int], tables: list[str], best: str) -> None:
    assert chosen(machine) == (tables, best)


def test_this_machine_takes_the_best_and_can_find_every_table_it_is_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HUISCLOS_ISA", raising=False)
    found = _native.cpu_features()
    info = kernels.features()
    assert info.isa == _native.best_table_for(found)
    assert list(info.tables) == _native.tables_for(found)
    assert info.tables[0] == "scalar"
    for name in info.tables:
        assert _native.table_address(name)
    with pytest.raises(ValueError):
        _native.table_address("sse9")


@pytest.mark.skipif(not X86, reason="skipped: tables of another processor")
def test_a_table_of_another_machine_is_not_handed_out() -> None:
    missing = {"avx2", "avxvnni", "avx512", "avxvnni-evex", "amx"} - set(kernels.features().tables)
    for name in missing:
        with pytest.raises(ValueError):
            _native.table_address(name)
