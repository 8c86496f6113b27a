"""One-to-one channels act in groups of other channels: what is said goes where it can be heard."""

from __future__ import annotations

from sqlmodel import select
from structlog.testing import capture_logs

from engagement.kernel import Kind, Place, Reply
from storage import identities
from storage.engine import Session
from storage.groups import Account, Group, Identity, Member
from tests.bot.house import House

OPENID = "o-li"


def customers(house: House, *, speaks: bool = False) -> tuple[int, int]:
    """A customer group with somebody whom the Official Account knows; returns both numbers."""

    def make(session: Session) -> tuple[int, int]:
        group = Group(
            channel="wecom", account="ww", external_id="wr1", name="阳光花园", created_at=house.clock.now(),
            hears=False, speaks=speaks,
        )  # fmt: skip
        session.add(group)
        session.flush()
        assert group.id is not None
        person = identities.meet(session, "wechat", OPENID, "李阿姨", house.clock.now()).person_id
        identities.enter(session, group.id, person, "李阿姨", house.clock.now())
        return group.id, person

    return house.database.write_now(make)


def wechat(house: House, text: str, who: str = OPENID) -> tuple[str, list[str]]:
    """Somebody writes to the Official Account."""
    more = {"channel": "wechat", "account": "gh_1", "sender_name": "", "private": True}
    outcome, said = house.tell(text, who, **more)
    assert all((one.channel, one.account, one.conversation) == ("wechat", "gh_1", who) for one in said)
    return outcome, [one.key for one in said]


def test_a_check_in_one_to_one_counts_in_the_group_of_another_channel(house: House) -> None:
    group, person = customers(house)
    assert wechat(house, "签到")[0] == "done"
    outcome, keys = wechat(house, "积分")
    assert outcome == "done" and keys
    [account] = house.database.read_now(lambda s: list(s.exec(select(Account))))
    assert (account.group_id, account.balance > 0) == (group, True)
    members = house.database.read_now(lambda s: list(s.exec(select(Member))))
    assert [(one.group_id, one.person_id, one.name) for one in members] == [(group, person, "李阿姨")]
    assert wechat(house, "签到", "o-stranger") == ("refused", ["guard.no_group"])


def test_the_chosen_group_then_the_channels_own_then_any(house: House) -> None:
    """李阿姨也在一个公众号以外的群里：公众号里说的是选好的那个；没选过，先是自己渠道的，再是别的。"""
    group, person = customers(house)
    house.tell("签到", "u1")

    def bind(session: Session) -> int:
        known = identities.known(session, "play", "u1", None)
        assert known is not None
        identity = session.get_one(Identity, known.identity_id)
        identity.person_id = person
        session.add(identity)
        member = session.exec(select(Member).where(Member.person_id == known.person_id)).one()
        member.person_id = person
        session.add(member)
        return member.group_id

    other = house.database.write_now(bind)

    def current(channel: str) -> int:
        row = house.database.read_now(lambda s: identities.current_group(s, person, channel))
        assert row is not None
        return int(str(row[0]))

    assert (current("wecom"), current("play")) == (group, other)
    assert wechat(house, "换群") == ("done", ["groups.which"])
    outcome, said = house.tell("", OPENID, channel="wechat", account="gh_1", private=True, button=f"group:{group}")
    assert (outcome, [one.key for one in said]) == ("done", ["groups.chosen"])
    assert current("wechat") == current("play") == current("wecom") == group


def test_words_to_a_group_go_by_its_own_channel(house: House) -> None:
    group, person = customers(house, speaks=True)
    house.tell("签到", "u2")
    house.probe.said = (
        Reply("members.kept", kind=Kind.PUSH, to=person, mention=True, group_id=group),
        Reply("members.kept", kind=Kind.PUSH, group_id=group + 1),
    )
    _, said = house.tell("探针", OPENID, channel="wechat", account="gh_1", sender_name="", private=True)
    assert [(m.channel, m.account, m.place, m.conversation) for m in said] == [
        ("wecom", "ww", Place.GROUP, "wr1"),
        ("play", "", Place.GROUP, "g1"),
    ]
    assert (said[0].to, said[0].to_name, said[0].reply_to) == ("", "李阿姨", ""), "by name: he has no account there"


def test_nothing_is_kept_for_a_group_in_which_nothing_can_be_said(house: House) -> None:
    group, _person = customers(house)
    house.probe.said = (Reply("members.kept"), Reply("members.kept", kind=Kind.PUSH, group_id=group))
    with capture_logs() as logs:
        assert wechat(house, "探针") == ("done", ["members.kept"])
    assert [line["key"] for line in logs if line["event"] == "no_address"] == ["members.kept"]
    outcome, said = house.tell("签到", "wm-1", channel="wecom", account="ww", conversation="wr1")
    assert (outcome, said) == ("done", [])


def test_a_private_word_goes_where_it_can_be_read(house: House) -> None:
    """The one in use, if he has written there; else where he has; never to where he has not."""
    _group, person = customers(house)
    house.tell("签到", "u2")
    house.probe.said = (Reply("members.kept", kind=Kind.DM, to=person),)
    with capture_logs() as logs:
        assert house.tell("探针", "u2") == ("done", []), "he has written nowhere, and is not known here"
    assert [line["key"] for line in logs if line["event"] == "no_address"] == ["members.kept"]
    wechat(house, "积分")
    _, (word,) = house.tell("探针", "u2")
    assert (word.channel, word.account, word.place, word.conversation) == ("wechat", "gh_1", Place.DM, OPENID)
    add = Identity(person_id=person, channel="play", external_id="u9", name="李")
    house.database.write_now(lambda s: s.add(add))
    _, (word,) = house.tell("探针", "u2")
    assert word.channel == "wechat", "known here, but he has never written here"
    house.tell("积分", "u9", private=True)
    _, (word,) = house.tell("探针", "u2")
    assert (word.channel, word.conversation) == ("play", "u9")
