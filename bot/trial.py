"""``push test``: a beat as a group will read it, sent in private to one of those who look after it. Never to a neighbour.

The running server sends it, for it holds the channel; the command line asks it through the directory's socket.

Source: F27.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from bot.queued import Queued, queue
from engagement.campaigns import desk
from engagement.kernel import Kind, Outcome, Outgoing, Place
from knowledge.errors import KnowledgeRefusal
from storage.engine import Session
from storage.groups import Group, Identity, Member, RoleGrant

if TYPE_CHECKING:
    from bot.main import Program


async def handle(program: Program, request: dict[str, Any], _progress: Callable[..., None]) -> dict[str, Any]:
    """Send a beat to one person, and say what came of it.

    Args:
        request: ``plan`` (key), ``beat`` (number), ``to`` (name or id on the platform), ``group`` (id).

    Raises:
        KnowledgeRefusal: ``push.test_nobody``, ``push.test_several``, ``push.test_closed`` or ``push.test_gone``.
    """
    now = program.clock.now()
    key = f"trial:{request['plan']}:{request['beat']}:{now.timestamp():.6f}"
    queued = await program.database.write(lambda session: _queue(session, request, key, now))
    receipt = await program.courier.send(queued)
    return {
        "sent": receipt.outcome is Outcome.SENT,
        "channel": queued.message.channel,
        "to": queued.message.to_name,
        "reason": receipt.reason or receipt.outcome.value,
    }


def _queue(session: Session, request: dict[str, Any], key: str, now: datetime) -> Queued:
    plan = desk.find(session, str(request["plan"]), now.date())
    line = desk.beat_of(desk.lines(session, plan), str(request["beat"])) if plan is not None else None
    group = session.get(Group, int(request["group"]))
    if plan is None or line is None or group is None:
        raise KnowledgeRefusal("push.test_gone")
    who = _who(session, str(request["to"]), group.channel)
    shown = desk.preview(session, plan, line, group).reply
    message = Outgoing(
        kind=Kind.DM,
        channel=who.channel,
        account=who.account or group.account,
        place=Place.DM,
        conversation=who.external_id,
        to=who.external_id,
        to_name=who.name,
        feature="campaigns",
        key="push.trial",
        values={**shown.values, "plan": plan.name, "group": group.name or group.external_id},
        tails=(shown.key, *shown.tails),
        card=shown.card,
    )
    return queue(session, key, message, now)


def _who(session: Session, wanted: str, channel: str) -> Identity:
    """Find who is meant among those with a role and the leaders.

    Raises:
        KnowledgeRefusal: nobody, several, or somebody who has not opened the private chat.
    """
    found = session.exec(
        select(Identity)
        .where((Identity.external_id == wanted) | (Identity.name == wanted), Identity.channel == channel)
        .order_by(col(Identity.id))
    ).all()
    mine = [one for one in found if _looks_after(session, one.person_id)]
    if not mine:
        raise KnowledgeRefusal("push.test_nobody", to=wanted[:40], channel=channel)
    if len(mine) > 1:
        raise KnowledgeRefusal("push.test_several", to=wanted[:40], ids="、".join(one.external_id for one in mine[:6]))
    if not mine[0].dm_open:
        raise KnowledgeRefusal("push.test_closed", to=mine[0].name or wanted[:40])
    return mine[0]


def _looks_after(session: Session, person: int) -> bool:
    leads = select(Member.id).where(Member.person_id == person, Member.role == "leader", col(Member.left_at).is_(None))
    granted = select(RoleGrant.person_id).where(RoleGrant.person_id == person)
    return session.exec(granted.limit(1)).first() is not None or session.exec(leads.limit(1)).first() is not None
