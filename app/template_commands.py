"""`darkroom template`: lists, shows and makes templates; `template run` is `darkroom run` by another name."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from app.profile import Profile
from app.templates import NAMES, SUFFIX, Template, find, own_templates, templates
from core.errors import DarkroomError, WorkflowError
from core.media.outputs import write_whole
from core.nodes.registry import builtin
from core.workflow.comfy_json import write_document
from core.workflow.open import read_workflow
from core.workflow.runnable import Runnable
from core.workflow.targets import Target, declared
from core.workflow.template import (
    Description,
    Parameter,
    parameter_for,
    put_description,
    read_description,
)


def run(options: argparse.Namespace) -> int:
    """Does what the words after `darkroom template` ask for."""
    commands = {"list": show_list, "show": show_one, "save": save}
    return commands[options.action](options)


def show_list(options: argparse.Namespace) -> int:
    """Prints the templates: a line each, or all about them."""
    folder = Profile(options.profile).templates_dir
    own, broken = own_templates(folder)
    for file in broken:
        _warn(file.reason)
    if options.json:
        _print(json.dumps(_all_facts([*templates(), *own]), indent=2))
        return 0
    for template in templates():
        _print(f"{template.name:20} {_line(template.description)}")
    for template in own:
        _print(f"{_line(template.name):20} {_line(template.description or template.title)} (your own)")
    _warn(f"your own templates lie in {folder}")
    return 0


def show_one(options: argparse.Namespace) -> int:
    """Prints what a template is for and what can be set."""
    runnable, description = _template(find(options.template, Profile(options.profile).templates_dir))
    if options.json:
        _print(json.dumps(_described(runnable, description), indent=2))
        return 0
    _print(f"{_line(description.name)} (version {_line(description.version)})")
    _print(_line(description.description))
    for parameter in description.parameters:
        _tell(runnable, parameter)
    return 0


def save(options: argparse.Namespace) -> int:
    """Makes a template of a workflow."""
    opened, registry = read_workflow(options.source), builtin()
    runnable, document = Runnable(opened, registry), opened.to_document(registry).document
    target = _target(options.to, Profile(options.profile).templates_dir)
    places: dict[str, list[Target]] = {}
    for label, place in options.param:
        places.setdefault(label, []).append(place)
    title = options.name or target.stem.replace("_", " ").capitalize()
    parameters = [_parameter(label, targets, runnable) for label, targets in places.items()]
    form = {
        "name": title,
        "description": options.description,
        "version": options.version,
        "parameters": [parameter.model_dump(exclude_none=True) for parameter in parameters],
    }
    put_description(document, read_description(form, str(target)))
    write_whole(target, json.dumps(write_document(document), indent=2).encode())
    _print(str(target))
    return 0


def _parameter(label: str, targets: list[Target], runnable: Runnable) -> Parameter:
    try:
        specs = [declared(target, runnable.graph, runnable.registry) for target in targets]
        return parameter_for(label, targets, specs, [runnable.present(target) for target in targets])
    except WorkflowError as error:
        raise DarkroomError(f"--param {label}: {error}") from error


def _target(word: str, folder: Path) -> Path:
    """Where a new template goes: a bare name to the user's own."""
    path = Path(word)
    if path.suffix or len(path.parts) > 1:
        return path
    if word in NAMES:
        raise DarkroomError(f"{word!r} comes with Darkroom; give your template another name")
    return folder / f"{word}{SUFFIX}"


def _template(path: Path) -> tuple[Runnable, Description]:
    runnable = Runnable(read_workflow(path), builtin())
    description = runnable.description()
    if description is None:
        raise DarkroomError(f"{path} is no template: `darkroom template save` makes one of a workflow")
    return runnable, description


def _all_facts(listed: list[Template]) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    for template in listed:
        try:
            described = _described(*_template(template.path))
        except DarkroomError as error:  # one of the user's that does not run keeps none from being listed
            _warn(str(error))
        else:
            result.append({"template": template.name, "file": str(template.path), **described})
    return result


def _described(runnable: Runnable, description: Description) -> dict[str, Any]:
    """The description, with what each parameter is unless it is set."""
    result = description.model_dump(mode="json", exclude_none=True)
    for form, parameter in zip(result["parameters"], description.parameters, strict=True):
        form["default"] = _default(runnable, parameter)
    return result


def _default(runnable: Runnable, parameter: Parameter) -> object:
    return runnable.present(runnable.targets_of(parameter)[0])


def _tell(runnable: Runnable, parameter: Parameter) -> None:
    default = json.dumps(_default(runnable, parameter), ensure_ascii=False)
    about = parameter.label + (f": {parameter.description}" if parameter.description else "")
    limits = f", {parameter.limits}" if parameter.limits else ""
    _print(f"  {parameter.name}={_line(default)}")
    _print(_line(f"      {about} ({parameter.type}{limits}) -> {', '.join(parameter.targets)}"))


def _line(text: str) -> str:
    """A stranger's text as one line, without codes that steer the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _print(text: str) -> None:
    print(text)  # noqa: T201 - a command line's way to speak


def _warn(sentence: str) -> None:
    print(f"darkroom: {sentence}", file=sys.stderr)  # noqa: T201
