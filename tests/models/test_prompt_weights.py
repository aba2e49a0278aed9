from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.text.weights import segments


def parts(prompt):
    return [(text, round(weight, 6)) for text, weight in segments(prompt)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("", []),
        ("()", []),
        ("plain, text", [("plain, text", 1.0)]),
        ("a (b) c", [("a ", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("((b))", [("b", 1.21)]),
        ("(b:1.5)", [("b", 1.5)]),
        ("(b: 1.5 )", [("b", 1.5)]),
        ("(b:-1)", [("b", -1.0)]),
        ("(b:1e2)", [("b", 100.0)]),
        ("(a (b:1.5) c:0.8)", [("a ", 0.8), ("b", 1.5), (" c", 0.8)]),
        ("((b):2)", [("b", 2.2)]),
        ("(a:1.2:1.3)", [("a:1.2", 1.3)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("(a:)", [("a:", 1.1)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("a:1.3", [("a:1.3", 1.0)]),
        ("[b] {c}", [("[b] {c}", 1.0)]),
    ],
)
def test_weights(prompt, expected):
    assert parts(prompt) == expected


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999"])
def test_numbers_that_are_not_finite_stay_text(number):
    assert parts(f"(to:{number})") == [(f"to:{number}", 1.1)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (r"\(a\)", [("(a)", 1.0)]),
        (r"(a \) b:1.4)", [("a ) b", 1.4)]),
        (r"(\(:2)", [("(", 2.0)]),
        (r"\\(a)", [(r"\(a)", 1.0)]),
        (r"a\b", [(r"a\b", 1.0)]),
    ],
)
def test_escapes(prompt, expected):
    assert parts(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a (b", [("a ", 1.0), ("(b", 1.0)]),
        ("a) b", [("a) b", 1.0)]),
        ("((a) b", [("((a) b", 1.0)]),
        ("((a)", [("(a", 1.1)]),
        ("a) (b) c", [("a) (b) c", 1.0)]),
        ("a) ((b) c", [("a) (", 1.0), ("b", 1.1), (" c", 1.0)]),
        ("(a)) (b:2)", [("a", 1.1), (") (b:2)", 1.0)]),
    ],
)
def test_brackets_without_a_partner(prompt, expected):
    assert parts(prompt) == expected


def test_no_depth_is_too_deep():
    depth = 100_000
    ((text, weight),) = segments("(" * depth + "a:1.5" + ")" * depth)
    assert (text, weight) == ("a", 1.5)
    ((text, weight),) = segments("(" * depth + "a" + ")" * depth)
    assert (text, weight) == ("a", math.inf)


@pytest.mark.parametrize("prompt", ["(" * 100_000, ")" * 100_000, "(:" * 100_000])
def test_100_000_brackets_without_a_partner(prompt):
    assert parts(prompt) == [(prompt, 1.0)]


def test_half_of_100_000_brackets():
    ((text, _),) = segments("(" * 100_000 + ")" * 50_000)
    assert text == "(" * 50_000


def test_100_000_groups():
    assert len(parts("(a:1.2) " * 100_000)) == 200_000
    assert len(parts("(" * 100_000 + "b:1)" * 100_000)) == 100_000


@given(st.text(alphabet="ab() \\", max_size=40))
def test_nothing_but_brackets_and_backslashes_is_lost(prompt):
    def letters(text):
        return [c for c in text if c in "ab "]

    assert letters(prompt) == letters("".join(text for text, _ in segments(prompt)))


@given(st.text(alphabet="a():1.\\ ", max_size=40))
def test_every_segment_has_text_and_a_finite_weight(prompt):
    assert all(text and math.isfinite(weight) for text, weight in segments(prompt))
