"""What must not be loaded is not loaded, checked in a fresh interpreter each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

LIGHT = ("core.engine.run", "core.workflow.open", "core.nodes.registry", "core.sampling.names", "app.cli")


@pytest.mark.parametrize("module", LIGHT)
def test_loads_without_torch_or_qt(module: str) -> None:
    code = (
        f"import sys, importlib; importlib.import_module({module!r})\n"
        "print(sorted({'torch', 'diffusers', 'transformers', 'PySide6', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["app.application", "app.ui.main_window", "app.executor"])
def test_the_window_loads_no_network_library(module: str) -> None:
    code = (
        f"import sys, {module}\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'scipy', 'core.models', 'core.sampling'}\n"
        "heavy |= {'sqlalchemy', 'alembic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_listing_the_nodes_loads_no_torch() -> None:
    code = "import sys; from core.nodes.registry import builtin; builtin(); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_only_the_canvas_imports_nodegraphqt() -> None:
    naming = re.compile(r"^\s*(?:from|import) (?:NodeGraphQt|Qt)\b", re.MULTILINE)
    root = Path(__file__).parents[1]
    files = [file for folder in ("app", "core") for file in (root / folder).rglob("*.py")]
    users = [file for file in files if naming.search(file.read_text(encoding="utf-8"))]
    assert [file.relative_to(root).as_posix() for file in users] == ["app/canvas/nodegraphqt.py"]
