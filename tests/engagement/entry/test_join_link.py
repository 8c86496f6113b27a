"""打卡链接: what a leader of a customer group has her neighbours come in by, and how she changes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from engagement.registry import FEATURES
from storage import group_keys
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Group
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

PAGES = "https://tuan.example"
LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.gateway.dispatcher.pages = PAGES
    for who in (LEADER, "李阿姨"):
        opened.say(who, "签到")
    opened.change(hears=False, speaks=False)
    return opened


def opens(stage: Stage, link: object) -> int:
    key = str(link).removeprefix(f"{PAGES}/h5/in/")
    found = stage.database.read_now(lambda s: group_keys.find(s, key))
    assert found is not None
    return 0 if found.ended else found.group_id


def test_a_leader_sees_her_link_and_changes_it_when_it_has_leaked(stage: Stage) -> None:
    """
    周团长（私聊）: 打卡链接 → 链接 · [换一个链接]
    周团长点「换一个链接」→ 旧的马上打不开，确定换吗？ → 还没换
    周团长点「确定，换掉」→ 新链接；再点一次又换一个，只有最后一个打得开
    """
    (first,) = stage.say(LEADER, "打卡链接", private=True)
    assert first.key == "entry.join_link" and placeholders_match(first) and "传到群外面" in shown(first)
    assert stage.say(LEADER, "進群鏈接", private=True)[0].values["link"] == first.values["link"], "it stays the same"
    (asked,) = stage.say(LEADER, "", button=first.buttons[0].key, private=True)
    assert asked.key == "entry.join_renew_ask" and opens(stage, first.values["link"]) == stage.group_id
    (done,) = stage.say(LEADER, "", button=asked.buttons[0].key, private=True)
    assert done.key == "entry.join_renewed_now" and placeholders_match(done)
    assert (opens(stage, first.values["link"]), opens(stage, done.values["link"])) == (0, stage.group_id)

    def renewed(session: Session) -> list[str]:
        return list(session.exec(select(AuditRow.action).where(AuditRow.action == "entry.key_renewed")))

    assert stage.database.read_now(renewed) == ["entry.key_renewed"]


def test_nobody_else_sees_or_changes_it(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "打卡链接", private=True)) == ["guard.leader_only"]
    assert keys(stage.say("李阿姨", "", button=f"door:sure:{stage.group_id}", private=True)) == ["guard.leader_only"]
    stage.change(speaks=True)
    assert keys(stage.say(LEADER, "打卡链接")) == ["guard.private_only"]
    for wrong in ("door:sure:99", "door:burn:1", "door:", "door:sure:密"):
        assert keys(stage.say(LEADER, "", button=wrong, private=True))[0].startswith("guard.")


def test_where_neighbours_are_heard_there_is_none(stage: Stage) -> None:
    stage.change(hears=True, speaks=True)
    assert keys(stage.say(LEADER, "打卡链接", private=True)) == ["entry.join_not_needed"]
    stage.change(hears=False)
    stage.gateway.dispatcher.pages = ""
    assert keys(stage.say(LEADER, "打卡链接", private=True)) == ["entry.no_pages"]
    assert stage.database.read_now(lambda s: group_keys.all_of(s, stage.group_id)) == []


def test_it_is_about_the_group_that_she_leads(stage: Stage) -> None:
    other = stage.database.write_now(lambda s: _other(s, stage))
    (link,) = stage.say(LEADER, "打卡链接", private=True)
    assert opens(stage, link.values["link"]) == stage.group_id != other


def _other(session: Session, stage: Stage) -> int:
    group = Group(channel="wecom", external_id="wr9", name="别的群", created_at=stage.clock.now(), hears=False)
    session.add(group)
    session.flush()
    assert group.id is not None
    return group.id
