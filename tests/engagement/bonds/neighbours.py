"""Somebody on two channels, and what the tests do with him."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlmodel import col, select

from bot.verification import checks
from engagement.kernel import Event, Outgoing, Place
from storage import identities, ledger
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person
from storage.ledger import Posting
from tests.engagement.stage import Stage

MINE, THERE = "小满", "满满"


def on_another_channel(stage: Stage, who: str, channel: str = "wechat") -> None:
    """Somebody of the group comes to it from another channel from now on: by pages, and in private."""

    def change(session: Session) -> None:
        identity = session.exec(select(Identity).where(Identity.external_id == who)).one()
        identity.channel = channel
        session.add(identity)

    stage.database.write_now(change)


def take_code(stage: Stage, who: str = MINE, channel: str = "play") -> str:
    (said,) = stage.say(who, "绑定", private=True, channel=channel)
    assert said.key == "bonds.code", said.key
    return str(said.values["code"])


def enter(stage: Stage, code: str, who: str = THERE, channel: str = "wechat") -> Outgoing:
    (said,) = stage.say(who, f"绑定 {code}", private=True, channel=channel)
    return said


def bind(
    stage: Stage, one: str = MINE, other: str = THERE, channel: str = "wechat", *, dedupe_key: str = ""
) -> Outgoing:
    """The one of the group makes the code, the one of the other channel enters it and confirms."""
    asked = enter(stage, take_code(stage, one), other, channel)
    assert asked.key in ("bonds.offer", "bonds.offer_empty"), asked.key
    done, *told = stage.say(other, "", button=asked.buttons[0].key, channel=channel, dedupe_key=dedupe_key)
    assert {one.key for one in told} == {"bonds.told"}
    assert (channel, other) not in {(one.channel, one.to) for one in told}, "not where the code was entered"
    return done


def part(stage: Stage, who: str = THERE, channel: str = "wechat", which: int = -1) -> Outgoing:
    (mine,) = stage.say(who, "我的账号", private=True, channel=channel)
    (sure,) = stage.say(who, "", button=mine.buttons[which].key, private=True, channel=channel)
    assert sure.key == "bonds.part_sure", sure.key
    done, *told = stage.say(who, "", button=sure.buttons[0].key, private=True, channel=channel)
    assert {one.key for one in told} <= {"bonds.told_went", "bonds.told_stayed"}
    assert (channel, who) not in {(one.channel, one.to) for one in told}, "not where it was pressed"
    assert (sure.values["points"], sure.values["channels"]) == (done.values["points"], done.values["channels"])
    return done


def refused(stage: Stage, one: str = MINE, other: str = THERE, channel: str = "wechat") -> Outgoing:
    """The code is entered, and the answer is a no."""
    before = identities_of(stage)
    said = enter(stage, take_code(stage, one), other, channel)
    assert not said.buttons
    assert identities_of(stage) == before
    return said


def sound(stage: Stage) -> None:
    """Every invariant of ``verify`` holds."""
    assert [one.key for one in stage.database.read_now(checks) if not one.ok] == []


def identities_of(stage: Stage) -> dict[str, int]:
    """External id → person."""
    return stage.database.read_now(lambda s: dict(s.exec(select(Identity.external_id, Identity.person_id)).all()))


def member(stage: Stage, name: str, group_id: int = 0) -> Member:
    """The membership that is shown by a name, a copy; rather one that acts than one that rests."""
    found = (
        select(Member)
        .where(Member.name == name, Member.group_id == (group_id or stage.group_id))
        .order_by(col(Member.bonded_to).is_not(None))
    )
    return stage.database.read_now(lambda s: Member.model_validate(s.exec(found).first()))


def change(stage: Stage, name: str, act: Callable[[Member], Any]) -> None:
    """Change a membership's row."""

    def write(session: Session) -> None:
        found = session.exec(select(Member).where(Member.name == name)).one()
        act(found)
        session.add(found)

    stage.database.write_now(write)


def balance(stage: Stage, name: str, group_id: int = 0) -> int:
    """Whole points of the account of a membership."""
    account = member(stage, name, group_id).account_id
    return stage.database.read_now(lambda s: ledger.balance(s, account or 0))


def post(stage: Stage, name: str, amount: int, key: str, kind: str = "", expires: str = "") -> None:
    """Points from outside, or spent."""
    at = stage.clock.now()
    found = member(stage, name)
    assert found.account_id is not None and found.id is not None
    row = Posting(
        found.account_id,
        found.group_id,
        found.id,
        amount,
        kind or ("challenge" if amount > 0 else "exchange"),
        key,
        at.date(),
        at,
        expires_on=at.date().fromisoformat(expires) if expires else None,
    )
    stage.database.write_now(lambda s: ledger.post(s, row))


def another_group(stage: Stage, *, channel: str = "play") -> int:
    """A second group."""

    def make(session: Session) -> int:
        group = Group(channel=channel, external_id="g2", name="二期", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        return group.id or 0

    return stage.database.write_now(make)


def elsewhere(stage: Stage, *who: str) -> None:
    """Somebody is in a second group, which his private chat is about: a mute in the first one does not keep him from binding."""
    other, now = another_group(stage), stage.clock.now()
    persons = {name: stage.person(name) for name in who}

    def choose(session: Session) -> None:
        for name, person in persons.items():
            identities.enter(session, other, person, f"{name}二", now)
            row = session.get_one(Person, person)
            row.current_group_id = other
            session.add(row)

    stage.database.write_now(choose)


def on_page(stage: Stage, who: str, text: str = "", *, button: str = "", key: str = "") -> list[Outgoing]:
    """Somebody types or presses on a page of the group's; the same key again is the same form."""
    person = stage.person(who)
    incoming = replace(
        stage.incoming(who),
        event=Event.BUTTON if button else Event.MESSAGE,
        place=Place.DM,
        conversation=f"page:{person}",
        dedupe_key=key or f"w{next(stage._ids)}",
        text=text,
        button=button,
        addressed=True,
        desk_person=person,
        desk_group=stage.group_id,
    )
    handled = asyncio.run(stage._handle(incoming))
    assert handled.outcome in {"done", "refused", "repeated"}, handled
    return [one.message for one in handled.queued if one.is_shown]
