"""What the executor tells of the values of a run, and the cache policy it obeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.jobs import Gate, Works, running
from helpers.toy_nodes import quick, toy_registry
from pytestqt.qtbot import QtBot

from app.caches import CachePolicy, make_cache, policy_of
from app.executor import Inspected
from app.run_status import RunStatus
from app.settings import Settings
from core.engine.cache import ClassicCache, LruCache, Made, NoCache, Result
from core.engine.disk_cache import DiskCache
from core.folders import Folders
from core.graph import Link, PromptGraph
from core.nodes.api import node
from core.nodes.types import Image

LONG = 120_000
GB = 1024**3


@node("TPicture", category="toy")
def picture(*, red: float = 1.0) -> Image:
    import torch

    return torch.tensor([red, 0.0, 0.0]).expand(1, 4, 4, 3)


@node("TBroken", category="toy")
def broken() -> Image:
    return Broken()  # pyright: ignore[reportReturnType] - as bad nodes do


class Broken:
    @property
    def embedding(self) -> object:
        raise ZeroDivisionError


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def works(qapp: object, folders: Folders, gate: Gate) -> Iterator[Works]:
    del qapp
    registry = toy_registry(lambda _, /, **arguments: None, gate.node, picture, broken)
    with running(registry, folders) as works:
        yield works


@pytest.fixture
def run(works: Works, qtbot: QtBot):
    def run(graph: PromptGraph, key: str = "a") -> None:
        qtbot.waitUntil(works.ended(works.add(graph, key)), timeout=LONG)

    return run


@pytest.fixture
def ask(works: Works, qtbot: QtBot):
    def ask(node_id: str, slot: int = 0, key: str = "a") -> Inspected:
        with qtbot.waitSignal(works.executor.inspected, timeout=LONG) as answer:
            works.executor.inspect(key, Link(node_id, slot))
        assert (answer.args[0].document_key, answer.args[0].source) == (key, Link(node_id, slot))
        return answer.args[0]

    return ask


def shown(red: float = 1.0) -> PromptGraph:
    return quick(p=("TPicture", {"red": red}), o=("TOut", {"value": ["p", 0]}))


def test_values_of_the_last_run_can_be_asked_for(run, ask) -> None:
    run(shown(red=0.5))
    facts = ask("p").facts
    assert facts.lines()[:2] == ["IMAGE", "1 × 4 × 4 × 3"]
    assert facts.thumbnail[0, 0].tolist() == [128, 0, 0]
    assert ask("x") == Inspected("a", Link("x", 0), reason="It had no value in the last run")
    assert ask("p", 3).reason == "It had no value in the last run"
    run(shown(red=1.0), key="b")
    assert ask("p", key="b").facts.thumbnail[0, 0].tolist() == [255, 0, 0]
    assert ask("p", key="a") == Inspected("a", Link("p", 0)), "only those of the last run are kept"


def test_nodes_that_others_had_run_in_their_place_are_asked_for_by_their_ids(run, ask) -> None:
    run(quick(e=("TExpand", {"a": 3, "n": 2}), o=("TOut", {"value": ["e", 0]})))
    assert ask("e").facts.text == "5"
    assert ask("add0").facts.text == "4"


def test_during_a_run_the_answer_is_later(works: Works, gate: Gate, run, ask, qtbot: QtBot) -> None:
    run(shown())
    job = works.add(Gate.graph(steps=1), "a")
    qtbot.waitUntil(gate.waiting.is_set, timeout=LONG)
    answer = ask("p")
    assert answer.facts is None
    assert "after the run" in answer.reason
    gate.let_go_on()
    qtbot.waitUntil(works.ended(job), timeout=LONG)
    assert ask("gate").facts.text == "0"


def test_a_value_that_breaks_whoever_looks_costs_the_answer_only(run, ask) -> None:
    run(quick(b=("TBroken", {}), o=("TOut", {"value": ["b", 0]})))
    assert ask("b").reason == "This value cannot be looked at"
    run(shown())
    assert ask("p").facts is not None


def test_a_policy_counts_from_the_next_job_on(works: Works, run, ask) -> None:
    first, second = shown(red=0.1), shown(red=0.2)

    run(first)
    run(second)
    run(second)
    assert _cached(works) == ("p", "o")
    works.executor.cache_policy = CachePolicy("lru", GB, GB)
    run(first)
    run(second)
    run(first)
    assert _cached(works) == ("p", "o")
    works.executor.cache_policy = CachePolicy("none")
    run(first)
    run(first)
    assert _cached(works) == ()
    assert ask("p") == Inspected("a", Link("p", 0)), "nothing is kept"


def _cached(works: Works) -> tuple[str, ...]:
    """What the job that ended last took from the cache."""
    return works.events[-1].run.cached  # pyright: ignore[reportAttributeAccessIssue] - a JobEnded


def test_results_in_files_outlive_the_cache(tmp_path: Path) -> None:
    policy = CachePolicy(disk=GB, folder=tmp_path)
    result = Result((["long worked for"],))
    make_cache(policy, "cpu").put(b"1", result, Made(seconds=2, lasting=True))
    again = make_cache(policy, "cpu")
    assert isinstance(again, DiskCache)
    assert again.get(b"1") == result
    assert make_cache(policy, "mps").get(b"1") is None, "another device gives other numbers"


def test_the_settings_say_what_is_kept(tmp_path: Path) -> None:
    def policy(**fields: object) -> CachePolicy:
        return policy_of(Settings.model_validate(fields), tmp_path)

    assert policy() == CachePolicy()
    assert isinstance(make_cache(policy(), "cpu"), ClassicCache)
    assert isinstance(make_cache(policy(cache="none"), "cpu"), NoCache)
    assert policy(cache="lru", cache_host_gb=0.5, cache_device_gb=3) == CachePolicy("lru", GB // 2, 3 * GB)
    assert isinstance(make_cache(policy(cache="lru"), "cpu"), LruCache)
    assert policy(cache_host_gb=1) == policy(), "sizes that do not count change nothing"
    assert policy(cache_disk_gb=2) == CachePolicy(disk=2 * GB, folder=tmp_path)


def test_the_profile_of_a_run_comes_to_its_document(works: Works, open_document, run) -> None:
    opened = open_document()
    works.documents[opened.key] = opened
    ended: list[RunStatus] = []
    opened.run.ended.connect(lambda: ended.append(opened.run))
    assert opened.run.last is None
    run(shown(), key="another")
    assert opened.run.last is None
    run(shown(red=0.3), key=opened.key)
    assert ended == [opened.run]
    past = opened.run.last
    assert past is not None
    assert [record.node_id for record in past.profile.nodes] == ["p", "o"]
    assert past.graph == shown(red=0.3)
    run(quick(o=("TOut", {})), key=opened.key)
    assert opened.run.last is past, "a graph that is refused is no run"
