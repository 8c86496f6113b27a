"""绑定 across two channels, as it is said: the group is on one, the other is private."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.registry import FEATURES
from storage import audit
from storage.audit import AuditRow
from storage.bonds import Bond, BondCode
from storage.engine import Session
from storage.groups import Identity
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    bind,
    enter,
    identities_of,
    part,
    refused,
    sound,
    take_code,
)
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """小满 is in the group, and follows the Official Account as somebody else, 满满."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say(MINE, "签到")
    opened.say(THERE, "你好团团", channel="wechat")
    return opened


def test_a_person_on_two_channels(stage: Stage) -> None:
    """小满 in the group's chat: 绑定 (in private) → a code; in the Official Account: 绑定 CODE → what becomes one → 确定."""
    (code,) = stage.say(MINE, "绑定", private=True)
    assert f"绑定 {code.values['code']}" in shown(code)
    asked = enter(stage, str(code.values["code"]))
    assert asked.key == "bonds.offer"
    assert "小**" in shown(asked), "masked"
    assert "小满" not in shown(asked)
    assert "那边还有 1 个群和那里的积分：绑好了才看得到" in shown(asked)
    assert "阳光花园" not in shown(asked), "whoever found the code learns nothing of where he is"
    assert stage.person(MINE) != stage.person(THERE), "nothing happens before the confirmation"
    done, told = stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")
    assert (told.channel, told.to, told.values["channels"]) == ("play", MINE, "微信公众号")
    assert (done.key, done.values["points"], done.values["count"]) == ("bonds.bound", 5, 1)
    assert stage.person(MINE) == stage.person(THERE)
    sound(stage)
    (mine,) = stage.say(THERE, "我的账号", channel="wechat")
    assert "微信公众号（12月1日绑上）" in shown(mine)
    (sure,) = stage.say(THERE, "", button=mine.buttons[0].key, channel="wechat")
    assert stage.person(MINE) == stage.person(THERE)
    assert "没带群和积分来" in shown(sure)
    assert "积分（" not in shown(sure), "nothing is not told in figures"
    parted, heard = stage.say(THERE, "", button=sure.buttons[0].key, channel="wechat")
    assert (heard.key, heard.channel, heard.to, heard.values["channels"]) == (
        "bonds.told_stayed",
        "play",
        MINE,
        "微信公众号",
    )
    assert "阳光花园" not in shown(heard), "not which group"
    assert (parted.key, parted.values["points"]) == ("bonds.parted", 0)
    assert "积分" not in shown(parted)
    assert stage.person(MINE) != stage.person(THERE)
    for message in (code, asked, done, told, mine, sure, parted, heard):
        assert placeholders_match(message)
    sound(stage)


def test_points_of_the_group_are_seen_on_the_other_channel(stage: Stage) -> None:
    """After the binding 我的数据 and the page say the same as the group does; 签到 in the group is the one person's."""
    bind(stage)
    (mine,) = stage.say(MINE, "我的账号", private=True)
    assert mine.values["own"] == "演练"
    assert stage.say(MINE, "签到", "2026-12-02T09:00")[0].key != "checkin.repeated"
    assert stage.person(THERE) == stage.person(MINE)
    (copy,) = stage.say(THERE, "导出", channel="wechat")
    assert copy.document is not None
    assert '"channel": "wechat"' in copy.document.text
    assert '"channel": "play"' in copy.document.text
    assert "2026-12-02" in copy.document.text


def test_it_is_not_confirmed(stage: Stage) -> None:
    """不绑: nothing has happened, and neither the button nor the code does anything any more."""
    code = take_code(stage)
    asked = enter(stage, code)
    yes, no = asked.buttons
    assert keys(stage.say(THERE, "", button=no.key, channel="wechat")) == ["bonds.cancelled"]
    assert keys(stage.say(THERE, "", button=yes.key, channel="wechat")) == ["guard.old_button"]
    assert keys(stage.say(THERE, "", button=no.key, channel="wechat")) == ["guard.old_button"]
    assert stage.person(MINE) != stage.person(THERE)


