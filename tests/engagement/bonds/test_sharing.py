"""Two who are in the same group become one there: points meet, and part as in a family; what else each had stays his."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.checkin.tables import Checkin, CheckinStreak
from engagement.entry import accounts
from engagement.errors import Refusal
from engagement.invites.tables import Invitation
from engagement.kernel import Event, Outgoing
from engagement.moderation import service as moderation
from engagement.moderation.tables import ModerationCase
from engagement.registry import FEATURES
from storage import bonds, entry, identities, preferences
from storage.engine import Session
from storage.entry import Login
from storage.groups import Consent, Group, Identity, Person, RoleGrant
from storage.ledger import Entry
from storage.lots import Lot
from storage.outbox import Outbox
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    another_group,
    balance,
    bind,
    change,
    elsewhere,
    enter,
    identities_of,
    member,
    on_another_channel,
    on_page,
    part,
    post,
    refused,
    sound,
    take_code,
)
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """小满 and 满满 have both checked in in the group, on the first; today is the second. 满满 comes by the Official Account."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE, "李阿姨"):
        opened.say(who, "签到")
    on_another_channel(opened, THERE)
    opened.clock.set(opened.clock.now() + timedelta(days=1))
    return opened


def test_points_meet_and_part(stage: Stage) -> None:
    """5 and 25 are 30; 12 of them are spent, of which each has paid his part; 满满 takes 15 along."""
    post(stage, THERE, 20, "a")
    asked = enter(stage, take_code(stage))
    assert "阳光花园一期：你这边 25 积分，那边也在这个群，合到一起" in shown(asked)
    done, _told = stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")
    assert (done.values["points"], done.values["count"]) == (30, 1)
    assert balance(stage, MINE) == 30
    assert stage.say(MINE, "积分")[0].values["balance"] == 30
    assert keys(stage.say(MINE, "我的家庭")) == ["households.alone_mine"], "one person is no family"
    sound(stage)
    post(stage, MINE, -12, "b")
    assert part(stage).values["points"] == 15
    assert (balance(stage, MINE), balance(stage, THERE)) == (3, 15)
    sound(stage)


def test_bound_and_parted_is_as_before(stage: Stage) -> None:
    """Accounts, balances, lots, memberships and identities stand as they stood."""
    post(stage, THERE, 20, "a", expires="2026-12-20")
    post(stage, MINE, 7, "b", expires="2026-12-10")

    def standing() -> object:
        def read(session: Session) -> object:
            lots = session.exec(select(Lot).where(Lot.remaining > 0).order_by(Lot.expires_on)).all()  # type: ignore[arg-type]
            return [(lot.account_id, lot.member_id, lot.expires_on, lot.remaining) for lot in lots]

        rows = [member(stage, name).model_dump() for name in (MINE, THERE)]
        return rows, identities_of(stage), balance(stage, MINE), balance(stage, THERE), stage.database.read_now(read)

    before = standing()
    bind(stage)
    assert standing() != before
    part(stage)
    assert standing() == before
    sound(stage)


def test_lots_keep_their_days(stage: Stage) -> None:
    post(stage, THERE, 20, "a", expires="2026-12-20")
    bind(stage)
    lot = stage.database.read_now(lambda s: s.exec(select(Lot).where(Lot.remaining > 0)).one())
    assert (lot.account_id, lot.expires_on.isoformat(), lot.remaining) == (
        member(stage, MINE).account_id,
        "2026-12-20",
        20,
    )


def test_a_day_is_checked_in_once(stage: Stage) -> None:
    """Checked in as one, then parted: 满满 has checked in today, too, and gets nothing again."""
    bind(stage)
    stage.say(MINE, "签到")
    assert balance(stage, MINE) > 10
    part(stage)
    on_another_channel(stage, THERE, "play")
    before = balance(stage, MINE), balance(stage, THERE)
    stage.say(THERE, "签到")
    stage.say(MINE, "签到")
    assert (balance(stage, MINE), balance(stage, THERE)) == before
    streak = stage.database.read_now(lambda s: s.get_one(CheckinStreak, (member(stage, THERE).id, "daily")).streak)
    assert streak == 2, "the person was there"
    sound(stage)


def test_a_day_checked_in_before_is_checked_in(stage: Stage) -> None:
    """满满 has checked in today, then they become one: 小满 has, too."""
    on_another_channel(stage, THERE, "play")
    stage.say(THERE, "签到")
    on_another_channel(stage, THERE)
    have = balance(stage, THERE)
    bind(stage)
    assert balance(stage, MINE) == have + 5
    stage.say(MINE, "签到")
    assert balance(stage, MINE) == have + 5
    sound(stage)


