"""`darkroom`: opens the window; with a command, runs, converts and inspects graphs without one.

Only the window imports Qt, when it is about to be shown.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.status import CANCELLED, FAILED, OK, WRONG_INPUT
from core.errors import DarkroomError
from resources import READY_GRAPH

if TYPE_CHECKING:
    from app.headless import Dump
    from core.workflow.runnable import Setting
    from core.workflow.targets import Target

_COMMANDS: Final = ("run", "template", "sweep", "convert", "inspect", "nodes")
_PLACE: Final = re.compile(r".+\.[^.]+|[A-Za-z]\w*", re.DOTALL | re.ASCII)
"""`NODE.INPUT`, or a parameter of a template."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line and returns its exit status. Without a command, its words are files for the window.

    0: everything was made; 1: some or none of it; 2: a file or the command line was wrong; 130: cancelled.
    """
    _print_anything()
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        is_command = words[:1] and words[0] in _COMMANDS
        parsed = _commands().parse_args(words) if is_command else _window().parse_intermixed_args(words)
        command: Callable[[argparse.Namespace], int] = parsed.command
        status = command(parsed)
        sys.stdout.flush()
        return status
    except DarkroomError as error:
        return _complain(str(error), WRONG_INPUT)
    except KeyboardInterrupt:
        return _complain("cancelled", CANCELLED)
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except MemoryError:
        return _complain("memory ran out; close other programs or use smaller files", FAILED)
    except Exception as error:
        from app import crash

        if os.environ.get("DARKROOM_TRACE"):
            raise
        return _complain(crash.describe(error), FAILED)


def _print_anything() -> None:
    """Names of files may hold characters that the terminal has no code for; they are escaped, not refused."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(message: str, status: int) -> int:
    _say(message)
    return status


def _say(message: str) -> None:
    print(f"darkroom: {message}", file=sys.stderr, flush=True)  # noqa: T201 - a command line's way to speak


def _open_window(options: argparse.Namespace) -> int:
    """Opens the window; where there can be none, runs the files or the ready graph instead and says so."""
    lacks_display = not _has_display()
    if not (options.headless or lacks_display):
        alone = ("set", "dump", "report", "trace", "stop_at_first_error")
        misplaced = [f"--{name.replace('_', '-')}" for name in alone if getattr(options, name)]
        if misplaced:
            raise DarkroomError(f"{misplaced[0]} goes with --headless or with `darkroom run`")
        from app import application

        return application.main(options)
    from app import headless

    count = len(options.files)
    what = "the ready graph" if count == 0 else "the file" if count == 1 else f"{count} files"
    reason = "no display found: " if lacks_display else ""
    _say(f"{reason}running {what} without a window")
    options.files = options.files or [READY_GRAPH]
    return headless.run(options)


def _run(options: argparse.Namespace) -> int:
    """Runs the templates and files that are named."""
    from app import headless

    options.files = [_found(name, options) for name in options.template] + options.files
    if not options.files:
        raise DarkroomError("there is nothing to run: name a file, or a template with --template")
    return headless.run(options)


def _template(options: argparse.Namespace) -> int:
    """Lists, shows or makes templates."""
    from app import template_commands

    return template_commands.run(options)


def _run_template(options: argparse.Namespace) -> int:
    """Runs one template."""
    from app import headless

    options.files = [_found(options.template, options)]
    return headless.run(options)


def _sweep(options: argparse.Namespace) -> int:
    """Runs a graph with every combination of values."""
    from app import sweep

    options.file = _found(options.file, options)
    return sweep.run(options)


def _found(word: str, options: argparse.Namespace) -> Path:
    """The file that a word means: that of a template, or one by its path."""
    from app.profile import Profile
    from app.templates import find

    return find(word, Profile(options.profile).templates_dir)


def _has_display() -> bool:
    """Whether a window can be shown. Windows and macOS always have a display."""
    needs_one = sys.platform not in ("win32", "darwin")
    return not needs_one or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")))


def _window() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="darkroom",
        description="Make images on your own machine. Opens the window, with the files if any are named.",
        epilog=f"Without a window: darkroom {{{','.join(_COMMANDS)}}} ...; each has a --help of its own.",
    )
    parser.set_defaults(command=_open_window)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="workflow, prompt, or picture that carries one"
    )
    _add_profile(parser)
    parser.add_argument(
        "--headless", action="store_true", help="run the files, or the ready graph, as `darkroom run` does"
    )
    _add_run(parser)
    return parser


