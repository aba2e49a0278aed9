"""Which node types there are: those Darkroom runs, and those it knows by their interface only."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping

import core.nodes
from core.nodes.api import collect
from core.nodes.interface import read_catalogue
from core.nodes.spec import NodeSpec

_API_MODULES = frozenset({"api", "interface", "registry", "spec", "types"})


class Registry:
    """Node types by name.

    Args:
        specs: The node types that can run.
        catalogue: Interfaces of other node types, so that files that use them keep their names and values.

    Raises:
        ValueError: Two node types have one name.
    """

    def __init__(self, specs: Iterable[NodeSpec], catalogue: Mapping[str, NodeSpec] | None = None) -> None:
        self._specs: dict[str, NodeSpec] = {}
        self._catalogue = catalogue or {}
        for spec in specs:
            if spec.class_type in self._specs:
                raise ValueError(f"two nodes are called {spec.class_type!r}")
            self._specs[spec.class_type] = spec

    def __iter__(self) -> Iterator[NodeSpec]:
        return iter(self._specs.values())

    def __contains__(self, class_type: object) -> bool:
        return class_type in self._specs

    def get(self, class_type: str) -> NodeSpec | None:
        """The node type, if it can run."""
        return self._specs.get(class_type)

    def interface(self, class_type: str) -> NodeSpec | None:
        """The node type, or at least its interface; None for a name nobody knows."""
        return self._specs.get(class_type) or self._catalogue.get(class_type)

    def interface_only(self) -> Iterator[NodeSpec]:
        """The node types that are known by their interface and cannot run."""
        return (spec for name, spec in self._catalogue.items() if name not in self._specs)

    def title(self, class_type: str) -> str:
        """What people call a node type; its own name if nobody knows it."""
        spec = self.interface(class_type)
        return spec.title if spec else class_type

    def names(self) -> list[str]:
        """Names of the node types that can run."""
        return list(self._specs)


@functools.cache
def builtin() -> Registry:
    """Every node of `core.nodes`, and the interfaces of ComfyUI's other nodes. Imports no torch."""
    families = sorted(m.name for m in pkgutil.iter_modules(core.nodes.__path__) if m.name not in _API_MODULES)
    modules = [importlib.import_module(f"core.nodes.{name}") for name in families]
    return Registry((spec for module in modules for spec in collect(module)), read_catalogue())
