"""What people do on a web page, over the real gateway: their rights, the one effect, and where every word goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from bot.desk import MARK, ProgramDesk
from bot.main import Program, open_program
from bot.settings import Settings
from console.auth import Role, Visitor
from console.desk import Said, Subjects, one_text
from console.pages import activities, groups, ledger, today
from engagement.checkin.tables import Checkin
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from storage.engine import DatabaseSettings
from storage.groups import Consent, Group, Identity, Member, Person, RoleGrant
from storage.ledger import Entry
from storage.outbox import Outbox
from tests.bot.house import NOW
from tests.storage.worlds import waiting


class Taker:
    """Takes everything."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        return Receipt(Outcome.SENT, provider_id=f"p{len(self.sent)}")


class Room:
    """A program with two groups: 周团长 leads g1, 李阿姨 and 张叔 are in g1, 王姐 is in g2, 小何 is of the staff and in none."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.desk = ProgramDesk(program)
        self.taker = Taker()
        program.senders["play"] = self.taker
        for number, (group, who, name) in enumerate((("g1", "u9", "周团长"), ("g2", "u8", "陈团长"))):
            self.take(event=Event.BOT_ADDED, key=f"add{number}", group=group, who=who, name=name)
        self.take("签到", group="g1", who="u1", name="李阿姨", key="c1")
        self.take("签到", group="g1", who="u3", name="张叔", key="c3")
        self.take("签到", group="g2", who="u2", name="王姐", key="c2")
        program.database.write_now(self._staff)
        asyncio.run(program.pump.drain())
        self.taker.sent.clear()

    @staticmethod
    def _staff(session: object) -> None:
        person = Person(created_at=NOW)
        session.add(person)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        session.add(RoleGrant(person_id=person.id or 0, role="staff", granted_at=NOW))  # type: ignore[attr-defined]

    def take(self, text: str = "", *, group: str, who: str, name: str, key: str, event: Event = Event.MESSAGE) -> None:
        now = self.program.clock.now()
        asyncio.run(
            self.program.take(
                Incoming(event, "play", key, Place.GROUP, group, who, now, now, sender_name=name, text=text)
            )
        )

    def person(self, who: str) -> int:
        if who == "staff":
            return self.program.database.read_now(lambda s: s.exec(select(RoleGrant.person_id)).one())
        return self.program.database.read_now(
            lambda s: s.exec(select(Identity.person_id).where(Identity.external_id == who)).one()
        )

    def group(self, external_id: str) -> int:
        found = self.program.database.read_now(
            lambda s: s.exec(select(Group.id).where(Group.external_id == external_id)).one()
        )
        assert found is not None
        return found

    def say(self, who: str, group: str, text: str, key: str = "k", about: str = "") -> Said:
        return self._then(self.desk.say(self.person(who), self.group(group), text, key, about))

    def press(self, who: str, group: str, button: str, key: str = "k") -> Said:
        return self._then(self.desk.press(self.person(who), self.group(group), button, key))

    def _then(self, doing: object) -> Said:
        async def main() -> Said:
            said: Said = await doing  # type: ignore[misc]
            await self.program.pump.drain()
            return said

        return asyncio.run(main())

    def amounts(self) -> list[int]:
        return self.program.database.read_now(
            lambda s: list(
                s.exec(select(Entry.amount).where(Entry.kind == "adjust", Entry.amount > 0).order_by(col(Entry.id)))
            )
        )

    def count(self, table: type) -> int:
        return self.program.database.read_now(lambda s: len(s.exec(select(table)).all()))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    program = open_program(tmp_path / "data", Settings(), clock=SetClock(NOW), answers=False, gated=False, drawn=False)
    yield Room(program)
    program.close()


def test_a_leader_gives_points_and_takes_them_back(room: Room) -> None:
    """周团长 on her page: 加分 李阿姨 5 帮忙搬货 → done, with 撤销; pressed, the points are gone again."""
    said = room.say("u9", "g1", "加分 李阿姨 5 帮忙搬货")
    assert said.outcome == "done"
    assert said.went_well
    assert "李阿姨" in said.lines[0].text
    assert "**" not in said.lines[0].text
    undo = next(key for key, _ in said.lines[0].buttons if key.startswith("undo_points:"))
    assert room.amounts() == [5]
    assert room.press("u9", "g1", undo).outcome == "done"
    assert (
        sum(room.amounts())
        + sum(
            room.program.database.read_now(lambda s: list(s.exec(select(Entry.amount).where(Entry.kind == "reversal"))))
        )
        == 0
    )


def test_nobody_is_more_than_his_session(room: Room) -> None:
    """The leader's own cookie of a neighbour gives nothing; one of a leader gives; staff without a second step are nobody."""
    leader, staff, group = room.person("u9"), room.person("staff"), room.group("g1")

    async def main() -> Said:
        asked = [(leader, "resident"), (leader, "leader"), (staff, "leader"), (staff, "resident"), (staff, "")]
        said = [
            await room.desk.say(who, group, "加分 李阿姨 5 帮忙搬货", f"k{number}", role=role)
            for number, (who, role) in enumerate(asked)
        ]
        return Said(" ".join(one.outcome for one in said))

    assert room._then(main()).outcome == "refused done refused refused done"
    assert room.amounts() == [5, 5]


