"""One window per profile: a second start hands its files to the first and ends."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from core.errors import DarkroomError
from core.workflow.json_text import parse_json

_log = logging.getLogger(__name__)

_PATIENCE_MS: Final = 2000
_LONGEST: Final = 1 << 20
_ANSWER: Final = b"shown\n"


class SingleInstance(QObject):
    """The claim to be the one that runs on a profile.

    Args:
        lock_file: The file that stands for the profile.

    Attributes:
        is_first: Whether none else runs on the profile.

    Signals:
        asked: Another start wants the window shown; the list of files it was given.
    """

    asked = Signal(object)

    def __init__(self, lock_file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = "darkroom-" + hashlib.sha256(str(lock_file.absolute()).encode()).hexdigest()[:24]
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)
        self._lock = _lock(lock_file)
        self.is_first = self._lock is not None
        if self.is_first:
            QLocalServer.removeServer(self._name)  # what a crash left behind
            if not self._server.listen(self._name):
                _log.warning("Other starts cannot hand over their files: %s", self._server.errorString())

    def hand_over(self, files: Sequence[Path]) -> bool:
        """Whether the window that runs has taken the files and shows itself."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_PATIENCE_MS):
            return False
        socket.write(json.dumps([str(file.absolute()) for file in files]).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n") and socket.waitForReadyRead(_PATIENCE_MS):
            answer += bytes(socket.readAll().data())
        return answer == _ANSWER

    def close(self) -> None:
        """Gives the claim up."""
        self._server.close()
        if self._lock:
            self._lock.unlock()

    def _on_connection(self) -> None:
        while socket := self._server.nextPendingConnection():
            socket.readyRead.connect(self._on_message)
            socket.disconnected.connect(socket.deleteLater)
            self._take(socket)

    def _on_message(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket):
            self._take(socket)

    def _take(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            if socket.bytesAvailable() > _LONGEST:
                socket.abort()
            return
        try:
            names = parse_json(bytes(socket.readLine(_LONGEST).data()), "a message")
        except DarkroomError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            socket.abort()
            return
        socket.write(_ANSWER)
        socket.flush()
        self.asked.emit([Path(name) for name in names])


def _lock(file: Path) -> QLockFile | None:
    """The lock, held until the program ends; None if another program holds it."""
    lock = QLockFile(str(file))
    lock.setStaleLockTime(0)  # however long it is held: only a program that is gone gives it up
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("%s cannot be made: %s", file.parent, error)
    if lock.tryLock(0):
        return lock
    if lock.error() == QLockFile.LockError.LockFailedError:
        return None
    return lock  # a place that cannot be written keeps nobody from starting
