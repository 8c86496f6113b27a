"""邀请: posters, who brought whom, and the thanks, with their limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engagement.feature import Actor
from engagement.invites import rules, service
from engagement.invites.tables import Invitation, InviteClaim, InviteCode
from engagement.kernel import Event, Kind, Outgoing, Place
from engagement.registry import FEATURES
from storage import ledger
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

DOOR = "https://t.me/sample_bot?start="


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A group with a leader and 李阿姨, who uses the bot."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    stage.say("李阿姨", "签到")
    yield stage
    stage.database.close()


def joins(stage: Stage, who: str, when: str = "", invited_by: str = "") -> list[Outgoing]:
    return stage.happen(Event.JOIN, who, when, subject=who, subject_name=who, invited_by=invited_by)


def invitations(stage: Stage) -> list[Invitation]:
    return stage.database.read_now(lambda s: list(s.exec(select(Invitation).order_by(Invitation.id)).all()))  # type: ignore[arg-type]


def code_of(stage: Stage, who: str) -> str:
    (poster,) = stage.say(who, "邀请海报")
    return str(poster.values["code"])


def token_of(stage: Stage, who: str) -> str:
    code = code_of(stage, who)
    return stage.database.read_now(lambda s: s.exec(select(InviteCode.token).where(InviteCode.code == code)).one())


def checks_in(stage: Stage, who: str, *days: int) -> list[Outgoing]:
    said: list[Outgoing] = []
    for day in days:
        said = stage.say(who, "签到", f"2026-12-{day:02d}T10:00")
    return said


# ---------------------------------------------------------------- by the platform's word


def test_a_neighbour_brings_another(stage: Stage) -> None:
    """
    李阿姨拉王姐进群
    王姐: 签到（第一天）→ 平常
    王姐: 签到（第二天）→ 王姐 +5，李阿姨 +10
    李阿姨: 我的邀请 → 1 位，10 积分
    """
    joins(stage, "王姐", invited_by="李阿姨")
    (row,) = invitations(stage)
    assert (row.how, row.days, row.rewarded_on) == ("platform", 0, None)
    assert "invites.paid" not in keys(checks_in(stage, "王姐", 1))
    (before,) = stage.say("李阿姨", "我的邀请")
    assert "王姐：打卡 1 天，还差 1 天" in shown(before)
    said = checks_in(stage, "王姐", 2)
    (paid,) = [one for one in said if one.key == "invites.paid"]
    assert shown(paid) == "王姐 打卡满 2 天，+5 积分；请 TA 来的 李阿姨 +10，谢谢你们。"
    assert (stage.points("王姐", "invited"), stage.points("李阿姨", "invite")) == (5, 10)
    checks_in(stage, "王姐", 3, 4, 5)
    assert (stage.points("王姐", "invited"), stage.points("李阿姨", "invite")) == (5, 10)
    (mine,) = stage.say("李阿姨", "我的邀请")
    assert (mine.values["came"], mine.values["points"]) == (1, 10)
    assert "王姐：满了，你 +10" in shown(mine)
    assert placeholders_match(mine)
    (board,) = stage.say("周团长", "邀请榜")
    assert "1. 李阿姨 请来 1 位，1 位打卡满两天" in shown(board)


def test_the_same_day_twice_is_one_day(stage: Stage) -> None:
    joins(stage, "王姐", invited_by="李阿姨")
    stage.say("王姐", "签到", "2026-12-01T10:00")
    stage.say("王姐", "签到", "2026-12-01T20:00")
    assert invitations(stage)[0].days == 1


def test_leaving_and_coming_back_brings_nothing(stage: Stage) -> None:
    joins(stage, "王姐", invited_by="李阿姨")
    checks_in(stage, "王姐", 1, 2)
    stage.say("赵姐", "签到")
    for day in (3, 4):
        stage.happen(Event.LEAVE, "王姐", f"2026-12-{day:02d}T12:00", subject="王姐", subject_name="王姐")
        joins(stage, "王姐", f"2026-12-{day:02d}T13:00", invited_by="赵姐")
        checks_in(stage, "王姐", day)
    assert len(invitations(stage)) == 1
    assert stage.points("赵姐", "invite") == 0
    assert stage.points("王姐", "invited") == 5


def test_an_old_neighbour_who_is_added_again_is_not_new(stage: Stage) -> None:
    stage.say("赵姐", "签到")
    stage.happen(Event.LEAVE, "赵姐", "2026-12-02T12:00", subject="赵姐", subject_name="赵姐")
    joins(stage, "赵姐", "2026-12-03T12:00", invited_by="李阿姨")
    assert invitations(stage) == []
    assert keys(stage.say("赵姐", f"邀请码 {code_of(stage, '李阿姨')}")) == ["invites.not_new"]


def test_who_keeps_nothing_is_not_written_down(stage: Stage) -> None:
    """The inviter has never used the bot, or has withdrawn."""
    stage.happen(Event.JOIN, "路人", subject="路人", subject_name="路人")
    joins(stage, "王姐", invited_by="路人")
    assert [one.inviter_id for one in invitations(stage)] == [None, None]
    joins(stage, "小张", "2026-12-01T11:00", invited_by="李阿姨")
    stage.say("李阿姨", "退出")
    checks_in(stage, "小张", 1, 2)
    assert stage.points("李阿姨", "invite") == 0
    assert stage.points("小张", "invited") == 5


def test_an_inviter_who_left_gets_nothing_and_the_newcomer_does(stage: Stage) -> None:
    joins(stage, "王姐", invited_by="李阿姨")
    checks_in(stage, "王姐", 1)
    stage.happen(Event.LEAVE, "李阿姨", subject="李阿姨", subject_name="李阿姨")
    assert "invites.paid_newcomer" in keys(checks_in(stage, "王姐", 2))
    assert (stage.points("王姐", "invited"), stage.points("李阿姨", "invite")) == (5, 0)
    assert "board_empty" in keys(stage.say("周团长", "邀请榜"))[0]


def test_ten_a_month(stage: Stage) -> None:
    for number in range(12):
        joins(stage, f"新{number}", f"2026-12-01T11:{number:02d}", invited_by="李阿姨")
    for day in (1, 2):
        for number in range(12):
            stage.say(f"新{number}", "签到", f"2026-12-{day:02d}T12:{number:02d}")
    assert stage.points("李阿姨", "invite") == 100
    assert sum(stage.points(f"新{number}", "invited") for number in range(12)) == 60
    joins(stage, "下月", "2027-01-02T11:00", invited_by="李阿姨")
    stage.say("下月", "签到", "2027-01-02T12:00")
    stage.say("下月", "签到", "2027-01-03T12:00")
    assert stage.points("李阿姨", "invite") == 110
    assert stage.database.read_now(ledger.check).wrong_balances == 0


# ---------------------------------------------------------------- by a code


def test_a_newcomer_types_a_code(stage: Stage) -> None:
    """
    王姐进群；王姐: 邀请码 K7F3 → 记下了，是李阿姨请你来的
    再发一次 → 只记一次
    """
    code = code_of(stage, "李阿姨")
    joins(stage, "王姐")
    (kept,) = [one for one in stage.say("王姐", f"邀请码 {code.lower()}") if one.kind is Kind.REPLY]
    assert kept.key == "invites.code_kept"
    assert "李阿姨请你来的" in shown(kept)
    assert keys(stage.say("王姐", f"邀请码 {code}")) == ["invites.said_already"]
    checks_in(stage, "王姐", 1, 2)
    assert stage.points("李阿姨", "invite") == 10


def test_a_code_counts_the_days_before_it(stage: Stage) -> None:
    code = code_of(stage, "李阿姨")
    joins(stage, "王姐")
    checks_in(stage, "王姐", 1, 2)
    assert stage.points("王姐", "invited") == 0
    assert keys(stage.say("王姐", f"邀请码 {code}", "2026-12-03T09:00")) == ["invites.code_kept", "invites.paid"]
    assert stage.points("李阿姨", "invite") == 10
    checks_in(stage, "王姐", 3, 4)
    assert stage.points("李阿姨", "invite") == 10


def test_who_may_not_use_a_code(stage: Stage) -> None:
    code = code_of(stage, "李阿姨")
    assert keys(stage.say("李阿姨", f"邀请码 {code}")) == ["invites.not_new"]
    joins(stage, "王姐")
    mine = code_of(stage, "王姐")
    assert keys(stage.say("王姐", f"邀请码 {mine}")) == ["invites.not_oneself"]
    assert keys(stage.say("王姐", "邀请码 0OIL")) == ["invites.code_how"]
    assert keys(stage.say("王姐", "邀请码 ZZZZ")) in (["invites.no_such_code"], ["invites.code_kept"])
    assert keys(stage.say("老邻居", f"邀请码 {code}")) == ["invites.not_new"], "his first word, but nobody saw him join"


def test_seven_days(stage: Stage) -> None:
    code = code_of(stage, "李阿姨")
    joins(stage, "王姐", "2026-12-01T10:00")
    joins(stage, "小张", "2026-12-01T10:00")
    assert keys(stage.say("王姐", f"邀请码 {code}", "2026-12-08T10:00")) == ["invites.code_kept"]
    assert keys(stage.say("小张", f"邀请码 {code}", "2026-12-08T10:01")) == ["invites.not_new"]


def test_a_circle(stage: Stage) -> None:
    """王姐 by 小张, 小陈 by 王姐; 小张 cannot be brought by 小陈."""
    for who in ("小张", "王姐", "小陈"):
        joins(stage, who)
    codes = {who: code_of(stage, who) for who in ("小张", "王姐", "小陈")}
    assert keys(stage.say("王姐", f"邀请码 {codes['小张']}")) == ["invites.code_kept"]
    assert keys(stage.say("小陈", f"邀请码 {codes['王姐']}")) == ["invites.code_kept"]
    assert keys(stage.say("小张", f"邀请码 {codes['小陈']}")) == ["invites.circle"]


def test_where_joinings_are_not_told_the_first_word_counts(tmp_path: Path) -> None:
    """The bot has been in the group for a month; nobody's joining was ever told."""
    stage = open_stage(tmp_path, FEATURES, "2026-11-01T09:00")
    stage.say("李阿姨", "签到", "2026-11-02T09:00")
    code = code_of(stage, "李阿姨")
    assert keys(stage.say("早来的", f"邀请码 {code}", "2026-11-03T09:00")) == ["invites.not_new"]
    assert keys(stage.say("王姐", f"邀请码 {code}", "2026-12-01T09:00")) == ["invites.code_kept"]
    stage.database.close()


