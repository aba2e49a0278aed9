"""Reordered weights: the same numbers, and the plain layers again afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.models import packed as module
from core.models.packed import packed

ROOM = 10**9


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


def is_packed(network):
    return any("forward" in vars(layer) for layer in network.modules())


@pytest.mark.skipif(not module._works(), reason="this PyTorch or processor has no such operators")
def test_same_numbers_at_any_size(toy):
    for shape in ((1, 8, 6, 6), (3, 8, 5, 9), (1, 8, 6, 6), (1, 8, 16, 16)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        expected = toy(x)
        with packed(toy, ROOM):
            assert is_packed(toy)
            for _ in range(2):
                torch.testing.assert_close(toy(x), expected, rtol=1e-5, atol=1e-6)
        assert not is_packed(toy)
        assert torch.equal(toy(x), expected)


@pytest.mark.skipif(not module._works(), reason="this PyTorch or processor has no such operators")
def test_changed_weights_are_seen_the_next_time(toy):
    x = torch.ones(1, 8, 4, 4)
    with packed(toy, ROOM):
        toy(x)
    toy.linear.weight *= 2
    expected = toy(x)
    with packed(toy, ROOM):
        torch.testing.assert_close(toy(x), expected, rtol=1e-5, atol=1e-6)


def test_plain_again_after_an_error(toy):
    with pytest.raises(ZeroDivisionError), packed(toy, ROOM):
        1 / 0  # noqa: B018
    assert not is_packed(toy)


def test_blocks_may_be_nested(toy):
    x = torch.ones(1, 8, 4, 4)
    with packed(toy, ROOM):
        with packed(toy, ROOM):
            toy(x)
        toy(x)
    assert not is_packed(toy)


def test_left_alone_without_room_or_in_another_type(toy):
    with packed(toy, 100):
        assert not is_packed(toy)
    with packed(toy.to(torch.bfloat16), ROOM):
        assert not is_packed(toy)


def test_left_alone_where_the_probe_fails(toy, monkeypatch):
    monkeypatch.setattr(module, "_works", lambda: False)
    with packed(toy, ROOM):
        assert not is_packed(toy)
