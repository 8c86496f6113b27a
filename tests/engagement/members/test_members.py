"""Help, and the rights over one's own data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Kind
from engagement.registry import FEATURES
from storage import ledger
from storage.groups import Consent, Identity, Member
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_help_needs_no_consent_and_shows_a_leader_more(stage: Stage) -> None:
    (resident,) = stage.say("李阿姨", "帮助")
    assert placeholders_match(resident)
    assert "签到" in shown(resident)
    assert "加分" not in shown(resident)
    (leader,) = stage.say("周团长", "帮助")
    assert "加分" in shown(leader)
    consents = stage.database.read_now(lambda s: len(s.exec(select(Consent)).all()))
    assert consents <= 1


def test_start(stage: Stage) -> None:
    assert keys(stage.say("路人", "/start", private=True)) == ["members.about_no_group"]
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "/start", private=True)) == ["members.about"]


def test_my_data_goes_to_me_alone(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    public, private = stage.say("李阿姨", "我的数据")
    assert public.key == "members.sent_privately"
    assert (private.kind, private.to) == (Kind.DM, "李阿姨")
    assert "打过卡" in shown(private)
    assert keys(stage.say("李阿姨", "我的数据", private=True)) == ["members.mine"]


def test_export_is_a_readable_copy_of_mine_only(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    _, copy = stage.say("李阿姨", "导出")
    assert copy.document is not None
    data = json.loads(copy.document.text)
    assert data["ledger_entry"][0]["points"] == 5
    assert "王姐" not in copy.document.text
    assert keys(stage.say("李阿姨", "导出", private=True)) == ["members.export"]


def test_withdrawal_and_return(stage: Stage) -> None:
    """
    李阿姨: 退出 → 不再记
    李阿姨: 退出 → 本来就没在记
    李阿姨: 签到 → 重新同意，说明再说一遍
    """
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "退出")) == ["members.withdrawn"]
    assert keys(stage.say("李阿姨", "退出")) == ["members.withdrawn_already"]
    back = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert keys(back) == ["👍checkin.done", "members.notice"]


def test_erasure_needs_my_own_confirmation_and_leaves_sums_intact(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    person = stage.person("李阿姨")
    (ask,) = stage.say("李阿姨", "删除我的数据")
    (other,) = stage.say("王姐", "", button=ask.buttons[0].key)
    assert other.key == "members.not_yours"
    assert keys(stage.say("李阿姨", "", button=ask.buttons[1].key)) == ["members.kept"]
    assert keys(stage.say("李阿姨", "", button=ask.buttons[0].key)) == ["members.erased"]
    assert stage.database.read_now(lambda s: s.exec(select(Identity).where(Identity.person_id == person)).all()) == []
    names = stage.database.read_now(lambda s: s.exec(select(Member.name).where(Member.person_id == person)).all())
    assert names == [""]
    check = stage.database.read_now(ledger.check)
    assert (check.entries, check.wrong_balances) == (2, 0)
    (fresh,) = stage.say("李阿姨", "积分")
    assert fresh.values["balance"] == 0