def test_both_have_checked_in_today(stage: Stage) -> None:
    """Both did so today: the second one's points stay behind, and come back when they part."""
    on_another_channel(stage, THERE, "play")
    for who in (MINE, THERE):
        stage.say(who, "签到")
    on_another_channel(stage, THERE)
    today = balance(stage, THERE) - 5
    mine = balance(stage, MINE)
    done = bind(stage)
    assert (done.values["held"], done.tails) == (today, ("bonds.bound_held",))
    assert balance(stage, MINE) == mine + 5
    sound(stage)
    assert part(stage).values["points"] == 5 + today
    assert (balance(stage, MINE), balance(stage, THERE)) == (mine, 5 + today)
    sound(stage)


def test_corrections_find_their_way(stage: Stage) -> None:
    """The leader takes back what 满满 got before: 小满 pays; and gives back what 满满 had spent: 小满 gets it."""
    said = stage.say("周团长", f"加分 {THERE} 20 谢谢")
    post(stage, THERE, -10, "spent", "exchange")
    bind(stage)
    assert balance(stage, MINE) == 20
    stage.say("周团长", "", button=said[0].buttons[0].key)
    assert balance(stage, MINE) == 0
    spent = stage.database.read_now(lambda s: s.exec(select(Entry.id).where(Entry.kind == "exchange")).one())
    from storage import ledger

    now = stage.clock.now()
    stage.database.write_now(lambda s: ledger.reverse(s, spent or 0, local_date=now.date(), occurred_at=now))
    assert balance(stage, MINE) == 10
    sound(stage)
    part(stage)
    assert balance(stage, MINE) + balance(stage, THERE) == 10
    sound(stage)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("who", [MINE, THERE])
