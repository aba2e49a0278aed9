"""Node types as JSON facts: out for `darkroom nodes --json`, in for the nodes known by interface only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.nodes.spec import (
    MISSING,
    Choice,
    FileChoice,
    InputSpec,
    NodeSpec,
    OutputSpec,
    Range,
    Text,
    Toggle,
    Widget,
)
from resources import path

# Filled in by the engine alone; other programs have no word for them.
_OWN_HIDDEN = frozenset({"CONTEXT", "FOLDERS"})


def facts(spec: NodeSpec) -> dict[str, Any]:
    """The interface of a node type, in the shape of `resources/comfy_nodes.json`."""
    result: dict[str, Any] = {"category": spec.category, "display_name": spec.title}
    hidden = {name: kind for name, kind in spec.hidden.items() if kind not in _OWN_HIDDEN}
    if hidden:
        result["hidden"] = hidden
    inputs: dict[str, dict[str, Any]] = {}
    for group, required in (("required", True), ("optional", False)):
        members = {i.name: _input_facts(i) for i in spec.inputs if i.required is required}
        if members:
            inputs[group] = members
    result["inputs"] = inputs
    result["outputs"] = [{"type": o.type, "name": o.name, "is_list": o.is_list} for o in spec.outputs]
    result["output_node"] = spec.output_node
    flags = {
        "deprecated": spec.status == "deprecated",
        "experimental": spec.status == "experimental",
        "input_is_list": spec.takes_lists,
        "watches_changes": spec.fingerprint is not None,
        "own_validation": spec.validate is not None,
    }
    return result | {name: True for name, value in flags.items() if value}


def read_catalogue() -> dict[str, NodeSpec]:
    """The interfaces of all ComfyUI nodes, by name. None of them has a body."""
    text = path("comfy_nodes.json").read_text(encoding="utf-8")
    return {name: _spec_from_facts(name, entry) for name, entry in json.loads(text).items()}


def _input_facts(spec: InputSpec) -> dict[str, Any]:
    result: dict[str, Any] = {"type": spec.type}
    if spec.default is not MISSING:
        result["default"] = spec.default
    match spec.widget:
        case Range(low, high, step, spacing):
            result |= {"min": low, "max": high}
            result |= {k: v for k, v in (("step", step), ("round", spacing)) if v is not None}
        case Choice():
            options = spec.widget.source
            result |= {"wire": "list", "options": list(options() if callable(options) else options)}
        case FileChoice(folder, extra, accepts, upload):
            result |= {"wire": "list", "folder": folder}
            if folder in ("input", "output"):
                result["accepts"] = list(accepts) or "any"
            if extra:
                result["options"] = list(extra)
            if upload:
                result["image_upload"] = True
        case Text(multiline, wildcards):
            flags = {"multiline": multiline, "dynamicPrompts": wildcards}
            result |= {k: True for k, v in flags.items() if v}
        case Toggle() | None:
            pass
    flags = {
        "control_after_generate": spec.after_run,
        "forceInput": spec.socketed,
        "lazy": spec.lazy,
        "rawLink": spec.raw_link,
    }
    return result | {name: True for name, value in flags.items() if value}


def _spec_from_facts(class_type: str, facts: Mapping[str, Any]) -> NodeSpec:
    groups = facts["inputs"]
    inputs = [
        _input_from_facts(name, entry, group == "required")
        for group in ("required", "optional")
        for name, entry in groups.get(group, {}).items()
    ]
    status = next((word for word in ("deprecated", "experimental") if facts.get(word)), "")
    return NodeSpec(
        class_type=class_type,
        title=facts.get("display_name") or class_type,
        category=facts["category"],
        description="",
        inputs=tuple(inputs),
        outputs=tuple(OutputSpec(o["name"], o["type"], o["is_list"]) for o in facts["outputs"]),
        function=None,
        hidden=facts.get("hidden", {}),
        output_node=facts["output_node"],
        status=status,
        takes_lists=facts.get("input_is_list", False),
    )


def _input_from_facts(name: str, facts: Mapping[str, Any], required: bool) -> InputSpec:
    return InputSpec(
        name=name,
        type=facts["type"],
        required=required,
        default=facts.get("default", MISSING),
        widget=_widget_from_facts(facts),
        after_run=bool(facts.get("control_after_generate")),
        lazy=bool(facts.get("lazy")),
        raw_link=bool(facts.get("rawLink")),
        socketed=bool(facts.get("forceInput")),
    )


def _widget_from_facts(facts: Mapping[str, Any]) -> Widget | None:
    match facts["type"]:
        case "INT" | "FLOAT" if "min" in facts and "max" in facts:
            return Range(facts["min"], facts["max"], facts.get("step"), facts.get("round"))
        case "COMBO" if "folder" in facts:
            accepts = facts.get("accepts", ())
            kinds = () if accepts == "any" else tuple(accepts)
            extra = tuple(facts.get("options", ()))
            return FileChoice(facts["folder"], extra, kinds, bool(facts.get("image_upload")))
        case "COMBO":
            return Choice(tuple(str(option) for option in facts.get("options", ())))
        case "STRING":
            return Text(bool(facts.get("multiline")), bool(facts.get("dynamicPrompts")))
        case "BOOLEAN":
            return Toggle()
        case _:
            return None