def test_a_code_that_is_over_offers_nothing_any_more(stage: Stage) -> None:
    """Somebody has read the code and entered it; its maker takes a new one, or shows it to the group: the 确定 is void."""
    yes = enter(stage, take_code(stage)).buttons[0]
    code = take_code(stage)
    assert keys(stage.say(THERE, "", button=yes.key, channel="wechat")) == ["guard.old_button"]
    yes = enter(stage, code).buttons[0]
    assert keys(stage.say(MINE, f"绑定 {code}")) == ["bonds.code_burnt"]
    assert keys(stage.say(THERE, "", button=yes.key, channel="wechat")) == ["guard.old_button"]
    assert stage.person(MINE) != stage.person(THERE)


def test_a_button_is_its_reader_s_alone(stage: Stage) -> None:
    """Somebody else's press, and the code's maker's, bring nothing; nor does a bond that is nobody's."""
    yes, no = enter(stage, take_code(stage)).buttons
    for who in (MINE, "李阿姨"):
        for key in (yes.key, no.key, "bond_yes:999", "bond_part:1", "bond_part_yes:1"):
            assert keys(stage.say(who, "", button=key, private=True)) == ["guard.old_button"]
    before = identities_of(stage)
    bound, told = stage.say(THERE, "", button=yes.key, channel="wechat")
    assert (bound.key, told.key) == ("bonds.bound", "bonds.told")
    assert {before[MINE]} == {identities_of(stage)[name] for name in (MINE, THERE)}
    for key in ("bond_part:1", "bond_part_yes:1"):
        assert keys(stage.say("李阿姨", "", button=key, private=True)) == ["guard.old_button"]
    # Whose code it was may not have given it away: what tells of the binding asks to undo it.
    (not_me,) = told.buttons
    assert keys(stage.say(MINE, "", button=not_me.key, private=True)) == ["bonds.part_sure"]


def test_who_did_not_press_hears_that_they_have_parted(stage: Stage) -> None:
    """小满 takes them apart in the group's channel: 满满 hears of it in the Official Account, as the one who goes."""
    bind(stage)
    (mine,) = stage.say(MINE, "我的账号", private=True)
    (sure,) = stage.say(MINE, "", button=mine.buttons[0].key, private=True)
    done, heard = stage.say(MINE, "", button=sure.buttons[0].key, private=True)
    assert done.key == "bonds.parted"
    assert (heard.key, heard.channel, heard.to) == ("bonds.told_went", "wechat", THERE)
    assert "演练" in shown(heard)
    assert "阳光花园" not in shown(heard)
    assert placeholders_match(heard)


def test_a_chat_that_is_closed_hears_nothing(stage: Stage) -> None:
    """小满 has never written to the bot in private: 满满 alone is answered."""
    bind(stage)

    def close(session: Session) -> None:
        for one in session.exec(select(Identity).where(Identity.external_id == MINE)):
            one.dm_open = False
            session.add(one)

    stage.database.write_now(close)
    (mine,) = stage.say(THERE, "我的账号", channel="wechat")
    (sure,) = stage.say(THERE, "", button=mine.buttons[0].key, channel="wechat")
    assert keys(stage.say(THERE, "", button=sure.buttons[0].key, channel="wechat")) == ["bonds.parted"]


