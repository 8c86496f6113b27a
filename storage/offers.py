"""What the numbers mean under the last message to somebody, where a channel has no buttons: 「1 我参加 / 2 下次」.

A row for each person at most, forgotten after two days; another process, or this one after a restart, finds it here.

Source: F130.
"""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlmodel import Field, SQLModel

from storage.columns import instant, micros, utc
from storage.engine import Session
from storage.statements import Prepared

KEEP_DAYS = 2


class OfferedChoice(SQLModel, table=True):
    """The choices under a message.

    Attributes:
        conversation: the channel's id of the private chat.
        keys: JSON list of the buttons' keys; the first is number 1.
    """

    __tablename__ = "offered_choice"
    channel: str = Field(primary_key=True, max_length=20)
    conversation: str = Field(primary_key=True, max_length=160)
    keys: str
    offered_at: datetime = utc(index=True)


_T = OfferedChoice.__table__  # type: ignore[attr-defined]
_OF = (_T.c.channel == bindparam("in_channel"), _T.c.conversation == bindparam("who"))
_PUT = Prepared(
    "offered_choice.put",
    lambda insert: (
        (made := insert(_T))
        .values(
            channel=bindparam("in_channel"),
            conversation=bindparam("who"),
            keys=bindparam("choices"),
            offered_at=bindparam("offered_at"),
        )
        .on_conflict_do_update(
            index_elements=["channel", "conversation"],
            set_={"keys": made.excluded["keys"], "offered_at": made.excluded["offered_at"]},
        )
    ),
)
_GET = Prepared("offered_choice.get", select(_T.c["keys"], _T.c.offered_at).where(*_OF))
_END = Prepared("offered_choice.end", delete(_T).where(*_OF))
_PRUNE = Prepared("offered_choice.prune", delete(_T).where(_T.c.offered_at < bindparam("before")))


def put(session: Session, channel: str, conversation: str, keys: tuple[str, ...], now: datetime) -> None:
    """Write down the choices under the last message to somebody; without any, those before it end."""
    if not keys:
        session.run(_END, in_channel=channel, who=conversation)
        return
    session.run(_PUT, in_channel=channel, who=conversation, choices=json.dumps(keys), offered_at=micros(now))


def get(session: Session, channel: str, conversation: str) -> tuple[tuple[str, ...], datetime] | None:
    """Return the choices that somebody was offered last, and when; None if the last message had none."""
    row = session.row(_GET, in_channel=channel, who=conversation)
    return None if row is None else (tuple(json.loads(row[0])), instant(row[1]))


def prune(session: Session, before: datetime) -> None:
    """Forget what was offered before an instant."""
    session.run(_PRUNE, before=micros(before))
