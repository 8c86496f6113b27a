"""Questions: answered with the source, asked back, handed over, relayed; the knowledge base is a stand-in at its port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from knowledge.answer import Answer, Candidate, Citation
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@dataclass
class Librarian:
    """Answers from a table; the real base has tests of its own."""

    known: dict[str, Answer] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    async def ask(self, question: str, *, group_id: int | None, facts: Mapping[str, str]) -> Answer:
        self.facts = facts
        return self.known.get(question, _answer("handed_over"))

    async def entry(self, entry: str, *, group_id: int | None, facts: Mapping[str, str]) -> Answer | None:
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
    assert keys(stage.say("李阿姨", "提问")) == ["faq.handed_over", "faq.to_leader"]


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
    assert keys(stage.say("周团长", "再说一遍", quoting=to_leader, private=True)) == ["faq.answered_already"]


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
    assert keys(stage.say("李阿姨", "问团长 明天几点到货")) == ["faq.handed_over", "faq.to_leader"]


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
    assert "燃气灶能代收吗" in shown(waiting)
    reminder = stage.push("question_reminder", "2026-12-01T18:00")
    assert reminder is not None
    assert reminder.reply is not None
    assert (reminder.reply.kind, reminder.reply.values["count"]) == (Kind.DM, 1)
    later = stage.push("question_reminder", "2026-12-09T18:00")
    assert later is not None
    assert later.skip == "nothing"


def test_erasing_the_asker_leaves_nothing_to_relay(stage: Stage) -> None:
    _said, to_leader = _ask(stage, "燃气灶能代收吗")
    (ask,) = stage.say("李阿姨", "删除我的数据")
    stage.say("李阿姨", "", button=ask.buttons[0].key)
    assert keys(stage.say("周团长", "可以的", quoting=to_leader, private=True)) == ["faq.answered_already"]


def test_without_a_knowledge_base_everything_is_handed_over(stage: Stage) -> None:
    stage.gateway.dispatcher.answering = None
    assert keys(_ask(stage, "几点提货"))[0] == "faq.handed_over"
    assert keys(stage.say("李阿姨", "", button="ask:a.b")) == ["guard.old_button"]
