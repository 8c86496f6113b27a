"""我的生日: a month and a day, given with consent, greeted in the group or in private, and gone when the person wants.

Source: F18.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, tuple_
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Kind, Reply
from engagement.members import rules
from engagement.members.tables import Birthday
from engagement.points.service import good_until
from engagement.pushes import Occurrence, Planned
from storage import bots, identities, ledger, preferences
from storage.engine import Session
from storage.groups import Consent, Identity, Member
from storage.ledger import Posting

MINUTE = 8 * 60 + 40
NAMED = 6
"""Names that one greeting shows; the rest are counted."""
_PRESSED = re.compile(r"^([gpn])(\d{2})(\d{2}):(\d{1,18})$", re.ASCII)


def ask(ctx: Context) -> Sequence[Reply]:
    """Answer 我的生日 5-20: nothing is kept before the person says how to be greeted; without a day, say what is kept."""
    kept = ctx.session.get(Birthday, ctx.actor.person_id)
    if not ctx.argument:
        if kept is None:
            raise Refusal("members.birthday_how")
        values = {"month": kept.month, "day": kept.day}
        if not _can_be_aloud(ctx):
            return [Reply("members.birthday_in_private", values)]
        key = "members.birthday_in_group" if kept.in_group else "members.birthday_in_private"
        return [Reply(key, values, buttons=_choices(ctx, kept.month, kept.day, "p" if kept.in_group else "g"))]
    month, day = rules.read_birthday(ctx.argument)
    key, ways = ("birthday_sure", "gpn") if _can_be_aloud(ctx) else ("birthday_sure_private", "pn")
    return [Reply(f"members.{key}", {"month": month, "day": day}, buttons=_choices(ctx, month, day, ways))]


def _can_be_aloud(ctx: Context) -> bool:
    """Say whether the bot can greet the acting person in a group: it speaks in one of his."""
    return any(group.speaks for _, group in identities.memberships(ctx.session, ctx.actor.person_id))


def _choices(ctx: Context, month: int, day: int, ways: str) -> list[Button]:
    labels = {"g": "members.button_in_group", "p": "members.button_in_private", "n": "members.button_no_birthday"}
    return [Button(f"birthday:{way}{month:02d}{day:02d}:{ctx.actor.person_id}", labels[way]) for way in ways]


def choose(ctx: Context) -> Sequence[Reply]:
    """The confirmation; only the person's own press counts."""
    match = _PRESSED.match(ctx.text)
    if match is None or not rules.is_day(int(match.group(2)), int(match.group(3))):
        raise Refusal("guard.old_button")
    way, month, day = match.group(1), int(match.group(2)), int(match.group(3))
    if int(match.group(4)) != ctx.actor.person_id:
        raise Refusal("members.birthday_not_yours")
    if way == "n":
        return [Reply("members.birthday_not_kept")]
    row = ctx.session.get(Birthday, ctx.actor.person_id)
    if row is None:
        row = Birthday(person_id=ctx.actor.person_id, month=month, day=day, agreed_at=ctx.now)
    row.month, row.day, row.agreed_at = month, day, ctx.now
    row.in_group = way == "g" and _can_be_aloud(ctx)
    ctx.session.add(row)
    ctx.session.flush()
    values = {"month": month, "day": day}
    if row.in_group:
        return [Reply("members.birthday_kept_group", values)]
    return [Reply("members.birthday_kept_private", values, tails=() if _reached(ctx) else ("members.speak_first",))]


def _reached(ctx: Context) -> bool:
    """Say whether the bot may write to the acting person in private: who only uses pages has never let it."""
    return bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel)


def delete(ctx: Context) -> Sequence[Reply]:
    """Answer 删除生日."""
    row = ctx.session.get(Birthday, ctx.actor.person_id)
    if row is None:
        raise Refusal("members.birthday_none")
    ctx.session.delete(row)
    return [Reply("members.birthday_deleted")]


# ---------------------------------------------------------------- the day itself


@dataclass(frozen=True, slots=True)
class _Born:
    """A present member whose birthday it is.

    Attributes:
        reached: the bot may write to the person in private, on some channel.
    """

    member: Member
    account_id: int
    in_group: bool
    reached: bool


