"""Pictures for the screen, decoded beside the GUI thread: thumbnails that are kept, and whole ones."""

from __future__ import annotations

import functools
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar

from PySide6.QtCore import QObject, QRectF, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QColor, QImage, QImageReader, QPainter, QPen, QPixmap

from app.picture_facts import facts_of

_log = logging.getLogger(__name__)
Result = TypeVar("Result")

_SMALLEST: Final = 64
_LARGEST: Final = 2048
_KEPT_BYTES: Final = 128 << 20
_PIXEL_LIMIT: Final = 1 << 28
_ALLOCATION_MB: Final = (_PIXEL_LIMIT * 4) >> 20
_THREADS: Final = 2
_BROKEN: Final = "#8a8f98"

Levels: TypeAlias = tuple[QImage, ...]
"""A picture and its halves: each half as wide and high as the one before it, down to a small one."""


class PictureProblem(Exception):
    """Why a picture cannot be shown, in a sentence."""


class _Size(NamedTuple):
    path: Path
    longest: int


class Pictures(QObject):
    """Thumbnails of files, kept in memory up to a limit, and whole pictures.

    Signals:
        ready: Path of a file whose thumbnail can be had now, if only the sign that it cannot be shown.
        opened: Path and `Levels` of a picture that `open` was called for, or a sentence why it has none.
        facts_found: Path of a picture that `find_facts` was called for, and its facts.
    """

    ready = Signal(object)
    opened = Signal(object, object)
    facts_found = Signal(object, object)
    _decoded = Signal(object, object, int)

    def __init__(self, parent: QObject | None = None, *, kept_bytes: int = _KEPT_BYTES) -> None:
        super().__init__(parent)
        QImageReader.setAllocationLimit(_ALLOCATION_MB)
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[_Size, QPixmap] = OrderedDict()
        self._bytes = 0
        self._asked: dict[_Size, int] = {}
        self._problems: dict[Path, str] = {}
        self._turn = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        self._decoded.connect(self._keep, Qt.ConnectionType.QueuedConnection)

    def thumbnail(self, path: Path, size_px: int) -> QPixmap | None:
        """The picture about that large; until it is decoded another size, or None.

        Args:
            size_px: Of its longest edge, in pixels of the screen.
        """
        if path in self._problems:
            return _broken(_rounded(size_px))
        wanted = _Size(path, _rounded(size_px))
        found = self._kept.get(wanted)
        if found is not None:
            self._kept.move_to_end(wanted)
            return found
        if wanted not in self._asked:
            self._asked[wanted] = self._next_turn()
            self._start(self._decode, wanted, self._turn)
        return self._other_size(path)

    def problem(self, path: Path) -> str:
        """Why a file cannot be shown; empty as long as nothing is known against it."""
        return self._problems.get(path, "")

    def open(self, path: Path) -> None:
        """Decodes the whole picture; `opened` brings it."""
        self._next_turn()
        self._start(self._open, path)

    def find_facts(self, path: Path) -> None:
        """Reads what is known about a picture; `facts_found` brings it."""
        self._next_turn()
        self._start(self._find_facts, path)

    def forget(self, paths: Collection[Path]) -> None:
        """Lets files be read anew, as they have just been written."""
        for size in [size for size in self._kept if size.path in paths]:
            self._bytes -= _bytes_of(self._kept.pop(size))
        for size in [size for size in self._asked if size.path in paths]:
            del self._asked[size]  # what is being decoded is what was there before
        for path in paths:
            self._problems.pop(path, None)

    def clear(self) -> None:
        """Lets all files be read anew."""
        self._kept.clear()
        self._asked.clear()
        self._problems.clear()
        self._bytes = 0

    def stop(self) -> None:
        """Waits for what is being decoded; nothing more is."""
        self._pool.clear()
        self._pool.waitForDone()

    def _next_turn(self) -> int:
        """What is asked for last is what is on screen now: it comes first."""
        self._turn += 1
        return self._turn

    def _start(self, work: Callable[..., object], *arguments: object) -> None:
        self._pool.start(functools.partial(work, *arguments), self._turn)

    # On a thread of the pool.

    def _decode(self, wanted: _Size, turn: int) -> None:
        self._decoded.emit(
            wanted, _tried(lambda: read_scaled(wanted.path, wanted.longest), wanted.path), turn
        )

    def _open(self, path: Path) -> None:
        self.opened.emit(path, _tried(lambda: halved(read_whole(path)), path))

    def _find_facts(self, path: Path) -> None:
        self.facts_found.emit(path, facts_of(path))

    # Back on the GUI thread.

    def _keep(self, size: _Size, result: QImage | str, turn: int) -> None:
        if self._asked.get(size) != turn:  # the file has been written anew meanwhile
            self.ready.emit(size.path)
            return
        del self._asked[size]
        if isinstance(result, str):
            self._problems[size.path] = result
        else:
            self._kept[size] = pixmap = QPixmap.fromImage(result)
            self._bytes += _bytes_of(pixmap)
            while self._bytes > self._kept_bytes and len(self._kept) > 1:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])
        self.ready.emit(size.path)

    def _other_size(self, path: Path) -> QPixmap | None:
        """The largest there is of a picture."""
        sizes = [size for size in self._kept if size.path == path]
        return self._kept[max(sizes, key=lambda size: size.longest)] if sizes else None


