"""The month's theme and its challenge, from the opening to the payment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from engagement.checkin.manifest import FEATURE as CHECKIN
from engagement.events import CheckedIn
from engagement.feature import Actor, Context, GroupView
from engagement.kernel import Kind, Reply
from engagement.points.manifest import FEATURE as POINTS
from engagement.pushes import Occurrence
from engagement.theme import jobs, service
from engagement.theme.manifest import FEATURE as THEME
from engagement.theme.tables import ThemeScore
from engagement.topic.manifest import FEATURE as TOPIC
from prompts import packs
from prompts.loader import PROMPTS
from storage import identities, ledger
from storage.engine import Session
from storage.groups import Consent, Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown

LEADER = "周团长"
APRIL = packs.months()[4].challenge


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = open_stage(tmp_path, (CHECKIN, POINTS, TOPIC, THEME), "2026-03-20T06:00")
    yield made
    assert all(placeholders_match(message) for message in made.said if message.key.startswith("theme."))
    made.database.close()


def scores(stage: Stage) -> dict[str, ThemeScore]:
    def read(session: Session) -> dict[str, ThemeScore]:
        rows = session.exec(select(ThemeScore, Member.name).join(Member, col(Member.id) == col(ThemeScore.member_id)))
        return {f"{name} {score.month}": score for score, name in rows}

    return stage.database.read_now(read)


def come(stage: Stage, who: str, days: int, month: str = "2026-04", *, first: int = 1, talk: bool = True) -> None:
    """Somebody checks in and answers the topic on so many days of a month."""
    for number in range(first, first + days):
        stage.say(who, "签到", f"{month}-{number:02d}T08:00")
        if talk:
            stage.say(who, "话题 今天也来聊聊", f"{month}-{number:02d}T08:01")


def test_a_day_counts_once_for_each_of_the_two(stage: Stage) -> None:
    """签到 → 1, again → 1, 话题 … → 2, again → 2; the next day 3."""
    come(stage, "李阿姨", 1)
    come(stage, "李阿姨", 1)
    mine = scores(stage)["李阿姨 2026-04"]
    assert (mine.points, mine.days, mine.answers) == (2, 1, 1)
    come(stage, "李阿姨", 1, first=2, talk=False)
    mine = scores(stage)["李阿姨 2026-04"]
    assert (mine.points, mine.days, mine.answers) == (3, 2, 1)
    assert (mine.day_bits, mine.answer_bits) == (0b11, 0b1)


def event(stage: Stage, who: str, day: str, topic: str = "daily") -> Sequence[Reply]:
    """The event alone, as another kind of check-in or a late delivery would bring it."""

    def act(session: Session) -> Sequence[Reply]:
        group = session.get_one(Group, stage.group_id)
        member = session.exec(select(Member).where(Member.name == who)).one()
        assert member.id is not None
        assert member.account_id is not None
        dispatcher = stage.gateway.dispatcher
        incoming = stage.incoming(who)
        actor = Actor(member.person_id, who, member.id, member.account_id, consented=True)
        ctx: Context = dispatcher.context(session, incoming, actor, GroupView.of(group), stage.clock.now())
        assert group.id is not None
        return service.on_checked_in(
            ctx, CheckedIn(group.id, member.id, member.account_id, topic, date.fromisoformat(day), 1)
        )

    return stage.database.write_now(act)


def test_a_second_kind_of_check_in_and_late_days_count_once(stage: Stage) -> None:
    come(stage, "李阿姨", 1, first=10, talk=False)
    event(stage, "李阿姨", "2026-04-10", topic="early")
    event(stage, "李阿姨", "2026-04-09")
    event(stage, "李阿姨", "2026-04-10", topic="early")
    event(stage, "李阿姨", "2026-03-31")
    assert scores(stage)["李阿姨 2026-04"].days == 2
    assert scores(stage)["李阿姨 2026-03"].days == 1


def test_completing_is_celebrated_once_and_paid_at_the_closing_once(stage: Stage) -> None:
    """The day that brings the target: a warm word; the 30th 10:00: +points and the names; never twice."""
    days = -(-APRIL.target // 2)
    come(stage, "李阿姨", days)
    come(stage, "王姐", 2)
    warm = [message for message in stage.said if message.key.startswith("theme.completed")]
    assert keys(warm) == ["theme.completed"]
    assert f"+{APRIL.reward_points} 积分" in shown(warm[0])
    come(stage, "李阿姨", 1, first=days + 1)
    assert len([m for m in stage.said if m.key.startswith("theme.completed")]) == 1
    assert stage.points("李阿姨", "challenge") == 0

    closing = stage.pushed("theme", "2026-04-30T10:00")
    assert placeholders_match(closing)
    text = shown(closing)
    assert "李阿姨" in text
    assert "王姐" in text
    assert "2 位邻居" in text
    assert f"+{APRIL.reward_points} 积分" in text
    for _ in range(2):
        stage.push("theme", "2026-04-30T10:00")
    assert stage.points("李阿姨", "challenge") == APRIL.reward_points
    assert stage.points("王姐", "challenge") == 0
    assert keys(stage.say("李阿姨", "挑战", "2026-04-30T11:00")) == ["theme.standing"]
    assert stage.said[-1].tails[0] == "theme.standing_paid"


def test_a_closing_tells_of_nothing_that_was_not(stage: Stage) -> None:
    """A month of check-ins without one answer: no 「聊了 0 次话题」."""
    stage.say("李阿姨", "签到", "2026-04-02T09:00")
    text = shown(stage.pushed("theme", "2026-04-30T10:00"))
    assert "1 位邻居来过。\n签到 1 次\n" in text
    assert "话题" not in text and not re.search(r"(?<!\d)0 ", text)


def test_whoever_completes_after_the_closing_is_paid_on_the_spot(stage: Stage) -> None:
    """The last day, 10:00 closing, 20:00 the last point."""
    days, odd = divmod(APRIL.target - 1, 2)
    come(stage, "李阿姨", days)
    if odd:
        come(stage, "李阿姨", 1, first=days + 1, talk=False)
    assert scores(stage)["李阿姨 2026-04"].points == APRIL.target - 1
    stage.push("theme", "2026-04-30T10:00")
    said = stage.say("李阿姨", "签到", "2026-04-30T20:00")
    assert "theme.completed_paid" in keys(said)
    assert stage.points("李阿姨", "challenge") == APRIL.reward_points
    stage.push("theme", "2026-04-30T23:00")
    stage.push("theme", "2026-05-01T10:00")
    assert stage.points("李阿姨", "challenge") == APRIL.reward_points


def test_a_missed_closing_is_paid_by_the_next_days_job_or_the_next_check_in(stage: Stage) -> None:
    days = -(-APRIL.target // 2)
    come(stage, "李阿姨", days)
    come(stage, "王姐", days)
    stage.say("李阿姨", "签到", "2026-05-02T08:00")
    assert stage.points("李阿姨", "challenge") == APRIL.reward_points
    assert stage.points("王姐", "challenge") == 0
    assert stage.push("theme", "2026-05-03T10:00") is None
    assert stage.points("王姐", "challenge") == APRIL.reward_points
    stage.say("王姐", "签到", "2026-05-04T08:00")
    assert stage.points("王姐", "challenge") == APRIL.reward_points
    assert stage.database.read_now(ledger.check).wrong_balances == 0


def test_payment_goes_in_chunks(stage: Stage) -> None:
    days = -(-APRIL.target // 2)
    for who in ("李阿姨", "王姐", "张哥"):
        come(stage, who, days)
    due = {stage.group_id: date(2026, 4, 30)}
    now = at("2026-04-30T10:00")
    paid = [stage.database.write_now(lambda s: service.settle(s, due, now, most=2)) for _ in range(3)]
    assert paid == [2, 1, 0]
    assert stage.database.write_now(lambda s: service.settle(s, {}, now)) == 0
    early = {stage.group_id: date(2026, 4, 29)}
    assert stage.database.write_now(lambda s: service.settle(s, early, now)) == 0


def test_a_month_of_pushes(stage: Stage) -> None:
    """Opening, beats, closing; on other days no row at all; nobody took part: no closing."""
    opening = stage.pushed("theme", "2026-04-01T10:00")
    assert opening.key == "theme.opening"
    assert packs.months()[4].name in shown(opening)
    assert "{" not in shown(opening)
    assert keys(stage.say("李阿姨", "冬瓜排骨汤", quoting=opening)) == ["👍theme.heard"]
    assert stage.say("李阿姨", "怎么攒挑战分？", quoting=opening) == []
    said = {day: stage.push("theme", f"2026-04-{day:02d}T10:00") for day in range(2, 31)}
    beats = {beat.day for beat in packs.months()[4].beats}
    assert {day for day, planned in said.items() if planned is not None} == beats | {30}
    for number in beats:
        beat = stage.pushed("theme", f"2026-04-{number:02d}T10:00")
        assert beat.key == "theme.beat"
        assert "{" not in shown(beat)
    assert said[30].skip == "nothing"  # type: ignore[union-attr]


@pytest.mark.parametrize("month", range(1, 13))
def test_every_months_texts_have_all_their_figures(stage: Stage, month: int) -> None:
    assert "{" not in shown(stage.pushed("theme", f"2027-{month:02d}-01T10:00"))
    stage.say("李阿姨", "签到", f"2027-{month:02d}-02T08:00")
    last = (date(2027 + month // 12, month % 12 + 1, 1) - timedelta(days=1)).isoformat()
    closing = shown(stage.pushed("theme", f"{last}T10:00"))
    assert "{" not in closing
    assert "0 位" not in closing
    assert "李阿姨 1 分" in closing


def test_the_morning_after_the_bot_came(stage: Stage) -> None:
    stage.change(created_at=at("2026-04-09T15:00"))
    assert stage.push("theme", "2026-04-09T10:00") is None
    joined = stage.pushed("theme", "2026-04-10T10:00")
    assert joined.key == "theme.joined"
    assert str(APRIL.target) in shown(joined)
    stage.change(created_at=at("2026-04-26T15:00"))
    late = stage.pushed("theme", "2026-04-27T10:00")
    assert late.key == "theme.joined_late"
    assert str(APRIL.target) not in shown(late)
    assert all(placeholders_match(message) for message in (joined, late))


def test_the_closing_names_ten_and_then_the_other_completers(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "months", lambda: {4: small_month(target=2, top=2)})
    for who in ("甲", "乙", "丙", "丁"):
        come(stage, who, 1, talk=who != "丁")
    come(stage, "甲", 1, first=2)
    closing = stage.pushed("theme", "2026-04-30T10:00")
    text = shown(closing)
    assert "甲 4 分、乙 2 分" in text
    assert "也完成了的还有：丙" in text
    assert "丁" not in text


def small_month(*, target: int, top: int) -> packs.Month:
    """April with another target."""
    month = packs.read_months(PROMPTS / "calendar")[4]
    challenge = packs.Challenge("小挑战", "规则", target, "目标", 5, top)
    return packs.Month(4, month.name, month.slogan, month.opening, month.closing, month.beats, challenge)


def test_who_left_or_withdrew_is_not_named(stage: Stage) -> None:
    for who in ("李阿姨", "王姐", "张哥"):
        come(stage, who, 1)
    person = stage.person("李阿姨")

    def go(session: Session) -> None:
        session.get_one(Consent, person).withdrawn_at = stage.clock.now()
        member = session.exec(select(Member).where(Member.name == "王姐")).one()
        member.left_at = stage.clock.now()

    stage.database.write_now(go)
    text = shown(stage.pushed("theme", "2026-04-30T10:00"))
    assert "张哥" in text
    assert "李阿姨" not in text
    assert "王姐" not in text


def test_the_months_theme_and_the_next(stage: Stage) -> None:
    """本月主题: what and how, this week's beat if one is on; 主题预告: for the leader."""
    early = stage.say("李阿姨", "本月主题", "2026-04-02T09:00")[0]
    assert "theme.month_beat" not in early.tails
    beat = packs.months()[4].beats[1]
    later = stage.say("李阿姨", "本月主题", f"2026-04-{beat.day + 1:02d}T09:00")[0]
    assert beat.title in shown(later)
    assert "{" not in shown(later)
    assert keys(stage.say("李阿姨", "主题预告")) == ["guard.leader_only"]
    following = stage.say(LEADER, "主题预告", "2026-12-31T09:00", private=True)[0]
    assert packs.months()[1].name in shown(following)
    assert "{" not in shown(following)


