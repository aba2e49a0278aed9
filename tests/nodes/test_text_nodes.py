"""Nodes that compare, change and make texts; what ComfyUI's give is among the reference graphs."""

from __future__ import annotations

import time

import pytest
import torch

from core.nodes import patterns
from core.nodes.patterns import LONGEST_RESULT
from core.nodes.text import (
    compare,
    contains,
    format_text,
    join_texts,
    length,
    preview_any,
    regex_extract,
    regex_match,
    regex_replace,
    replace,
    substring,
    to_text,
    trim,
)


def extract(mode, pattern, text="one 1, two 22", group_index=1):
    return regex_extract(string=text, regex_pattern=pattern, mode=mode, group_index=group_index)


def test_regular_expressions_find():
    assert extract("First Match", r"(\w+) (\d+)") == "one 1"
    assert extract("All Matches", r"\d+") == "1\n22"
    assert extract("All Matches", r"(\w+) (\d+)") == "one\ntwo"
    assert extract("First Group", r"(\w+) (\d+)", group_index=2) == "1"
    assert extract("All Groups", r"(\w+) (\d+)", group_index=2) == "1\n22"
    assert extract("All Groups", r"(\w+) (\d+)", group_index=0) == "one 1\ntwo 22"
    assert extract("First Match", "x") == extract("First Group", "one", group_index=3) == ""
    assert extract("All Groups", "(a)|(b)", "ab") == "a\n"


def test_flags():
    text = "first\nsecond"
    assert regex_match(string=text, regex_pattern="SECOND", case_insensitive=True) == (True,)
    assert regex_match(string=text, regex_pattern="SECOND", case_insensitive=False) == (False,)
    assert regex_match(string=text, regex_pattern="^second") == (False,)
    assert regex_match(string=text, regex_pattern="^second", multiline=True) == (True,)
    assert regex_match(string=text, regex_pattern="t.s") == (False,)
    assert regex_match(string=text, regex_pattern="t.s", dotall=True) == (True,)


def test_regular_expressions_replace():
    assert regex_replace(string="ab ab", regex_pattern="(a)(b)", replace=r"\2\1") == "ba ba"
    assert regex_replace(string="aaa", regex_pattern="a", replace="b", count=2) == "bba"
    assert regex_replace(string="b", regex_pattern="(a)?b", replace=r"[\1]") == "[]"


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a*)*b", "(.*a){20}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_slow_patterns_are_stopped(pattern, monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.1)
    began = time.monotonic()
    text = "a" * 3000
    for work in (
        lambda: regex_match(string=text, regex_pattern=pattern),
        lambda: extract("All Matches", pattern, text),
        lambda: regex_replace(string=text, regex_pattern=pattern, replace=""),
    ):
        try:
            work()
        except ValueError as error:
            assert "repeats inside repeats" in str(error)  # a quicker engine may just be done
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "pattern", ["(((a{1000}){1000}){1000})", "((((((a{9}){9}){9}){9}){9}){9})", "a" * 3000]
)
def test_large_patterns_are_refused(pattern):
    with pytest.raises(ValueError, match="this pattern is too large"):
        regex_match(string="a", regex_pattern=pattern)


@pytest.mark.parametrize(
    "pattern", [r"\{9999999\}", r"[{9}]{9}", r"\d{4}-\d{2}-\d{2}", "a{,3}", "x{1,40}y{1,40}"]
)
def test_ordinary_counts_are_fine(pattern):
    regex_match(string="2024-01-02", regex_pattern=pattern)


def test_broken_patterns_and_replacements_are_said():
    with pytest.raises(ValueError, match=r"the pattern '\(a' cannot be read: missing \)"):
        regex_match(string="a", regex_pattern="(a")
    for broken in (")", "a)(", "(" * 1500):
        with pytest.raises(ValueError, match="pattern"):
            regex_match(string="a", regex_pattern=broken)
    with pytest.raises(ValueError, match=r"the replacement .* cannot be used: no such group"):
        regex_replace(string="a", regex_pattern="a", replace=r"\9")


def test_texts_cannot_explode():
    text = "a" * 100_000
    with pytest.raises(ValueError, match="longer than"):
        replace(string=text, find="a", replace=text)
    with pytest.raises(ValueError, match="longer than"):
        regex_replace(string=text, regex_pattern="a", replace=text)
    with pytest.raises(ValueError, match="longer than"):
        join_texts(texts=["a" * (LONGEST_RESULT // 2 + 1)] * 2, delimiter="")


def test_comparing():
    assert compare(string_a="Straße", string_b="STR", mode="Starts With", case_sensitive=False)
    assert not compare(string_a="Straße", string_b="STR", mode="Starts With", case_sensitive=True)
    assert compare(string_a="abc", string_b="bc", mode="Ends With")
    assert not compare(string_a="abc", string_b="ab", mode="Equal")
    assert contains(string="abc", substring="", case_sensitive=True) == (True,)


def test_parts():
    assert substring(string="abcdef", start=-3, end=-1) == "de"
    assert substring(string="abc", start=2, end=1) == ""
    assert length(string="äöü") == (3,)
    assert [trim(string=" a ", mode=mode) for mode in ("Left", "Right")] == ["a ", " a"]


def test_any_value_is_shown():
    def shown(value):
        return preview_any(source=value).shown["text"]

    assert shown("a\nb") == ["a\nb"]
    assert shown(None) == ["None"]
    assert shown(1.5) == ["1.5"]
    assert shown({"samples": torch.zeros(1, 4)}) == ['{\n  "samples": "Tensor [1, 4] torch.float32"\n}']
    assert shown(torch.zeros(2)) == ['"Tensor [2] torch.float32"']
    assert shown(object()) == ['"object"']
    assert to_text(value=True) == "True"


def test_templates():
    assert format_text(template="{a} of {b:.2f} and {seed:04d} {{x}}", a="one", b=2.5, seed=7) == (
        "one of 2.50 and 0007 {x}"
    )
    assert format_text(template="a (red:1.2) {} { } {a!r}", a=1) == "a (red:1.2) {} { } {a!r}"
    with pytest.raises(ValueError, match=r"names \{c\}, which has no value; there are: a, b"):
        format_text(template="{c}", a=1, b=2)
    with pytest.raises(ValueError, match=r"'one' cannot be written as \{a:d\}"):
        format_text(template="{a:d}", a="one")
    assert format_text(template="{a:999999999d}", a=1) == "{a:999999999d}"


def test_joining():
    assert join_texts(texts=["a", 1, 2.5], delimiter=r"\n") == "a\n1\n2.5"
