"""A group's questions of one local day, counted: no words, no names, one statement beside the reply.

Source: F62, F64.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import bindparam

from storage.engine import Session
from storage.learning import AnswerTally
from storage.statements import Prepared

_T = AnswerTally.__table__  # type: ignore[attr-defined]
FIGURES = tuple(column.name for column in _T.c if column.name not in ("group_id", "local_date"))
_COUNT = Prepared(
    "answer_tally.count",
    lambda insert: (
        insert(_T)
        .values(
            group_id=bindparam("group_row"),
            local_date=bindparam("on_day"),
            **{name: bindparam(f"n_{name}") for name in FIGURES},
        )
        .on_conflict_do_update(
            index_elements=["group_id", "local_date"],
            set_={name: _T.c[name] + bindparam(f"n_{name}") for name in FIGURES},
        )
    ),
)


def count(session: Session, group_id: int | None, day: date, **figures: int) -> None:
    """Add to a day's figures; nothing where there is no group to count for.

    Args:
        figures: names of :data:`FIGURES`; ``helped`` and ``missed`` may be negative, when a thumb is turned.
    """
    added = {name: number for name, number in figures.items() if number}
    if group_id is None or not added:
        return
    values = {f"n_{name}": added.get(name, 0) for name in FIGURES}
    session.run(_COUNT, group_row=group_id, on_day=day.isoformat(), **values)
