"""我的家庭, 家庭名, 退出家庭, 转给家人: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engagement.errors import Refusal
from engagement.events import PostCleared, Posted, PostWithdrawn
from engagement.feature import Context
from engagement.households import requests, rules, service
from engagement.kernel import Button, Kind, Place, Reply, row_id
from prompts.loader import texts
from storage import bots
from storage.groups import Member

_NAME = "family"
"""What a family's name is called when others are about to read it."""
_SHOWN = 3
"""Requests with buttons under 我的家庭, of each direction."""


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 我的家庭: who is in it, what each has, what waits for an answer, what can be done next."""
    family = service.mine(ctx)
    asked, asking = requests.incoming(ctx), requests.outgoing(ctx)
    gone = texts().raw("households.left_group")
    values: dict[str, object] = {
        "family": family.name,
        "balance": family.balance,
        "count": len(family.shares),
        "rows": [
            {"name": one.member.name, "note": gone if one.member.left_at else "", "points": one.points}
            for one in family.shares
        ],
        "incoming": names(one.member for one in asked),
        "outgoing": names(one.member for one in asking),
    }
    key = "households.alone_mine" if family.alone else "households.mine" if family.name else "households.mine_unnamed"
    tails = ["households.incoming"] if asked else []
    tails += ["households.outgoing"] if asking else []
    if not family.alone:
        tails.append("households.next" if len(family.shares) < rules.FAMILY_MOST else "households.next_full")
    buttons = [button for one in asked[:_SHOWN] for button in answers(one.request.id, one.member.name)]
    buttons += [
        Button(f"family_back:{one.request.id}", "households.button_back", {"name": one.member.name})
        for one in asking[:_SHOWN]
    ]
    return [Reply(key, values, tails=tails, buttons=buttons)]


def name(ctx: Context) -> Sequence[Reply]:
    """家庭名 幸福一家."""
    called = rules.read_family_name(ctx.argument)
    account = service.family(ctx).account_id
    assert ctx.actor.member_id is not None
    posted = Posted(ctx.here.id, ctx.actor.member_id, _NAME, str(account), called)
    said = ctx.emit(posted)
    if posted.hidden:
        return said
    service.rename(ctx, posted.shown[: rules.NAME_MOST])
    return [Reply("households.named", {"family": posted.shown[: rules.NAME_MOST]}), *said]


def on_cleared(ctx: Context, event: PostCleared) -> Sequence[Reply]:
    """A name that was held back is given after all, if whoever chose it is still in that family."""
    member = ctx.session.get(Member, event.member_id)
    if event.activity == _NAME and member is not None and str(member.account_id) == event.reference:
        service.set_name(ctx.session, int(event.reference), event.text[: rules.NAME_MOST], event.member_id)
    return []


def on_withdrawn(ctx: Context, event: PostWithdrawn) -> Sequence[Reply]:
    """And taken off again."""
    member = ctx.session.get(Member, event.member_id)
    if event.activity == _NAME and member is not None and str(member.account_id) == event.reference:
        service.forget_name(ctx.session, int(event.reference))
    return []


def leave(ctx: Context) -> Sequence[Reply]:
    """退出家庭: ask first, since only the family can take one back."""
    family = service.family(ctx)
    points = family.share_of(ctx.actor.member_id)
    values = {"name": ctx.actor.name, "points": points, "rest": family.balance - points}
    buttons = [
        Button(f"family_leave:{family.account_id}:{ctx.actor.member_id}", "households.button_leave", settles=True),
        Button(f"family_stay:{ctx.actor.member_id}", "households.button_stay", settles=True),
    ]
    return [Reply("households.leave_sure", values, buttons=buttons)]


def leave_button(ctx: Context) -> Sequence[Reply]:
    """The confirmation (``account:member``); in a group everybody sees it, and only who asked for it may press."""
    account, _, member = ctx.text.partition(":")
    _check_owner(ctx, member)
    done = service.leave(ctx, row_id(account))
    here = [one for one in done.others if one.left_at is None]
    values = {"name": ctx.actor.name, "points": done.points, "rest": done.rest, "other": here[0].name if here else ""}
    said = [Reply("households.left" if here else "households.left_nobody", values)]
    return [*said, *told(ctx, here, Reply("households.told_left", values | {"group": ctx.here.name}))]


def stay_button(ctx: Context) -> Sequence[Reply]:
    """The other button."""
    _check_owner(ctx, ctx.text)
    return [Reply("households.stayed")]


def _check_owner(ctx: Context, member: str) -> None:
    if member != str(ctx.actor.member_id):
        raise Refusal("households.not_yours")


def give(ctx: Context) -> Sequence[Reply]:
    """转给家人 李阿姨 20."""
    to, amount = rules.read_gift(ctx.argument)
    done = service.give(ctx, to, amount)
    values = {
        "giver": ctx.actor.name,
        "name": done.member.name,
        "amount": amount,
        "balance": done.balance,
        "left": done.left,
    }
    if ctx.incoming.place is Place.GROUP:
        return [Reply("households.given", values, to=done.member.person_id, mention=True)]
    notice = Reply("households.told_given", values | {"group": ctx.here.name})
    return [Reply("households.given_privately", values), *told(ctx, [done.member], notice)]


# ---------------------------------------------------------------- used by asking, too


def names(members: Iterable[Member]) -> str:
    """Write names behind each other."""
    return texts().raw("households.between").join(member.name for member in members)


def answers(request_id: int | None, who: str) -> list[Button]:
    """Return the two buttons under a request; ``who`` asked."""
    return [
        Button(f"family_yes:{request_id}", "households.button_yes", {"name": who}, settles=True),
        Button(f"family_no:{request_id}", "households.button_no", {"name": who}, settles=True),
    ]


def told(ctx: Context, members: Iterable[Member], notice: Reply) -> list[Reply]:
    """Return a private notice for each whose private chat is open, of what was done in private; a group sees it itself."""
    if ctx.incoming.place is Place.GROUP:
        return []
    return [
        Reply(notice.key, notice.values, kind=Kind.DM, to=member.person_id, buttons=notice.buttons)
        for member in members
        if member.person_id != ctx.actor.person_id and can_hear(ctx, member)
    ]


def can_hear(ctx: Context, member: Member) -> bool:
    """Say whether somebody can be written to in private."""
    return bots.is_open(ctx.session, member.person_id, ctx.incoming.channel)


def must_name(ctx: Context, how: str) -> str:
    """Return the name that follows a command.

    Raises:
        Refusal: ``how``, when nothing follows.
    """
    named = rules.read_person(ctx.argument)
    if not named:
        raise Refusal(how)
    return named
