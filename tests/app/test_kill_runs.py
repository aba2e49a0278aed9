"""Killed while it runs jobs, the program leaves whole files only, and no job is lost or wrongly done.

Here pictures, previews and results in files are being written by the window's own queue, keeper and executor.
Of the other moments, changes of the queue and migrations are in `tests/store/test_store_kill.py`, edits
and saving of documents in `test_kill.py`.

`python tests/app/test_kill_runs.py --rounds 200` does it for longer.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import sqlite3
import sys
import tempfile
import uuid
import zlib
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from app.jobs import Job, JobFacts, Recovered
    from core.events import RunEvent
    from core.folders import Folders

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("DARKROOM_KILLS", 12))
LONGEST = 0.8
"""Seconds to the kill: from the start, or from the moment when the queue is there."""
TOGETHER = 25
"""So many work in one folder, one after the other; the next ones begin with an empty one."""
WAITING = 3
INPUTS = 6
LIBRARIES = ("torch", "core.media.images")
"""What these jobs need of what the executor loads."""


def folders_in(folder: Path) -> Folders:
    from core.folders import Folders

    places = {name: folder / name for name in ("input", "output", "temp")}
    return Folders([folder], shipped=None, **places)


def small_job(dice: random.Random) -> Job:
    """A picture enlarged and shown, inverted and saved twice. Now and then one more output cannot run."""
    from app.jobs import Job
    from core.graph import Link, PromptGraph, PromptNode

    job_id = uuid.UUID(int=dice.getrandbits(128)).hex
    size = {"upscale_method": "nearest-exact", "scale_by": float(dice.randint(1, 2))}
    # Names of their own, or a job would be content with the pictures that another one has made.
    name = {"filename_prefix": f"{job_id[:2]}/{job_id}"}
    nodes = {
        "1": PromptNode("LoadImage", {"image": f"{dice.randrange(INPUTS)}.png"}),
        "2": PromptNode("ImageScaleBy", {"image": Link("1", 0), **size}),
        "3": PromptNode("ImageInvert", {"image": Link("2", 0)}),
        "4": PromptNode("ImageBatch", {"image1": Link("3", 0), "image2": Link("3", 0)}),
        "5": PromptNode("SaveImage", {"images": Link("4", 0), **name}),
        "6": PromptNode("PreviewImage", {"images": Link("2", 0)}),
    }
    if dice.random() < 0.15:
        nodes["7"] = PromptNode("LoadImage", {"image": "nowhere.png"})
        nodes["8"] = PromptNode("PreviewImage", {"images": Link("7", 0)})
    return Job("document", f"job {job_id[:4]}", PromptGraph(nodes), {"job": job_id}, id=job_id)


def live(folder: Path, file: int, dice: random.Random) -> None:
    """What the killed process does: it keeps some jobs waiting and runs them; it cancels one now and then."""
    import torch
    from PySide6.QtCore import QCoreApplication

    from app.asset_watch import AssetWatch
    from app.bridge import Bridge
    from app.caches import CachePolicy, clear
    from app.executor import ExecutorThread, JobBegan
    from app.garbage import Garbage
    from app.jobs import JobQueue, Pause
    from app.keeper import KeeperThread
    from core.events import NodeStarted
    from core.nodes.registry import builtin

    application = QCoreApplication([])
    torch.set_num_threads(1)
    sys.excepthook = lambda *error: end(repr(error))
    folders, registry, results = folders_in(folder), builtin(), folder / "results"
    if dice.random() < 0.3:
        clear(results)
    garbage = Garbage()
    keeper = KeeperThread(folder / "darkroom.db")
    queue = JobQueue(keeper)
    executor = ExecutorThread(queue, registry, folders, "cpu")
    executor.cache_policy = CachePolicy("lru", 1 << 24, disk=1 << 24, folder=results)
    bridge = Bridge(executor, queue, registry, folders, lambda _: None)
    asked: set[str] = set()

    def say(words: str) -> None:
        os.write(file, f"{words}\n".encode())

    def queue_more() -> None:
        while len(queue.pending) + len(asked) < WAITING:
            job = small_job(dice)
            asked.add(job.id)
            say(f"? add {job.id}")
            queue.add(job, front=dice.random() < 0.3)

    def on_queued(job: JobFacts) -> None:
        asked.discard(job.id)
        say(f"! add {job.id}")

    def on_event(event: RunEvent) -> None:
        if isinstance(event, JobBegan):
            say(f"! run {event.run_id}")
        elif isinstance(event, NodeStarted) and dice.random() < 0.02:
            queue.cancel(event.run_id)

    def on_ended(job: JobFacts) -> None:
        say(f"! end {job.id} {job.state.value}")
        queue_more()

    def on_recovered(found: Recovered) -> None:
        say(f"! recover {found.pause.value or 'none'}")
        if found.pause is Pause.NONE or dice.random() < 0.9:  # else it stays as it was found
            say("? resume")
            queue.set_paused(False)
        queue_more()
        executor.start()

    for complaint in (keeper.complained, queue.refused, executor.failed):
        complaint.connect(end)
    queue.recovered.connect(on_recovered)
    queue.job_queued.connect(on_queued)
    queue.job_ended.connect(on_ended)
    executor.happened.connect(on_event)
    queue.open()
    watch = AssetWatch(keeper, queue, folders)
    watch.start()
    keeper.start()
    application.exec()
    del garbage, bridge, watch


def end(reason: str) -> NoReturn:
    """Ends the process: the test fails, as it has not been killed."""
    os.write(2, f"{reason}\n".encode())
    os._exit(1)


class Judge:
    """Follows what the killed ones have said, and looks at what they have left.

    Attributes:
        asked, certain: Jobs that may be kept, and those that must be.
        began: Jobs that have begun to run.
        ended: Jobs that are known to have ended -> how.
        looked_at: The pictures found whole -> the jobs that made them.
        interrupted: How often a job ran at the moment of the kill.
    """

    def __init__(self, folder: Path, inputs: list[Any]) -> None:
        self.folder = folder
        self.folders = folders_in(folder)
        self.inputs = inputs
        self.asked: set[str] = set()
        self.certain: set[str] = set()
        self.began: set[str] = set()
        self.ended: dict[str, str] = {}
        self.looked_at: dict[Path, str] = {}
        self.interrupted = 0
        self._is_anything_left = False

    def read(self, diary: str) -> bool:
        """Follows what one process has said; tells whether it had taken over what others had left."""
        runs = has_recovered = False
        for line in diary.splitlines():
            match line.split():
                case ["!", "recover", pause]:
                    has_recovered = True
                    assert pause == "crashed" or not self._is_anything_left
                case ["?", "resume"]:
                    runs = True
                case ["?", "add", job_id]:
                    self.asked.add(job_id)
                case ["!", "add", job_id]:
                    self.certain.add(job_id)
                case ["!", "run", job_id]:
                    assert runs, "a job ran although the queue was paused"
                    self.began.add(job_id)
                case ["!", "end", job_id, state]:
                    self.ended[job_id] = state
                case _:
                    raise AssertionError(line)
        return has_recovered

    def check(self, process: int, *, has_recovered: bool) -> None:
        """Raises AssertionError if anything is lost, damaged, or claimed that is not there."""
        jobs = self._jobs()
        self._check_files(jobs)
        assert self.certain <= set(jobs) <= self.asked, "jobs are lost, or nobody has added them"
        for job_id, (state, owner, _, _, outputs) in jobs.items():
            if state in ("pending", "running"):
                assert job_id not in self.ended, f"job {job_id} had ended"
                assert owner.startswith(f"{process}-") or not has_recovered, "nobody has taken it over"
                continue
            assert self.ended.get(job_id, state) == state
            assert job_id in self.began, f"job {job_id} is {state}, and has never run"
            if state in ("done", "partial"):
                made = [path for path in outputs if path.is_relative_to(self.folders.output)]
                assert [self.looked_at[path] for path in made] == [job_id, job_id]
                assert all(path in self.looked_at for path in outputs)
        states = {state for state, *_ in jobs.values()}
        self.interrupted += "running" in states
        self._is_anything_left = not states.isdisjoint({"pending", "running"})

    def _jobs(self) -> dict[str, tuple[str, str, Any, Any, list[Path]]]:
        """Job -> its state, its owner, its graph, its document, what it has made."""
        with closing(sqlite3.connect(self.folder / "darkroom.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchall():
                return {}  # killed before anything was done
            rows = connection.execute(
                "SELECT id, state, owner, prompt, workflow, words"
                " FROM jobs LEFT JOIN job_graphs g ON g.job = number LEFT JOIN job_words w ON w.job = number"
            ).fetchall()
            made: dict[str, list[Path]] = {job_id: [] for job_id, *_ in rows}
            for job_id, path in connection.execute(
                "SELECT id, path FROM job_outputs JOIN jobs ON job = number"
            ):
                made[job_id].append(Path(path))
        assert all(words for *_, words in rows)
        return {
            job_id: (state, owner, _inflated(prompt), _inflated(workflow), made[job_id])
            for job_id, state, owner, prompt, workflow, _ in rows
        }

    def _check_files(self, jobs: dict[str, Any]) -> None:
        """Whatever has a final name is whole; what is half written has the name that its writer uses."""
        from core.models.results import ResultFiles

        for path in self._files():
            if path.suffix == ".part":
                assert path.name.startswith(".")
            elif path.suffix == ".result":
                assert ResultFiles().decode(path.read_bytes())
            elif path not in self.looked_at:
                self.looked_at[path] = self._look(path, jobs)

    def _files(self) -> list[Path]:
        places = (self.folders.output, self.folders.temp, self.folder / "results")
        return [path for place in places for path in place.rglob("*") if path.is_file()]

    def _look(self, path: Path, jobs: dict[str, Any]) -> str:
        """The job whose picture this is: it has the graph of that job, and the pixels that come of it."""
        with Image.open(path) as picture:
            picture.verify()
        with Image.open(path) as picture:
            picture.load()
            prompt, document = (json.loads(picture.info[key]) for key in ("prompt", "workflow"))
            pixels = np.asarray(picture).astype(int)
        job_id = document["job"]
        _, _, graph, kept, _ = jobs[job_id]
        assert document == kept
        assert _work(prompt) == _work(graph)
        source = self.inputs[int(prompt["1"]["inputs"]["image"].partition(".")[0])]
        factor = int(prompt["2"]["inputs"]["scale_by"])
        wanted = source.repeat(factor, 0).repeat(factor, 1)
        if path.is_relative_to(self.folders.output):
            wanted = 255 - wanted
        assert pixels.shape == wanted.shape
        assert np.abs(pixels - wanted).max() <= 1
        return job_id


def _work(prompt: dict[str, Any]) -> dict[str, Any]:
    """What each node of a graph does; pictures tell more of them."""
    return {node_id: (node["class_type"], node["inputs"]) for node_id, node in prompt.items()}


def _inflated(blob: bytes) -> Any:
    return json.loads(zlib.decompress(blob))


def rounds(folder: Path, count: int, seed: int) -> list[Judge]:
    """Kills that many processes, one after the other."""
    from helpers.kills import killed

    from app import executor

    executor._IMPORTS = LIBRARIES
    _load_libraries()
    dice = random.Random(seed)
    judges: list[Judge] = []
    for number in range(count):
        if number % TOGETHER == 0:
            judges.append(_judge(folder / str(number // TOGETHER)))
        judge, one = judges[-1], random.Random(dice.randrange(1 << 30))
        work, is_there = partial(live, judge.folder, dice=one), dice.random() < 0.8
        process, diary = killed(work, dice.uniform(0, LONGEST), once_it_speaks=is_there)
        judge.check(process, has_recovered=judge.read(diary))
        assert not list(judge.folder.glob("*.damaged-*"))
    return judges


def _load_libraries() -> None:
    """Imports what every process needs, and lets every result be worth a file, before there are processes."""
    from core.engine.disk_cache import DiskCache
    from core.nodes.registry import builtin
    from core.store.database import memory_database

    models = ("core.models.cache", "core.models.memory", "core.models.results")
    for name in (*LIBRARIES, *models, "core.store.pictures", "app.asset_watch", "app.bridge"):
        importlib.import_module(name)
    builtin()
    defaults = DiskCache.__init__.__kwdefaults__
    assert "least_seconds" in defaults
    defaults["least_seconds"] = 0.0
    memory_database().close()


def _judge(folder: Path) -> Judge:
    """A new folder with pictures to work on, large enough for much of the time to go into writing them."""
    (folder / "input").mkdir(parents=True)
    random_numbers = np.random.default_rng(1)
    pictures = [random_numbers.integers(0, 256, (160 + 16 * i, 240, 3), np.uint8) for i in range(INPUTS)]
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"input/{number}.png")
    return Judge(folder, [pixels.astype(int) for pixels in pictures])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are copies of one that has all libraries")
def test_killed_runs_leave_whole_pictures_and_no_job_is_lost(tmp_path: Path) -> None:
    from helpers.kills import numbers_said

    kills, ended, pictures, interrupted = numbers_said(__file__, tmp_path, ROUNDS)
    assert kills == ROUNDS
    assert ended > kills / 2, "hardly anything ran before the kill"
    assert pictures > ended
    assert interrupted > 0, "none was killed while a job ran"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        judges = rounds(options.folder or Path(folder), options.rounds, options.seed)
    ended = sum(len(judge.ended) for judge in judges)
    pictures = sum(len(judge.looked_at) for judge in judges)
    interrupted = sum(judge.interrupted for judge in judges)
    sys.stdout.write(
        f"{options.rounds} kills, {ended} ended, {pictures} pictures, {interrupted} interrupted\n"
    )


if __name__ == "__main__":
    main()
