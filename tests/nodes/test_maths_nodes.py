"""Nodes that compute with numbers."""

from __future__ import annotations

import pytest
import torch

from core.nodes.expression import ExpressionError
from core.nodes.maths import (
    comfy_expression,
    float_maths,
    int_maths,
    maths_expression,
    random_number,
    short_expression,
    sized_expression,
    to_boolean,
    to_float,
    to_int,
)


def test_expression_gives_three_kinds():
    assert maths_expression(expression="a / b", a=7, b=2) == (3, 3.5, True)
    assert maths_expression(expression="a > b", a=1, b=2) == (0, 0.0, False)


def test_expression_names_what_is_given():
    with pytest.raises(ExpressionError, match=r"'b' has no value; there are a, e, pi, tau"):
        maths_expression(expression="a + b", a=1)
    with pytest.raises(TypeError, match="'a' is a str"):
        maths_expression(expression="a", a="1")


def test_other_packs_expressions():
    assert comfy_expression(expression="a + z", **{"values.a": 1, "values.z": 0.75}) == (1.75, 1, True)
    assert short_expression(value="a * b", a=512, b=1.8, c=None) == (922, 921.6)
    assert sized_expression(expression="a * 1.5", a=3, b=None, c=None) == (4, 4.5)


def test_pictures_and_latents_have_sizes():
    picture, latent = torch.zeros(1, 20, 30, 3), {"samples": torch.zeros(1, 4, 5, 6)}
    assert sized_expression(expression="a.width * 100 + a.height", a=picture) == (3020, 3020.0)
    assert sized_expression(expression="b.width * 100 + b.height", b=latent) == (4840, 4840.0)


@pytest.mark.parametrize(
    ("operation", "whole", "decimal"),
    [
        ("add", 9, 9.0),
        ("subtract", 5, 5.0),
        ("multiply", 14, 14.0),
        ("divide", 3, 3.5),
        ("floor divide", 3, 3.0),
        ("remainder", 1, 1.0),
        ("power", 49, 49.0),
        ("minimum", 2, 2.0),
        ("maximum", 7, 7.0),
    ],
)
def test_two_numbers(operation, whole, decimal):
    results = int_maths(a=7, b=2, operation=operation), float_maths(a=7.0, b=2.0, operation=operation)
    assert results == (whole, decimal)
    assert [type(result) for result in results] == [int, float]


def test_whole_division_is_exact():
    assert int_maths(a=2**62 + 2, b=2, operation="divide") == 2**61 + 1
    assert int_maths(a=-7, b=2, operation="divide") == -3


@pytest.mark.parametrize("operation", ["divide", "floor divide", "remainder"])
def test_division_by_zero_is_said(operation):
    for maths in (int_maths, float_maths):
        with pytest.raises(ValueError, match=r"5.* cannot be divided by zero"):
            maths(a=5, b=0, operation=operation)


def test_too_large_is_said():
    with pytest.raises(ValueError, match="too large"):
        int_maths(a=9**18, b=9**18, operation="power")
    with pytest.raises(ValueError, match="too large"):
        float_maths(a=1e300, b=1e300, operation="multiply")


def test_random_numbers_follow_their_seed():
    drawn = [random_number(seed=seed, minimum=-2.0, maximum=3.0) for seed in range(200)]
    assert drawn == [random_number(seed=seed, minimum=-2.0, maximum=3.0) for seed in range(200)]
    assert {whole for whole, _ in drawn} == {-2, -1, 0, 1, 2, 3}
    assert all(-2 <= number <= 3 for _, number in drawn)
    assert len({number for _, number in drawn}) == 200


def test_random_numbers_in_narrow_limits():
    assert random_number(seed=1, minimum=0.9, maximum=1.4)[0] == 1
    assert random_number(seed=1, minimum=0.2, maximum=0.4)[0] == 0
    with pytest.raises(ValueError, match="minimum 2 is above the maximum 1"):
        random_number(seed=1, minimum=2.0, maximum=1.0)


@pytest.mark.parametrize(("value", "result"), [(2.5, 2), (3.5, 4), (" -12 ", -12), ("1e3", 1000), (True, 1)])
def test_to_int(value, result):
    assert to_int(value=value, rounding="nearest") == result


def test_rounding():
    assert [to_int(value=-1.5, rounding=word) for word in ("down", "up", "towards zero")] == [-2, -1, -1]
    assert to_int(value="1" + "0" * 30, rounding="down") == 10**30


@pytest.mark.parametrize("value", ["", "abc", "1e999", "nan", [1], "9" * 5000])
def test_what_is_no_number_is_said(value):
    for convert in (to_float, lambda *, value: to_int(value=value, rounding="nearest")):
        with pytest.raises(ValueError, match="is no number"):
            convert(value=value)


def test_to_boolean():
    assert [to_boolean(value=value) for value in (0, 0.1, "Yes", "off", " TRUE ", "")] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    with pytest.raises(ValueError, match="'maybe' is neither yes nor no"):
        to_boolean(value="maybe")
