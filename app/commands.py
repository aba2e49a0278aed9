"""Every command there is, with the keys it starts with. Menus, palette and key table are made from this list.

Keys are written as Qt's portable text: `Ctrl+Shift+P`; on macOS Qt reads Ctrl as Cmd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.templates import Template, templates

Scope: TypeAlias = Literal["window", "canvas"]


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the user can ask for.

    Attributes:
        id: How settings and code name it.
        label: How menus and the palette name it.
        menu: Title of the menu it stands in; empty for the palette only.
        submenu: Title of the menu inside that menu; empty if it stands in the menu itself.
        keys: The default keys; the first one is shown.
        scope: `canvas` commands act only while the canvas has focus, never while typing.
        checkable: It switches something on and off.
        starts_section: A line separates it from the command before it in the menu.
        hint: What it does, where the label cannot say it.
    """

    id: str
    label: str
    menu: str = ""
    keys: tuple[str, ...] = ()
    scope: Scope = "window"
    checkable: bool = False
    starts_section: bool = False
    submenu: str = ""
    hint: str = ""

    def place(self, label: str) -> tuple[str, ...]:
        """Where it stands in the menus, ending in a label."""
        return tuple(part for part in (self.menu, self.submenu, label) if part)


def _window(identity: str, label: str, menu: str, *keys: str, section: bool = False) -> Command:
    return Command(identity, label, menu, keys, "window", starts_section=section)


def _canvas(identity: str, label: str, menu: str, *keys: str, section: bool = False) -> Command:
    return Command(identity, label, menu, keys, "canvas", starts_section=section)


def _switch(identity: str, label: str, menu: str, *keys: str, canvas: bool = False) -> Command:
    return Command(identity, label, menu, keys, "canvas" if canvas else "window", checkable=True)


def template_command(name: str) -> str:
    """Id of the command that opens a template."""
    return f"file.new_{name}"


def _template(template: Template) -> Command:
    hint = template.description
    return Command(
        template_command(template.name), template.title, "File", submenu="New from Template", hint=hint
    )


def _float(panel: str, title: str) -> Command:
    return Command(
        f"window.float_{panel}", f"Float {title}", "Window", checkable=True, submenu="Floating Panels"
    )


