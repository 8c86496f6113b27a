"""What each channel can show: one table, each figure with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a length is counted in."""

    CHARACTERS = "characters"
    UTF16 = "utf16"
    BYTES = "bytes"


class Dialect(StrEnum):
    """Markup that a channel understands."""

    PLAIN = "plain"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show.

    Attributes:
        name: the channel's name in messages.
        text_limit: longest text of one message, inclusive, in ``unit``.
        parts: how many messages one reply may become; what does not fit is cut with a line that says so.
        dialect: markup of bold words and mentions.
        button_limit: how many buttons a message may have; 0 = choices are numbered in the text.
        button_bytes: longest key of a button, UTF-8 bytes, inclusive.
        row_width: how wide a row of buttons is, in half-width characters.
        reactions, edit, quote, picture: whether the channel has them.
        caption_limit: longest text under a picture, inclusive, in ``unit``.
        links_people: a mention may be a link to the person instead of words.
    """

    name: str
    text_limit: int
    unit: Unit = Unit.CHARACTERS
    parts: int = 1
    dialect: Dialect = Dialect.PLAIN
    button_limit: int = 0
    button_bytes: int = 64
    row_width: int = 24
    reactions: bool = False
    edit: bool = False
    quote: bool = False
    picture: bool = False
    caption_limit: int = 0
    links_people: bool = False


TELEGRAM = Capabilities(
    name="telegram",
    text_limit=4096,
    unit=Unit.UTF16,
    parts=3,
    dialect=Dialect.HTML,
    button_limit=24,
    button_bytes=64,
    reactions=True,
    edit=True,
    quote=True,
    picture=True,
    caption_limit=1024,
    links_people=True,
)
"""Source: Telegram Bot API (sendMessage 4096, caption 1024 after entities are parsed; callback_data 1-64 bytes)."""

WECHAT = Capabilities(
    name="wechat",
    text_limit=2048,
    unit=Unit.BYTES,
    parts=2,
    picture=True,
)
"""The Official Account: choices are numbered, words stand beside a picture; two parts, for five messages are all there are.

Source: WeChat Official Account documents (text 2048 bytes; customer-service messages)."""

WEB = Capabilities(
    name="web",
    text_limit=20_000,
    dialect=Dialect.HTML,
    button_limit=24,
    reactions=True,
    edit=True,
    quote=True,
    picture=True,
    caption_limit=20_000,
)
"""The simulator and the residents' pages: ours, so no limit but good sense."""

PLAY = Capabilities(
    name="local",
    text_limit=20_000,
    button_limit=24,
    reactions=True,
    edit=True,
    quote=True,
    picture=True,
    caption_limit=20_000,
)
"""A replayed script: plain words, buttons beside them."""

TERMINAL = Capabilities(name="terminal", text_limit=20_000)
"""A terminal: plain words; choices are numbered."""
