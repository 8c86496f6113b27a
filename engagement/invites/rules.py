"""Codes, who counts as brought by whom, and what it is worth. Pure."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from engagement.errors import Refusal

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""31 signs; none that is taken for another: no 0 and O, no 1, I and L."""
CODE = 4
"""Signs of a code that is typed in its group: 20 bits, and a wrong guess credits a neighbour."""
TOKEN = 8
"""Signs of a code in a link that anybody may try: 39 bits."""
PREFIX = "i"
"""What a link's payload begins with, so that others may have payloads too."""

FRESH = timedelta(days=7)
"""How long after joining a newcomer may say who brought him, and how long a pressed link counts."""
JUST_NOW = timedelta(minutes=1)
"""A member whose row is younger when the platform tells of the joining came with it."""
DAYS = 2
"""Different days with a check-in after which the thanks are paid."""
FOR_INVITER = 10
FOR_NEWCOMER = 5
MOST_A_MONTH = 10
"""Invitations that an inviter is paid for in a local month."""
LONGEST_CHAIN = 50

LINK_MOST = 200
LINK_HOSTS = frozenset({"t.me", "weixin.qq.com", "work.weixin.qq.com", "u.wechat.com"})
"""Where the platforms' own invitation links lead; without a port or a user's name."""
_NONE = re.compile(r"无|没有|暂无|清空|删除|删掉|去掉|不填|不要")


def draw(chance: random.Random, length: int) -> str:
    """Draw a code."""
    return "".join(chance.choice(ALPHABET) for _ in range(length))


def read_code(text: str) -> str:
    """Read a typed code: width, case and blanks do not matter; empty when it cannot be one."""
    folded = "".join(unicodedata.normalize("NFKC", text).upper().split())
    return folded if len(folded) == CODE and all(sign in ALPHABET for sign in folded) else ""


def read_payload(text: str) -> str:
    """Read a link's payload as its token; empty when it is none of ours."""
    token = text[len(PREFIX) :].upper()
    ours = text.startswith(PREFIX) and len(token) == TOKEN and all(sign in ALPHABET for sign in token)
    return token if ours else ""


def read_link(text: str) -> str:
    """Read a group's own invitation link; empty when the leader wants none any more.

    It must be https and a platform's own address, so that a poster leads nowhere else.

    Raises:
        Refusal: ``invites.link_how``.
    """
    bare = text.strip()
    if _NONE.fullmatch(bare):
        return ""
    try:
        parts = urlsplit(bare)
    except ValueError:
        raise Refusal("invites.link_how") from None
    good = parts.scheme == "https" and parts.netloc.lower() in LINK_HOSTS and len(parts.path) > 1
    if not good or len(bare) > LINK_MOST or not bare.isascii() or not bare.isprintable() or " " in bare:
        raise Refusal("invites.link_how")
    return bare


def is_fresh(since: datetime, now: datetime) -> bool:
    """Say whether an instant lies within the last seven days, bounds included."""
    return timedelta(0) <= now - since <= FRESH


def is_circle(newcomer: int, inviter: int, brought_by: Mapping[int, int]) -> bool:
    """Say whether the inviter was himself brought by the newcomer, over however many neighbours.

    Args:
        brought_by: invited member → inviter, at least of the chain above ``inviter``.
    """
    seen = 0
    above: int | None = inviter
    while above is not None and seen < LONGEST_CHAIN:
        if above == newcomer:
            return True
        above = brought_by.get(above)
        seen += 1
    return False


def worth(*, here: bool, shared: bool, paid_this_month: int) -> int:
    """Return the inviter's points.

    Args:
        here: he is still in the group and lets his points be kept.
        shared: he has one account with the newcomer.
        paid_this_month: invitations that he was paid for in this local month.
    """
    return FOR_INVITER if here and not shared and paid_this_month < MOST_A_MONTH else 0


def stage(days: int, *, paid: bool) -> str:
    """Return how far a newcomer is: ``paid``, ``begun`` or ``came``."""
    if paid:
        return "paid"
    return "begun" if days else "came"
