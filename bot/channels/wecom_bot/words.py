"""What a message looks like on the platform: words that are shown and not obeyed, and cards with buttons.

Source: CHANNELS (WeCom AI bot: 20,480 bytes, cards); FAULTS A10.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bot.channels.cutting import within
from bot.channels.worded import Labelled
from prompts.loader import texts

STREAM_BYTES = 20_480
"""UTF-8 bytes of a stream's or a pushed message's words, inclusive."""
CARD_BUTTONS = 6
THUMBS = ("up:", "down:")
SETTLES = "!"
"""Stands before the key of a button that answers its question, so that any process knows it by the press; no feature's has it."""


def cut(text: str) -> str:
    """Cut a text to what a stream may hold, never inside a character."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= STREAM_BYTES else data[:STREAM_BYTES].decode("utf-8", "ignore")


def pieces(parts: Sequence[str]) -> list[str]:
    """Write rendered texts as :func:`as_words`, in as many pieces as a stream may hold: marks grow when they are widened."""
    shown = (as_words(part).encode("utf-8", "replace").decode() for part in parts)
    return within(list(shown), STREAM_BYTES)


_MARKS = str.maketrans({"<": "＜", "`": "｀", "*": "＊", "~": "～"})
_LINE_MARK = re.compile(r"(?m)^(\s*)([#>])")
_WIDE = {"#": "＃", ">": "＞"}
_ADDRESS = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@!$&+,;=%]+")


def as_words(text: str) -> str:
    """Write plain words so that the platform, which reads markdown, shows them and obeys none of them.

    It knows no escape: what would be a mark becomes its full-width twin. Addresses of pages stay as they are.

    Source: FAULTS A10.
    """
    safe, end = "", 0
    for found in _ADDRESS.finditer(text):
        safe += _shown(text[end : found.start()]) + found[0]
        end = found.end()
    safe += _shown(text[end:])
    return _LINE_MARK.sub(lambda found: found[1] + _WIDE[found[2]], safe)


def _shown(text: str) -> str:
    return text.translate(_MARKS).replace("](", "］（").replace("__", "＿＿")


def about(buttons: Sequence[Labelled]) -> str:
    """Return what the thumbs among the buttons are about; empty when there are none."""
    return next((button.key.partition(":")[2] for button in buttons if button.key.startswith("up:")), "")


def card(buttons: Sequence[Labelled], task: str) -> dict[str, Any]:
    """Return a message that is a card with buttons.

    Args:
        buttons: at most :data:`CARD_BUTTONS`.
        task: no other card of this bot has it; letters, digits, ``_`` and ``-``.
    """
    return {
        "msgtype": "template_card",
        "template_card": {
            "card_type": "button_interaction",
            "main_title": {"title": texts().raw("wecom_bot.card")},
            "button_list": [
                {"text": button.label, "style": 1, "key": SETTLES * button.settles + button.key} for button in buttons
            ],
            "task_id": task,
        },
    }
