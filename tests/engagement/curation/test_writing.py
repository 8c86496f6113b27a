"""Entries written, changed and offered in a private chat; the gaps that they close."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Outgoing
from knowledge import lifecycle
from prompts.loader import texts
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Region
from storage.learning import Proposal
from tests.engagement.curation.office import SUN, WANG, Office, closed, open_office
from tests.engagement.stage import placeholders_match, shown

PICKUP, WEEKEND = "周末能提货吗", "周六周日可以拿货吗"
BASE = "\n".join(
    json.dumps(one, ensure_ascii=False)
    for one in (
        {
            "id": "p.hours",
            "question": "几点提货",
            "aliases": ["几点拿货", "提货时间"],
            "answer": "每天 16:00 到 20:00。",
        },
        {"id": "p.place", "question": "在哪里提货", "aliases": ["提货点在哪"], "answer": "南门驿站。"},
        {"id": "p.where", "question": "去哪儿拿货", "aliases": ["拿货的地方"], "answer": "南门。"},
        {"id": "r.bad", "question": "水果坏了怎么办", "aliases": ["果子烂了能退吗"], "answer": "24 小时内拍照退。"},
    )
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = open_office(tmp_path)
    office.send(WANG, "常见问题.jsonl", BASE)
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    yield office
    closed(office)


def test_a_new_entry_step_by_step(office: Office) -> None:
    """
    王运营: 新问答 → 邻居会怎么问？ → 周末能提货吗 → 怎么回答？ → 能，…… → [加问法] [写进草稿]
    孙运营: 发布 2 → [发布]
    """
    asked = office.say(WANG, "新问答")
    (second,) = office.stage.say(WANG, PICKUP, quoting=asked, private=True)
    assert second.key == "curation.new_answer" and placeholders_match(second)
    (third,) = office.stage.say(WANG, "能，周末也是 16:00 到 20:00。", quoting=second, private=True)
    assert third.key == "curation.new_shown" and placeholders_match(third)
    more = office.press(WANG, third, "kb_ask")
    (fourth,) = office.stage.say(WANG, f"{WEEKEND}\n礼拜天能来拿吗", quoting=more, private=True)
    assert fourth.values["count"] == 3
    done = office.press(WANG, fourth, "kb_keep")
    assert done.key == "curation.drafted" and placeholders_match(done)
    assert office.press(WANG, fourth, "kb_keep").key == "curation.no_proposal_decided", "twice is once"
    assert office.ask(WEEKEND).text != "能，周末也是 16:00 到 20:00。"
    published = office.press(SUN, office.say(SUN, f"发布 {done.values['id']}"), "kb_go")
    assert published.key == "curation.published"
    assert "周末也是" in office.ask(WEEKEND).text


def test_what_it_would_clash_with_is_shown(office: Office) -> None:
    shown_ = office.say(WANG, "新问答 提货时间\n每天 15:00 到 18:00。")
    assert "几点提货" in shown(shown_), shown(shown_)
    done = office.press(WANG, shown_, "kb_alias")
    assert done.key in ("curation.drafted", "curation.drafted_already")


def test_another_answer_and_back(office: Office) -> None:
    asked = office.say(WANG, "改答案 几点提货")
    assert asked.key == "curation.entry_answer" and "16:00" in shown(asked)
    (done,) = office.stage.say(WANG, "每天 15:00 到 19:00。", quoting=asked, private=True)
    assert done.key == "curation.drafted"
    assert "16:00" in office.ask("几点提货").text, "a draft answers nobody"
    assert office.press(WANG, done, "kb_out").key == "curation.out"
    difference = office.say(WANG, "差异 1")
    assert difference.key == "curation.diff_empty"


def test_what_was_asked_is_over_once_something_else_was_said(office: Office) -> None:
    """
    改答案 几点提货 → 现在答…… → 每天…… → 写进草稿了 → （随口一句）：不是答案
    改答案 几点提货 → 现在答…… → 知识库 → （随口一句）：不是答案
    """

    def sent(message: Outgoing) -> Outgoing:
        office.stage._remember(message, WANG)
        return message

    sent(office.say(WANG, "改答案 几点提货"))
    done = sent(office.say(WANG, "每天 15:00 到 19:00。"))
    assert done.key == "curation.drafted"
    assert office.say(WANG, "明天上午有人来修冰柜").key != "curation.drafted", "it was answered"
    sent(office.say(WANG, "改答案 几点提货"))
    sent(office.say(WANG, "知识库"))
    assert office.say(WANG, "明天上午有人来修冰柜").key != "curation.drafted", "something else was said"


def test_what_is_said_after_an_answer_does_not_take_its_place_by_itself(office: Office) -> None:
    """
    新问答 停车证怎么办 → 去物业 → 踢了李阿姨 → 换成这句？ → 你好（照常回）→ 写进草稿 → 按“去物业一楼”写进去了
    """

    def say(text: str) -> Outgoing:
        message = office.say(WANG, text)
        office.stage._remember(message, WANG)
        return message

    assert "算了" in shown(say("新问答 停车证怎么办"))
    first = say("去物业一楼，带行驶证")
    assert first.key == "curation.new_shown"
    asked = say("踢了李阿姨")
    assert asked.key == "curation.new_swap" and placeholders_match(asked)
    assert say("你好").key.startswith("faq."), "a greeting is none"
    swapped = office.press(WANG, asked, "kb_swap")
    assert swapped.key == "curation.new_shown" and swapped.values["answer"] == ["踢了李阿姨"]
    done = say("写进草稿")
    assert done.key == "curation.drafted" and "去物业一楼" in shown(done), "a typed label presses"
    say("新问答 停车证找谁\n物业")
    assert say("不要了").key in ("curation.stayed", "guard.given_up")


def test_after_the_list_of_gaps_only_the_button_asks_for_words(office: Office) -> None:
    """缺口 → ❓…… → （随口一句）：不是答案；[写答案] → 停一小时 → 写进草稿了"""
    office.stage.say("李阿姨", "问团长 提货可以停车吗")
    for message in office.stage.say(WANG, "缺口", private=True):
        office.stage._remember(message, WANG)
    assert office.say(WANG, "十九块九一箱，五斤").key != "curation.drafted"
    asked = office.press(WANG, office.stage.say(WANG, "缺口", private=True)[1], "kb_write")
    office.stage._remember(asked, WANG)
    assert office.say(WANG, "可以停一小时，不收费。").key == "curation.drafted"


def test_facts_of_a_group_are_shown_by_name(office: Office) -> None:
    entry = {"id": "f.hours", "question": "几点能取", "answer": "取货时间：{pickup_hours}。", "facts": ["pickup_hours"]}
    plain = {"answer_without_facts": "取货时间问团长。", "aliases": ["几点取货"]}
    office.send(WANG, "资料.jsonl", json.dumps({**entry, **plain}, ensure_ascii=False))
    office.press(SUN, office.say(SUN, "发布 2"), "kb_go")
    told = shown(office.say(WANG, "改答案 几点能取"))
    assert "〔提货时间〕" in told and "{" not in told, told


def test_phrasings_merge_and_split(office: Office) -> None:
    done = office.say(WANG, "加问法 几点提货\n啥时候能去拿\n几点能领")
    assert done.key == "curation.drafted" and done.values["count"] == 5
    sure = office.say(WANG, "合并问答 在哪里提货 和 去哪儿拿货")
    assert sure.key == "curation.merge_sure" and placeholders_match(sure)
    merged = office.press(WANG, sure, "kb_merge")
    assert merged.key == "curation.drafted" and merged.values["count"] == 4
    listed = office.say(WANG, "拆分问答 几点提货")
    assert listed.key == "curation.entry_split" and placeholders_match(listed)
    assert office.stage.say(WANG, "胡说", quoting=listed, private=True)[0].key == "curation.split_words"
    (split,) = office.stage.say(WANG, "4 5\n下午四点以后都行。", quoting=listed, private=True)
    assert split.key == "curation.drafted" and split.values["count"] == 2
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    assert "四点以后" in office.ask("几点能领").text
    assert "南门驿站" in office.ask("拿货的地方").text


def test_a_quoted_answer_is_changed(office: Office) -> None:
    """王运营（私聊）: 几点提货 → 每天…… ；（引用）改答案 每天 15:00 起。"""
    office.stage.say(WANG, "签到")
    answer = next(one for one in office.stage.say(WANG, "几点提货", private=True) if one.key == "faq.answer")
    (done,) = office.stage.say(WANG, "改答案 每天 15:00 到 19:00。", quoting=answer, private=True)
    assert done.key == "curation.drafted"


def test_a_gap_is_one_step_from_a_draft(office: Office) -> None:
    """
    三位邻居问停车；王运营: 缺口 → ❓…… [写答案] → 停一小时免费。 → 写进草稿了
    """
    for who, text in (
        ("李阿姨", "问团长 提货可以停车吗"),
        ("张哥", "问团长 提货能停车吗"),
        ("陈师傅", "问团长 快递箱密码忘了"),
    ):
        office.stage.say(who, text)
    head, first, *_ = office.stage.say(WANG, "缺口", private=True)
    assert head.key == "curation.gaps" and first.values["count"] == 2, [shown(one) for one in (head, first)]
    assert placeholders_match(first)
    asked = office.press(WANG, first, "kb_write")
    (done,) = office.stage.say(WANG, "可以停一小时，不收费。", quoting=asked, private=True)
    assert done.key == "curation.drafted" and done.values["count"] == 2
    left = office.stage.say(WANG, "缺口", private=True)
    assert left[0].values["count"] == 1, [shown(one) for one in left]
    assert office.press(WANG, left[1], "kb_never").key == "curation.gap_dismissed"
    assert office.say(WANG, "缺口").key == "curation.gaps_none"
    assert office.press(WANG, first, "kb_write").key == "curation.gap_gone"


def test_a_reply_of_the_leader_is_offered(office: Office) -> None:
    office.stage.say("李阿姨", "问团长 提货可以停车吗")
    waiting = office.stage.say("周团长", "待回复")[0]
    office.stage.say("周团长", "北门地库可以停一个小时不收费", quoting=waiting)
    office.stage.database.write_now(_offered)
    head, offer = office.stage.say(WANG, "提议", private=True)
    assert head.key == "curation.offers" and placeholders_match(offer)
    assert [one.key.partition(":")[0] for one in offer.buttons] == ["kb_accept", "kb_accept", "kb_edit", "kb_decline"]
    done = office.press(WANG, offer, "kb_accept")
    assert done.key == "curation.drafted" and "阳光花园一期" in shown(done)
    assert office.press(SUN, offer, "kb_accept").key == "curation.no_proposal_decided"
    assert office.say(WANG, "提议").key == "curation.offers_none"


def _offered(session: Session) -> None:
    from knowledge import proposals

    if session.exec(select(Proposal)).first() is None:
        row = session.exec(select(Question)).one()
        assert proposals.offer_reply(session, row) is not None


def test_a_leader_accepts_for_his_own_group_only(office: Office) -> None:
    def offer(session: Session) -> None:
        for number, scope in enumerate((f"group:{office.stage.group_id}", "group:999", "all")):
            session.add(
                Proposal(
                    origin="reply",
                    key=f"question:{number}",
                    scope=scope,
                    phrasings=[f"{scope}能停车吗"],
                    answer="可以停一个小时。",
                    made_at=office.stage.clock.now(),
                )
            )

    office.stage.database.write_now(offer)
    head, offer_ = office.stage.say("周团长", "提议", private=True)
    assert head.values["count"] == 1
    for button in ("kb_accept:2", "kb_accept:3", "kb_accept:1.1", "kb_decline:2", "kb_edit:3"):
        assert office.say("周团长", "", button=button).key == "guard.old_button", button
    assert office.press("周团长", offer_, "kb_accept").key == "curation.drafted"
    assert office.say("周团长", "知识库").values["count"] == 1, "and sees his own group's alone"
    for text in ("看 1", "差异 1", "发布 1", "下架 1", "有效期 1 长期"):
        assert office.say("周团长", text).key == "curation.unknown", text
    assert office.say("周团长", "改答案 几点提货").key == "curation.entry_not_found"


def test_days_owner_and_review_and_back(office: Office) -> None:
    """
    有效期 1 到 11-30 → 到 …… [改回去]
    """
    dated = office.say(WANG, "有效期 1 12-05 到 12-10")
    assert "12月5日到12月10日" in shown(dated) and placeholders_match(dated)
    assert office.ask("几点提货").decision != "answered"
    assert "长期有效" in shown(office.press(WANG, dated, "kb_dates"))
    assert office.ask("几点提货").decision == "answered"
    assert office.say(WANG, "有效期 1 随便").key == "curation.dates_how"
    assert office.say(WANG, "有效期 1 12-10 到 12-05").key == "curation.dates_how"
    owned = office.say(WANG, "负责人 1 售后组")
    assert "售后组" in shown(owned)
    office.press(WANG, owned, "kb_owner")
    assert "2027年3月1日" in shown(office.say(WANG, "复查 1 90天"))
    assert "2027年3月1日" in shown(office.say(WANG, "看 1"))


def test_a_review_is_moved_and_cleared_and_reminds_no_more(office: Office) -> None:
    """
    复查 1 12-05 → 复查 1 12-20 → 复查 1 取消 → 不用定期看了 [改回去] → 到12月20日再看一遍 [改回去]
    """
    day = date(2026, 12, 28)
    first = office.say(WANG, "复查 1 12-05")
    assert "kb_review:1.1" in [one.key for one in first.buttons], "back to none"
    office.say(WANG, "复查 1 12-20")
    assert office.stage.database.read_now(lambda s: len(lifecycle.due_reviews(s, day))) == 1
    none = office.say(WANG, "复查 1 不用了")
    assert none.key == "curation.unreviewed" and placeholders_match(none)
    assert "下次复查" not in shown(office.say(WANG, "看 1"))
    assert office.stage.database.read_now(lambda s: lifecycle.due_reviews(s, day)) == []
    assert "12月20日" in shown(office.press(WANG, none, "kb_review"))
    assert office.press(WANG, first, "kb_review").key == "curation.unreviewed"
    assert not office.say(WANG, "复查 1 取消").buttons, "nothing to put back"


def test_asked_as_a_resident_would(office: Office) -> None:
    tried = office.say(WANG, "试问 阳光花园一期 几点提货")
    assert tried.key == "curation.tried" and placeholders_match(tried)
    text = shown(tried)
    assert "阳光花园一期" in text and "直接回答" in text and "16:00" in text and "编号 1" in text


def test_monday_morning(office: Office) -> None:
    """周一 9:00，运营和团长各一条；周二没有。"""
    office.stage.say("李阿姨", "问团长 提货可以停车吗")
    office.say(WANG, "复查 1 12-05")
    office.say("周团长", "积分")
    job = office.stage.jobs["curation_week"]
    from engagement.feature import GroupView
    from engagement.pushes import Occurrence
    from storage.groups import Group
    from tests.engagement.stage import at

    def plan(session: Session, when: str) -> list[object]:
        view = GroupView.of(session.get_one(Group, office.stage.group_id))
        return list(job.plan(session, [Occurrence(view, 1, at(when).date(), at(when))], at(when)))

    monday = office.stage.database.write_now(lambda s: plan(s, "2026-12-07T09:00"))
    told = {one.reply.to: one.reply for one in monday if one.reply is not None}  # type: ignore[attr-defined]
    assert set(told) == {office.stage.person(who) for who in (WANG, SUN, "周团长")}
    staff = told[office.stage.person(WANG)]
    assert "curation.week_due" in staff.tails and "curation.week_waiting" in staff.tails
    leader = told[office.stage.person("周团长")]
    assert "curation.week_due" not in leader.tails
    assert "curation.week_figures" in leader.tails
    figures = texts().fill("curation.week_figures", leader.values)
    assert figures == "邻居问了 **1** 次，答上 0 次，解决 0 次。", "one question is told by counts, not in per cent"
    (tuesday,) = office.stage.database.write_now(lambda s: plan(s, "2026-12-08T09:00"))
    assert tuesday.skip == "nothing"  # type: ignore[attr-defined]


def test_gaps_of_his_own_group_alone(office: Office) -> None:
    """A leader sees what his neighbours asked, and his answer is for them; the staff of a region see its groups."""

    def elsewhere(session: Session) -> None:
        region = Region(name="城东")
        group = Group(channel="play", external_id="g2", name="二期", created_at=office.stage.clock.now())
        session.add_all((region, group))
        session.flush()
        group.region_id = region.id
        session.add(group)
        for text in ("二期快递柜坏了找谁", "快递柜坏了二期找谁"):
            session.add(Question(group_id=group.id, text=text, asked_at=office.stage.clock.now()))

    office.stage.database.write_now(elsewhere)
    office.grant("赵区域", region=1)
    office.stage.say("李阿姨", "问团长 提货可以停车吗")
    assert office.stage.say(WANG, "缺口", private=True)[0].values["count"] == 2
    head, gap = office.stage.say("周团长", "缺口", private=True)
    assert head.values["count"] == 1 and "停车" in shown(gap)
    asked = office.press("周团长", gap, "kb_write")
    (done,) = office.stage.say("周团长", "可以停一小时，不收费。", quoting=asked, private=True)
    assert "阳光花园一期" in shown(done)
    head, gap = office.stage.say("赵区域", "缺口", private=True)
    assert head.values["count"] == 1 and "快递柜" in shown(gap)
    other = gap.buttons[0].key
    assert office.say("周团长", "", button=other).key == "curation.gap_gone"
    assert office.say("赵区域", "看 1").key == "curation.unknown"


def test_what_was_begun_and_never_ended_is_forgotten(office: Office) -> None:
    office.say(WANG, f"新问答 {PICKUP}")
    office.say(SUN, f"新问答 {PICKUP}")
    office.say(WANG, f"新问答 {WEEKEND}", "2026-12-03T09:00")
    kept = office.stage.database.read_now(lambda s: [one.phrasings for one in s.exec(select(Proposal))])
    assert sorted(map(str, kept)) == sorted(map(str, [[PICKUP], [WEEKEND]]))
