"""From what a feature wants said to what a channel can show: text, markup, buttons."""

from __future__ import annotations

from bot.rendering.capabilities import PLAY, TELEGRAM, TERMINAL, WEB, Capabilities, Dialect, Unit
from bot.rendering.render import Choice, Rendered, render

__all__ = [
    "PLAY",
    "TELEGRAM",
    "TERMINAL",
    "WEB",
    "Capabilities",
    "Choice",
    "Dialect",
    "Rendered",
    "Unit",
    "render",
]
