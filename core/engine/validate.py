"""Everything that is wrong with a prompt graph, and what of it can run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.engine.hooks import call_hook
from core.engine.values import NotPlain, check_plain, convert, show
from core.errors import GraphError, InputError, Problem
from core.folders import Folders
from core.graph import Link, PromptGraph, PromptNode
from core.near import near
from core.nodes.registry import Registry
from core.nodes.spec import WIDGET_TYPES, Choice, FileChoice, InputSpec, NodeSpec, Range, types_match
from core.topology import find_cycles, sources_first

_NEAR_NAMES = 20
"""How often a search for near names is worth its time in one graph."""


class BoundNode(NamedTuple):
    """A valid node joined with its type: what the rest of the engine works with.

    Attributes:
        constants: Values of declared inputs, converted to their types.
        links: Declared inputs that are links.
        extra: Values of inputs the type does not declare. They count for the signature and nothing else.
    """

    node_id: str
    spec: NodeSpec
    constants: Mapping[str, object]
    links: Mapping[str, Link]
    extra: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found.

    Attributes:
        problems: Everything wrong with the nodes that are reached, in the order of the graph.
        outputs: The wanted outputs that can run.
        reached: The nodes that wanted outputs need, valid or not.
        nodes: Every valid node, reached or not, sources first.
    """

    graph: PromptGraph
    problems: tuple[Problem, ...]
    outputs: tuple[str, ...]
    reached: frozenset[str]
    nodes: Mapping[str, BoundNode]
    _wanted: tuple[str, ...]

    def dependent_outputs(self, node_id: str) -> list[str]:
        """The wanted outputs that need a node; the outputs that a problem of this node leaves out."""
        consumers: dict[str, list[str]] = {}
        for consumer, node in self.graph.nodes.items():
            for _, link in node.links():
                if _is_well_formed(link):
                    consumers.setdefault(link.node_id, []).append(consumer)
        behind = set(sources_first([node_id], lambda node: consumers.get(node, ())))
        return [output for output in self._wanted if output in behind]


def validate(
    graph: PromptGraph, registry: Registry, folders: Folders, targets: Iterable[str] | None = None
) -> Validation:
    """What can run, and every problem of the rest.

    Args:
        targets: The nodes to run for; all output nodes if None.
    """
    checks = _Checks(graph, registry, folders)
    outputs = [name for name, node in graph.nodes.items() if _is_output(registry.get(node.class_type))]
    wanted = tuple(outputs if targets is None else dict.fromkeys(targets))
    known = [target for target in wanted if target in graph.nodes]
    bound = {node_id: node for node_id in graph.nodes if (node := checks.bind(node_id)) is not None}
    order = sources_first(known, checks.sources)
    reached = frozenset(order)
    checks.ask(bound[node_id] for node_id in order if node_id in bound)
    order += sources_first(graph.nodes, checks.sources, besides=reached)
    for cycle in find_cycles(order, checks.sources):
        checks.report_cycle(cycle)
    nodes: dict[str, BoundNode] = {}
    if not checks.problems:  # as with most graphs; asking for each source takes a tenth of the time
        nodes = {node_id: bound[node_id] for node_id in order}
    else:
        for node_id in order:
            if node_id not in checks.problems and all(source in nodes for source in checks.sources(node_id)):
                nodes[node_id] = bound[node_id]

    possible = set(checks.possible_outputs() if targets is None else ())
    relevant = reached | possible
    problems = [
        p
        for node_id in graph.nodes
        if node_id in checks.problems and node_id in relevant
        for p in checks.problems[node_id]
    ]
    if not wanted:
        what = (
            "nothing in this graph that can run makes an output" if possible else "this graph has no output"
        )
        problems.append(Problem("no_output", f"{what}: add a node such as SaveImage or PreviewImage"))
    missing = [target for target in wanted if target not in graph.nodes]
    problems += [Problem("no_output", f"there is no node {show(target)} to run for") for target in missing]
    runnable = tuple(output for output in wanted if output in nodes)
    return Validation(graph, tuple(problems), runnable, reached, nodes, wanted)