def _commands() -> argparse.ArgumentParser:
    from app import files  # it takes a moment, in which Ctrl+C is answered like at any other time

    parser = argparse.ArgumentParser(prog="darkroom", description="Make images on your own machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run graphs: API or editor JSON, or pictures that carry one")
    run.set_defaults(command=_run)
    run.add_argument("files", nargs="*", type=Path, metavar="FILE")
    run.add_argument(
        "--template",
        action="append",
        default=[],
        metavar="NAME",
        help="run a template, as `darkroom template list` names them (repeatable)",
    )
    _add_profile(run)
    _add_run(run)

    template = commands.add_parser("template", help="list, show, run and make templates")
    template.set_defaults(command=_template)
    _add_template_commands(template.add_subparsers(required=True, dest="action", metavar="COMMAND"))

    sweep = commands.add_parser(
        "sweep",
        help="run a graph with every combination of values, and lay the pictures out in a grid",
        description="Run a graph with every combination of the values of its axes. A sweep that was stopped "
        "goes on where it stopped when its command is given again; with more values, or a further axis, it "
        "makes those cells that are new.",
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("file", metavar="FILE|TEMPLATE")
    sweep.add_argument(
        "--axis",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUES",
        help='4,6,8, 1..5, 0..1:0.25, seeds:4, "a, b",c or @FILE with a value in each line; '
        "NODE.INPUT~WORDS=VALUES replaces words in a text; a parameter of a template goes by its name "
        "(repeatable: columns, rows, then a grid for each value)",
    )
    sweep.add_argument("--dry-run", action="store_true", help="print the cells in the order they would run")
    _add_profile(sweep)
    _add_computing(sweep)

    convert = commands.add_parser("convert", help="convert a graph between API and editor format")
    convert.set_defaults(command=files.convert)
    convert.add_argument("source", type=Path, metavar="IN", help="JSON, or a picture that carries a graph")
    convert.add_argument("target", type=Path, metavar="OUT", help="JSON file to write")
    convert.add_argument("--to", choices=("api", "editor"), required=True)

    inspect = commands.add_parser("inspect", help="tell what a file holds, as JSON")
    inspect.set_defaults(command=files.inspect)
    inspect.add_argument("source", type=Path, metavar="FILE")
    _add_folders(inspect)

    nodes = commands.add_parser("nodes", help="list the nodes")
    nodes.set_defaults(command=files.nodes)
    nodes.add_argument("--json", action="store_true", help="print their whole interface as JSON")
    return parser


def _add_template_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    listed = commands.add_parser("list", help="list the templates: the program's, then your own")
    listed.add_argument("--json", action="store_true", help="print all about them as JSON")

    shown = commands.add_parser("show", help="tell what a template is for and what can be set")
    shown.add_argument("template", metavar="NAME|FILE")
    shown.add_argument("--json", action="store_true", help="print it as JSON")

    run = commands.add_parser("run", help="run a template, with other values if any are set")
    run.set_defaults(command=_run_template)
    run.add_argument("template", metavar="NAME|FILE")
    _add_run(run)

    saved = commands.add_parser("save", help="make a template of a workflow")
    saved.add_argument("source", type=Path, metavar="FILE", help="JSON, or a picture that carries a graph")
    saved.add_argument(
        "--as", dest="to", required=True, metavar="TEMPLATE", help="a file, or a name among your own"
    )
    saved.add_argument(
        "--param",
        action="append",
        default=[],
        type=_param,
        metavar="LABEL=NODE.INPUT",
        help="a value that can be set (repeatable; the same label again for several inputs)",
    )
    saved.add_argument("--name", default="", metavar="TEXT", help="what menus call it")
    saved.add_argument("--description", default="", metavar="TEXT", help="what it is for, in one line")
    saved.add_argument("--version", default="1", metavar="TEXT")
    for parser in (listed, shown, run, saved):
        _add_profile(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_computing(parser)
    parser.add_argument(
        "--dump",
        action="append",
        default=[],
        type=_dump,
        metavar="NODE.SLOT=FILE",
        help="write the value of an output to a safetensors file (repeatable; with one FILE only)",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what happened as JSON")
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="write when every node worked, as Perfetto opens it (with one FILE only)",
    )
    parser.add_argument(
        "--stop-at-first-error",
        action="store_true",
        help="end a run there, as ComfyUI does, instead of making what can still be made",
    )


def _add_computing(parser: argparse.ArgumentParser) -> None:
    _add_folders(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="where pictures are saved")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NODE.INPUT=VALUE",
        help="give an input, or a parameter of a template, another value (repeatable)",
    )
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]|mps", help="where to compute")


def _setting(argument: str) -> Setting:
    from core.workflow.runnable import Setting  # the window does without it, and starts sooner

    place, equals, text = argument.partition("=")
    if not (equals and _PLACE.fullmatch(place)):
        raise argparse.ArgumentTypeError(f"{argument!r} is not NODE.INPUT=VALUE")
    return Setting(place, text)


def _param(argument: str) -> tuple[str, Target]:
    from core.workflow.targets import Target

    label, _, place = argument.partition("=")
    try:
        return label, Target.parse(place)
    except DarkroomError as error:
        raise argparse.ArgumentTypeError(f"{argument!r} is not LABEL=NODE.INPUT") from error


def _dump(argument: str) -> Dump:
    from app.headless import Dump

    return Dump.parse(argument)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile", type=Path, metavar="DIR", help="where preferences, recovery data and own templates lie"
    )


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="folder laid out like ComfyUI's models/ (repeatable)",
    )
    parser.add_argument(
        "--extra-model-paths",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="file written like ComfyUI's extra_model_paths.yaml (repeatable)",
    )
    parser.add_argument("--input", type=Path, metavar="DIR", help="where pictures to load lie")


if __name__ == "__main__":
    sys.exit(main())
