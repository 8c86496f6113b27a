"""帮助, and the rights over one's own data: 我的数据, 导出, 退出, 删除我的数据."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement import rooms
from engagement.errors import Refusal
from engagement.events import Greeted, Started
from engagement.feature import Command, Context
from engagement.kernel import Button, Document, Kind, Place, Reply
from engagement.members import neighbours, path, service
from engagement.members.wishes import in_private
from prompts.loader import texts
from storage import audit, bonds, identities

_FIRST = (
    ("checkin", "do"),
    ("points", "show"),
    ("topic", "today"),
    ("points", "board"),
    ("theme", "month"),
    ("faq", "hand_over"),
)
"""Commands (slice and verb) that residents send most: the short help shows these, in this order."""

_LAST = frozenset({"members", "groups"})
_LISTS = (("members", "everything"), ("members", "for_leaders"))
"""The lists themselves: who reads one need not be told of it."""
_LISTED = frozenset(f"{slice_}.{verb}" for slice_, verb in _LISTS)
_COMMONEST = 3
_HEADINGS: Mapping[str, tuple[frozenset[str], tuple[str, ...]]] = {
    name: (frozenset(slices.split()), tuple(first.split()))
    for name, slices, first in (
        ("day", "leader topic theme campaigns mass_sends", "leader.today topic.tomorrow leader.undo"),
        ("people", "faq members moderation invites", "faq.waiting members.newcomers moderation.waiting"),
        ("points", "points checkin households", "points.give checkin.double checkin.freeze"),
        ("group", "announcements groups", "announcements.announce groups.settings groups.pause"),
        ("knowledge", "curation", "curation.list curation.new curation.gaps"),
    )
}
"""Heading of 团长帮助 → the slices under it, and the commands that leaders send most; other slices go under ``group``."""


def help_(ctx: Context) -> Sequence[Reply]:
    """Answer 帮助: the few things that are used most, and where the rest stands; twelve lines at most."""
    known = {command.name: command.help for feature in ctx.features for command in feature.commands if command.help}
    names = [f"{slice_}.{verb}" for slice_, verb in _FIRST]
    rows = [{"line": texts().raw(known[name])} for name in names if name in known]
    tails = [
        *(["members.help_for_leader"] if ctx.actor.leader else []),
        *(["members.help_staff"] if ctx.actor.roles else []),
    ]
    key = "members.help_short" if ctx.incoming.place is Place.GROUP else "members.help_short_alone"
    return [Reply(key, {"rows": rows}, tails=tails)]


def everything(ctx: Context) -> Sequence[Reply]:
    """Answer 全部功能: a line for each command of a resident; in private, for it is long."""
    rows = [{"line": texts().raw(one.help)} for one in _listed(ctx) if not one.roles]
    return in_private(ctx, Reply("members.help_all", {"rows": rows}))


def for_leaders(ctx: Context) -> Sequence[Reply]:
    """Answer 团长帮助: five headings with their three commonest commands, each with the rest by one tap; in private."""
    rows, buttons = [], []
    for name, commands in _headings(ctx).items():
        heading = texts().raw(f"members.heading_{name}")
        lines = [texts().fill("members.help_row", {"line": texts().raw(one.help)}) for one in commands[:_COMMONEST]]
        rows.append({"heading": heading, "lines": lines})
        if len(commands) > _COMMONEST:
            buttons.append(Button(f"leader_help:{name}", f"members.heading_{name}"))
    return in_private(ctx, Reply("members.help_leader", {"rows": rows}, buttons=buttons))


def leader_help_button(ctx: Context) -> Sequence[Reply]:
    """Everything under one heading."""
    if not ctx.actor.leader and not rooms.led(ctx):
        raise Refusal("guard.leader_only")
    commands = _headings(ctx).get(ctx.text)
    if not commands:
        raise Refusal("guard.old_button")
    values = {
        "heading": texts().raw(f"members.heading_{ctx.text}"),
        "rows": [{"line": texts().raw(one.help)} for one in commands],
    }
    return in_private(ctx, Reply("members.help_heading", values))


def _headings(ctx: Context) -> dict[str, list[Command]]:
    """Return heading → a leader's commands under it, the commonest first."""
    found: dict[str, list[Command]] = {}
    for feature in ctx.features:
        heading = next((name for name, (slices, _) in _HEADINGS.items() if feature.name in slices), "group")
        own = [one for one in feature.commands if one.help and "leader" in one.roles and one.name not in _LISTED]
        found.setdefault(heading, []).extend(own)
    order = {name: place for _, first in _HEADINGS.values() for place, name in enumerate(first)}
    return {
        name: sorted(found[name], key=lambda one: order.get(one.name, len(order)))
        for name in _HEADINGS
        if found.get(name)
    }


