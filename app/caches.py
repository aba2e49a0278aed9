"""Which results are kept from run to run, as the user has set it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from app.runs import versions
from core.engine.cache import Cache, ClassicCache, LruCache, NoCache
from core.engine.disk_cache import DiskCache, clear, used

if TYPE_CHECKING:
    from app.settings import Settings

__all__ = ["CachePolicy", "clear", "make_cache", "policy_of", "used"]

_GB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What is kept.

    Attributes:
        kind: `classic`: the results of the latest run; `lru`: those of all, up to a size; `none`.
        host, device: Bytes that `lru` may take on the host and on the device.
        disk: Bytes that results in files may take; 0 for no files.
        folder: Where those files are.
    """

    kind: Literal["classic", "lru", "none"] = "classic"
    host: int = 0
    device: int = 0
    disk: int = 0
    folder: Path | None = None


def policy_of(settings: Settings, folder: Path) -> CachePolicy:
    """What the settings ask for; equal policies mean equal caches.

    Args:
        folder: Where results in files are.
    """
    is_lru, disk = settings.cache == "lru", round(settings.cache_disk_gb * _GB)
    return CachePolicy(
        settings.cache,
        round(settings.cache_host_gb * _GB) if is_lru else 0,
        round(settings.cache_device_gb * _GB) if is_lru else 0,
        disk,
        folder if disk else None,
    )


def make_cache(policy: CachePolicy, device: str) -> Cache:
    """A cache of the policy, empty but for what is in files. `device` is what results are computed on."""
    first = _in_memory(policy)
    if policy.folder is None:
        return first
    from core.models.results import ResultFiles

    return DiskCache(first, policy.folder, ResultFiles(), most=policy.disk, stack=_stack(device))


def _in_memory(policy: CachePolicy) -> Cache:
    match policy.kind:
        case "lru":
            return LruCache(policy.host, policy.device)
        case "none":
            return NoCache()
        case "classic":
            return ClassicCache()


def _stack(device: str) -> str:
    """What results in files depend on besides their graph: other versions and devices give others."""
    import torch

    kind = device.partition(":")[0]
    name = torch.cuda.get_device_name(device) if kind == "cuda" else platform.machine()
    return repr((versions(), kind, name))
