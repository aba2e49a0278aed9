"""Builds editor-format workflows for tests."""

from __future__ import annotations

import functools
from typing import Any

from core.nodes.interface import read_catalogue
from core.nodes.registry import Registry

Json = dict[str, Any]


@functools.cache
def catalogue() -> Registry:
    """The interfaces of all known node types; none of them runs."""
    return Registry([], read_catalogue())


def node(
    number: int | str, kind: str, inputs: Any = (), outputs: Any = (), widgets: Any = None, **more: Any
) -> Json:
    """A node; `inputs` are (name, type) pairs or socket objects, `outputs` are (name, type) pairs."""
    sockets = [s if isinstance(s, dict) else {"name": s[0], "type": s[1], "link": None} for s in inputs]
    form = {
        "id": number,
        "type": kind,
        "pos": [0, 0],
        "size": [200, 100],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": sockets,
        "outputs": [{"name": name, "type": wire, "links": []} for name, wire in outputs],
        "properties": {},
    }
    return form | ({} if widgets is None else {"widgets_values": widgets}) | more


def workflow(nodes: list[Json], *links: tuple[Any, int, Any, int], modern: bool = False, **more: Any) -> Json:
    """A workflow with the links (origin, output, target, input), noted in the sockets as well."""
    by_id = {entry["id"]: entry for entry in nodes}
    rows: list[Any] = []
    for number, (origin, origin_slot, target, target_slot) in enumerate(links, 1):
        output = by_id[origin]["outputs"][origin_slot]
        output["links"].append(number)
        by_id[target]["inputs"][target_slot]["link"] = number
        row = [number, origin, origin_slot, target, target_slot, output["type"]]
        names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        rows.append(dict(zip(names, row, strict=True)) if modern else row)
    last = max((number for number in by_id if isinstance(number, int)), default=0)
    counts = (
        {"state": {"lastNodeId": last, "lastLinkId": len(rows)}, "version": 1}
        if modern
        else {"last_node_id": last, "last_link_id": len(rows), "version": 0.4}
    )
    return {"nodes": nodes, "links": rows, "groups": [], "config": {}, "extra": {}} | counts | more


def text_to_image(**more: Any) -> Json:
    """The graph everyone starts with."""
    model, clip = ("MODEL", "MODEL"), ("CLIP", "CLIP")
    conditioning, latent = ("CONDITIONING", "CONDITIONING"), ("LATENT", "LATENT")
    nodes = [
        node(4, "CheckpointLoaderSimple", (), [model, clip, ("VAE", "VAE")], ["sd15.safetensors"]),
        node(6, "CLIPTextEncode", [("clip", "CLIP")], [conditioning], ["a {red|green} door"]),
        node(7, "CLIPTextEncode", [("clip", "CLIP")], [conditioning], ["blurry"]),
        node(5, "EmptyLatentImage", (), [latent], [512, 640, 1]),
        node(
            3,
            "KSampler",
            [
                ("model", "MODEL"),
                ("positive", "CONDITIONING"),
                ("negative", "CONDITIONING"),
                ("latent_image", "LATENT"),
            ],
            [latent],
            [42, "randomize", 20, 8, "euler", "normal", 1],
        ),
        node(8, "VAEDecode", [("samples", "LATENT"), ("vae", "VAE")], [("IMAGE", "IMAGE")]),
        node(9, "SaveImage", [("images", "IMAGE")], (), ["Darkroom"]),
    ]
    wires = [(4, 1, 6, 0), (4, 1, 7, 0), (4, 0, 3, 0), (6, 0, 3, 1), (7, 0, 3, 2), (5, 0, 3, 3)]
    return workflow(nodes, *wires, (3, 0, 8, 0), (4, 2, 8, 1), (8, 0, 9, 0), **more)
