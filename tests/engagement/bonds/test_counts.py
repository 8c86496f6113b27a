"""Who is one person on two channels is counted once, wherever people are counted; and is two again when they part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

from engagement.campaigns import echoes
from engagement.campaigns.tables import Echo, Plan
from engagement.checkin import service as checkins
from engagement.checkin import summary
from engagement.faq import tallies
from engagement.feature import GroupView
from engagement.invites import records
from engagement.invites.tables import Invitation
from engagement.kernel import Kind
from engagement.leader import glance
from engagement.region import service as region
from engagement.registry import FEATURES
from engagement.theme import figures
from engagement.theme import service as theme
from engagement.theme.tables import ThemeScore
from engagement.topic import service as topic
from engagement.topic import shown
from engagement.topic.tables import TopicDay
from storage.documents import Document
from storage.engine import Session
from storage.groups import Group, Member
from storage.learning import AnswerTally, Feedback
from storage.ledger import Entry
from tests.engagement.bonds.neighbours import MINE, THERE, bind, member, on_another_channel, part, sound
from tests.engagement.stage import Stage, keys, open_stage

LEADER = "周团长"
TODAY = date(2026, 12, 1)
MONTH = "2026-12"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """小满 and 满满 are both in the group; 满满 comes by the Official Account."""
    opened = ready(open_stage(tmp_path, FEATURES, "2026-12-01T09:00"))
    yield opened
    opened.database.close()


def ready(opened: Stage) -> Stage:
    for who in (MINE, THERE, LEADER):
        opened.say(who, "签到")
    on_another_channel(opened, THERE)
    return opened


def answer(stage: Stage, who: str, words: str) -> None:
    stage.say(who, f"话题 {words}", channel="wechat" if who == THERE else "play")
    stage.clock.set(stage.clock.now() + timedelta(minutes=1))


def topic_of(stage: Stage) -> int:
    return stage.database.read_now(lambda s: s.exec(select(TopicDay.id)).one() or 0)


def answered(stage: Stage) -> tuple[int, list[str]]:
    """How many have answered, and the words that the evening may say."""
    row = topic_of(stage)
    said = stage.database.read_now(lambda s: topic.answers_of(s, [row]))[row]
    count = stage.database.read_now(lambda s: shown.answers(s, row))
    assert count == len(said)
    return count, [one.text for one in said if one.name]


def write(stage: Stage, *rows: object) -> None:
    def add(session: Session) -> None:
        for row in rows:
            session.add(row)
            session.flush()

    stage.database.write_now(add)


# ---------------------------------------------------------------- the day's topic


def test_both_have_answered(stage: Stage) -> None:
    """Each answers, they become one: one answer, the earlier; apart they are two again."""
    answer(stage, THERE, "我家最爱红烧肉")
    answer(stage, MINE, "我家最爱清蒸鱼")
    assert answered(stage)[0] == 2
    bind(stage)
    assert answered(stage) == (1, ["我家最爱红烧肉"])
    part(stage)
    assert answered(stage)[0] == 2
    sound(stage)


@pytest.mark.parametrize("who", [MINE, THERE])
def test_one_of_them_has_answered(stage: Stage, who: str) -> None:
    """One answers; as one they are one, and apart nobody has been added."""
    answer(stage, who, "我家最爱红烧肉")
    bind(stage)
    assert answered(stage) == (1, ["我家最爱红烧肉"])
    part(stage)
    assert answered(stage) == (1, ["我家最爱红烧肉"])


def test_answered_as_one(stage: Stage) -> None:
    """They answer as one and part: it was one answer."""
    bind(stage)
    answer(stage, MINE, "我家最爱清蒸鱼")
    part(stage)
    assert answered(stage) == (1, ["我家最爱清蒸鱼"])


def test_who_withdraws_is_named_no_more(stage: Stage) -> None:
    """满满 answers; as one they withdraw: the words stay unnamed, so that the evening does not say them."""
    answer(stage, THERE, "我家最爱红烧肉")
    bind(stage)
    for said in stage.say(MINE, "退出", private=True):
        for button in said.buttons[:1]:
            stage.say(MINE, "", button=button.key, private=True)
    assert answered(stage) == (1, [])


# ---------------------------------------------------------------- check-ins


def seen_today(stage: Stage) -> set[int]:
    """Everywhere where the day's check-ins are counted."""

    def read(session: Session) -> set[int]:
        group = GroupView.of(session.get_one(Group, stage.group_id))
        return {
            checkins.day_count(session, group.id, TODAY),
            checkins.counts_since(session, group.id, TODAY)[TODAY],
            glance.days(session, [group], stage.clock.now())[group.id].checkins,
        }

    return stage.database.read_now(read)