COMMANDS: Final = (
    _window("file.new", "New", "File", "Ctrl+N"),
    _window("file.templates", "Templates...", "File", "Ctrl+Shift+N"),
    *map(_template, templates()),
    _window("file.open", "Open...", "File", "Ctrl+O"),
    _window("file.save", "Save", "File", "Ctrl+S", section=True),
    _window("file.save_as", "Save As...", "File", "Ctrl+Shift+S"),
    _window("file.export_prompt", "Export Prompt (API)...", "File"),
    _window("file.close", "Close Tab", "File", "Ctrl+W", section=True),
    _window("file.settings", "Settings...", "File", "Ctrl+,", section=True),
    _window("file.quit", "Quit", "File", "Ctrl+Q", section=True),
    _canvas("edit.undo", "Undo", "Edit", "Ctrl+Z"),
    _canvas("edit.redo", "Redo", "Edit", "Ctrl+Y", "Ctrl+Shift+Z"),
    _canvas("edit.cut", "Cut", "Edit", "Ctrl+X", section=True),
    _canvas("edit.copy", "Copy", "Edit", "Ctrl+C"),
    _canvas("edit.paste", "Paste", "Edit", "Ctrl+V"),
    _canvas("edit.paste_linked", "Paste with Links", "Edit", "Ctrl+Shift+V"),
    _canvas("edit.duplicate", "Duplicate", "Edit", "Ctrl+D"),
    _canvas("edit.delete", "Delete", "Edit", "Del", "Backspace"),
    _canvas("edit.select_all", "Select All", "Edit", "Ctrl+A", section=True),
    _canvas("edit.select_none", "Select None", "Edit", "Ctrl+Shift+A"),
    _window("edit.find", "Find Node...", "Edit", "Ctrl+F"),
    _window("edit.clear", "Clear Graph", "Edit"),
    _canvas("node.add", "Add Node...", "Node", "Tab"),
    _canvas("node.rename", "Rename", "Node", "F2"),
    _canvas("node.bypass", "Bypass", "Node", "Ctrl+B", section=True),
    _canvas("node.mute", "Mute", "Node", "Ctrl+M"),
    _canvas("node.collapse", "Collapse", "Node", "Alt+C"),
    _canvas("node.pin", "Pin", "Node", "P"),
    _canvas("node.group", "Group", "Node", "Ctrl+G", section=True),
    _canvas("node.align_left", "Align Left", "Node", section=True),
    _canvas("node.align_right", "Align Right", "Node"),
    _canvas("node.align_top", "Align Top", "Node"),
    _canvas("node.align_bottom", "Align Bottom", "Node"),
    _canvas("node.distribute_across", "Distribute Across", "Node"),
    _canvas("node.distribute_down", "Distribute Down", "Node"),
    _canvas("node.arrange", "Arrange All", "Node"),
    _window("run.queue", "Run", "Run", "Ctrl+Return", "Ctrl+Enter"),
    _window("run.queue_next", "Run Next", "Run", "Ctrl+Shift+Return", "Ctrl+Shift+Enter"),
    _canvas("run.to_selected", "Run to Selected", "Run"),
    _window("run.cancel", "Cancel Current", "Run", "Ctrl+Alt+Return", "Ctrl+Alt+Enter", section=True),
    _switch("run.pause", "Pause after Current", "Run"),
    _window("run.clear", "Clear Queue", "Run"),
    _canvas("view.fit", "Fit View", "View", "."),
    _canvas("view.all", "Whole Graph", "View", "Home"),
    _canvas("view.zoom_in", "Zoom In", "View", "Alt+=", "Ctrl+=", section=True),
    _canvas("view.zoom_out", "Zoom Out", "View", "Alt+-", "Ctrl+-"),
    _canvas("view.zoom_1", "Zoom to 100 %", "View", "Ctrl+0"),
    _switch("view.minimap", "Minimap", "View"),
    _switch("view.snap", "Snap to Grid", "View"),
    _switch("view.badges", "Execution Badges", "View"),
    _canvas("view.refresh", "Refresh Models and Files", "View", "R", section=True),
    _window("view.palette", "Command Palette...", "View", "Ctrl+Shift+P", section=True),
    _switch("window.queue", "Queue", "Window", "Q", canvas=True),
    _switch("window.preview", "Preview", "Window"),
    _switch("window.viewer", "Result Viewer", "Window"),
    _switch("window.properties", "Properties", "Window"),
    _switch("window.library", "Node Library", "Window", "N", canvas=True),
    _switch("window.timeline", "Timeline", "Window"),
    _switch("window.assets", "Assets", "Window"),
    _switch("window.log", "Log", "Window", "Ctrl+`"),
    _float("queue", "Queue"),
    _float("preview", "Preview"),
    _float("viewer", "Result Viewer"),
    _float("properties", "Properties"),
    _float("library", "Node Library"),
    _float("timeline", "Timeline"),
    _float("assets", "Assets"),
    _float("log", "Log"),
    _switch("window.focus", "Focus Mode", "Window", "F", canvas=True),
    _window("window.reset", "Reset Layout", "Window"),
    _window("window.next_tab", "Next Tab", "Window", "Ctrl+Tab", section=True),
    _window("window.previous_tab", "Previous Tab", "Window", "Ctrl+Shift+Tab"),
    _window("viewer.full_screen", "Full-Screen Preview", "Window", "F11", section=True),
    _window("help.keys", "Keys...", "Help"),
    _window("help.about", "About Darkroom", "Help"),
)

BY_ID: Final = {command.id: command for command in COMMANDS}
