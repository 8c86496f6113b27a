"""Documents that the platforms and wechatpy publish, as they stand: each is understood, and means what it should.

Source: tests/platforms/vectors/NOTICE.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.channels.envelope import Cipher, Forged, Malformed
from bot.channels.wechat.events import understand
from bot.channels.wechat.wire import read
from bot.channels.wecom.callback import Changed, events_of
from bot.channels.wecom.wire import first, parse_xml
from engagement.kernel import Event, Incoming, Place

FOLDER = Path(__file__).parents[2] / "platforms" / "vectors"
NOW = datetime(2026, 9, 1, tzinfo=UTC)


class Meant(NamedTuple):
    """What a person of the Official Account did: their words or what stands for them, and what it allows us."""

    text: str | None = None
    media: str = ""
    words: bool = False
    acted: bool = False


WECHAT = {
    "text": Meant("this is a test", words=True),
    "image": Meant("", "photo", words=True),
    "voice": Meant("", "voice", words=True),
    "video": Meant(words=True),
    "location": Meant(words=True),
    "link": Meant("url", words=True),
    "unknown kind": Meant(words=True),
    "device text": Meant(words=True),
    "subscribe": Meant("/start", acted=True),
    "subscribe after a payment": Meant("/start last_trade_no_4008072001201701105817415015", acted=True),
    "subscribe by a scan": Meant("/start 123123", acted=True),
    "subscribe from a product": Meant("/start", acted=True),
    "scan": Meant("/start 123123", acted=True),
    "click": Meant("EVENTKEY", acted=True),
}
"""The rest are of no consequence: nobody said anything, and nothing may be sent because of it."""
WECOM: dict[str, list[object]] = {
    "text": ["this is a test"],
    "image": ["photo"],
    "voice": ["voice"],
    "click": ["EVENTKEY"],
    "group created": [Changed("CHAT_ID")],
    "group joined": [(Event.JOIN, "Jack"), (Event.JOIN, "Rose")],
    "group renamed": [Changed("wree9uDgAAfxkLu5-lEbsmQBjsb7V8Cg")],
}


def vectors(name: str) -> dict[str, str]:
    found = {}
    for block in (FOLDER / f"{name}.txt").read_text("utf-8").split("### ")[1:]:
        title, _, document = block.partition("\n")
        found[title] = document
    return found


@pytest.mark.parametrize("title", vectors("wechat"))
def test_what_the_official_account_is_told(title: str) -> None:
    fields = read(vectors("wechat")[title].encode())
    if fields["CreateTime"] == "123456789":
        # An example's second, of 1973: such a callback has no effect, whatever it says.
        assert understand(dict(fields), "wx1", NOW).incoming is None
        fields["CreateTime"] = "1788220800"
    heard = understand(fields, "wx1", NOW)
    said = heard.incoming
    wanted = WECHAT.get(title, Meant())
    assert (heard.words, heard.acted, heard.left) == (wanted.words, wanted.acted, False)
    assert (None if said is None else said.text) == wanted.text
    if said is not None:
        assert (said.media, said.place, said.sender) == (wanted.media, Place.DM, fields["FromUserName"])


@pytest.mark.parametrize("title", vectors("wecom"))
def test_what_the_app_of_wecom_is_told(title: str) -> None:
    fields = parse_xml(vectors("wecom")[title].encode())
    found: list[object] = []
    for one in events_of(fields, first(fields, "ToUserName"), NOW, agent=1):
        match one:
            case Incoming(event=Event.MESSAGE):
                found.append(one.text or one.media)
            case Incoming():
                found.append((one.event, one.subject))
            case _:
                found.append(one)
    assert found == WECOM.get(title, [])


def test_each_of_them_is_in_the_files() -> None:
    assert WECHAT.keys() < vectors("wechat").keys()
    assert WECOM.keys() < vectors("wecom").keys()


# ---------------------------------------------------------------- WXBizMsgCrypt

PUBLISHED = Cipher("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
ECHO_SIGNED = ("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780")


def test_the_echo_that_tencent_publishes() -> None:
    """Source: Tencent, sample of WXBizMsgCrypt (verifying an address)."""
    assert PUBLISHED.open(ECHO, *ECHO_SIGNED) == b"1616140317555161061"


@pytest.mark.parametrize("place", range(3))
def test_the_echo_under_anything_else_is_none(place: int) -> None:
    changed = list(ECHO_SIGNED)
    changed[place] = changed[place][:-1] + ("1" if changed[place][-1] != "1" else "2")
    with pytest.raises(Forged):
        PUBLISHED.open(ECHO, *changed)


@pytest.mark.parametrize("place", range(0, len(ECHO), 7))
def test_an_echo_of_which_a_letter_is_another_is_none(place: int) -> None:
    changed = ECHO[:place] + ("A" if ECHO[place] != "A" else "B") + ECHO[place + 1 :]
    with pytest.raises((Forged, Malformed)):
        PUBLISHED.open(changed, *ECHO_SIGNED)