def test_a_confirmation_twice_and_redelivered(stage: Stage) -> None:
    """The same press again, and the same message delivered again: one bond, one audit row, nothing moved twice."""
    asked = enter(stage, take_code(stage))
    done, _told = stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat", dedupe_key="press")
    assert done.key == "bonds.bound"
    assert stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat", dedupe_key="press") == []
    assert keys(stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")) == ["bonds.bound_already"]
    rows = stage.database.read_now(lambda s: s.exec(select(AuditRow.action)).all())
    assert rows.count("bond.bound") == 1
    assert stage.database.read_now(audit.broken_links)[1] is None
    sound(stage)


# ---------------------------------------------------------------- codes


def test_a_code_lives_ten_minutes_and_is_one(stage: Stage) -> None:
    """A new code ends the one before; a code ends after ten minutes; it stands nowhere as it is."""
    old = take_code(stage)
    code = take_code(stage)
    assert enter(stage, old).key == "bonds.wrong_code"
    assert stage.database.read_now(lambda s: len(s.exec(select(BondCode).where(BondCode.digest != "")).all())) == 1
    rows = stage.database.read_now(lambda s: str(s.exec(select(BondCode)).all()))
    assert code not in rows
    assert code.replace("-", "") not in rows
    stage.clock.set(stage.clock.now() + timedelta(minutes=10))
    assert enter(stage, code).key == "bonds.wrong_code"
    asked = enter(stage, take_code(stage))
    stage.clock.set(stage.clock.now() + timedelta(minutes=10))
    assert keys(stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")) == ["bonds.late"]


def test_a_code_works_for_whoever_entered_it_first(stage: Stage) -> None:
    """The same person may enter it again; nobody else; and after the binding it is gone."""
    code = take_code(stage)
    first, second = enter(stage, code), enter(stage, code)
    assert second.key == "bonds.offer"
    assert keys(stage.say(THERE, "", button=first.buttons[0].key, channel="wechat")) == ["guard.old_button"]
    assert enter(stage, code, "阿芳").key == "bonds.wrong_code"
    assert keys(stage.say(THERE, "", button=second.buttons[0].key, channel="wechat")) == ["bonds.bound", "bonds.told"]
    assert enter(stage, code, "阿芳").key == "bonds.wrong_code"


def test_wrong_codes_are_counted(stage: Stage) -> None:
    """Five wrong ones an hour, then not even the right one; the hour begins with the first."""
    code = take_code(stage)
    for _ in range(5):
        assert enter(stage, "346-79A-CDE").key == "bonds.wrong_code"
    assert enter(stage, code).key == "bonds.too_many"
    assert enter(stage, take_code(stage), "阿芳").key == "bonds.offer", "others may try"
    stage.clock.set(stage.clock.now() + timedelta(hours=1))
    assert enter(stage, take_code(stage)).key == "bonds.offer"


def test_in_a_group_no_code_is_told_nor_taken(stage: Stage) -> None:
    """绑定 in the group: in private, please. A code that is typed there is void, for everybody has read it."""
    assert keys(stage.say(MINE, "绑定")) == ["bonds.in_private"]
    assert keys(stage.say(MINE, "我的账号")) == ["bonds.list_in_private"]
    code = take_code(stage)
    assert keys(stage.say(MINE, f"绑定 {code}")) == ["bonds.code_burnt"]
    assert enter(stage, code).key == "bonds.wrong_code"
    assert keys(stage.say(MINE, f"绑定 {code}")) == ["bonds.in_private"]


def test_one_s_own_code(stage: Stage) -> None:
    code = take_code(stage)
    assert keys(stage.say(MINE, f"绑定 {code}", private=True)) == ["bonds.own_code"]


# ---------------------------------------------------------------- several


def test_three_channels_are_a_star(stage: Stage) -> None:
    """A third channel joins by a code of the one who goes on; a bound one cannot join another as the lesser."""
    bind(stage)
    stage.say("小满-企业", "你好团团", channel="wecom")
    (code,) = stage.say("小满-企业", "绑定", channel="wecom")
    assert enter(stage, str(code.values["code"])).key == "bonds.other_way"
    assert bind(stage, MINE, "小满-企业", "wecom").key == "bonds.bound"
    assert len({identities_of(stage)[name] for name in (MINE, THERE, "小满-企业")}) == 1
    (mine,) = stage.say(MINE, "我的账号", private=True)
    assert [button.values["channels"] for button in mine.buttons] == ["微信公众号", "企业微信"]
    part(stage, MINE, "play", which=0)
    found = identities_of(stage)
    assert found[MINE] == found["小满-企业"] != found[THERE]
    sound(stage)


def test_two_accounts_on_one_channel_are_two_people(stage: Stage) -> None:
    stage.say("小满二号", "签到")
    said = enter(stage, take_code(stage), "小满二号", "play")
    assert (said.key, said.values["channel"]) == ("bonds.same_channel", "演练")


def test_the_same_two_wait_a_month(stage: Stage) -> None:
    """绑定, 解绑, 绑定 again: in 30 days, from either side."""
    bind(stage)
    part(stage)
    again = refused(stage)
    assert (again.key, again.values["days"]) == ("bonds.again", 30)
    stage.clock.set(stage.clock.now() + timedelta(days=30))
    assert bind(stage).key == "bonds.bound"
    bonds = stage.database.read_now(lambda s: s.exec(select(Bond.state)).all())
    assert sorted(bonds) == ["bound", "parted"]
    sound(stage)


def test_in_the_traditional_script(stage: Stage) -> None:
    assert keys(stage.say(MINE, "綁定帳號", private=True)) == ["bonds.code"]
    assert keys(stage.say(MINE, "我的帳號", private=True)) == ["bonds.alone"]
    assert keys(stage.say(MINE, "綁定碼", private=True)) == ["bonds.code"]