def test_a_new_code_ends_the_old_one(stage: Stage) -> None:
    old = code_of(stage, "李阿姨")
    (new,) = stage.say("李阿姨", "重置邀请码")
    assert new.values["code"] != old
    assert "以前的码和链接不再算" in shown(new)
    joins(stage, "王姐")
    assert keys(stage.say("王姐", f"邀请码 {old}")) == ["invites.no_such_code"]
    assert keys(stage.say("王姐", f"邀请码 {new.values['code']}")) == ["invites.code_kept"]


# ---------------------------------------------------------------- posters and links


def test_the_poster_of_a_bot_with_a_door(stage: Stage) -> None:
    stage.gateway.dispatcher.doors[("play", "")] = DOOR
    stage.say("周团长", "群信息 海报链接 https://t.me/+sample")
    (poster,) = stage.say("李阿姨", "邀请海报")
    assert poster.card is not None
    assert poster.card.name == "poster"
    link = poster.card.values["link"]
    assert re.fullmatch(re.escape(DOOR) + "i[2-9A-HJKMNP-Z]{8}", str(link))
    assert str(link) in shown(poster), "not everybody sees pictures"
    assert "invites.no_way_in" not in poster.tails
    assert placeholders_match(poster)
    assert keys(stage.say("李阿姨", "邀请海报")) == ["invites.poster"]
    assert stage.say("李阿姨", "邀请海报")[0].card == poster.card, "the same poster again"


