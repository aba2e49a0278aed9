"""How fast the canvas is: opening, painting, moving, undoing. Run with `python -m benchmarks.canvas`.

Milliseconds, medians. Nothing is shown on a screen. `--stock 100 1000` adds NodeGraphQt's own items.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from PySide6.QtCore import QPointF, qInstallMessageHandler
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.canvas.graph import CanvasGraph
from app.documents import OpenDocument
from app.settings import Settings
from app.theme import DARK
from core.folders import Folders
from core.nodes.registry import builtin
from core.workflow.operations import MoveNodes
from tests.helpers.big_graph import big_graph

SIZE = (1400, 900)
_STOCK_TYPE = "benchmark.StockNode"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[100, 1000, 3000])
    parser.add_argument("--stock", type=int, nargs="*", default=[])
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    qInstallMessageHandler(lambda *_: None)  # that platform complains of every widget of the stock items
    app = QApplication([])
    app.setStyle("Fusion")
    table = {f"{count}": measure(app, count) for count in options.nodes}
    table |= {f"stock {count}": measure_stock(app, count) for count in options.stock}
    rows = list(dict.fromkeys(row for figures in table.values() for row in figures))
    print(f"{'ms':<24}" + "".join(f"{name:>12}" for name in table))
    for row in rows:
        cells = (figures.get(row) for figures in table.values())
        print(f"{row:<24}" + "".join(f"{'-' if cell is None else f'{cell:.1f}':>12}" for cell in cells))


def measure(app: QApplication, count: int) -> dict[str, float]:
    """The figures of a graph of that many nodes."""
    registry = builtin()
    place = Path(tempfile.mkdtemp())
    folders = Folders([place], input=place, output=place, temp=place)
    document = big_graph(count)
    gc.collect()
    figures: dict[str, float] = {}
    start = time.perf_counter()
    opened = OpenDocument(document, registry, folders)
    graph = CanvasGraph(opened, DARK, Settings())
    figures["load"] = _since(start)
    viewer = graph.viewer()
    viewer.resize(*SIZE)
    viewer.show()
    app.processEvents()
    figures["load to first frame"] = _since(start)
    viewport = viewer.viewport()
    centre = graph.overview.bounds().center()

    def look(zoom: float) -> None:
        viewer.set_zoom(zoom)
        viewer.centre_at(centre)
        app.processEvents()

    viewer.fit()
    app.processEvents()
    figures["repaint, all in view"] = _median(viewport.repaint)
    for zoom in (1.0, 0.5, 0.4, 0.26):
        look(zoom)
        figures[f"repaint, zoom {zoom:g}"] = _median(viewport.repaint)

    def pan() -> None:
        viewer.pan_by(QPointF(13, 7))
        app.processEvents()

    for zoom in (1.0, 0.4):
        look(zoom)
        figures[f"pan, zoom {zoom:g}"] = _median(pan)
    steps = [1.1, 1 / 1.1]

    def zoom_step() -> None:
        viewer.zoom_by(steps[0])
        steps.reverse()
        app.processEvents()

    look(0.6)
    figures["zoom step at 0.6"] = _median(zoom_step)

    def drag(ids: list[str]) -> Callable[[], None]:
        def step() -> None:
            for node_id in ids:
                graph.nodes[node_id].moveBy(3, 2)
            graph.settle()
            app.processEvents()

        return step

    ids = list(document.nodes)
    near = sorted(ids, key=lambda key: (graph.nodes[key].pos() - centre).manhattanLength())
    look(1.0)
    figures["drag 1"] = _median(drag(near[:1]))
    look(0.4)
    figures["drag 200"] = _median(drag(near[:200]))
    moved = {key: (x + 5, y) for key in near[:200] for x, y in [document.nodes[key].pos]}
    opened.do(MoveNodes(moved), "Move")

    def undo_redo() -> None:
        opened.undo()
        app.processEvents()
        opened.redo()
        app.processEvents()

    figures["undo and redo of it"] = _median(undo_redo, 5)
    start = time.perf_counter()
    _search(app, graph)
    figures["search, first time"] = _since(start)
    figures["search, again"] = _median(lambda: _search(app, graph), 5)
    items = len(viewer.scene().items())
    print(f"{count} nodes, {len(document.links)} links: {items} scene items")
    graph.close()
    app.processEvents()
    return figures


def _search(app: QApplication, graph: CanvasGraph) -> None:
    """Opens the search for nodes, types a word and closes it."""
    graph.search.open(graph.overview.bounds().center())
    app.processEvents()
    QTest.keyClicks(app.focusWidget(), "samp")
    app.processEvents()
    graph.search.close()
    app.processEvents()


def measure_stock(app: QApplication, count: int) -> dict[str, float]:
    """Opening and painting with the items that NodeGraphQt brings."""
    from NodeGraphQt import BaseNode, NodeGraph
    from NodeGraphQt.widgets.viewer import NodeViewer
    from PySide6.QtGui import QUndoStack

    class StockNode(BaseNode):
        __identifier__ = "benchmark"
        NODE_NAME = "Stock"

        def __init__(self) -> None:
            super().__init__()
            for name in ("model", "positive", "negative", "latent_image"):
                self.add_input(name)
            self.add_output("LATENT")
            for name in ("seed", "steps", "cfg", "denoise"):
                self.add_text_input(name, name, "1")
            self.add_combo_menu("sampler", "sampler", ["euler", "dpmpp_2m"])
            self.add_combo_menu("scheduler", "scheduler", ["normal", "karras"])

    document = big_graph(count)
    figures: dict[str, float] = {}
    start = time.perf_counter()
    stack = QUndoStack()
    viewer = NodeViewer(undo_stack=stack)
    graph = NodeGraph(viewer=viewer, undo_stack=stack)
    graph.register_node(StockNode)
    nodes = {
        key: graph.create_node(_STOCK_TYPE, pos=record.pos, push_undo=False)
        for key, record in document.nodes.items()
    }
    for link in document.links.values():
        nodes[link.origin].output(0).connect_to(nodes[link.target].input(link.target_slot), push_undo=False)
    figures["load"] = _since(start)
    viewer.resize(*SIZE)
    viewer.show()
    app.processEvents()
    figures["load to first frame"] = _since(start)
    viewer._scene_range = viewer.scene().itemsBoundingRect()
    viewer._update_scene()
    app.processEvents()
    figures["repaint, all in view"] = _median(viewer.viewport().repaint, 5)
    viewer.hide()
    return figures


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3


def _median(step: Callable[[], object], times: int = 15) -> float:
    step()
    figures: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        step()
        figures.append(_since(start))
    return median(figures)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # thousands of items are not taken apart one by one
