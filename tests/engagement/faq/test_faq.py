"""Questions: answered with the source, asked back, handed over, relayed; the knowledge base is a stand-in at its port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engagement.faq import rules
from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from knowledge.answer import Answer, Candidate, Citation
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown


@dataclass
class Librarian:
    """Answers from a table; the real base has tests of its own."""

    known: dict[str, Answer] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    async def ask(self, question: str, *, facts: Mapping[str, str], **_more: object) -> Answer:
        self.facts = facts
        return self.known.get(question, _answer("handed_over"))

    async def entry(self, entry: str, **_more: object) -> Answer | None:
        return self.known.get(entry)


def _answer(decision: Any, text: str = "", candidates: tuple[Candidate, ...] = ()) -> Answer:
    cited = (Citation("《提货与配送说明》第1.2条", "pickup.hours", text),) if text else ()
    return Answer(decision, text, cited, candidates, 0.5, None, 1.0)


@pytest.fixture
def librarian() -> Librarian:
    return Librarian(
        {
            "几点提货": _answer("answered", "16:00-20:00 都可以。"),
            "退货": _answer(
                "asked_back", candidates=(Candidate("a.b", "坏了能退吗", 0.5), Candidate("x" * 70, "长", 0.1))
            ),
            "a.b": _answer("answered", "24 小时内拍照就能退。"),
            "讲个笑话": _answer("refused"),
        }
    )


@pytest.fixture
def stage(tmp_path: Path, librarian: Librarian) -> Stage:
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    stage.gateway.dispatcher.answering = librarian  # type: ignore[assignment]
    return stage


def _ask(stage: Stage, question: str, who: str = "李阿姨") -> list[Outgoing]:
    return stage.say(who, f"请问 {question}")


def test_answered_with_its_source(stage: Stage, librarian: Librarian) -> None:
    (answer,) = _ask(stage, "几点提货")
    assert "16:00-20:00 都可以。" in shown(answer)
    assert "依据：《提货与配送说明》第1.2条" in shown(answer)
    assert librarian.facts["leader_name"] == "周团长"
    assert placeholders_match(answer)


def test_asked_back_and_a_button_pressed(stage: Stage) -> None:
    (which,) = _ask(stage, "退货")
    assert [b.key for b in which.buttons] == ["ask:a.b", "handover:"]
    (answer,) = stage.say("李阿姨", "", button="ask:a.b")
    assert "拍照就能退" in shown(answer)
    assert keys(stage.say("李阿姨", "", button="ask:gone")) == ["guard.old_button"]
    assert keys(stage.say("李阿姨", "", button="handover:")) == ["faq.say_again"]


def test_small_talk_and_silence(stage: Stage) -> None:
    assert keys(_ask(stage, "讲个笑话")) == ["faq.small_talk"]
    assert keys(stage.say("李阿姨", "提问")) == ["faq.empty"]


def test_handed_over_answered_and_relayed(stage: Stage) -> None:
    """
    李阿姨: 请问 燃气灶能代收吗 → 已经转给周团长了
    （私聊）周团长 引用: 可以，放门口 → 群里 @李阿姨
    """
    said, to_leader = _ask(stage, "燃气灶能代收吗")
    assert said.key == "faq.handed_over"
    assert "周团长" in shown(said)
    assert (to_leader.kind, to_leader.to) == (Kind.DM, "周团长")
    done, relayed = stage.say("周团长", "可以，放门口", quoting=to_leader, private=True)
    assert done.key == "faq.relay_done"
    assert (relayed.mention, relayed.to, relayed.conversation) == (True, "李阿姨", "g1")
    assert "放门口" in shown(relayed)
    more = stage.say("周团长", "记得带身份证", quoting=to_leader, private=True)
    assert keys(more) == ["faq.relay_done", "faq.relayed_more"]
    stage.say("王姐", "签到")
    stage.say("周团长", "设团长 王姐")
    assert keys(stage.say("王姐", "再说一遍", quoting=to_leader, private=True)) == ["faq.answered_already"]


def test_who_may_answer(stage: Stage) -> None:
    said, to_leader = _ask(stage, "燃气灶能代收吗")
    assert stage.say("王姐", "我也想知道", quoting=said) == []
    assert keys(stage.say("王姐", "可以的", quoting=to_leader, private=True)) == ["guard.leader_only"]
    assert keys(stage.say("周团长", "好", quoting=said)) == ["faq.answer_too_short"]
    assert keys(stage.say("周团长", "可以，放门口", quoting=said))[0] == "faq.relayed"


def test_asked_in_private_answered_in_private(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    said, to_leader = stage.say("李阿姨", "燃气灶能代收吗", private=True)
    assert said.key == "faq.handed_over"
    _, relayed = stage.say("周团长", "可以，放门口", quoting=to_leader, private=True)
    assert (relayed.kind, relayed.to) == (Kind.DM, "李阿姨")


def test_straight_to_the_leader(stage: Stage) -> None:
    said, _ = passed = stage.say("李阿姨", "问团长 明天几点到货")
    assert keys(passed) == ["faq.passed_on", "faq.to_leader"]
    assert "@你" in shown(said)
    assert keys(stage.say("李阿姨", "问团长 明天几点到货")) == ["faq.waits_already"]
    for number in range(rules.MOST_OPEN - 1):
        assert len(stage.say("李阿姨", f"问团长 第 {number} 件事")) == 2
    assert keys(stage.say("李阿姨", "问团长 还有一件事")) == ["faq.waits_many"]


def test_a_bare_command_asks_for_the_words(stage: Stage) -> None:
    """
    李阿姨: 问团长 → 想跟团长说什么？
    李阿姨 引用: 明天几点到货 → 已经转给周团长了
    """
    (how,) = stage.say("李阿姨", "问团长")
    assert how.key == "faq.hand_over_how"
    assert keys(stage.say("李阿姨", "明天几点到货", quoting=how)) == ["faq.passed_on", "faq.to_leader"]
    (again,) = stage.say("李阿姨", "", button="handover:")
    assert keys(stage.say("李阿姨", "要大份的", quoting=again)) == ["faq.passed_on", "faq.to_leader"]


def test_politeness_is_no_question(stage: Stage) -> None:
    for text, key in (
        ("你好", "hello"),
        ("在吗？", "there"),
        ("好吧，谢谢", "thanks"),
        ("再见", "bye"),
        ("是的", "yes"),
        ("确定", "yes"),
        ("你真没用", "rude"),
        ("SB", "rude"),
        ("傻逼机器人", "rude"),
        ("死机器人", "rude"),
        ("垃圾", "rude"),
        ("你们太坑了", "upset"),
        ("气死我了", "upset"),
        ("坑人", "upset"),
        ("你们平台就是垃圾", "upset"),
        ("看不懂", "unclear"),
        ("明天会不会下雨", "small_talk"),
        ("取消", "nothing_open"),
        ("哈哈哈哈哈", "laugh"),
        ("笑死我了", "laugh"),
        ("急死人了", "upset"),
        ("🌹🌹🌹", "noted"),
        ("[玫瑰][抱拳]", "noted"),
        ("。。。。", "noted"),
        ("？？？", "there"),
        ("[图片]", "photo"),
        ("[视频]", "media"),
        ("[转账]", "media"),
        ("😡😡", "upset"),
        ("[发怒]", "upset"),
        ("不删了", "not_deleted"),
        ("还是先别删我的数据了", "not_deleted"),
        ("你别管我了", "leave_me"),
        ("不要叫我签到了", "leave_me"),
        ("别再发了", "leave_me"),
        ("哦好", "noted"),
        ("行，知道啦", "noted"),
        ("得嘞，我等着", "noted"),
        ("哦知道了谢谢闺女", "thanks"),
        ("过年好！", "wish"),
        ("吃饭了吗", "caring"),
        ("你能给我讲个笑话不", "small_talk"),
        ("今天天气怎么样", "small_talk"),
        ("怎么用啊", "hello"),
        ("我不会用这个", "hello"),
        ("这是啥", "hello"),
        ("你好团长在吗", "there"),
        ("晚安闺女早点休息", "bye"),
        ("闺女你忙不忙", "caring"),
        ("你好闺女，吃饭了吗", "caring"),
        ("行，谢谢，再见", "bye"),
    ):
        assert keys(stage.say("李阿姨", text, private=True)) == [f"faq.{key}"], text
    assert keys(_ask(stage, "谢谢啊")) == ["faq.thanks"]
    for question in (
        "好吃吗",
        "菜太坑了",
        "坑人吗",
        "气死我了，虾全死了",
        "下雨送货吗",
        "取消订单",
        "行吗",
        "可以退吗",
        "天气冷菜会冻坏吗",
        "那我明天去拿",
        "别发错货了",
        "不删能退吗",
        "中秋送货吗",
        "你们会什么时候到",
    ):
        assert not rules.courtesy(question)
    assert keys(stage.say("周团长", "待回复")) == ["faq.none_waiting"]


def test_a_complaint_reaches_the_leader_with_a_word_of_regret(stage: Stage) -> None:
    assert keys(_ask(stage, "羊肉注水，我要去12315")) == ["faq.complaint", "faq.to_leader"]
    librarian = stage.gateway.dispatcher.answering
    librarian.known["我要投诉,少给我一斤橘子"] = _answer("answered", "少了就退。")  # type: ignore[union-attr]
    rule, complaint, told = _ask(stage, "我要投诉，少给我一斤橘子")
    assert (rule.key, complaint.key, told.key) == ("faq.answer", "faq.complaint", "faq.to_leader")
    assert f"编号 {complaint.values['number']}" in shown(complaint)
    librarian.known["退钱!!"] = _answer("answered", "24 小时内拍照就能退。")  # type: ignore[union-attr]
    (answer,) = _ask(stage, "退钱！！")
    assert shown(answer).startswith("让你费心了，对不住。\n24 小时")


def test_who_sends_a_photo_with_words_reads_that_nobody_here_sees_it(stage: Stage) -> None:
    """李阿姨（私聊，带照片）: 几点提货 → 照常回答，照片我看不了，发给团长；转给团长的也一样"""
    (answer,) = stage.say("李阿姨", "几点提货", private=True, media="photo")
    assert (answer.key, answer.tails[-1]) == ("faq.answer", "faq.photo_unseen")
    stage.say("王姐", "签到")
    said, *_ = stage.say("王姐", "燃气灶能代收吗", private=True, media="photo")
    assert (said.key, said.tails[-1]) == ("faq.handed_over", "faq.photo_unseen")
    (plain,) = stage.say("陈师傅", "几点提货", private=True)
    assert "faq.photo_unseen" not in plain.tails


def test_further_words_go_with_the_question(stage: Stage) -> None:
    """
    李阿姨: 请问 燃气灶能代收吗 → 已经转给周团长了
    李阿姨 引用: 明天下午到 → 补上了
    王姐 引用: 我也想知道 → （不接话）
    王姐 引用: 几点提货 → 照常回答
    """
    said, _ = _ask(stage, "燃气灶能代收吗")
    added, told = stage.say("李阿姨", "明天下午到", quoting=said)
    assert (added.key, told.values["question"]) == ("faq.added", "燃气灶能代收吗 明天下午到")
    assert stage.say("王姐", "我也想知道", quoting=said) == []
    assert keys(stage.say("王姐", "几点提货", quoting=said)) == ["faq.answer"]


def test_what_is_said_to_an_answer_goes_back_to_the_leader(stage: Stage) -> None:
    """
    周团长: 可以，放门口 → 群里 @李阿姨
    李阿姨 引用: 谢谢 → 不客气（团长不会收到）
    李阿姨 引用: 放哪个门 → 补上了，团长再回一次
    """
    _, to_leader = _ask(stage, "燃气灶能代收吗")
    _, relayed = stage.say("周团长", "可以，放门口", quoting=to_leader, private=True)
    assert keys(stage.say("李阿姨", "谢谢", quoting=relayed)) == ["faq.thanks"]
    assert keys(stage.say("李阿姨", "放哪个门", quoting=relayed)) == ["faq.added", "faq.to_leader"]
    assert keys(stage.say("周团长", "东门", quoting=to_leader, private=True)) == ["faq.relay_done", "faq.relayed"]


def test_what_the_asker_says_of_his_question_is_not_for_us(stage: Stage) -> None:
    """
    李阿姨 引用「已转给周团长」: 取消吧 → 补上了，团长一起看到
    李阿姨 引用团长的回复: 没看懂 / 太坑了 / ？？ / 😡 → 同样；王姐引用同一条 → 团团自己回
    """
    said, to_leader = _ask(stage, "燃气灶能代收吗")
    added, told = stage.say("李阿姨", "取消吧", quoting=said)
    assert (added.key, told.key, told.values["question"]) == ("faq.added", "faq.to_leader", "燃气灶能代收吗 取消吧")
    _, relayed = stage.say("周团长", "可以，放门口", quoting=to_leader, private=True)
    for words in ("没看懂", "太坑了", "？？", "😡"):
        assert keys(stage.say("李阿姨", words, quoting=relayed)) == ["faq.added", "faq.to_leader"], words
    assert keys(stage.say("王姐", "没看懂", quoting=relayed)) == ["faq.unclear"]


def test_nothing_is_open_only_when_nothing_waits(stage: Stage) -> None:
    """李阿姨（私聊）: 取消 → 这里没有等着办的事；问过团长以后 → TA 还没回"""
    assert keys(stage.say("李阿姨", "取消", private=True)) == ["faq.nothing_open"]
    assert keys(stage.say("路人", "取消", private=True)) == ["faq.nothing_open"]
    _, to_leader = _ask(stage, "燃气灶能代收吗")
    assert keys(stage.say("李阿姨", "取消", private=True)) == ["faq.still_waiting"]
    assert keys(stage.say("王姐", "取消", private=True)) == ["faq.nothing_open"]
    stage.say("周团长", "可以，放门口", quoting=to_leader, private=True)
    assert keys(stage.say("李阿姨", "取消", private=True)) == ["faq.nothing_open"]


def test_a_leader_is_not_sent_to_the_leader(stage: Stage) -> None:
    assert keys(stage.say("周团长", "不用理他", private=True)) == ["faq.leader_unknown"]
    assert keys(stage.say("周团长", "问团长 明天几点到货")) == ["faq.leader_unknown"]


def test_words_of_a_leader_go_to_the_one_who_waits_if_the_leader_says_so(stage: Stage) -> None:
    """
    李阿姨: 燃气灶能代收吗 → 团团私聊周团长
    周团长（没引用）: 能，放我家 → 转给李阿姨？ [转给 李阿姨] → 李阿姨收到
    （两位在等的时候）: 能，放我家 → 要回邻居的话，发「待回复」，点那条……
    """
    _ask(stage, "燃气灶能代收吗")
    (asked,) = stage.say("周团长", "能，放我家", private=True)
    assert asked.key == "faq.relay_ask" and placeholders_match(asked) and "李阿姨" in shown(asked)
    assert keys(stage.say("王姐", "", button=asked.buttons[0].key, private=True)) == ["guard.leader_only"]
    done, relayed = stage.say("周团长", "", button=asked.buttons[0].key, private=True)
    assert (done.key, relayed.key, relayed.values["answer"]) == ("faq.relay_done", "faq.relayed", ["能，放我家"])


def test_an_announcement_that_begins_politely_is_no_answer(stage: Stage) -> None:
    """
    李阿姨: 燃气灶能代收吗 … 周团长: 发公告 → 您好各位邻居，明天停水 → 样子
    """
    _ask(stage, "燃气灶能代收吗")
    (asked,) = stage.say("周团长", "发公告", private=True)
    stage._remember(asked, "周团长")
    (draft,) = stage.say("周团长", "您好各位邻居，明天停水", private=True)
    assert draft.key == "announcements.draft"


def test_words_of_a_leader_for_whom_nobody_can_tell(stage: Stage) -> None:
    _ask(stage, "燃气灶能代收吗")
    assert keys(stage.say("周团长", "放我家" * 20, private=True)) == ["faq.leader_unknown"], "more than a button holds"


def test_a_leader_whom_several_wait_for_is_told_how_they_are_answered(stage: Stage) -> None:
    _ask(stage, "燃气灶能代收吗")
    stage.say("王姐", "问团长 米到了吗")
    (said,) = stage.say("周团长", "能，放我家", private=True)
    assert (said.key, said.tails[0]) == ("faq.leader_unknown", "faq.leader_quote")
    assert "发「待回复」，点要回的那条" in shown(said)


def test_what_needs_no_answer_is_laid_aside_and_can_be_taken_up(stage: Stage) -> None:
    _, to_leader = _ask(stage, "燃气灶能代收吗")
    assert keys(stage.say("周团长", "不用回了", quoting=to_leader, private=True)) == ["faq.dismissed"]
    assert keys(stage.say("周团长", "待回复")) == ["faq.none_waiting"]
    assert keys(stage.say("周团长", "可以，放门口", quoting=to_leader, private=True))[1] == "faq.relayed"


def test_at_night_the_leader_sleeps(stage: Stage) -> None:
    """
    （23:00）李阿姨: 请问 燃气灶能代收吗 → TA 明早会看到；团长的手机不响
    （9:00）（私聊）周团长 ← 昨晚有 1 个问题
    """
    stage.clock.set(at("2026-12-01T23:00"))
    (said,) = _ask(stage, "燃气灶能代收吗")
    assert "faq.in_the_morning" in said.tails
    morning = stage.push("question_morning", "2026-12-02T09:00")
    assert morning is not None
    assert morning.reply is not None
    assert (morning.reply.key, morning.reply.subject.partition(":")[0]) == ("faq.morning", "question")
    stage.clock.set(at("2026-12-02T10:00"))
    _ask(stage, "能寄快递吗")
    again = stage.push("question_morning", "2026-12-03T09:00")
    assert again is not None
    assert again.skip == "nothing"


def test_nobody_to_ask(stage: Stage) -> None:
    stage.database.write_now(
        lambda s: s.connection().exec_driver_sql("UPDATE member SET role = 'member'")  # nobody leads any more
    )
    assert keys(_ask(stage, "燃气灶能代收吗")) == ["faq.unknown_no_leader"]
    assert keys(stage.say("路人", "燃气灶能代收吗", private=True)) == ["faq.unknown_no_group"]


def test_waiting_and_the_reminder(stage: Stage) -> None:
    assert keys(stage.say("周团长", "待回复")) == ["faq.none_waiting"]
    none = stage.push("question_reminder", "2026-12-01T18:00")
    assert none is not None
    assert none.skip == "nothing"
    _ask(stage, "燃气灶能代收吗")
    (waiting,) = stage.say("周团长", "待回复")
    assert "李阿姨 还在等：\n燃气灶能代收吗" in shown(waiting)
    _ask(stage, "能寄快递吗", "王姐")
    (listed,) = stage.say("周团长", "待回复")
    assert (listed.key, listed.values["count"]) == ("faq.waiting_here", 2)
    assert keys(stage.say("周团长", "可以的", quoting=listed)) == ["faq.which_waiting"]
    assert stage.say("李阿姨", "我也问", quoting=listed) == []
    assert keys(stage.say("周团长", "待回复", private=True)) == ["faq.waiting", "faq.waiting"]
    reminder = stage.push("question_reminder", "2026-12-01T18:00")
    assert reminder is not None
    assert reminder.reply is not None
    assert (reminder.reply.kind, reminder.reply.values["count"]) == (Kind.DM, 2)
    (_, second) = stage.say("周团长", "待回复", private=True)
    stage.say("周团长", "不用回", quoting=second, private=True)
    old = stage.push("question_reminder", "2026-12-04T18:00")
    assert old is not None
    assert old.skip == "nothing"
    later = stage.push("question_reminder", "2026-12-09T18:00")
    assert later is not None
    assert later.reply is not None
    assert later.reply.key == "faq.ended_here", "who asked and was never answered hears so"


def test_erasing_the_asker_leaves_nothing_to_relay(stage: Stage) -> None:
    _said, to_leader = _ask(stage, "燃气灶能代收吗")
    (ask,) = stage.say("李阿姨", "删除我的数据")
    stage.say("李阿姨", "", button=ask.buttons[0].key)
    assert keys(stage.say("周团长", "可以的", quoting=to_leader, private=True)) == ["faq.asker_gone"]


def test_without_a_knowledge_base_everything_is_handed_over(stage: Stage) -> None:
    stage.gateway.dispatcher.answering = None
    assert keys(_ask(stage, "几点提货"))[0] == "faq.handed_over"
    assert keys(stage.say("李阿姨", "", button="ask:a.b")) == ["guard.old_button"]


def test_an_answer_among_several_ends_where_a_sentence_or_a_clause_does() -> None:
    assert rules.shortened("24 小时内\n拍照就能退。") == "24 小时内 拍照就能退。"
    assert rules.shortened("拍照就能退。以后再说，别的也行。", 10) == "拍照就能退。"
    assert rules.shortened("好。先把东西和单子一起拍照发给团长，说清楚", 12) == "好。先把东西和单子一起…"
    assert rules.shortened("一部分按比例退，超过一半全退；没坏的不退。", 18) == "一部分按比例退，超过一半全退…"
    assert rules.shortened("先拍照，再把东西和单子一起发给团长看", 10) == "先拍照…"


def test_a_brief_answer_ends_at_a_sentence_and_says_what_to_do() -> None:
    """长辈模式：「…超过一半全退；」不在半句停，要做的那句留着"""
    eggs = "按碎的个数退，超过一半整份退。提货后 24 小时内把蛋托整体和破的近照各拍 1 张，发给团长核实。别的照常。"
    assert rules.brief(eggs) == eggs.removesuffix("别的照常。")
    long = "提货后 24 小时内拍 2 张照片发给团长。坏了一部分按比例退，超过一半全退；坏得没法看的，连袋子一起拍。"
    assert rules.brief(long) == long
    assert rules.brief(f"{long}退的钱 3 天内到。") == long
    plain = "积分一年有效，到明年的这个时候清零；快清零的前一个月都能看见，就在积分那一页的最下面一行，红色的字。"
    assert rules.brief(plain) == plain
    assert rules.brief("16:00 到\n20:00。") == "16:00 到 20:00。"
