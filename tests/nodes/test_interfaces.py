"""The nodes look to other programs like the nodes of the same name elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.nodes.interface import facts
from core.nodes.registry import builtin
from core.nodes.spec import NodeSpec
from resources import path

REFERENCE = json.loads(path("comfy_nodes.json").read_text(encoding="utf-8"))
SPECS = list(builtin())
OF_COMFY = [spec for spec in SPECS if spec.class_type in REFERENCE]
FIRST_NODES = [
    "CheckpointLoaderSimple",
    "VAELoader",
    "LoraLoader",
    "LoraLoaderModelOnly",
    "CLIPTextEncode",
    "CLIPSetLastLayer",
    "EmptyLatentImage",
    "KSampler",
    "KSamplerAdvanced",
    "VAEDecode",
    "VAEEncode",
    "VAEEncodeForInpaint",
    "SetLatentNoiseMask",
    "LatentUpscale",
    "LatentUpscaleBy",
    "LoadImage",
    "LoadImageMask",
    "SaveImage",
    "PreviewImage",
    "ImageScale",
    "ImageScaleBy",
    "ImageInvert",
    "ImageBatch",
    "ConditioningCombine",
    "ConditioningAverage",
    "ConditioningConcat",
    "ConditioningSetArea",
    "LoadLatent",
    "SaveLatent",
    "PrimitiveInt",
    "PrimitiveFloat",
    "PrimitiveBoolean",
    "PrimitiveString",
    "PrimitiveStringMultiline",
    "CaseConverter",
    "RegexExtract",
    "RegexMatch",
    "RegexReplace",
    "StringCompare",
    "StringConcatenate",
    "StringContains",
    "StringLength",
    "StringReplace",
    "StringSubstring",
    "StringTrim",
    "PreviewAny",
]


def said(entry: Any) -> Any:
    """Facts without those that say the same as leaving them out, and without how choices are spelled."""
    if isinstance(entry, dict):
        kept = {key: value for key, value in entry.items() if key != "wire"}
        return {key: said(value) for key, value in kept.items() if value is not False or key == "default"}
    return [said(item) for item in entry] if isinstance(entry, list) else entry


@pytest.mark.parametrize("spec", OF_COMFY, ids=lambda spec: spec.class_type)
def test_interface_agrees(spec: NodeSpec) -> None:
    ours, theirs = facts(spec), REFERENCE[spec.class_type]
    assert said(ours) == said(theirs)
    for group in ("required", "optional"):
        assert list(ours["inputs"].get(group, {})) == list(theirs["inputs"].get(group, {}))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.class_type)
def test_every_node_says_what_it_does(spec: NodeSpec) -> None:
    assert spec.description.endswith(".")
    assert spec.function is not None


def test_first_nodes_exist() -> None:
    assert set(FIRST_NODES) <= set(builtin().names())


def test_other_nodes_are_known_by_their_interface() -> None:
    assert "FreeU" not in builtin()
    interface = builtin().interface("FreeU")
    assert interface is not None
    assert interface.function is None
    assert [spec.name for spec in interface.inputs] == ["model", "b1", "b2", "s1", "s2"]
    assert builtin().interface("NoSuchNode") is None
