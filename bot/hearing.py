"""What is heard in a group: messages counted per hour, never stored; and the day on which a consenting member was last seen.

The counters are written every few seconds, the days once an hour: nobody asks for them sooner.

Source: DESIGN §4, F95.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import bindparam

from engagement.calendar import local_day
from engagement.kernel import Event, Incoming, Place
from storage import identities
from storage.columns import micros
from storage.engine import Session
from storage.groups import GroupHour
from storage.statements import Prepared

Heard: TypeAlias = Counter[tuple[str, str, str, datetime]]
"""(channel, account, conversation, hour) → messages."""
Seen: TypeAlias = dict[tuple[str, str, str, str], datetime]
"""(channel, account, conversation, sender) → when the person last wrote, pressed or stamped something there."""
SEEN_AT_ONCE = 200
"""People whose day is written in one transaction."""
_H = GroupHour.__table__  # type: ignore[attr-defined]
_ADD = Prepared(
    "group_hour.add",
    lambda insert: (
        insert(_H)
        .values(group_id=bindparam("group_row"), hour=bindparam("from_hour"), messages=bindparam("heard"))
        .on_conflict_do_update(
            index_elements=["group_id", "hour"], set_={"messages": _H.c.messages + bindparam("heard")}
        )
    ),
)
_DONE_BY_HAND = (Event.MESSAGE, Event.BUTTON, Event.REACTION)


class Hearing:
    """A buffer of counters."""

    def __init__(self) -> None:
        """Start empty."""
        self._heard: Heard = Counter()
        self._seen: Seen = {}

    def note(self, incoming: Incoming) -> None:
        """Count one message."""
        hour = incoming.received_at.replace(minute=0, second=0, microsecond=0)
        self._heard[(incoming.channel, incoming.account, incoming.conversation, hour)] += 1

    def saw(self, incoming: Incoming) -> None:
        """Remember that somebody was there."""
        if incoming.place is Place.GROUP and incoming.sender and incoming.event in _DONE_BY_HAND:
            who = (incoming.channel, incoming.account, incoming.conversation, incoming.sender)
            self._seen[who] = incoming.received_at

    def take_seen(self) -> Seen:
        """Return some of those who were seen, at most ``SEEN_AT_ONCE``, and forget them."""
        some = dict(list(self._seen.items())[:SEEN_AT_ONCE])
        for who in some:
            del self._seen[who]
        return some

    def put_back_seen(self, seen: Seen) -> None:
        """Take back what could not be written."""
        self._seen = seen | self._seen

    def take(self) -> Heard:
        """Return what has gathered, and begin anew."""
        heard, self._heard = self._heard, Counter()
        return heard

    def put_back(self, heard: Heard) -> None:
        """Take back what could not be written."""
        self._heard += heard

    def __bool__(self) -> bool:
        """Say whether there is something to write."""
        return bool(self._heard)


def keep(session: Session, heard: Heard) -> None:
    """Add what was heard to the rows; may run again. Unknown groups are forgotten."""
    for (channel, account, conversation, hour), number in heard.items():
        row = identities.group_row(session, channel, account, conversation)
        if row is not None:
            session.run(_ADD, group_row=row[0], from_hour=micros(hour), heard=number)


def keep_seen(session: Session, seen: Seen) -> None:
    """Write the local day on which people were last seen, of those who agreed to be recorded; may run again."""
    zones: dict[tuple[str, str, str], tuple[int, str] | None] = {}
    for (channel, account, conversation, sender), moment in seen.items():
        where = (channel, account, conversation)
        if where not in zones:
            row: Any = identities.group_row(session, *where)
            zones[where] = None if row is None else (row[0], row[5])
        group = zones[where]
        if group is not None:
            day = local_day(moment, group[1]).isoformat()
            identities.seen_in(session, group[0], channel, sender, day)
