"""The day's topic, from the push in the morning to the summary in the evening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.checkin.manifest import FEATURE as CHECKIN
from engagement.feature import GroupView
from engagement.points.manifest import FEATURE as POINTS
from engagement.pushes import Occurrence
from engagement.topic import jobs, service
from engagement.topic.manifest import FEATURE as TOPIC
from engagement.topic.tables import TopicAnswer, TopicDay
from prompts import packs
from storage.audit import AuditRow
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Consent, Group
from tests.engagement.stage import Stage, at, day, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = open_stage(tmp_path, (CHECKIN, POINTS, TOPIC), "2026-12-01T06:00")
    yield made
    assert all(placeholders_match(message) for message in made.said if message.feature == "topic")
    made.database.close()


def topics(stage: Stage) -> list[TopicDay]:
    return stage.database.read_now(lambda s: list(s.exec(select(TopicDay).order_by(TopicDay.local_date))))  # type: ignore[arg-type]


def answers(stage: Stage) -> list[TopicAnswer]:
    return stage.database.read_now(lambda s: list(s.exec(select(TopicAnswer))))


def test_old_words_are_forgotten_the_oldest_first_and_not_all_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.pushed("topic", "2026-12-01T07:30")
    for minute, name in enumerate(("李阿姨", "王姐", "张哥")):
        stage.say(name, f"话题 冻了半年的饺子{minute}", f"2026-12-01T07:3{minute + 1}")
    monkeypatch.setattr(service, "FORGOTTEN_AT_ONCE", 2)
    later = at("2027-01-15T07:30")
    for left in (1, 0, 0):
        stage.database.write_now(lambda s: service.forget_old(s, later))
        assert sum(bool(one.text) for one in answers(stage)) == left
        assert all(one.text.endswith("2") for one in answers(stage) if one.text)


def test_the_morning(stage: Stage) -> None:
    """07:30 话题 → 李阿姨 quotes it (+2, words the first time) → 王姐 types 话题 … → 李阿姨 again: counted already."""
    push = stage.pushed("topic", "2026-12-01T07:30")
    assert placeholders_match(push)
    assert push.subject == f"topic:{topics(stage)[0].id}"
    assert f"**{topics(stage)[0].question}**" not in shown(push)
    assert topics(stage)[0].question in shown(push)
    assert "2 积分" in shown(push)

    assert keys(stage.say("李阿姨", "一罐去年的豆瓣酱", "2026-12-01T07:31", quoting=push)) == ["topic.counted_first"]
    assert keys(stage.say("王姐", "话题 冻了半年的饺子", "2026-12-01T07:32")) == ["topic.counted_first"]
    assert keys(stage.say("李阿姨", "还有一瓶醋", quoting=push)) == ["👌topic.again"]
    assert keys(stage.say("李阿姨", "话题 还有一瓶醋")) == ["topic.again"]
    assert stage.points("李阿姨", "topic") == 2
    assert stage.points("王姐", "topic") == 2
    assert [one.text for one in answers(stage)] == ["一罐去年的豆瓣酱", "冻了半年的饺子"]


def test_a_routine_answer_gets_a_reaction_where_the_group_wants_quiet(stage: Stage) -> None:
    """The second day: an emoji; words again once the group wants words, and always in private."""
    stage.say("李阿姨", "话题 豆瓣酱", "2026-12-01T08:00")
    push = stage.pushed("topic", "2026-12-02T07:30")
    assert keys(stage.say("李阿姨", "咸的甜的都行", "2026-12-02T07:35", quoting=push)) == ["👍topic.counted"]
    assert keys(stage.say("李阿姨", "话题 又是我", "2026-12-03T09:00", private=True)) == ["topic.counted"]
    stage.change(quiet_acks=False)
    assert keys(stage.say("李阿姨", "#话题 今天也聊", "2026-12-04T09:00")) == ["topic.counted"]
    assert stage.points("李阿姨", "topic") == 8


def test_a_redelivered_answer_changes_nothing(stage: Stage) -> None:
    stage.say("李阿姨", "话题 豆瓣酱", "2026-12-01T08:00", dedupe_key="same")
    assert stage.say("李阿姨", "话题 豆瓣酱", dedupe_key="same") == []
    assert stage.points("李阿姨", "topic") == 2


def test_points_are_set_per_group(stage: Stage) -> None:
    stage.change(settings={"topic": {"points": 7}})
    assert "7 积分" in shown(stage.say("李阿姨", "话题 豆瓣酱", "2026-12-01T08:00")[0])
    assert stage.points("李阿姨") == 7


def test_too_short_asks_for_a_word_more(stage: Stage) -> None:
    push = stage.pushed("topic", "2026-12-01T07:30")
    assert keys(stage.say("李阿姨", "嗯", quoting=push)) == ["topic.too_short"]
    # A thumb or a photo under the topic is no attempt at an answer: nobody is taught about it.
    assert stage.say("李阿姨", "", quoting=push) == []
    assert stage.say("李阿姨", "👍", quoting=push) == []
    assert keys(stage.say("李阿姨", "话题 好")) == ["topic.too_short"]
    assert answers(stage) == []


def test_a_late_answer_is_thanked_and_not_counted(stage: Stage) -> None:
    """23:59 counts, 00:01 does not; sent before midnight and received after it still counts."""
    push = stage.pushed("topic", "2026-12-01T07:30")
    assert keys(stage.say("李阿姨", "赶上了末班车", "2026-12-01T23:59", quoting=push)) == ["topic.counted_first"]
    assert keys(stage.say("王姐", "我来晚了呀", "2026-12-02T00:01", quoting=push)) == ["topic.late"]
    early = stage.say("张哥", "网不好才到", "2026-12-02T00:02", quoting=push, occurred="2026-12-01T23:58")
    assert keys(early) == ["topic.counted_first"]
    assert stage.points("王姐") == 0


def test_a_question_that_quotes_the_topic_is_left_to_the_answers(stage: Stage) -> None:
    push = stage.pushed("topic", "2026-12-01T07:30")
    assert stage.say("李阿姨", "提货点几点关门？", quoting=push) == []
    assert answers(stage) == []


def test_today_before_at_and_after_its_time(stage: Stage) -> None:
    """06:00 今日话题 → comes at 7:30; 08:00 → shows it though no push went out; once answered it says so."""
    early = stage.say("李阿姨", "今日话题", "2026-12-01T06:00")
    assert keys(early) == ["topic.waiting"]
    assert "7:30" in shown(early[0])
    assert keys(stage.say("李阿姨", "话题 太早了吧")) == ["topic.waiting"]
    now = stage.say("李阿姨", "话题", "2026-12-01T08:00")
    assert now[0].key == "topic.today"
    assert "topic.today_how" in now[0].tails
    assert keys(stage.say("李阿姨", "豆瓣酱一罐", quoting=now[0])) == ["topic.counted_first"]
    again = stage.say("李阿姨", "今日话题")[0]
    assert "topic.today_mine" in again.tails
    assert again.values["answers"] == 1
    shown(again)


def test_a_group_with_its_own_time(stage: Stage) -> None:
    def own_time(session: Session) -> None:
        campaign = Campaign(key="topic", kind="topic", created_at=stage.clock.now())
        session.add(campaign)
        session.flush()
        assert campaign.id is not None
        session.add(
            Schedule(
                campaign_id=campaign.id,
                group_id=stage.group_id,
                kind="topic",
                zone="Asia/Shanghai",
                local_minute=9 * 60 + 5,
            )
        )

    stage.database.write_now(own_time)
    assert "9:05" in shown(stage.say("李阿姨", "今日话题", "2026-12-01T08:00")[0])
    assert stage.say("李阿姨", "今日话题", "2026-12-01T09:05")[0].key == "topic.today"


def test_the_leader_sees_swaps_skips_restores_and_writes_tomorrows(stage: Stage) -> None:
    """明日话题 → 换一个 → 那天不发 → 撤销跳过 → 写话题 …; the push says the last word."""
    first = stage.say(LEADER, "明日话题", "2026-12-01T21:00", private=True)[0]
    assert [button.key.split(":")[0] for button in first.buttons] == ["topic_swap", "topic_skip", "topic_write"]
    swapped = stage.say(LEADER, "", button=first.buttons[0].key, private=True)[0]
    assert swapped.values["question"] != first.values["question"]
    skipped = stage.say(LEADER, "", button=first.buttons[1].key, private=True)[0]
    assert skipped.key == "topic.tomorrow_skipped"
    assert keys(stage.say(LEADER, "明日话题")) == ["topic.tomorrow_skipped"]
    assert stage.say(LEADER, "", button=skipped.buttons[0].key, private=True)[0].key == "topic.tomorrow"
    assert keys(stage.say(LEADER, "跳过话题")) == ["topic.tomorrow_skipped"]
    restored = stage.say(LEADER, "撤销跳过")[0]
    assert restored.values["question"] == swapped.values["question"]
    written = stage.say(LEADER, "写话题 你家的年味是什么味道？")[0]
    assert written.key == "topic.written"
    assert [button.key.split(":")[0] for button in written.buttons] == ["topic_swap", "topic_skip", "undo"]
    for message in stage.said:
        shown(message)
    assert stage.pushed("topic", "2026-12-02T07:30").values["question"] == "你家的年味是什么味道？"
    acts = stage.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert acts == [
        "topic.swapped",
        "topic.skipped",
        "topic.restored",
        "topic.skipped",
        "topic.restored",
        "topic.written",
    ]


def test_a_skipped_day_has_no_push_and_no_points(stage: Stage) -> None:
    stage.say(LEADER, "跳过话题", "2026-12-01T21:00")
    planned = stage.push("topic", "2026-12-02T07:30")
    assert planned is not None
    assert planned.skip == "leader_skipped"
    assert keys(stage.say("李阿姨", "话题 那我说点啥", "2026-12-02T08:00")) == ["topic.none"]
    assert keys(stage.say("李阿姨", "今日话题")) == ["topic.none"]
    assert stage.points("李阿姨") == 0


def test_writing_by_quoting(stage: Stage) -> None:
    """自己写 → 回复这条 → 记下了."""
    row = stage.say(LEADER, "明日话题", "2026-12-01T21:00")[0]
    how = stage.say(LEADER, "", button=row.buttons[2].key)[0]
    assert how.key == "topic.write_how"
    assert keys(stage.say(LEADER, "你家的灶台上有几口锅？", quoting=how)) == ["topic.written"]
    assert keys(stage.say("李阿姨", "我也来写一个问题", quoting=how)) == ["guard.leader_only"]
    assert keys(stage.say(LEADER, "锅？", quoting=how)) == ["topic.question_short"]
    assert keys(stage.say(LEADER, f"写话题 {'锅' * 61}")) == ["topic.question_long"]
    assert topics(stage)[-1].question == "你家的灶台上有几口锅？"


def test_what_the_leader_may_do_nobody_else_may(stage: Stage) -> None:
    row = stage.say(LEADER, "明日话题", "2026-12-01T21:00")[0]
    for words in ("明日话题", "换话题", "跳过话题", "恢复话题", "写话题 你家有几只猫？"):
        assert keys(stage.say("李阿姨", words)) == ["guard.leader_only"]
    for button in row.buttons:
        assert keys(stage.say("李阿姨", "", button=button.key)) == ["guard.leader_only"]
    assert topics(stage)[0].question == row.values["question"]


def test_a_button_of_a_day_that_has_come_changes_nothing(stage: Stage) -> None:
    row = stage.say(LEADER, "明日话题", "2026-12-01T21:00")[0]
    stage.clock.set(at("2026-12-02T06:00"))
    for key in (row.buttons[0].key, "topic_skip:999", "topic_skip:x", "topic_restore:"):
        assert keys(stage.say(LEADER, "", button=key)) == ["topic.button_old"]
    assert topics(stage)[0].question == row.values["question"]


def test_a_preview_is_what_is_sent_and_today_does_not_take_it(stage: Stage) -> None:
    stage.clock.set(at("2026-12-01T06:30"))
    preview = stage.say(LEADER, "明日话题")[0]
    today = stage.pushed("topic", "2026-12-01T07:30")
    assert today.values["question"] != preview.values["question"]
    assert stage.pushed("topic", "2026-12-02T07:30").values["question"] == preview.values["question"]


def test_no_other_and_an_empty_bank_are_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    row = stage.say(LEADER, "明日话题", "2026-12-01T21:00")[0]
    monkeypatch.setattr(packs, "topics", lambda: ())
    assert keys(stage.say(LEADER, "", button=row.buttons[0].key)) == ["topic.no_other"]
    assert keys(stage.say(LEADER, "明日话题", "2026-12-05T21:00")) == ["topic.bank_empty"]
    planned = stage.push("topic", "2026-12-06T07:30")
    assert planned is not None
    assert planned.skip == "nothing"
    assert keys(stage.say("李阿姨", "今日话题", "2026-12-06T08:00")) == ["topic.none"]


def test_the_evening(stage: Stage) -> None:
    """20:00: how many answered and up to three answers; nothing when fewer than two did."""
    push = stage.pushed("topic", "2026-12-01T07:30")
    stage.say("李阿姨", "一罐去年的豆瓣酱，舍不得扔", quoting=push)
    planned = stage.push("topic_summary", "2026-12-01T20:00")
    assert planned is not None
    assert planned.skip == "nothing"
    stage.say("王姐", "饺子", quoting=push)
    stage.say("张哥", "加微信 zhang123456 送您", quoting=push)
    evening = stage.pushed("topic_summary", "2026-12-01T20:00")
    assert placeholders_match(evening)
    text = shown(evening)
    assert "3 位" in text
    assert text.index("李阿姨：一罐去年的豆瓣酱") < text.index("王姐：饺子")
    assert "zhang" not in text
    assert evening.subject == push.subject


def test_the_evening_without_anything_to_show(stage: Stage) -> None:
    push = stage.pushed("topic", "2026-12-01T07:30")
    stage.say("李阿姨", "加我微信吧", quoting=push)
    stage.say("王姐", "看 www.example.com", quoting=push)
    evening = stage.pushed("topic_summary", "2026-12-01T20:00")
    assert evening.tails == ("topic.summary_end",)
    shown(evening)
    assert stage.push("topic_summary", "2026-12-05T20:00").skip == "nothing"  # type: ignore[union-attr]


def test_who_withdrew_is_counted_without_name_or_words(stage: Stage) -> None:
    for who in ("李阿姨", "王姐"):
        stage.say(who, f"话题 {who}的一句话", "2026-12-01T08:00")
    person = stage.person("李阿姨")

    def withdraw(session: Session) -> None:
        consent = session.get_one(Consent, person)
        consent.withdrawn_at = stage.clock.now()
        session.add(consent)

    stage.database.write_now(withdraw)
    text = shown(stage.pushed("topic_summary", "2026-12-01T20:00"))
    assert "2 位" in text
    assert "李阿姨" not in text
    assert "王姐" in text


def test_words_are_forgotten_after_thirty_days(stage: Stage) -> None:
    stage.say("李阿姨", "话题 豆瓣酱", "2026-12-01T08:00")
    stage.push("topic_summary", "2026-12-31T07:59")
    assert answers(stage)[0].text == "豆瓣酱"
    stage.push("topic_summary", "2026-12-31T20:00")
    assert answers(stage)[0].text == ""


def test_export_and_erase(stage: Stage) -> None:
    stage.say("李阿姨", "话题 豆瓣酱", "2026-12-01T08:00")
    stage.say("王姐", "话题 饺子馅", "2026-12-01T08:01")
    person = stage.person("李阿姨")
    (row,) = stage.database.read_now(lambda s: service.export_answers(s, person))
    assert row["answer"] == "豆瓣酱"
    assert row["date"] == "2026-12-01"
    stage.database.write_now(lambda s: service.erase_answers(s, person, stage.clock.now()))
    assert [one.text for one in answers(stage)] == ["", "饺子馅"]
    stage.say("李阿姨", "话题 再说一遍")
    assert stage.points("李阿姨") == 2


def test_many_groups_in_one_batch_each_with_its_own_and_twice_the_same(stage: Stage) -> None:
    def make(session: Session) -> list[GroupView]:
        for n in range(40):
            session.add(Group(channel="play", external_id=f"x{n}", created_at=stage.clock.now()))
        session.flush()
        return [GroupView.of(group) for group in session.exec(select(Group))]

    views = stage.database.write_now(make)
    due = [
        Occurrence(view, 1, day("2026-12-01") + timedelta(days=n % 2), stage.clock.now())
        for n, view in enumerate(views)
    ]
    plan = [stage.database.write_now(lambda s: jobs.plan_topic(s, due, stage.clock.now())) for _ in range(2)]
    assert [one.reply for one in plan[0]] == [one.reply for one in plan[1]]
    assert len({one.reply.values["question"] for one in plan[0] if one.reply}) > 10
    assert len(topics(stage)) == len(views)
    assert stage.database.write_now(lambda s: jobs.plan_topic(s, [], stage.clock.now())) == []


def test_a_stranger_in_private_has_no_group_to_lead(stage: Stage) -> None:
    row = stage.say(LEADER, "明日话题", "2026-12-01T21:00")[0]
    assert keys(stage.say("过路人", "", button=row.buttons[0].key, private=True)) == ["guard.no_group"]
    push = stage.pushed("topic", "2026-12-02T07:30")
    assert keys(stage.say("过路人", "我也聊一句", quoting=push, private=True)) == ["guard.no_group"]


def test_another_groups_topic_is_not_answered_here(stage: Stage) -> None:
    def make(session: Session) -> int | None:
        other = Group(channel="play", external_id="g2", created_at=stage.clock.now())
        session.add(other)
        session.flush()
        assert other.id is not None
        pair = (other.id, day("2026-12-01"))
        return service.days_of(session, [pair], stage.clock.now())[pair].id

    theirs = stage.database.write_now(make)
    push = stage.pushed("topic", "2026-12-01T07:30")
    foreign = replace(push, subject=f"topic:{theirs}")
    assert keys(stage.say("李阿姨", "豆瓣酱一罐", quoting=foreign)) == ["topic.none"]
    assert answers(stage) == []


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """A morning, the leader's say, an evening, a batch and an erasure on the other database."""
    stage = open_stage(tmp_path, (CHECKIN, POINTS, TOPIC), "2026-12-01T06:00", url=postgres_url)
    test_the_morning(stage)
    test_who_withdrew_is_counted_without_name_or_words(stage)
    stage.push("topic_summary", "2026-12-31T20:00")
    assert {one.text for one in answers(stage)} == {""}
    stage.say(LEADER, "写话题 你家的年味是什么味道？", "2027-01-01T21:00")
    assert stage.pushed("topic", "2027-01-02T07:30").values["question"] == "你家的年味是什么味道？"
    person = stage.person("王姐")
    stage.database.write_now(lambda s: service.erase_answers(s, person, stage.clock.now()))
    assert len(stage.database.read_now(lambda s: service.export_answers(s, person))) == 1
    stage.database.close()


def test_a_double_day_is_said_with_the_topic(stage: Stage) -> None:
    """
    周团长: 双倍日 12-02
    12-01 7:30 早呀，今天的话题……（不提）
    12-02 7:30 早呀，今天的话题…… 🎉 今天是双倍日，发「签到」积分翻倍。（就这一条）
    """
    stage.say("周团长", "双倍日 12-02")
    assert "topic.push_double" not in stage.pushed("topic", "2026-12-01T07:30").tails
    morning = stage.pushed("topic", "2026-12-02T07:30")
    assert morning.tails[-1] == "topic.push_double"
    assert "今天是双倍日，发「签到」积分翻倍" in shown(morning)
    stage.change(settings={"checkin": {"festivals": True}})
    assert "今天元旦" in shown(stage.pushed("topic", "2027-01-01T07:30"))
