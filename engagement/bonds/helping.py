"""帮忙解绑: staff take apart for somebody who has none of his accounts in hand any more; it can be taken back for a week.

Nobody's word proves here who he is, so every private chat of both hears of it, and of its being taken back.

Source: ADR-0020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engagement import actions, calendar, channels, rooms
from engagement.bonds import handlers, joining, parting, service
from engagement.bonds.parting import Chat, Part
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Kind, Place, Reply, row_id
from prompts.loader import shown_day
from storage import bonds
from storage.actions import LeaderAction, latest
from storage.bonds import Bond
from storage.engine import Session
from storage.groups import Member

ROLES = frozenset({"staff", "admin"})
UNDO = "bond_parted_for"
"""Under which it stands in the list of 「撤销」."""
REASONS = ("lost", "closed", "stranger")
"""Why staff do it: he has none of his accounts any more, they are closed by the platform, the other one was never his."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is bound to a neighbour, and what was taken apart for him and can be taken back.

    Attributes:
        own: the channels that are his own; ``parts`` what came to them, oldest first.
        back: what takes back what staff took apart within :data:`~engagement.actions.WINDOW`, newest first.
    """

    name: str
    own: Sequence[str]
    parts: Sequence[Part]
    back: Sequence[LeaderAction]

    @property
    def channels(self) -> list[str]:
        """All of them."""
        return list(dict.fromkeys([*self.own, *(one for part in self.parts for one in part.channels)]))


def accounts(session: Session, member: Member, now: datetime) -> Accounts:
    """Read what a page and the chat show of a neighbour before anything is taken apart."""
    own, parts = parting.mine(session, member.person_id)
    done = [one for one in latest(session, member.group_id, now - actions.WINDOW, limit=200) if one.kind == UNDO]
    found = [(one, session.get(Bond, (one.before or {}).get("bond", 0))) for one in done]
    back = [one for one, bond in found if bond and member.person_id in (bond.survivor_id, bond.absorbed_id)]
    return Accounts(member.name, own, parts, back)


def ask(ctx: Context) -> Sequence[Reply]:
    """Show what is bound to a neighbour of the group."""
    if ctx.incoming.place is not Place.DM:
        raise Refusal("bonds.for_in_private")
    member = rooms.the_only(
        ctx.session, ctx.here.id, ctx.argument, nobody="groups.no_such_member", several="groups.same_names"
    )
    his = accounts(ctx.session, member, ctx.now)
    values = {"name": member.name, "own": channels.words(his.own)}
    back = [
        Button(
            f"undo:{one.id}",
            "bonds.button_for_back",
            {"day": shown_day(calendar.local_day(one.done_at, ctx.here.zone))},
        )
        for one in his.back
    ]
    if not his.parts:
        return [Reply("bonds.for_nothing", values, buttons=back)]
    rows = [{"channels": channels.words(one.channels), "day": handlers.bound_on(ctx, one)} for one in his.parts]
    buttons = [
        Button(f"bond_for:{one.bond_id}", "bonds.button_part", {"channels": channels.words(one.channels)})
        for one in his.parts
    ]
    return [Reply("bonds.for_list", {**values, "rows": rows}, buttons=[*buttons, *back])]


def button(ctx: Context) -> Sequence[Reply]:
    """Say what would go where, and ask why."""
    bond = _of_the_group(ctx, ctx.text)
    part, going = parting.look(ctx, bond)
    values = {
        "channels": channels.words(part.channels),
        "count": going.groups,
        "points": going.points,
        "days": actions.WINDOW.days,
    }
    yes = [Button(f"bond_for_yes:{part.bond_id}.{why}", f"bonds.button_for_{why}", settles=True) for why in REASONS]
    keep = Button("bond_keep:", "bonds.button_keep", settles=True)
    return [Reply("bonds.for_sure", values, buttons=[*yes, keep])]


def yes_button(ctx: Context) -> Sequence[Reply]:
    """It is confirmed, by its reason."""
    number, _, reason = ctx.text.partition(".")
    bond = _of_the_group(ctx, number)
    if reason not in REASONS:
        raise Refusal("guard.old_button")
    done = parting.take_apart(ctx, bond)
    service.note(
        ctx,
        "bond.parted_for",
        bond=bond.id or 0,
        survivor=bond.survivor_id,
        absorbed=bond.absorbed_id,
        reason=reason,
    )
    values = {"channels": channels.words(done.went), "points": done.points, "days": actions.WINDOW.days}
    undo = actions.note(ctx, UNDO, {"bond": bond.id}, "bonds.did_part_for")
    return [
        Reply("bonds.for_parted", values, buttons=[undo]),
        *_told("bonds.for_told_went", channels.words(done.stayed), done.went_chats),
        *_told("bonds.for_told_stayed", channels.words(done.went), done.stayed_chats),
    ]


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Make them one again, as if they bound themselves now.

    Raises:
        Refusal: ``bonds.for_not_back`` when they cannot be one any more.
    """
    _check(ctx)
    parted = ctx.session.get(Bond, before.get("bond", 0))
    if parted is None or parted.state != "parted":
        raise Refusal("guard.old_button")
    survivor, absorbed = parted.survivor_id, parted.absorbed_id
    went, stayed = (bonds.channels(ctx.session, one) for one in (absorbed, survivor))
    if not went or not stayed or any(bonds.is_absorbed(ctx.session, one) for one in (survivor, absorbed)):
        raise Refusal("bonds.for_not_back")
    try:
        service.check(ctx, survivor, absorbed, again=True)
    except Refusal as no:
        raise Refusal("bonds.for_not_back") from no
    chats = [bonds.open_chats(ctx.session, one) for one in (absorbed, survivor)]
    bond = Bond(survivor_id=survivor, absorbed_id=absorbed, state="bound", until=ctx.now, bound_at=ctx.now)
    ctx.session.add(bond)
    ctx.session.flush()
    joining.join(ctx, bond)
    service.forget_codes(ctx.session, bond)
    service.note(ctx, "bond.bound_again", bond=bond.id or 0, survivor=survivor, absorbed=absorbed)
    return [
        Reply("bonds.for_back", {"channels": channels.words([*stayed, *went])}),
        *_told("bonds.for_told_back", channels.words(stayed), chats[0]),
        *_told("bonds.for_told_back", channels.words(went), chats[1]),
    ]


def _told(key: str, others: str, chats: Sequence[Chat]) -> list[Reply]:
    values = {"channels": others, "days": actions.WINDOW.days, "group": None}
    return [Reply(key, values, kind=Kind.DM, chat=chat) for chat in chats]


def _check(ctx: Context) -> None:
    if not ctx.actor.roles & ROLES:
        raise Refusal("guard.staff_only")


def _of_the_group(ctx: Context, number: str) -> Bond:
    """Return the bond that a button is about: of somebody in the group that the chat is about.

    Raises:
        Refusal: not of the staff, or parted already, or of another group, or another one hangs on it.
    """
    _check(ctx)
    bond = ctx.session.get(Bond, row_id(number))
    if bond is None or not joining.is_in(ctx.session, ctx.here.id, bond.survivor_id):
        raise Refusal("guard.old_button")
    return parting.living(ctx, bond)