def test_the_poster_without_a_door_has_the_group_s_link_and_a_code(stage: Stage) -> None:
    (none,) = stage.say("李阿姨", "邀请海报")
    assert none.key == "invites.poster_no_link"
    assert none.card is None
    stage.say("周团长", "群信息 海报链接 https://work.weixin.qq.com/gm/sample")
    (poster,) = stage.say("李阿姨", "邀请海报")
    assert poster.card is not None
    assert poster.card.values["link"] == "https://work.weixin.qq.com/gm/sample"
    assert f"邀请码 {poster.values['code']}" in shown(poster)


def test_a_pressed_link_counts_when_he_joins(stage: Stage) -> None:
    """
    李阿姨的海报；王姐点开（私聊）→ 李阿姨请你来「阳光花园一期」，点这里进群
    王姐进群 → 算李阿姨请的
    """
    stage.say("周团长", "群信息 海报链接 https://t.me/+sample")
    token = token_of(stage, "李阿姨")
    (door,) = stage.say("王姐", f"/start i{token}", private=True)
    assert door.key == "invites.door"
    assert "https://t.me/+sample" in shown(door)
    assert keys(stage.say("王姐", f"/start i{token}", private=True)) == ["invites.door"]
    assert len(stage.database.read_now(lambda s: s.exec(select(InviteClaim)).all())) == 1
    joins(stage, "王姐")
    (row,) = invitations(stage)
    assert row.how == "link"
    assert stage.database.read_now(lambda s: s.exec(select(InviteClaim)).all()) == []
    checks_in(stage, "王姐", 1)
    paid = checks_in(stage, "王姐", 2)
    assert "invites.paid" in keys(paid)


