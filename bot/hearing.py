"""What is heard in a group without being meant for the bot: counted per hour, written every few seconds, never stored.

Source: DESIGN §4, F95.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import bindparam

from engagement.kernel import Incoming
from storage import identities
from storage.columns import micros
from storage.engine import Session
from storage.groups import GroupHour
from storage.statements import Prepared

Heard: TypeAlias = Counter[tuple[str, str, str, datetime]]
"""(channel, account, conversation, hour) → messages."""
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


class Hearing:
    """A buffer of counters."""

    def __init__(self) -> None:
        """Start empty."""
        self._heard: Heard = Counter()

    def note(self, incoming: Incoming) -> None:
        """Count one message."""
        hour = incoming.received_at.replace(minute=0, second=0, microsecond=0)
        self._heard[(incoming.channel, incoming.account, incoming.conversation, hour)] += 1

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
