"""The table of what channels can do: nothing in it is dead, and no channel is without a driver, a guide, a check and settings."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import diagnosis
from bot.abilities import able
from bot.pictures import Pictures
from bot.rendering.capabilities import TABLE, WEB, Capabilities, Dialect, Hears, Unit
from bot.rendering.render import Rendered, render
from bot.settings import Settings
from engagement.clocks import SetClock
from engagement.kernel import Button, Card, Document, Kind, Outgoing, Place
from prompts.loader import texts
from tests.channels.drivers import FAR, NEAR, Driver, Play
from tests.channels.pages import Page
from tests.tools import channels

ROOT = Path(__file__).resolve().parents[2]
CAN = Capabilities(
    "sample", 60, parts=2, dialect=Dialect.HTML, button_limit=3, picture=True, caption_limit=60, links_people=True
)
LONG = {"name": "李阿姨" * 3, "rows": [{"line": f"第 {n} 行😀"} for n in range(30)]}


def said(kind: Kind = Kind.REPLY, key: str = "members.kept", **more: Any) -> Outgoing:
    return Outgoing(
        kind, "telegram", "1", more.pop("place", Place.GROUP), "-1", "suite", key, more.pop("values", {}), **more
    )


LISTED = said(key="members.help_all", values=LONG)
CHOICES = [Button(f"a:{n}", "members.button_keep") for n in range(4)]
TAGS = said(key="members.export", values={"name": "<a>"})
FLIPS: dict[str, tuple[Outgoing, Capabilities, object]] = {
    "name": (said(), CAN, "web"),
    "text_limit": (LISTED, CAN, 90),
    "unit": (LISTED, CAN, Unit.BYTES),
    "parts": (LISTED, CAN, 1),
    "dialect": (said(mention=True, to="7", to_name="李"), CAN, Dialect.PLAIN),
    "button_limit": (said(buttons=CHOICES), CAN, 0),
    "button_bytes": (said(buttons=CHOICES), CAN, 2),
    "row_width": (said(buttons=CHOICES), CAN, 8),
    "reactions": (said(Kind.REACTION, "", emoji="👍"), CAN, True),
    "edit": (said(Kind.EDIT), CAN, True),
    "caption_limit": (said(), CAN, 0),
    "document": (said(document=Document("a.txt", "x"), place=Place.DM), CAN, True),
    "links_people": (said(mention=True, to="7", to_name="李"), CAN, False),
    "quotes": (said(key="topic.push_how", values={"points": 5}), CAN, False),
    "closing": (said(Kind.PUSH), CAN, "render.on_the_page"),
    "hears": (said(buttons=CHOICES), replace(CAN, button_limit=0), Hears.NOTHING),
}
"""Field → what is said, on a channel, and another value of the field there, with which it is said otherwise."""
DRAWN = {"picture"}
"""Read by what draws; tried below."""


def seen(message: Outgoing, can: Capabilities) -> Rendered | str:
    try:
        return render(message, can)
    except ValueError as error:
        return str(error)


def test_every_field_is_tried() -> None:
    assert FLIPS.keys() | DRAWN == {field.name for field in fields(Capabilities)}


@pytest.mark.parametrize("name", FLIPS)
def test_no_flag_is_dead(name: str) -> None:
    message, can, other = FLIPS[name]
    assert getattr(can, name) != other
    changed: Any = {name: other}
    assert seen(message, can) != seen(message, replace(can, **changed)), "nobody reads it"


def test_tags_are_words_where_the_platform_would_obey_them() -> None:
    tagged = replace(CAN, dialect=Dialect.TAGGED)
    assert seen(TAGS, tagged) != seen(TAGS, replace(CAN, dialect=Dialect.PLAIN))
    assert "<" not in render(TAGS, tagged).text


async def test_a_card_is_drawn_only_where_it_can_be_shown(tmp_path: Path) -> None:
    """One that nobody would see costs a second of drawing."""
    pictures = Pictures(tmp_path, SetClock(datetime(2026, 12, 1, tzinfo=UTC)), replay=True)
    drawn = set()
    for name, place, conversation in (
        ("telegram", Place.GROUP, "-1"),
        ("wechat", Place.DM, "o-li"),
        ("wecom", Place.DM, "li"),
        ("wecom", Place.GROUP, "wr1"),
        ("wecom", Place.GROUP, "appchat:staff"),
        ("wecom", Place.GROUP, "robot:shop"),
        ("wecom_bot", Place.GROUP, "g1"),
        ("terminal", Place.GROUP, "terminal"),
    ):
        card = Card("theme", {})
        message = replace(said(card=card, place=place), channel=name, conversation=conversation)
        asked: list[Card] = []

        async def promised(_message: Outgoing, found: Card, asked: list[Card] = asked) -> Outgoing:
            asked.append(found)
            return _message

        pictures._promised = promised  # type: ignore[method-assign, assignment]
        await pictures(message)
        assert bool(asked) == able(message).picture, (name, conversation)
        drawn |= {f"{name}:{conversation}"} if asked else set()
    pictures.close()
    assert drawn == {"telegram:-1", "wechat:o-li", "wecom:robot:shop", "wecom_bot:g1"}


def test_each_place_finds_its_row() -> None:
    def at(channel: str, place: Place, conversation: str) -> Capabilities:
        return able(replace(said(place=place), channel=channel, conversation=conversation))

    assert at("wecom", Place.DM, "li") is TABLE["wecom"]
    assert at("wecom", Place.GROUP, "wr1") is TABLE["wecom_group"]
    assert at("wecom", Place.GROUP, "appchat:x") is TABLE["wecom_appchat"]
    assert at("wecom", Place.GROUP, "robot:x") is TABLE["wecom_robot"]
    assert at("sim", Place.GROUP, "yangguang") is WEB
    assert channels.NAMES.keys() == channels.PLACES.keys() == TABLE.keys()


PLATFORMS = ("telegram", "wechat", "wecom", "wecom_bot")
LOCAL = {"web", "sim", "terminal"}
"""Ours: they need no settings but the web server's, and nobody else can refuse them."""


def test_every_channel_has_what_belongs_to_one() -> None:
    assert set(diagnosis.CHANNELS) == {*PLATFORMS, *LOCAL} == channels.GUIDES.keys()
    kinds: list[type[Driver]] = [*FAR.values(), *NEAR.values(), Page, Play]
    drivers = {kind.name for kind in kinds}
    # The channel `web` is the pages, whose words are those of the desk behind them.
    assert drivers == set(diagnosis.CHANNELS) - {"web"} | {"desk", "local"}
    for file in channels.GUIDES.values():
        assert (ROOT / "docs" / file).is_file(), file


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_without_settings_is_told_so(name: str) -> None:
    """`doctor` and the start say which setting is missing, in words, before anything is sent."""
    settings = Settings()
    found = diagnosis.problems(settings, [name])
    assert found and found == getattr(settings, name).problems()
    assert all(texts().raw(key) for key in found)
    guide = (ROOT / "docs" / channels.GUIDES[name]).read_text("utf-8")
    assert f"BOT_{name.upper()}__" in guide and "doctor" in guide and "做不到" in guide
    assert f'"{name}"' in Path(diagnosis.__file__).read_text("utf-8")
