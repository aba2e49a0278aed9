"""What the window is given to work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.asset_watch import AssetWatch
    from app.bridge import Bridge
    from app.executor import ExecutorThread
    from app.jobs import JobQueue
    from app.keeper import KeeperThread
    from app.log import LogStore
    from app.look import Look
    from app.pictures import Pictures
    from app.profile import Profile
    from app.session import Session
    from app.settings import SettingsFile
    from core.folders import Folders
    from core.nodes.registry import Registry


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the program that live as long as it does. `app.application` makes and ends them.

    Attributes:
        look: Its `theme` is the one in use, its signal `changed` tells of another one. Palette, style sheet
            and text size follow by themselves.
    """

    profile: Profile
    settings: SettingsFile
    registry: Registry
    folders: Folders
    session: Session
    keeper: KeeperThread
    assets: AssetWatch
    queue: JobQueue
    executor: ExecutorThread
    bridge: Bridge
    pictures: Pictures
    log: LogStore
    look: Look