def test_a_day_s_check_ins(stage: Stage) -> None:
    """Three have checked in; two of them are one; then they are two again."""
    assert seen_today(stage) == {3}
    bind(stage)
    assert seen_today(stage) == {2}
    part(stage)
    assert seen_today(stage) == {3}


def test_a_check_in_for_both_is_one(stage: Stage) -> None:
    """On the next day 小满 alone checks in, as one with 满满; apart it was one check-in still."""
    stage.clock.set(stage.clock.now() + timedelta(days=1))
    bind(stage)
    stage.say(MINE, "签到")
    part(stage)
    tomorrow = TODAY + timedelta(days=1)
    assert stage.database.read_now(lambda s: checkins.day_count(s, stage.group_id, tomorrow)) == 1


def week(stage: Stage) -> tuple[int, int, int]:
    """(in full fives, who stand behind, who checked in) of the region's figures."""

    def read(session: Session) -> tuple[int, int, int]:
        due = region.Due(0, date(2026, 11, 30), {stage.group_id: "Asia/Shanghai"})
        (row,) = region.count(session, due)
        return row.neighbours_behind, row.checked_in, row.messages_behind

    return stage.database.read_now(read)


def test_a_region_s_week(stage: Stage) -> None:
    """A figure may be shown for those who stand behind it: one person on two channels is one of them."""
    before = week(stage)
    bind(stage)
    assert week(stage) == tuple(number - 1 for number in before)
    part(stage)
    assert week(stage) == before


# ---------------------------------------------------------------- the month, campaigns, invitations, thumbs


def scores() -> st.SearchStrategy[list[ThemeScore]]:
    bits = st.integers(0, 2**31 - 1)
    return st.lists(
        st.builds(
            lambda days, answers, done: ThemeScore(
                group_id=1,
                month=MONTH,
                member_id=1,
                day_bits=days,
                answer_bits=answers,
                completed_on=TODAY if done else None,
            ),
            bits,
            bits,
            st.booleans(),
        ),
        max_size=4,
    )


@given(scores(), scores())
def test_a_person_s_month_is_the_union_of_his_accounts(some: list[ThemeScore], others: list[ThemeScore]) -> None:
    both, one, other = figures.of_one([*some, *others]), figures.of_one(some), figures.of_one(others)
    assert figures.of_one([*others, *some]) == both
    for name in ("participants", "checkins", "answers", "completed"):
        least, most = max(getattr(one, name), getattr(other, name)), getattr(one, name) + getattr(other, name)
        assert least <= getattr(both, name) <= most
    assert figures.of_one([*some, *some]) == one


def test_a_month_s_challenge(stage: Stage) -> None:
    """A day on which both checked in is one day of one who takes part."""

    def total() -> figures.Totals:
        key = (stage.group_id, MONTH)
        return stage.database.read_now(lambda s: figures.totals(s, [key]))[key]

    assert (total().participants, total().checkins) == (3, 3)
    bind(stage)
    assert (total().participants, total().checkins) == (2, 2)
    part(stage)
    assert (total().participants, total().checkins) == (3, 3)


