"""What outside models may be asked in a day, per member, per group and over all; and what they were asked.

The counters are rows, so that a restart gives nobody a fresh budget; each call costs one short transaction after it.

Source: FAULTS C13 (denial of wallet).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import bindparam, func, select

from storage.learning import ModelTally
from storage.statements import Prepared

if TYPE_CHECKING:
    from knowledge.model import Worded
    from knowledge.settings import KnowledgeSettings
    from storage.engine import Database, Session

ALL = "all"
_T = ModelTally.__table__  # type: ignore[attr-defined]
_PER = 1_000_000
_COUNTED = ("calls", "failures", "prompt_tokens", "completion_tokens", "cost")


def _adding(insert: Any) -> Any:
    row = insert(_T).values({name: bindparam(name) for name in ("subject", "local_date", "model", *_COUNTED)})
    return row.on_conflict_do_update(
        index_elements=["subject", "local_date", "model"],
        set_={name: _T.c[name] + row.excluded[name] for name in _COUNTED},
    )


_ADD = Prepared("model_tally.add", _adding)


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose budget a question is held against.

    Attributes:
        day: the group's local day.
        group_id, member_id: None for who has none (command line, console).
    """

    day: date
    group_id: int | None = None
    member_id: int | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of the counters that a call raises."""
        named = (("group", self.group_id), ("member", self.member_id))
        return (ALL, *(f"{kind}:{identity}" for kind, identity in named if identity is not None))


class Purse(Protocol):
    """What says whether a model may be asked, and keeps count."""

    async def allows(self, asker: Asker) -> bool:
        """Whether there is something left for this asker today."""

    async def spent(self, asker: Asker, model: str, worded: Worded | None) -> None:
        """Counts a call; None = it failed."""


class RowPurse:
    """Counters in the database.

    Args:
        database: Of the data directory.
        settings: Bounds and prices.
    """

    def __init__(self, database: Database, settings: KnowledgeSettings) -> None:
        self._database = database
        self._settings = settings

    async def allows(self, asker: Asker) -> bool:
        """See ``Purse.allows``."""
        return await self._database.read(lambda session: self._left(session, asker))

    def _left(self, session: Session, asker: Asker) -> bool:
        used = dict(
            session.execute(
                select(_T.c.subject, func.sum(_T.c.calls + _T.c.failures))
                .where(_T.c.subject.in_(asker.subjects), _T.c.local_date == asker.day)
                .group_by(_T.c.subject)
            ).all()
        )
        most = {"member": self._settings.member_daily, "group": self._settings.group_daily, ALL: self._settings.daily}
        return all(used.get(subject, 0) < most[subject.partition(":")[0]] for subject in asker.subjects)

    async def spent(self, asker: Asker, model: str, worded: Worded | None) -> None:
        """See ``Purse.spent``."""
        prompt, completion = (worded.prompt_tokens, worded.completion_tokens) if worded else (0, 0)
        price = self._settings.prompt_price * prompt + self._settings.completion_price * completion
        added = {
            "calls": int(worded is not None),
            "failures": int(worded is None),
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost": round(price),  # a price a million tokens is a millionth of it a token
        }
        await self._database.write(lambda session: _add(session, asker, model[:80], added))


def _add(session: Session, asker: Asker, model: str, added: dict[str, int]) -> None:
    for subject in asker.subjects:
        session.run(_ADD, subject=subject, local_date=asker.day.isoformat(), model=model, **added)


def usage(session: Session, since: date) -> list[dict[str, Any]]:
    """Calls, failures, tokens and cost over all, a row a day and model, newest first; cost in the operator's currency."""
    rows = session.execute(
        select(_T).where(_T.c.subject == ALL, _T.c.local_date >= since).order_by(_T.c.local_date.desc(), _T.c.model)
    )
    return [
        {
            "day": row.local_date.isoformat(),
            "model": row.model,
            "calls": row.calls,
            "failures": row.failures,
            "prompt_tokens": row.prompt_tokens,
            "completion_tokens": row.completion_tokens,
            "cost": row.cost / _PER,
        }
        for row in rows
    ]


def total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum of rows of ``usage``. Pure."""
    return {name: sum(row[name] for row in rows) for name in _COUNTED}


def summed(rows: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """Rows of ``usage`` put together. Pure.

    Args:
        rows: A row a day and model.
        by: ``day`` and ``week`` give a row for each span and model, newest first, with its ``first`` and ``last`` day;
            ``model`` a row a model over all the days there are.
    """
    found: dict[tuple[object, str], dict[str, Any]] = {}
    for row in rows:
        first = last = date.fromisoformat(row["day"])
        if by == "week":
            first -= timedelta(days=first.weekday())
            last = first + timedelta(days=6)
        start = {"first": first, "last": last, "model": row["model"], **dict.fromkeys(_COUNTED, 0)}
        one = found.setdefault((None if by == "model" else first, row["model"]), start)
        one["first"], one["last"] = min(one["first"], first), max(one["last"], last)
        for name in _COUNTED:
            one[name] += row[name]
    ordered = sorted(found.values(), key=lambda one: str(one["model"]))
    ordered.sort(key=lambda one: (0, one["cost"]) if by == "model" else (one["first"].toordinal(), 0), reverse=True)
    return [{**one, "first": one["first"].isoformat(), "last": one["last"].isoformat()} for one in ordered]
