"""What each channel can show: one table, each figure with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    TAGGED = "tagged"
    """Plain words, in which the platform nevertheless obeys tags: `<a href>` is a link, `<@somebody>` calls."""


class Hears(StrEnum):
    """What the bot is told of what people say there."""

    ALL = "all"
    ADDRESSED = "addressed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show. Each is read by what renders or sends (tests/channels/test_table.py).

    Attributes:
        name: the channel's name in messages.
        text_limit: longest text of one message, inclusive, in ``unit``.
        parts: how many messages one reply may become; what does not fit is cut with a line that says so.
        dialect: markup of bold words and mentions.
        button_limit: how many buttons a message may have; 0 = choices are numbered in the text, where numbers are heard.
        button_bytes: longest key of a button, UTF-8 bytes, inclusive.
        row_width: how wide a row of buttons is, in half-width characters.
        reactions, edit: whether the channel has them; without, a stamp's words are said, and a group's message stays as it was.
        picture: cards are drawn; ``caption_limit``: longest text under one, inclusive, in ``unit``; 0 = words stand beside it.
        document: files go with a message; else it says where the file is.
        links_people: a mention may be a link to the person instead of words.
        quotes: what somebody says in answer to one message is known to be about it; without, texts name another way.
        closing: text key of what stands below everything that is pushed there: how people act where not all is heard.
        hears: what the bot is told of what people say in groups there, or in private where there are no groups.
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
    picture: bool = False
    caption_limit: int = 0
    document: bool = False
    links_people: bool = False
    hears: Hears = Hears.ALL
    quotes: bool = True
    closing: str = ""


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
    picture=True,
    caption_limit=1024,
    document=True,
    links_people=True,
)
"""Source: Telegram Bot API (sendMessage 4096, caption 1024 after entities are parsed; callback_data 1-64 bytes)."""

WECHAT = Capabilities(
    name="wechat",
    text_limit=2048,
    unit=Unit.BYTES,
    parts=2,
    dialect=Dialect.TAGGED,
    picture=True,
    quotes=False,
)
"""The Official Account: choices are numbered, words stand beside a picture; two parts, for five messages are all there are.

Source: WeChat Official Account documents (text 2048 bytes; customer-service messages)."""

WECOM_BOT = Capabilities(
    name="wecom_bot",
    text_limit=18_000,
    unit=Unit.BYTES,
    parts=3,
    button_limit=24,
    button_bytes=64,
    row_width=20,
    picture=True,
    document=True,
    hears=Hears.ADDRESSED,
    quotes=False,
    closing="render.call_me",
)
"""Source: CHANNELS (WeCom AI bot: a stream holds 20,480 bytes; some are kept for marks that are written wide). Six buttons on a
card; the sender makes as many cards as are needed. A picture stands under the words. Nothing that was said can be edited."""

WEB = Capabilities(
    name="web",
    text_limit=20_000,
    dialect=Dialect.HTML,
    button_limit=24,
    reactions=True,
    edit=True,
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
    picture=True,
    caption_limit=20_000,
)
"""A replayed script: plain words, buttons beside them."""

DESK = replace(PLAY, name="desk", document=True)
"""A resident's or leader's own page: what is answered stands on it, and a file is a link."""

TERMINAL = Capabilities(name="terminal", text_limit=20_000, reactions=True, edit=True)
"""A terminal: plain words; choices are numbered, and what replaces a line is written below it."""

WECOM = Capabilities(name="wecom", text_limit=2048, unit=Unit.BYTES, parts=3, dialect=Dialect.TAGGED, quotes=False)
"""An app's message to one member: choices are numbered. Source: WeCom documents (text, 2048 bytes)."""

WECOM_APPCHAT = replace(WECOM, hears=Hears.NOTHING)
"""A group that the app made: it speaks there and is told nothing. Source: WeCom documents (appchat/send, text 2048 bytes)."""

WECOM_ROBOT = replace(WECOM_APPCHAT, picture=True)
"""A group robot. Source: WeCom documents (text 2048 bytes, image 2 MB)."""

WECOM_GROUP = replace(WECOM_APPCHAT, text_limit=4000, parts=1, closing="render.on_the_page")
"""The day's message of a customer group, one text. Source: WeCom documents (add_msg_template, text.content 4000 bytes)."""

TABLE: dict[str, Capabilities] = {
    "telegram": TELEGRAM,
    "wechat": WECHAT,
    "wecom": WECOM,
    "wecom_appchat": WECOM_APPCHAT,
    "wecom_robot": WECOM_ROBOT,
    "wecom_group": WECOM_GROUP,
    "wecom_bot": WECOM_BOT,
    "web": WEB,
    "desk": DESK,
    "terminal": TERMINAL,
    "local": PLAY,
}
"""Every one of them, by the channel's name; the places of WeCom's app by theirs."""
