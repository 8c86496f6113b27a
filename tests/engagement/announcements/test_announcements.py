"""公告 from the draft to the end, with the planner and the delivery of the program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.announcements.tables import AnnouncementRound
from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from scheduler.clock import run_due
from scheduler.delivery import Conduct
from scheduler.gate import no_gate
from storage import identities
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Member
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


def test_the_next_words_are_the_draft(town: Town) -> None:
    """
    公告更新 → 还没有公告；发公告 → 要告诉大家什么？ → （怎么收钱？照常答）→ 冷链车晚到 → 样子
    """

    def say(text: str) -> Outgoing:
        message = town.say(text)
        if message.subject:
            town.stage._remember(message, LEADER)
        return message

    assert say("公告更新").key == "announcements.none_open"
    assert say("发公告").key == "announcements.how"
    assert say("怎么收钱？").key.startswith("faq.")
    draft = say("冷链车晚到，预计 19:00 到货")
    assert draft.key == "announcements.draft" and "冷链车晚到" in shown(draft)
    assert say("米和面都到齐").key.startswith("faq."), "it was said"
    say("紧急公告")
    assert say("小区停水，到明早 6 点").key == "announcements.draft"
    button = next(one for one in say("发公告").buttons if one.key == "announce_form:outage")
    town.stage._remember(town.stage.say(LEADER, "", button=button.key, private=True)[0], LEADER)
    assert say("停水 6:00").key == "announcements.draft"


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


def test_a_leader_reaches_own_groups_only_and_may_take_some_out(town: Town) -> None:
    """[不发小区2] → 2 个群；旧的按钮不算；[加上小区2] 还能放回去。"""
    town.group("别人的群", leader="赵团长")
    draft = town.say("发公告 冷链车晚到")
    assert draft.values["groups"] == 3
    assert "别人的群" not in shown(draft)
    less = town.press(draft, "不发小区2")
    assert label(less.buttons[0]) == "发给 2 个群"
    assert less.values["names"] == "阳光花园一期、小区3"
    assert town.press(draft, "announce_go").key == "announcements.newer_draft"
    again = town.press(town.press(less, "加上小区2"), "不发小区3")
    assert again.values["names"] == "阳光花园一期、小区2"
    town.press(again, "announce_go")
    assert [one.conversation for one in town.run()] == ["g1", "g2"]


def test_all_taken_out_nothing_can_be_sent(town: Town) -> None:
    draft = town.say("发公告 冷链车晚到")
    for name in ("不发阳光", "不发小区2"):
        draft = town.press(draft, name)
    assert not [one for one in draft.buttons if "不发小区3" in label(one)], "the last one is not taken out by a button"
    assert town.press(draft, "announce_drop").key == "announcements.dropped"
    assert town.run() == []


def test_staff_choose_all_or_a_region(town: Town) -> None:
    other = town.group("远处的群", leader="赵团长")
    town.region("东区", 1, other)
    town.grant("运营小吴", "staff")
    draft = town.say("发公告 平台维护到 6 点", "运营小吴")
    assert draft.values["groups"] == 4
    east = town.press(draft, "只发东区", "运营小吴")
    assert east.values["names"] == "阳光花园一期、远处的群"
    everywhere = town.press(east, "发全部群", "运营小吴")
    town.press(town.press(everywhere, "只发东区", "运营小吴"), "announce_go", "运营小吴")
    sent = town.run()
    assert [one.conversation for one in sent] == ["g1", "g4"]
    assert "平台公告" in shown(sent[0])


def test_staff_of_a_region_reach_no_further(town: Town) -> None:
    other = town.group("远处的群", leader="赵团长")
    region = town.region("东区", other)
    town.region("西区", 1)
    town.grant("运营小吴", "staff", region)
    draft = town.say("发公告 平台维护", "运营小吴")
    assert draft.values["names"] == "远处的群"
    assert not [one for one in draft.buttons if one.key.startswith("announce_to")]
    town.grant("陈经理", "manager", region)
    assert keys(town.stage.say("陈经理", "发公告 平台维护", private=True)) == ["guard.leader_only"]


def test_nobody_else_may(town: Town) -> None:
    assert keys(town.stage.say("李阿姨", "发公告 大家好")) == ["guard.leader_only"]
    assert keys(town.stage.say("李阿姨", "发公告 大家好", private=True)) == ["guard.leader_only"]
    assert keys(town.stage.say(LEADER, "发公告 大家好")) == ["announcements.private_only"]
    draft = town.say("发公告 大家好")
    town.group("别人的群", leader="赵团长")
    for button in draft.buttons:
        assert keys(town.stage.say("李阿姨", "", button=button.key, private=True)) == ["guard.leader_only"]
        assert keys(town.stage.say("赵团长", "", button=button.key, private=True)) == ["guard.old_button"]
    assert town.run() == []


def test_who_is_no_leader_any_more_cannot_confirm(town: Town) -> None:
    draft = town.say("发公告 大家好")

    def demote(session: Session) -> None:
        for member in session.exec(select(Member).where(Member.name == LEADER)):
            member.role = "member"
            session.add(member)

    town.stage.database.write_now(demote)
    assert town.press(draft, "announce_go").key == "announcements.nobody"
    assert town.run() == []


def test_another_leader_of_the_group_can_tell_the_end(town: Town) -> None:
    """The author sleeps; 赵姐 leads the only group it went to. The other two groups are not hers."""
    alone = town.group("两位团长的群", leader="王团长")

    def join(session: Session) -> None:
        person = identities.meet(session, "play", "赵姐", "赵姐", town.stage.clock.now())
        session.add(
            Member(
                group_id=alone, person_id=person.person_id, name="赵姐", role="leader", joined_at=town.stage.clock.now()
            )
        )

    town.stage.database.write_now(join)
    town.announce()
    assert keys(town.stage.say("赵姐", "公告结束", private=True)) == ["announcements.none_open"]
    town.announce("发公告 停水", "王团长")
    town.run()
    town.press(town.say("公告结束 来水了", "赵姐"), "announce_go", "赵姐")
    assert [one.conversation for one in town.run()] == ["g4"]


# ---------------------------------------------------------------- night, limits, templates


def test_at_night_it_waits_for_the_morning(town: Town) -> None:
    draft = town.say("发公告 明天早上停水", when="2026-12-01T23:00")
    assert "3 个群在免打扰，会等到时间过了再发" in shown(draft)
    town.press(draft, "announce_go")
    assert town.run() == []
    assert "小区2：07:00 发（免打扰）" in shown(town.say("公告进度"))
    assert town.run("2026-12-02T06:59") == []
    assert len(town.run("2026-12-02T07:00")) == 3


def test_an_urgent_one_rings_after_a_second_confirmation(town: Town) -> None:
    draft = town.say("紧急公告 燃气泄漏，请马上下楼", when="2026-12-01T23:00")
    assert "这条会响" in shown(draft)
    sure = town.press(draft, "announce_go")
    assert sure.key == "announcements.ring_sure"
    assert town.run() == []
    town.press(sure, "announce_go")
    sent = town.run()
    assert len(sent) == 3
    assert shown(sent[0]).startswith("❗ 团长紧急公告")
    more = town.press(town.say("公告更新 已经控制住"), "announce_go")
    assert more.key == "announcements.ring_sure"
    town.press(more, "announce_go")
    assert len(town.run()) == 3
    town.press(town.say("公告结束 可以回家了"), "announce_go")
    assert town.run() == [], "the end waits: nobody has to act on it"
    assert len(town.run("2026-12-02T07:00")) == 3


def test_by_day_an_urgent_one_asks_once(town: Town) -> None:
    assert town.announce("紧急公告 停水").key == "announcements.sent_first"
    assert len(town.run()) == 3


def test_three_a_day_then_the_first_is_edited(town: Town) -> None:
    town.announce()
    town.run()
    for text in ("公告更新 改到 20:00", "公告更新 改到 21:00"):
        town.press(town.say(text), "announce_go")
        assert {one.kind for one in town.run()} == {Kind.PUSH}
    over = town.say("公告更新 改到 22:00")
    assert "3 个群今天的公告已经够 3 条，会改在第一条上" in shown(over)
    town.press(over, "announce_go")
    edits = town.run()
    assert {one.kind for one in edits} == {Kind.EDIT}
    assert [one.reply_to for one in edits] == ["p0", "p1", "p2"]
    assert "改到 22:00" in shown(edits[0])
    assert "冷链车晚到" in shown(edits[0])
    town.press(town.say("公告结束 到了"), "announce_go")
    assert {one.key for one in town.run()} == {"announcements.edited_end"}
    full = town.say("发公告 又有一件事")
    assert full.key == "announcements.draft_full"
    assert not full.tails, "what is not sent needs no list of who sleeps"
    assert not [one for one in full.buttons if one.key.startswith("announce_go")]
    town.announce("发公告 新的一天", when="2026-12-02T09:00")
    assert len(town.run()) == 3


def test_a_group_that_is_full_does_not_hold_the_others(town: Town) -> None:
    for number in range(3):
        town.press(town.press(town.press(town.say(f"发公告 第{number}件"), "不发小区2"), "不发小区3"), "announce_go")
        town.run()
    draft = town.say("发公告 第四件")
    assert draft.values["groups"] == 2
    assert "1 个群今天的公告已经够 3 条，这条不会发" in shown(draft)
    assert town.press(draft, "announce_go").values["groups"] == 2
    assert [one.conversation for one in town.run()] == ["g2", "g3"]
    assert ("skipped", "announced_enough") in town.rows()
    assert "阳光花园一期：没发（今天的公告够 3 条了）" in shown(town.say("公告进度"))


def test_an_urgent_one_rings_after_the_three_of_the_day(town: Town) -> None:
    """A gas leak does not wait for tomorrow; it asks once more, and six are the end of it."""
    for number in range(3):
        town.announce(f"发公告 第{number}件")
        town.run()
    for _ in range(3):
        draft = town.say("紧急公告 燃气泄漏")
        assert "3 个群今天已经有 3 条公告，这条会再响一次" in shown(draft)
        sure = town.press(draft, "announce_go")
        assert sure.key == "announcements.over_sure"
        assert town.press(sure, "announce_go").key == "announcements.sent_first"
        assert len(town.run()) == 3
    assert town.say("紧急公告 燃气泄漏").key == "announcements.draft_full"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("发公告 到货晚了 鸡蛋 19:00", "鸡蛋要晚一点到，预计 19:00 到货。大家先别跑空，到了我说一声。"),
        ("发公告 停电停水：停水，明早6点", "停水了，预计到 明早6点。恢复了我说一声。"),
        ("发公告 商品召回 豆腐 别吃，拍照发我，全额退", "买了豆腐的邻居请注意：别吃，拍照发我，全额退。"),
        ("发公告 换提货点 西门岗亭 今天下午", "提货点临时换到 西门岗亭，从今天下午起。老地方先别去。"),
        ("发公告 系统故障 下单小程序 20:00", "下单小程序暂时用不了，正在处理，预计 20:00 恢复。"),
    ],
)
def test_templates(town: Town, typed: str, words: str) -> None:
    assert words in shown(town.say(typed))


@pytest.mark.parametrize("word", ["发公告", "紧急公告", "公告更新", "公告结束", "/announce", "通知所有群："])
@pytest.mark.parametrize("length", [301, 350, 401, 620, 1500])
def test_one_that_is_too_long_is_refused_with_its_length(town: Town, word: str, length: int) -> None:
    """周团长: 发公告 …… (620 字) → 「这条有 620 字、1 行…请写在 300 字、6 行以内」, never an answer from the knowledge base."""
    town.announce("发公告 停水")
    said = town.say(f"{word} {'停' * length}")
    assert (said.key, said.values["length"], said.values["most"]) == ("announcements.too_long", length, 300)
    assert f"{length} 字" in shown(said)
    in_group = town.stage.say(LEADER, f"{word} {'停' * length}")
    assert keys(in_group) == ["announcements.private_only"]


def test_one_that_the_channel_cut_is_more_than_so_long(town: Town) -> None:
    said = town.say("发公告 " + "停" * 1996)
    assert (said.key, said.values["length"]) == ("announcements.too_long_by_far", 1900)
    said = town.say("发公告 " + "\n".join("一二三四五六七"))
    assert (said.values["length"], said.values["count"]) == (7, 7)


def test_a_long_question_is_still_one(town: Town) -> None:
    assert "announcements" not in {m.feature for m in town.stage.say(LEADER, "公告怎么写" + "呢" * 500, private=True)}


def test_a_template_by_button_and_answer(town: Town) -> None:
    how = town.say("发公告")
    assert [label(one) for one in how.buttons] == ["到货晚了", "停电停水", "商品召回", "换提货点", "系统故障"]
    ask = town.press(how, "announce_form:late")
    assert ask.key == "announcements.form_late"
    (again,) = town.stage.say(LEADER, "鸡蛋", quoting=ask, private=True)
    assert again.key == "announcements.form_late"
    (draft,) = town.stage.say(LEADER, "鸡蛋 19:00", quoting=ask, private=True)
    assert "鸡蛋要晚一点到" in shown(draft)
    assert keys(town.stage.say(LEADER, "发公告 到货晚了", private=True)) == ["announcements.form_late"]


def test_words_of_others_are_shown_and_never_obeyed(town: Town) -> None:
    draft = town.say("发公告 @所有人 **快来** <b>{groups}</b>\n第二行\u202e")
    assert "@所有人" not in shown(draft)
    town.press(draft, "announce_go")
    text = shown(town.run()[0])
    assert "<b>{groups}</b>" in text
    assert "第二行\n" in text
    assert "\u202e" not in text
    assert keys([town.say("发公告 " + "长" * 350)]) == ["announcements.too_long"]
    assert keys([town.say("发公告 \u200b\u200b")]) in (["announcements.how"], ["announcements.empty"])


# ---------------------------------------------------------------- taking back, failing, being cut off


def test_taken_back_before_it_goes_out(town: Town) -> None:
    town.announce(when="2026-12-01T23:00")
    town.run()
    back = town.say("公告撤回")
    assert (back.key, back.values["spared"]) == ("announcements.withdrawn", 3)
    assert town.run("2026-12-02T07:00") == []
    assert town.rows() == [("cancelled", "cancelled")] * 3
    assert keys([town.say("公告撤回")]) == ["announcements.none_waiting"]
    assert keys([town.say("公告更新 没事了")]) == ["announcements.none_open"]
    for number in range(3):
        town.announce(f"发公告 第{number}件")
        assert len(town.run()) == 3, "what was taken back is not counted against the day"


def test_taken_back_before_it_is_planned(town: Town) -> None:
    town.announce()
    assert town.say("公告撤回").key == "announcements.withdrawn"
    assert town.run() == []
    assert "撤回 3 个" in shown(town.say("公告进度"))


def test_taken_back_half_way(town: Town) -> None:
    """g2 says 429: two groups have read it."""
    town.phone.answer = lambda message: (
        Receipt(Outcome.RETRY, retry_after=120)
        if message.conversation == "g2"
        else Receipt(Outcome.SENT, provider_id=f"p{message.conversation}")
    )
    town.announce()
    town.run()
    far = town.say("公告进度")
    assert (far.values["sent"], far.values["waiting"]) == (2, 1)
    back = town.say("公告撤回")
    assert (back.key, back.values["spared"], back.values["told"]) == ("announcements.withdrawn_partly", 1, 2)
    town.phone.answer = None
    town.press(town.say("公告结束 弄错了，抱歉"), "announce_go")
    assert sorted(one.conversation for one in town.run("2026-12-01T09:10")) == ["g1", "g3"]
    assert town.rows()[-2:] == [("skipped", "unheard"), ("sent", "")]


def test_an_update_takes_the_place_of_what_still_waits(town: Town) -> None:
    """Confirmed at night, updated at night: in the morning each group gets one message with both."""
    town.announce(when="2026-12-01T23:00")
    town.run()
    town.press(town.say("公告更新 改到 10:00", when="2026-12-01T23:30"), "announce_go")
    town.run()
    sent = town.run("2026-12-02T07:00")
    assert len(sent) == 3
    assert {one.key for one in sent} == {"announcements.update_first"}
    assert "冷链车晚到" in shown(sent[0])
    assert "改到 10:00" in shown(sent[0])
    assert town.rows() == [("cancelled", "superseded")] * 3 + [("sent", "")] * 3


def test_an_update_that_is_planned_together_with_the_beginning(town: Town) -> None:
    """Nothing ran meanwhile (the program was down)."""
    town.announce()
    town.press(town.say("公告更新 改到 20:00"), "announce_go")
    sent = town.run()
    assert len(sent) == 3
    assert {one.key for one in sent} == {"announcements.update_first"}


def test_a_group_that_did_not_get_it_is_named(town: Town) -> None:
    town.phone.answer = lambda message: (
        Receipt(Outcome.GONE, reason="kicked")
        if message.conversation == "g2"
        else Receipt(Outcome.SENT, provider_id=f"p{message.conversation}")
    )
    town.announce()
    town.run()
    far = town.say("公告进度")
    assert "小区2：没发（机器人已不在群里）" in shown(far)
    assert (far.values["sent"], far.values["failed"]) == (2, 1)


def test_a_kill_between_the_platform_s_yes_and_our_commit_loses_none(town: Town) -> None:
    """The process dies while g1's message is under way: the next life sends again what was in doubt, and the rest once."""

    class Killed(BaseException):
        pass

    class Dying:
        async def send(self, message: Outgoing) -> Receipt:
            town.phone.sent.append(message)
            raise Killed

    town.announce()
    jobs = [job for job in town.stage.jobs.values() if job.once]
    with pytest.raises(BaseException):  # noqa: B017 - a group of them
        asyncio.run(
            run_due(
                town.stage.database,
                jobs,
                town.stage.clock,
                {"play": Dying()},
                no_gate(),
                Conduct(me="dead", concurrency=1),
            )
        )
    assert [state for state, _ in town.rows()] == ["sending", "pending", "pending"]
    town.run("2026-12-01T09:05")
    assert town.rows() == [("sent", "")] * 3
    assert [one.conversation for one in town.phone.sent] == ["g1", "g1", "g2", "g3"]


