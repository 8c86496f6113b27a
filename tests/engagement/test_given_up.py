"""「取消」 to a question for words ends it, in every slice that asks for some."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement import wording
from engagement.groups import rules
from engagement.registry import FEATURES
from storage.groups import Consent
from tests.engagement.stage import Stage, keys, open_stage

LEADER = "周团长"
WORDS = ("取消", "算了", "不要了", "不填了", "那就退出", "先不写了", "算了吧。", "那就算了")
ENDS = sorted(prefix for feature in FEATURES for prefix in feature.ends)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def _asked(stage: Stage, subject: str, who: str = LEADER) -> None:
    """The bot has just asked him something in private."""
    (message,) = stage.say(who, "积分", private=True)
    object.__setattr__(message, "subject", subject)
    stage._remember(message, who)


def test_what_is_taken_for_it() -> None:
    for words in WORDS:
        assert wording.gives_up(words) and wording.steers(words) == "stop" and rules.control(words) == "stop", words
    for words in ("取消订单", "周团长", "不要", "退出", "退出！", "退出家庭", "我算了一下是三斤", "不填了可以吗", ""):
        assert not wording.gives_up(words), words


@pytest.mark.parametrize("prefix", ENDS)
def test_it_ends_what_was_asked(stage: Stage, prefix: str) -> None:
    """周团长: 新问答 → 邻居会怎么问？ → 取消 → 「好的，那就先不弄了。」"""
    for words in WORDS:
        _asked(stage, f"{prefix}:7")
        (said,) = stage.say(LEADER, words, private=True)
        assert (said.key, said.subject) == ("guard.given_up", "over:"), words


def test_a_fact_is_not_called_off(stage: Stage) -> None:
    """设置 → 填团长称呼 → 取消 → 「好，先到这里……」, and the name stays as it was."""
    for words in WORDS:
        _asked(stage, f"fill:{stage.group_id}:leader_name:one")
        assert keys(stage.say(LEADER, words, private=True)) == ["groups.fill_stopped"], words
    _asked(stage, f"fill:{stage.group_id}:leader_name:one")
    assert keys(stage.say(LEADER, "老周", private=True)) == ["groups.fact_kept"]


def test_by_a_quote_and_by_a_neighbour(stage: Stage) -> None:
    (how,) = stage.say("李阿姨", "问团长")
    assert keys(stage.say("李阿姨", "取消", quoting=how)) == ["guard.given_up"], "nothing goes to the leader"
    _asked(stage, "again:", "李阿姨")
    assert keys(stage.say("李阿姨", "算了", private=True)) == ["guard.given_up"]


def test_the_recording_ends_whatever_was_asked(stage: Stage) -> None:
    """
    王姐: 问团长 → 想跟团长说什么？（不想被记录随时发「退出」）
    王姐: 退出 → 不再记录
    """
    for private in (False, True):
        who = "王姐" if private else "李阿姨"
        stage.say(who, "签到")
        (how,) = stage.say(who, "问团长", private=private)
        assert how.key == "faq.hand_over_how"
        quoted = None if private else how
        assert keys(stage.say(who, "退出", quoting=quoted, private=private)) == ["members.withdrawn"]
        person = stage.person(who)
        found = stage.database.read_now(lambda s, person=person: s.get_one(Consent, person).withdrawn_at)  # type: ignore[misc]
        assert found is not None


def test_no_command_is_taken_for_it() -> None:
    words = [word for feature in FEATURES for command in feature.commands for word in command.words]
    assert [word for word in words if wording.gives_up(word)] == []


def test_nothing_was_asked(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "退出", private=True)) == ["members.withdrawn"]
    assert keys(stage.say("李阿姨", "取消", private=True)) == ["faq.nothing_open"]
    _asked(stage, "checkin:1")
    assert keys(stage.say(LEADER, "取消", private=True)) == ["faq.nothing_open"]
