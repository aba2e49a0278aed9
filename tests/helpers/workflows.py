"""Builds editor-format workflows for tests."""

from __future__ import annotations

import functools
from typing import Any

from core.nodes.interface import read_catalogue
from core.nodes.registry import Registry
from core.workflow.document import GraphDocument
from core.workflow.wiring import chain

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


IMAGE = ("IMAGE", "IMAGE")
LOADER = (), [IMAGE, ("MASK", "MASK")]


def load(number, name="a.png", **more):
    return node(number, "LoadImage", *LOADER, [name, "image"], **more)


def save(number=9):
    return node(number, "SaveImage", [("images", "IMAGE")], (), ["x"])


def invert(number, **more):
    return node(number, "ImageInvert", [("image", "IMAGE")], [IMAGE], **more)


def reroute(number):
    return node(number, "Reroute", [("", "*")], [("", "*")])


INNER = "0b4b3c1e-subgraph"
PREFIX = {"name": "filename_prefix", "type": "STRING", "widget": {"name": "filename_prefix"}}


def subgraph(**more):
    """Inverts its input; the name prefix of a second node inside comes from its second input."""
    definition = {
        "id": INNER,
        "name": "Invert and save",
        "inputs": [{"name": "image", "type": "IMAGE"}, {"name": "filename_prefix", "type": "STRING"}],
        "outputs": [{"name": "IMAGE", "type": "IMAGE"}],
        "nodes": [
            invert(1),
            node(
                2,
                "SaveImage",
                [("images", "IMAGE"), {**PREFIX, "link": 5}],
                (),
                ["inner"],
            ),
        ],
        "links": [
            {"id": 1, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0, "type": "IMAGE"},
            {"id": 2, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "IMAGE"},
            {"id": 3, "origin_id": 1, "origin_slot": 0, "target_id": -20, "target_slot": 0, "type": "IMAGE"},
            {"id": 5, "origin_id": -10, "origin_slot": 1, "target_id": 2, "target_slot": 1, "type": "STRING"},
        ],
    }
    definition["nodes"][0]["inputs"][0]["link"] = 1
    definition["nodes"][1]["inputs"][0]["link"] = 2
    return {"subgraphs": [definition | more]}


def instance(number=12, widgets=(), **more):
    prefix = {**PREFIX, "link": None}
    return node(number, INNER, [("image", "IMAGE"), prefix], [IMAGE], list(widgets), **more)


def with_instance(*, definitions=None, **more):
    return workflow(
        [load(1), instance(**more), save()],
        *((1, 0, 12, 0), (12, 0, 9, 0)),
        modern=True,
        definitions=definitions or subgraph(),
    )


def group_nodes():
    members = [
        invert(0),
        reroute(0),
        node(0, "KSampler", [("model", "MODEL")], [("LATENT", "LATENT")], [1, "fixed", 2, 3, "a", "b", 4]),
    ]
    for index, member in enumerate(members):
        del member["id"]
        member["index"] = index
    links = [[1, 0, 0, 0, 7, "IMAGE"], [None, 0, 1, 0, 8, "IMAGE"]]
    return {
        "Mine": {
            "nodes": members,
            "links": links,
            "external": [[{"index": 2}, 0, "LATENT"]],
            "config": {"0": {}, "1": {"input": {}}},
        }
    }


def with_group_node(separator="/"):
    grouped = node(
        12,
        f"workflow{separator}Mine",
        [("image", "IMAGE"), ("model", "MODEL")],
        [IMAGE, ("LATENT", "LATENT")],
        [5, "fixed", 6, 7, "euler", "normal", 1],
    )
    return workflow(
        [load(1), grouped, save()], (1, 0, 12, 0), (12, 0, 9, 0), extra={"groupNodes": group_nodes()}
    )


def assert_sound(document: GraphDocument) -> None:
    """Keys, links, sockets and reroutes say the same."""
    assert all(key == record.id for key, record in document.nodes.items())
    assert all(key == record.id for key, record in document.links.items())
    assert all(key == record.id for key, record in document.reroutes.items())
    assert all(key == record.key for key, record in document.groups.items())
    assert {link.id for link in document.live_links()} == set(document.links)
    for record in document.nodes.values():
        for slot, socket in enumerate(record.inputs):
            if socket.link is not None:
                link = document.links[socket.link]
                assert (link.target, link.target_slot) == (record.id, slot)
        for slot, socket in enumerate(record.outputs):
            assert len(set(socket.links)) == len(socket.links)
            for number in socket.links:
                link = document.links[number]
                assert (link.origin, link.origin_slot) == (record.id, slot)
    through: dict[int, set[int]] = {number: set() for number in document.reroutes}
    for link in document.links.values():
        assert link.id in document.nodes[link.origin].outputs[link.origin_slot].links
        assert link.reroute is None or link.reroute in document.reroutes
        for point in chain(document, link):
            through[point.id].add(link.id)
    for point in document.reroutes.values():
        assert set(point.links) == through[point.id]
        assert point.links
        assert point.parent is None or point.parent in document.reroutes
