"""Sets Darkroom up and runs it, its tests or its checks. Needs only Python 3.11 or newer, with pip.

    python dev.py run      set up and open the window; without a display, make a picture from the ready graph
    python dev.py test     set up and run every test
    python dev.py check    lint, types, layer rules and the quick tests, before a commit

Everything goes into `.venv` and `data` beside this file. Running a command again skips what is already done.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "darkroom-setup"
DATA = ROOT / "data"
MODELS = DATA / "models"
# Packages come to 1.5 GB unpacked with the processor build of torch; pip needs room for the archives as well.
# The build for NVIDIA GPUs takes 10 GB, but which one pip is to fetch cannot be seen from here.
NEEDED_GB = 4
IMPORTS = "import torch, PySide6.QtWidgets, diffusers, transformers, PIL, scipy, safetensors.torch"


class SetupFailed(Exception):
    """Set-up cannot go on; the message says what to do."""


def main() -> int:
    """Runs the command named on the command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("run", "test", "check"))
    command, rest = parser.parse_known_args()
    try:
        set_up()
        return {"run": run, "test": test, "check": check}[command.command](rest)
    except SetupFailed as error:
        print(f"\nSet-up stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
        return 130


def set_up() -> None:
    """Makes the virtual environment and installs what pyproject.toml names, if that has not been done."""
    if sys.version_info < (3, 11):
        version = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupFailed(
            f"Python 3.11 or newer is needed, this is {version}. Get one from https://www.python.org."
        )
    # The folder counts too: the installed commands hold its path, and it may have been moved.
    facts = f"{sys.version}\n{ROOT}\n".encode("utf-8", "surrogateescape")
    wanted = hashlib.sha256(facts + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if STAMP.is_file() and PYTHON.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        raise SetupFailed(
            f"{free:.1f} GB are free in {ROOT}, {NEEDED_GB} are needed. Make room and run this again."
        )
    print("Setting up (a few minutes the first time) ...", flush=True)
    if not environment_works():
        make_environment()
    arguments = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-e", ".[dev]"]
    if subprocess.run([PYTHON, *arguments], cwd=ROOT, check=False).returncode:
        raise SetupFailed(
            "pip could not install the packages; what it said stands above. Is there a network?"
        )
    probe_imports()
    # It comes along with NodeGraphQt, describes an older Qt, and hides what PySide6 says of itself.
    stale = ["-m", "pip", "uninstall", "--yes", "--quiet", "--disable-pip-version-check", "types-PySide6"]
    subprocess.run([PYTHON, *stale], cwd=ROOT, check=False)
    STAMP.write_text(wanted, encoding="utf-8")


def environment_works() -> bool:
    """Whether `.venv` is whole and of this Python; an interrupted set-up may leave half of one."""
    try:
        said = subprocess.run(
            [PYTHON, "-c", "import pip, sys; print(sys.version)"], check=False, capture_output=True, text=True
        )
    except OSError:
        return False
    return said.returncode == 0 and said.stdout.strip() == sys.version


def make_environment() -> None:
    """Makes `.venv`, with a message where the system's Python lacks a part of itself."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV], check=False, capture_output=True, text=True
    )
    if made.returncode:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        said = made.stdout + made.stderr
        lacks_part = "ensurepip" in said or "No module named venv" in said
        hint = f" On Debian and Ubuntu: sudo apt install {package}" if lacks_part else ""
        raise SetupFailed(f"no virtual environment could be made in {VENV}.{hint}\n{said}")


def probe_imports() -> None:
    """Loads the compiled packages once, to name a missing system library now and not during a run."""
    tried = subprocess.run([PYTHON, "-c", IMPORTS], check=False, capture_output=True, text=True)
    if tried.returncode == 0:
        return
    last = (tried.stderr.strip() or "no message").splitlines()[-1]
    packages = {
        "libgomp": "libgomp1",
        "libstdc++": "libstdc++6",
        "libEGL": "libegl1",
        "libGL": "libgl1",
        "libxkbcommon": "libxkbcommon0",
        "libfontconfig": "libfontconfig1",
        "libdbus": "libdbus-1-3",
        "libglib": "libglib2.0-0",
        "DLL load failed": "the Visual C++ Redistributable",
    }
    for sign, package in packages.items():
        if sign in last:
            raise SetupFailed(f"a system library is missing: install {package} and run this again.\n{last}")
    raise SetupFailed(f"the installed packages do not load: {last}\nRemove {VENV} and run this again.")


def run(rest: list[str]) -> int:
    """Opens the window on folders of this clone; where there can be none, the ready graph runs instead."""
    MODELS.mkdir(parents=True, exist_ok=True)
    folders = ["--models", MODELS, "--input", DATA / "input", "--output", DATA / "output"]
    return darkroom(*folders, "--profile", DATA / "profile", *rest)


def test(rest: list[str]) -> int:
    """Runs every test."""
    return subprocess.run([PYTHON, "-m", "pytest", *rest], cwd=ROOT, check=False).returncode


def check(rest: list[str]) -> int:
    """Runs the checks that come before a commit; all of them, so that everything wrong is seen at once."""
    steps = (
        ["-m", "ruff", "check"],
        ["-m", "ruff", "format", "--check"],
        ["-m", "basedpyright", "--pythonpath", PYTHON],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        ["-m", "pytest", "-q", "-m", "not slow", *rest],
    )
    failed = [step for step in steps if subprocess.run([PYTHON, *step], cwd=ROOT, check=False).returncode]
    for step in failed:
        print("failed:", *step, file=sys.stderr)
    return 1 if failed else 0


def darkroom(*arguments: str | Path) -> int:
    """Runs the program itself."""
    program = subprocess.Popen([PYTHON, "-m", "app.cli", *arguments], cwd=ROOT)
    while True:
        try:
            return program.wait()
        except KeyboardInterrupt:  # the program hears of it too, and ends in its own time
            continue


if __name__ == "__main__":
    sys.exit(main())
