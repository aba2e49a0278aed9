"""Calls the functions a node declares beside its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.folders import Folders
from core.nodes.spec import Hook


def call_hook(hook: Hook, values: Mapping[str, object], folders: Folders, node_id: str) -> Any:
    """What the hook answers. Inputs whose value is not known are None."""
    arguments: dict[str, object] = dict(values) if hook.takes_all else {}
    for name in hook.inputs:
        arguments[name] = values.get(name)
    for name, kind in hook.hidden.items():
        arguments[name] = folders if kind == "FOLDERS" else node_id
    return hook.function(**arguments)
