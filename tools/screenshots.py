"""Takes the pictures of docs/screenshots: the real program, run on a screen that nobody sees.

    python tools/screenshots.py [--output DIR]

The fonts are those of this machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QPointF  # noqa: E402 - the platform is chosen first
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication, QDockWidget  # noqa: E402

from app.application import Program  # noqa: E402
from app.canvas.graph import CanvasGraph  # noqa: E402
from app.documents import OpenDocument  # noqa: E402
from app.log import LogStore  # noqa: E402
from app.profile import Profile  # noqa: E402
from core.workflow.fragment import insert, take  # noqa: E402
from core.workflow.operations import PutGroup, SetWidget  # noqa: E402
from core.workflow.records import Group  # noqa: E402

SIZE: Final = (1720, 1000)
PATIENCE: Final = 300.0
"""Seconds that anything may take."""

COPIES: Final = (6, 10)
"""Columns and rows of graphs in the picture of a big one."""

STEPS: Final = 24


class Photographer:
    """Works with the program and takes pictures of its window."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.window = program.window
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def canvas(self) -> CanvasGraph:
        """The canvas in front."""
        canvas = self.window.canvas
        assert canvas is not None
        return canvas

    def take(self, name: str) -> None:
        """Writes a picture of the window as it is now."""
        settle()
        file = self._folder / f"{name}.png"
        self.window.grab().save(str(file))
        print(file)

    def fit(self) -> None:
        """Shows the whole graph."""
        settle()
        self.canvas.viewer().fit()

    def before_during_after(self) -> None:
        """A text becomes a picture."""
        sampler = self.node("KSampler")
        place = next(row.place for row in self.canvas.nodes[sampler].face.rows if row.name == "steps")
        self.canvas.opened.do(SetWidget(sampler, place, STEPS), "Set steps")
        self.fit()
        self.take("text_to_image_before")
        previews: list[object] = []
        ended: list[object] = []
        self.program.services.bridge.node_preview.connect(lambda *given: previews.append(given))
        self.program.services.queue.job_ended.connect(ended.append)
        self.window.commands["run.queue"].trigger()
        wait(lambda: (self.progress() > 0.6 and bool(previews)) or bool(ended))
        self.take("text_to_image_during")
        wait(lambda: bool(ended))
        pause(1.0)
        self.canvas.select([sampler])
        self.take("text_to_image_after")

    def progress(self) -> float:
        """How far the sampler is."""
        return self.canvas.opened.run.of(self.node("KSampler")).progress or 0.0

    def timeline(self) -> None:
        """What each node of the run cost."""
        dock = self.window.findChild(QDockWidget, "timeline")
        assert dock is not None
        dock.show()
        dock.raise_()
        self.fit()
        self.take("timeline")
        dock.hide()
        self.fit()

    def search_popup(self) -> None:
        """The search for a node to add."""
        area = self.canvas.viewer().visible_scene()
        self.canvas.search.open(
            QPointF(area.left() + area.width() * 0.2, area.top() + area.height() * 0.06), None
        )
        QTest.keyClicks(QApplication.focusWidget(), "lat")
        self.take("search_popup")
        self.canvas.search.close()

    def light_theme(self) -> None:
        """The same in light colours."""
        self.program.services.settings.change(theme="light")
        self.take("light_theme")
        self.program.services.settings.change(theme="dark")

    def big_graph(self) -> None:
        """Many nodes at once."""
        opened = self.program.services.session.new()
        self.fill(opened)
        self.fit()
        self.take("big_graph_fit")

    def fill(self, opened: OpenDocument) -> None:
        """Puts many copies of the ready graph into a document, each in a group."""
        ready = self.program.services.session.documents[0].document
        fragment = take(ready, ready.nodes)
        columns, rows = COPIES
        for number in range(columns * rows):
            at = (number % columns * 2060.0, number // columns * 850.0)
            inserted = insert(opened.document, fragment, at, linked=False)
            opened.do(inserted.operation, "Paste")
            opened.do(PutGroup(self.frame(opened, inserted.nodes, number + 1)), "Group")

    def frame(self, opened: OpenDocument, ids: Iterable[str], number: int) -> Group:
        """A group around nodes."""
        boxes = [(*node.pos, *node.size) for node in map(opened.document.node, ids)]
        left, top = min(x for x, _, _, _ in boxes) - 30, min(y for _, y, _, _ in boxes) - 80
        width = max(x + w for x, _, w, _ in boxes) - left + 30
        height = max(y + h for _, y, _, h in boxes) - top + 30
        return Group(number, f"Variant {number}", (left, top, width, height))

    def node(self, class_type: str) -> str:
        """The first node of a type."""
        return next(n.id for n in self.canvas.document.nodes.values() if n.type == class_type)


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    """The program on a profile of its own, with the ready graph open and torch loaded."""
    options = Namespace(
        models=[folder],
        extra_model_paths=[],
        input=folder / "input",
        output=folder / "output",
        device="cpu",
        files=[],
    )
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    program = Program(application, options, Profile(folder / "profile"), LogStore())
    ready: list[str] = []
    program.services.executor.ready.connect(ready.append)
    program.services.settings.change(theme="dark")
    try:
        program.show([])
        program.window.resize(*SIZE)
        wait(lambda: program.window.canvas is not None and bool(ready))
        program.window.commands["window.reset"].trigger()
        program.window.activateWindow()
        yield program
    finally:
        program.end()


def wait(happened: Callable[[], bool]) -> None:
    """Lets the program work until something has happened."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("it has not happened")
        QApplication.processEvents()
        time.sleep(0.002)


def pause(seconds: float) -> None:
    """Lets the program work for a while: thumbnails are read, previews shown."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def settle() -> None:
    """Everything that was asked for is laid out and painted."""
    for _ in range(4):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        QApplication.processEvents()


def main() -> int:
    """Takes all pictures; those at scale 2 in a process of their own, for Qt reads the scale once."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/screenshots", metavar="DIR")
    parser.add_argument("--scale-2", action="store_true", help="only the picture at twice the size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as program:
        photographer = Photographer(program, options.output)
        if options.scale_2:
            photographer.fit()
            photographer.take("scale_2")
            return 0
        photographer.before_during_after()
        photographer.timeline()
        photographer.light_theme()
        photographer.search_popup()
        photographer.big_graph()
    command = [sys.executable, __file__, "--scale-2", "--output", str(options.output)]
    return subprocess.run(command, env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
