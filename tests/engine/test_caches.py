"""What each policy keeps, and that no policy changes what comes out."""

from __future__ import annotations

import gc
import os
import pickle
import weakref
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from helpers.toy_nodes import quick, toy_registry

from core.engine.cache import ClassicCache, LruCache, Made, NoCache, Result
from core.engine.context import RunContext, RunOptions
from core.engine.disk_cache import DiskCache, clear, used
from core.engine.run import Runner
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.nodes.api import node
from core.nodes.types import AnyValue

MADE = Made(seconds=1.0, lasting=True)


class Pickles:
    """Stores whatever a test puts in."""

    def encode(self, outputs):
        return pickle.dumps(outputs)

    def decode(self, data):
        try:
            return pickle.loads(data)
        except pickle.UnpicklingError as error:
            raise ValueError("damaged") from error


class Block:
    """Memory of a size, somewhere."""

    def __init__(self, nbytes, device="cpu"):
        self.nbytes = nbytes
        self.device = self
        self.type = device


@dataclass(frozen=True)
class Holder:
    inside: object


def key(number):
    return number.to_bytes(16, "little")


def result(*items):
    return Result((list(items),))


@pytest.fixture
def folders(tmp_path):
    return Folders([tmp_path], input=tmp_path, output=tmp_path, temp=tmp_path, shipped=None)


def store(cache, number, *items):
    """What a run does that makes something worth a file."""
    cache.put(key(number), result(*items), MADE)
    cache.end()


def on_disk(folder, first=None, most=10_000_000, stack="1", least_seconds=0.0):
    return DiskCache(
        first or NoCache(), folder, Pickles(), most=most, stack=stack, least_seconds=least_seconds
    )


ADDITION = quick(
    c=("TConst", {"value": 1}), a=("TAdd", {"a": ["c", 0], "b": 2}), o=("TOut", {"value": ["a", 0]})
)


def test_no_cache_runs_everything_and_keeps_nothing(folders):
    runner = Runner(toy_registry(), RunContext(folders), NoCache())
    for _ in range(2):
        report = runner.run(ADDITION)
        assert report.executed == ("c", "a", "o")
        assert report.value("a", 0) == 3
    twice = quick(**{name: ("TConst", {"value": 1}) for name in "ab"})
    assert runner.run(twice, RunOptions(targets=["a", "b"])).cached == ("a",)


def test_lru_keeps_results_of_other_prompts(folders):
    runner = Runner(toy_registry(), RunContext(folders), LruCache(10**6, 10**6))
    runner.run(ADDITION)
    runner.run(quick(o=("TOut", {"value": 9})))
    assert runner.run(ADDITION).executed == ()


def test_lru_lets_go_of_what_was_not_used_for_longest():
    cache = LruCache(host=1_000_000, device=500_000)
    for number in range(3):
        cache.put(key(number), result(Block(300_000)), MADE)
    assert cache.get(key(0)) is not None
    cache.put(key(3), result(Block(300_000)), MADE)
    assert [cache.get(key(n)) is not None for n in range(4)] == [True, False, True, True]
    cache.put(key(4), result(Block(400_000, "cuda")), MADE)
    cache.put(key(5), result(Block(400_000, "cuda")), MADE)
    assert [cache.get(key(n)) is not None for n in range(6)] == [False, False, False, False, False, True]


def test_lru_does_not_empty_itself_for_something_too_large():
    cache = LruCache(host=1_000_000, device=0)
    cache.put(key(1), result(Block(1000)), MADE)
    cache.put(key(2), result(Block(2_000_000)), MADE)
    cache.put(key(3), result(Block(1, "cuda")), MADE)
    assert [cache.get(key(n)) is not None for n in (1, 2, 3)] == [True, False, False]


def test_lru_counts_shared_memory_once_and_nested_memory_at_all():
    cache = LruCache(host=1_000_000, device=0)
    shared = Block(600_000)
    cache.put(key(1), result(shared), MADE)
    cache.put(key(2), result({"samples": shared}), MADE)
    cache.put(key(3), result([Holder((shared,))]), MADE)
    assert all(cache.get(key(n)) for n in (1, 2, 3))
    cache.put(key(4), result([Holder({"x": np.zeros(500_000, np.uint8)})]), MADE)
    assert [cache.get(key(n)) is not None for n in (1, 2, 3, 4)] == [False, False, False, True]
    cache.put(key(4), result(Block(900_000)), MADE)
    assert cache.get(key(4)) is not None


