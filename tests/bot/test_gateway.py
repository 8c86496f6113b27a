"""One message: one effect, whatever happens on its way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from structlog.testing import capture_logs

from bot import gateway as module
from bot.gateway import TRIES
from engagement.checkin.tables import Checkin
from engagement.errors import Fault, Refusal
from engagement.kernel import Event, Kind, Place, Reply
from storage import identities, inbox, outbox
from storage.engine import Database
from storage.groups import Account, Consent, Group, Identity, Member, Person, RoleGrant
from storage.ledger import Entry
from storage.outbox import Outbox
from storage.writer import ThreadWriter
from tests.bot.house import NOW, House
from tests.storage.worlds import waiting


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.001, 0.001))


def error(house: House, make: object, times: int = 99) -> None:
    house.probe.error, house.probe.times = make, times  # type: ignore[assignment]


# ---------------------------------------------------------------- once


def test_a_redelivery_changes_nothing(house: House) -> None:
    message = house.incoming("签到")
    first = asyncio.run(house.deal(message))
    before = house.counts()
    again = asyncio.run(house.deal(message))
    assert (first.outcome, again.outcome, again.queued) == ("done", "repeated", ())
    assert house.counts() == before
    assert house.count(Checkin) == 1


def test_handled_twice_has_one_effect(house: House) -> None:
    """After a crash the row may be handled by two: the claim is in the transaction of the effect."""
    message = house.incoming("签到")

    async def twice() -> list[str]:
        row = await house.gateway.accept(message)
        assert row is not None
        return [h.outcome for h in await asyncio.gather(*(house.gateway.handle(row, message) for _ in range(3)))]

    assert sorted(asyncio.run(twice())) == ["done", "repeated", "repeated"]
    assert house.count(Checkin) == 1


def test_the_words_are_gone_when_it_is_handled(house: House) -> None:
    house.tell("签到")
    house.tell("加分 谁 5 谢谢")
    error(house, ZeroDivisionError)
    house.tell("探针")
    assert house.inbox() == [("done", ""), ("done", ""), ("dead", "")]


def test_answers_stand_in_the_outbox(house: House) -> None:
    _, (said,) = house.tell("积分")
    rows = house.database.read_now(lambda s: list(s.exec(select(Outbox))))
    assert [(row.idempotency_key, row.state, row.kind) for row in rows] == [("1:0", "pending", "reply")]
    assert type(said).load(rows[0].body).dump() == said.dump()


# ---------------------------------------------------------------- no, failures, bugs


def test_an_expected_no(house: House) -> None:
    house.tell("签到")
    before = house.counts(without=("inbox", "outbox"))
    outcome, (said,) = house.tell("加分 李阿姨 5 谢谢")
    assert (outcome, said.key, said.feature, said.reply_to) == ("refused", "points.leader_only", "guard", "m2")
    assert house.counts(without=("inbox", "outbox")) == before


def test_what_was_done_before_a_no_is_taken_back(house: House) -> None:
    """The newcomer's row, consent and account were made in the same transaction."""
    error(house, lambda: Refusal("members.not_yours"))
    assert house.keys("探针记录") == ["members.not_yours"]
    assert [house.count(table) for table in (Person, Member, Consent, Account, Group)] == [0] * 5


def test_a_no_without_words(house: House) -> None:
    error(house, lambda: Refusal(""))
    assert house.tell("探针") == ("refused", [])
    assert house.inbox() == [("done", "")]


def test_a_no_is_said_once(house: House) -> None:
    message = house.incoming("加分 谁 5 谢谢")

    async def twice() -> list[tuple[str, int]]:
        row = await house.gateway.accept(message)
        assert row is not None
        done = [await house.gateway.handle(row, message) for _ in range(2)]
        return [(h.outcome, len(h.queued)) for h in done]

    assert asyncio.run(twice()) == [("refused", 1), ("repeated", 0)]