@pytest.mark.parametrize("what", ["role", "account"])
def test_staff_is_never_bound(stage: Stage, who: str, what: str) -> None:
    """A role over groups is neither gained nor passed on, from either side; nor one that comes between offer and yes."""
    person, now = stage.person(who), stage.clock.now()
    asked = enter(stage, take_code(stage))
    grant = RoleGrant(person_id=person, role="staff", granted_at=now)
    login = Login(person_id=person, name="somebody", made_at=now)
    stage.database.write_now(lambda s: s.add(grant if what == "role" else login))
    assert keys(stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")) == ["bonds.staff"]
    assert refused(stage).key == "bonds.staff"


@pytest.mark.parametrize("who", [MINE, THERE])
def test_nobody_who_is_bound_becomes_staff(stage: Stage, who: str) -> None:
    """The account of the console waits until they have parted: whoever holds the other chat would have it, too."""
    person, now = stage.person(who), stage.clock.now()
    bind(stage)
    with pytest.raises(Refusal, match="bound_person"):
        stage.database.write_now(lambda s: accounts.add(s, "somebody", now, by=None, role="staff", person=person))
    part(stage)
    stage.database.write_now(lambda s: accounts.add(s, "somebody", now, by=None, role="staff", person=person))


def test_a_leader_is_not_lost(stage: Stage) -> None:
    """满满 leads the group and 小满 does not: the other way round it goes."""
    change(stage, THERE, lambda one: setattr(one, "role", "leader"))
    assert refused(stage).key == "bonds.leads"
    (code,) = stage.say(THERE, "绑定", channel="wechat")
    (asked,) = stage.say(MINE, f"绑定 {code.values['code']}", private=True)
    assert keys(stage.say(MINE, "", button=asked.buttons[0].key, private=True)) == ["bonds.bound", "bonds.told"]
    assert (member(stage, THERE).role, member(stage, MINE).role) == ("leader", "member")
    sound(stage)
    # In the group he speaks as the leader now.
    assert stage.say(MINE, "免打扰 21:00-8:00")[0].key != "guard.leader_only"
    part(stage, MINE, "play")
    assert keys(stage.say(MINE, "免打扰 21:00-8:00")) == ["guard.leader_only"]


def test_leading_another_group_comes_along_and_is_said(stage: Stage) -> None:
    other = another_group(stage)

    def lead(session: Session) -> None:
        found = identities.enter(session, other, identities_of_session(session, THERE), THERE, stage.clock.now())
        found.role = "leader"
        session.add(found)

    stage.database.write_now(lead)
    asked = enter(stage, take_code(stage))
    assert "二期：你这边 0 积分，跟着过去（团长也跟着过去）" in shown(asked)
    stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")
    assert member(stage, THERE, other).person_id == stage.person(MINE)
    part(stage)
    assert member(stage, THERE, other).person_id == stage.person(THERE)
    sound(stage)


def identities_of_session(session: Session, who: str) -> int:
    return session.exec(select(Identity.person_id).where(Identity.external_id == who)).one()


# ---------------------------------------------------------------- what protects


@pytest.mark.parametrize(("mine", "theirs"), [(3, None), (None, 3), (3, 5), (5, 3)])
def test_a_mute_is_not_shaken_off(stage: Stage, mine: int | None, theirs: int | None) -> None:
    """The later end holds while they are one, and for both afterwards."""
    elsewhere(stage, THERE)
    asked = enter(stage, take_code(stage))

    def until(hours: int | None) -> datetime | None:
        return None if hours is None else stage.clock.now() + timedelta(hours=hours)

    for who, hours in ((MINE, mine), (THERE, theirs)):
        change(stage, who, lambda one, hours=hours: setattr(one, "muted_until", until(hours)))  # type: ignore[misc]
    stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")
    latest = until(max(mine or 0, theirs or 0))
    assert member(stage, MINE).muted_until == latest
    change(stage, MINE, lambda one: setattr(one, "muted_until", until(9)))
    part(stage)
    assert member(stage, MINE).muted_until == member(stage, THERE).muted_until == until(9)


def test_who_is_muted_where_he_writes_about_makes_no_bond(stage: Stage) -> None:
    asked = enter(stage, take_code(stage))
    change(stage, THERE, lambda one: setattr(one, "muted_until", stage.clock.now() + timedelta(hours=1)))
    assert keys(stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")) == ["guard.muted"]


def test_a_withdrawal_is_both_s(stage: Stage) -> None:
    """退出 on one channel while they are one: neither is recorded after they have parted."""
    bind(stage)
    stage.say(MINE, "退出", private=True)
    part(stage)
    for who in (MINE, THERE):
        person = stage.person(who)
        assert stage.database.read_now(lambda s, person=person: s.get_one(Consent, person)).withdrawn_at is not None  # type: ignore[misc]


def test_who_withdrew_is_not_bound(stage: Stage) -> None:
    """退出 after the code was made: nobody is bound to somebody who wants nothing to be recorded."""
    code = take_code(stage)
    stage.say(MINE, "退出", private=True)
    assert enter(stage, code).key == "bonds.withdrawn"


def test_who_agreed_as_one_has_agreed(stage: Stage) -> None:
    """A follower who is in no group makes the code: what the group's neighbour agreed to holds for him."""
    stage.say("粉丝", "你好团团", channel="wecom")
    (code,) = stage.say("粉丝", "绑定", channel="wecom")
    (asked,) = stage.say(MINE, f"绑定 {code.values['code']}", private=True)
    stage.say(MINE, "", button=asked.buttons[0].key, private=True)
    person = stage.person("粉丝")
    assert stage.person(MINE) == person
    assert stage.database.read_now(lambda s: s.get_one(Consent, person)).withdrawn_at is None
    assert stage.say(MINE, "签到")[0].tails == ()
    part(stage, "粉丝", "wecom")
    assert balance(stage, MINE) > 5, "a group that moved goes back with all that is in it"
    sound(stage)


def test_notices_and_short_answers(stage: Stage) -> None:
    """What either does not want nobody gets; who wants short answers on one channel gets them on both."""
    there = stage.person(THERE)
    stage.database.write_now(lambda s: preferences.switch(s, there, "points", on=False))
    stage.say(THERE, "长辈模式", channel="wechat")
    bind(stage)
    mine = stage.person(MINE)
    assert stage.database.read_now(lambda s: preferences.switched_off(s, mine)) == ["points"]
    elder = stage.database.read_now(lambda s: s.exec(select(Identity.elder).where(Identity.person_id == mine)).all())
    assert elder == [True, True]


def test_what_hangs_on_the_person_rests_and_comes_back(stage: Stage) -> None:
    there = stage.person(THERE)
    stage.database.write_now(lambda s: preferences.choose(s, there, "taste", "sweet", on=True))
    bind(stage)
    mine = stage.person(MINE)
    assert stage.database.read_now(lambda s: preferences.chosen(s, mine)) == {}
    part(stage)
    assert stage.person(THERE) == there
    assert stage.database.read_now(lambda s: preferences.chosen(s, there)) == {"taste": ["sweet"]}


def test_nobody_is_his_own_inviter(stage: Stage) -> None:
    """小满 has brought 满满, and is not thanked for it any more once they are one; what was paid stays."""
    now, mine, there = stage.clock.now(), member(stage, MINE), member(stage, THERE)
    row = Invitation(group_id=stage.group_id, inviter_id=mine.id, invited_id=there.id or 0, how="code", at=now)
    stage.database.write_now(lambda s: s.add(row))
    bind(stage)
    assert stage.database.read_now(lambda s: s.exec(select(Invitation)).all()) == []


@pytest.mark.parametrize(("mine", "theirs"), [(7, 15), (15, 3), (None, 15), (15, None)])
def test_a_newcomers_gift_comes_once(stage: Stage, mine: int | None, theirs: int | None) -> None:
    """One of them has been led to the end: neither is led again, as one or apart."""
    change(stage, MINE, lambda one: setattr(one, "steps", mine))
    change(stage, THERE, lambda one: setattr(one, "steps", theirs))
    bind(stage)
    for text in ("积分", "话题 我家腌了两坛泡菜", "请问 几点提货"):
        assert not any("step" in key for one in stage.say(MINE, text) for key in one.tails)
    assert member(stage, MINE).steps == 15
    part(stage)
    assert member(stage, THERE).steps == 15
    assert stage.points(MINE, "onboarding") + stage.points(THERE, "onboarding") == 0


def test_pages_follow(stage: Stage) -> None:
    """A browser that is in stays in, as the one who goes on; a link opens nothing any more; parting ends them all."""
    there, now = stage.person(THERE), stage.clock.now()
    token = stage.database.write_now(lambda s: entry.make_link(s, "h5", there, now, path="/h5"))
    until = now + timedelta(days=1)
    for area in ("h5", "console"):
        web = entry.WebSession(
            id=f"token-{area}", person_id=there, area=area, role="resident", made_at=now, seen_at=now, until=until
        )
        stage.database.write_now(lambda s, web=web: s.add(web))  # type: ignore[misc]
    bind(stage)
    mine = stage.person(MINE)
    rows = stage.database.read_now(lambda s: s.exec(select(entry.WebSession)).all())
    assert [(row.person_id, row.area) for row in rows] == [(mine, "h5")]
    assert stage.database.read_now(lambda s: entry.link(s, token, now)) is None
    part(stage)
    assert stage.database.read_now(lambda s: s.exec(select(entry.WebSession)).all()) == []


# ---------------------------------------------------------------- coming, going, ending


def test_who_left_the_group_as_one_has_left_as_both(stage: Stage) -> None:
    bind(stage)
    stage.happen(Event.LEAVE, MINE)
    part(stage)
    assert member(stage, MINE).left_at is not None
    assert member(stage, THERE).left_at is not None
    sound(stage)


def test_who_had_left_is_there_by_the_other(stage: Stage) -> None:
    """小满 has left the group, 满满 is in it: as one he is in it; afterwards each is where he was."""
    stage.happen(Event.LEAVE, MINE)
    left = member(stage, MINE).left_at
    bind(stage)
    assert member(stage, MINE).left_at is None
    part(stage)
    assert (member(stage, MINE).left_at, member(stage, THERE).left_at) == (left, None)
    sound(stage)


def test_an_erasure_takes_both(stage: Stage) -> None:
    """删除我的数据, from either channel: no identity, code or bond is left, of neither of the two; nothing is wrong."""
    bind(stage)
    stage.say(MINE, "积分", private=True)
    (sure,) = stage.say(THERE, "删除我的数据", channel="wechat")
    assert "一起删" in shown(sure)
    done, told = stage.say(THERE, "", button=sure.buttons[0].key, channel="wechat")
    assert done.key == "members.erased"
    assert (told.key, told.channel, told.to) == ("members.erased_told", "play", MINE)
    assert "阳光花园" not in shown(told)

    def left(session: Session) -> list[int]:
        tables = (bonds.Bond, bonds.BondCode, Checkin)
        return [len(session.exec(select(one)).all()) for one in tables]

    assert stage.database.read_now(left) == [0, 0, 1], "李阿姨's"
    assert {MINE, THERE} & set(identities_of(stage)) == set()
    sound(stage)


def test_an_erasure_after_parting_leaves_the_other(stage: Stage) -> None:
    bind(stage)
    part(stage)
    (sure,) = stage.say(THERE, "删除我的数据", channel="wechat")
    assert "一起删" not in shown(sure)
    assert keys(stage.say(THERE, "", button=sure.buttons[0].key, channel="wechat")) == ["members.erased"]
    assert MINE in identities_of(stage)
    assert THERE not in identities_of(stage)
    assert balance(stage, MINE) == 5
    sound(stage)


def test_the_later_bond_is_parted_first(stage: Stage) -> None:
    """满满 brings a group, and a third one rests on that membership: 满满 cannot go before the third one has."""
    other = another_group(stage)
    stage.say("三号", "你好团团", channel="wecom")

    def both(session: Session) -> None:
        for who in (THERE, "三号"):
            found = identities.enter(session, other, identities_of_session(session, who), who, stage.clock.now())
            identities.open_account(session, found.id or 0, stage.clock.now())

    stage.database.write_now(both)
    bind(stage)
    bind(stage, MINE, "三号", "wecom")
    (mine,) = stage.say(MINE, "我的账号", private=True)
    assert keys(stage.say(MINE, "", button=mine.buttons[0].key, private=True)) == ["bonds.other_first"]
    part(stage, MINE, "play", which=1)
    part(stage, MINE, "play", which=0)
    assert len(set(identities_of(stage).values())) == len(identities_of(stage))
    sound(stage)


def test_a_chosen_group_that_goes_is_chosen_no_more(stage: Stage) -> None:
    other = another_group(stage)
    now, there, mine = stage.clock.now(), stage.person(THERE), stage.person(MINE)
    stage.database.write_now(lambda s: identities.enter(s, other, there, THERE, now))
    bind(stage)

    def choose(session: Session) -> None:
        person = session.get_one(Person, mine)
        person.current_group_id = other
        session.add(person)

    stage.database.write_now(choose)
    part(stage)
    assert stage.database.read_now(lambda s: s.get_one(Person, mine)).current_group_id is None


def test_the_leader_reads_which_channels(stage: Stage) -> None:
    """积分明细 小满, by the leader: on which channels somebody is one person, and never as whom."""
    stage.say("周团长", "签到")
    assert stage.say("周团长", f"积分明细 {MINE}", private=True)[0].tails == ()
    bind(stage)
    (said,) = stage.say("周团长", f"积分明细 {MINE}", private=True)
    assert "TA 把几个账号绑成了一个人：演练、微信公众号。" in shown(said)
    assert "满满 绑定账号 +5" in shown(said)


def test_short_answers_leave_nothing_out_that_is_confirmed(stage: Stage) -> None:
    """长辈模式 cuts other answers short; what would become one, and the warning, stand there whole."""
    stage.say(THERE, "长辈模式", channel="wechat")
    asked = shown(enter(stage, take_code(stage)))
    assert asked.count("别人发来的，别点") == 1
    assert "阳光花园一期" in asked
    bind(stage)
    assert stage.database.read_now(lambda s: len(s.exec(select(bonds.Bond)).all())) == 1, (
        "what was not confirmed is gone"
    )


def test_what_a_leader_held_back_can_still_be_answered_by_a_mute(stage: Stage) -> None:
    """满满's advertisement waits; he becomes one with 小满; the leader mutes: it is 小满 who is muted, in the group."""
    on_another_channel(stage, THERE, "play")
    (topic,) = stage.say(THERE, "今日话题")
    stage.say(THERE, "想赚钱，加我微信 abc12345", quoting=topic)
    on_another_channel(stage, THERE)
    bind(stage)
    case = stage.database.read_now(lambda s: s.exec(select(ModerationCase)).one())
    acts = stage.database.read_now(lambda s: moderation.author(s, case).name)
    assert acts == MINE
    assert stage.database.read_now(lambda s: moderation.warnings_of(s, case.member_id, stage.clock.now())) == (
        case.state == "warned"
    )
    for message in stage.say("周团长", "待审核", private=True):
        for button in message.buttons:
            if "mute" in button.key:
                stage.say("周团长", "", button=button.key, private=True)
    assert member(stage, MINE).muted_until is not None


def test_warnings_are_counted_as_one(stage: Stage) -> None:
    """Two warnings of 满满's and one of 小满's are three of the one person's, and each his own afterwards."""
    ids = {who: member(stage, who).id or 0 for who in (MINE, THERE, "李阿姨")}
    now = stage.clock.now()

    def warn(session: Session) -> None:
        for number, who in enumerate((THERE, THERE, MINE)):
            session.add(
                ModerationCase(
                    group_id=stage.group_id,
                    member_id=ids[who],
                    activity="topic",
                    reference=str(number),
                    text="x",
                    reason="word",
                    severity=1,
                    state="warned",
                    created_at=now,
                )
            )

    def warned() -> list[int]:
        found = stage.database.read_now(lambda s: moderation.all_warnings(s, ids.values(), now))
        return [found.get(one, 0) for one in ids.values()]

    stage.database.write_now(warn)
    assert warned() == [1, 2, 0]
    bind(stage)
    assert warned() == [3, 3, 0]
    part(stage)
    assert warned() == [1, 2, 0]


def test_a_leader_who_is_none_any_more_is_none_after_parting(stage: Stage) -> None:
    """Both led the group; as one he leads it no more: parting gives nobody a role back."""
    for who in (MINE, THERE):
        change(stage, who, lambda one: setattr(one, "role", "leader"))
    bind(stage)
    change(stage, MINE, lambda one: setattr(one, "role", "member"))
    part(stage)
    assert (member(stage, MINE).role, member(stage, THERE).role) == ("member", "member")


def test_two_are_not_of_one_name_afterwards(stage: Stage) -> None:
    """满满 goes on, and speaks in the group as 小满: his membership is shown as 小满 until they part."""
    (code,) = stage.say(THERE, "绑定", channel="wechat")
    (asked,) = stage.say(MINE, f"绑定 {code.values['code']}", private=True)
    stage.say(MINE, "", button=asked.buttons[0].key, private=True)
    stage.say(MINE, "签到")
    assert member(stage, MINE).person_id == stage.person(THERE)
    part(stage, MINE, "play")
    assert member(stage, MINE).person_id == stage.person(MINE)
    assert member(stage, THERE).person_id == stage.person(THERE)


def test_what_is_confirmed_on_a_page_is_told_in_the_chats(stage: Stage) -> None:
    """On a page both are confirmed: the page shows the answer alone, and the chats of both hear of it."""
    (code,) = on_page(stage, MINE, "绑定")
    (asked,) = on_page(stage, THERE, f"绑定 {code.values['code']}")
    stage.say(MINE, "积分", private=True)
    stage.say(THERE, "积分", channel="wechat")
    assert keys(on_page(stage, THERE, button=asked.buttons[0].key)) == ["bonds.bound"]
    assert told(stage) == {("bonds.told", "play", MINE)}
    (mine,) = on_page(stage, THERE, "我的账号")
    (sure,) = on_page(stage, THERE, button=mine.buttons[0].key)
    assert keys(on_page(stage, THERE, button=sure.buttons[0].key)) == ["bonds.parted"]
    assert told(stage) == {
        ("bonds.told", "play", MINE),
        ("bonds.told_went", "wechat", THERE),
        ("bonds.told_stayed", "play", MINE),
    }


def told(stage: Stage) -> set[tuple[str, str, str]]:
    """(Text, channel, whom) of what waits to be sent about bindings."""
    rows = stage.database.read_now(lambda s: [Outgoing.load(one.body) for one in s.exec(select(Outbox))])
    return {(one.key, one.channel, one.to) for one in rows if one.key.startswith("bonds.told")}


def test_the_thanks_for_one_person_are_paid_once(stage: Stage) -> None:
    """李阿姨 brought both accounts of 小满; the one had its two days before they became one, the other has them after that."""
    by, now = member(stage, "李阿姨").id, stage.clock.now()
    day = now.date() - timedelta(days=1)
    ids = [member(stage, name).id or 0 for name in (MINE, THERE)]

    def brought(session: Session) -> None:
        for one in ids:
            row = Invitation(group_id=stage.group_id, inviter_id=by, invited_id=one, at=now, days=1, last_day=day)
            session.add(row)
        group = session.get_one(Group, stage.group_id)
        group.settings = {**(group.settings or {}), "invites": {"on": True}}
        session.add(group)

    stage.database.write_now(brought)
    assert "invites.paid" in keys(on_page(stage, THERE, "签到"))
    bind(stage)
    stage.clock.set(now + timedelta(days=1))
    assert not {"invites.paid", "invites.paid_newcomer"} & set(keys(stage.say(MINE, "签到")))
    assert stage.points("李阿姨", "invite") == 10
    (mine,) = stage.say("李阿姨", "我的邀请")
    assert mine.values["points"] == 10
    assert keys(stage.say(MINE, "签到")) and stage.points("李阿姨", "invite") == 10
    sound(stage)
