"""How residents ask: several things at once, on from the last answer, in sentences that mean a command; and thumbs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel
from sqlmodel import select as pick

from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from knowledge import ingest, leafing
from knowledge.answering import Answering, open_answering
from knowledge.settings import KnowledgeSettings
from storage.documents import Question
from storage.groups import Member
from storage.learning import AnswerTally, Feedback, Proposal, Turn
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown

EVALS = Path(__file__).resolve().parents[2] / "evals"
BASE = (
    ("pickup.hours", "几点可以提货？", ["几点提货", "提货到几点", "周末几点提货"], "16:00 到 20:00 都可以。周末一样。"),
    ("pickup.place", "提货点在哪里？", ["在哪提货", "去哪拿货"], "物业门口的架子。"),
    ("pickup.how", "提货要凭什么？", ["提货要带什么", "提货报什么"], "报手机尾号就行。"),
    ("after_sale.broken", "东西坏了怎么赔？", ["坏了怎么赔", "水果坏了怎么退"], "24 小时内拍照就能退。"),
    ("points.use", "积分有什么用？", ["积分怎么花", "积分能换东西吗"], "积分可以参加抽奖。"),
    ("points.expire", "积分会过期吗？", ["积分什么时候清零", "积分会不会作废"], "积分有效一年。"),
    ("refund.arrival", "退款多久到账？", ["退款要多久", "钱什么时候退回来"], "1 到 3 个工作日原路退回。"),
    (
        "orders.return",
        "换货流程是什么？",
        ["换货分几步", "怎么走换货流程"],
        "第一步，把东西和单子一起拍照发给团长，说清楚哪里不合适。第二步，等团长确认。第三步，下次提货时带来换。",
    ),
    ("orders.cutoff", "几点截单？", ["下单截止到几点", "晚上几点前下单"], "晚上 22:00 截单。"),
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    lines = [json.dumps(dict(zip(("id", "question", "aliases", "answer"), row, strict=True))) for row in BASE]
    file = tmp_path / "样例.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    ingest.add(opened.database, file, now=at("2026-12-01T08:00"), publish=True)
    answering: Answering = open_answering(opened.database, tmp_path, KnowledgeSettings())
    answering.reload()
    opened.gateway.dispatcher.answering = answering
    yield opened
    answering.close()


def ask(stage: Stage, text: str, who: str = "李阿姨", **more: Any) -> list[Outgoing]:
    return stage.say(who, text, private=True, **more) if "quoting" not in more else stage.say(who, text, **more)


def enter(stage: Stage, *who: str) -> None:
    for one in who:
        stage.say(one, "签到")


def table(stage: Stage, kind: type[SQLModel]) -> list[Any]:
    return stage.database.read_now(lambda s: list(s.exec(pick(kind))))


# ---------------------------------------------------------------- several


def test_several_questions_in_one_message(stage: Stage) -> None:
    """
    李阿姨: 几点提货？坏了怎么赔？还有积分怎么花
    团团: 三条短答，一条消息
    """
    enter(stage, "李阿姨")
    (said,) = ask(stage, "几点提货？坏了怎么赔？还有积分怎么花")
    assert said.key == "faq.several"
    assert [line for line in shown(said).splitlines() if line][:6] == [
        "1. 几点提货",
        "16:00 到 20:00 都可以。周末一样。",
        "2. 坏了怎么赔",
        "24 小时内拍照就能退。",
        "3. 积分怎么花",
        "积分可以参加抽奖。",
    ]
    assert placeholders_match(said)
    (tally,) = table(stage, AnswerTally)
    assert (tally.answered, tally.handed_over) == (3, 0)


def test_several_questions_stand_as_they_were_put(stage: Stage) -> None:
    """「东西坏了 几点提货 还有积分怎么花」：三句各答各的，原话不改"""
    (reply, *_) = ask(stage, "东西坏了 几点提货 还有积分怎么花")
    rows: Any = reply.values["rows"]
    assert [row["question"] for row in rows] == ["东西坏了", "几点提货", "积分怎么花"]
    assert "16:00" in rows[1]["answer"]
    (reply, *_) = ask(stage, "积分什么时候清零，能提货吗")
    asked: Any = reply.values.get("rows", [])
    assert all(row["question"] in "积分什么时候清零，能提货吗" for row in asked)


def test_the_fourth_is_asked_for_again(stage: Stage) -> None:
    enter(stage, "李阿姨")
    (said,) = ask(stage, "几点提货？在哪提货？提货要带什么？积分会过期吗？")
    assert (said.key, said.values["left"]) == ("faq.several", 1)
    assert "一条一条" in shown(said)


def test_what_nobody_knows_among_several_goes_to_the_leader(stage: Stage) -> None:
    """
    李阿姨: 几点提货？积分怎么花？你们老板姓什么？
    团团: 两条短答；老板姓什么转给团长
    """
    enter(stage, "李阿姨")
    said = ask(stage, "几点提货？积分怎么花？燃气灶能代收吗？")
    assert [one for one in keys(said) if one != "faq.handed_over"] == ["faq.several", "faq.to_leader"]
    assert "燃气灶能代收吗" in str(said[-1].values["question"])


def test_a_story_around_one_question_is_one_question(stage: Stage) -> None:
    enter(stage, "李阿姨")
    assert keys(ask(stage, "我昨天买的水果，打开一看坏了，孩子都哭了，怎么赔？")) == ["faq.answer"]


# ---------------------------------------------------------------- on from the last


def test_a_follow_up_leans_on_the_last_answer(stage: Stage) -> None:
    """
    李阿姨: 几点提货 → 16:00 到 20:00
    李阿姨: 要带什么 → 报手机尾号
    李阿姨: 积分怎么花 → 抽奖
    李阿姨: 会过期吗 → 有效一年
    """
    enter(stage, "李阿姨")
    assert "16:00" in shown(ask(stage, "几点提货")[0])
    assert "尾号" in shown(ask(stage, "那要带什么呢")[0])
    assert "抽奖" in shown(ask(stage, "积分怎么花")[0])
    assert "一年" in shown(ask(stage, "那会过期吗")[0])


def test_it_leans_for_ten_minutes_and_on_one_s_own_words_only(stage: Stage) -> None:
    enter(stage, "李阿姨", "王姐")
    ask(stage, "怎么退款，退款多久到账")
    (turn,) = table(stage, Turn)
    assert (turn.place, turn.entry) == ("dm", "refund.arrival")
    assert "faq.answer" not in keys(ask(stage, "那周末呢", "王姐"))
    ask(stage, "几点提货")
    late = ask(stage, "那周末呢", when="2026-12-01T09:11")
    assert "faq.answer" not in keys(late)
    assert len(table(stage, Turn)) == 1, "what is too old is let go of with the next question"


def test_a_turn_keeps_no_phone_number_and_none_of_who_left(stage: Stage) -> None:
    enter(stage, "李阿姨")
    ask(stage, "我电话13800138000，几点提货")
    assert all("13800138000" not in turn.question for turn in table(stage, Turn))
    stage.say("李阿姨", "退出", private=True)
    before = table(stage, Turn)
    ask(stage, "积分怎么花")
    assert [turn.question for turn in table(stage, Turn)] == [turn.question for turn in before]


# ---------------------------------------------------------------- sentences that mean a command


def test_a_sentence_that_asks_for_what_a_command_shows(stage: Stage) -> None:
    """
    李阿姨: 我还有几分 → 积分
    李阿姨: 我连续几天了 → 打卡日历
    李阿姨: 今天聊什么 → 今日话题
    """
    enter(stage, "李阿姨")
    for sentence, command in (
        ("我还有几分", "积分"),
        ("我连续几天了", "打卡日历"),
        ("今天聊什么", "今日话题"),
        ("这个月有什么活动", "本月主题"),
        ("请问，我还有几分", "积分"),
    ):
        assert keys(ask(stage, sentence)) == keys(ask(stage, command)), sentence


def test_a_sentence_never_changes_anything(stage: Stage) -> None:
    """
    李阿姨: 帮我签个到 → [签到]
    李阿姨按 [签到] → 签到成功
    """
    enter(stage, "王姐")
    stage.say("李阿姨", "今日话题", private=True)
    before = stage.points("李阿姨")
    (offer,) = ask(stage, "帮我签个到")
    assert (offer.key, [button.key for button in offer.buttons]) == ("faq.offer", ["do:checkin.do"])
    assert stage.points("李阿姨") == before
    stage.say("王姐", "积分")
    (rights,) = stage.say("王姐", "请问 把我的数据都删了")
    assert (rights.key, rights.buttons) == ("faq.offer_words", ()), "no button for rights where neighbours read along"
    assert keys(stage.say("李阿姨", "", button="do:points.give")) == ["points.leader_only"]
    assert keys(stage.say("李阿姨", "", button="do:points.reverse")) == ["guard.old_button"], "no sentence brings it"
    stage.say("王姐", "", button="do:checkin.calendar")
    stage.say("赵叔", "签到")
    enter(stage, "李阿姨")
    assert stage.points("李阿姨") > before


EFFECTS = (
    "ledger_entry",
    "checkin",
    "leader_action",
    "consent",
    "checkin_pause",
    "family_request",
    "notice_off",
    "birthday",
)


def test_no_sentence_of_the_set_has_an_effect(stage: Stage) -> None:
    """All of tests/evals/intents.jsonl, by a resident in private and by the leader: rows of effects stay as they are."""
    stage.gateway.dispatcher.answering = None
    enter(stage, "李阿姨", "周团长")

    def effects() -> dict[str, Any]:
        return stage.database.read_now(
            lambda s: {name: s.connection().exec_driver_sql(f'SELECT * FROM "{name}"').fetchall() for name in EFFECTS}
        )

    before = effects()
    for line in (EVALS / "intents.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        for who in ("李阿姨", "周团长"):
            ask(stage, text, who)
    assert effects() == before


def test_the_clock_answers_what_only_it_knows(stage: Stage) -> None:
    enter(stage, "李阿姨")
    assert shown(ask(stage, "今天星期几")[0]) == "今天是 12月1日，星期二。"
    assert shown(ask(stage, "明天几号")[0]) == "明天是 12月2日，星期三。"
    assert shown(ask(stage, "现在几点了")[0]) == "现在 9:00。"
    stage.change(zone="America/New_York")
    assert shown(stage.say("李阿姨", "请问 现在几点了")[0]) == "现在 20:00。"
    assert keys(ask(stage, "现在几点提货"))[0] in ("faq.answer", "faq.which")


# ---------------------------------------------------------------- thumbs and corrections


def thumbs_of(answer: Outgoing) -> tuple[str, str]:
    up, down = (button.key for button in answer.buttons[-2:])
    assert (up[:3], down[:5]) == ("up:", "down:")
    return up, down


def test_a_thumb_is_silent_and_can_be_turned(stage: Stage) -> None:
    enter(stage, "李阿姨", "王姐")
    (answer,) = ask(stage, "几点提货")
    up, down = thumbs_of(answer)
    assert ask(stage, "", button=up) == []
    assert ask(stage, "", button=up) == []
    (row,) = table(stage, Feedback)
    assert (row.entry, row.verdict) == ("pickup.hours", 1)
    assert keys(ask(stage, "", button=down)) == ["faq.missed"]
    (row,) = table(stage, Feedback)
    (tally,) = table(stage, AnswerTally)
    assert (row.verdict, tally.helped, tally.missed) == (-1, 0, 1)
    assert stage.say("王姐", "", button=up) == []
    assert len(table(stage, Feedback)) == 2
    assert keys(ask(stage, "", button="up:999:pickup.hours")) == ["guard.old_button"]


def test_why_an_answer_did_not_help_is_kept_without_numbers_of_people(stage: Stage) -> None:
    """
    李阿姨按 👎 → 没帮上
    李阿姨: （平台问的原因）说得不全；打 13800138000 没人接 → nothing more is said
    """
    enter(stage, "李阿姨")
    (answer,) = ask(stage, "几点提货")
    up, down = thumbs_of(answer)
    assert keys(ask(stage, "", button=down)) == ["faq.missed"]
    assert ask(stage, "说得不全；打 13800138000 没人接", button=down) == []
    assert [row.reason for row in table(stage, Feedback)] == ["说得不全；打 138****8000 没人接"]
    assert keys(ask(stage, "", button=down)) == ["faq.missed"], "the thumb once more takes nothing away"
    (row,) = table(stage, Feedback)
    assert row.reason
    shown = stage.database.read_now(lambda s: leafing.thumbs(s, row.document_id, stage.clock.now()))
    assert shown["entries"][0]["reasons"] == [row.reason]
    ask(stage, "", button=up)
    (row,) = table(stage, Feedback)
    assert row.reason == ""


def test_a_thumb_down_leads_to_the_leader_with_one_tap(stage: Stage) -> None:
    """
    李阿姨: 几点提货 → 16:00 … [👍][👎]
    李阿姨按 👎 → 没帮上 [提货点在哪里][问团长]
    李阿姨按 问团长 → 已经转给周团长了
    """
    enter(stage, "李阿姨", "王姐")
    (answer,) = ask(stage, "几点提货")
    (missed,) = ask(stage, "", button=thumbs_of(answer)[1])
    tell = missed.buttons[-1].key
    assert tell.startswith("tell:")
    assert all(button.key != "ask:pickup.hours" for button in missed.buttons)
    assert keys(stage.say("王姐", "", button=tell)) == ["faq.hand_over_how"], "she did not ask"
    said = ask(stage, "", button=tell)
    assert keys(said) == ["faq.passed_on", "faq.to_leader"]
    assert said[1].values["question"] == "几点提货"


def test_a_bystander_s_thumb_down_is_counted_and_no_more(stage: Stage) -> None:
    """李阿姨 asked; 王姐 presses 👎: nothing is said, offered or handed over. After ten minutes nobody knows who asked."""
    enter(stage, "李阿姨", "王姐")
    (answer,) = stage.say("李阿姨", "请问 几点提货")
    down = thumbs_of(answer)[1]
    assert stage.say("王姐", "", button=down) == []
    assert stage.say("王姐", "", button=down) == [], "twice is once"
    (tally,) = table(stage, AnswerTally)
    assert (tally.missed, tally.handed_over) == (1, 0)
    assert table(stage, Question) == [] and table(stage, Proposal) == []
    assert keys(stage.say("李阿姨", "", button=down)) == ["faq.missed"], "who asked is helped on"


def test_a_neighbours_no_is_a_thumb_down_and_no_question_that_was_solved(stage: Stage) -> None:
    """
    李阿姨: 请问 几点提货 → 16:00 到 20:00
    李阿姨: 不对 → 没帮上忙？[问团长]
    """
    enter(stage, "李阿姨", "王姐")
    stage.say("李阿姨", "请问 几点提货")
    (said,) = stage.say("李阿姨", "请问 不对")
    assert said.key == "faq.missed"
    assert any(button.key.startswith("tell:") and button.key.endswith(":pickup.hours") for button in said.buttons)
    stage.say("李阿姨", "请问 不对")
    stage.say("王姐", "请问 不对")
    (tally,) = table(stage, AnswerTally)
    assert (tally.answered, tally.missed) == (1, 1), "twice is once, and a no about nothing is no answered question"


def test_a_leader_puts_an_answer_right_by_quoting_it(stage: Stage) -> None:
    """
    周团长 引用答案: 不对，是下午三点到晚上八点 → 记下了，运营看过就改
    李阿姨 引用答案: 不对，是下午三点到晚上八点 → （不是更正）
    """
    enter(stage, "李阿姨")
    (answer,) = stage.say("李阿姨", "请问 几点提货")
    (taken,) = stage.say("周团长", "不对，应该是下午三点到晚上八点", quoting=answer)
    assert taken.key == "faq.correction_taken"
    assert "几点可以提货" in shown(taken)
    (proposal,) = table(stage, Proposal)
    assert (proposal.origin, proposal.scope) == ("correction", f"group:{stage.group_id}")
    assert "下午三点到晚上八点" in proposal.answer
    assert "16:00" in shown(stage.say("李阿姨", "请问 几点提货")[0]), "talk writes nothing into the base"
    assert "faq.correction_taken" not in keys(stage.say("李阿姨", "不对，应该是下午五点到晚上八点", quoting=answer))
    assert keys(stage.say("李阿姨", "不对", quoting=answer)) == ["faq.missed"]
    assert len(table(stage, Proposal)) == 1


def test_redelivery_counts_nothing_twice(stage: Stage) -> None:
    enter(stage, "李阿姨")
    ask(stage, "几点提货", dedupe_key="q")
    (before,) = table(stage, AnswerTally)
    assert ask(stage, "几点提货", dedupe_key="q") == []
    (after,) = table(stage, AnswerTally)
    assert after == before


# ---------------------------------------------------------------- figures


def test_a_relayed_answer_is_timed_and_a_pressed_candidate_counted(stage: Stage) -> None:
    enter(stage, "李阿姨")
    _, told = stage.say("李阿姨", "问团长 燃气灶能代收吗")
    stage.say("周团长", "可以的，放在我家门口", "2026-12-01T09:05", quoting=told, private=True)
    stage.say("周团长", "记得带尾号", "2026-12-01T09:09", quoting=told, private=True)
    ask(stage, "", button="ask:pickup.place")
    (tally,) = table(stage, AnswerTally)
    assert (tally.handed_over, tally.relayed, tally.relay_seconds, tally.chosen) == (1, 1, 300, 1)


def test_what_is_for_everybody_is_no_question(stage: Stage) -> None:
    """
    王姐（@了团团）: @所有人 明天聚餐 → （不接话）
    王姐（@了团团）: @所有人 这家黑心，要投诉 → 转给团长
    """
    enter(stage, "王姐", "李阿姨")
    (answer,) = stage.say("李阿姨", "请问 几点提货")
    assert stage.say("王姐", "@所有人 明天中午聚餐，谁来", quoting=answer) == []
    assert keys(stage.say("王姐", "@所有人 这家黑心，我要投诉", quoting=answer)) == ["faq.complaint", "faq.to_leader"]


def test_the_muted_press_nothing(stage: Stage) -> None:
    enter(stage, "李阿姨")
    (answer,) = stage.say("李阿姨", "请问 几点提货")

    def mute(session: Any) -> None:
        for member in session.exec(pick(Member)):
            member.muted_until = stage.clock.now().replace(year=2030)
            session.add(member)

    stage.database.write_now(mute)
    assert keys(stage.say("李阿姨", "", button=thumbs_of(answer)[0])) == ["guard.muted"]
    assert table(stage, Feedback) == []


def test_who_asked_for_short_answers_gets_the_whole_with_one_tap(stage: Stage) -> None:
    """
    李阿姨（长辈模式）: 退换货怎么办理 → 一两句 [说全一点]
    李阿姨按 [说全一点] → 全文
    """
    enter(stage, "李阿姨")
    assert keys(ask(stage, "长辈模式")) == ["members.elder_on"]
    (short,) = ask(stage, "换货流程是什么")
    assert short.buttons[0].key == "ask:orders.return"
    assert "第三步" not in shown(short)
    assert "第三步" in shown(ask(stage, "", button="ask:orders.return")[0])


def test_spoken_words_are_questions_like_typed_ones(stage: Stage) -> None:
    enter(stage, "李阿姨")
    (said,) = stage.say("李阿姨", "几点提货另外积分怎么花", private=True, media="heard")
    assert said.key == "faq.several"
    assert said.kind is Kind.REPLY
