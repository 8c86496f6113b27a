"""Drafts that wait for a second person: the others hear of them once, the author of what became of his."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.curation import jobs
from engagement.feature import GroupView
from engagement.kernel import Outgoing
from engagement.pushes import Occurrence
from engagement.registry import FEATURES
from scheduler import planner
from storage.campaigns import Delivery
from storage.engine import Session
from storage.groups import Group, RoleGrant
from tests.engagement.bonds.neighbours import another_group, on_another_channel
from tests.engagement.curation.office import SUN, WANG, Office, closed, open_office
from tests.engagement.curation.test_files import RULES, RULES_NEW
from tests.engagement.stage import at, placeholders_match, shown

LI = "李运营"
ONE, TWO = "冷冻品.jsonl", "冷冻品二.jsonl"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = open_office(tmp_path)
    office.say(SUN, "知识库")
    office.say(WANG, "知识库")
    yield office
    closed(office)


def due(office: Office, when: str) -> list[tuple[str, Outgoing]]:
    """What the planner puts out at a moment, and in whose private chat; what it put out before is not told again."""
    office.stage.clock.set(at(when))
    jobs = [job for feature in FEATURES for job in feature.jobs if job.kind.startswith("curation_")]

    def plan(session: Session) -> list[Outgoing]:
        planner.tick(session, jobs, office.stage.clock.now())
        rows = session.exec(select(Delivery).where(Delivery.state == "pending").order_by(Delivery.id)).all()  # type: ignore[arg-type]
        found = [Outgoing.load(row.body) for row in rows if (row.not_before or row.due_at) <= office.stage.clock.now()]
        for row in rows:
            if (row.not_before or row.due_at) <= office.stage.clock.now():
                row.state = "sent"
                session.add(row)
        return found

    told = office.stage.database.write_now(plan)
    assert all(placeholders_match(one) for one in told)
    return [(one.conversation, one) for one in told]


def test_the_others_are_told_once_of_all_that_came_meanwhile(office: Office) -> None:
    """
    王运营: [冷冻品.jsonl] 9:00, [冷冻品二.jsonl] 9:04 → 9:10 孙运营: 有 2 份新版本等你看过再发布 [看 1] [看 2]
    """
    office.send(WANG, ONE, RULES)
    office.stage.clock.set(at("2026-12-01T09:04"))
    office.send(WANG, TWO, RULES_NEW)
    assert due(office, "2026-12-01T09:09") == []
    ((whom, told),) = due(office, "2026-12-01T09:10")
    assert whom == SUN and told.values["count"] == 2
    assert "冷冻品二" in shown(told) and f"{WANG}交的" in shown(told), shown(told)
    assert office.press(SUN, told, "kb_show:2").key == "curation.show"
    assert due(office, "2026-12-01T12:00") == [], "once"
    office.send(WANG, TWO, RULES_NEW)
    assert due(office, "2026-12-01T13:00") == [], "the same bytes are the same draft"


def test_what_is_published_before_is_not_told_of(office: Office) -> None:
    office.send(WANG, ONE, RULES)
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    assert [whom for whom, _ in due(office, "2026-12-01T09:10")] == [WANG], "the author alone, of the publish"


def test_who_wrote_on_another_channel_is_told_there(office: Office) -> None:
    on_another_channel(office.stage, SUN)
    office.send(WANG, ONE, RULES)
    ((whom, told),) = due(office, "2026-12-01T09:10")
    assert (whom, told.channel) == (SUN, "wechat")


@pytest.mark.parametrize("second", ["telegram", ""])
def test_drafts_from_two_channels_are_told_in_one_message(office: Office, second: str) -> None:
    """王运营 hands in one draft here and one on another channel: 孙运营 hears once of both; a channel without groups will do."""
    if second:
        another_group(office.stage, channel=second)
    office.send(WANG, ONE, RULES)
    office.stage.clock.set(at("2026-12-01T09:04"))
    on_another_channel(office.stage, WANG, second or "wechat")
    there = replace(office.incoming(WANG, TWO, RULES_NEW), channel=second or "wechat")
    office.stage.gateway.dispatcher.sources[there.channel] = office.fetch
    office.take(there)
    ((whom, told),) = [*due(office, "2026-12-01T09:10"), *due(office, "2026-12-01T09:20")]
    assert whom == SUN and told.values["count"] == 2


def test_who_hands_in_where_no_group_is_is_heard_of(office: Office) -> None:
    """The Official Account has no groups: what comes by it is told all the same."""
    on_another_channel(office.stage, WANG)
    there = replace(office.incoming(WANG, ONE, RULES), channel="wechat")
    office.stage.gateway.dispatcher.sources["wechat"] = office.fetch
    office.take(there)
    assert [whom for whom, _ in due(office, "2026-12-01T09:10")] == [SUN]


def test_monday_is_told_once_to_whom_several_channels_know(office: Office) -> None:
    """Two groups, one of another channel, and one of the staff who writes there and one here: each hears once."""
    on_another_channel(office.stage, SUN)
    groups = (office.stage.group_id, another_group(office.stage, channel="telegram"))
    office.send(WANG, ONE, RULES)
    when = at("2026-12-07T09:00")

    def plan(session: Session) -> list[int | None]:
        here = [GroupView.of(session.get_one(Group, one)) for one in groups]
        occurrences = [Occurrence(one, 1, when.date(), when) for one in here]
        return [one.reply.to for one in jobs.plan_week(session, occurrences, when) if one.reply is not None]

    assert office.stage.database.write_now(plan) == [office.stage.person(who) for who in (WANG, SUN)]


def test_who_never_wrote_in_private_is_left_in_peace(office: Office) -> None:
    office.grant(LI)
    office.send(WANG, ONE, RULES)
    assert [whom for whom, _ in due(office, "2026-12-01T09:10")] == [SUN]


def test_nobody_is_woken(office: Office) -> None:
    office.stage.clock.set(at("2026-12-01T23:30"))
    office.send(WANG, ONE, RULES)
    assert due(office, "2026-12-01T23:45") == []
    ((whom, _),) = due(office, "2026-12-02T08:30")
    assert whom == SUN


def test_a_region_s_draft_is_nobody_else_s(office: Office) -> None:
    """Only who may look after the document hears of it."""
    from storage.groups import Group, Region

    def region(session: Session) -> int:
        made, other = Region(name="东区"), Region(name="西区")
        session.add_all([made, other])
        session.flush()
        group = session.get_one(Group, office.stage.group_id)
        group.region_id = made.id
        session.add(group)
        return other.id or 0

    office.grant(LI, region=office.stage.database.write_now(region))
    office.say(LI, "知识库")
    office.send("周团长", ONE, RULES)
    assert [whom for whom, _ in due(office, "2026-12-01T09:10")] == [WANG, SUN]


def test_the_author_hears_of_the_publish_and_of_what_comes_back(office: Office) -> None:
    """
    孙运营: 发布 1 → 发布了。交稿的人我会私聊告诉。 → 王运营: 你交的……，孙运营看过发布了
    孙运营: 看 1 [退回去] → 退回了 → 王运营: ……退给你了
    """
    office.send(WANG, ONE, RULES)
    done = office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    assert "curation.author_hears" in done.tails
    ((whom, told),) = due(office, "2026-12-01T09:10")
    assert whom == WANG and told.key == "curation.told_published" and SUN in shown(told)
    office.send(WANG, ONE, RULES_NEW)
    looked = office.say(SUN, "看 1")
    assert "curation.button_return" in [one.label for one in looked.buttons]
    sure = office.press(SUN, looked, "kb_drop")
    back = office.press(SUN, sure, "kb_drop")
    assert back.key == "curation.returned" and "curation.author_hears" in back.tails
    told_ = [one for whom, one in due(office, "2026-12-01T09:40") if whom == WANG]
    assert [one.key for one in told_] == ["curation.told_returned"]
    assert "21:00" in office.ask("冷冻水饺化了怎么办").text, "what is published stays"


def test_who_publishes_or_drops_his_own_is_told_nothing(office: Office) -> None:
    (told,) = office.send(WANG, ONE, RULES)
    assert "curation.button_drop" in [one.label for one in told.buttons]
    assert office.press(WANG, told, "kb_drop").key == "curation.dropped"
    assert due(office, "2026-12-01T09:30") == []


def test_who_is_alone_in_his_region_publishes_himself(office: Office) -> None:
    """Staff of another region could not look at it, so nobody would ever publish it."""
    from storage.groups import Region

    def regions(session: Session) -> tuple[int, int]:
        for row in session.exec(select(RoleGrant)):
            session.delete(row)
        made = [Region(name="东区"), Region(name="西区")]
        session.add_all(made)
        session.flush()
        return made[0].id or 0, made[1].id or 0

    east, west = office.stage.database.write_now(regions)
    office.grant(LI, region=east)
    office.grant(SUN, region=west)
    (told,) = office.send(LI, ONE, RULES)
    assert "curation.next_draft" in told.tails
    assert office.press(LI, office.say(LI, "发布 1"), "kb_go").key == "curation.published"
    office.grant(WANG, region=east)
    (told,) = office.send(LI, ONE, RULES_NEW)
    assert "curation.needs_second" in told.tails