def bind_addition(
    added: Mapping[str, PromptNode],
    nodes: Mapping[str, PromptNode],
    bound: Mapping[str, BoundNode],
    registry: Registry,
    folders: Folders,
) -> dict[str, BoundNode]:
    """Nodes that came to a graph while it ran, sources first.

    Args:
        nodes: All nodes, the added ones included.
        bound: Those of the others that can run.

    Raises:
        GraphError: Any of the added nodes cannot.
    """
    checks = _Checks(PromptGraph(nodes), registry, folders)
    found = {node_id: node for node_id in added if (node := checks.bind(node_id)) is not None}
    checks.ask(found.values())

    def inner_sources(node_id: str) -> list[str]:
        return [source for source in checks.sources(node_id) if source in added]

    order = sources_first(added, inner_sources)
    for cycle in find_cycles(order, inner_sources):
        checks.report_cycle(cycle)
    problems = [problem for of_node in checks.problems.values() for problem in of_node]
    if problems:
        raise GraphError(problems)
    for node_id, node in found.items():
        for name, link in node.links.items():
            if link.node_id not in found and link.node_id not in bound:
                message = f"the input {show(name)} is linked to node {show(link.node_id)}, which cannot run"
                raise GraphError([Problem("bad_link", message, node_id, node.spec.class_type, name)])
    return {node_id: found[node_id] for node_id in order}


def _is_output(spec: NodeSpec | None) -> bool:
    return spec is not None and spec.output_node


