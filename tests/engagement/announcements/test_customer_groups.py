"""Announcements where nothing goes in but one message a day that the owner confirms: who gets it, who does not, why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engagement.kernel import Outcome, Receipt
from storage.engine import Session
from storage.groups import Group
from storage.mass_sends import MassSend
from tests.engagement.announcements.town import Town, at, keys, open_town, shown

MORNING = "2026-12-01T09:00"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """阳光花园一期 hears and speaks; 客户群甲 and 客户群乙 are customer groups of the same leader."""
    opened = open_town(tmp_path, 1)
    for name in ("客户群甲", "客户群乙"):
        opened.group(name, hears=False, speaks=False)
    yield opened
    opened.stage.database.close()


def asked(town: Town, name: str, state: str = "awaiting", reason: str = "", day: date = date(2026, 12, 1)) -> None:
    """The owner of a customer group was asked for a day's message."""

    def make(session: Session) -> None:
        group = session.exec(select(Group).where(Group.name == name)).one()
        now = town.stage.clock.now()
        row: dict[str, Any] = {"asked_at": now, "changed_at": now, "seen_at": now, "state": state, "reason": reason}
        session.add(
            MassSend(
                channel=group.channel,
                account=group.account,
                conversation=group.external_id,
                local_date=day,
                leader="zhou",
                **row,
            )
        )

    town.stage.database.write_now(make)


def test_the_leader_is_told_who_gets_it_and_who_does_not(town: Town) -> None:
    """
    客户群甲今天那一条在等群主点，客户群乙今天还什么都没有
    周团长: 发公告 冷链车晚到 → 发给 2 个群；客户群乙要群主点“发送”；客户群甲收不到，今天的已经有了
    点「发给 2 个群」→ 正在发给 2 个群，又说一遍
    公告进度 → 客户群甲：没发（一天一条，今天的已经有了）
    """
    asked(town, "客户群甲")
    draft = town.say("发公告 冷链车晚到")
    words = shown(draft)
    assert (draft.key, draft.values["groups"], draft.values["names"]) == (
        "announcements.draft",
        2,
        "阳光花园一期、客户群乙",
    )
    assert "客户群乙：群主在企业微信里点了“发送”才看得到" in words
    assert "客户群甲：收不到" in words and "今天的已经有了" in words
    done = town.press(draft, "announce_go")
    assert (done.key, done.values["groups"]) == ("announcements.sent_first", 2)
    assert "客户群甲：收不到" in shown(done) and "客户群乙：群主" in shown(done)
    assert sorted((one.conversation, "我接着在这里说" in shown(one)) for one in town.run()) == [
        ("g1", True),
        ("g3", False),
    ]
    assert "客户群甲：没发（一天一条，今天的已经有了）" in shown(town.say("公告进度"))


@pytest.mark.parametrize("text", ["发公告 冷链车晚到", "紧急公告 燃气泄漏"])
def test_where_none_gets_it_nothing_can_be_sent(town: Town, text: str) -> None:
    for name in ("客户群甲", "客户群乙"):
        asked(town, name, "sent")
    draft = town.press(town.say(text), "不发阳光花园一期")
    assert draft.key == "announcements.draft_shut"
    assert not [one for one in draft.buttons if one.key.startswith("announce_go")]
    assert "客户群甲、客户群乙：收不到" in shown(draft)


def test_what_comes_between_the_draft_and_the_button_counts(town: Town) -> None:
    """九点看的样子，九点零五话题进了群：按下去说的是现在的数。"""
    draft = town.say("发公告 冷链车晚到")
    assert draft.values["groups"] == 3
    for name in ("客户群甲", "客户群乙"):
        asked(town, name)
    only = town.press(draft, "不发阳光花园一期")
    assert keys([only]) == ["announcements.draft_shut"]
    back = town.press(only, "加上阳光花园一期")
    assert town.press(back, "announce_go").values["groups"] == 1
    assert [one.conversation for one in town.run()] == ["g1"]