def test_my_standing(stage: Stage) -> None:
    """Nothing yet → started, ties share a rank → out of reach → done."""
    (none,) = stage.say("李阿姨", "挑战", "2026-04-01T07:00")
    assert none.key == "theme.standing_none" and "你还没开始，攒满 " in shown(none) and "个挑战分就完成" in shown(none)
    come(stage, "李阿姨", 2)
    come(stage, "王姐", 2)
    come(stage, "张哥", 1, first=3)
    mine = stage.say("王姐", "挑战", "2026-04-03T09:00")[0]
    assert (mine.values["points"], mine.values["rank"], mine.values["left"]) == (4, 1, APRIL.target - 4)
    assert [row["rank"] for row in mine.values["board"]] == [1, 1, 3]  # type: ignore[attr-defined]
    assert "theme.standing_left" in mine.tails
    assert stage.say("张哥", "挑战")[0].values["rank"] == 3
    assert stage.say("王姐", "挑战", "2026-04-29T09:00")[0].tails[0] == "theme.standing_late"
    assert keys(stage.say("新来的", "挑战")) == ["theme.standing_none_late"]
    come(stage, "张哥", -(-APRIL.target // 2), first=4)
    assert stage.say("张哥", "挑战")[0].tails[0] == "theme.standing_done"
    for message in stage.said:
        if message.key.startswith("theme."):
            shown(message)


def test_standing_says_when_the_target_is_out_of_reach_to_the_point(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two points can be had on the last day, one once the check-in is done."""
    monkeypatch.setattr(packs, "months", lambda: {4: small_month(target=3, top=2)})
    come(stage, "李阿姨", 1, first=29, talk=False)
    assert stage.say("李阿姨", "挑战", "2026-04-30T07:00")[0].tails[0] == "theme.standing_left"
    monkeypatch.setattr(packs, "months", lambda: {4: small_month(target=4, top=2)})
    assert stage.say("李阿姨", "挑战", "2026-04-30T07:00")[0].tails[0] == "theme.standing_late"


def test_the_challenges_two_looks(stage: Stage) -> None:
    """15th and 25th, 19:00: who is close, how many completed; nothing otherwise."""
    come(stage, "李阿姨", 1)
    assert stage.push("challenge", "2026-04-15T19:00").skip == "nothing"  # type: ignore[union-attr]
    assert stage.push("challenge", "2026-04-16T19:00") is None
    near = -(-APRIL.target * 6 // 20)
    come(stage, "李阿姨", near, first=2)
    look = stage.pushed("challenge", "2026-04-15T19:00")
    assert look.key == "theme.challenge_none_yet"
    assert f"差 {APRIL.target - 2 * (near + 1)} 分" in shown(look)
    come(stage, "王姐", -(-APRIL.target // 2))
    second = stage.pushed("challenge", "2026-04-25T19:00")
    assert second.key == "theme.challenge_some"
    assert "1" in shown(second)
    assert "王姐" not in shown(second)
    assert placeholders_match(look)
    assert placeholders_match(second)


def test_only_completers_and_nobody_close(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "months", lambda: {4: small_month(target=1, top=2)})
    come(stage, "李阿姨", 1)
    assert stage.pushed("challenge", "2026-04-15T19:00").tails == ("theme.challenge_end",)


def test_export_and_erase(stage: Stage) -> None:
    days = -(-APRIL.target // 2)
    come(stage, "李阿姨", days)
    come(stage, "王姐", 1)
    stage.push("theme", "2026-04-30T10:00")
    person = stage.person("李阿姨")
    (row,) = stage.database.read_now(lambda s: service.export_scores(s, person))
    assert row["month"] == "2026-04"
    assert row["points"] == days * 2
    assert row["completed_on"]
    (other,) = stage.database.read_now(lambda s: service.export_scores(s, stage.person("王姐")))
    assert other["completed_on"] == ""
    stage.database.write_now(lambda s: service.erase_scores(s, person, stage.clock.now()))
    assert set(scores(stage)) == {"王姐 2026-04"}
    assert stage.points("李阿姨", "challenge") == APRIL.reward_points


def test_a_batch_of_groups_closes_in_one_transaction_each_with_its_own_names(stage: Stage) -> None:
    """150 groups with 8 neighbours each close in one transaction."""

    def make(session: Session) -> list[GroupView]:
        views = []
        for number in range(150):
            group = Group(
                channel="play", external_id=f"x{number}", name=f"群{number}", created_at=at("2026-01-01T00:00")
            )
            session.add(group)
            session.flush()
            assert group.id is not None
            views.append(GroupView.of(group))
            for member in range(8):
                known = identities.meet(
                    session, "play", f"p{number}.{member}", f"邻居{number}-{member}", group.created_at
                )
                row = identities.enter(session, group.id, known.person_id, known.name, group.created_at)
                assert row.id is not None
                identities.open_account(session, row.id, group.created_at)
                done = member < 2
                session.add(
                    ThemeScore(
                        group_id=group.id,
                        month="2026-04",
                        member_id=row.id,
                        points=30 if done else member,
                        days=30 if done else member,
                        completed_on=date(2026, 4, 29) if done else None,
                    )
                )
        return views

    views = stage.database.write_now(make)
    due = [Occurrence(view, 1, date(2026, 4, 30), stage.clock.now()) for view in views]
    planned = stage.database.write_now(lambda s: jobs.plan_theme(s, due, at("2026-04-30T10:00")))
    assert len(planned) == 150
    for one in planned:
        assert one.reply is not None
        assert one.reply.kind is Kind.PUSH
        body = "\n".join(one.reply.values["body"])  # type: ignore[arg-type]
        number = one.occurrence.group.name.removeprefix("群")
        assert f"邻居{number}-0 30 分、邻居{number}-1 30 分、邻居{number}-7 7 分" in body
    checked = stage.database.read_now(ledger.check)
    assert checked.entries >= 300
    assert checked.wrong_balances == 0


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """Counting, completing, closing, paying, the two looks, naming and erasing on the other database."""
    stage = open_stage(tmp_path, (CHECKIN, POINTS, TOPIC, THEME), "2026-03-20T06:00", url=postgres_url)
    test_a_second_kind_of_check_in_and_late_days_count_once(stage)
    test_completing_is_celebrated_once_and_paid_at_the_closing_once(stage)
    assert stage.pushed("challenge", "2026-04-25T19:00").key == "theme.challenge_some"
    person = stage.person("李阿姨")
    stage.database.write_now(lambda s: service.erase_scores(s, person, stage.clock.now()))
    assert list(stage.database.read_now(lambda s: service.export_scores(s, person))) == []
    stage.database.close()


@pytest.mark.parametrize(("came", "second_morning"), [("2026-04-01T09:00", False), ("2026-04-01T11:00", True)])
def test_the_opening_is_not_said_twice(tmp_path: Path, came: str, second_morning: bool) -> None:
    stage = open_stage(tmp_path, (CHECKIN, POINTS, TOPIC, THEME), came)
    assert (stage.push("theme", "2026-04-02T10:00") is not None) == second_morning