def test_lru_bounds_the_number_of_small_results():
    cache = LruCache(host=100_000, device=0)
    for number in range(1000):
        cache.put(key(number), result(number), MADE)
    kept = [number for number in range(1000) if cache.get(key(number))]
    assert 10 < len(kept) < 100
    assert kept[-1] == 999


def test_weights_that_are_only_described_count_as_nothing():
    cache = LruCache(host=100_000, device=100_000)
    cache.put(key(1), result(Block(10**9, "meta")), MADE)
    assert cache.get(key(1)) is not None


def test_results_on_disk_outlive_the_program(folders, tmp_path):
    folder = tmp_path / "cache"
    for executed in (("c", "a", "o"), ("o",), ("o",)):
        runner = Runner(toy_registry(), RunContext(folders), on_disk(folder))
        report = runner.run(ADDITION)
        assert (report.executed, report.outputs) == (executed, {"o": {"value": ["3"]}})
    assert len(list(folder.iterdir())) == 2


def test_results_of_another_stack_are_not_used(tmp_path):
    store(on_disk(tmp_path, stack="torch 1"), 1, 5)
    assert on_disk(tmp_path, stack="torch 2").get(key(1)) is None
    assert on_disk(tmp_path, stack="torch 1").get(key(1)) == result(5)


@pytest.mark.parametrize(
    "made", [Made(seconds=0.4, lasting=True), Made(seconds=9.0, lasting=False)], ids=["quick", "volatile"]
)
def test_what_is_not_stored(tmp_path, made):
    cache = on_disk(tmp_path, least_seconds=0.5)
    cache.put(key(1), result(5), made)
    assert list(tmp_path.iterdir()) == []


def test_what_always_runs_is_not_stored_nor_what_it_feeds(folders, tmp_path):
    folder = tmp_path / "cache"
    graph = quick(
        v=("TAlways", {"value": 1}),
        x=("TAdd", {"a": ["v", 0], "b": 2}),
        o=("TOut", {"value": ["x", 0]}),
    )
    Runner(toy_registry(), RunContext(folders), on_disk(folder)).run(graph)
    assert not folder.exists()


def test_the_folder_keeps_to_its_size(tmp_path):
    cache = on_disk(tmp_path, most=10_000)
    for number in range(5):
        store(cache, number, bytes(3000))
        for age, file in enumerate(sorted(tmp_path.iterdir(), key=os.path.getmtime)):
            os.utime(file, (age, age))
    assert [on_disk(tmp_path).get(key(n)) is not None for n in range(5)] == [False, False, True, True, True]
    store(cache, 9, bytes(20_000))
    assert cache.get(key(9)) is None
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000


def test_the_folder_may_vanish_at_any_time(tmp_path):
    folder = tmp_path / "cache"
    cache = on_disk(folder)
    store(cache, 1, 5)
    (file,) = folder.iterdir()
    file.unlink()
    folder.rmdir()
    assert cache.get(key(1)) is None
    store(cache, 1, 6)
    assert cache.get(key(1)) == result(6)


def test_damaged_files_are_made_anew(tmp_path, caplog):
    cache = on_disk(tmp_path)
    store(cache, 1, 5)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"nonsense")
    assert cache.get(key(1)) is None
    assert not file.exists()
    assert "cannot be used and is made anew" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = on_disk(tmp_path / "file" / "cache", first=ClassicCache())
    cache.put(key(1), result(5), MADE)
    assert cache.get(key(1)) == result(5)
    assert "could not be stored" in caplog.text


def test_runs_leave_no_results_behind_without_a_cache(folders):
    class Thing:
        pass

    alive = []

    @node("MakeThing", category="toy", output=True)
    def make() -> AnyValue:
        thing = Thing()
        alive.append(weakref.ref(thing))
        return thing

    runner = Runner(toy_registry(lambda _, /, **a: None, make), RunContext(folders), NoCache())
    gc.disable()
    try:
        runner.run(quick(m=("MakeThing", {})))
    finally:
        gc.enable()
    assert alive[0]() is None


