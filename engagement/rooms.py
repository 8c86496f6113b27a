"""Which group a private message is about, and whom in a group a name means: somebody may be in several, and lead some of them.

A button or a quote that was put out for one group stays that group's, whatever the private chat is about by now.
"""

from __future__ import annotations

from dataclasses import replace

from engagement import calendar
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.kernel import Place
from storage import identities
from storage.engine import Session
from storage.groups import Group, Member, Person


def step_into(ctx: Context, group_id: int) -> None:
    """Go on with another of the actor's groups; the next private words are about it too.

    Raises:
        Refusal: ``guard.old_button`` in a group chat that is not this group, or when the actor is not in it (any more);
            ``guard.no_group``, ``guard.muted``.
    """
    if ctx.group is not None and ctx.group.id == group_id:
        return
    found = None
    if ctx.incoming.place is Place.DM:
        mine = identities.memberships(ctx.session, ctx.actor.person_id)
        found = next((one for one in mine if one[1].id == group_id), None)
    if found is None:
        raise Refusal("guard.old_button" if ctx.group is not None else "guard.no_group")
    member, group = found
    if member.muted_until is not None and member.muted_until > ctx.now:
        raise Refusal("guard.muted")
    person = ctx.session.get_one(Person, ctx.actor.person_id)
    person.current_group_id = group_id
    ctx.session.add(person)
    ctx.group = GroupView.of(group)
    ctx.actor = replace(
        ctx.actor,
        name=member.name or ctx.actor.name,
        member_id=member.id,
        account_id=member.account_id,
        leader=member.role == "leader",
    )
    ctx.today = calendar.business_day(ctx.incoming.occurred_at, ctx.incoming.received_at, group.zone)


def lead(ctx: Context, group_id: int = 0) -> GroupView:
    """Go on with a group (0: the present one) that the actor leads.

    Raises:
        Refusal: as :func:`step_into`; ``guard.no_group``, ``guard.leader_only``.

    Source: F115.
    """
    if group_id:
        step_into(ctx, group_id)
    here = ctx.here
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    return here


def led(ctx: Context) -> list[Group]:
    """Return the groups that the actor leads, on whatever channel: in a group chat that one alone, oldest first."""
    return [
        group
        for member, group in identities.memberships(ctx.session, ctx.actor.person_id)
        if member.role == "leader"
        and (ctx.incoming.place is Place.DM or (ctx.group is not None and group.id == ctx.group.id))
    ]


def find_led(ctx: Context) -> None:
    """Go on with the one group that the actor leads, when the private chat is about another one; nothing if there is none.

    Raises:
        Refusal: ``guard.which_group`` when there are several.
    """
    mine = led(ctx)
    if len(mine) > 1:
        raise Refusal("guard.which_group")
    if mine:
        assert mine[0].id is not None
        step_into(ctx, mine[0].id)


def the_only(session: Session, group_id: int, name: str, *, nobody: str, several: str) -> Member:
    """Return the present member of a group who is shown by just this name.

    Args:
        nobody, several: text keys of the refusals, with ``name`` (and ``count``) as their values.

    Raises:
        Refusal: nobody is called so, or more than one.
    """
    found = identities.named(session, group_id, name)
    if not found:
        raise Refusal(nobody, name=name)
    if len(found) > 1:
        raise Refusal(several, name=name, count=len(found))
    return found[0]
