"""From what a feature wants said to what a channel can show: text, markup, buttons."""

from __future__ import annotations

from bot.rendering.capabilities import (
    DESK,
    PLAY,
    TELEGRAM,
    TERMINAL,
    WEB,
    WECOM,
    WECOM_BOT,
    WECOM_GROUP,
    Capabilities,
    Dialect,
    Hears,
    Unit,
)
from bot.rendering.render import Choice, Rendered, render

__all__ = [
    "DESK",
    "PLAY",
    "TELEGRAM",
    "TERMINAL",
    "WEB",
    "WECOM",
    "WECOM_BOT",
    "WECOM_GROUP",
    "Capabilities",
    "Choice",
    "Dialect",
    "Hears",
    "Rendered",
    "Unit",
    "render",
]
