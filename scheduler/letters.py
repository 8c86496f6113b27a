"""Pushes that did not arrive, or of which nobody knows: looked at, sent once more, or settled by a person.

Source: F27; ADR-0004; FAULTS F4, F14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, literal_column
from sqlmodel import col, select

from engagement.calendar import next_due, quiet_ends
from engagement.feature import GroupView
from engagement.kernel import Outgoing
from engagement.pushes import JobSpec
from scheduler.zones import zone_of
from storage import audit
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Group

MOST = 200
_ASTRAY: ColumnElement[bool] = literal_column("delivery.state IN ('failed', 'unknown')")
"""Written out, so that the partial index is recognised."""
_SHORTEST_GRACE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that failed, or of which nobody knows whether it arrived.

    Attributes:
        message: what it says; None for a failed one, whose body is erased.
    """

    id: int
    campaign: str
    kind: str
    name: str
    group: GroupView
    recipient: int
    due_at: datetime
    state: str
    reason: str
    attempts: int
    message: Outgoing | None


class Unfit(Exception):
    """Something cannot be done with a row.

    Attributes:
        why: ``no_letter``, ``letter_failed``, ``letter_settled``, ``letter_gone``, ``letter_stopped`` or ``letter_empty``.
    """

    def __init__(self, why: str, row: int, campaign: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.row = row
        self.campaign = campaign


def letters(session: Session, since: datetime, campaign: str = "", most: int = MOST) -> list[Letter]:
    """Return what failed or is unknown, due since an instant: unknown ones first, then the newest."""
    wanted = (
        select(Delivery, Campaign, Group)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .join(Group, col(Group.id) == col(Delivery.group_id))
        .where(_ASTRAY, Delivery.due_at >= since)
        .order_by(col(Delivery.state).desc(), col(Delivery.id).desc())
        .limit(most)
    )
    if campaign:
        wanted = wanted.where(Campaign.key == campaign)
    return [
        Letter(
            row.id or 0,
            one.key,
            one.kind,
            one.name,
            GroupView.of(group),
            row.recipient,
            row.due_at,
            row.state,
            row.reason,
            row.attempts,
            Outgoing.load(row.body) if row.body else None,
        )
        for row, one, group in session.exec(wanted).all()
    ]


def check(session: Session, ids: Sequence[int]) -> None:
    """Say whether every one of them is unknown and could be sent again.

    Raises:
        Unfit: one is not.
    """
    for number in ids:
        row, campaign, group = _open(session, number)
        if not row.body:
            raise Unfit("letter_empty", number)
        if group.state != "active":
            raise Unfit("letter_gone", number)
        if campaign.state in {"cancelled", "finished"}:
            raise Unfit("letter_stopped", number, campaign.key)


def resend(session: Session, ids: Sequence[int], jobs: Sequence[JobSpec], now: datetime) -> datetime:
    """Let unknown ones wait to be sent once more; all of them, or none.

    Returns:
        When the last of them may go out at the earliest: after quiet hours.

    Raises:
        Unfit: one of them is not unknown, or cannot be sent now.
    """
    specs = {job.kind: job for job in jobs}
    latest = now
    check(session, ids)
    for number in ids:
        row, campaign, group = _open(session, number)
        spec = specs.get(campaign.kind)
        zone = zone_of(group.zone)
        start, end = now, now + timedelta(days=1)
        if group.quiet_from != group.quiet_to and not (spec is not None and spec.ignores_quiet):
            start = quiet_ends(now, zone, group.quiet_from, group.quiet_to)
            end = next_due(start, group.quiet_from, zone) - timedelta(microseconds=1)
        grace = max(_SHORTEST_GRACE, timedelta(minutes=spec.grace_minutes if spec is not None else 0))
        row.state, row.reason, row.attempts, row.carrier = "pending", "", 0, None
        row.not_before = start if start > now else None
        row.expires_at = min(start + grace, end)
        session.add(row)
        latest = max(latest, start)
        audit.record(session, at=now, actor_id=None, group_id=group.id, action="push.resent", delivery=number)
    session.flush()
    return latest


def settle(session: Session, number: int, how: str, now: datetime) -> None:
    """Say what became of an unknown one: somebody has looked.

    Args:
        how: ``sent`` (it stands in the group) or ``skipped`` (it does not, and shall not).

    Raises:
        Unfit: it is not unknown.
    """
    row, _campaign, group = _open(session, number)
    row.state, row.body = how, ""
    row.reason = "" if how == "sent" else "settled"
    row.sent_at = (row.not_before or row.due_at) if how == "sent" else None
    session.add(row)
    audit.record(session, at=now, actor_id=None, group_id=group.id, action=f"push.settled_{how}", delivery=number)
    session.flush()


def _open(session: Session, number: int) -> tuple[Delivery, Campaign, Group]:
    row = session.get(Delivery, number) if 0 < number < 1 << 62 else None
    if row is None:
        raise Unfit("no_letter", number)
    if row.state != "unknown":
        raise Unfit("letter_failed" if row.state == "failed" else "letter_settled", number)
    return row, session.get_one(Campaign, row.campaign_id), session.get_one(Group, row.group_id)