def test_two_open_ones_and_an_update_about_the_older(town: Town) -> None:
    town.announce("发公告 停水")
    town.announce("发公告 冷链车晚到")
    town.run()
    draft = town.say("公告更新 来水了")
    assert "冷链车晚到" in shown(draft)
    other = town.press(draft, "announce_about")
    assert "停水" in shown(other)
    town.press(other, "announce_go")
    assert [one.reply_to for one in town.run()] == ["p0", "p1", "p2"]
    far = town.say("公告进度")
    assert far.values["about"] == "冷链车晚到"
    assert town.press(far, "announce_look").values["about"] == "停水"


# ---------------------------------------------------------------- what is running, for the staff


def test_staff_see_what_runs_in_their_scope_and_end_it(town: Town) -> None:
    """
    周团长: 发公告 停水 (three groups); 赵团长: 发公告 停电 (one group)
    运营小吴 (all): 公告列表 → 停电（赵团长…1 个群）、停水（周团长…3 个群） [结束「停电」] [结束「停水」]
    运营小吴: [结束「停水」] → 样子、3 个群 → [发给 3 个群]
    """
    town.group("远处的群", leader="赵团长")
    town.grant("运营小吴", "staff")
    assert town.say("公告列表", "运营小吴").key == "announcements.list_none"
    town.announce("发公告 停水")
    town.announce("发公告 停电", "赵团长", "2026-12-01T09:20")
    for number in range(6):
        town.announce(f"发公告 通知{number}", "赵团长")
    town.run()
    listed = town.say("公告列表", "运营小吴")
    assert listed.values["count"] == 8, "all of them, not the latest five"
    assert "停水（周团长，12月1日 09:00 起，3 个群）" in shown(listed)
    assert "停电（赵团长，12月1日 09:20 起，1 个群）" in shown(listed)
    assert placeholders_match(listed)
    draft = town.press(listed, "结束「停水」", "运营小吴")
    assert draft.key == "announcements.draft" and "阳光花园一期、小区2、小区3" in shown(draft)
    town.press(draft, "announce_go", "运营小吴")
    assert [one.conversation for one in town.run()] == ["g1", "g2", "g3"]
    assert "停水" not in shown(town.say("公告列表", "运营小吴"))
    assert keys([town.press(listed, "结束「停水」", "运营小吴")]) == ["announcements.ended_already"]
    assert "停水" not in shown(town.say("公告列表", "赵团长")), "nor does another leader see it"