@dataclass(slots=True)
class _Checks:
    """The checks of one graph, and the problems they found by node."""

    graph: PromptGraph
    registry: Registry
    folders: Folders
    problems: dict[str, list[Problem]] = field(default_factory=dict[str, list[Problem]])
    _sources: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _options: dict[int, dict[str, None]] = field(default_factory=dict[int, dict[str, None]])
    _searches: int = 0

    def bind(self, node_id: str) -> BoundNode | None:
        """The node joined with its type, and problems noted; None if nobody knows the type."""
        node = self.graph.nodes[node_id]
        spec = self.registry.get(node.class_type)
        sources = self._sources[node_id] = []
        if spec is None:
            sources += [link.node_id for _, link in node.links() if self._leads_to_a_node(link)]
            self._report_unknown(node_id, node)
            return None
        constants: dict[str, object] = {}
        links: dict[str, Link] = {}
        extra: dict[str, object] = {}
        by_name = spec.by_name
        for name, value in node.inputs.items():
            declared = by_name.get(name) or spec.input(name)
            if isinstance(value, Link):
                if declared is not None:
                    links[name] = value
                    if self._check_link(node_id, declared, name, value):
                        sources.append(value.node_id)
            elif declared is not None:
                self._check_constant(node_id, spec, declared, name, value, constants)
            elif self._is_plain(node_id, name, value):
                extra[name] = value
        for name in spec.required:
            if node.inputs.get(name) is None:
                self._report(node_id, "missing_input", f"the input {show(name)} is missing", name)
        return BoundNode(node_id, spec, constants, links, extra)

    def sources(self, node_id: str) -> list[str]:
        """The nodes that feed a node."""
        return self._sources[node_id]

    def ask(self, nodes: Iterable[BoundNode]) -> None:
        """Lets nodes check themselves."""
        for node in nodes:
            if node.spec.validate is not None:
                self._ask_node(node.node_id, node.spec, node.constants)

    def _leads_to_a_node(self, link: Link) -> bool:
        return _is_well_formed(link) and link.node_id in self.graph.nodes

    def report_cycle(self, cycle: Sequence[str]) -> None:
        shown = list(cycle) if len(cycle) <= 12 else [*cycle[:6], "...", *cycle[-5:]]
        path = " -> ".join([*shown, cycle[0]])
        message = f"these nodes feed each other in a circle: {path}; remove one of the links"
        self._report(cycle[0], "cycle", message, nodes=list(cycle))

    def possible_outputs(self) -> Iterator[str]:
        """The nodes that cannot run and may be outputs for all that is known."""
        for node_id, node in self.graph.nodes.items():
            if self.registry.get(node.class_type) is None:
                interface = self.registry.interface(node.class_type)
                if interface is None or interface.output_node:
                    yield node_id

    def _report(
        self, node_id: str, kind: str, message: str, name: str | None = None, **details: object
    ) -> None:
        class_type = self.graph.nodes[node_id].class_type
        self.problems.setdefault(node_id, []).append(
            Problem(kind, message, node_id, class_type, name, details)
        )

    def _report_unknown(self, node_id: str, node: PromptNode) -> None:
        if self.registry.interface(node.class_type) is not None:
            message = f"Darkroom knows {show(node.class_type)} but cannot run it yet"
            self._report(node_id, "unknown_node_type", message, near=[])
            return
        close = self._near(node.class_type, self.registry.names())
        message = f"there is no node type {show(node.class_type)}{_offer(close)}"
        self._report(node_id, "unknown_node_type", message, near=close)

    def _check_link(self, node_id: str, declared: InputSpec, name: str, link: Link) -> bool:
        """Whether a link leads to a node at all."""
        if not _is_well_formed(link):
            self._report_malformed(node_id, name, list(link))
            return False
        source = self.graph.nodes.get(link.node_id)
        if source is None:
            message = f"the input {show(name)} is linked to node {show(link.node_id)}, which does not exist"
            self._report(node_id, "bad_link", message, name, reason="missing_node", linked_node=list(link))
            return False
        spec = self.registry.get(source.class_type)
        if spec is None:
            return True  # the node it comes from has the problem
        if not 0 <= link.slot < len(spec.outputs):
            count = len(spec.outputs)
            where = f"node {link.node_id} ({source.class_type})"
            message = f"the input {show(name)} is linked to output {link.slot} of {where}, which has {count}"
            facts: dict[str, object] = {"linked_node": list(link), "outputs": count}
            self._report(node_id, "bad_link", message, name, reason="slot", **facts)
            return True
        given = spec.outputs[link.slot].type
        if not types_match(given, declared.type):
            where = f"node {link.node_id} ({source.class_type})"
            message = (
                f"the input {show(name)} takes {declared.type}, output {link.slot} of {where} gives {given}"
            )
            facts = {"received_type": given, "input_type": declared.type}
            self._report(node_id, "link_mismatch", message, name, linked_node=list(link), **facts)
        return True

    def _check_constant(
        self,
        node_id: str,
        spec: NodeSpec,
        declared: InputSpec,
        name: str,
        value: object,
        constants: dict[str, object],
    ) -> None:
        if value is None:
            return  # as good as not given
        if declared.type not in WIDGET_TYPES and not self._takes_constants(declared):
            if isinstance(value, list):
                self._report_malformed(node_id, name, value)
            else:
                message = (
                    f"the input {show(name)} takes {declared.type} from a link, not the value {show(value)}"
                )
                self._report(node_id, "wrong_type", message, name, type=declared.type, received_value=value)
            return
        if not self._is_plain(node_id, name, value):
            return
        try:
            converted = convert(value, declared.type)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"the input {show(name)} takes {declared.type}, which {show(value)} is not"
            facts: dict[str, object] = {"type": declared.type, "received_value": value}
            self._report(node_id, "wrong_type", message, name, exception_message=str(error), **facts)
            return
        hook = spec.validate
        if hook is None or not (hook.takes_all or name in hook.inputs):
            self._check_widget(node_id, declared, name, converted)
        constants[name] = converted

    def _takes_constants(self, declared: InputSpec) -> bool:
        if declared.type == "*" or declared.widget is not None:
            return True
        return not WIDGET_TYPES.isdisjoint(declared.type.split(","))

    def _check_widget(self, node_id: str, declared: InputSpec, name: str, value: object) -> None:
        widget = declared.widget
        if isinstance(widget, Range) and isinstance(value, int | float):
            if value < widget.min:
                self._report_range(node_id, name, value, "min", widget.min, "least")
            elif value > widget.max:
                self._report_range(node_id, name, value, "max", widget.max, "most")
        elif isinstance(widget, Choice | FileChoice) and not widget.open:
            options = self._options_of(widget)
            is_among = value in (options if isinstance(value, str) else list(options))
            if not is_among and not self._is_file(widget, value):
                self._report_choice(node_id, widget, name, value, list(options))

    def _is_file(self, widget: Choice | FileChoice, value: object) -> bool:
        if isinstance(widget, FileChoice) and isinstance(value, str):
            return widget.find(value, self.folders) is not None
        return False

    def _report_choice(
        self, node_id: str, widget: Choice | FileChoice, name: str, value: object, options: Sequence[str]
    ) -> None:
        close = self._near(str(value), options)
        which = f" ({', '.join(map(repr, options))})" if 0 < len(options) <= 8 and not close else ""
        fault = f"none of the {len(options)} choices"
        if isinstance(widget, FileChoice):
            places = " or ".join(map(str, self.folders.places(widget.folder)))
            fault = f"not among the files in {places}"
        message = f"the input {show(name)} is {show(value)}, which is {fault}{which}{_offer(close)}"
        self._report(
            node_id, "not_a_choice", message, name, received_value=value, choices=options, near=close
        )

    def _report_range(
        self, node_id: str, name: str, value: float, bound: str, limit: float, word: str
    ) -> None:
        message = f"the input {show(name)} is {value}; the {word} is {limit}"
        self._report(node_id, "out_of_range", message, name, received_value=value, bound=bound, limit=limit)

    def _report_malformed(self, node_id: str, name: str, value: object) -> None:
        message = f"the input {show(name)} holds {show(value)}; a link is written [node id, output number]"
        self._report(node_id, "bad_link", message, name, reason="malformed", received_value=value)

    def _is_plain(self, node_id: str, name: str, value: object) -> bool:
        try:
            check_plain(value)
        except NotPlain as error:
            message = f"the input {show(name)} is {show(value)}: {error}"
            self._report(
                node_id, "wrong_type", message, name, received_value=value, exception_message=str(error)
            )
            return False
        return True

    def _ask_node(self, node_id: str, spec: NodeSpec, constants: Mapping[str, object]) -> None:
        """Calls the node's own check, unless one of the inputs it uses is known to be wrong."""
        hook = spec.validate
        assert hook is not None
        names = [name for name in constants if hook.takes_all or name in hook.inputs]
        wrong = {problem.input for problem in self.problems.get(node_id, ())}
        if not wrong.isdisjoint(spec.by_name if hook.takes_all else hook.inputs):
            return
        try:
            call_hook(hook, constants, self.folders, node_id)
        except InputError as error:
            value = constants.get(error.input or "")
            facts = {"reason": str(error), "received_value": value}
            self._report(node_id, "rejected", str(error), error.input, inputs=names, **facts)
        except Exception as error:  # noqa: BLE001 - whatever a node's check raises is a reason not to run it
            message = f"the check of this node failed with {type(error).__name__}: {error}"
            facts = {
                "exception_type": type(error).__name__,
                "exception_message": str(error),
            }
            self._report(node_id, "rejected", message, None, inputs=names, **facts)

    def _options_of(self, widget: Choice | FileChoice) -> Mapping[str, None]:
        """The choices in order; a mapping, since some are from hundreds of files."""
        options = self._options.get(id(widget))
        if options is None:
            options = self._options[id(widget)] = dict.fromkeys(widget.options(self.folders))
        return options

    def _near(self, name: str, names: Sequence[str]) -> list[str]:
        self._searches += 1
        return near(name[:200], names) if self._searches <= _NEAR_NAMES else []


def _is_well_formed(link: Link) -> bool:
    return type(link.node_id) is str and type(link.slot) is int  # what was read from a file may be anything


def _offer(close: Sequence[str]) -> str:
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