def test_a_form_that_is_sent_twice_has_one_effect(room: Room) -> None:
    room.say("u9", "g1", "加分 李阿姨 5 帮忙搬货", key="form1")
    again = room.say("u9", "g1", "加分 李阿姨 5 帮忙搬货", key="form1")
    assert again.outcome == "repeated"
    assert again.went_well
    assert "已经办过" in again.lines[0].text
    assert room.amounts() == [5]
    room.say("u9", "g1", "加分 李阿姨 5 帮忙搬货", key="form2")
    assert room.amounts() == [5, 5]


def test_at_once_it_has_one_effect_too(room: Room) -> None:
    leader, group = room.person("u9"), room.group("g1")

    async def main() -> list[str]:
        said = await asyncio.gather(*(room.desk.say(leader, group, "加分 李阿姨 3 帮忙", "one") for _ in range(12)))
        return sorted(one.outcome for one in said)

    assert asyncio.run(main()) == ["done"] + ["repeated"] * 11
    assert room.amounts() == [3]


def test_a_leader_is_nobody_in_another_group(room: Room) -> None:
    said = room.say("u9", "g2", "加分 王姐 5 帮忙")
    assert said.outcome == "refused"
    assert room.amounts() == []


def test_a_neighbour_leads_nothing_but_does_what_is_hers(room: Room) -> None:
    assert room.say("u1", "g1", "加分 李阿姨 5 帮忙").outcome == "refused"
    assert room.say("u1", "g2", "积分").outcome == "refused"
    assert room.amounts() == []
    said = room.say("u1", "g1", "积分")
    assert said.outcome == "done"
    assert "现在有 5 积分" in said.lines[0].text


def test_who_lost_the_group_loses_it_on_the_page_too(room: Room) -> None:
    def demote(session: object) -> None:
        member = session.exec(select(Member).where(Member.person_id == room.person("u9"))).one()  # type: ignore[attr-defined]
        member.role = "member"
        session.add(member)  # type: ignore[attr-defined]

    room.program.database.write_now(demote)
    assert room.say("u9", "g1", "加分 李阿姨 5 帮忙").outcome == "refused"


def test_staff_act_in_every_group_but_are_nobodys_neighbour(room: Room) -> None:
    for number, group in enumerate(("g1", "g2")):
        name = ("李阿姨", "王姐")[number]
        said = room.say("staff", group, f"加分 {name} 4 活动补发", key=group)
        assert said.outcome == "done", said
        undo = next(key for key, _ in said.lines[0].buttons if key.startswith("undo_points:"))
        assert room.press("staff", group, undo).outcome == "done"
    said = room.say("staff", "g1", "签到")
    assert said.outcome == "refused"
    assert "邻居" in said.lines[0].text
    assert room.count(Consent) == 3, "nobody agreed to anything by it"
    assert room.count(Checkin) == 3


