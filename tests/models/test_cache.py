"""Who stays in memory: with made-up sizes and a made-up memory, no accelerator needed."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import Cancelled, DarkroomError
from core.models import assemble
from core.models.cache import Entry, Handle, ModelCache, victims
from core.models.files import Key
from core.models.memory import HOST, SystemMemory, choose_device, start_device
from core.models.patches import Patch

GB = 1024**3
# Stands for an accelerator: networks can be moved there, and nothing computes.
DEVICE = torch.device("meta")


class FakeMemory:
    """So much in all per device, less what the cache holds there."""

    def __init__(self, **capacity):
        self.capacity = capacity
        self.cache = None

    def free(self, device):
        held = sum(entry.size for entry in self.cache.entries() if entry.device == device)
        return self.capacity[device.type] * GB - held


class Shelf:
    """A cache with handles on made-up networks, and a count of their loads."""

    def __init__(self, device=HOST, **capacity):
        memory = FakeMemory(**capacity)
        self.cache = memory.cache = ModelCache(device, memory)
        self.loads, self.restored = [], []

    def handle(self, name, size):
        def load(device, check):
            check()
            self.loads.append(name)
            network = nn.Linear(2, 2, device=device)
            if device == HOST:
                nn.init.zeros_(network.weight)
            return network

        def restore(network, names, device, check):
            check()
            self.restored.append(name)
            for tensor in names:
                assemble.put(network, tensor, torch.zeros(2, 2, device=device))

        return Handle(self.cache, Key(Path(name), 0, 0, "denoiser"), size * GB, load, restore, {}, {})

    def where(self):
        return {entry.key.path.name: entry.device.type for entry in self.cache.entries()}


def use(handle):
    with handle.resident() as network:
        return network


def test_loads_once_and_shares():
    shelf = Shelf(cpu=10)
    with shelf.handle("a", 2).resident() as first, shelf.handle("a", 2).resident() as second:
        assert first is second
    assert use(shelf.handle("a", 2)) is first
    assert shelf.loads == ["a"]


def test_least_recently_used_leaves_first():
    shelf = Shelf(cpu=10)
    a, b, c = (shelf.handle(name, 4) for name in "abc")
    use(a), use(b), use(a), use(c)
    assert shelf.where() == {"a": "cpu", "c": "cpu"}
    use(b)
    assert shelf.where() == {"c": "cpu", "b": "cpu"}
    assert shelf.loads == ["a", "b", "c", "b"]


def test_no_more_leaves_than_needed():
    shelf = Shelf(cpu=10)
    for name in "abcd":
        use(shelf.handle(name, 3))
    assert shelf.where() == {"b": "cpu", "c": "cpu", "d": "cpu"}


def test_network_in_use_never_leaves():
    shelf = Shelf(cpu=10)
    with shelf.handle("a", 4).resident():
        use(shelf.handle("b", 4))
        use(shelf.handle("c", 4))
        assert shelf.where() == {"a": "cpu", "c": "cpu"}
        assert shelf.cache.evict_idle() == 4 * GB
        assert shelf.where() == {"a": "cpu"}
    assert shelf.cache.evict_idle() == 4 * GB
    assert shelf.where() == {}


def test_use_is_counted():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 4)
    with a.resident():
        use(a)
        shelf.cache.evict_idle()
        assert shelf.where() == {"a": "cpu"}


def test_too_large_for_the_host_is_said():
    shelf = Shelf(cpu=10)
    with shelf.handle("a", 6).resident():
        with pytest.raises(MemoryError, match=r"needs 5\.0 GB; 4\.0 GB are free after evicting 0\.0 GB"):
            use(shelf.handle("b", 5))
        assert shelf.loads == ["a"]
    use(shelf.handle("b", 5))
    assert shelf.where() == {"b": "cpu"}


def test_full_device_offloads_to_the_host_and_back():
    shelf = Shelf(DEVICE, meta=10, cpu=20)
    moved = []
    shelf.cache._move = lambda entry, device: (
        moved.append((entry.key.path.name, device.type)),
        setattr(entry, "device", device),
    )
    a, b = shelf.handle("a", 5), shelf.handle("b", 5)
    use(a), use(b)
    assert shelf.where() == {"a": "cpu", "b": "meta"}
    use(a)
    assert shelf.where() == {"b": "cpu", "a": "meta"}
    assert moved == [("a", "cpu"), ("b", "cpu"), ("a", "meta")]
    assert shelf.loads == ["a", "b"]


def test_full_device_and_full_host_forgets():
    shelf = Shelf(DEVICE, meta=10, cpu=4)
    use(shelf.handle("a", 5)), use(shelf.handle("b", 5))
    assert shelf.where() == {"b": "meta"}


def test_network_in_use_stays_on_the_device():
    shelf = Shelf(DEVICE, meta=10, cpu=20)
    with shelf.handle("a", 5).resident():
        use(shelf.handle("b", 5))
        assert shelf.where()["a"] == "meta"


def test_move_that_fails_leaves_the_network_unlocked():
    shelf = Shelf(DEVICE, meta=10, cpu=20)
    a = shelf.handle("a", 5)
    use(a)
    shelf.cache.entries()[0].device = HOST

    def fail(entry, device):
        raise torch.OutOfMemoryError("full")

    shelf.cache._move = fail
    with pytest.raises(torch.OutOfMemoryError):
        use(a)
    assert shelf.cache.evict_idle() == 5 * GB


def test_failed_or_cancelled_load_leaves_nothing():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 2)

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled), a.resident(stop):
        pass
    assert shelf.where() == {}
    use(a)
    assert shelf.where() == {"a": "cpu"}


def test_network_is_released_when_the_block_fails():
    shelf = Shelf(cpu=10)
    with pytest.raises(ZeroDivisionError), shelf.handle("a", 2).resident():
        1 / 0  # noqa: B018
    assert shelf.cache.evict_idle() == 2 * GB


def test_forgotten_network_is_really_gone():
    shelf = Shelf(cpu=10)
    alive = weakref.ref(use(shelf.handle("a", 2)))
    shelf.cache.evict_idle()
    gc.collect()
    assert alive() is None


def test_many_threads_load_once():
    shelf = Shelf(cpu=100)
    handles = [shelf.handle(name, 1) for name in "abc"]
    start, found = threading.Barrier(8), []

    def work():
        start.wait()
        for _ in range(50):
            for handle in handles:
                with handle.resident() as network:
                    found.append((handle.key, id(network)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(shelf.loads) == ["a", "b", "c"]
    assert len(set(found)) == 3
    assert all(not entry.users for entry in shelf.cache.entries())


def test_threads_under_pressure_never_lose_a_network_in_use():
    shelf = Shelf(cpu=4)
    handles, wrong = [shelf.handle(name, 1) for name in "abcdef"], []

    def work(offset):
        for turn in range(60):
            handle = handles[(turn + offset) % len(handles)]
            with handle.resident() as network:
                held = {entry.key: entry.network for entry in shelf.cache.entries()}
                if held.get(handle.key) is not network:
                    wrong.append(handle.key)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(shelf.loads) > 6


def add(amount):
    """A patch that adds a number to each weight."""
    change = {"one": {"diff": torch.ones(2, 2)}}
    return Patch(Key(Path("file"), 0, 0, "lora"), amount, (("weight", "one"),), lambda: change)


def first_weight(handle):
    with handle.resident() as network:
        return network.weight[0, 0].item()


def test_handles_with_other_patches_take_turns_with_one_network():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 4)
    one, both = a.patched(add(1.0)), a.patched(add(1.0)).patched(add(0.5))
    assert [first_weight(handle) for handle in (a, one, both, one, a)] == [0, 1, 1.5, 1, 0]
    assert (shelf.loads, shelf.restored) == (["a"], ["a", "a", "a"])
    assert len(shelf.cache.entries()) == 1


def test_patches_that_are_in_place_are_not_applied_again():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 4)
    assert [first_weight(a.patched(add(1.0))) for _ in range(3)] == [1, 1, 1]
    assert shelf.restored == []


def test_network_in_use_is_never_patched():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 4)
    with a.resident() as network, a.patched(add(1.0)).resident() as other:
        assert (network.weight[0, 0], other.weight[0, 0]) == (0, 1)
        assert sum(entry.size for entry in shelf.cache.entries()) == 8 * GB
        with pytest.raises(MemoryError):
            use(a.patched(add(2.0)))
    assert shelf.loads == ["a", "a"]
    assert first_weight(a.patched(add(2.0))) == 2


def test_network_that_was_left_half_patched_is_forgotten():
    shelf = Shelf(cpu=10)
    a = shelf.handle("a", 4)
    assert first_weight(a.patched(add(1.0))) == 1

    def stop():
        raise Cancelled

    with pytest.raises(Cancelled), a.resident(stop):
        pass
    assert shelf.where() == {}
    assert first_weight(a) == 0
    assert shelf.loads == ["a", "a"]


def test_patch_without_targets_is_no_patch():
    a = Shelf(cpu=10).handle("a", 4)
    patch = Patch(Key(Path("file"), 0, 0, "lora"), 1.0, (), dict)
    assert a.patched(patch) is a


def test_victims_are_idle_on_that_device_and_in_order():
    entries = [
        Entry(Key(Path(name), 0, 0, ""), 2, nn.Identity(), device, users)
        for name, device, users in (("a", HOST, 0), ("b", DEVICE, 1), ("c", DEVICE, 0), ("d", DEVICE, 0))
    ]
    assert [version.key.path.name for version in victims(entries, DEVICE, 1)] == ["c"]
    assert [version.key.path.name for version in victims(entries, DEVICE, 100)] == ["c", "d"]
    assert victims(entries, DEVICE, 0) == []


def test_devices():
    assert choose_device("cpu") == HOST
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    for word in ("gpu", "cuda:x", "cuda:", "cuda:0:1", "", "CPU"):
        with pytest.raises(DarkroomError, match="choose auto, cpu, cuda"):
            choose_device(word)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
def test_missing_gpu_is_said():
    for word in ("cuda", "cuda:1"):
        with pytest.raises(DarkroomError, match="cuda cannot be used"):
            choose_device(word)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_that_does_not_exist_is_said():
    with pytest.raises(DarkroomError, match="there is no cuda:99"):
        choose_device("cuda:99")


class Cuda:
    """The GPU library of a machine with some devices."""

    def __init__(self, monkeypatch, count, current=None):
        self.current = current
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: self.current is not None)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: self.current or 0)
        monkeypatch.setattr(torch.cuda, "set_device", self.set_device)

    def set_device(self, device):
        self.current = device.index


@pytest.mark.parametrize("count", [1, 2, 9, 64])
def test_any_number_of_devices(monkeypatch, count):
    for index in range(count):
        cuda = Cuda(monkeypatch, count)
        assert start_device(f"cuda:{index}") == torch.device("cuda", index)
        assert cuda.current == index
    with pytest.raises(DarkroomError, match=f"the last GPU here is cuda:{count - 1}"):
        start_device(f"cuda:{count}")


def test_a_device_that_is_chosen_too_late_is_said(monkeypatch):
    cuda = Cuda(monkeypatch, 4, current=1)
    with pytest.raises(
        DarkroomError, match=r"cuda:2 is chosen too late: .* begun on cuda:1; start Darkroom again"
    ):
        ModelCache("cuda:2")
    assert cuda.current == 1
    assert ModelCache("cuda:1").device == torch.device("cuda", 1)
    assert ModelCache("cpu").device == HOST


def test_system_memory_is_measured():
    assert SystemMemory().free(HOST) > 0
