"""The account's menu: what a person may tap instead of typing it.

Source: WeChat Official Account documents (custom menu: three columns of five, 16 and 60 bytes, keys of 128, addresses of 1024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.channels.wechat.api import Api
from prompts.loader import texts

CREATE = "/cgi-bin/menu/create"
COLUMNS, ROWS = 3, 5


@dataclass(frozen=True, slots=True)
class Item:
    """One entry.

    Attributes:
        label: what it shows.
        says: what tapping it says to us; url: or the page that it opens; below: or the entries under it.
    """

    label: str
    says: str = ""
    url: str = ""
    below: Sequence[Item] = field(default_factory=tuple)


def usual(pages: str = "") -> list[Item]:
    """Return our menu.

    Args:
        pages: address of the web pages without a slash at the end; empty = no entry for them.
    """
    words = texts()
    # Check-ins and points are of a group, which nobody here is in: what cannot be done is not offered.
    items = [Item(words.raw("wechat.menu_help"), says=words.raw("wechat.menu_help_says"))]
    if pages:
        items.append(Item(words.raw("wechat.menu_pages"), url=f"{pages}/h5"))
    return items


def menu_of(items: Sequence[Item]) -> dict[str, Any]:
    """Return what the platform is told.

    Raises:
        ValueError: it would not take it; the message says why.
    """
    if not 0 < len(items) <= COLUMNS:
        raise ValueError(f"a menu has 1 to {COLUMNS} columns")
    return {"button": [_entry(item, longest=16, nested=True) for item in items]}


def _entry(item: Item, *, longest: int, nested: bool) -> dict[str, Any]:
    if not 0 < len(item.label.encode()) <= longest:
        raise ValueError(f"a label has 1 to {longest} bytes")
    if item.below:
        if not nested or len(item.below) > ROWS:
            raise ValueError(f"a column has at most {ROWS} entries, and they have none")
        below = [_entry(one, longest=60, nested=False) for one in item.below]
        return {"name": item.label, "sub_button": below}
    if bool(item.says) is bool(item.url):
        raise ValueError("an entry says something or opens a page")
    if item.says:
        if len(item.says.encode()) > 128:
            raise ValueError("a key has at most 128 bytes")
        return {"type": "click", "name": item.label, "key": item.says}
    if len(item.url.encode()) > 1024 or not item.url.startswith(("https://", "http://")):
        raise ValueError("an address is http(s) and has at most 1024 bytes")
    return {"type": "view", "name": item.label, "url": item.url}


async def set_menu(api: Api, items: Sequence[Item]) -> None:
    """Set the menu; it shows within a day, at once to who follows anew.

    Raises:
        ApiError: the platform said no (48001: the account is not verified and may have none).
        ValueError: see :func:`menu_of`.
    """
    await api.call("POST", CREATE, json=menu_of(items))
