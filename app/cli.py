"""`darkroom`: opens the window; with a command, runs, converts and inspects graphs without one.

Only the window imports Qt, when it is about to be shown.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.status import CANCELLED, FAILED, OK, WRONG_INPUT
from app.templates import NAMES, path_of
from core.errors import DarkroomError
from resources import READY_GRAPH

if TYPE_CHECKING:
    from app.headless import Dump, Setting

_COMMANDS: Final = ("run", "convert", "inspect", "nodes")


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
        misplaced = [name for name in ("set", "dump", "report") if getattr(options, name)]
        if misplaced:
            raise DarkroomError(f"--{misplaced[0]} goes with --headless or with `darkroom run`")
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

    options.files = [path_of(name) for name in options.template] + options.files
    if not options.files:
        raise DarkroomError("there is nothing to run: name a file, or a template with --template")
    return headless.run(options)


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
    parser.add_argument("--profile", type=Path, metavar="DIR", help="where preferences and recovery data lie")
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
        choices=NAMES,
        metavar="NAME",
        help=f"run a graph that comes with the program: {', '.join(NAMES)} (repeatable)",
    )
    _add_run(run)

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


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_folders(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="where pictures are saved")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NODE.INPUT=VALUE",
        help="give an input another value (repeatable)",
    )
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]|mps", help="where to compute")
    parser.add_argument(
        "--dump",
        action="append",
        default=[],
        type=_dump,
        metavar="NODE.SLOT=FILE",
        help="write the value of an output to a safetensors file (repeatable; with one FILE only)",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what happened as JSON")


def _setting(argument: str) -> Setting:
    from app.headless import Setting  # the window does without it, and starts sooner

    return Setting.parse(argument)


def _dump(argument: str) -> Dump:
    from app.headless import Dump

    return Dump.parse(argument)


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