# Properties: whatever the policy, edits and graphs, results are those of a run without any cache.

OUTPUTS = 3
CASES = int(os.environ.get("DARKROOM_CASES", "2000"))


def random_graph(random):
    """Nodes of every kind there is in the engine: plain, lazy, listed, expanding, failing, blocked."""
    nodes = {}
    names = [str(index) for index in range(random.randint(3, 14))]
    for index, name in enumerate(names):
        nodes[name] = random_node(random, names[:index])
    for output in range(OUTPUTS):
        nodes[f"out{output}"] = PromptNode("TOut", {"value": value(random, names)})
    return nodes


def random_node(random, before):
    kind = random.choice(
        ["TConst", "TAdd", "TAdd", "TAdd", "TLazySwitch", "TExpandBuilder", "TFail", "TBlocker", "TSumList"]
    )
    inputs = {
        "TConst": lambda: {"value": random.randint(0, 3)},
        "TAdd": lambda: {"a": value(random, before), "b": value(random, before)},
        "TLazySwitch": lambda: {
            "pick": random.randint(0, 1),
            "a": value(random, before),
            "b": value(random, before),
        },
        "TExpandBuilder": lambda: {"a": value(random, before), "n": random.randint(0, 3)},
        "TFail": lambda: {"value": value(random, before), "fail": random.random() < 0.3},
        "TBlocker": lambda: {"value": value(random, before), "block": random.random() < 0.3, "message": ""},
        "TSumList": lambda: {"items": value(random, before), "scale": 1},
    }[kind]()
    return PromptNode(kind, inputs)


def value(random, before):
    return Link(random.choice(before), 0) if before and random.random() < 0.8 else random.randint(0, 5)


def edited(random, nodes):
    """The graph with one node replaced, or its nodes in another order."""
    nodes = dict(nodes)
    if random.random() < 0.2:
        items = list(nodes.items())
        random.shuffle(items)
        return dict(items)
    numbered = [name for name in nodes if not name.startswith("out")]
    name = random.choice(numbered)
    before = [other for other in numbered if int(other) < int(name)]
    return nodes | {name: random_node(random, before)}


def what_came_out(report):
    failed = sorted((error.node_id, str(error)) for error in report.errors)
    blocked = {name for name in report.blocked if name.startswith("out")}
    outputs = {name: shown for name, shown in report.outputs.items() if name.startswith("out")}
    return report.status, outputs, failed, blocked


def policies(tmp_path):
    return [
        NoCache(),
        ClassicCache(),
        LruCache(10**7, 0),
        LruCache(20_000, 0),
        on_disk(tmp_path / "few", first=ClassicCache(), most=2000),
        on_disk(tmp_path / "many"),
    ]


@pytest.mark.slow
def test_no_policy_changes_what_comes_out(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("core.engine.disk_cache.write_whole", lambda file, data: file.write_bytes(data))
    random = Random(5)
    registry = toy_registry()
    runners = [Runner(registry, RunContext(folders), cache) for cache in policies(tmp_path)]
    nodes = random_graph(random)
    reused = 0
    for case in range(CASES):
        nodes = random_graph(random) if case % 10 == 0 else edited(random, nodes)
        graph = PromptGraph(nodes)
        fresh = what_came_out(Runner(registry, RunContext(folders), NoCache()).run(graph))
        for runner in runners:
            report = runner.run(graph)
            reused += len(report.cached)
            assert what_came_out(report) == fresh, (case, runner, nodes)
    assert reused > 10 * CASES


def test_stored_results_are_counted_and_cleared(tmp_path):
    folder = tmp_path / "results"
    assert used(folder) == 0
    clear(folder)
    cache = on_disk(folder)
    cache.put(key(1), result("x" * 100), MADE)
    cache.put(key(2), result("y" * 100), MADE)
    (folder / "letter.txt").write_text("not ours")
    assert used(folder) == sum(file.stat().st_size for file in folder.glob("*.result")) > 200
    clear(folder)
    assert used(folder) == 0
    assert [file.name for file in folder.iterdir()] == ["letter.txt"]
    assert on_disk(folder).get(key(1)) is None
    assert cache.get(key(1)) == result("x" * 100), "what is in memory stays"
