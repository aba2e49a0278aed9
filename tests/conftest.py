"""What every test can use: helpers on the path, and folders with seeded models."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]


@pytest.fixture(scope="session")
def model_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out like `models/`, with every seeded file that the reference graphs name."""
    from helpers.seeded_models import write_models

    root = tmp_path_factory.mktemp("models")
    write_models(root)
    return root
