"""What a platform itself counts about groups in which nobody hears the bot: the owner's days, read group by group.

The platform counts owners. An owner's figures are a group's when that is the only one of his; of several they are all of theirs
together, and no group's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from storage.customer_groups import CustomerGroup
from storage.engine import Session
from storage.groups import Group
from storage.mass_sends import OwnerDay

_C = CustomerGroup.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_O = OwnerDay.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class PlatformDay:
    """A day of an owner's groups, in figures.

    Attributes:
        messages: that were written; ``speakers``: people who wrote any.
        people: in the groups; ``groups``: how many groups these are.
    """

    messages: int = 0
    speakers: int = 0
    people: int = 0
    groups: int = 1

    @property
    def of_one(self) -> bool:
        """They are one group's figures."""
        return self.groups <= 1


def of_groups(session: Session, groups: Collection[int], first: date, last: date) -> dict[int, dict[date, PlatformDay]]:
    """Return customer group → day in [first, last] → figures, one statement for all of them.

    A customer group of whose owner nothing was told stands there without days; any other group does not.
    """
    if not groups:
        return {}
    owned = (_C.c.channel == _G.c.channel) & (_C.c.account == _G.c.account) & (_C.c.conversation == _G.c.external_id)
    told = (
        (_O.c.channel == _C.c.channel)
        & (_O.c.account == _C.c.account)
        & (_O.c.owner == _C.c.owner)
        & _O.c.local_date.between(first, last)
    )
    rows = session.execute(
        select(_G.c.id, _O.c.local_date, _O.c.figures)
        .select_from(_G.join(_C, owned).outerjoin(_O, told))
        .where(_G.c.id.in_(sorted(groups)))
    )
    found: dict[int, dict[date, PlatformDay]] = defaultdict(dict)
    for group, day, figures in rows:
        here = found[group]
        if day is not None:
            here[day] = _read(figures or {})
    return dict(found)


def _read(figures: dict[str, int]) -> PlatformDay:
    return PlatformDay(
        figures.get("msg_total", 0),
        figures.get("member_has_msg", 0),
        figures.get("member_total", 0),
        figures.get("chat_total", 1),
    )
