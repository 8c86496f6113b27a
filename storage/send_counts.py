"""How many messages went to whom in the last while, in rows, so that all processes of an installation count together.

A platform that drops silently what is too much does not care which process said it, and a restart must not forget it either.
Rows live as long as the longest window, an hour.

Source: CHANNELS (WeCom app: 30 a minute and 1000 an hour to one member, dropped silently above that).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlmodel import Field, SQLModel

from storage.columns import micros, utc
from storage.engine import Session
from storage.statements import Prepared

_SECOND = 1_000_000
Limits = Sequence[tuple[int, float]]
"""(messages, seconds): at most so many in any so many seconds, each window half-open."""


class SendCount(SQLModel, table=True):
    """Messages that went to one name at one instant.

    Attributes:
        name: whom: the platform's id of a person, or of a room with its kind before it.
        sent: how many.
    """

    __tablename__ = "send_count"
    channel: str = Field(max_length=20, primary_key=True)
    account: str = Field(max_length=64, primary_key=True)
    name: str = Field(max_length=128, primary_key=True)
    at: datetime = utc(primary_key=True)
    sent: int


_T = SendCount.__table__  # type: ignore[attr-defined]
_OF = (_T.c.channel == bindparam("in_channel")) & (_T.c.account == bindparam("of")) & (_T.c.name == bindparam("whom"))
_RECENT = Prepared(
    "send_count.recent", select(_T.c.at, _T.c.sent).where(_OF, _T.c.at > bindparam("after")).order_by(_T.c.at)
)
_ADD = Prepared(
    "send_count.add",
    lambda insert: (
        insert(_T)
        .values(
            channel=bindparam("in_channel"),
            account=bindparam("of"),
            name=bindparam("whom"),
            at=bindparam("now"),
            sent=bindparam("count"),
        )
        .on_conflict_do_update(
            index_elements=["channel", "account", "name", "at"], set_={"sent": _T.c.sent + bindparam("count")}
        )
    ),
)
_FORGET = Prepared("send_count.forget", delete(_T).where(_OF, _T.c.at <= bindparam("before")))


def take(
    session: Session, *, channel: str, account: str, name: str, limits: Limits, now: datetime, count: int = 1
) -> float:
    """Count ``count`` messages, or none of them and return the seconds to wait until they fit.

    More than a window ever holds are let through alone at its beginning rather than never.
    """
    moment = micros(now)
    longest = max(round(seconds * _SECOND) for _, seconds in limits)
    whom = {"in_channel": channel, "of": account, "whom": name[:128]}
    rows = [(int(at), int(sent)) for at, sent in session.rows(_RECENT, **whom, after=moment - longest)]
    wait = max(_wait(rows, most, round(seconds * _SECOND), moment, count) for most, seconds in limits)
    if wait > 0:
        return wait / _SECOND
    session.run(_FORGET, **whom, before=moment - longest)
    session.run(_ADD, **whom, now=moment, count=count)
    return 0.0


def _wait(rows: Sequence[tuple[int, int]], most: int, window: int, moment: int, count: int) -> int:
    recent = [(at, sent) for at, sent in rows if at > moment - window]
    over = sum(sent for _, sent in recent) + min(count, most) - most
    for at, sent in recent:
        if over <= 0:
            return 0
        over -= sent
        if over <= 0:
            return at + window - moment
    return 0


def prune(session: Session, before: datetime) -> None:
    """Forget what went out until a moment: who gets nothing any more leaves no row behind."""
    session.execute(delete(_T).where(_T.c.at <= before))


def erase(session: Session, channel: str, name: str) -> None:
    """Forget what went to a person."""
    session.execute(delete(_T).where(_T.c.channel == channel, _T.c.name == name))
