"""Milliseconds for opening, compiling, writing and editing a document of 1,000 nodes.

Run from the repository: `python benchmarks/document.py`. Each figure is the median of several rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.nodes.interface import read_catalogue
from core.nodes.registry import Registry
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.document import GraphDocument
from core.workflow.from_prompt import document_from_prompt
from core.workflow.history import History
from core.workflow.operations import MoveNodes, RemoveNodes, SetWidget

NODES = 1000
ROUNDS = 9


def make() -> dict[str, Any]:
    """Samplers one after the other, each with its own text, saved as the editor saves them."""
    nodes: list[dict[str, Any]] = [
        _node(1, "CheckpointLoaderSimple", [], ["MODEL", "CLIP", "VAE"], ["sd15.safetensors"]),
        _node(2, "EmptyLatentImage", [], ["LATENT"], [512, 512, 1]),
    ]
    links: list[list[Any]] = []
    latent = 2
    for text in range(3, NODES, 2):
        inputs = [
            ("model", "MODEL"),
            ("positive", "CONDITIONING"),
            ("negative", "CONDITIONING"),
            ("latent_image", "LATENT"),
        ]
        nodes.append(
            _node(text, "CLIPTextEncode", [("clip", "CLIP")], ["CONDITIONING"], [f"picture {text}, " * 10])
        )
        nodes.append(
            _node(text + 1, "KSampler", inputs, ["LATENT"], [text, "randomize", 20, 8, "euler", "normal", 1])
        )
        sampler = text + 1
        for origin, slot, target, end in (
            (1, 1, text, 0),
            (1, 0, sampler, 0),
            (text, 0, sampler, 1),
            (text, 0, sampler, 2),
            (latent, 0, sampler, 3),
        ):
            output = nodes[origin - 1]["outputs"][slot]
            links.append([len(links) + 1, origin, slot, target, end, output["type"]])
            output["links"].append(len(links))
            nodes[target - 1]["inputs"][end]["link"] = len(links)
        latent = text + 1
    return {
        "last_node_id": len(nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "version": 0.4,
    }


def _node(
    number: int, kind: str, inputs: list[tuple[str, str]], outputs: list[str], widgets: list[Any]
) -> dict[str, Any]:
    return {
        "id": number, "type": kind, "pos": [number * 10, 0], "size": {"0": 315, "1": 262}, "flags": {},
        "order": number, "mode": 0, "properties": {"Node name for S&R": kind}, "widgets_values": widgets,
        "inputs": [{"name": name, "type": wire, "link": None} for name, wire in inputs],
        "outputs": [{"name": wire, "type": wire, "links": [], "slot_index": 0} for wire in outputs],
    }  # fmt: skip


def measure(name: str, work: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> None:
    """Prints the median time of some rounds; `prepare` is not timed."""
    times: list[float] = []
    for _ in range(ROUNDS):
        prepare()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    print(f"{name:<44}{statistics.median(times) * 1000:8.2f} ms")


class Editing:
    """A document with a history."""

    document: GraphDocument
    history: History

    def __init__(self, form: dict[str, Any]) -> None:
        self._form = form

    def fresh(self) -> None:
        self.document = read_document(self._form).document
        self.history = History(self.document, limit=2000)

    def edit(self) -> None:
        for number in range(1, 501):
            self.history.do(MoveNodes({str(number): (number, number)}), "Move")
            self.history.do(SetWidget(str(number), 0, number), "Value")

    def edited(self) -> None:
        self.fresh()
        self.edit()

    def undo(self) -> None:
        while self.history.undo():
            pass

    def remove_half(self) -> None:
        self.history.do(RemoveNodes([str(number) for number in range(1, 501)]), "Remove")


def main() -> None:
    form = make()
    text = json.dumps(form)
    registry = Registry([], read_catalogue())
    document = read_document(form).document
    graph = compile_document(document, registry).graph
    editing = Editing(form)
    print(f"{len(document.nodes)} nodes, {len(document.links)} links, {len(text) >> 10} KiB")
    measure("parse the JSON", lambda: json.loads(text))
    measure("read the document", lambda: read_document(form))
    measure("compile to a prompt graph", lambda: compile_document(document, registry))
    measure("write, unedited", lambda: write_document(document))
    measure("apply 1,000 edits", editing.edit, editing.fresh)
    measure("write, half of the nodes edited", lambda: write_document(editing.document), editing.edited)
    measure("undo 1,000 edits", editing.undo, editing.edited)
    measure("remove 500 nodes", editing.remove_half, editing.fresh)
    measure("undo that", editing.undo, lambda: (editing.fresh(), editing.remove_half()))
    measure("open the prompt on the canvas", lambda: document_from_prompt(graph, registry))


if __name__ == "__main__":
    main()