def _listed(ctx: Context) -> list[Command]:
    """Every command with a help line but the lists': what the group does together first, settings of one's own last."""
    features = sorted(ctx.features, key=lambda feature: feature.name in _LAST)
    return [
        command for feature in features for command in feature.commands if command.help and command.name not in _LISTED
    ]


def joined(ctx: Context) -> Sequence[Reply]:
    """Begin a newcomer's first steps, and look at the name."""
    path.start(ctx)
    return neighbours.joined(ctx)


def about(ctx: Context) -> Sequence[Reply]:
    """Answer /start: who we are; a leader in private is led through the first steps instead."""
    if ctx.argument and ctx.incoming.place is Place.DM and (said := ctx.emit(Started(ctx.argument))):
        return said
    if steps := ctx.emit(Greeted()):
        return steps
    return [Reply("members.about" if ctx.group is not None else "members.about_no_group")]


def mine(ctx: Context) -> Sequence[Reply]:
    """Answer 我的数据: what is kept and why; in private, since it is nobody else's business."""
    rows = [
        {"purpose": texts().raw(purpose), "count": count}
        for purpose, count in service.kept(ctx.session, ctx.features, ctx.actor.person_id)
    ]
    shown = Reply("members.mine", {"rows": rows, "name": ctx.actor.name}, kind=Kind.DM, to=ctx.actor.person_id)
    return [shown] if ctx.incoming.place is Place.DM else [Reply("members.sent_privately"), shown]


def privacy(_ctx: Context) -> Sequence[Reply]:
    """Answer 隐私: the whole notice, to which the short line under a first command points."""
    return [Reply("members.privacy")]


def export(ctx: Context) -> Sequence[Reply]:
    """Answer 导出: a copy of everything, in private only."""
    text = service.export_everything(ctx.session, ctx.features, ctx.actor.person_id)
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=None, action="data.exported")
    copy = Reply(
        "members.export",
        {"name": ctx.actor.name, "pages": bool(ctx.pages)},
        kind=Kind.DM,
        to=ctx.actor.person_id,
        document=Document("my-data.json", text),
    )
    if ctx.incoming.place is Place.DM:
        return [copy]
    return [Reply("members.sent_privately"), copy]


def withdraw(ctx: Context) -> Sequence[Reply]:
    """Answer 退出: nothing more is recorded; what there is stays until it is deleted."""
    done = identities.withdraw_consent(ctx.session, ctx.actor.person_id, ctx.now)
    if done:
        audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=None, action="consent.withdrawn")
    return [Reply("members.withdrawn" if done else "members.withdrawn_already")]


def erase(ctx: Context) -> Sequence[Reply]:
    """Answer 删除我的数据: ask first, since it cannot be undone."""
    buttons = [
        Button(f"erase:{ctx.actor.person_id}", "members.button_erase", settles=True),
        Button("keep:", "members.button_keep", settles=True),
    ]
    tails = ["members.erase_bound"] if bonds.absorbed(ctx.session, ctx.actor.person_id) else []
    return [Reply("members.erase_sure", {"name": ctx.actor.name}, tails, buttons=buttons)]


def erase_button(ctx: Context) -> Sequence[Reply]:
    """The confirmation; only the person's own press counts."""
    if ctx.text != str(ctx.actor.person_id):
        raise Refusal("members.not_yours")
    told = _others(ctx)
    service.erase_everything(ctx.session, ctx.features, ctx.actor.person_id, ctx.now)
    return [
        Reply("members.erased"),
        *(Reply("members.erased_told", {"group": None}, kind=Kind.DM, chat=chat) for chat in told),
    ]


def _others(ctx: Context) -> Sequence[tuple[str, str, str]]:
    """Return the actor's other private chats, if he has bound accounts: there it is erased, too."""
    if not bonds.absorbed(ctx.session, ctx.actor.person_id):
        return []
    here = ("", "") if ctx.incoming.desk_person else (ctx.incoming.channel, ctx.incoming.sender)
    return [chat for chat in bonds.open_chats(ctx.session, ctx.actor.person_id) if (chat[0], chat[2]) != here]


def keep_button(ctx: Context) -> Sequence[Reply]:
    """The other button."""
    return [Reply("members.kept")]