def _tried(read: Callable[[], Result], path: Path) -> Result | str:
    """What was read, or a sentence why not: whatever goes wrong, somebody waits for an answer."""
    try:
        return read()
    except PictureProblem as problem:
        return str(problem)
    except MemoryError:
        return f"{path.name} is too large for the memory that is free"
    except Exception:  # noqa: BLE001 - the log has it
        _log.exception("%s cannot be shown", path)
        return f"{path.name} cannot be shown; the log says why"


def read_scaled(path: Path, longest: int) -> QImage:
    """The picture upright, made smaller where it is larger than that.

    Raises:
        PictureProblem: It cannot be shown.
    """
    reader = _reader(path)
    size = reader.size()
    if max(size.width(), size.height()) > longest:
        reader.setScaledSize(size.scaled(QSize(longest, longest), Qt.AspectRatioMode.KeepAspectRatio))
    return _read(reader, path)


def read_whole(path: Path) -> QImage:
    """The picture upright.

    Raises:
        PictureProblem: It cannot be shown.
    """
    return _read(_reader(path), path)


def halved(image: QImage) -> Levels:
    """The picture and its halves, so that it is quick and smooth to paint at any size."""
    levels = [image]
    while max(levels[-1].width(), levels[-1].height()) > 2 * _SMALLEST:
        size = levels[-1].size() / 2
        levels.append(
            levels[-1].scaled(
                size.expandedTo(QSize(1, 1)),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )
    return tuple(levels)


def _reader(path: Path) -> QImageReader:
    if not path.is_file():
        raise PictureProblem(f"{path.name} is no longer there: {path}")
    reader = QImageReader(str(path))
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)
    size = reader.size()
    if not reader.canRead() or not size.isValid():
        raise PictureProblem(f"{path.name} is not a picture, or of a kind that cannot be shown")
    if size.width() * size.height() > _PIXEL_LIMIT:
        raise PictureProblem(f"{path.name} has more than {_PIXEL_LIMIT >> 20} million pixels")
    return reader


def _read(reader: QImageReader, path: Path) -> QImage:
    image = reader.read()
    if image.isNull():
        raise PictureProblem(f"{path.name} is damaged: {reader.errorString()}")
    alpha = image.hasAlphaChannel()
    kind = QImage.Format.Format_ARGB32_Premultiplied if alpha else QImage.Format.Format_RGB32
    return image.convertToFormat(kind)


def _rounded(size_px: int) -> int:
    """One of few sizes, so that zooming does not decode anew at each step."""
    size = _SMALLEST
    while size < size_px and size < _LARGEST:
        size *= 2
    return size


def _bytes_of(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4


@functools.cache
def _broken(size: int) -> QPixmap:
    """The sign for a picture that cannot be shown: a crossed-out frame."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(_BROKEN), size / 32))
    frame = QRectF(0.3 * size, 0.3 * size, 0.4 * size, 0.4 * size)
    painter.drawRoundedRect(frame, size / 32, size / 32)
    painter.drawLine(frame.topLeft(), frame.bottomRight())
    painter.end()
    return pixmap