def test_the_platform_s_word_comes_first(stage: Stage) -> None:
    stage.say("赵姐", "签到")
    token = token_of(stage, "李阿姨")
    stage.say("王姐", f"/start i{token}", private=True)
    joins(stage, "王姐", invited_by="赵姐")
    assert [one.how for one in invitations(stage)] == ["platform"]


def test_links_that_lead_nowhere(stage: Stage) -> None:
    token = token_of(stage, "李阿姨")
    assert keys(stage.say("李阿姨", f"/start i{token}", private=True)) == ["invites.here_already"]
    assert keys(stage.say("王姐", "/start i22222222", private=True)) == ["invites.link_old"]
    assert keys(stage.say("王姐", "/start hello", private=True)) == ["members.about_no_group"]
    assert keys(stage.say("李阿姨", f"/start i{token}")) == ["members.about"], "in a group it is nobody's business"
    stage.say("王姐", f"/start i{token}", private=True)
    joins(stage, "王姐", "2026-12-09T09:01")
    assert [one.inviter_id for one in invitations(stage)] == [None], "a week later nobody knows"
    stage.say("赵姐", "签到")
    stage.happen(Event.LEAVE, "赵姐", subject="赵姐", subject_name="赵姐")
    assert keys(stage.say("赵姐", f"/start i{token}", private=True)) == ["invites.back_no_link"]


@pytest.mark.parametrize(
    "link",
    [
        "http://t.me/+a",
        "https://example.org/join",
        "https://t.me",
        "https://t.me/",
        "https://t.me@example.org/a",
        "https://t.me:444/a",
        "https://t.me.example.org/a",
        "t.me/+a",
        "https://t.me/+a b",
        "https://t.me/" + "a" * 200,
        "https://t.me/群",
        "https://[t.me/a",
    ],
)
def test_only_a_platform_s_own_links(stage: Stage, link: str) -> None:
    assert keys(stage.say("周团长", f"群信息 海报链接 {link}")) == ["invites.link_how"]


def test_the_group_s_link_can_be_taken_away_and_back(stage: Stage) -> None:
    (kept,) = stage.say("周团长", "群信息 海报链接 https://t.me/+sample")
    assert kept.key == "invites.link_kept"
    assert keys(stage.say("周团长", "海报链接 无")) == ["invites.link_gone"]
    assert stage.say("李阿姨", "邀请海报")[0].key == "invites.poster_no_link"
    gone = stage.say("周团长", "撤销")[0].buttons[0]
    assert keys(stage.say("周团长", "", button=gone.key)) == ["invites.link_restored"]
    assert "https://t.me/+sample" in shown(stage.say("李阿姨", "邀请海报")[0])
    assert keys(stage.say("周团长", "群信息 海报链接")) == ["invites.link_how"]
    assert keys(stage.say("周团长", "群信息 提货点 东门")) == ["groups.fact_kept"]
    assert keys(stage.say("李阿姨", "海报链接 https://t.me/+mine")) == ["guard.leader_only"]


