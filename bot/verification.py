"""``verify``: every invariant that the rows must hold, each with its figure (FAULTS, the common oracle I1-I6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from bot.settings import Settings
from engagement.checkin import records as checkin
from engagement.households import service as households
from knowledge import soundness
from prompts.loader import texts
from storage import audit, bonds, ledger, migrate
from storage.campaigns import Delivery, Fire
from storage.engine import Session, open_database
from storage.inbox import Inbox
from storage.ledger import Entry
from storage.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant.

    Attributes:
        key: fixed word; its name for people is the text ``verify.{key}``.
        figure: what was counted.
        wrong: how many rows break it; 0 = it holds.
    """

    key: str
    figure: int
    wrong: int

    @property
    def ok(self) -> bool:
        """It holds."""
        return self.wrong == 0

    @property
    def name(self) -> str:
        """What it is called for people."""
        return texts().raw(f"verify.{self.key}")

    def shown(self) -> dict[str, object]:
        """As JSON values and for a line of text."""
        return {
            "key": self.key,
            "name": self.name,
            "ok": self.ok,
            "figure": self.figure,
            "wrong": self.wrong,
            "problem": texts().fill("verify.problem", {"wrong": self.wrong}),
        }


def _count(session: Session, table: type, *where: object) -> int:
    return int(session.execute(select(func.count()).select_from(table).where(*where)).scalar_one())  # type: ignore[arg-type]


def _ledger(session: Session) -> list[Check]:
    found = ledger.check(session)
    return [
        Check("balances", found.accounts, found.wrong_balances),
        Check("no_negative", found.accounts, found.negative_balances),
        Check("reversals", found.entries, found.wrong_reversals),
        Check("lots", found.lots, found.wrong_lots),
        Check("keys", found.entries, _repeated_keys(session)),
    ]


def _repeated_keys(session: Session) -> int:
    repeated = (
        select(Entry.idempotency_key).group_by(Entry.idempotency_key).having(func.count() > 1).subquery()  # type: ignore[call-overload]
    )
    return int(session.execute(select(func.count()).select_from(repeated)).scalar_one())


def _messages(session: Session) -> list[Check]:
    return [
        Check(
            "inbox_bodies", _count(session, Inbox), _count(session, Inbox, text("state <> 'pending' AND body <> ''"))
        ),
        Check("inbox_dead", _count(session, Inbox, text("state = 'dead'")), 0),
        Check("outbox_bodies", _count(session, Outbox), _count(session, Outbox, text("state = 'sent' AND body <> ''"))),
    ]


def _deliveries(session: Session) -> list[Check]:
    orphans = text(
        "NOT EXISTS (SELECT 1 FROM fire WHERE fire.campaign_id = delivery.campaign_id"
        " AND fire.group_id = delivery.group_id AND fire.local_date = delivery.local_date)"
    )
    return [
        Check("fires", _count(session, Fire), 0),
        Check("deliveries", _count(session, Delivery), _count(session, Delivery, orphans)),
        Check(
            "delivery_reasons",
            _count(session, Delivery),
            _count(session, Delivery, text("state = 'skipped' AND reason = ''")),
        ),
    ]


def _others(session: Session) -> list[Check]:
    rows, broken = audit.broken_links(session)
    families, wrong = households.wrong_households(session)
    return [
        Check("households", families, wrong),
        Check("bonds", *bonds.check(session)),
        Check("streaks", 0, checkin.wrong_streaks(session)),
        Check("audit", rows, 0 if broken is None else 1),
    ]


def _knowledge(session: Session) -> list[Check]:
    parts = (
        ("kb_published", soundness.versions),
        ("kb_unfinished", soundness.unfinished),
        ("kb_withheld", soundness.held_back),
    )
    counted = [(key, count(session)) for key, count in parts]
    return [Check(key, one.figure, one.wrong) for key, one in counted]


_ALL: tuple[Callable[[Session], list[Check]], ...] = (_ledger, _messages, _deliveries, _knowledge, _others)


def _vectors(session: Session, directory: Path) -> list[Check]:
    """Counted only: the index is made from rows, and what it lacks it gets when it is opened next."""
    held, behind = soundness.vectors(session, directory)
    return [Check("kb_vectors", held, 0), Check("kb_vectors_behind", behind, 0)]


def checks(session: Session) -> list[Check]:
    """Check everything in one snapshot."""
    return [check for part in _ALL for check in part(session)]


def verify(directory: Path, settings: Settings) -> list[Check]:
    """Check everything over a data directory; reads only, so it may run beside a server."""
    database = open_database(directory, settings.database)
    try:
        migrate.upgrade(database)
        return database.read_now(lambda session: [*checks(session), *_vectors(session, directory)])
    finally:
        database.close()
