"""A second start hands its files to the window that runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtNetwork import QLocalSocket

from app.single_instance import SingleInstance

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.single_instance import SingleInstance
application = QCoreApplication(sys.argv)
instance = SingleInstance(Path(sys.argv[1]))
print(instance.is_first, instance.hand_over([Path(name) for name in sys.argv[2:]]))
"""


@pytest.fixture
def start(qapp: object, tmp_path: Path) -> Iterator[Callable[[], SingleInstance]]:
    del qapp
    started: list[SingleInstance] = []

    def begin() -> SingleInstance:
        started.append(SingleInstance(tmp_path / "profile/window.lock"))
        return started[-1]

    yield begin
    for instance in started:
        instance.close()


def second_start(tmp_path: Path, *files: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SECOND, str(tmp_path / "profile/window.lock"), *files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_files_reach_the_window_that_runs(
    start: Callable[[], SingleInstance], tmp_path: Path, qtbot: Any
) -> None:
    first = start()
    assert first.is_first
    with qtbot.waitSignal(first.asked, timeout=20_000) as asked:
        process = second_start(tmp_path, "/a/b.json", "grün.png")
    assert asked.args == [[Path("/a/b.json"), Path("grün.png").absolute()]]
    assert process.communicate()[0] == "False True\n"


def test_a_start_without_files_shows_the_window(
    start: Callable[[], SingleInstance], tmp_path: Path, qtbot: Any
) -> None:
    first = start()
    with qtbot.waitSignal(first.asked, timeout=20_000) as asked:
        process = second_start(tmp_path)
    assert asked.args == [[]]
    assert process.communicate()[0] == "False True\n"


def test_whoever_gives_up_makes_room(start: Callable[[], SingleInstance]) -> None:
    first = start()
    assert not start().is_first
    first.close()
    assert start().is_first


def test_what_a_crash_left_is_in_nobodys_way(
    start: Callable[[], SingleInstance], tmp_path: Path, qtbot: Any
) -> None:
    crash = SECOND.replace("print(", "import os; os.kill(os.getpid(), 9); print(")
    subprocess.run([sys.executable, "-c", crash, str(tmp_path / "profile/window.lock")], check=False)
    first = start()
    assert first.is_first
    with qtbot.waitSignal(first.asked, timeout=20_000):
        process = second_start(tmp_path)
    assert process.communicate()[0] == "False True\n"


def test_a_window_that_does_not_answer_is_told(start: Callable[[], SingleInstance], tmp_path: Path) -> None:
    first = start()
    first._server.close()
    assert second_start(tmp_path).communicate()[0] == "False False\n"


@pytest.mark.parametrize(
    "message", [b"nonsense\n", b"{}\n", b"[1]\n", b"[" * 100_000 + b"\n", b"x" * 3_000_000]
)
def test_nonsense_is_hung_up_on(start: Callable[[], SingleInstance], message: bytes, qtbot: Any) -> None:
    first, heard = start(), []
    first.asked.connect(heard.append)
    socket = QLocalSocket()
    socket.connectToServer(first._server.serverName())
    socket.write(message)
    qtbot.waitUntil(lambda: socket.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    assert heard == []


def test_a_place_that_cannot_be_written_keeps_nobody_from_starting(qapp: object, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    instance = SingleInstance(tmp_path / "file/window.lock")
    assert instance.is_first
    instance.close()
