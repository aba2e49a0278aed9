"""Real shapes with one or two things broken at random: a message or a result, never another error."""

from __future__ import annotations

import copy
import json
from typing import Any

from helpers.workflows import catalogue, text_to_image, with_group_node, with_instance
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import WorkflowError
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.open import read_workflow
from core.workflow.prompt_json import write_prompt

PROMPT = write_prompt(compile_document(read_document(text_to_image()).document, catalogue()).graph)
FORMS = (
    text_to_image(),
    text_to_image(modern=True),
    with_instance(widgets=["outer"], properties={"proxyWidgets": [["2", "filename_prefix"]]}),
    with_group_node(),
    PROMPT,
    {"prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": text_to_image()}}},
)
NUMBERS = (None, True, 0, -1, 3, 7, -10, -20, 2**70, 10**400, 1.5, float("nan"), float("inf"))
WORDS = ("", "3", "9" * 5000, "x", "\ud800", "workflow/Mine", "Reroute", "*")
CONTAINERS = ([], {}, [[]], [None], [1, 2], ["3", 0], {"0": 1}, {"id": 3})
JUNK = st.sampled_from([*NUMBERS, *WORDS, *CONTAINERS])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in [(*path, key), *places(inner, (*path, key))]]


PLACES = [places(form) for form in FORMS]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_broken_files(data):
    number = data.draw(st.integers(0, len(FORMS) - 1))
    form = copy.deepcopy(FORMS[number])
    for path in data.draw(st.lists(st.sampled_from(PLACES[number]), min_size=1, max_size=3)):
        junk = copy.deepcopy(data.draw(JUNK))
        target = form
        try:
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = junk
        except (KeyError, IndexError, TypeError):
            continue  # an outer part was broken before
    try:
        opened = read_workflow(json.dumps(form).encode())
        canvas = opened.to_document(catalogue()).document
        json.dumps(write_document(canvas))
        opened.to_prompt(catalogue())
        compile_document(canvas, catalogue())
        if opened.document and not opened.remarks:
            again = json.dumps(write_document(opened.document))
            assert again in json.dumps(form), again
    except WorkflowError as error:
        assert str(error)