def test_staff_of_a_region_end_it_there_and_it_goes_on_elsewhere(town: Town) -> None:
    """周团长 announced to three groups, one of them in the east: its staff tell the end there; he tells the other two."""
    region = town.region("东区", 2)
    town.grant("运营小吴", "staff", region)
    town.grant("运营小郑", "staff", town.region("西区"))
    town.announce("发公告 停水")
    town.run()
    assert town.say("公告列表", "运营小郑").key == "announcements.list_none"
    listed = town.say("公告列表", "运营小吴")
    assert "停水（周团长，12月1日 09:00 起，3 个群，其中 1 个归你管）" in shown(listed)
    draft = town.press(listed, "announce_end", "运营小吴")
    assert (draft.values["names"], draft.values["groups"]) == ("小区2", 1)
    town.press(draft, "announce_go", "运营小吴")
    assert [one.conversation for one in town.run()] == ["g2"]
    assert town.say("公告列表", "运营小吴").key == "announcements.list_none"
    town.announce("公告更新 还要一小时")
    assert [one.conversation for one in town.run()] == ["g1", "g3"], "who has read the end hears no more of it"
    town.announce("公告结束 来水了")
    assert [one.conversation for one in town.run()] == ["g1", "g3"]
    assert keys([town.say("公告更新 又停了")]) == ["announcements.none_open"]


