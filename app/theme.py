"""Every colour and size of the window and the canvas, in one table for dark and one for light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from core.workflow import layout

# Sizes on the canvas, in scene units.
TITLE_HEIGHT: Final = layout.TITLE_HEIGHT
SLOT_HEIGHT: Final = layout.SLOT_HEIGHT
ROW_HEIGHT: Final = layout.ROW_HEIGHT
GRID: Final = 10.0
GROUP_TITLE: Final = layout.GROUP_TITLE

_SOCKETS: Final = {
    "MODEL": "#b39ddb",
    "CLIP": "#ffd500",
    "VAE": "#ff6e6e",
    "CONDITIONING": "#ffa931",
    "LATENT": "#ff9cf9",
    "IMAGE": "#64b5f6",
    "MASK": "#81c784",
    "CONTROL_NET": "#6ee7b7",
    "INT": "#8fb3a8",
    "FLOAT": "#a8c28a",
    "STRING": "#d0b48c",
    "BOOLEAN": "#c29ab8",
    "COMBO": "#9aa7b8",
}

_SOCKETS_ON_LIGHT: Final = {
    "MODEL": "#7a5bbf",
    "CLIP": "#8f7400",
    "VAE": "#cf3a3a",
    "CONDITIONING": "#b8640a",
    "LATENT": "#c2379f",
    "IMAGE": "#1f74c4",
    "MASK": "#2f8049",
    "CONTROL_NET": "#0f8064",
    "INT": "#4a776c",
    "FLOAT": "#5f7a3b",
    "STRING": "#8c6a36",
    "BOOLEAN": "#8f5a85",
    "COMBO": "#5a6a81",
}


@dataclass(frozen=True, slots=True)
class Theme:
    """One look. Colours are `#rrggbb` or `#aarrggbb`.

    Attributes:
        sockets: Wire type -> colour of its sockets and links; `socket_other` for all others.
    """

    name: str
    is_dark: bool
    window: str
    panel: str
    entry: str
    hover: str
    line: str
    text: str
    text_dim: str
    accent: str
    on_accent: str
    good: str
    warning: str
    danger: str
    canvas: str
    grid: str
    node: str
    node_title: str
    node_title_text: str
    node_border: str
    node_selected: str
    node_shadow: str
    row: str
    row_text: str
    row_label: str
    muted: str
    bypassed: str
    unknown: str
    group: str
    note: str
    socket_other: str
    sockets: Mapping[str, str] = field(default_factory=lambda: dict(_SOCKETS))

    def socket(self, wire_type: str) -> str:
        """The colour of a wire type; a union has that of its first type."""
        first = wire_type.partition(",")[0]
        return self.sockets.get(first, self.socket_other)


DARK: Final = Theme(
    name="dark",
    is_dark=True,
    window="#1b1d21",
    panel="#22252a",
    entry="#2b2f36",
    hover="#343943",
    line="#3a3f48",
    text="#e4e6ea",
    text_dim="#9fa6b1",
    accent="#f0883e",
    on_accent="#1b1d21",
    good="#5fbf7f",
    warning="#e3b341",
    danger="#f5796f",
    canvas="#17191c",
    grid="#202328",
    node="#2a2d33",
    node_title="#343841",
    node_title_text="#e9ebee",
    node_border="#111316",
    node_selected="#f4f5f7",
    node_shadow="#60000000",
    row="#1f2226",
    row_text="#dfe2e6",
    row_label="#98a0ab",
    muted="#80808080",
    bypassed="#7a4fb0",
    unknown="#a8443c",
    group="#3f789e",
    note="#4d4728",
    socket_other="#a0a6b0",
)

LIGHT: Final = Theme(
    name="light",
    is_dark=False,
    window="#f1f2f4",
    panel="#fafafb",
    entry="#ffffff",
    hover="#e6e9ee",
    line="#cdd2da",
    text="#1e2227",
    text_dim="#5c6570",
    accent="#a64b0b",
    on_accent="#ffffff",
    good="#1f743e",
    warning="#8a6100",
    danger="#bf2f26",
    canvas="#e7e9ed",
    grid="#dadde3",
    node="#ffffff",
    node_title="#eceef2",
    node_title_text="#1e2227",
    node_border="#b9bfc9",
    node_selected="#1e2227",
    node_shadow="#30000000",
    row="#f2f3f6",
    row_text="#1e2227",
    row_label="#5c6570",
    muted="#80a0a0a0",
    bypassed="#a57fd6",
    unknown="#d9786f",
    group="#7fa9c8",
    note="#fbf3cf",
    socket_other="#6d7480",
    sockets=_SOCKETS_ON_LIGHT,
)
