"""Killed at any moment, the queue keeps what it has said that it keeps, and claims nothing else.

This is about changes of the queue and migrations of its database; runs are killed in
`tests/app/test_kill_runs.py`, edits and saving of documents in `tests/app/test_kill.py`.
`python tests/store/test_store_kill.py --rounds 200` does it for longer.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("DARKROOM_KILLS", 14))
LONGEST = 0.25
"""Seconds to the kill: from the start, or from the moment when the database is open."""
GONE = ""
"""State of a job that is not in the list."""


class Diary:
    """What the killed process writes down: each step before it is done, and again when that has returned."""

    def __init__(self, file: int) -> None:
        self._file = file

    def step(self, words: str, work: Callable[[], object]) -> object:
        os.write(self._file, f"? {words}\n".encode())
        result = work()
        os.write(self._file, f"! {words}\n".encode())
        return result


def live(path: Path, file: int, dice: random.Random) -> None:
    """What the killed process does: all that can be done to a queue, without a pause."""
    from helpers.stores import job

    from core.store.assets import AssetStore
    from core.store.database import open_database
    from core.store.jobs import JobStore
    from core.store.records import JobState

    diary = Diary(file)
    database = open_database(path)
    store, assets = JobStore(database), AssetStore(database)
    diary.step("recover", store.recover)
    store.set_paused(False)
    pending, running = [job.id for job in store.pending()], []
    for number in range(1_000_000):
        match dice.choice(["add", "add", "take", "end", "end", "move", "remove", "asset"]):
            case "add":
                new = job(f"job {number}")
                diary.step(f"add {new.id}", lambda new=new: store.add(new, front=dice.random() < 0.3))
                pending = [one.id for one in store.pending()]
            case "take" if pending:
                job_id = pending.pop(0)
                diary.step(f"take {job_id}", store.take_next)
                running.append(job_id)
            case "end" if running:
                state = dice.choice([JobState.DONE, JobState.FAILED])
                job_id = running.pop()
                diary.step(
                    f"{state.value} {job_id}", lambda i=job_id, s=state: store.end(i, s, pictures=[path])
                )
            case "move" if pending:
                store.move(dice.choice(pending), dice.randrange(9))
                pending = [one.id for one in store.pending()]
            case "remove" if len(pending) > 5:
                job_id = pending.pop(dice.randrange(len(pending)))
                diary.step(f"remove {job_id}", lambda i=job_id: store.remove([i]))
            case "asset":
                content = path.with_name(f"{os.getpid()}-{number}.txt")
                content.write_text(content.name)
                diary.step(f"asset {content}", lambda c=content: assets.register(c))
            case _:
                pass


class Judge:
    """Follows the diaries of all that were killed, and compares them with the database.

    Attributes:
        states: Id of a job -> the states it may be in; several if the last step was not acknowledged.
        assets: Files that must be known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[str, set[str]] = {}
        self.assets: set[str] = set()
        self.acknowledged = 0

    def read(self, diary: str) -> None:
        """Every step that is only announced may have been done or not."""
        for line in diary.splitlines():
            mark, kind, *rest = line.split(" ", 2)
            is_certain = mark == "!"
            self.acknowledged += is_certain
            match kind:
                case "recover":
                    for job_id in [job_id for job_id, now in self.states.items() if "running" in now]:
                        self._set(job_id, "pending", is_certain)
                case "asset":
                    self.assets |= {*rest} if is_certain else set()
                case _:
                    become = {"add": "pending", "take": "running", "remove": GONE}.get(kind, kind)
                    self._set(rest[0], become, is_certain)

    def _set(self, job_id: str, state: str, is_certain: bool) -> None:
        before = set() if is_certain else self.states.get(job_id, {GONE})
        self.states[job_id] = before | {state}

    def check(self) -> None:
        """Raises AssertionError if anything is lost, damaged, or claimed that was not."""
        with closing(sqlite3.connect(self.path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "jobs" not in tables:  # killed before the first step was done
                assert self.acknowledged == 0
                return
            found = dict(connection.execute("SELECT id, state FROM jobs"))
            whole = dict(
                connection.execute(
                    "SELECT id, (SELECT count(*) FROM job_graphs WHERE job = number)"
                    " + (SELECT count(*) FROM job_words WHERE job = number) FROM jobs"
                )
            )
            known = set()
            if "asset_places" in tables:
                known = {path for (path,) in connection.execute("SELECT path FROM asset_places")}
        for job_id, states in self.states.items():
            state = found.pop(job_id, GONE)
            assert state in states, f"job {job_id} is {state or 'gone'}, expected {states}"
            assert whole.get(job_id, 2) == 2, f"job {job_id} has lost its graph"
            self.states[job_id] = {state}
        assert not found, "there are jobs that nobody has added"
        assert self.assets <= known, "files are forgotten"


def rounds(path: Path, count: int, seed: int) -> Judge:
    """Kills that many processes, one after the other, that work on the same database."""
    from alembic import command
    from helpers.kills import killed

    from core.store.database import _migrating, alembic_config, open_database

    judge, dice = Judge(path), random.Random(seed)
    for number in range(count):
        if number % 4 == 3:  # the next process has to bring the file up to date
            open_database(path).close()
            with _migrating(path) as connection:
                command.downgrade(alembic_config(connection), "0001")
            judge.assets.clear()
        one = random.Random(dice.randrange(1 << 30))
        is_there = dice.random() < 0.5
        _, diary = killed(partial(live, path, dice=one), dice.uniform(0, LONGEST), once_it_speaks=is_there)
        judge.read(diary)
        judge.check()
        assert not list(path.parent.glob("*.damaged-*"))
    return judge


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are copies of one that has all libraries")
def test_nothing_acknowledged_is_lost_and_nothing_is_claimed(tmp_path: Path) -> None:
    from helpers.kills import numbers_said

    kills, steps, ended = numbers_said(__file__, tmp_path, ROUNDS)
    assert kills == ROUNDS
    assert steps > 5 * kills, "hardly any step was done before the kill"
    assert ended > kills / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        judge = rounds((options.folder or Path(folder)) / "darkroom.db", options.rounds, options.seed)
    ended = sum(bool(states & {"done", "failed"}) for states in judge.states.values())
    sys.stdout.write(f"{options.rounds} kills, {judge.acknowledged} steps, {ended} ended\n")


if __name__ == "__main__":
    main()
