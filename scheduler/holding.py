"""A message that the platform has and does not say yet: it waits for somebody's yes, and its row waits with it.

The row's own time was reckoned for saying it at once; it becomes as long as the platform waits. That it was looked after is no
try to send it, so it is not counted as one: what a crash leaves in doubt is told apart by tries.

Source: ADR-0004; ADR-0019.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, case, literal_column, null, update

from storage.campaigns import Delivery
from storage.columns import micros
from storage.engine import Session
from storage.moves import DOUBTED
from storage.statements import Prepared

_D = Delivery.__table__  # type: ignore[attr-defined]
_ENDS = _D.c.expires_at
_HOLD = Prepared(
    "delivery.hold",
    update(_D)
    .where(_D.c.id == bindparam("row"), _D.c.state == "sending", _D.c.sender == bindparam("me"))
    .values(
        state="pending",
        not_before=bindparam("later"),
        carrier=null(),
        reason=bindparam("why"),
        attempts=_D.c.attempts - 1,
        # Whose place in a day is in doubt has no time of its own to lengthen.
        expires_at=case(
            ((_ENDS < bindparam("ends")) & (_ENDS > literal_column(str(micros(DOUBTED)))), bindparam("ends")),
            else_=_ENDS,
        ),
    )
    .returning(_D.c.id),
)


def hold(session: Session, row: int, me: str, not_before: datetime, until: datetime, why: str) -> bool:
    """Let a row that this process has taken wait until ``until`` at least, and be looked after at ``not_before``.

    Args:
        why: fixed word that says for whom it waits.
    """
    values = {"row": row, "me": me, "later": micros(not_before), "ends": micros(until), "why": why[:40]}
    return session.row(_HOLD, **values) is not None
