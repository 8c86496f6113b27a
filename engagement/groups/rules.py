"""Reading what a leader types about the group: facts, quiet hours, switches. Pure."""

from __future__ import annotations

import re
import unicodedata

from engagement.errors import Refusal
from engagement.kernel import one_line, simplified

FACTS = {  # zh: what leaders type
    "提货点": "pickup_place",
    "提货地点": "pickup_place",
    "自提点": "pickup_place",
    "提货时间": "pickup_hours",
    "取货时间": "pickup_hours",
    "送货日": "delivery_day",
    "到货日": "delivery_day",
    "到货时间": "delivery_day",
    "截单时间": "order_cutoff",
    "截单": "order_cutoff",
    "热线": "hotline",
    "电话": "hotline",
    "客服电话": "hotline",
    "团长称呼": "leader_name",
    "团长": "leader_name",
}
"""What a leader types → the fact's key; the first word of a key is the one that is shown."""
FACT_MOST = 80
_AFTER_WORD = re.compile(r"[\s:]+")
_SPAN = re.compile(r"^(\d{1,2})(?::(\d{2}))?点?\s*(?:-|到|至|~)\s*(\d{1,2})(?::(\d{2}))?点?$")


def shown_facts() -> dict[str, str]:
    """Return key → the word that is shown for it."""
    shown: dict[str, str] = {}
    for word, key in FACTS.items():
        shown.setdefault(key, word)
    return shown


def read_fact(text: str) -> tuple[str, str]:
    """Read 「提货点 东门快递柜」 as (key, value); an empty value is not a value.

    Raises:
        Refusal: ``groups.fact_how`` when the name is unknown or nothing follows.
    """
    word, _, value = _AFTER_WORD.sub(" ", unicodedata.normalize("NFKC", text).strip(), count=1).partition(" ")
    key = FACTS.get(simplified(word))
    value = one_line(value, FACT_MOST)
    if key is None or not value:
        raise Refusal("groups.fact_how")
    return key, value


def read_span(text: str) -> tuple[int, int]:
    """Read 「22:00-7:00」 as minutes [from, to) of the local day.

    Raises:
        Refusal: ``groups.quiet_how``.
    """
    folded = unicodedata.normalize("NFKC", text).strip().replace("—", "-").replace("–", "-")
    match = _SPAN.match(folded)
    if match is None:
        raise Refusal("groups.quiet_how")
    start = int(match.group(1)) * 60 + int(match.group(2) or 0)
    end = int(match.group(3)) * 60 + int(match.group(4) or 0)
    if int(match.group(2) or 0) > 59 or int(match.group(4) or 0) > 59 or start > 1439 or end > 1440:
        raise Refusal("groups.quiet_how")
    return start, end % 1440


def clock_time(minute: int) -> str:
    """Show a local minute as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
