"""Jobs and assets as plain data. Nothing here needs the database, so that the window starts without it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from core.graph import PromptGraph


class JobState(Enum):
    """Where a job stands. PARTIAL: some of its outputs were made, others failed."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (JobState.PENDING, JobState.RUNNING)


ENDED = tuple(state for state in JobState if state.is_ended)


class Pause(Enum):
    """Whether jobs are taken, and why not: the user asked, Darkroom was killed, or left while a job ran."""

    NONE = ""
    ASKED = "asked"
    CRASHED = "crashed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What lists show of a job.

    Attributes:
        document_key: The open document it came from, which may be closed by now.
        name: What the document was called.
        message: What is to be said about its state: what failed, or what it waits for.
        seconds: How long it ran.
        pictures: What it has made so far.
        failed_node: The node of the document at which it failed first; empty if none is known.
        seeds: Every seed in its graph, in order.
        models: Every model file its graph names, in order.
        thumbnail: Its first picture as a small JPEG.
    """

    document_key: str
    name: str
    _: KW_ONLY
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: datetime = field(default_factory=datetime.now)
    started: datetime | None = None
    ended: datetime | None = None
    state: JobState = JobState.PENDING
    message: str = ""
    seconds: float | None = None
    pictures: tuple[Path, ...] = ()
    failed_node: str = ""
    seeds: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Job(JobFacts):
    """A graph as it was when it was queued; later edits of its document never alter it.

    Attributes:
        workflow: The document in editor format, to be stored with the pictures.
        targets: The nodes of the graph that it runs for; empty for all outputs.
        progress: Share of the whole run that is done, 0..1; None before it is known. It is not kept.
        node: Title of the node that is at work. It is not kept.
    """

    graph: PromptGraph
    workflow: dict[str, Any]
    _: KW_ONLY
    targets: tuple[str, ...] = ()
    progress: float | None = None
    node: str = ""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run did.

    Attributes:
        executed: Nodes that ran to their end, in order.
        cached: Nodes whose results were known.
        seconds: How long each executed node took.
        memory: Peaks in bytes: `host` of the whole process, `device` of what this run had there.
    """

    executed: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    memory: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Query:
    """Which ended jobs are wanted. What is left empty excludes nothing.

    Attributes:
        text: Words that all occur in its name, the texts of its graph, its models or its seeds.
        model: Part of the name of a model file.
        since: It was queued then or later.
        until: It was queued before that.
        states: It ended in one of these.
    """

    text: str = ""
    model: str = ""
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[JobState, ...] = ()


EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the jobs that were asked for, the newest first, and how many there are in all."""

    jobs: tuple[JobFacts, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """How the queue was found.

    Attributes:
        interrupted: Names of jobs that ran when their program ended; they wait again, before all others.
        pause: Why the queue is paused.
    """

    interrupted: tuple[str, ...]
    pause: Pause


@dataclass(frozen=True, slots=True)
class Asset:
    """What is known of a content.

    Attributes:
        hash: BLAKE3 of its bytes, 64 hexadecimal digits.
        name: What its first file was called.
        kind: `image`, `latent`, `model` or `file`.
        created: When it was first seen.
        user: What the user says of it.
        system: What the program says of it, as which job made it.
        places: Where it lies.
        missing: Where it lay and is no longer.
        preview: A small JPEG where it is a picture.
    """

    hash: str
    size: int
    name: str
    kind: str
    created: datetime
    user: Mapping[str, Any]
    system: Mapping[str, Any]
    tags: tuple[str, ...]
    places: tuple[Path, ...]
    missing: tuple[Path, ...]
    preview: bytes | None


@dataclass(frozen=True, slots=True)
class AssetQuery:
    """Which assets are wanted. What is left empty excludes nothing.

    Attributes:
        text: Words that each occur in its name, the name of one of its files, a tag or the note.
        is_missing: None of its files is where it was.
    """

    text: str = ""
    is_missing: bool = False


ALL_ASSETS = AssetQuery()


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Some of the assets that were asked for, and how many there are in all."""

    assets: tuple[Asset, ...]
    total: int
