"""What a file holds: a workflow of the editor, an API prompt, or a picture or latent that carries them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import WorkflowError
from core.graph import PromptGraph
from core.nodes.registry import Registry
from core.workflow.comfy_json import ReadDocument, is_editor_json, read_document
from core.workflow.compile import Compiled, compile_document
from core.workflow.document import GraphDocument
from core.workflow.from_prompt import document_from_prompt
from core.workflow.json_text import SIZE_LIMIT, parse_json
from core.workflow.metadata import read_graphs
from core.workflow.prompt_json import is_prompt_json, read_prompt
from core.workflow.records import Remark

_OPENERS: Final = (b"{", b"[", b'"', b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file holds.

    Attributes:
        name: What messages call the file.
        container: `json`, `image` or `latent`.
        document: The workflow as laid out; None where the file has only a prompt.
        prompt: The prompt as stored; None where the file has only a workflow.
        remarks: What of the file could not be taken as it stands.
    """

    name: str
    container: str
    document: GraphDocument | None
    prompt: PromptGraph | None
    remarks: tuple[Remark, ...] = ()

    @property
    def format(self) -> str:
        """`editor` if the file has a layout, else `api`."""
        return "api" if self.document is None else "editor"

    def to_prompt(self, registry: Registry) -> Compiled:
        """What to run: the stored prompt, which made the picture, or else the workflow compiled.

        Raises:
            WorkflowError: The workflow does not compile.
        """
        if self.prompt is not None:
            return Compiled(self.prompt, ())
        if self.document is None:
            raise WorkflowError(f"{self.name} holds no graph")
        return compile_document(self.document, registry)

    def to_document(self, registry: Registry) -> ReadDocument:
        """What to show: the workflow as laid out, or else the prompt arranged."""
        if self.document is not None:
            return ReadDocument(self.document, ())
        return document_from_prompt(self.prompt or PromptGraph(), registry)


def read_workflow(source: Path | bytes, name: str | None = None) -> Opened:
    """What the file holds; what it is is seen by its content, never by its name.

    Args:
        name: What messages call the file; the path if None.

    Raises:
        WorkflowError: It cannot be read, or holds no graph; the message says what it lacks.
    """
    name = name or (str(source) if isinstance(source, Path) else "the file")
    try:
        start = _start(source)
        if not start:
            raise WorkflowError(f"{name} is empty")
        if start.lstrip().startswith(_OPENERS):
            return _from_json(parse_json(_content(source, name), name), name)
        if start[8:9] == b"{":
            return _from_latent(source, name)
        return _from_image(source, name)
    except OSError as error:
        raise WorkflowError(f"{name} cannot be read: {error.strerror or error}") from error


def _from_json(value: Any, name: str, container: str = "json") -> Opened:
    if not isinstance(value, dict):
        raise WorkflowError(
            f"{name} is not a workflow: expected a JSON object, found a {type(value).__name__}"
        )
    if "nodes" in value and not is_prompt_json(value):
        return _opened(value, None, name, container)
    if is_prompt_json(value):
        return _opened(None, value, name, container)
    prompt, workflow = value.get("prompt"), value.get("workflow")
    extra: Any = value.get("extra_data")
    if workflow is None and isinstance(extra, dict) and isinstance(extra.get("extra_pnginfo"), dict):
        workflow = extra["extra_pnginfo"].get("workflow")
    if prompt is None and workflow is None:
        raise WorkflowError(
            f'{name} holds no graph: it has neither a list called "nodes", as workflows of the editor have, '
            'nor an entry with a "class_type", as API prompts have'
        )
    return _opened(workflow, prompt, name, container)


def _from_image(source: Path | bytes, name: str) -> Opened:
    graphs = read_graphs(source, name)
    remarks = tuple(Remark(name, problem) for problem in graphs.problems)
    if graphs.workflow is None and graphs.prompt is None:
        others = ", ".join(sorted(graphs.texts))
        found = f"it only has the texts {others}" if others else "it has no texts at all"
        raise WorkflowError(f"{name} carries no graph: {found}")
    return _opened(graphs.workflow, graphs.prompt, name, "image", remarks)


def _from_latent(source: Path | bytes, name: str) -> Opened:
    """Latents are safetensors files, whose header begins with its length and can hold texts."""
    data = _head(source, 8)
    length = int.from_bytes(data, "little")
    if length > SIZE_LIMIT:
        raise WorkflowError(f"{name} is neither JSON, nor a picture, nor a latent that can be read")
    header = parse_json(_head(source, 8 + length)[8:], f"the header of {name}")
    texts: Any = header.get("__metadata__") if isinstance(header, dict) else None
    texts = texts if isinstance(texts, dict) else {}
    graphs = {
        key: parse_json(texts[key], f"the {key} in {name}")
        for key in ("workflow", "prompt")
        if isinstance(texts.get(key), str)
    }
    if not graphs:
        raise WorkflowError(f"{name} carries no graph: its header has neither a workflow nor a prompt")
    return _opened(graphs.get("workflow"), graphs.get("prompt"), name, "latent")


def _opened(
    workflow: object, prompt: object, name: str, container: str, remarks: tuple[Remark, ...] = ()
) -> Opened:
    """Both graphs read. Where there are two, one that is broken becomes a remark."""
    document: GraphDocument | None = None
    graph: PromptGraph | None = None
    errors: list[WorkflowError] = []
    if workflow is not None and (is_editor_json(workflow) or prompt is None):
        try:
            read = read_document(workflow, name)
            document, remarks = read.document, (*remarks, *read.remarks)
        except WorkflowError as error:
            errors.append(error)
    if prompt is not None:
        try:
            graph = read_prompt(prompt, name)
        except WorkflowError as error:
            errors.append(error)
    if document is None and graph is None:
        raise errors[0]
    remarks += tuple(Remark(name, str(error)) for error in errors)
    return Opened(name, container, document, graph, remarks)


def _start(source: Path | bytes) -> bytes:
    return _head(source, 64)


def _head(source: Path | bytes, length: int) -> bytes:
    if isinstance(source, bytes):
        return source[:length]
    with source.open("rb") as file:
        return file.read(length)


def _content(source: Path | bytes, name: str) -> bytes:
    data = _head(source, SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise WorkflowError(f"{name} is too large for a workflow: more than {SIZE_LIMIT >> 20} MiB")
    return data
