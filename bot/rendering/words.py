"""Somebody else's words inside ours: cleaned, isolated, without power over markup, mentions or lines.

A value can be a neighbour's name, a topic, a passage of a document. It is shown, never obeyed.

Source: FAULTS A9, A10, C12.
"""

from __future__ import annotations

import re
import unicodedata

STAR = "\x01"
"""Stands for a value's own asterisk until the template's ``**`` have been read."""

_AT = "\uff20"
# Lone surrogates cannot be encoded; tag characters and fillers hide words; the rest is taken out when a text is filled.
_HIDDEN = re.compile(
    "[\x00-\x08\ud800-\udfff\u00ad\u034f\u061c\u115f\u1160\u180e\u2060-\u2064\u3164\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_MENTION = re.compile(r"(?<![A-Za-z0-9_.%+-])@(?=[A-Za-z0-9_])")
_EVERYBODY = re.compile(r"@(?=\s*(?:all|everyone|everybody|here|channel|所有人|全体|全部|大家))", re.IGNORECASE)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")


def shown(value: str) -> str:
    """Make a value safe to stand in a text of ours; line breaks have been taken out before.

    Returns:
        The value without hidden characters, with at most two marks on a letter, with mentions that mention nobody, its
        asterisks as :data:`STAR`, and isolated when it is written from right to left.
    """
    if value.isascii() and "@" not in value and "*" not in value and value.isprintable():
        return value
    text = _MARKS.sub(r"\1", _HIDDEN.sub("", value))
    if "@" in text:
        text = _MENTION.sub(_AT, text)
    if _RIGHT_TO_LEFT.search(text):
        text = f"\u2068{text}\u2069"
    return text.replace("*", STAR)


def nobody_at_all(text: str) -> str:
    """Take the power out of 「@所有人」 and its like in a finished text: no reply of ours rings at everybody's door."""
    return _EVERYBODY.sub(_AT, text) if "@" in text else text


def width(text: str) -> int:
    """Return how wide a label is, in half-width characters."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def escape_html(text: str) -> str:
    """Escape for Telegram's HTML and for a page: text outside attributes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
