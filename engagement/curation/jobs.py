"""Monday morning, in private: the week's figures, what is due for a review, what waits. One message a person.

Source: F62, F64, F69.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, func
from sqlmodel import select as pick

from engagement.curation import access, offers, words
from engagement.curation.access import Curator
from engagement.feature import GroupView
from engagement.kernel import Button, Kind, Reply
from engagement.pushes import Occurrence, Planned
from knowledge import lifecycle
from storage import bots, identities
from storage.documents import Document, DocumentVersion
from storage.engine import Session
from storage.groups import Group, RoleGrant

if TYPE_CHECKING:
    from knowledge import report

WEEK = "curation_week"
MINUTE = 9 * 60
MONDAY = 0
DUE_SHOWN = 5
LONG_MINUTES = 120
"""From here on a wait is told in hours."""


def plan_week(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell staff and leaders on Mondays; the first group of all, or of a leader, carries the one message."""
    planned: list[Planned] = []
    for one in occurrences:
        told = _told(session, one) if one.local_date.weekday() == MONDAY else []
        planned += [Planned(one, reply) for reply in told] or [Planned(one, skip="nothing")]
    return planned


def _told(session: Session, one: Occurrence) -> list[Reply]:
    replies = []
    for person in _people(session, one.group):
        who = access.curator_of(session, person, one.group.id)
        if who is None or not bots.is_open(session, person, one.group.channel):
            continue
        reply = _week(session, who, one)
        if reply is not None:
            replies.append(reply)
    return replies


def _people(session: Session, group: GroupView) -> list[int]:
    """Return whose message this group carries."""
    first = session.exec(pick(func.min(Group.id)).where(Group.state == "active")).one()
    staff: list[int] = []
    editors = set(session.exec(pick(RoleGrant.person_id).where(col(RoleGrant.role).in_(lifecycle.EDITORS))))
    if group.id == first:
        staff = sorted(editors)
    leaders = []
    for person in identities.leaders(session, group.id):
        led = [
            row.id
            for member, row in identities.memberships(session, person)
            if member.role == "leader" and row.state == "active"
        ]
        if person not in editors and group.id == min((one for one in led if one is not None), default=0):
            leaders.append(person)
    return [*staff, *leaders]


def _week(session: Session, who: Curator, one: Occurrence) -> Reply | None:
    from knowledge import report

    groups = None
    if who.scopes is not None:
        groups = sorted(int(scope.partition(":")[2]) for scope in who.scopes if scope.startswith("group:"))
    found = report.week(session, one.local_date - timedelta(days=1), groups=groups)
    due = [row for row in lifecycle.due_reviews(session, one.local_date) if who.may(row.scope)]
    drafts, offered = _drafts(session, who), len(offers.waiting(session, who))
    if not (found.whole.questions or due or drafts or offered or found.waiting):
        return None
    whole = found.whole
    minutes = round((whole.hand_over_seconds or 0) / 60)
    values: dict[str, object] = {
        "questions": whole.questions,
        "answered": _of(whole.coverage, whole),
        "resolved": _of(whole.resolution, whole),
        "before": found.before.questions,
        "before_answered": _of(found.before.coverage, found.before),
        "minutes": minutes,
        "hours": round(minutes / 60),
        "waiting": found.waiting,
        "offered": offered,
        "drafts": drafts,
        "due": [
            {
                "id": row.id,
                "name": words.cut(words.called(row.title, row.name), 24),
                "day": words.short(str(row.review_at), one.local_date),
            }
            for row in due[:DUE_SHOWN]
        ],
        "due_count": len(due),
        "group": None,
    }
    tails = []
    if whole.questions:
        tails.append("curation.week_figures")
        tails += ["curation.week_before"] if found.before.coverage is not None else []
        if whole.hand_over_seconds is not None:
            tails.append("curation.week_hand_over" if minutes < LONG_MINUTES else "curation.week_hand_over_hours")
    tails += ["curation.week_due"] if due else []
    waits = [key for key, count in (("waiting", found.waiting), ("offered", offered), ("drafts", drafts)) if count]
    tails += [f"curation.week_{key}" for key in waits]
    return Reply("curation.week", values, tails, kind=Kind.DM, to=who.person_id, buttons=_buttons(waits, due))


def _of(share: float | None, figures: report.Figures) -> int:
    """Return how many questions a share is: three questions are told by counts, not in per cent."""
    return round((share or 0) * figures.questions)


def _buttons(waits: Sequence[str], due: Sequence[Document]) -> list[Button]:
    keys = {"waiting": "kb_gaps:0", "offered": "kb_offers:0", "drafts": "kb_list:0"}
    buttons = [Button(keys[one], f"curation.button_week_{one}") for one in waits]
    if due:
        buttons.append(Button(f"kb_show:{due[0].id}", "curation.button_show", {"id": due[0].id or 0}))
        buttons.append(Button(f"kb_review:{due[0].id}.0", "curation.button_reviewed", {"id": due[0].id or 0}))
    return buttons


def _drafts(session: Session, who: Curator) -> int:
    """Count the documents with a draft that waits for somebody."""
    rows = session.exec(
        pick(Document.scope, DocumentVersion.document_id)
        .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
        .where(
            DocumentVersion.state == "draft",
            col(DocumentVersion.scanned_at).is_not(None),
            DocumentVersion.digest != "",
            col(Document.removed_at).is_(None),
        )
        .distinct()
    )
    return sum(who.may(scope) for scope, _ in rows)