def test_a_fault_that_passes(house: House) -> None:
    error(house, lambda: Fault("D7", "detail"), times=TRIES - 1)
    outcome, (said,) = house.tell("探针")
    assert (outcome, said.key, house.probe.calls) == ("done", "members.kept", TRIES)


@pytest.mark.parametrize(
    ("make", "outcome", "code"), [(lambda: Fault("D7"), "fault", "D7"), (ZeroDivisionError, "bug", "B1")]
)
@pytest.mark.parametrize("how", [{"text": "探针"}, {"button": "probe:1"}, {"text": "慢探针"}])
def test_after_three_tries_an_apology_and_a_dead_letter(
    house: House, make: object, outcome: str, code: str, how: dict[str, str]
) -> None:
    error(house, make)
    got, (said,) = house.tell(**how)
    assert (got, said.key, said.values["code"], said.reply_to) == (outcome, "guard.sorry", code, "m1")
    assert house.probe.calls == TRIES
    assert house.inbox() == [("dead", "")]
    error(house, None)
    assert house.tell("探针")[0] == "done", "what comes after it flows"


def test_nobody_is_told_of_a_bug_in_what_nobody_typed(house: House) -> None:
    error(house, ZeroDivisionError)
    assert house.tell(event=Event.LEAVE, subject="u1") == ("bug", [])
    assert house.inbox() == [("dead", "")]


def test_tries_of_an_earlier_process_count(house: House) -> None:
    error(house, ZeroDivisionError)
    message = house.incoming("探针")

    async def main() -> str:
        row = await house.gateway.accept(message)
        assert row is not None
        for _ in range(TRIES - 1):
            await house.database.write(lambda s: inbox.failed(s, row, give_up_after=TRIES))
        return (await house.gateway.handle(row, message)).outcome

    assert asyncio.run(main()) == "bug"
    assert house.probe.calls == 1


def test_a_bug_in_what_another_process_has_handled(house: House) -> None:
    """The row is not ours any more: nothing is counted, nobody is told."""
    error(house, ZeroDivisionError)
    message = house.incoming("慢探针")

    async def main() -> tuple[str, int]:
        row = await house.gateway.accept(message)
        assert row is not None
        await house.database.write(lambda s: inbox.claim(s, row))
        handled = await house.gateway.handle(row, message)
        return handled.outcome, len(handled.queued)

    assert asyncio.run(main()) == ("bug", 0)
    assert house.inbox() == [("done", "")]


def test_logs_name_the_kind_of_a_bug_and_no_words(house: House) -> None:
    error(house, lambda: ZeroDivisionError("李阿姨的话"))
    with capture_logs() as logs:
        house.tell("探针 李阿姨的话")
    bugs = [line for line in logs if line["event"] == "bug"]
    assert [(line["kind"], line["inbox"]) for line in bugs] == [("ZeroDivisionError", 1)] * TRIES
    assert all("李阿姨的话" not in str(line) for line in logs)