def plan(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Greet who agreed to it: one line for the group, a private message to the others; the gift comes once a year.

    Where the bot does not speak by itself, who wanted it in the group gets it in private.

    Skips: ``nothing``.
    """
    planned: list[Planned] = []
    for day in sorted({one.local_date for one in occurrences}):
        todays = [one for one in occurrences if one.local_date == day]
        born = _born(session, [one.group.id for one in todays], rules.greeted_on(day))
        wanted = preferences.wants(
            session, {one.member.person_id for some in born.values() for one in some}, "birthday"
        )
        first = _first_groups(born)
        speaking = {one.group.id for one in todays if one.group.speaks}
        aloud = {
            one.member.person_id
            for group in speaking
            for one in born.get(group, ())
            if one.in_group and one.member.name
        }
        for one in todays:
            said: list[Planned] = []
            gift = rules.Gifts.of(one.group.settings).birthday_points
            names: list[str] = []
            given = 0
            for somebody in born.get(one.group.id, ()):
                member = somebody.member
                got = _give(session, one, somebody, gift, now)
                if member.person_id not in wanted:
                    continue
                if member.person_id in aloud:
                    if one.group.speaks and member.name:
                        names.append(member.name)
                        given = max(given, got)
                elif somebody.reached and first[member.person_id] == one.group.id:
                    values = {"name": member.name, "points": got, "group": one.group.name}
                    key = "members.birthday_dm" if got else "members.birthday_dm_plain"
                    said.append(Planned(one, Reply(key, values, kind=Kind.DM, to=member.person_id)))
            if names:
                said.insert(0, Planned(one, _group_line(names, given)))
            planned.extend(said or [Planned(one, skip="nothing")])
    return planned


def speaks(session: Session, one: Occurrence) -> bool:
    """Say whether somebody has birthday who wants to be greeted in the group; reads only."""
    born = _born(session, [one.group.id], rules.greeted_on(one.local_date))
    return one.group.speaks and any(somebody.in_group for somebody in born.get(one.group.id, ()))


def _group_line(names: Sequence[str], gift: int) -> Reply:
    values: dict[str, object] = {"names": "、".join(names[:NAMED]), "count": len(names), "points": gift}
    key = "members.birthday_group" if len(names) <= NAMED else "members.birthday_group_more"
    return Reply(key, values, tails=("members.birthday_gift",) if gift else (), kind=Kind.PUSH)


def _born(session: Session, group_ids: Sequence[int], days: Sequence[tuple[int, int]]) -> Mapping[int, Sequence[_Born]]:
    """Return group id → who has birthday, the older member first; who withdrew the consent is not greeted."""
    rows = session.exec(
        pick(Birthday, Member, Identity)
        .join(Member, col(Member.person_id) == col(Birthday.person_id))
        .join(Consent, col(Consent.person_id) == col(Birthday.person_id))
        .join(Identity, col(Identity.person_id) == col(Birthday.person_id))
        .where(
            tuple_(col(Birthday.month), col(Birthday.day)).in_(days),
            col(Member.group_id).in_(group_ids),
            col(Member.left_at).is_(None),
            col(Member.account_id).is_not(None),
            col(Consent.withdrawn_at).is_(None),
        )
        .order_by(col(Member.id), col(Identity.id))
    )
    found: dict[int, dict[int, _Born]] = {}
    for birthday, member, identity in rows:
        assert member.id is not None and member.account_id is not None
        mine = found.setdefault(member.group_id, {})
        before = mine.get(member.id)
        reached = identity.dm_open or (before is not None and before.reached)
        mine[member.id] = _Born(member, member.account_id, birthday.in_group, reached)
    return {group: list(some.values()) for group, some in found.items()}


def _first_groups(born: Mapping[int, Sequence[_Born]]) -> Mapping[int, int]:
    """Return person → the group that speaks for all of them in private, so that nobody is greeted twice."""
    first: dict[int, int] = {}
    for group_id in sorted(born):
        for one in born[group_id]:
            first.setdefault(one.member.person_id, group_id)
    return first


def _give(session: Session, one: Occurrence, somebody: _Born, gift: int, now: datetime) -> int:
    """Post the year's gift; returns the points given now: 0 when the year has had its own (the day was changed)."""
    if not gift:
        return 0
    member = somebody.member
    key = f"birthday:{one.group.id}:{member.id}:{one.local_date.year}"
    posting = Posting(
        somebody.account_id,
        one.group.id,
        member.id or 0,
        gift,
        "birthday",
        key,
        one.local_date,
        now,
        expires_on=good_until(one.group.settings, one.local_date),
    )
    try:
        return 0 if ledger.post(session, posting).repeated else gift
    except ledger.ConflictingPosting:
        return 0  # given under another amount, or to the household that the member was in then


# ---------------------------------------------------------------- a person's own data


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the day and the choice."""
    row = session.get(Birthday, person_id)
    if row is None:
        return ()
    return [{"birthday": f"{row.month}-{row.day}", "in_group": row.in_group, "agreed": row.agreed_at.isoformat()}]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it."""
    row = session.get(Birthday, person_id)
    if row is not None:
        session.delete(row)