def test_a_check_in_on_the_page_counts_once_a_day_wherever_it_is_made(room: Room) -> None:
    said = room.say("u1", "g1", "签到")
    assert said.outcome == "done"
    assert room.count(Checkin) == 3, "today's was made in the group"
    room.program.clock.set(NOW.replace(day=2))  # type: ignore[attr-defined]
    room.say("u1", "g1", "签到", key="tomorrow")
    assert room.count(Checkin) == 4


def test_the_answer_comes_back_and_nothing_is_sent_to_the_page(room: Room) -> None:
    room.say("u9", "g1", "加分 李阿姨 5 帮忙搬货")
    room.say("u9", "g1", "设置", key="k2")
    assert room.say("u9", "g1", "免打扰 不是时间", key="k3").outcome == "refused"
    assert not [one for one in room.taker.sent if one.conversation.startswith(MARK)]
    rows = room.program.database.read_now(lambda s: list(s.exec(select(Outbox.conversation))))
    assert not [one for one in rows if one.startswith(MARK)]


def test_what_others_are_told_goes_out_on_the_groups_channel(room: Room) -> None:
    """Above the cap a second leader is asked in private; the page that asked shows its own answer only."""

    def second(session: object) -> None:
        member = session.exec(select(Member).where(Member.person_id == room.person("u1"))).one()  # type: ignore[attr-defined]
        member.role = "leader"
        session.add(member)  # type: ignore[attr-defined]
        for identity in session.exec(select(Identity)).all():  # type: ignore[attr-defined]
            identity.dm_open = True
            session.add(identity)  # type: ignore[attr-defined]

    room.program.database.write_now(second)
    said = room.say("u9", "g1", "加分 张叔 500 年终奖励")
    assert said.outcome == "done"
    assert room.amounts() == []
    assert [(one.kind, one.place, one.conversation) for one in room.taker.sent] == [(Kind.DM, Place.DM, "u1")]
    button = next(key for key, _ in said.lines[0].buttons if key.startswith("gift_yes:"))
    assert room.press("u9", "g1", button).outcome == "refused", "not by who asked"
    assert room.press("u1", "g1", button).outcome == "done"
    assert room.amounts() == [500]
    assert any(one.conversation == "u9" for one in room.taker.sent)


def test_rubbish_is_refused_in_words(room: Room) -> None:
    leader, group = room.person("u9"), room.group("g1")

    async def main() -> list[Said]:
        return [
            await room.desk.press(leader, group, "nonsense:1", "a"),
            await room.desk.press(leader, group, "undo:999999", "b"),
            await room.desk.say(leader, 999_999, "设置", "c"),
            await room.desk.say(999_999, group, "设置", "d"),
            await room.desk.say(leader, group, "加分", "e" * 5000),
            await room.desk.say(leader, group, "\x00\ud800" + "啊" * 9000, "f"),
        ]

    for said in asyncio.run(main())[:5]:
        assert said.outcome == "refused"
        assert said.lines[0].text


def test_what_a_crash_left_is_done_once_and_told_nobody(room: Room) -> None:
    """The form was taken and the process died: the next one does it, and the form sent again changes nothing."""
    leader, group = room.person("u9"), room.group("g1")

    async def cut_short(_row: int, _incoming: Incoming) -> object:
        raise asyncio.CancelledError

    async def before() -> None:
        right, room.program.pump._in_turn = room.program.pump._in_turn, cut_short  # type: ignore[method-assign, assignment]
        with pytest.raises(asyncio.CancelledError):
            await room.desk.say(leader, group, "加分 李阿姨 7 帮忙", "form")
        room.program.pump._in_turn = right  # type: ignore[method-assign]

    async def after() -> None:
        assert await room.program.pump.resume() == 1
        await room.program.pump.drain()
        assert await room.program.pump.resume() == 0

    asyncio.run(before())
    body = room.program.database.read_now(waiting)[0][1]
    kept = Incoming.load(body)
    assert (kept.desk_person, kept.desk_group) == (leader, group)
    asyncio.run(after())
    assert room.amounts() == [7]
    assert room.say("u9", "g1", "加分 李阿姨 7 帮忙", key="form").outcome == "repeated"
    assert room.amounts() == [7]
    assert not [one for one in room.taker.sent if one.conversation.startswith(MARK)]