def test_the_database_is_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Receiving raises, so that the platform sends again; handling leaves the row for later."""
    message, later = house.incoming("签到"), house.incoming("积分")

    async def broken(self: Database, fn: object) -> None:
        raise OperationalError("x", {}, OSError())

    async def main() -> None:
        row = await house.gateway.accept(message)
        assert row is not None
        with monkeypatch.context() as down:
            down.setattr(Database, "write", broken)
            assert (await house.gateway.handle(row, message)).outcome == "down"
            assert house.database.read_now(waiting) == [(row, message.dump())]
            house.gateway._received._write = house.database.write
            with pytest.raises(OperationalError):
                await house.gateway.accept(later)
        house.gateway._received._write = house.database.write
        assert (await house.gateway.handle(row, message)).outcome == "done"

    asyncio.run(main())
    assert house.count(Checkin) == 1


def _raise(error: Exception) -> None:
    raise error


def test_a_no_that_cannot_be_recorded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise OperationalError("x", {}, OSError())

    house.probe.meanwhile = lambda: _raise(Refusal("members.not_yours"))
    monkeypatch.setattr(house.gateway, "_refused", broken)
    assert house.tell("慢探针") == ("down", [])


def test_the_work_of_a_slow_command_refuses(house: House) -> None:
    house.probe.meanwhile = lambda: _raise(Refusal("members.not_yours"))
    assert house.keys("慢探针") == ["members.not_yours"]


def test_a_no_is_one_transaction(house: House) -> None:
    """Nothing of the refused effect stays, the claim and the answer do, and no later message comes between."""
    error(house, lambda: Refusal("members.not_yours"))
    before = house.counts(without=("inbox", "outbox"))
    writer = house.database._writer
    assert isinstance(writer, ThreadWriter)
    commits = writer.commits
    assert house.keys("探针记录") == ["members.not_yours"]
    assert writer.commits == commits + 2, "received, refused"
    assert house.inbox() == [("done", "")]
    assert house.counts(without=("inbox", "outbox")) == before


# ---------------------------------------------------------------- slow commands


def test_nothing_is_open_while_a_slow_command_waits(house: House) -> None:
    """Others write meanwhile, and the slow one is claimed only in its end."""
    states: list[str] = []

    async def others() -> None:
        states.append(house.inbox()[0][0])
        assert (await house.deal(house.incoming("签到", "u2"))).outcome == "done"

    house.probe.meanwhile = others
    outcome, (said,) = house.tell("慢探针 内容")
    assert (outcome, said.key, states) == ("done", "members.kept", ["pending"])
    assert said.tails == ("members.notice_short",)
    assert house.count(Checkin) == 1


def test_what_is_said_during_a_wait_leaves_an_answer_with_who_asked(house: House) -> None:
    """新问答's question is looked up while 积分 is answered: it is still the answer to 新问答, and nobody else's."""
    ids = iter(range(9))

    def asked(subject: str) -> None:
        number, when = f"b{next(ids)}", house.clock.now()
        house.database.write_now(
            lambda s: outbox.remember(
                s, channel="play", account="", conversation="u1", provider_id=number, subject=subject, sent_at=when
            )
        )

    house.tell("签到")
    house.database.write_now(lambda s: s.add(RoleGrant(person_id=1, role="staff", granted_at=NOW)))
    asked("probe_ask:1")
    house.probe.meanwhile = lambda: asked("over:")
    assert house.keys("周末能提货吗", private=True) == ["members.kept"]
    assert house.keys("周末能提货吗", private=True) != ["members.kept"], "after it the words are a question again"


def test_a_slow_command_that_somebody_else_finished(house: House) -> None:
    house.probe.meanwhile = lambda: house.database._writer.submit(lambda s: inbox.claim(s, 1)).result(5)
    assert house.tell("慢探针") == ("repeated", [])


def test_a_slow_command_that_somebody_else_finished_says_no_to_nobody(house: House) -> None:
    def taken() -> None:
        house.database._writer.submit(lambda s: inbox.claim(s, 1)).result(5)
        _raise(Refusal("members.not_yours"))

    house.probe.meanwhile = taken
    assert house.tell("慢探针") == ("repeated", [])


def test_a_slow_command_that_is_refused(house: House) -> None:
    error(house, lambda: Refusal("members.not_yours"))
    assert house.keys("慢探针") == ["members.not_yours"]


# ---------------------------------------------------------------- who


def test_nobody_can_be_known(house: House) -> None:
    """An anonymous administrator gets no points and no rights; his chatter and his coming are no matter."""
    assert house.keys("签到", "") == ["guard.anonymous"]
    for text in ("积分", "删除我的数据"):
        outcome, (stamp,) = house.tell(text, "")
        assert (outcome, stamp.kind, stamp.emoji) == ("refused", Kind.REACTION, "🤷"), "told a moment ago"
    assert house.keys("", "", button="points:") == []
    house.clock.set(NOW + timedelta(hours=1))
    assert house.keys("积分", "") == ["guard.anonymous"]
    assert house.count(Person) == 0
    outcome, said = house.tell("", "", event=Event.JOIN, subject="u5", subject_name="新邻居")
    assert (outcome, [m.key for m in said]) == ("done", ["groups.welcome"])


def test_the_muted(house: House) -> None:
    house.tell("签到")
    member = house.database.read_now(lambda s: s.exec(select(Member.id)).one())
    house.change(Member, member, muted_until=NOW + timedelta(hours=1))
    before = house.counts(without=("inbox", "outbox"))
    assert house.keys("签到") == ["guard.muted"], "told once"
    for text in ("签到", "积分", "今日话题", "我的数据", "设置"):
        outcome, (stamp,) = house.tell(text)
        assert (outcome, stamp.kind, stamp.key, stamp.emoji) == ("refused", Kind.REACTION, "", "🙊"), text
    assert house.keys("", button="points:") == []
    assert house.tell("他们只是聊天", addressed=False) == ("done", [])
    assert house.keys("积分", private=True) == ["guard.muted"]
    assert house.keys("几点提货", private=True) == ["guard.muted"]
    assert house.counts(without=("inbox", "outbox", "identity", "person")) == {
        k: v for k, v in before.items() if k not in ("identity", "person")
    }
    # The rights over one's own data stay, in private.
    assert house.keys("我的数据", private=True) == ["members.mine"]
    house.clock.set(NOW + timedelta(hours=1))
    assert house.keys("积分") == ["points.balance"]


def test_the_muted_can_leave(house: House) -> None:
    house.tell("签到")
    member = house.database.read_now(lambda s: s.exec(select(Member.id)).one())
    house.change(Member, member, muted_until=NOW + timedelta(hours=1))
    house.probe.said = ()
    assert house.tell(event=Event.LEAVE, subject="u1") == ("done", [])
    assert house.database.read_now(lambda s: s.get_one(Member, member)).left_at == NOW


def test_a_group_heard_of_before_the_bot_was_added(house: House) -> None:
    """The event of our coming was lost, or the group is older than the installation."""
    assert house.tell("签到", group_name="阳光花园")[0] == "done"
    group = house.database.read_now(lambda s: s.exec(select(Group)).one())
    assert (group.name, group.zone, group.state) == ("阳光花园", "Asia/Shanghai", "active")
    outcome, said = house.tell(event=Event.BOT_ADDED, who="u9", group_name="阳光花园一期", zone="Asia/Urumqi")
    assert (outcome, [m.key for m in said][:1]) == ("done", ["groups.hello"])
    group = house.database.read_now(lambda s: s.exec(select(Group)).one())
    assert (group.name, group.zone) == ("阳光花园一期", "Asia/Urumqi")
    assert house.keys("积分") == ["points.balance"]


def test_one_person_in_two_groups(house: House) -> None:
    house.tell("签到")
    house.clock.set(NOW + timedelta(hours=1))
    house.tell("签到", conversation="g2", group_name="二期")
    assert (house.count(Person), house.count(Member), house.count(Account)) == (1, 2, 2)
    _, (mine,) = house.tell("积分", private=True)
    assert mine.key == "points.balances"
    assert len(mine.values["rows"]) == 2  # type: ignore[arg-type]
    # In private it is about the group joined last, until another one is chosen.
    _, (chosen,) = house.tell("切换群", private=True)
    first = next(b for b in chosen.buttons if b.key.endswith(":1"))
    assert house.keys("", private=True, button=first.key) == ["groups.chosen"]
    assert house.keys("排行榜", private=True) == ["points.board_week"]
    house.clock.set(NOW + timedelta(days=8))
    _, (later,) = house.tell("积分", private=True)
    rows: Any = later.values["rows"]
    assert [row["gained"] for row in rows] == ["这周还没有新的"] * 2, "a plus of nothing is none"


def test_in_private_without_a_group(house: House) -> None:
    assert house.keys("积分", "u7", private=True) == ["guard.no_group"]
    assert house.keys("帮助", "u7", private=True) == ["members.help_short_alone"]
    assert house.keys("几点能提货", "u7", private=True) == ["faq.unknown_no_group"]
    assert house.count(Consent) == 0


def test_in_private_with_a_group(house: House) -> None:
    house.tell("签到")
    _, (said,) = house.tell("积分", private=True)
    assert (said.key, said.place, said.conversation) == ("points.balance", Place.DM, "u1")
    opened = house.database.read_now(lambda s: identities.address(s, 1, "play"))
    assert opened is not None
    assert opened[2]


def test_who_left_and_speaks_is_back(house: House) -> None:
    house.probe.said = ()
    house.tell("签到")
    house.tell(event=Event.LEAVE, subject="u1")
    assert house.keys("积分") == ["points.balance"]
    assert house.database.read_now(lambda s: s.exec(select(Member)).one()).left_at is None


def test_a_new_name_is_followed(house: House) -> None:
    house.tell("签到", sender_name="李阿姨")
    house.tell("积分", sender_name="李\u200b姐\u202e")
    assert house.database.read_now(lambda s: s.exec(select(Member)).one()).name == "李姐"
    house.tell("积分", sender_name="")
    assert house.database.read_now(lambda s: s.exec(select(Identity)).one()).name == "李姐"


def test_roles_over_groups_are_looked_up_where_needed(house: House) -> None:
    house.tell("签到")
    assert house.keys("运营探针") == ["guard.staff_only"]
    house.database.write_now(lambda s: s.add(RoleGrant(person_id=1, role="staff", granted_at=NOW)))
    assert house.keys("运营探针") == ["members.kept"]
    assert house.keys("运营探针", private=True) == ["members.kept"]
    assert house.keys("运营探针", "") == ["guard.anonymous"]


def test_pace(house: House) -> None:
    """On a platform a person's commands a minute are bounded: told once, then ignored, until the person slows down."""
    told = [house.tell("积分", channel="telegram", conversation="-1")[1] for _ in range(23)]
    assert [m.key for said in told[19:] for m in said] == ["points.none", "guard.too_fast"]
    assert house.tell("他们只是聊天", channel="telegram", conversation="-1", addressed=False)[0] == "done"
    assert house.keys("积分", "u2", channel="telegram", conversation="-1") == ["points.none"]
    house.clock.set(NOW + timedelta(minutes=1))
    assert house.keys("积分", channel="telegram", conversation="-1") == ["points.none"]
    assert len([m for _ in range(30) for m in house.tell("积分", "u3")[1]]) == 30, "nobody is a stranger here"


