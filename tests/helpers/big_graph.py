"""Documents of many nodes, for tests and benchmarks of the canvas."""

from __future__ import annotations

from dataclasses import replace

from core.workflow.document import GraphDocument
from core.workflow.records import DocumentLink, Group, Header, InputSocket, Node, OutputSocket

_STEP = (420.0, 420.0)
_INPUTS = ("model", "positive", "negative", "latent_image")
_VALUES = (156680208700286, "randomize", 20, 8.0, "euler", "normal", 1.0)


def big_graph(nodes: int) -> GraphDocument:
    """A document of samplers with about three links each, some of them long, in a square."""
    columns = max(int((nodes * 1.6) ** 0.5), 1)
    records = [_node(index, columns) for index in range(nodes)]
    links: dict[int, DocumentLink] = {}

    def link(origin: int, target: int, slot: int) -> None:
        number = len(links) + 1
        links[number] = DocumentLink(number, str(origin + 1), 0, str(target + 1), slot, "*")
        output = records[origin].outputs[0]
        records[origin] = replace(records[origin], outputs=(replace(output, links=(*output.links, number)),))
        inputs = list(records[target].inputs)
        inputs[slot] = replace(inputs[slot], link=number)
        records[target] = replace(records[target], inputs=tuple(inputs))

    for index in range(1, nodes):
        link(index - 1, index, 0)
        if index >= columns:
            link(index - columns, index, 1)
        if index > 5:
            link(index - 2 - (index * 7919) % min(index - 2, 30), index, 3)
    groups = [
        Group(number, f"Part {number + 1}", (number * 4 * _STEP[0] - 20, -80, 4 * _STEP[0] - 80, 1200))
        for number in range(columns // 4)
    ]
    header = Header(last_node_id=nodes, last_link_id=len(links))
    return GraphDocument(records, links.values(), groups, header=header)


def _node(index: int, columns: int) -> Node:
    colours = (None, None, None, "#322", "#232")
    colour = colours[index % len(colours)]
    return Node(
        id=str(index + 1),
        type="KSampler",
        pos=((index % columns) * _STEP[0], (index // columns) * _STEP[1]),
        size=(315.0, 262.0),
        title=f"KSampler {index + 1}",
        inputs=tuple(InputSocket(name, "*") for name in _INPUTS),
        outputs=(OutputSocket("LATENT", "LATENT"),),
        widgets=_VALUES,
        colour=colour,
        background="#533" if colour == "#322" else "#353" if colour else None,
    )
