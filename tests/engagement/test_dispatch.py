"""The one entry to every use case: consent, events of one transaction, notices, who is found for what."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engagement.dispatch import Dispatcher, Said, Target, button_target, lifecycle_targets, quote_target
from engagement.errors import Refusal
from engagement.events import CheckedIn
from engagement.feature import Actor, Command, Context, Feature, GroupView
from engagement.kernel import Event, Incoming, Kind, Place, Reply
from storage import identities
from storage.engine import Database, Session, open_database
from storage.groups import Consent, Group

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    shutil.copytree(migrated_file, tmp_path / "data")
    opened = open_database(tmp_path / "data")
    yield opened
    opened.close()


def say(ctx: Context) -> Sequence[Reply]:
    return [Reply("members.kept")]


def a_feature(name: str = "probe", **more: Any) -> Feature:
    command = Command("probe.run", ("探针",), say)
    return Feature(name, commands=(command,), **more)


def a_context(dispatcher: Dispatcher, session: Session, **more: Any) -> Context:
    """Somebody who was met in a group and has agreed to nothing yet."""
    group = Group(channel="play", external_id="g1", name="g1", created_at=NOW)
    session.add(group)
    session.flush()
    person = identities.meet(session, "play", "u1", "李阿姨", NOW)
    member = identities.enter(session, group.id or 0, person.person_id, "李阿姨", NOW)
    actor = Actor(person.person_id, "李阿姨", member_id=member.id, **more)
    incoming = Incoming(Event.MESSAGE, "play", "m1", Place.GROUP, "g1", "u1", NOW, NOW, text="探针")
    return dispatcher.context(session, incoming, actor, GroupView.of(group), NOW)


def target(feature: Feature, **more: Any) -> Target:
    return Target(feature, say, replace(feature.commands[0], **more))


def test_the_first_command_makes_the_record_and_shows_the_notice(database: Database) -> None:
    feature = a_feature()
    dispatcher = Dispatcher([feature])

    def work(session: Session) -> list[tuple[str, ...]]:
        ctx = a_context(dispatcher, session)
        first = dispatcher.run(ctx, target(feature))
        second = dispatcher.run(ctx, target(feature))
        assert ctx.actor.consented
        assert ctx.actor.account_id is not None
        assert session.get(Consent, ctx.actor.person_id) is not None
        return [tuple(said.reply.tails) for said in (*first, *second)]

    first, second = database.write_now(work)
    assert first == ("members.notice",)
    assert second in ((), ("members.notice_short",)), "the context is still that of the first command"


def test_rights_and_help_make_no_record(database: Database) -> None:
    feature = a_feature()
    dispatcher = Dispatcher([feature])

    def work(session: Session) -> None:
        ctx = a_context(dispatcher, session)
        dispatcher.run(ctx, target(feature, consent=False))
        assert session.get(Consent, ctx.actor.person_id) is None
        assert ctx.actor.account_id is None

    database.write_now(work)


@pytest.mark.parametrize(
    ("event", "person", "muted", "consent", "place", "expected"),
    [
        (Event.MESSAGE, 0, False, True, Place.GROUP, "guard.anonymous"),
        (Event.BUTTON, 0, False, False, Place.GROUP, "guard.anonymous"),
        (Event.LEAVE, 0, False, False, Place.GROUP, ""),
        (Event.MESSAGE, 1, True, False, Place.GROUP, "guard.muted"),
        (Event.MESSAGE, 1, True, True, Place.DM, "guard.muted"),
        (Event.MESSAGE, 1, True, False, Place.DM, ""),
        (Event.LEAVE, 1, True, True, Place.GROUP, ""),
    ],
)
def test_who_may_not(
    database: Database, event: Event, person: int, muted: bool, consent: bool, place: Place, expected: str
) -> None:
    feature = a_feature()
    dispatcher = Dispatcher([feature])

    def work(session: Session) -> str:
        ctx = a_context(dispatcher, session, muted=muted)
        ctx.incoming = replace(ctx.incoming, event=event, place=place)
        if not person:
            ctx.actor = Actor(0, "")
        try:
            dispatcher.admit(ctx, target(feature, consent=consent))
        except Refusal as no:
            return no.key
        return ""

    assert database.write_now(work) == expected


def test_subscribers_run_in_the_same_transaction_in_the_registry_s_order(database: Database) -> None:
    heard: list[str] = []

    def subscriber(name: str) -> Any:
        def hear(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
            heard.append(name)
            ctx.session.add(Group(channel="play", external_id=name, created_at=NOW))
            return [Reply("members.kept", {"by": name})]

        return hear

    features = [a_feature(name, events={CheckedIn: subscriber(name)}) for name in ("a", "b")]
    dispatcher = Dispatcher(features)

    def work(session: Session) -> list[Reply]:
        ctx = a_context(dispatcher, session)
        assert ctx.emit("an event that nobody hears") == []
        return ctx.emit(CheckedIn(1, 1, 1, "daily", ctx.today, 1))

    assert [reply.values["by"] for reply in database.write_now(work)] == ["a", "b"]
    assert heard == ["a", "b"]
    rows = database.read_now(lambda s: [identities.group_row(s, "play", "", name) for name in ("a", "b")])
    assert None not in rows


def test_what_a_subscriber_raises_takes_everything_back(database: Database) -> None:
    def broken(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
        raise ZeroDivisionError

    dispatcher = Dispatcher([a_feature(events={CheckedIn: broken})])

    def work(session: Session) -> None:
        ctx = a_context(dispatcher, session)
        ctx.emit(CheckedIn(1, 1, 1, "daily", ctx.today, 1))

    with pytest.raises(ZeroDivisionError):
        database.write_now(work)
    assert database.read_now(lambda s: identities.group_row(s, "play", "", "g1")) is None


def test_the_notice_finds_the_first_answer_in_words(database: Database) -> None:
    feature = a_feature()
    dispatcher = Dispatcher([feature])
    emoji = Reply("", kind=Kind.REACTION, emoji="👍")
    push = Reply("members.kept", kind=Kind.PUSH)
    words = Reply("members.kept", tails=("members.notice_x",))

    def said(session: Session) -> list[list[Said]]:
        ctx = a_context(dispatcher, session, first_time=True)
        return [
            dispatcher.said(ctx, target(feature), replies) for replies in ([emoji, words, words], [emoji, push], [])
        ]

    mixed, wordless, nothing = database.write_now(said)
    assert [tuple(one.reply.tails) for one in mixed] == [
        (),
        ("members.notice_x", "members.notice"),
        ("members.notice_x",),
    ]
    assert [(one.feature, one.reply.key) for one in wordless][-1] == ("members", "members.notice_short")
    assert nothing == []


def test_chance_follows_from_the_event(database: Database) -> None:
    dispatcher = Dispatcher([])

    def draw(session: Session) -> list[float]:
        ctx = a_context(dispatcher, session)
        again = dispatcher.context(session, ctx.incoming, ctx.actor, ctx.group, NOW)
        other = dispatcher.context(session, replace(ctx.incoming, dedupe_key="m2"), ctx.actor, ctx.group, NOW)
        return [c.rng.uniform(0, 1) for c in (ctx, again, other)]

    first, second, third = database.write_now(draw)
    assert first == second != third


def test_a_group_is_asked_for_where_there_is_none(database: Database) -> None:
    def work(session: Session) -> None:
        ctx = a_context(Dispatcher([]), session)
        ctx.group = None
        with pytest.raises(Refusal) as no:
            _ = ctx.here
        assert no.value.key == "guard.no_group"

    database.write_now(work)


def test_who_is_found_for_what() -> None:
    first = Feature("a", buttons={"x": say}, quotes={"t": say}, passes_on={"t": lambda text: text == "on"})
    second = Feature("b", buttons={"y": say}, lifecycle={"join": say}, quotes={"u": say})
    features = (first, second)
    found = button_target(features, "y:7:8")
    assert found is not None
    assert (found[0].feature, found[1]) == (second, "7:8")
    assert [button_target(features, key) for key in ("z:1", "", ":", "xy:1")] == [None] * 4
    assert button_target(features, "x") is not None
    quoted = [quote_target(features, *asked) for asked in (("t:1", "words"), ("u:1", "on"), ("t:1", "on"), ("v:1", ""))]
    assert [one.feature.name if one else None for one in quoted] == ["a", "b", None, None]
    assert [(t.feature.name, t.consent) for t in lifecycle_targets(features, "join")] == [("b", False)]
    assert lifecycle_targets(features, "nothing") == []
