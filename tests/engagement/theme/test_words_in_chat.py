"""主题文案: the dialogue about a month's own words, by a leader for the group and by the staff for a region or all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from prompts import packs
from storage.audit import AuditRow
from storage.groups import Region
from storage.wordings import Wording
from tests.engagement.campaigns.scene import LEADER, dm, grant
from tests.engagement.stage import Stage, at, keys, open_stage, shown

APRIL, MAY = packs.months()[4], packs.months()[5]
BEAT = APRIL.beats[0]
WANG = "王运营"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2027-03-31T12:00", leader=LEADER)
    opened.say(LEADER, "帮助", private=True)
    yield opened
    opened.database.close()


def own(stage: Stage) -> dict[str, str]:
    """Scope → words, without what is only remembered."""
    rows = stage.database.read_now(lambda s: [(one.scope, one.text) for one in s.exec(select(Wording))])
    return {scope: text for scope, text in rows if not scope.startswith("was:")}


def button(message: Outgoing, prefix: str) -> str:
    return next(one.key for one in message.buttons if one.key.startswith(prefix))


def opening(stage: Stage, who: str = LEADER) -> Outgoing:
    """主题文案 下月 → 开场."""
    page = dm(stage, "主题文案 下月", who=who)
    assert page.key == "theme.words", page.key
    return dm(stage, button=button(page, "thm_word:4.0."), who=who)


def test_a_leader_sees_a_month_and_says_its_opening_otherwise(stage: Stage) -> None:
    """
    周团长（私聊）: 主题文案 下月 → 4月1日 开场 [换] … ；点开场 → 现在这样说……；
    周团长: {group}的四月 → 换好了，4月1日 会看到……；[撤销] → 改回去了
    """
    page = dm(stage, "主题文案 下月")
    assert (
        APRIL.name in shown(page)
        and "4月1日（周四）　开场" in shown(page)
        and "4月30日（周五）　月底小结" in shown(page)
    )
    assert len(page.buttons) == len(APRIL.beats) + 3
    question = opening(stage)
    assert question.key == "campaigns.word_ask" and "{target}" in shown(question) and "260 个字" in shown(question)
    done = dm(stage, "{group}的四月，攒满 {target} 个。", quoting=question)
    assert done.key == "campaigns.word_kept" and f"阳光花园一期的四月，攒满 {APRIL.challenge.target} 个。" in shown(
        done
    )
    assert "以后每年这个月都这样说" in shown(done)
    assert "（换过了）" in shown(dm(stage, "主题文案 4月"))
    pushed = shown(stage.pushed("theme", "2027-04-01T10:00"))
    assert f"\n阳光花园一期的四月，攒满 {APRIL.challenge.target} 个。\n" in pushed


def test_every_way_back(stage: Stage) -> None:
    done = dm(stage, "第一句", quoting=opening(stage))
    again = dm(stage, "第二句", quoting=opening(stage))
    assert own(stage) == {"group:1": "第二句"}
    assert dm(stage, button=button(again, "undo:")).key == "theme.word_back"
    assert own(stage) == {"group:1": "第一句"}
    assert "换了 4 月主题「开场」的文案" in [one.label for one in dm(stage, "撤销").buttons] or own(stage)
    reset = dm(stage, button=button(done, "thm_reset:"))
    assert reset.key == "campaigns.word_ready" and own(stage) == {}
    assert dm(stage, button=button(done, "thm_reset:")).key == "campaigns.word_ready_already"
    question = opening(stage)
    assert dm(stage, "不改了", quoting=question).key == "theme.word_unchanged"
    assert dm(stage, button=button(question, "thm_keep:")).key == "theme.word_unchanged"
    noted = stage.database.read_now(
        lambda s: [one.details for one in s.exec(select(AuditRow)) if one.action == "theme.worded"]
    )
    assert len(noted) == 3 and "句" not in "".join(str(one) for one in noted)


def test_the_next_private_words_are_the_answer(stage: Stage) -> None:
    stage._remember(opening(stage), LEADER)
    done = dm(stage, "我们四月喝茶")
    assert done.key == "campaigns.word_kept"
    stage._remember(done, LEADER)
    stage.clock.set(stage.clock.now() + timedelta(seconds=1))
    assert dm(stage, "今天天气真好").key.startswith("faq.")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("长" * 261, "campaigns.word_long"),
        ("短\n" * 9, "campaigns.word_long"),
        ("。。。", "campaigns.word_empty"),
        ("一共 {checkins} 次", "campaigns.word_unknown"),
        ("全网最低价，第一品牌", "campaigns.word_doubtful"),
    ],
)
def test_what_is_not_taken_keeps_the_question_open(stage: Stage, text: str, key: str) -> None:
    no = dm(stage, text, quoting=opening(stage))
    assert no.key == key and own(stage) == {}
    assert dm(stage, "喝茶", quoting=no).key == "campaigns.word_kept"
    assert own(stage) == {"group:1": "喝茶"}


def test_doubtful_words_sent_again_are_taken(stage: Stage) -> None:
    doubt = dm(stage, "全网最低价", quoting=opening(stage))
    assert doubt.key == "campaigns.word_doubtful"
    assert dm(stage, "全网最低价", quoting=doubt).key == "campaigns.word_kept"


def test_the_closing_shows_what_only_its_day_knows_by_name(stage: Stage) -> None:
    page = dm(stage, "主题文案 4")
    question = dm(stage, button=button(page, "thm_word:4.99."))
    done = dm(stage, "{participants} 位邻居，领先的：{winners}", quoting=question)
    assert "〔参加人数〕 位邻居，领先的：〔前几名〕" in shown(done)


def test_what_has_been_said_is_not_offered_and_a_late_answer_hears_it(stage: Stage) -> None:
    question = opening(stage)
    stage.clock.set(at("2027-04-01T10:00"))
    assert dm(stage, "太晚了", quoting=question).key == "theme.word_late"
    page = dm(stage, "主题文案")
    assert "开场" not in shown(page) and f"4月{BEAT.day}日" in shown(page)
    stage.clock.set(at("2027-04-30T10:00"))
    assert MAY.name in shown(dm(stage, "主题文案"))
    assert MAY.name in shown(dm(stage, button=button(page, "thm_page:5.")))
    assert packs.months()[3].name in shown(dm(stage, "主题文案 3月"))


def test_the_staff_choose_a_region_or_all_and_take_it_back(stage: Stage) -> None:
    """
    王运营（私聊）: 主题文案 下月 → 换哪里的？[东区] [所有群]；点东区 → 开场 → 东区的话 → [撤销]，再按一次又是新的
    """
    stage.database.write_now(lambda s: s.add(Region(name="东区")))
    stage.change(region_id=1)
    grant(stage, WANG)
    which = dm(stage, "主题文案 下月", who=WANG)
    assert which.key == "theme.words_where" and [one.values["where"] for one in which.buttons] == ["东区", "所有群"]
    page = dm(stage, button=which.buttons[0].key, who=WANG)
    question = dm(stage, button=button(page, "thm_word:4.0."), who=WANG)
    done = dm(stage, "{group}听东区的。", quoting=question, who=WANG)
    assert "〔群名〕听东区的。" in shown(done) and own(stage) == {"region:1": "{group}听东区的。"}
    back = button(done, "thm_back:")
    assert dm(stage, button=back, who=WANG).key == "theme.word_swapped" and own(stage) == {}
    dm(stage, button=back, who=WANG)
    assert own(stage) == {"region:1": "{group}听东区的。"}
    assert "听东区的" in shown(opening(stage))
    dm(stage, "我们自己的", quoting=opening(stage))
    told = dm(stage, "新的东区话", quoting=question, who=WANG)
    assert "有 1 个群自己换过这一段" in shown(told)
    assert shown(stage.pushed("theme", "2027-04-01T10:00")).splitlines()[1] == "我们自己的"


def test_a_manager_has_only_his_region_and_nobody_anothers(stage: Stage) -> None:
    stage.database.write_now(lambda s: s.add_all([Region(name="东区"), Region(name="西区")]))
    grant(stage, WANG, "manager", region=2)
    page = dm(stage, "主题文案 下月", who=WANG)
    assert page.values["where"] == "西区"
    assert dm(stage, button="thm_page:4.1.1", who=WANG).key == "guard.old_button"
    assert dm(stage, button="thm_word:4.0.0.0", who=WANG).key == "guard.old_button"
    assert dm(stage, button="thm_word:4.0.2.1", who=WANG).key in (
        "guard.old_button",
        "guard.no_group",
        "guard.leader_only",
    )
    assert dm(stage, button="thm_word:13.0.1.2", who=WANG).key == "guard.old_button"
    stage.say("李阿姨", "签到")
    assert dm(stage, "主题文案", who="李阿姨").key == "guard.leader_only"
    assert dm(stage, button="thm_word:4.0.2.1", who="李阿姨").key == "guard.leader_only"


def test_other_words_behind_it_and_the_group_chat(stage: Stage) -> None:
    for text in ("主题文案 13月", "主题文案 王姐", "主题文案 0"):
        assert dm(stage, text).key == "theme.words_how", text
    assert keys(stage.say(LEADER, "主题文案")) == ["guard.private_only"]
