#!/usr/bin/env python3
"""The one entry for a developer or a curious user: needs Python 3.11-3.14 and nothing else.

python3 dev.py run            set everything up on first use, then open the window
python3 dev.py test           set everything up on first use, then run every check and every test
python3 dev.py test --train   the tests of the training code, in an environment of their own with torch
python3 dev.py test --gguf    the tests of the llama.cpp backend, in an environment of their own with it
python3 dev.py test --arm     the kernels for 64-bit ARM, built with a cross compiler and run in an emulator
python3 dev.py shots DIR      drive the real window through its main journey and leave pictures in DIR
python3 dev.py bench          print the measurements the README quotes
python3 dev.py bench --peer   our engine beside llama.cpp and beside what this machine can do
python3 dev.py setup          only set up
python3 dev.py lock           resolve pyproject.toml again into installer/locks/
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCKS = ROOT / "installer" / "locks"
WINDOWS = sys.platform == "win32"
LINUX = sys.platform.startswith("linux")


class SetupError(Exception):
    """Something this machine lacks and we may not install; the message says what to type."""


@dataclass(frozen=True, slots=True)
class SystemNeed:
    """One thing the system must bring: how to see it is there, and what each distribution calls it."""

    probe: str
    debian: str
    fedora: str
    arch: str

    def is_met(self) -> bool:
        kind, _, what = self.probe.partition(":")
        if kind == "command":
            return any(shutil.which(name) for name in what.split("|"))
        if kind == "header":
            return Path(sysconfig.get_path("include"), what).is_file()
        if kind == "module":
            return (
                subprocess.run([sys.executable, "-c", f"import {what}"], capture_output=True).returncode == 0
            )
        if kind == "font":
            return _has_font_for(what)
        try:
            ctypes.CDLL(what)
        except OSError:
            return False
        return True


BUILD_NEEDS = (
    SystemNeed("module:ensurepip, venv", "python3-venv", "python3", "python"),
    SystemNeed("header:Python.h", "python3-dev", "python3-devel", "python"),
    SystemNeed("command:c++|g++|clang++", "g++", "gcc-c++", "gcc"),
)
WINDOW_NEEDS = (
    SystemNeed("library:libGL.so.1", "libgl1", "mesa-libGL", "libglvnd"),
    SystemNeed("library:libEGL.so.1", "libegl1", "mesa-libEGL", "libglvnd"),
    SystemNeed("library:libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
    SystemNeed("library:libfreetype.so.6", "libfreetype6", "freetype", "freetype2"),
    SystemNeed("library:libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig"),
    SystemNeed("library:libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus"),
    SystemNeed("library:libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    SystemNeed("library:libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    SystemNeed("library:libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    SystemNeed("library:libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    SystemNeed("library:libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    SystemNeed("library:libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb"),
    SystemNeed("library:libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image"),
    SystemNeed(
        "library:libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil"
    ),
    SystemNeed("font:latin", "fonts-dejavu-core", "dejavu-sans-fonts", "ttf-dejavu"),
    SystemNeed("font:chinese", "fonts-droid-fallback", "google-droid-sans-fonts", "ttf-droid"),
)
RUN_NEEDS = (*BUILD_NEEDS, *WINDOW_NEEDS)
TEST_NEEDS = (
    *RUN_NEEDS,
    SystemNeed("command:Xvfb", "xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb"),
    SystemNeed("command:strace", "strace", "strace", "strace"),
)
ARM_NEEDS = (
    *TEST_NEEDS,
    SystemNeed(
        "command:aarch64-linux-gnu-g++",
        "g++-aarch64-linux-gnu",
        "gcc-c++-aarch64-linux-gnu",
        "aarch64-linux-gnu-gcc",
    ),
    SystemNeed("command:qemu-aarch64", "qemu-user", "qemu-user", "qemu-user"),
)

_FONT_NAMES = {
    "latin": ("DejaVuSans", "LiberationSans", "NotoSans-Regular", "Ubuntu", "Cantarell", "OpenSans"),
    "chinese": ("DroidSansFallback", "NotoSansCJK", "NotoSerifCJK", "wqy", "SourceHanSans", "uming", "ukai"),
}


def _has_font_for(script: str) -> bool:
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
    names = tuple(name.lower() for name in _FONT_NAMES[script])
    return any(
        file.lower().startswith(names)
        for folder in folders
        for _, _, files in os.walk(folder)
        for file in files
    )


def say(text: str) -> None:
    print(f"\033[1m· {text}\033[0m" if sys.stdout.isatty() else f"· {text}", flush=True)


def call(command: Sequence[str | Path], **options: object) -> None:
    """Run a command and stop with its exit code when it fails."""
    code = subprocess.run([str(part) for part in command], cwd=ROOT, **options).returncode  # type: ignore[call-overload]
    if code:
        raise SystemExit(code)


# --- system packages ------------------------------------------------------------------------------------


def ensure_system(needs: Iterable[SystemNeed]) -> None:
    """Install what the system lacks where we may (root on Debian or Ubuntu); else say the exact command."""
    if not LINUX:
        if not WINDOWS and shutil.which("c++") is None:
            raise SetupError("A C++ compiler is missing. Type:  xcode-select --install")
        return
    missing = [need for need in needs if not need.is_met()]
    if not missing:
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        names = sorted({need.debian for need in missing})
        say(f"Installing system packages: {' '.join(names)}")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        call(["apt-get", "update", "-qq"], env=quiet)
        call(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names],
            env=quiet,
            stdout=subprocess.DEVNULL,
        )
        still = [need for need in missing if not need.is_met()]
        if still:
            raise SetupError("Still missing after the installation: " + ", ".join(n.debian for n in still))
        return
    raise SetupError("This system lacks some packages. Type:  " + _install_command(missing))


def _install_command(missing: Sequence[SystemNeed]) -> str:
    for tool, prefix, field in (
        ("apt-get", "sudo apt-get install", "debian"),
        ("dnf", "sudo dnf install", "fedora"),
        ("pacman", "sudo pacman -S", "arch"),
    ):
        if shutil.which(tool):
            return f"{prefix} {' '.join(sorted({str(getattr(need, field)) for need in missing}))}"
    return "your package manager's install command for: " + " ".join(
        sorted({need.debian for need in missing})
    )


# --- the environment ------------------------------------------------------------------------------------


def python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if WINDOWS else "bin/python")


def _digest(paths: Iterable[Path], *more: str) -> str:
    state = hashlib.sha256("\0".join(more).encode())
    for path in sorted(paths):
        state.update(str(path.relative_to(ROOT)).encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def _native_sources() -> list[Path]:
    skipped = {".md", ".pyc"}
    native = [p for p in (ROOT / "native").rglob("*") if p.is_file() and p.suffix not in skipped]
    return [*native, ROOT / "pyproject.toml"]


def _modules() -> list[str]:
    """Names of the Python files: the installation maps them one by one, so a new one asks for another."""
    return sorted(str(p.relative_to(ROOT)) for room in ("app", "engine") for p in (ROOT / room).rglob("*.py"))


def _is_stamped(stamp: Path, digest: str) -> bool:
    return stamp.is_file() and stamp.read_text(encoding="ascii") == digest


def ensure_environment(
    needs: Sequence[SystemNeed], *, lock: str, extra: Sequence[str] = (), folder: str = ".venv"
) -> Path:
    """Make the virtual environment `folder` hold what `lock` pins, and the native module built from here.

    Stamps in the folder let a second start skip every check that cannot have changed.
    """
    venv = ROOT / folder
    python = python_of(venv)
    met = _digest([], sys.version, *(need.probe for need in needs))
    system_stamp = venv / f"system-{len(needs)}.stamp"
    if not _is_stamped(system_stamp, met):
        ensure_system(needs)
    if not python.exists():
        say(f"Making {folder}")
        call([sys.executable, "-m", "venv", venv])
    system_stamp.write_text(met, encoding="ascii")
    pins = _digest([LOCKS / f"{lock}.lock"], sys.version, *extra)
    richer = _digest([LOCKS / "check.lock"], sys.version, *extra)
    stamp = venv / "pins.stamp"
    if not (_is_stamped(stamp, pins) or _is_stamped(stamp, richer)):
        say(f"Installing the pinned libraries of installer/locks/{lock}.lock (the first time takes minutes)")
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call([*pip, "--no-deps", "--require-hashes", "-r", LOCKS / f"{lock}.lock"])
        if extra:
            call([*pip, *extra])
        stamp.write_text(pins, encoding="ascii")
    built = _digest(_native_sources(), sys.version, str(ROOT), *_modules())
    stamp = venv / "native.stamp"
    if not _is_stamped(stamp, built):
        say("Building the native engine")
        # Each environment builds in a folder of its own: two at once would write over one another.
        place = f"build/{'' if folder == '.venv' else folder.strip('.') + '-'}{{wheel_tag}}"
        call([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
              "--no-build-isolation", "--no-deps", "-C", f"build-dir={place}", "-e", "."])  # fmt: skip
        compile_modules(python)
        stamp.write_text(built, encoding="ascii")
    return python


def compile_modules(python: Path) -> None:
    """Keep our modules' bytecode: the processes that the program starts write none, and would each compile
    what they import. Does nothing for what has not changed.
    """
    call([python, "-m", "compileall", "-q", "app", "engine"])


def has_display() -> bool:
    return not LINUX or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class VirtualScreen:
    """An Xvfb of our own for tests and pictures; on other systems the real screen serves."""

    def __init__(self, size: str = "1600x1000x24") -> None:
        self._size = size
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> dict[str, str]:
        environment = dict(os.environ)
        if not LINUX:
            return environment
        read_end, write_end = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", self._size, "-nolisten", "tcp"],
            pass_fds=[write_end], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            number = answer.readline().strip()
        if not number:
            raise SetupError("Xvfb did not start; no virtual screen for the window tests.")
        environment.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb")
        environment.pop("WAYLAND_DISPLAY", None)
        return environment

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait()


# --- verbs ----------------------------------------------------------------------------------------------


def run(arguments: argparse.Namespace) -> None:
    windowed = has_display()
    python = ensure_environment(RUN_NEEDS if windowed else BUILD_NEEDS, lock="run")
    if windowed:
        command = [str(python), "-m", "app", *arguments.rest]
    else:
        command = [str(python), "-m", "app.cli.demo", *arguments.rest]
    if WINDOWS:
        raise SystemExit(subprocess.run(command, cwd=ROOT).returncode)
    os.chdir(ROOT)
    os.execv(command[0], command)  # noqa: S606 - the very purpose: this process becomes the application


def test(arguments: argparse.Namespace) -> None:
    if arguments.train:
        python = ensure_environment(TEST_NEEDS, lock="check", extra=["torch==2.13.0"], folder=".venv-train")
        call([python, "-m", "pytest", "-q", "tests/mini/train", *arguments.rest])
        return
    if arguments.gguf:
        call([ensure_llama(), "-m", "pytest", "-q", "tests/gguf", *arguments.rest])
        return
    if arguments.arm:
        python = ensure_environment(ARM_NEEDS, lock="check")
        call([python, "-m", "pytest", "-q", "tests/native/cross", *arguments.rest])
        return
    python = ensure_environment(TEST_NEEDS, lock="check")
    if not arguments.rest:
        tools = python.parent
        say("Style")
        call([tools / "ruff", "check", "."])
        call([tools / "ruff", "format", "--check", "."])
        say("Types")
        call([python, "-m", "mypy"])
        say("Imports between rooms")
        call([tools / "lint-imports"])
    compile_modules(python)
    say("Tests")
    with VirtualScreen() as environment:
        call([python, "-m", "pytest", "-q", *arguments.rest], env=environment)


def shots(arguments: argparse.Namespace) -> None:
    python = ensure_environment(TEST_NEEDS, lock="check")
    folder = Path(arguments.folder).resolve()
    with VirtualScreen() as environment:
        call([python, "-m", "tests.ui.shots", folder, *arguments.rest], env=environment)


def ensure_llama() -> Path:
    """An environment with llama.cpp, which is compiled here the first time: that takes many minutes."""
    extra = ["llama-cpp-python==0.3.36"]
    return ensure_environment(TEST_NEEDS, lock="check", extra=extra, folder=".venv-gguf")


def bench(arguments: argparse.Namespace) -> None:
    if arguments.peer:
        is_alone = "--alone" in arguments.rest
        python = ensure_environment(TEST_NEEDS, lock="check") if is_alone else ensure_llama()
        call([python, "-m", "tests.bench.peer", *arguments.rest])
        return
    python = ensure_environment(TEST_NEEDS, lock="check")
    with VirtualScreen() as environment:
        call([python, "-m", "tests.bench", *arguments.rest], env=environment)


def setup(_: argparse.Namespace) -> None:
    ensure_environment(RUN_NEEDS, lock="run")


# The Python package of `tokenizers` names a model hub's client as a dependency for a function we never
# call; the lock leaves that client and what only it needs out, and `--no-deps` keeps pip from adding it.
_HUB_CLIENT = (
    "huggingface-hub", "hf-xet", "httpx2", "httpx2-jsfetch", "httpcore2", "h11", "anyio", "truststore",
    "fsspec", "filelock",
)  # fmt: skip


def lock(_: argparse.Namespace) -> None:
    python = ensure_environment(TEST_NEEDS, lock="check")
    call([python, "-m", "pip", "install", "--quiet", "uv"])
    left_out = [option for name in _HUB_CLIENT for option in ("--no-emit-package", name)]
    resolve: list[str | Path] = [
        *(python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-header", "--no-annotate", *left_out, "pyproject.toml"),
    ]
    only_hub = (
        "tqdm",
        "pyyaml",
        "click",
        "typer",
        "shellingham",
        "idna",
        "certifi",
        "requests",
        "urllib3",
        "charset-normalizer",
    )
    runtime = [option for name in only_hub for option in ("--no-emit-package", name)]
    call([*resolve, *runtime, "--extra", "build", "-o", LOCKS / "run.lock"])
    call([*resolve, "--extra", "build", "--extra", "check", "-o", LOCKS / "check.lock"])


def main() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        raise SystemExit(f"Huis Clos needs Python 3.11 to 3.14; this is {sys.version.split()[0]}.")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, summary in (
        (run, "open the window"), (test, "every check and test"), (shots, "pictures of the main journey"),
        (bench, "measurements"), (setup, "set up only"), (lock, "resolve the pins again"),
    ):  # fmt: skip
        sub = verbs.add_parser(verb.__name__, help=summary)
        if verb is shots:
            sub.add_argument("folder", metavar="DIR")
        if verb is test:
            sub.add_argument(
                "--train", action="store_true", help="the tests of the training code (needs torch)"
            )
            sub.add_argument(
                "--gguf", action="store_true", help="the tests of the llama.cpp backend (compiles it)"
            )
            sub.add_argument(
                "--arm", action="store_true", help="the kernels for 64-bit ARM (needs a cross compiler)"
            )
        if verb is bench:
            sub.add_argument(
                "--peer", action="store_true", help="beside llama.cpp (compiles it; --alone: without)"
            )
        sub.set_defaults(verb=verb)
    arguments, arguments_rest = parser.parse_known_args()
    arguments.rest = arguments_rest
    try:
        arguments.verb(arguments)
    except SetupError as stop:
        raise SystemExit(str(stop)) from None


if __name__ == "__main__":
    main()