def test_who_takes_part_in_a_campaign(stage: Stage) -> None:
    """Both have answered: one who takes part, from the first time on."""
    at = stage.clock.now()
    plan = Plan(key="own:1", name="囤货", form="own", first_day=TODAY, last_day=TODAY, written_at=at)
    write(stage, plan)
    ids = [member(stage, name).id or 0 for name in (MINE, THERE)]
    number = stage.database.read_now(lambda s: s.exec(select(Plan.id)).one() or 0)
    write(
        stage,
        *(
            Echo(plan_id=number, member_id=one, group_id=stage.group_id, first_at=at + timedelta(hours=hour))
            for hour, one in enumerate(ids)
        ),
    )

    def first_heard(session: Session, since: datetime, until: datetime) -> Sequence[tuple[int, int, int, int]]:
        return echoes.joined(session, [stage.group_id], since, until, region.at_home())

    def joined() -> list[tuple[int, int]]:
        hours = [(at, at + timedelta(minutes=1)), (at + timedelta(minutes=1), at + timedelta(days=1))]
        return [
            (people, behind)
            for since, until in hours
            for _, _, people, behind in stage.database.read_now(partial(first_heard, since=since, until=until))
        ]

    assert joined() == [(1, 1), (1, 1)]
    bind(stage)
    assert joined() == [(1, 1)]
    part(stage)
    assert joined() == [(1, 1), (1, 1)]


def test_whom_somebody_brought(stage: Stage) -> None:
    """The leader has brought 小满 and 满满, who are one: one newcomer."""
    by = member(stage, LEADER).id or 0
    write(
        stage,
        *(
            Invitation(
                group_id=stage.group_id, inviter_id=by, invited_id=member(stage, name).id or 0, at=stage.clock.now()
            )
            for name in (MINE, THERE)
        ),
    )

    def came() -> list[int]:
        return [count for _, count, _ in stage.database.read_now(lambda s: records.board(s, stage.group_id, 5))]

    assert came() == [2]
    bind(stage)
    assert came() == [1]


def test_who_was_brought_on_one_account_was_not_brought_by_another_on_the_other(stage: Stage) -> None:
    by, now = member(stage, LEADER).id, stage.clock.now()
    for name, inviter in ((THERE, by), (MINE, None)):
        invited = member(stage, name).id or 0
        write(stage, Invitation(group_id=stage.group_id, inviter_id=inviter, invited_id=invited, at=now))
    assert keys(stage.say(MINE, "邀请码 K7F3")) == ["invites.no_such_code"]
    bind(stage)
    assert keys(stage.say(MINE, "邀请码 K7F3")) == ["invites.said_already"]


@pytest.mark.parametrize("verdicts", [(1, 1), (1, -1), (-1, 1)])
def test_two_thumbs_are_one(stage: Stage, verdicts: tuple[int, int]) -> None:
    """Both have pressed under one answer: the earlier thumb stands, and parting brings the other not back."""
    document = Document(scope="all", name="d", title="d", created_at=stage.clock.now())
    write(stage, document)
    number = stage.database.read_now(lambda s: s.exec(select(Document.id)).all())[-1] or 0
    persons = [member(stage, name).id or 0 for name in (THERE, MINE)]

    def press(session: Session) -> None:
        for who, verdict in zip(persons, verdicts, strict=True):
            session.add(
                Feedback(
                    member_id=who,
                    group_id=stage.group_id,
                    document_id=number,
                    entry="e",
                    verdict=verdict,
                    local_date=TODAY,
                    at=stage.clock.now(),
                )
            )
            session.flush()
            tallies.count(session, stage.group_id, TODAY, helped=int(verdict > 0), missed=int(verdict < 0))

    stage.database.write_now(press)

    def counted() -> tuple[int, int, list[int]]:
        tally = stage.database.read_now(lambda s: s.get_one(AnswerTally, (stage.group_id, TODAY)))
        rows = stage.database.read_now(lambda s: list(s.exec(select(Feedback.verdict))))
        return tally.helped, tally.missed, rows

    bind(stage)
    once = int(verdicts[0] > 0), int(verdicts[0] < 0), [verdicts[0]]
    assert counted() == once
    part(stage)
    assert counted() == once