def test_a_draft_that_nobody_gets_any_more_is_not_sent(town: Town) -> None:
    draft = town.press(town.say("发公告 冷链车晚到"), "不发阳光花园一期")
    for name in ("客户群甲", "客户群乙"):
        asked(town, name)
    assert town.press(draft, "announce_go").key == "announcements.none_left"
    assert town.run() == [] and town.rows() == []


def test_an_update_does_not_drive_out_what_waits_for_the_owner(town: Town) -> None:
    """
    公告在客户群乙等群主点；公告更新 → 这个群还是第一条，更新只到别的群
    """
    town.phone.answer = lambda one: (
        Receipt(Outcome.RETRY, retry_after=600, reason="awaiting_leader")
        if one.conversation != "g1"
        else Receipt(Outcome.SENT, provider_id="p")
    )
    town.announce()
    town.run()
    for name in ("客户群甲", "客户群乙"):
        asked(town, name)
    draft = town.say("公告更新 改到 20:00")
    assert (draft.values["groups"], "客户群甲、客户群乙：收不到" in shown(draft)) == (1, True)
    town.press(draft, "announce_go")
    town.run()
    assert sorted(town.rows()) == sorted(
        [("sent", ""), *[("pending", "")] * 2, ("sent", ""), *[("skipped", "said_today")] * 2]
    )


def test_the_next_day_there_is_room_again(town: Town) -> None:
    asked(town, "客户群甲", "sent")
    assert town.say("发公告 冷链车晚到", when="2026-12-02T09:00").values["groups"] == 3


@pytest.mark.parametrize("night", ["2026-12-01T22:30", "2026-12-01T23:59"])
def test_what_waits_for_the_morning_has_the_morning_s_message(town: Town, night: str) -> None:
    """
    客户群甲今天那一条已经发了；22:30 周团长: 发公告 明早停水 → 发给 3 个群，都等到早上 7 点
    第二天 7:00 → 三个群都收到
    """
    asked(town, "客户群甲", "sent")
    draft = town.say("发公告 明早停水", when=night)
    assert (draft.key, draft.values["groups"], "收不到" in shown(draft)) == ("announcements.draft", 3, False)
    done = town.press(draft, "announce_go")
    assert (done.key, done.values["asleep"], "收不到" in shown(done)) == ("announcements.sent_first", 3, False)
    assert town.run() == []
    assert town.rows() == [("pending", "")] * 3
    assert sorted(one.conversation for one in town.run("2026-12-02T07:00")) == ["g1", "g2", "g3"]


def test_what_rings_at_night_is_today_s(town: Town) -> None:
    """22:30 紧急公告 燃气泄漏 → 今天已经有一条的客户群甲收不到；凌晨 0:30 发的是新的一天，收得到。"""
    asked(town, "客户群甲", "sent")
    draft = town.say("紧急公告 燃气泄漏", when="2026-12-01T22:30")
    assert (draft.values["groups"], "客户群甲：收不到" in shown(draft)) == (2, True)
    sure = town.press(draft, "announce_go")
    assert town.press(sure, "announce_go").key == "announcements.sent_first"
    assert sorted(one.conversation for one in town.run()) == ["g1", "g3"]
    assert sorted(town.rows()) == [("sent", ""), ("sent", ""), ("skipped", "said_today")]
    assert town.say("紧急公告 燃气泄漏", when="2026-12-02T00:30").values["groups"] == 3


def test_an_early_morning_is_the_same_day(town: Town) -> None:
    """凌晨 0:30：今天那一条已经在等群主点，早上 7 点的公告进不去。"""
    town.stage.clock.set(at("2026-12-02T00:30"))
    asked(town, "客户群甲", day=date(2026, 12, 2))
    draft = town.say("发公告 明早停水")
    assert (draft.values["groups"], "客户群甲：收不到" in shown(draft)) == (2, True)
