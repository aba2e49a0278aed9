"""Sums typed into number fields: exact, bounded, and never more than sums."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.canvas.arithmetic import LONGEST, evaluate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        (" 512 * 2 ", 1024),
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("2-3-4", -5),
        ("64/4/2", 8),
        ("7//2", 3),
        ("7%4", 3),
        ("2**10", 1024),
        ("2**3**2", 512),
        ("-2**2", -4),
        ("2**-1", 0.5),
        ("--3", 3),
        ("3*-2", -6),
        ("-7 % 4 * 2", 2),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1/4", 0.25),
        ("1024*1.5", 1536.0),
        ("pi", math.pi),
        ("2*PI", 2 * math.pi),
    ],
)
def test_a_sum_comes_to_its_value(text: str, expected: float) -> None:
    result = evaluate(text)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize("text", ["18446744073709551615", "2**64-1", "36893488147419103230/2"])
def test_seeds_stay_exact(text: str) -> None:
    assert evaluate(text) == 18446744073709551615


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "There is no number."),
        ("   ", "There is no number."),
        ("1+", "A number is missing at the end."),
        ("(1+2", "A bracket is not closed."),
        ("1)", "')' is not expected there."),
        ("1 2", "'2' is not expected there."),
        ("1..2", "'.2' is not expected there."),
        ("*3", "'*' is not a number."),
        ("abc", "'a' is not a number."),
        ("pin", "'p' is not a number."),
        ("__import__('os')", "'_' is not a number."),
        (".", "'.' is not a number."),
        ("١٢", "'١' is not a number."),
        ("²", "'²' is not a number."),
        ("1/0", "Division by zero."),
        ("1%0", "Division by zero."),
        ("0**-1", "Division by zero."),
        ("9**9**9", "The result is too large."),
        ("9**-9999", "The result is too large."),
        ("1e308*10", "The result is too large."),
        ("10.0**999", "The result is too large."),
        ("1e999", "The result is too large."),
        ("(-8)**0.5", "A negative number has no root here."),
        ("1" * (LONGEST + 1), f"The sum is longer than {LONGEST} characters."),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        evaluate(text)
    assert str(refused.value) == message


def test_the_deepest_brackets_are_read() -> None:
    depth = (LONGEST - 1) // 2
    assert evaluate("(" * depth + "1" + ")" * depth) == 1
    assert evaluate("-" * (LONGEST - 1) + "1") == -1


@given(st.text(alphabet="0123456789.+-*/%() epi", max_size=40))
def test_no_text_does_anything_but_give_a_number_or_a_sentence(text: str) -> None:
    try:
        result = evaluate(text)
    except ValueError as refused:
        assert str(refused).endswith(".")
    else:
        assert isinstance(result, int) or math.isfinite(result)


@given(st.integers(), st.integers(min_value=1), st.sampled_from("+-*%"))
def test_whole_numbers_are_worked_out_exactly(left: int, right: int, sign: str) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right, "%": left % right}[sign]
    assert evaluate(f"({left}) {sign} {right}") == expected
