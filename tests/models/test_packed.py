"""Reordered weights: the same numbers, from the third call with one shape on."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from core.models import packed as module
from core.models.packed import keep_packed

needs_operators = pytest.mark.skipif(
    not module._works(), reason="this PyTorch or processor has no such operators"
)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.plain = nn.Conv2d(16, 16, 1, bias=False)
        self.linear = nn.Linear(16, 24)

    def forward(self, x):
        return self.linear(self.plain(self.conv(x)).movedim(1, -1))


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return Toy().requires_grad_(requires_grad=False)


def room():
    return 10**9


def copies(network):
    """How many layers hold a reordered copy."""
    return sum("forward" in vars(layer) and layer.forward._weight is not None for layer in network.modules())


@needs_operators
def test_same_numbers_at_any_size(toy):
    shapes = ((1, 8, 6, 6), (3, 8, 5, 9), (1, 8, 6, 6), (1, 8, 16, 16))
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(1)) for shape in shapes]
    expected = [toy(x) for x in inputs]
    keep_packed(toy, room)
    for x, plain in zip(inputs, expected, strict=True):
        for call in range(1, 6):
            torch.testing.assert_close(toy(x), plain, rtol=1e-5, atol=1e-6)
            assert copies(toy) == (3 if call >= 3 else 0)


@needs_operators
def test_shapes_that_alternate_are_left_alone(toy):
    keep_packed(toy, room)
    for _ in range(4):
        toy(torch.ones(1, 8, 4, 4))
        toy(torch.ones(2, 8, 4, 4))
    assert copies(toy) == 0


@needs_operators
def test_replaced_weights_are_seen(toy):
    x = torch.ones(1, 8, 4, 4)
    keep_packed(toy, room)
    for _ in range(3):
        before = toy(x)
    toy.linear.weight = nn.Parameter(toy.linear.weight * 2, requires_grad=False)
    bias = toy.linear.bias
    torch.testing.assert_close(toy(x) - bias, 2 * (before - bias), rtol=1e-5, atol=1e-6)


@needs_operators
def test_asking_again_keeps_the_copies(toy):
    keep_packed(toy, room)
    for _ in range(3):
        toy(torch.ones(1, 8, 4, 4))
    keep_packed(toy, room)
    assert copies(toy) == 3


@needs_operators
def test_copies_go_with_the_network():
    toy = Toy().requires_grad_(requires_grad=False)
    keep_packed(toy, room)
    for _ in range(3):
        toy(torch.ones(1, 8, 4, 4))
    assert copies(toy) == 3
    parts = [weakref.ref(part) for layer in toy.children() for part in (layer, layer.weight, layer.forward)]
    gc.disable()
    try:
        del toy
        assert [part() for part in parts] == [None] * len(parts)
    finally:
        gc.enable()


@needs_operators
def test_runs_of_different_shapes_share_a_network(toy):
    inputs = [torch.randn(n, 8, 4 + n, 4, generator=torch.Generator().manual_seed(n)) for n in (1, 2, 3)]
    expected = [toy(x) for x in inputs]
    keep_packed(toy, room)

    def work(n):
        return all(torch.allclose(toy(inputs[n]), expected[n], rtol=1e-5, atol=1e-5) for _ in range(300))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(3)))


def test_left_alone_without_room(toy):
    keep_packed(toy, lambda: 100)
    for _ in range(5):
        toy(torch.ones(1, 8, 4, 4))
    assert copies(toy) == 0


@pytest.mark.parametrize("works", [True, False])
def test_left_alone_in_another_type_or_where_the_probe_fails(toy, monkeypatch, works):
    monkeypatch.setattr(module, "_works", lambda: works)
    keep_packed(toy.to(torch.bfloat16) if works else toy, room)
    assert not any("forward" in vars(layer) for layer in toy.modules())
