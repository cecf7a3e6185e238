"""The kernel test that needs no Python: here, and as a program for 64-bit ARM under an emulator.

It compares every table with the scalar reference, with inputs and outputs that end where nothing may be
read or written.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine import kernels
from tests.native.conftest import build_folder

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "native"
PROGRAM = Path(__file__).with_name("kernel_test.cpp")
ARM_SYSROOT = Path("/usr/aarch64-linux-gnu")


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, "PATH": tools},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def passed_tables(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.endswith(" comparisons, 0 wrong") for line in lines), done.stdout
    assert all(int(line.split()[1]) > 5000 for line in lines), done.stdout
    return [line.split(":")[0] for line in lines]


@pytest.mark.skipif(sys.platform != "linux", reason="skipped: the program guards its memory as Linux does")
def test_every_table_reads_and_writes_what_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    """Linked with the very library that the loaded module was made of."""
    library = build_folder() / "libhuisclos_core.a"
    compiler = next(name for name in ("c++", "g++", "clang++") if shutil.which(name))
    program, tiles = tmp_path / "kernel_test", tmp_path / "plain_tiles.o"
    common = [compiler, "-std=c++20", "-O1", f"-I{NATIVE}", f"-I{NATIVE / 'include'}"]
    extra: list[str | Path] = []
    tables = list(kernels.features().tables)
    if "avx2" in tables:
        avx2 = ["-mavx2", "-mfma", "-mf16c"]
        built = run(*common, *avx2, "-c", PROGRAM.with_name("plain_tiles.cpp"), "-o", tiles)
        assert built.returncode == 0, built.stdout
        extra = ["-DHC_WITH_PLAIN_TILES", tiles]
    built = run(*common, PROGRAM, *extra, library, "-pthread", "-o", program)
    assert built.returncode == 0, built.stdout
    assert passed_tables(run(program)) == (["plain-tiles", *tables] if extra else tables)
    refused = run(program, "no such table")
    assert refused.returncode == 1
    assert "this machine has no such table" in refused.stdout


@pytest.fixture(scope="module")
def arm_program() -> Path:
    """Built in build/aarch64, which is kept, so the second time is short."""
    if platform.machine() == "aarch64":
        pytest.skip("skipped: this is such a processor, and the tests above ran on it")
    if not shutil.which("aarch64-linux-gnu-g++") or not shutil.which("qemu-aarch64"):
        pytest.skip(
            "skipped: no cross compiler and emulator for 64-bit ARM; `dev.py test --arm` installs both"
        )
    folder = ROOT / "build" / "aarch64"
    for command in (
        [
            *("cmake", "-G", "Ninja", "-S", NATIVE, "-B", folder, "-DCMAKE_BUILD_TYPE=Release"),
            *("--toolchain", NATIVE / "cmake" / "aarch64-linux.cmake"),
            *("-DHUISCLOS_PYTHON_MODULE=OFF", "-DHUISCLOS_KERNEL_TEST=ON"),
        ],
        ["cmake", "--build", folder],
    ):
        done = run(*command)
        assert done.returncode == 0, done.stdout
    return folder / "kernel_test"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("processor", "tables"),
    [("max", ["scalar", "neon"]), ("cortex-a76", ["scalar", "neon"]), ("cortex-a53", ["scalar"])],
)
def test_every_table_of_64_bit_arm_agrees_with_the_reference(
    arm_program: Path, processor: str, tables: list[str]
) -> None:
    """The last of these has no dot product, so it must not be offered the table that needs it."""
    found = run("qemu-aarch64", "-cpu", processor, "-L", ARM_SYSROOT, arm_program)
    assert passed_tables(found) == tables


def test_an_arm_processor_without_dot_product_is_refused_the_table_by_name(arm_program: Path) -> None:
    refused = run("qemu-aarch64", "-cpu", "cortex-a53", "-L", ARM_SYSROOT, arm_program, "neon")
    assert refused.returncode == 1
    assert "this machine has no such table" in refused.stdout
