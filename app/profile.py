"""Where Darkroom keeps what belongs to its user: preferences, layout, templates, queue, journal, logs."""

from __future__ import annotations

from pathlib import Path

import platformdirs


class Profile:
    """The places of one user's data. Nothing is made until something is written there.

    Args:
        root: A folder for all of it; None for the places that the system expects.
    """

    def __init__(self, root: Path | None = None) -> None:
        name, author = "Darkroom", False
        config = root or platformdirs.user_config_path(name, appauthor=author)
        state = root or platformdirs.user_state_path(name, appauthor=author)
        data = root or platformdirs.user_data_path(name, appauthor=author)
        self.settings_file = config / "settings.json"
        self.layout_file = state / "layout.ini"
        self.recent_file = state / "recent.json"
        self.tabs_file = state / "tabs.json"
        self.templates_dir = data / "templates"
        self.database_file = state / "darkroom.db"
        self.recovery_dir = state / "recovery"
        cache = root / "cache" if root else platformdirs.user_cache_path(name, appauthor=author)
        self.results_dir = cache / "results"
        self.lock_file = state / "window.lock"
        self.log_dir = root / "log" if root else platformdirs.user_log_path(name, appauthor=author)
