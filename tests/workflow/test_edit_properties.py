"""Long random sessions with everything that users do to a graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest
from helpers.workflows import assert_sound, catalogue, subgraph, text_to_image, with_instance

from core.errors import WorkflowError
from core.nodes.registry import builtin
from core.workflow import edits, placing
from core.workflow.comfy_json import read_document, write_document
from core.workflow.compile import compile_document
from core.workflow.document import GraphDocument, Operation
from core.workflow.fragment import insert, read_fragment, take
from core.workflow.history import History
from core.workflow.new_nodes import SPECIAL, new_node, special_node
from core.workflow.operations import (
    AddNode,
    MoveNodes,
    PutGroup,
    ResizeNode,
    SetColour,
    SetExtra,
    SetProperty,
    SetTitle,
    SetWidget,
)
from core.workflow.records import BYPASSED, MUTED, Group, number_of
from core.workflow.widgets import layout
from core.workflow.wiring import MoveReroutes, RemoveInput

TYPES = [*builtin().names(), *SPECIAL]


class Hand:
    """Picks edits at random that mostly fit the document."""

    def __init__(self, random: Random, document: GraphDocument) -> None:
        self.random = random
        self.document = document
        self.edits: list[Callable[[], Operation]] = [
            self.add,
            self.add,
            self.link,
            self.link,
            self.link,
            self.link,
            self.reroute,
            self.reroute,
            self.put_in,
            self.put_in,
            self.delete,
            self.move,
            self.move_points,
            self.widget,
            self.group,
            self.change_group,
            self.unplug,
            self.clear,
            lambda: edits.toggle_mode(document, self.some(), random.choice([MUTED, BYPASSED])),
            lambda: edits.toggle_flag(document, self.some(), random.choice(["collapsed", "pinned"])),
            lambda: placing.align(
                document, self.some(), random.choice(["left", "right", "top", "bottom"]), {}
            ),
            lambda: placing.distribute(document, self.some(), random.choice(["across", "down"]), {}),
            lambda: placing.arrange_all(document, {}),
            lambda: ResizeNode(self.one(), self.point()),
            lambda: SetTitle(self.one(), random.choice([None, "T", ""])),
            lambda: SetColour(self.some(), random.choice([None, "#123"]), random.choice([None, "#456"])),
            lambda: SetProperty(self.one(), "p", random.choice([None, 1, [2]])),
            lambda: SetExtra("ds", random.choice([None, {"scale": random.random()}])),
        ]

    def edit(self) -> Operation:
        return self.random.choice(self.edits)()

    def one(self) -> str:
        return self.random.choice([*self.document.nodes, "nobody"])

    def some(self) -> list[str]:
        nodes = list(self.document.nodes)
        if not nodes:
            raise WorkflowError("no nodes")
        return self.random.sample(nodes, self.random.randint(1, min(4, len(nodes))))

    def any_of(self, table: object, share: float = 0.3) -> list[int]:
        return [key for key in table if self.random.random() < share]

    def point(self) -> tuple[float, float]:
        return float(self.random.randint(-500, 2000)), float(self.random.randint(-500, 2000))

    def add(self) -> Operation:
        number, kind = self.document.new_node_id(), self.random.choice(TYPES)
        if kind in SPECIAL:
            return AddNode(special_node(number, kind, self.point()))
        return AddNode(new_node(number, builtin().get(kind), self.point()))

    def link(self) -> Operation:
        """From any output to an input or a value, often of a fitting type."""
        nodes = list(self.document.nodes.values())
        starts = [(n.id, slot, s.type) for n in nodes for slot, s in enumerate(n.outputs)]
        ends = [(n.id, s.name, s.type) for n in nodes for s in n.inputs]
        ends += [(n.id, name, "?") for n in nodes for name in layout(n, builtin().interface(n.type)).places]
        if not starts or not ends:
            raise WorkflowError("nothing to link")
        origin, slot, kind = self.random.choice(starts)
        target, name, _ = self.random.choice([e for e in ends if e[2] in (kind, "*", "?")] or ends)
        return edits.link(self.document, origin, slot, target, name, builtin())

    def reroute(self) -> Operation:
        return edits.reroute(self.document, self.random.choice([*self.document.links, 999_999]), self.point())

    def put_in(self) -> Operation:
        fragment = take(self.document, self.any_of(self.document.nodes), self.any_of(self.document.groups))
        if self.random.random() < 0.5:
            fragment = read_fragment(json.dumps(fragment.to_json()), builtin())
        at = self.random.choice([None, fragment.corner, self.point()])
        if len(self.document.nodes) + len(fragment.document.nodes) > 60:
            return edits.delete(self.document, self.any_of(self.document.nodes))
        return insert(self.document, fragment, at, self.random.random() < 0.5).operation

    def delete(self) -> Operation:
        tables = (self.document.nodes, self.document.groups, self.document.reroutes, self.document.links)
        return edits.delete(self.document, *(self.any_of(table, 0.08) for table in tables))

    def clear(self) -> Operation:
        return edits.clear(self.document) if self.random.random() < 0.1 else self.add()

    def move(self) -> Operation:
        return MoveNodes({node_id: self.point() for node_id in self.some()})

    def move_points(self) -> Operation:
        return MoveReroutes({number: self.point() for number in self.any_of(self.document.reroutes)})

    def widget(self) -> Operation:
        node = self.document.node(self.one())
        return SetWidget(node.id, self.random.randint(0, 7), self.random.choice([1, 1.0, True, "x", None]))

    def group(self) -> Operation:
        groups, points = self.any_of(self.document.groups), self.any_of(self.document.reroutes)
        return placing.group_around(self.document, self.some(), groups, points, {})

    def change_group(self) -> Operation:
        key = self.random.choice([*self.document.groups, 1])
        return PutGroup(Group(key, self.random.choice("AB"), (*self.point(), 300, 200), "#123"))

    def unplug(self) -> Operation:
        return RemoveInput(self.one(), self.random.randint(0, 4))


def start(version: float) -> GraphDocument:
    form = with_instance(definitions=subgraph()) if version >= 1 else text_to_image()
    return read_document(form).document


@pytest.mark.parametrize("seed", range(12))
def test_undo_and_redo_of_random_sessions(seed):
    version = (0.4, 1)[seed % 2]
    document = start(version)
    history = History(document)
    hand = Hand(Random(seed), document)
    states = [json.dumps(write_document(document))]
    tried = 0
    while len(states) <= 200:
        tried += 1
        assert tried < 2000, "too many edits were refused"
        highest = document.header.last_node_id
        try:
            history.do(hand.edit(), "edit")
        except WorkflowError:
            assert json.dumps(write_document(document)) == states[-1]
            continue
        assert_sound(document)
        assert document.header.last_node_id >= max([highest, *map(number_of, document.nodes)])
        if len(history.undo_labels) == len(states):
            states.append(json.dumps(write_document(document)))
        else:
            assert json.dumps(write_document(document)) == states[-1]
    again = read_document(json.loads(states[-1]))
    assert again.document == document
    assert again.remarks == ()
    compile_document(document, catalogue())
    for state in reversed(states[:-1]):
        history.undo()
        assert json.dumps(write_document(document)) == state
    assert document == start(version)
    assert not history.undo()
    for state in states[1:]:
        history.redo()
        assert json.dumps(write_document(document)) == state
    assert again.document == document