# ---------------------------------------------------------------- what for


def test_a_button_of_nobody(house: House) -> None:
    for key in ("nobody:1", "", "checkin_x:", "prob:1"):
        assert house.keys("", button=key) == ["guard.old_button"]


def test_what_is_not_meant_for_the_bot(house: House) -> None:
    assert house.tell("你家孩子几岁了") == ("done", [])


def test_a_question_that_is_addressed(house: House) -> None:
    assert house.keys("你家孩子几岁了", addressed=True) == ["faq.unknown_no_leader"]


def test_a_quote_goes_to_who_owns_the_subject(house: House) -> None:
    def note(conversation: str, number: str, subject: str) -> None:
        house.database.write_now(
            lambda s: outbox.remember(
                s,
                channel="play",
                account="",
                conversation=conversation,
                provider_id=number,
                subject=subject,
                sent_at=NOW,
            )
        )

    note("g1", "b1", "probe:7")
    note("g1", "b2", "nobody:7")
    assert house.keys("随便说说", reply_to="b1") == ["members.kept"]
    assert house.keys("签到", reply_to="b1") == ["checkin.first"], "a command in a quote is a command"
    for unknown in ("b2", "b3"):
        assert house.keys("随便说说", reply_to=unknown) == []
        assert house.keys("随便说说", reply_to=unknown, addressed=True) == ["faq.unknown_no_leader"]


