"""What the user has chosen, kept in one small JSON file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import DarkroomError
from core.media.outputs import write_whole
from core.workflow.json_text import parse_json

_log = logging.getLogger(__name__)


class Settings(BaseModel):
    """The preferences. A field is here only if something obeys it.

    Attributes:
        theme: `system` follows the desktop.
        text_scale: Size of all text, panels and nodes, on top of the system's.
        drag_empty: What dragging empty canvas with the left button does.
        stop_at_first_error: A run ends there, as in ComfyUI, instead of making what can still be made.
        queue_limit: How many jobs may wait.
        history_limit: How many jobs that have ended are kept; 0 for all.
        history_days: For how many days jobs that have ended are kept; 0 for ever.
        cache: Which results are kept in memory: those of the latest run (`classic`), those of all runs up to
            a size (`lru`), or none.
        cache_host_gb, cache_device_gb: How much of each memory `lru` may take.
        cache_disk_gb: How much results in files may take; 0 for none in files.
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
    stop_at_first_error: bool = False
    queue_limit: int = Field(default=1000, ge=1, le=100_000)
    history_limit: int = Field(default=5000, ge=0, le=1_000_000)
    history_days: int = Field(default=0, ge=0, le=36_500)
    cache: Literal["classic", "lru", "none"] = "classic"
    cache_host_gb: float = Field(default=4.0, ge=0.1, le=4096)
    cache_device_gb: float = Field(default=2.0, ge=0.1, le=4096)
    cache_disk_gb: float = Field(default=0.0, ge=0, le=4096)
    keys: dict[str, list[str]] = Field(default_factory=dict)


class SettingsFile:
    """The settings and the file they are kept in. Whatever is in that file, the program starts.

    Attributes:
        settings: As they are now; change them through `change`.
        problem: What was wrong with the file when it was read or written last, in a sentence; else empty.
            Defaults stand in for what could not be used, and the file is kept beside the new one with
            `.bad` at the end of its name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listeners: list[Callable[[], object]] = []
        self.settings, self.problem = _read(path)
        if self.problem:
            _log.warning(self.problem)
            _set_aside(path)

    def change(self, **fields: object) -> None:
        """Changes fields, tells whoever has subscribed, and writes the file whole.

        Raises:
            ValueError: A value is not among those that the field may have; nothing has changed.
        """
        settings = Settings.model_validate(self.settings.model_dump() | fields)
        if settings == self.settings:
            return
        self.settings = settings
        self._write()
        for listener in tuple(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], object]) -> Callable[[], None]:
        """A function that ends the subscription. The listener is called after every change."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _write(self) -> None:
        self.problem = ""
        try:
            write_whole(self._path, self.settings.model_dump_json(indent=2).encode())
        except DarkroomError as error:
            self.problem = f"The settings are changed, but not for the next start: {error}"
            _log.warning(self.problem)


def _read(path: Path) -> tuple[Settings, str]:
    """The settings in the file, and what is wrong with it; a field that is wrong spoils no other."""
    try:
        form: Any = parse_json(path.read_bytes(), f"the settings file {path}")
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, DarkroomError) as error:
        return Settings(), f"The settings could not be read, so the defaults are used: {error}"
    if not isinstance(form, dict):
        return Settings(), f"The settings file {path} holds no settings, so the defaults are used"
    try:
        return Settings.model_validate(form), ""
    except ValidationError as error:
        wrong = {str(problem["loc"][0]): problem["msg"] for problem in error.errors()}
    named = "; ".join(f"{name}: {message}" for name, message in wrong.items())
    kept = Settings.model_validate({key: value for key, value in form.items() if key not in wrong})
    return kept, f"Some settings could not be used, so their defaults are ({named})"


def _set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(path.name + ".bad"))
    except OSError as error:  # then it stays where it is until the next change writes over it
        _log.warning("%s stays where it is: %s", path, error)
