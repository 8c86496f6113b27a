"""Who is told in private that a draft waits for a second person, and who that his own was published or sent back.

A draft starts a round that comes due some minutes later and tells of everything that was handed in meanwhile, once. Both
kinds go by the planner, so that nobody is woken by them.

Source: F69.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import and_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.curation import access, words
from engagement.curation.access import Curator
from engagement.feature import Context
from engagement.kernel import Button, Kind, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from knowledge import lifecycle
from storage import bots
from storage.campaigns import Campaign, Schedule
from storage.documents import Document, DocumentVersion
from storage.engine import Session
from storage.groups import Group, RoleGrant

WAITS: Final = "curation_waits"
TOLD: Final = "curation_told"
GATHERED = timedelta(minutes=10)
"""How long a round waits for more of the same."""
GRACE_MINUTES = 14 * 60
"""Later than this it is not told any more; long enough for a night."""
SHOWN = 5
BUTTONS = 3


def waits(ctx: Context, who: Curator, version: DocumentVersion) -> None:
    """Let the others know of a draft that its author may not publish himself; once a version."""
    if version.state != "draft" or not lifecycle.needs_second(ctx.session, version, who.hand):
        return
    document = ctx.session.get_one(Document, version.document_id)
    group = _carrier(ctx, document.scope)
    if group is None or _is_covered(ctx.session, version):
        return
    _begin(ctx, group, WAITS, f"{WAITS}:{version.id}", ctx.now + GATHERED)


def reached(ctx: Context, who: Curator, version: DocumentVersion, what: Literal["published", "returned"]) -> bool:
    """Let the author know what somebody else made of his draft; returns whether he hears of it."""
    author = version.created_by_id
    if author is None or author == who.person_id:
        return False
    group = _carrier(ctx, ctx.session.get_one(Document, version.document_id).scope)
    if group is None or not bots.is_open(ctx.session, author, ctx.incoming.channel):
        return False
    _begin(ctx, group, TOLD, f"{TOLD}:{version.id}:{who.person_id}:{what}", ctx.now)
    return True


def _carrier(ctx: Context, scope: str) -> Group | None:
    """Return the group whose schedule carries a notice: the document's own, or the oldest, rather of this bot."""
    here = pick(Group).where(Group.state == "active")
    kind, _, name = scope.partition(":")
    if kind == "group" and name.isdecimal():
        own = ctx.session.exec(here.where(Group.id == int(name))).first()
        if own is not None:
            return own
    mine = and_(col(Group.channel) == ctx.incoming.channel, col(Group.account) == ctx.incoming.account)
    return ctx.session.exec(here.order_by(mine.desc(), col(Group.id)).limit(1)).first()


def _is_covered(session: Session, version: DocumentVersion) -> bool:
    """Say whether the latest round told of a version, or is about to: one round tells all staff, wherever each is reached."""
    latest = session.exec(
        pick(Campaign.created_at).where(Campaign.kind == WAITS).order_by(col(Campaign.id).desc()).limit(1)
    ).first()
    return latest is not None and version.created_at < latest + GATHERED


def _begin(ctx: Context, group: Group, kind: str, key: str, due_at: datetime) -> None:
    session = ctx.session
    if session.exec(pick(Campaign.id).where(Campaign.key == key)).first() is not None:
        return
    campaign = Campaign(key=key, kind=kind, created_at=ctx.now)
    session.add(campaign)
    session.flush()
    session.add(
        Schedule(
            campaign_id=campaign.id or 0,
            group_id=group.id or 0,
            kind=kind,
            zone=group.zone,
            local_minute=0,
            grace_minutes=GRACE_MINUTES,
            next_at=due_at,
        )
    )
    session.flush()


# ---------------------------------------------------------------- what is said when it comes due


