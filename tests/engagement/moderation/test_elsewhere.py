"""Leaders and staff who can be told in private on another channel than the group's are told there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engagement.kernel import Outgoing
from engagement.moderation import service
from engagement.registry import FEATURES
from storage.engine import Session
from storage.groups import Identity, RoleGrant
from tests.engagement.bonds.neighbours import change, on_another_channel
from tests.engagement.stage import Stage, keys, open_stage

AD = "加我微信 abc123456 领鸡蛋"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """The leader and 小运营 of the staff have written to the bot elsewhere, and never on the group's channel."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=url)
    for who in ("王姐", "小运营"):
        opened.say(who, "签到")
    opened.say("王姐", "积分", private=True)
    grant = RoleGrant(person_id=opened.person("小运营"), role="staff", granted_at=opened.clock.now())
    opened.database.write_now(lambda s: s.add(grant))
    for who, channel in (("周团长", "telegram"), ("小运营", "wechat")):
        on_another_channel(opened, who, channel)
        opened.say(who, "积分", channel=channel)
    yield opened
    opened.database.close()


def told(said: Sequence[Outgoing]) -> list[tuple[str, str, str]]:
    return [(one.key, one.channel, one.to) for one in said[1:]]


def test_a_complaint_reaches_who_stands_above(stage: Stage) -> None:
    said = stage.say("王姐", "投诉团长 多收了我五块钱", private=True)
    assert said[0].key == "moderation.grievance_sent"
    assert told(said) == [("moderation.grievance_to_staff", "wechat", "小运营")]


def test_what_is_held_back_reaches_the_leader_and_an_appeal_the_staff(stage: Stage) -> None:
    (asked,) = stage.say("王姐", "今日话题")
    said = stage.say("王姐", AD, quoting=asked)
    assert keys(said) == ["moderation.held", "moderation.to_leader"]
    assert told(said) == [("moderation.to_leader", "telegram", "周团长")]
    stage.say("周团长", "", button="mod_drop:1", channel="telegram")
    said = stage.say("王姐", "申诉 我没有恶意", private=True)
    assert told(said) == [("moderation.appeal_to_leader", "wechat", "小运营")]
    assert stage.say("周团长", "", button="mod_yes:1", channel="telegram")[0].key == "moderation.not_your_own"


def test_who_can_be_told_on_two_channels_is_told_once(stage: Stage) -> None:
    """周团长 has two open chats, 小运营, who leads too, has one."""

    def write(session: Session) -> None:
        person = stage.person("周团长")
        session.add(Identity(person_id=person, channel="wechat", external_id="o-zhou", name="周团长", dm_open=True))

    stage.database.write_now(write)
    change(stage, "小运营", lambda one: setattr(one, "role", "leader"))
    found = stage.database.read_now(lambda s: service.reachable(s, [stage.group_id]))
    assert found == {stage.group_id: [stage.person("周团长"), stage.person("小运营")]}