def test_chatter_is_not_stored_anywhere(house: House) -> None:
    """Neighbours talk; the bot counts, and not a word of it stands in any file."""
    from bot.courier import Courier
    from bot.pump import Pump
    from scheduler.gate import open_gate

    courier = Courier(house.database, {}, open_gate(house.database, {}), house.clock)
    pump = Pump(house.gateway, courier)
    words = ["小宝今天发烧了", "团长电话多少来着", "我昨天忘记签到了怎么办", "13900001234 是我号码"]

    async def main() -> None:
        await pump.receive(house.incoming("签到", "u2"))
        for text in words:
            assert not await pump.receive(house.incoming(text, "u1", sender_name="爱说话的陈师傅"))
        await pump.drain()

    asyncio.run(main())
    house.database.read_now(lambda s: None)
    stored = house.bytes()
    for text in (*words, "爱说话的陈师傅"):
        assert text.encode() not in stored, text
    assert "邻居u2".encode() in stored, "the search finds what is there"
    assert house.count(Person) == 1


# ---------------------------------------------------------------- to whom


def test_a_person_without_an_address_gets_nothing(house: House) -> None:
    """The asker was erased, or is on another channel: the rest is said, and the log knows."""
    house.tell("签到")
    house.probe.said = (Reply("members.kept", kind=Kind.DM, to=999), Reply("members.kept"))
    with capture_logs() as logs:
        outcome, said = house.tell("探针")
    assert (outcome, [m.place for m in said]) == ("done", [Place.GROUP])
    assert [line["key"] for line in logs if line["event"] == "no_address"] == ["members.kept"]


