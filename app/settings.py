"""What the user has chosen, kept in one small JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """The preferences. A field is here only if something obeys it.

    Attributes:
        theme: `system` follows the desktop.
        text_scale: Size of all text, panels and nodes, on top of the system's.
        drag_empty: What dragging empty canvas with the left button does.
        keys: Command id -> its keys, for commands whose keys are not the default ones.
    """

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    theme: Literal["system", "dark", "light"] = "system"
    text_scale: float = Field(default=1.0, ge=0.5, le=3.0)
    drag_empty: Literal["pan", "select"] = "pan"
    snap_to_grid: bool = False
    minimap: bool = True
    badges: bool = True
    previews: bool = True
    keys: dict[str, list[str]] = Field(default_factory=dict)


class SettingsFile:
    """The settings and the file they are kept in.

    Attributes:
        settings: As they are now; change them through `change`.
        problem: What was wrong with the file, in a sentence; the defaults are used instead.
    """

    def __init__(self, path: Path) -> None:
        raise NotImplementedError

    def change(self, **fields: object) -> None:
        """Changes fields and writes the file whole."""
        raise NotImplementedError
