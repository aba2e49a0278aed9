"""The desktop program from its first line to its last: makes the parts, shows the window, takes all down."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    Qt,
    QTimer,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from app import crash
from app.garbage import Garbage
from app.jobs import JobQueue, Limits
from app.log import LogStore
from app.look import Look
from app.profile import Profile
from app.services import Services
from app.settings import SettingsFile
from app.single_instance import SingleInstance
from app.status import OK

_log = logging.getLogger(__name__)

_LEVELS: Final = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def main(options: argparse.Namespace) -> int:
    """Shows the window until it is closed, and returns the exit status.

    Raises:
        DarkroomError: The command line names a folder that does not exist.
    """
    log = LogStore()
    with ExitStack() as stack:
        stack.enter_context(_logged_to(log))
        application = _application()
        profile = Profile(options.profile)
        instance = SingleInstance(profile.lock_file)
        stack.callback(instance.close)
        if not instance.is_first:
            if instance.hand_over(options.files):
                return OK
            _log.warning("Darkroom runs already and does not answer; this is a second window")
        program = Program(application, options, profile, log)
        stack.callback(program.end)
        instance.asked.connect(program.show_files)
        stack.enter_context(_crashes_told(program.tell_crash))
        stack.enter_context(_signals_to(program.quit))
        program.show(options.files)
        program.run()
    return OK


class Program(QObject):
    """The parts, made in the order in which they need each other and ended in the opposite one."""

    def __init__(
        self, application: QApplication, options: argparse.Namespace, profile: Profile, log: LogStore
    ) -> None:
        super().__init__()
        import qasync

        self._garbage = Garbage(self)
        from app.asset_watch import AssetWatch
        from app.bridge import Bridge
        from app.executor import ExecutorThread
        from app.files import make_folders
        from app.keeper import KeeperThread
        from app.pictures import Pictures
        from app.session import Session
        from app.ui.main_window import MainWindow
        from core.nodes.registry import builtin

        self._application = application
        self._log_dir = profile.log_dir
        self._crash_box: QMessageBox | None = None
        folders = make_folders(options, options.output)
        settings, registry = SettingsFile(profile.settings_file), builtin()
        with ExitStack() as ends:
            self._loop = qasync.QEventLoop(application)
            ends.callback(self._loop.close)
            session = Session(profile, registry, folders, self)
            ends.callback(session.shut_down)
            look = Look(application, settings)
            ends.callback(look.close)
            keeper = KeeperThread(profile.database_file, self, profile.log_dir)
            ends.callback(keeper.close)
            queue = JobQueue(keeper, self)
            ends.callback(_follow_limits(queue, settings))
            queue.open()
            assets = AssetWatch(keeper, queue, folders, self)
            assets.start()
            executor = ExecutorThread(queue, registry, folders, options.device, self, profile.log_dir)
            ends.callback(executor.stop)
            bridge = Bridge(executor, queue, registry, folders, session.find, self)
            pictures = Pictures(self)
            ends.callback(pictures.stop)
            self.services = Services(
                profile=profile,
                settings=settings,
                registry=registry,
                folders=folders,
                session=session,
                keeper=keeper,
                assets=assets,
                queue=queue,
                executor=executor,
                bridge=bridge,
                pictures=pictures,
                log=log,
                look=look,
            )
            self.window = MainWindow(self.services)
            ends.callback(_delete, self.window)
            self._ends = ends.pop_all()
        queue.recovered.connect(self._on_queue_there)
        _FirstPaint(self.window).seen.connect(self._on_first_paint)

    def show(self, files: list[Path]) -> None:
        """Shows the window, with the documents of last time and the files."""
        self.services.session.restore(files)
        self.window.show()

    def run(self) -> None:
        """Runs until the window is closed. One loop serves Qt and asyncio."""
        self._loop.run_forever()

    def quit(self) -> None:
        """Ends the program and asks nothing; unsaved changes and the layout come back with the next start."""
        self.window.panels.save()
        self._application.exit(OK)

    def end(self) -> None:
        """Takes everything down. A step of a run, or the loading of torch, is waited for."""
        self.window.shut_down()
        self._ends.close()
        self._garbage.end()
        _delete(self)

    def show_files(self, files: list[Path]) -> None:
        """Opens files in the window and brings it to the front."""
        self.window.open_paths(files)
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.raise_()
        self.window.activateWindow()

    def tell_crash(self, error: BaseException) -> None:
        """Tells of a mistake of the program, which goes on. One at a time: mistakes come in swarms."""
        if not isinstance(error, Exception):
            self.quit()
            return
        text = crash.describe(error, self._log_dir)
        _log.critical(text, exc_info=error)
        if self._crash_box is None:
            box = self._crash_box = QMessageBox(
                QMessageBox.Icon.Warning, "Darkroom", text, parent=self.window
            )
            box.setTextFormat(Qt.TextFormat.PlainText)
            box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            box.finished.connect(self._on_crash_read)
            box.open()

    def _on_crash_read(self) -> None:
        if self._crash_box is not None:
            self._crash_box.deleteLater()
            self._crash_box = None

    def _on_first_paint(self) -> None:
        _log.info("The window is up")
        self.services.keeper.start()

    def _on_queue_there(self) -> None:
        """Loads torch when nothing else is to be loaded: the window would notice two at once."""
        self.services.executor.start()


def _follow_limits(queue: JobQueue, file: SettingsFile) -> Callable[[], None]:
    """Has the queue keep as much as the user wants; what is returned ends that."""

    def obey() -> None:
        settings = file.settings
        queue.limits = Limits(settings.queue_limit, settings.history_limit, settings.history_days)

    obey()
    return file.subscribe(obey)


class _FirstPaint(QObject):
    """Tells when a widget has been on the screen for the first time."""

    seen = Signal()

    def __init__(self, watched: QObject) -> None:
        super().__init__(watched)
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Lets everything pass. Qt calls this."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self.seen.emit)
        return False


def _delete(part: QObject) -> None:
    """Deletes a part now, while Qt still knows all that belongs to it."""
    part.deleteLater()
    QCoreApplication.sendPostedEvents(part, QEvent.Type.DeferredDelete)


def _application() -> QApplication:
    from app.icons import app_icon

    policy = Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(policy)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Darkroom")
    application.setDesktopFileName("darkroom")
    application.setWindowIcon(app_icon())
    return application


@contextmanager
def _logged_to(log: LogStore) -> Generator[None]:
    """What Python, Qt and libraries have to say goes to the log; warnings go to the terminal as well."""
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    handlers = (log, terminal)
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    previous = qInstallMessageHandler(_on_qt_message)
    try:
        yield
    finally:
        qInstallMessageHandler(previous)
        logging.captureWarnings(False)
        for handler in handlers:
            root.removeHandler(handler)
        root.setLevel(level)


def _on_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    logging.getLogger(f"qt.{context.category or 'default'}").log(_LEVELS[kind], "%s", text)


@contextmanager
def _crashes_told(tell: Callable[[BaseException], None]) -> Generator[None]:
    """What nobody caught, in a slot or on a thread, is told and ends nothing."""

    def on_slot(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del kind, trace
        if threading.current_thread() is threading.main_thread():
            tell(error)
        else:  # Qt's threads end up here too, and no window can be opened on them
            _log.critical("A thread met with a mistake", exc_info=error)

    def on_thread(arguments: threading.ExceptHookArgs) -> None:
        _log.critical("A thread ended by mistake", exc_info=arguments.exc_value)

    hooks = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = on_slot, on_thread
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = hooks


@contextmanager
def _signals_to(quit_program: Callable[[], None]) -> Generator[None]:
    """Ctrl+C in the terminal, and the system's request to end, reach Python although Qt's loop is at work."""
    ours, pythons = socket.socketpair()
    for end in (ours, pythons):
        end.setblocking(False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: ours.recv(64))  # by then Python has called the handler
    wakeup = signal.set_wakeup_fd(pythons.fileno())

    def on_signal(number: int, frame: object) -> None:
        del number, frame
        quit_program()

    before = {kind: signal.signal(kind, on_signal) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        signal.set_wakeup_fd(wakeup)
        notifier.setEnabled(False)
        ours.close()
        pythons.close()