def plan_waits(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Tell each of the staff what waits for him that others handed in; who has nothing to do hears nothing."""
    planned: list[Planned] = []
    for one in occurrences:
        first = _reference(session, one)
        drafts = _drafts(session, int(first[0])) if first else []
        told = [reply for person in _staff(session) if (reply := _waiting(session, one, person, drafts)) is not None]
        planned += [Planned(one, reply) for reply in told] or [Planned(one, skip="nothing")]
    return planned


def _reference(session: Session, one: Occurrence) -> list[str]:
    """Return what stands in a round's key behind its kind."""
    return session.get_one(Campaign, one.campaign_id).key.split(":")[1:]


def _drafts(session: Session, since: int) -> list[tuple[Document, DocumentVersion]]:
    """Return the drafts from a version on that nobody has published or put away, oldest first."""
    rows = session.exec(
        pick(Document, DocumentVersion)
        .join(DocumentVersion, col(DocumentVersion.document_id) == col(Document.id))
        .where(
            col(DocumentVersion.id) >= since,
            DocumentVersion.state == "draft",
            DocumentVersion.digest != "",
            col(DocumentVersion.scanned_at).is_not(None),
            col(Document.removed_at).is_(None),
        )
        .order_by(col(DocumentVersion.id))
    ).all()
    newest = {version.document_id: version.id for _, version in rows}
    return [(document, version) for document, version in rows if newest[version.document_id] == version.id]


def _staff(session: Session) -> list[int]:
    editors = pick(RoleGrant.person_id).where(col(RoleGrant.role).in_(lifecycle.EDITORS))
    return list(session.exec(editors.distinct().order_by(col(RoleGrant.person_id))))


def _waiting(
    session: Session, one: Occurrence, person: int, drafts: Sequence[tuple[Document, DocumentVersion]]
) -> Reply | None:
    who = access.curator_of(session, person)
    if who is None or not bots.is_open(session, person, one.group.channel):
        return None
    mine = [
        (document, version)
        for document, version in drafts
        if version.created_by_id not in (None, person) and who.may(document.scope)
    ]
    if not mine:
        return None
    rows = [
        {
            "id": document.id,
            "name": words.cut(words.called(document.title, document.name), 24),
            "who": access.hand_name(session, version.created_by, one.group.channel),
        }
        for document, version in mine
    ]
    values: dict[str, object] = {"count": len(rows), "rows": rows[:SHOWN], "more": len(rows) - SHOWN, "group": None}
    tails = ["curation.waits_more"] if len(rows) > SHOWN else []
    buttons = [Button(f"kb_show:{row['id']}", "curation.button_show", {"id": row["id"]}) for row in rows[:BUTTONS]]
    return Reply("curation.waits", values, [*tails, "curation.waits_how"], kind=Kind.DM, to=person, buttons=buttons)


def plan_told(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Tell an author what became of his draft, and by whom."""
    return [_outcome(session, one) for one in occurrences]


def _outcome(session: Session, one: Occurrence) -> Planned:
    version_id, actor, what = _reference(session, one)
    version = session.get(DocumentVersion, int(version_id))
    document = session.get(Document, version.document_id) if version is not None else None
    author = version.created_by_id if version is not None else None
    if version is None or document is None or author is None or access.curator_of(session, author) is None:
        return Planned(one, skip="nothing")
    values = {
        "id": document.id,
        "name": words.called(document.title, document.name),
        "version": version.number,
        "who": access.hand_name(session, access.hand_of(int(actor)), one.group.channel),
        "group": None,
    }
    buttons = [Button(f"kb_show:{document.id}", "curation.button_show", {"id": document.id})]
    reply = Reply(f"curation.told_{what}", values, kind=Kind.DM, to=author, buttons=buttons)
    return Planned(one, reply)


JOBS = tuple(
    JobSpec(kind, 0, plan, grace_minutes=GRACE_MINUTES, unasked=False, once=True)
    for kind, plan in ((WAITS, plan_waits), (TOLD, plan_told))
)