def test_a_leader_lists_but_does_not_end_what_the_platform_said(town: Town) -> None:
    town.grant("运营小吴", "staff")
    town.announce("发公告 平台维护", "运营小吴")
    town.run()
    listed = town.say("公告列表")
    assert "平台维护（运营小吴" in shown(listed)
    (end,) = town.stage.say("路人", "", button=f"announce_end:{1}", private=True)
    assert end.key == "guard.leader_only"
    town.group("远处的群", leader="赵团长")
    town.announce("发公告 再次维护", "运营小吴")
    listed = town.say("公告列表", "赵团长")
    assert [label(one) for one in listed.buttons] == []
    (no,) = town.stage.say("赵团长", "", button="announce_end:2", private=True)
    assert no.key == "guard.old_button"


def test_an_old_draft_is_not_sent(town: Town) -> None:
    draft = town.say("发公告 停水")
    assert town.press(draft, "announce_go", when="2026-12-01T10:01").key == "announcements.draft_too_old"
    first = town.say("发公告 停电")
    town.say("发公告 停水")
    assert town.press(first, "announce_go").key == "announcements.newer_draft"
    assert town.run() == []


def test_after_the_author_s_erasure_nothing_more_goes_out(town: Town) -> None:
    town.announce("发公告 冷链车晚到", when="2026-12-01T23:00")
    town.run()
    (sure,) = town.stage.say(LEADER, "删除我的数据")
    town.stage.say(LEADER, "", button=sure.buttons[0].key)
    assert town.run("2026-12-02T07:00") == []
    assert town.stage.database.read_now(lambda s: [one.words for one in s.exec(select(AnnouncementRound))]) == [""]
    bodies = town.stage.database.read_now(lambda s: [one.body for one in s.exec(select(Delivery))])
    assert bodies == ["", "", ""]


@pytest.mark.postgres
def test_the_story_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    town = open_town(tmp_path, url=postgres_url)
    town.announce()
    assert len(town.run()) == 3
    town.press(town.say("公告更新 改到 20:00"), "announce_go")
    assert len(town.run()) == 3
    town.press(town.say("公告结束", when="2026-12-01T23:00"), "announce_go")
    town.run()
    assert town.say("公告撤回").values["spared"] == 3
    assert town.say("公告进度").values["withdrawn"] == 3
    town.stage.database.close()
