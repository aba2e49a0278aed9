from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.stores import graph
from helpers.toy_nodes import quick
from PIL import Image

from app.asset_watch import AssetWatch
from app.jobs import Job, JobQueue, JobState
from app.keeper import Keeper, KeeperThread
from core.folders import Folders
from core.graph import PromptGraph
from core.store.assets import Asset


@pytest.fixture(params=[False, True])
def keeper(qapp: object, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Keeper]:
    del qapp
    keeper = KeeperThread(tmp_path / "darkroom.db") if request.param else Keeper()
    yield keeper
    keeper.close()


def asset_of(keeper: Keeper, path: Path) -> Asset | None:
    found: list[Asset | None] = []
    keeper.ask(lambda stores: stores.assets.of(path), found.append)
    keeper.settle()
    return found[0]


def picture(path: Path, colour: str) -> Path:
    Image.new("RGB", (8, 8), colour).save(path)
    return path


def run(queue: JobQueue, keeper: Keeper, graph: PromptGraph, *pictures: Path) -> str:
    job = Job("document", "Name", graph, {})
    queue.add(job)
    keeper.settle()
    queue.start_next()
    keeper.settle()
    queue.update(job.id, pictures=pictures)
    queue.end(job.id, JobState.DONE)
    keeper.settle()
    return job.id


def test_what_a_job_reads_and_makes_is_registered(keeper: Keeper, folders: Folders) -> None:
    queue = JobQueue(keeper)
    watch = AssetWatch(keeper, queue, folders)
    made = picture(folders.directory("output") / "made.png", "#ff0000")
    passing = picture(folders.directory("temp") / "passing.png", "#00ff00")
    read = picture(folders.directory("input") / "read.png", "#0000ff")
    again = picture(folders.directory("output") / "again.png", "#ffffff")
    texts = {"a": "read.png", "b": "again.png [output]", "c": "../out.png", "d": "no such.png", "e": "a. \0"}
    run(queue, keeper, quick(**{key: ("T", {"file": text}) for key, text in texts.items()}))
    assert asset_of(keeper, read) is not None
    assert asset_of(keeper, again) is not None
    job_id = run(queue, keeper, graph(), made, passing)
    asset = asset_of(keeper, made)
    assert asset is not None
    assert asset.system == {
        "job": job_id,
        "document": "Name",
        "seeds": [7],
        "models": ["sd/base.safetensors"],
    }
    assert asset_of(keeper, passing) is None, "temporary files are not to be remembered"
    del watch


def test_folders_are_looked_through_at_the_start(keeper: Keeper, folders: Folders) -> None:
    watch = AssetWatch(keeper, JobQueue(keeper), folders)
    paths = [picture(folders.directory(kind) / f"{kind}.png", "#ff0000") for kind in ("output", "input")]
    watch.start()
    keeper.settle()
    for path in paths:
        asset = asset_of(keeper, path)
        assert asset is not None
        assert asset.places == tuple(sorted(paths)), "the same bytes are one asset"


def changes(watch: AssetWatch) -> list[None]:
    told: list[None] = []
    watch.changed.connect(lambda: told.append(None))
    return told


def test_it_tells_when_files_came_or_went(keeper: Keeper, folders: Folders) -> None:
    queue = JobQueue(keeper)
    watch = AssetWatch(keeper, queue, folders)
    told = changes(watch)
    made = picture(folders.directory("output") / "made.png", "#ff0000")
    run(queue, keeper, graph(), made)
    assert told
    told.clear()
    for _ in range(2):
        watch.start()
    keeper.settle()
    assert told == [], "all of it is known"
    made.unlink()
    watch.start()
    keeper.settle()
    assert told
    asset = asset_of(keeper, made)
    assert asset is not None
    assert asset.missing == (made,)


def test_a_missing_file_is_found_again(keeper: Keeper, folders: Folders, tmp_path: Path) -> None:
    watch = AssetWatch(keeper, JobQueue(keeper), folders)
    output = folders.directory("output")
    made = picture(output / "made.png", "#ff0000")
    watch.start()
    keeper.settle()
    asset = asset_of(keeper, made)
    assert asset is not None
    away = tmp_path / "away"
    (away / "below").mkdir(parents=True)
    made.rename(away / "below/other.png")
    watch.start()
    keeper.settle()
    told, found = changes(watch), list[Path | None]()
    watch.find_again(asset.hash, watch.places, found.append)
    watch.find_again(asset.hash, [tmp_path / "nowhere", away], found.append)
    keeper.settle()
    assert found == [None, away / "below/other.png"]
    assert told == [None]
    again = asset_of(keeper, away / "below/other.png")
    assert again is not None
    assert (again.hash, again.missing) == (asset.hash, ())


def test_what_cannot_be_looked_for_is_told(keeper: Keeper, folders: Folders) -> None:
    watch = AssetWatch(keeper, JobQueue(keeper), folders)
    told: list[str] = []
    keeper.complained.connect(told.append)
    watch.find_again("0" * 64, watch.places, lambda path: pytest.fail(f"{path} was found"))
    keeper.settle()
    assert told == [f"there is no asset {'0' * 64}"]