def test_private_words_from_a_group(house: House) -> None:
    house.tell("签到", "u2")
    house.probe.said = (Reply("members.kept", kind=Kind.DM, to=1), Reply("members.kept", kind=Kind.DM))
    _, (to_other, to_self) = house.tell("探针", "u3", thread="t5")
    assert (to_other.place, to_other.conversation, to_other.to, to_other.to_name) == (Place.DM, "u2", "u2", "邻居u2")
    assert (to_self.conversation, to_self.reply_to, to_self.thread) == ("u3", "", "")


def test_words_to_a_group_from_elsewhere(house: House) -> None:
    house.tell("签到", "u2")
    house.tell("签到", "u2", conversation="g2", account="bot2")
    house.probe.said = (
        Reply("members.kept", kind=Kind.PUSH, to=1, mention=True, group_id=1),
        Reply("members.kept", group_id=2),
        Reply("members.kept", group_id=99),
    )
    _, said = house.tell("探针", "u2", private=True)
    assert [(m.place, m.conversation, m.account, m.reply_to) for m in said] == [
        (Place.GROUP, "g1", "", ""),
        (Place.GROUP, "g2", "bot2", ""),
    ]
    assert (said[0].to, said[0].mention) == ("u2", True)


def test_words_to_the_group_itself(house: House) -> None:
    house.tell("签到")
    house.probe.said = (Reply("members.kept", group_id=1), Reply("members.kept", kind=Kind.PUSH))
    _, (reply, push) = house.tell("探针", thread="t5")
    assert (reply.reply_to, reply.thread) == ("m2", "t5")
    assert (push.kind, push.reply_to, push.conversation) == (Kind.PUSH, "", "g1")


def test_the_notice_comes_with_the_first_words(house: House) -> None:
    _, (first,) = house.tell("签到")
    _, second = house.tell("积分")
    assert "members.notice" in first.tails
    assert all("members.notice" not in m.tails for m in second)
    # Also when the first thing said is no answer in words.
    house.probe.said = (Reply("", kind=Kind.REACTION, emoji="👍"),)
    assert house.keys("探针记录", "u5") == ["members.notice_short"]
    assert house.keys("探针记录", "u5") == []
    assert house.database.read_now(lambda s: s.exec(select(Entry)).all())