# ---------------------------------------------------------------- several groups, erasure, cost


def test_the_same_person_in_another_group_is_new_there(stage: Stage) -> None:
    joins(stage, "王姐", invited_by="李阿姨")
    checks_in(stage, "王姐", 1, 2)
    there = {"conversation": "g2", "place": Place.GROUP}
    stage.say("李阿姨", "签到")
    for number, (who, event, invited_by) in enumerate(
        (("李阿姨", Event.MESSAGE, ""), ("王姐", Event.JOIN, "李阿姨"), ("王姐", Event.MESSAGE, ""))
    ):
        incoming = replace(
            stage.incoming(who),
            event=event,
            dedupe_key=f"there{number}",
            text="签到" if event is Event.MESSAGE else "",
            subject=who,
            invited_by=invited_by,
            **there,  # type: ignore[arg-type]
        )
        asyncio.run(stage._handle(incoming))
    assert [(one.how, one.days) for one in invitations(stage)] == [("platform", 2), ("platform", 1)]


def test_after_an_erasure_sums_stand_and_names_do_not(stage: Stage) -> None:
    joins(stage, "王姐", invited_by="李阿姨")
    checks_in(stage, "王姐", 1, 2)
    (sure,) = stage.say("王姐", "删除我的数据")
    stage.say("王姐", "", button=sure.buttons[0].key)
    (mine,) = stage.say("李阿姨", "我的邀请")
    assert (mine.key, mine.values["points"]) == ("invites.mine_none_here", 10)
    assert "王姐" not in shown(mine)
    assert "有 1 位已经离开" in shown(mine)
    assert stage.points("李阿姨", "invite") == 10
    assert len(invitations(stage)) == 1


def test_a_check_in_asks_nothing_where_nobody_was_brought(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hot path: the switch is read with the group."""
    asked: list[str] = []
    run = Session.run

    def note(self: Session, statement: Prepared, **values: object) -> Any:
        asked.append(statement.name)
        return run(self, statement, **values)

    joins(stage, "王姐")
    monkeypatch.setattr(Session, "run", note)
    stage.say("王姐", "签到")
    assert "ledger.insert" in asked
    assert "invitation.day" not in asked
    joins(stage, "小张", invited_by="李阿姨")
    stage.say("小张", "签到")
    assert asked.count("invitation.day") == 1
    settings = stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).settings)
    assert settings is not None
    assert settings["invites"] == {"joins": True, "on": True}


def test_codes_are_not_guessed_from_the_message(stage: Stage) -> None:
    """On a platform the same event draws other codes each time; a replayed script the same."""

    def draw(channel: str) -> str:
        def work(session: Session) -> str:
            incoming = replace(stage.incoming("李阿姨"), channel=channel)
            ctx = stage.gateway.dispatcher.context(session, incoming, Actor(1, "李阿姨"), None, stage.clock.now())
            return rules.draw(service.chance_of(ctx), rules.TOKEN)

        return stage.database.read_now(work)

    assert draw("play") == draw("play")
    assert draw("telegram") != draw("telegram")


def test_a_newcomer_of_a_group_without_a_name_sees_what_is_kept(stage: Stage) -> None:
    """平台没说群名；赵姐进群，没人说是谁请的。赵姐：我的数据 → 看得到，不出错"""
    stage.database.write_now(lambda s: setattr(s.get_one(Group, 1), "name", ""))
    joins(stage, "赵姐")
    stage.say("赵姐", "签到")
    assert keys(stage.say("赵姐", "我的数据", private=True)) == ["members.mine"]
    (exported,) = [one for one in stage.say("赵姐", "导出", private=True) if one.document is not None]
    assert exported.document is not None and '"newcomer"' in exported.document.text
