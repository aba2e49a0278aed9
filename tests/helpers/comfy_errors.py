"""Problems in the words of ComfyUI's answers, to compare them with what was observed."""

from __future__ import annotations

from typing import Any

from core.engine.validate import Validation
from core.errors import Problem


def node_errors(validation: Validation, input_config: Any) -> dict[str, Any]:
    """ComfyUI's `node_errors`; `input_config(class_type, input)` is what it repeats of a declaration."""
    found: dict[str, Any] = {}
    for problem in validation.problems:
        if problem.node_id is None or problem.kind in ("cycle", "unknown_node_type"):
            continue
        entry = {
            "errors": [],
            "dependent_outputs": validation.dependent_outputs(problem.node_id),
            "class_type": problem.class_type,
        }
        found.setdefault(problem.node_id, entry)["errors"] += _errors(problem, input_config)
    return found


def _errors(problem: Problem, input_config: Any) -> list[dict[str, Any]]:
    name, facts = problem.input, problem.details
    extra: dict[str, Any] = {"input_name": name}
    if problem.kind == "missing_input":
        return [_error("required_input_missing", "Required input is missing", name, extra)]
    if problem.kind == "rejected":
        message = "Custom validation failed for node"
        return [
            _error("custom_validation_failed", message, f"{one} - {facts['reason']}", {"input_name": one})
            for one in facts["inputs"]
        ]
    if problem.kind == "bad_link" and facts["reason"] != "malformed":
        missing = facts["reason"] == "missing_node"
        text = repr(facts["linked_node"][0]) if missing else "tuple index out of range"
        extra = {"exception_type": "KeyError" if missing else "IndexError", "traceback": ["<traceback>"]}
        return [_error("exception_during_validation", "Exception when validating node", text, extra)]
    extra["input_config"] = input_config(problem.class_type, name)
    if problem.kind == "link_mismatch":
        extra |= {"received_type": facts["received_type"], "linked_node": facts["linked_node"]}
        text = f"{name}, received_type({facts['received_type']}) mismatch input_type({facts['input_type']})"
        return [_error("return_type_mismatch", "Return type mismatch between linked nodes", text, extra)]
    value = extra["received_value"] = facts["received_value"]
    if problem.kind == "bad_link":
        message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
        return [_error("bad_linked_input", message, name, extra)]
    if problem.kind == "out_of_range":
        word, kind = {"min": ("smaller", "min"), "max": ("bigger", "max")}[facts["bound"]]
        message = f"Value {value} {word} than {kind} of {facts['limit']}"
        return [_error(f"value_{word}_than_{kind}", message, name, extra)]
    if problem.kind == "not_a_choice":
        return [
            _error(
                "value_not_in_list",
                "Value not in list",
                f"{name}: {value!r} not in {facts['choices']}",
                extra,
            )
        ]
    assert problem.kind == "wrong_type", problem.kind
    why = extra["exception_message"] = facts["exception_message"]
    message = f"Failed to convert an input value to a {facts['type']} value"
    return [_error("invalid_input_type", message, f"{name}, {value}, {why}", extra)]


def _error(kind: str, message: str, details: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}
