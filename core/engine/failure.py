"""What became of an exception that a node raised."""

from __future__ import annotations

import traceback

from core.engine.call import Items
from core.engine.validate import BoundNode
from core.engine.values import summarise
from core.errors import NodeError, OutOfMemory

_MEMORY_CLASSES = frozenset({"MemoryError", "OutOfMemoryError"})
_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


def is_out_of_memory(cause: BaseException) -> bool:
    """Whether memory ran out; known by names and words, since the engine does not import torch."""
    if any(base.__name__ in _MEMORY_CLASSES for base in type(cause).__mro__):
        return True
    return isinstance(cause, RuntimeError) and any(words in str(cause) for words in _MEMORY_WORDS)


def wrap(node: BoundNode, inputs: Items, cause: Exception, display_id: str) -> NodeError:
    """The error a user is told about, with the exception as its cause."""
    message = str(cause) or type(cause).__name__
    kind = NodeError
    if is_out_of_memory(cause):
        kind = OutOfMemory
        message = f"memory ran out; make the picture smaller or close other programs ({message})"
    error = kind(
        message,
        node_id=node.node_id,
        display_id=display_id,
        class_type=node.spec.class_type,
        inputs=summarise(inputs),
        kind=type(cause).__name__,
    )
    error.__cause__ = cause
    _release_frames(cause)
    return error


def _release_frames(cause: BaseException) -> None:
    """Lets go of the node's local variables: a report may be kept long after tensors should be gone."""
    released: set[int] = set()
    chain: BaseException | None = cause
    while chain is not None and id(chain) not in released:
        released.add(id(chain))
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