# ---------------------------------------------------------------- by the link


@pytest.mark.parametrize(
    ("mine", "there", "left", "together"),
    [
        (True, True, False, True),
        (True, False, False, False),
        (False, True, False, False),
        (False, True, True, True),
    ],
)
def test_who_came_by_the_link_is_not_thrown_out_for_not_being_in_the_chat(
    stage: Stage, mine: bool, there: bool, left: bool, together: bool
) -> None:
    """As one they are in the chat when either is; apart each is as he was."""

    def came(session: Session) -> None:
        for name, by_link in ((MINE, mine), (THERE, there)):
            row = session.get_one(Member, member(stage, name).id)
            row.by_link = by_link
            if left and name == MINE:
                row.left_at = stage.clock.now()
            session.add(row)

    stage.database.write_now(came)
    bind(stage)
    assert member(stage, MINE).by_link is together
    part(stage)
    assert (member(stage, MINE).by_link, member(stage, THERE).by_link) == (mine, there)
    assert (member(stage, MINE).left_at is None) is not left


@pytest.mark.parametrize("paid_before", [False, True])
def test_a_month_is_rewarded_once_a_person(stage: Stage, paid_before: bool) -> None:
    """Both have completed the month's challenge: as one they get it once, whoever had it; apart the other's is his own."""
    ids = {name: member(stage, name).id or 0 for name in (MINE, THERE)}

    def completed(session: Session) -> None:
        for name, number in ids.items():
            row = session.get_one(ThemeScore, (stage.group_id, MONTH, number))
            row.completed_on = TODAY
            row.rewarded_on = TODAY if paid_before and name == THERE else None
            session.add(row)

    def settled(session: Session) -> list[int]:
        theme.settle(session, {stage.group_id: date(2026, 12, 31)}, stage.clock.now())
        found = session.exec(select(Entry.member_id).where(Entry.kind == "challenge").order_by(col(Entry.id)))
        return list(found)

    stage.database.write_now(completed)
    bind(stage)
    once = [] if paid_before else [ids[MINE]]
    assert stage.database.write_now(settled) == once
    assert stage.database.write_now(settled) == once
    part(stage)
    assert stage.database.write_now(settled) == [*once, ids[MINE] if paid_before else ids[THERE]]
    sound(stage)


def test_it_is_counted_alike_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """The same figures, from the same statements."""
    stage = ready(open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url))
    answer(stage, THERE, "我家最爱红烧肉")
    answer(stage, MINE, "我家最爱清蒸鱼")
    people, behind = seen_today(stage), week(stage)
    bind(stage)
    assert (people, seen_today(stage)) == ({3}, {2})
    assert week(stage) == tuple(number - 1 for number in behind)
    assert answered(stage) == (1, ["我家最爱红烧肉"])
    key = (stage.group_id, MONTH)
    total = stage.database.read_now(lambda s: figures.totals(s, [key]))[key]
    assert (total.participants, total.checkins, total.answers) == (2, 2, 1)
    groups, hour = [stage.group_id], timedelta(hours=1)
    now = stage.clock.now()
    assert not stage.database.read_now(lambda s: echoes.joined(s, groups, now - hour, now, region.at_home()))
    assert stage.database.read_now(lambda s: records.board(s, stage.group_id, 5)) == []
    group = stage.database.read_now(lambda s: GroupView.of(s.get_one(Group, stage.group_id)))
    shown_day = stage.database.read_now(lambda s: summary._say(s, group, TODAY, Kind.EDIT))
    assert (shown_day.values["count"], str(shown_day.values["names"]).split("、")) == (2, [LEADER, MINE])
    part(stage)
    assert seen_today(stage) == people
    stage.database.close()
