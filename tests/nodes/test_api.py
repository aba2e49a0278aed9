"""How declarations are read."""

from __future__ import annotations

import types
from typing import Annotated, Any, NamedTuple

import pytest

from core.nodes.api import (
    AfterRun,
    Blocked,
    Choice,
    Context,
    FileChoice,
    Folders,
    Lazy,
    LiveGraph,
    NodeId,
    Optional,
    Prompt,
    Range,
    Shown,
    Socketed,
    Text,
    Toggle,
    WidgetOnly,
    WorkflowInfo,
    collect,
    node,
)
from core.nodes.spec import MISSING
from core.nodes.types import AnyValue, Conditioning, Image, Mask, Seed


class Parts(NamedTuple):
    image: Image
    mask: Mask
    words: list[str]


def declare(function, **options):
    return node("N", category="toy", **options)(function).spec


def outputs_of(returned):
    def body(): ...

    body.__annotations__["return"] = returned
    return [(o.name, o.type, o.is_list) for o in declare(body).outputs]


def test_node_is_still_its_function():
    @node("Double", category="math/simple", title="Twice", status="experimental")
    def double(*, value: int) -> int:
        """Twice the value."""
        return 2 * value

    assert double(value=4) == 8
    spec = double.spec
    assert (spec.class_type, spec.title, spec.category, spec.status) == (
        "Double",
        "Twice",
        "math/simple",
        "experimental",
    )
    assert spec.description == "Twice the value."
    assert double.__name__ == "double"


def test_inputs_in_order_with_their_types():
    def body(
        *,
        image: Image,
        seed: Seed = 7,
        scale: Annotated[float, Range(0, 2, step=0.1, round=0.01)] = 1.0,
        mode: Annotated[str, Choice(("a", "b"))] = "b",
        file: Annotated[str, FileChoice("loras")],
        note: Annotated[str, Text(multiline=True)] = "",
        flag: Annotated[bool, Toggle("on", "off")] = True,
        plain: int = 3,
        cond: Conditioning,
        anything: AnyValue,
        either: int | float = 1,
    ) -> Image: ...

    spec = declare(body)
    assert [(i.name, i.type) for i in spec.inputs] == [
        ("image", "IMAGE"),
        ("seed", "INT"),
        ("scale", "FLOAT"),
        ("mode", "COMBO"),
        ("file", "COMBO"),
        ("note", "STRING"),
        ("flag", "BOOLEAN"),
        ("plain", "INT"),
        ("cond", "CONDITIONING"),
        ("anything", "*"),
        ("either", "INT,FLOAT"),
    ]
    by_name = spec.by_name
    assert by_name["seed"].after_run
    assert (by_name["seed"].widget.max, by_name["seed"].default) == (2**64 - 1, 7)
    assert by_name["scale"].widget == Range(0, 2, 0.1, 0.01)
    assert by_name["image"].default is MISSING
    assert by_name["plain"].widget is None
    assert by_name["plain"].has_widget
    assert not by_name["image"].has_widget
    assert all(i.required for i in spec.inputs)


def test_optional_inputs():
    def body(
        *,
        a: Image | None = None,
        b: Annotated[int, Optional()] = 4,
        c: Annotated[int, Socketed()] | None = None,
        d: Annotated[int, WidgetOnly(), AfterRun()] = 1,
        e: Annotated[int, Range(0, 1)] | None = None,
    ) -> None: ...

    spec = declare(body)
    assert [i.required for i in spec.inputs] == [False, False, False, True, False]
    assert [i.default for i in spec.inputs] == [MISSING, 4, MISSING, 1, MISSING]
    assert spec.by_name["c"].socketed
    assert not spec.by_name["c"].has_widget
    assert spec.by_name["d"].widget_only
    assert spec.by_name["e"].widget == Range(0, 1)


def test_lazy_and_list_inputs():
    def body(
        *,
        needed: Lazy[Image],
        maybe: Lazy[Image] | None = None,
        images: list[Image],
        numbers: list[int] | None = None,
        cond: Conditioning,
    ) -> None: ...

    spec = declare(body)
    assert [(i.type, i.lazy, i.whole_list, i.required) for i in spec.inputs] == [
        ("IMAGE", True, False, True),
        ("IMAGE", True, False, False),
        ("IMAGE", False, True, True),
        ("INT", False, True, False),
        ("CONDITIONING", False, False, True),
    ]
    assert spec.takes_lists