def test_a_bug_is_apologised_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(room.program.dispatcher, "run", broken)
    monkeypatch.setattr("bot.gateway._PAUSES", (0.0, 0.0, 0.0))
    said = room.say("u9", "g1", "设置")
    assert said.outcome == "bug"
    assert not said.went_well
    assert said.lines[0].text


def test_a_question_is_answered_on_the_page_and_handed_over_like_any_other(room: Room) -> None:
    said = room.say("u1", "g1", "这个月快递站几点关门呀")
    assert said.outcome == "done"
    assert said.lines


def test_the_file_of_my_data_is_a_download(room: Room) -> None:
    said = room.say("u1", "g1", "导出我的数据")
    documents = [line.document for line in said.lines if line.document is not None]
    assert said.outcome == "done"
    assert documents
    assert documents[0][1].strip()


def test_no_event_of_a_channel_comes_from_a_page() -> None:
    plain = Incoming(Event.MESSAGE, "play", "m1", Place.GROUP, "g1", "u1", NOW, NOW, text="签到")
    assert "desk" not in plain.dump()
    on_page = replace(plain, desk_person=3, desk_group=4, desk_about="fill:hours")
    assert Incoming.load(on_page.dump()) == on_page


def test_what_an_answer_is_about_is_signed_for_one_person() -> None:
    subjects = Subjects("a secret of the tests")
    sealed = subjects.seal(7, "question:12")
    assert subjects.open(7, sealed) == "question:12"
    assert subjects.open(8, sealed) is None
    assert subjects.open(7, "question:13" + sealed[11:]) is None
    assert subjects.open(7, "rubbish") is None
    assert subjects.open(7, "") == ""
    assert subjects.seal(7, "") == ""


def test_a_forms_fields_become_one_message() -> None:
    assert one_text(["加分", " 李阿姨 ", "", "5", "帮忙  搬货"]) == "加分 李阿姨 5 帮忙 搬货"
    assert one_text(["写话题", "第一行\n第二行"]) == "写话题 第一行\n第二行"


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """A tap has one effect, also twelve at once; the rooms of a group are read."""
    settings = Settings(database=DatabaseSettings(url=SecretStr(postgres_url)))
    program = open_program(tmp_path / "data", settings, clock=SetClock(NOW), answers=False, gated=False, drawn=False)
    try:
        room = Room(program)
        leader, group = room.person("u9"), room.group("g1")

        async def main() -> list[str]:
            said = await asyncio.gather(*(room.desk.say(leader, group, "加分 李阿姨 3 帮忙", "one") for _ in range(12)))
            await program.pump.drain()
            return sorted(one.outcome for one in said)

        assert asyncio.run(main()) == ["done"] + ["repeated"] * 11
        assert room.amounts() == [3]
        assert room.say("staff", "g2", "加分 王姐 4 补发", key="two").outcome == "done"
        visitor = Visitor(Role.LEADER, leader, "周团长")
        row = program.database.read_now(lambda s: s.get_one(Group, group))
        assert [one.name for one in program.database.read_now(lambda s: today.read(s, visitor, NOW)).lines] == [
            row.name
        ]
        assert program.database.read_now(lambda s: groups.find(s, visitor, "", 0, NOW))[2] == 1
        assert program.database.read_now(lambda s: groups.board_of(s, row, NOW)).members == 3
        wanted = ledger.Wanted(q="李", kind="adjust", since=NOW.date(), least=1, before=(NOW.date(), 10**9))
        assert [one.amount for one in program.database.read_now(lambda s: ledger.entries(s, row, wanted, 9))] == [3]
        assert program.database.read_now(lambda s: activities.read(s, row, NOW)).totals.participants == 2
        staff = Visitor(Role.STAFF, room.person("staff"), "小何")
        assert len(program.database.read_now(lambda s: today.read(s, staff, NOW)).lines) == 2
    finally:
        program.close()
