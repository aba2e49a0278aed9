"""Databases with something in them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from core.graph import Link, PromptGraph, PromptNode
from core.store.assets import AssetStore
from core.store.database import Database, open_database
from core.store.jobs import JobStore
from core.store.records import Job, JobState, RunFacts

RUN = RunFacts(("1", "2"), ("3",), {"1": 0.5, "2": 1.25}, {"host": 1 << 30})


def graph(text: str = "a red door", seed: int = 7, model: str = "sd/base.safetensors") -> PromptGraph:
    """What a small text-to-image graph asks for."""
    return PromptGraph(
        {
            "1": PromptNode("CheckpointLoaderSimple", {"ckpt_name": model}),
            "2": PromptNode("CLIPTextEncode", {"text": text, "clip": Link("1", 1)}, title="Prompt"),
            "3": PromptNode("KSampler", {"seed": seed, "model": Link("1", 0), "positive": Link("2", 0)}),
        }
    )


def job(name: str = "job", text: str = "a red door", **more: object) -> Job:
    """A job that is to be queued."""
    values = {key: more.pop(key) for key in ("seed", "model") if key in more}
    return Job("document", name, graph(text, **values), {"nodes": [], "name": name}, **more)  # type: ignore[arg-type]


def filled(path: Path, folder: Path, *, closes: bool = True) -> Database:
    """A database with a job of every kind and an asset; its picture is `a.png` in the folder."""
    Image.new("RGB", (8, 8), "#ff0000").save(folder / "a.png")
    database = open_database(path)
    store = JobStore(database)
    for name in ("done", "failed", "waits"):
        store.add(job(name))
    for state in (JobState.DONE, JobState.FAILED):
        taken = store.take_next()
        assert taken is not None
        store.end(taken.id, state, "why", 1.5, pictures=[folder / "a.png"], run=RUN)
    AssetStore(database).register(folder / "a.png", {"job": "done"})
    AssetStore(database).set_tags(AssetStore(database).register(folder / "a.png").hash, ["good"])
    if closes:
        database.close()
    return database