def test_inputs_of_any_number():
    def body(*, first: Image, **others: Image) -> Image: ...

    spec = declare(body)
    assert [i.name for i in spec.inputs] == ["first"]
    assert spec.variadic.type == "IMAGE"
    assert spec.input("whatever") is spec.variadic
    assert declare(lambda: None).input("whatever") is None


def test_hidden_parameters_are_no_inputs():
    def body(
        *,
        ctx: Context,
        folders: Folders,
        uid: NodeId,
        prompt: Prompt,
        info: WorkflowInfo,
        graph: LiveGraph,
        value: int,
    ) -> None: ...

    spec = declare(body)
    assert spec.hidden == {
        "ctx": "CONTEXT",
        "folders": "FOLDERS",
        "uid": "UNIQUE_ID",
        "prompt": "PROMPT",
        "info": "EXTRA_PNGINFO",
        "graph": "DYNPROMPT",
    }
    assert [i.name for i in spec.inputs] == ["value"]
    assert spec.keyed_by_node, "a node that knows its id has results of its own"


@pytest.mark.parametrize(
    ("returned", "outputs"),
    [
        (None, []),
        (Shown[None], []),
        (int, [("INT", "INT", False)]),
        (Any, [("*", "*", False)]),
        (list[Image], [("IMAGE", "IMAGE", True)]),
        (Conditioning, [("CONDITIONING", "CONDITIONING", False)]),
        (Shown[Image], [("IMAGE", "IMAGE", False)]),
        (int | Blocked, [("INT", "INT", False)]),
        (Shown[int] | Blocked, [("INT", "INT", False)]),
        (Parts, [("IMAGE", "IMAGE", False), ("MASK", "MASK", False), ("words", "STRING", True)]),
        (Shown[Parts], [("IMAGE", "IMAGE", False), ("MASK", "MASK", False), ("words", "STRING", True)]),
    ],
)
def test_outputs(returned, outputs):
    assert outputs_of(returned) == outputs


def test_only_named_tuples_come_as_tuples():
    def several() -> Parts | Blocked: ...
    def one() -> Image: ...

    assert declare(several).returns_tuple
    assert not declare(one).returns_tuple


def test_docstring_gives_description_and_tooltips():
    def body(*, image: Image, size: int = 1) -> Parts:
        """First line.

        More about it.

        Args:
            image: What to
                look at.
            size: How large.

        Returns:
            mask: Where it is.
        """

    spec = declare(body)
    assert spec.description == "First line.\n\nMore about it."
    assert spec.by_name["image"].tooltip == "What to look at."
    assert spec.by_name["size"].tooltip == "How large."
    assert [o.tooltip for o in spec.outputs] == ["", "Where it is.", ""]


def test_docstring_may_not_describe_what_is_not_there():
    def body(*, image: Image) -> Image:
        """Something.

        Args:
            picture: The old name of the input.
        """

    with pytest.raises(TypeError, match="'picture'"):
        declare(body)


def test_inputs_have_to_be_keyword_only():
    def body(image: Image) -> Image: ...

    with pytest.raises(TypeError, match="star before 'image'"):
        declare(body)


def test_types_have_to_be_known():
    def body(*, image: bytes) -> Image: ...

    with pytest.raises(TypeError, match="bytes"):
        declare(body)


@pytest.mark.parametrize("kind", ["needs", "fingerprint", "validate"])
def test_hooks_name_inputs_of_the_node(kind):
    @node("N", category="toy")
    def body(*, ctx: Context, uid: NodeId, image: Image, size: int = 1) -> Image: ...

    def good(size, uid, places: Folders, **rest): ...
    def bad(width): ...
    def no_context(ctx): ...

    assert getattr(body, kind)(good) is good
    hook = getattr(body.spec, kind)
    assert (hook.function, hook.inputs, hook.takes_all) == (good, ("size",), True)
    assert hook.hidden == {"uid": "UNIQUE_ID", "places": "FOLDERS"}
    for wrong in (bad, no_context):
        with pytest.raises(TypeError, match=r"N: a hook names '(width|ctx)'"):
            getattr(body, kind)(wrong)


def test_collect_finds_nodes_in_the_order_of_the_module():
    module = types.ModuleType("family")
    module.b = node("B", category="toy")(lambda: None)
    module.helper = len
    module.a = node("A", category="toy")(lambda: None)
    assert [spec.class_type for spec in collect(module)] == ["B", "A"]


def test_shown_takes_any_word():
    shown = Shown(1, value=["a"], self_made=["b"])
    assert (shown.value, shown.shown) == (1, {"value": ["a"], "self_made": ["b"]})
