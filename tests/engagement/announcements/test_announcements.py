"""公告 from the draft to the end, with the planner and the delivery of the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Kind
from storage.campaigns import Campaign, Delivery
from tests.engagement.announcements.town import LEADER, Town, label, open_town
from tests.engagement.stage import keys, placeholders_match, shown


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = open_town(tmp_path)
    yield town
    town.stage.database.close()


def test_the_whole_story(town: Town) -> None:
    """
    周团长（私聊）: 发公告 冷链车晚到，预计 19:00 到货 → 样子、三个群、[发给 3 个群]
    （什么都没发）
    [发给 3 个群] → 三个群各一条
    公告进度 → 已发 3
    公告更新 改到 20:00 → [发给 3 个群] → 引用第一条
    公告结束 到了 → [发给 3 个群] → 引用第一条
    """
    draft = town.say("发公告 冷链车晚到，预计 19:00 到货")
    assert draft.key == "announcements.draft"
    assert "冷链车晚到，预计 19:00 到货" in shown(draft)
    assert "阳光花园一期、小区2、小区3" in shown(draft)
    assert label(draft.buttons[0]) == "发给 3 个群"
    assert placeholders_match(draft)
    assert town.run() == [], "nothing is sent before the button"
    assert town.press(draft, "announce_go").key == "announcements.sent_first"
    first = town.run()
    assert [one.conversation for one in first] == ["g1", "g2", "g3"]
    assert {one.kind for one in first} == {Kind.PUSH}
    lines = shown(first[0]).splitlines()
    assert lines == draft.values["shown"], "what was shown is what they read"
    far = town.say("公告进度")
    assert (far.values["sent"], far.values["waiting"], far.values["failed"]) == (3, 0, 0)
    assert "小区2：发了" in shown(far)
    assert town.press(town.say("公告更新 改到 20:00"), "announce_go").key == "announcements.sent_update"
    more = town.run()
    assert [one.reply_to for one in more] == ["p0", "p1", "p2"]
    assert "改到 20:00" in shown(more[0])
    ended = town.press(town.say("公告结束 到了，来拿吧"), "announce_go")
    assert ended.key == "announcements.sent_end"
    over = town.run()
    assert [one.conversation for one in over] == ["g1", "g2", "g3"]
    assert [one.reply_to for one in over] == ["p0", "p1", "p2"]
    assert "到了，来拿吧" in shown(over[0])
    assert "已经结束" in shown(town.say("公告进度"))
    assert keys([town.say("公告更新 又晚了")]) == ["announcements.none_open"]


def test_what_it_stands_on(town: Town) -> None:
    """Delivery rows are the truth; `push status` shows the campaign; no budget of unasked messages is spent."""
    from scheduler.campaigns import standings

    town.announce()
    town.run()
    assert town.rows() == [("sent", "")] * 3
    (standing,) = town.stage.database.read_now(lambda s: standings(s, "announcement:1:1"))
    assert (standing.kind, standing.state, standing.counts) == ("announcement", "running", {"sent": 3})
    bodies = town.stage.database.read_now(lambda s: [one.body for one in s.exec(select(Delivery))])
    assert bodies == ["", "", ""]


def test_pressed_twice_and_delivered_twice_it_is_sent_once(town: Town) -> None:
    draft = town.say("发公告 停水")
    go = draft.buttons[0].key
    (first,) = town.stage.say(LEADER, "", button=go, private=True, dedupe_key="press1")
    assert town.stage.say(LEADER, "", button=go, private=True, dedupe_key="press1") == []
    (second,) = town.stage.say(LEADER, "", button=go, private=True, dedupe_key="press2")
    assert (first.key, second.key) == ("announcements.sent_first", "announcements.sent_already")
    assert len(town.run()) == 3
    assert town.run() == []
    assert (
        len(
            town.stage.database.read_now(
                lambda s: s.exec(select(Campaign).where(Campaign.kind == "announcement")).all()
            )
        )
        == 1
    )
