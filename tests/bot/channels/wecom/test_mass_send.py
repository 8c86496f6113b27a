"""One message a day and customer group, sent when its leader taps; on rows that are real and a company that is not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.mass_send import MassSender
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.tasks import Tasks
from bot.rendering import Rendered
from engagement.clocks import SetClock
from engagement.kernel import Button, Kind, Outcome, Outgoing, Place, Section
from storage import mass_sends
from storage.engine import Database, open_database
from storage.mass_sends import AWAITING
from tests.platforms.wecom import FakeWecom, Template

MORNING = datetime(2026, 9, 1, 0, 30, tzinfo=UTC)  # half past eight in Shanghai


class House:
    """A company with one customer group, and the sender."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.clock = SetClock(MORNING)
        self.wecom = FakeWecom(MORNING)
        self.wecom.add_group("wr1", "leader", "wm-li", "wm-wang")
        named = {
            "corp_id": self.wecom.corp_id,
            "agent_id": 7,
            "secret": self.wecom.secret,
            "h5_url": "https://t.example/h5",
        }
        self.known: dict[str, str] = {}
        self.settings = WecomSettings.model_validate(named | settings)
        self.api = WecomApi(self.settings, self.clock, self.wecom.client())
        self.sender = self.make()

    def make(self) -> MassSender:
        tasks = Tasks(self.api, self.settings, "打卡", self.keys)
        return MassSender(tasks, self.settings, words, self.clock, self.database, self.leader)

    async def keys(self, conversation: str) -> list[str]:
        return [f"key-of-{conversation}", f"old-of-{conversation}"]

    async def leader(self, conversation: str, *, anew: bool = False) -> str:
        """Whom we know to own a group: who did when it was read, unless it is read now."""
        owner = str(self.wecom.groups.get(conversation, {}).get("owner", ""))
        if anew:
            self.known.pop(conversation, None)
        return self.known.setdefault(conversation, owner)

    def on(self, minutes: float) -> None:
        self.clock.set(self.clock.now() + timedelta(minutes=minutes))
        self.wecom.now = self.clock.now()

    async def ask(self, *keys: str, conversation: str = "wr1", kind: Kind = Kind.PUSH) -> tuple[Outcome, str]:
        receipt = await self.sender.send(push(*(keys or ("topic.morning",)), conversation=conversation, kind=kind))
        return receipt.outcome, receipt.reason

    @property
    def open(self) -> list[Template]:
        return [one for one in self.wecom.templates.values() if not one.cancelled]

    def row(self, day: date = date(2026, 9, 1)) -> mass_sends.Asked:
        where = {"channel": "wecom", "account": self.wecom.corp_id, "conversation": "wr1"}
        found = self.database.read_now(lambda session: mass_sends.find(session, local_date=day, **where))
        assert found is not None
        return found


def words(message: Outgoing) -> Rendered:
    keys = [message.key, *(section.key for section in message.more), *(button.label for button in message.buttons)]
    return Rendered(("\n".join(keys),), False, ())


def push(*keys: str, conversation: str = "wr1", kind: Kind = Kind.PUSH) -> Outgoing:
    more = tuple(Section(key) for key in keys[1:])
    return Outgoing(kind, "wecom", "ww-sample", Place.GROUP, conversation, "topic", keys[0], {}, more=more)


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    folder = tmp_path / "rows"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield opened
    opened.close()


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


WAITS = (Outcome.RETRY, AWAITING)
TOLD = (Outcome.SENT, "")


async def test_the_leader_taps_and_the_group_has_it(house: House) -> None:
    """08:30 团团请团长确认；09:10 团长点了；群里一条，带打卡页。"""
    assert await house.ask("topic.morning", "theme.day") == WAITS
    assert not house.wecom.log
    for _ in range(3):
        house.on(10)
        assert await house.ask("topic.morning", "theme.day") == WAITS
    [template] = house.open
    house.wecom.confirm(template.msgid)
    house.on(10)
    assert await house.ask("topic.morning", "theme.day") == TOLD
    assert [(one.to, one.content) for one in house.wecom.log] == [
        ("group:wr1", "topic.morning\ntheme.day\nhttps://t.example/h5/in/key-of-wr1?d=2026-09-01")
    ]
    assert house.row().state == "sent"
    assert len(house.wecom.templates) == 1


async def test_nobody_is_asked_to_choose_where_nobody_hears(house: House) -> None:
    choices = (Button("topic:1", "demo.yes"), Button("topic:2", "demo.no"))
    assert (await house.sender.send(replace(push("topic.morning"), buttons=choices))).reason == AWAITING
    assert house.open[0].text == "topic.morning"


async def test_reminded_three_times_and_no_more(house: House) -> None:
    for _ in range(60):
        await house.ask()
        house.on(10)
    [template] = house.open
    assert len(template.reminded) == 3
    assert [at - MORNING for at in template.reminded] == [timedelta(hours=hours) for hours in (1, 2, 3)]


async def test_what_nobody_confirms_is_recalled(house: House) -> None:
    """A morning's topic does not arrive at night because somebody taps then."""
    await house.ask()
    house.on(12 * 60)
    assert await house.ask() == (Outcome.REJECTED, "not_confirmed")
    assert not house.open
    assert house.row().state == "recalled"
    assert await house.ask("theme.day") == (Outcome.REJECTED, "not_confirmed")


async def test_more_to_say_before_the_tap_is_one_message(house: House) -> None:
    await house.ask("topic.morning")
    house.on(20)
    assert await house.ask("topic.morning", "theme.day") == WAITS
    [template] = house.open
    assert template.text == "topic.morning\ntheme.day"
    # Which of the two carries the other does not matter.
    assert await house.ask("theme.day", "topic.morning") == WAITS
    assert len(house.wecom.templates) == 2
    house.wecom.confirm(template.msgid)
    assert await house.ask("theme.day", "topic.morning") == TOLD
    assert len(house.wecom.log) == 1


async def test_more_to_say_after_the_tap_is_for_another_day(house: House) -> None:
    await house.ask("topic.morning")
    house.wecom.confirm(house.open[0].msgid)
    assert await house.ask("theme.day") == (Outcome.REJECTED, "said_today")
    assert len(house.wecom.log) == 1
    house.on(24 * 60)
    assert await house.ask("theme.day") == WAITS


async def test_a_month_has_its_number(database: Database) -> None:
    house = House(database, mass_sends_a_month=2)
    for _ in range(2):
        await house.ask()
        house.wecom.confirm(house.open[-1].msgid)
        assert await house.ask() == TOLD
        house.on(24 * 60)
    assert await house.ask() == (Outcome.REJECTED, "month_full")
    house.on(30 * 24 * 60)
    assert await house.ask() == WAITS


async def test_the_platform_counts_for_itself(house: House) -> None:
    """Somebody else has sent to the group as well: the leader taps, and the group does not get it."""
    house.wecom.per_month = 1
    await house.ask()
    house.wecom.confirm(house.open[0].msgid)
    await house.ask()
    house.on(24 * 60)
    await house.ask()
    house.wecom.confirm(house.open[-1].msgid)
    assert await house.ask() == (Outcome.REJECTED, "month_full")
    assert len(house.wecom.log) == 1


LOST = "externalcontact/add_msg_template"


async def test_a_lost_answer_makes_nothing_twice(house: House) -> None:
    """企业微信建好了任务，回话丢了：两分钟后去任务记录里找，找到的就是它，不再建第二个。"""
    house.wecom.script[LOST] = ["cut"]
    assert await house.ask() == (Outcome.RETRY, "in_doubt")
    house.on(1)
    assert await house.ask() == (Outcome.RETRY, "in_doubt")
    house.on(2)
    assert await house.ask() == WAITS
    assert len(house.wecom.templates) == 1
    house.wecom.confirm(house.open[0].msgid)
    assert await house.ask() == TOLD
    assert len(house.wecom.log) == 1


@pytest.mark.parametrize("page", ["https://t.example/h5", ""])
async def test_a_kill_between_the_task_and_its_row(database: Database, page: str) -> None:
    """The process dies after WeCom's yes and before ours: another one finds the task, with a link in it and without."""
    house = House(database, h5_url=page)
    house.wecom.add_group("wr2", "leader", "wm-qian")
    await house.ask(conversation="wr2")
    put = mass_sends.move
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mass_sends, "move", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await house.ask()
    assert mass_sends.move is put
    assert (house.row().state, len(house.wecom.templates)) == ("making", 2)
    house.sender = house.make()
    house.on(3)
    assert await house.ask() == WAITS
    assert len(house.wecom.templates) == 2
    assert house.row().provider_id == "msg3"
    assert [house.wecom.templates[one].chats for one in house.wecom.templates] == [("wr2",), ("wr1",)]


async def test_a_kill_between_the_recall_and_the_new_task(house: House) -> None:
    """Asked for more before the tap; killed when the old task was recalled: one new task, the old one stays recalled."""
    await house.ask("topic.morning")
    house.on(10)
    make = Tasks.make
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tasks, "make", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await house.ask("topic.morning", "theme.day")
    assert Tasks.make is make
    house.on(3)
    assert await house.ask("topic.morning", "theme.day") == WAITS
    assert [one.text for one in house.open] == ["topic.morning\ntheme.day"]
    assert len(house.wecom.templates) == 2


async def test_a_tap_while_we_were_dead(house: House) -> None:
    """The leader taps the first task in the moment in which it is to be replaced: it counts, and nothing else is made."""
    await house.ask("topic.morning")
    [task] = house.open
    house.wecom.script["externalcontact/cancel_groupmsg_send"] = [41095]
    house.wecom.confirm(task.msgid)
    house.wecom.script["externalcontact/get_groupmsg_send_result"] = [
        {"errcode": 0, "send_list": [{"chat_id": "wr1", "status": 0}]}
    ]
    receipt = await house.sender.send(push("topic.morning", "theme.day"))
    assert (receipt.outcome, receipt.unsaid, receipt.reason) == (Outcome.SENT, (1,), "said_today")
    assert len(house.wecom.templates) == 1


async def test_what_was_lost_with_other_words_is_found_by_its_link(house: House) -> None:
    """丢了回话的那条只有话题，现在还多了主题：按链接找到旧的，收回，合成一条新的；群主只看到一个。"""
    house.wecom.script[LOST] = ["cut"]
    await house.ask("topic.morning")
    house.on(3)
    assert await house.ask("topic.morning", "theme.day") == WAITS
    assert [(one.text, one.cancelled) for one in house.wecom.templates.values()] == [
        ("topic.morning", True),
        ("topic.morning\ntheme.day", False),
    ]


@pytest.mark.parametrize("code", [60111, 81013])
async def test_a_leader_who_is_away_does_not_take_the_group_with_her(house: House, code: int) -> None:
    house.wecom.script[LOST] = [code]
    assert await house.ask() == (Outcome.REJECTED, "no_leader")
    assert await house.ask() == WAITS


async def test_where_tasks_are_not_shown_nothing_is_made_twice(house: House) -> None:
    """The app may not list tasks: what was lost stays unknown, for nobody can know whether the leader has it."""
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.on(3)
    house.wecom.script["externalcontact/get_groupmsg_list_v2"] = [48002]
    assert await house.ask() == (Outcome.UNKNOWN, "cut_off")
    house.wecom.script["externalcontact/get_groupmsg_list_v2"] = ["drop"]
    assert (await house.ask())[0] is Outcome.RETRY
    assert len(house.wecom.templates) == 1


async def test_a_task_that_is_still_being_handed_out_is_asked_for_later(house: House) -> None:
    """刚建的任务企业微信还在派发（41063）：等一会儿再问，不当成查不到，也不建第二个。"""
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.on(3)
    house.wecom.script["externalcontact/get_groupmsg_list_v2"] = [41063]
    assert await house.ask() == (Outcome.RETRY, "busy")
    assert await house.ask() == WAITS
    house.wecom.script["externalcontact/get_groupmsg_send_result"] = [41063]
    assert await house.ask() == WAITS
    assert len(house.wecom.templates) == 1


async def test_what_remains_possible(house: House) -> None:
    """WeCom does not list the task even minutes later: a second one is made, and the leader sees two."""
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.wecom.unlisted = set(house.wecom.templates)
    house.on(3)
    assert await house.ask() == WAITS
    assert len(house.open) == 2


async def test_a_process_that_died_before_asking(house: House) -> None:
    find: dict[str, Any] = {
        "channel": "wecom",
        "account": "ww-sample",
        "conversation": "wr1",
        "local_date": date(2026, 9, 1),
    }
    await house.database.write(
        lambda session: mass_sends.begin(session, leader="leader", parts=("topic.morning",), now=MORNING, **find)
    )
    assert await house.ask() == (Outcome.RETRY, "in_doubt")
    house.on(3)
    assert await house.ask() == WAITS
    assert len(house.wecom.templates) == 1


async def test_something_else_on_the_same_day(house: House) -> None:
    """话题在等团长点；群主又要发一条公告：公告今天发不了，话题照样等着，不会来回换。"""
    await house.ask("topic.morning")
    for _ in range(3):
        assert await house.ask("notice.today") == (Outcome.REJECTED, "said_today")
        assert await house.ask("topic.morning") == WAITS
    assert len(house.wecom.templates) == 1


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        *(("recalled", reason) for reason in ("not_confirmed", mass_sends.CALLED_BACK, mass_sends.DECLINED)),
        *(("refused", reason) for reason in ("network", "nobody", *mass_sends.NOT_DELIVERED)),
        *(("sent", ""), ("refused", mass_sends.DECLINED)),
    ],
)
async def test_whether_the_day_is_taken_is_known_beforehand(house: House, state: str, reason: str) -> None:
    """What the rows say of a group is what the sender answers for one more message."""
    row = mass_sends.MassSend(
        channel="wecom",
        account="ww-sample",
        conversation="wr1",
        local_date=date(2026, 9, 1),
        leader="leader",
        state=state,
        reason=reason,
        parts="topic.morning#1",
        asked_at=MORNING,
        changed_at=MORNING,
        seen_at=MORNING,
    )
    house.database.write_now(lambda session: session.add(row))
    taken = house.database.read_now(
        lambda session: session.exec(select(mass_sends.MassSend.id).where(mass_sends.TAKES_THE_DAY)).all()
    )
    outcome, _ = await house.ask("notice.today")
    assert (outcome is Outcome.REJECTED) == bool(taken)


async def test_the_same_kind_with_other_words_is_something_else(house: House) -> None:
    first, second = (replace(push("campaign.beat"), values={"title": title}) for title in ("甲", "乙"))
    await house.sender.send(first)
    house.wecom.confirm(house.open[0].msgid)
    assert (await house.sender.send(first)).outcome is Outcome.SENT
    receipt = await house.sender.send(second)
    assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "said_today")


async def test_past_midnight_it_is_still_yesterday_s(database: Database) -> None:
    """晚上九点才请团长确认，到九点十分没点就收回；过了零点再问，是昨天那条的下文，不是今天的新一条。"""
    house = House(database, recall_hour=23, wait_hours=24, reminders=0)
    house.on(14 * 60)  # 22:30
    assert await house.ask() == WAITS
    house.on(120)
    assert await house.ask() == (Outcome.REJECTED, "not_confirmed")
    assert await house.ask() == (Outcome.REJECTED, "not_confirmed")
    house.on(8 * 60)
    assert await house.ask() == WAITS
    assert [one.cancelled for one in house.wecom.templates.values()] == [True, False]


async def test_nobody_is_reminded_at_night(database: Database) -> None:
    house = House(database, recall_hour=23, wait_hours=24)
    house.on(12 * 60)  # 20:30
    for _ in range(18):
        await house.ask()
        house.on(10)
    [template] = house.wecom.templates.values()
    hours = {(at + timedelta(hours=8)).hour for at in template.reminded}
    assert hours == {21}


async def test_what_is_not_to_be_said_any_more_is_recalled(house: House) -> None:
    """活动取消了，没有投递再来问：任务收回，团长不会再点到它；刚启动时不急着下结论。"""
    await house.ask()
    house.on(30)
    assert await house.sender.watch("ww-sample", awake=False) == {"awaiting": 1}
    assert await house.sender.watch("ww-sample") == {"recalled": 1}
    assert (house.row().reason, house.open) == ("called_back", [])
    assert await house.ask() == WAITS  # it goes on after all


async def test_the_watch_does_not_look_where_delivery_does(house: House) -> None:
    await house.ask()
    before = len(house.wecom.calls)
    assert await house.sender.watch("ww-sample") == {"awaiting": 1}
    assert len(house.wecom.calls) == before


async def test_the_watch_finds_what_was_lost(house: House) -> None:
    house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.on(30)
    assert await house.sender.watch("ww-sample") == {"awaiting": 1}
    assert house.row().provider_id == "msg2"


async def test_a_hanging_company_is_no_unknown_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delivery takes a sender of a minute for who knows what; ours says before that when it is to be asked again."""
    monkeypatch.setattr("bot.channels.wecom.mass_send._WITHIN", 0.05)

    async def hang(*_: object) -> str:
        await asyncio.sleep(5)
        return ""

    monkeypatch.setattr(house.sender, "_leader_of", hang)
    assert await house.ask() == (Outcome.RETRY, "slow")


async def test_a_restart_asks_nobody_twice(house: House) -> None:
    await house.ask()
    house.sender = house.make()
    assert await house.ask() == WAITS
    assert len(house.wecom.templates) == 1


async def test_no_network_is_waited_for(house: House) -> None:
    house.wecom.script["externalcontact/add_msg_template"] = ["drop", 45009, -1]
    assert [await house.ask() for _ in range(4)] == [
        (Outcome.RETRY, "network"),
        (Outcome.RETRY, "too_many"),
        (Outcome.RETRY, "busy"),
        WAITS,
    ]
    house.wecom.script["externalcontact/get_groupmsg_send_result"] = ["drop", "cut", 45009]
    assert [await house.ask() for _ in range(3)] == [WAITS] * 3


async def test_whom_nobody_can_ask(house: House) -> None:
    assert await house.ask(conversation="wr-none") == (Outcome.REJECTED, "no_leader")
    assert await house.ask(kind=Kind.REPLY) == (Outcome.REJECTED, "not_here")
    house.wecom.members.clear()
    assert (await house.ask())[0] is Outcome.REJECTED
    assert not house.wecom.templates


async def test_a_late_tap_is_seen_without_a_delivery_row(house: House) -> None:
    await house.ask()
    house.on(180)
    assert await house.sender.watch("ww-sample", awake=False) == {"awaiting": 1}
    house.wecom.confirm(house.open[0].msgid)
    assert await house.sender.watch("ww-sample") == {"sent": 1}
    assert await house.sender.watch("ww-sample") == {}
    assert house.row().state == "sent"


async def test_a_tap_and_a_recall_at_once(house: House) -> None:
    """The leader is quicker than the recall: it counts as what it is, sent."""
    await house.ask()
    house.on(12 * 60)
    house.wecom.script["externalcontact/cancel_groupmsg_send"] = [41095]
    assert await house.ask() == WAITS
    house.wecom.confirm(house.open[0].msgid)
    assert await house.ask() == TOLD


async def test_a_group_that_has_another_owner_asks_the_other(house: House) -> None:
    """换了群主，回调丢了：企业微信说旧群主没有这个群，重新读一遍，请新群主点，不是整天不发。"""
    assert await house.leader("wr1") == "leader"
    house.wecom.groups["wr1"]["owner"] = "staff"
    assert await house.ask() == WAITS
    assert [(one.leader, one.chats) for one in house.open] == [("staff", ("wr1",))]
    assert house.row().leader == "staff"
    house.wecom.confirm(house.open[0].msgid)
    assert await house.ask() == TOLD


async def test_a_group_that_changes_hands_while_it_waits(house: House) -> None:
    """旧群主还没点，群就转给了别人：她的任务收回，请新群主点；只有一个能点。"""
    await house.ask()
    house.wecom.groups["wr1"]["owner"] = "staff"
    house.known.clear()
    house.on(10)
    assert await house.ask() == WAITS
    assert [(one.leader, one.cancelled) for one in house.wecom.templates.values()] == [
        ("leader", True),
        ("staff", False),
    ]
    house.wecom.confirm(house.open[0].msgid)
    assert await house.ask() == TOLD
    assert len(house.wecom.log) == 1


async def test_a_kill_while_it_changes_hands(house: House) -> None:
    """The new owner's task is made, and the process dies before it is written down: it is found, and no third one is made."""
    await house.ask()
    house.wecom.groups["wr1"]["owner"] = "staff"
    house.known.clear()
    house.on(10)
    make = Tasks.make

    async def make_and_die(tasks: Tasks, row: mass_sends.Asked, text: str) -> str:
        await make(tasks, row, text)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tasks, "make", make_and_die)
        with pytest.raises(KeyboardInterrupt):
            await house.ask()
    house.on(3)
    assert await house.ask() == WAITS
    assert [(one.leader, one.cancelled) for one in house.wecom.templates.values()] == [
        ("leader", True),
        ("staff", False),
    ]


@pytest.mark.parametrize("path", ["externalcontact/get_groupmsg_send_result", "externalcontact/get_groupmsg_list_v2"])
async def test_what_wecom_never_tells_is_not_asked_for_ever(house: House, path: str) -> None:
    """群解散了，或者应用查不了记录：过了那一天再加一天，就不再每五分钟问一次。"""
    if "list" in path:
        house.wecom.script[LOST] = ["cut"]
    await house.ask()
    house.wecom.script[path] = [48002] * 1000
    for _ in range(5):
        house.on(12 * 60)
        await house.sender.watch("ww-sample")
    assert (house.row().state, house.row().reason) == ("refused", "cut_off")
    calls = len(house.wecom.calls)
    assert await house.sender.watch("ww-sample") == {}
    assert len(house.wecom.calls) == calls


async def test_a_round_ends_when_wecom_does_not_answer(house: House) -> None:
    """三百个群在等，企业微信没有回音：每个都等到超时要一个多钟头。问三个就先停；下一轮先问没问过的。"""
    path = "externalcontact/get_groupmsg_send_result"
    for number in range(2, 10):
        house.wecom.add_group(f"wr{number}", "leader", "wm-li")
    for number in range(1, 10):
        await house.ask(conversation=f"wr{number}")
    house.on(30)

    async def asked() -> int:
        before = house.wecom.calls.count(path)
        await house.sender.watch("ww-sample", awake=False)
        return house.wecom.calls.count(path) - before

    house.wecom.script[path] = ["cut"] * 3
    assert await asked() == 3
    house.wecom.script[path] = [None] * 6 + ["cut"] * 3
    assert await asked() == 9, "they alone had no answer"
    house.wecom.script[path] = ["cut", "cut", None] * 3
    assert await asked() == 9, "not in a row"
    for answers in ([48002] * 9, ["cut", 48002, 48002] * 3):
        house.wecom.script[path] = list(answers)
        assert await asked() == 9, "a no is an answer"
    for number in range(1, 10):
        where = {"channel": "wecom", "account": house.wecom.corp_id, "conversation": f"wr{number}"}
        house.database.write_now(
            lambda s, where=where: mass_sends.decline(
                s, leader="leader", local_date=date(2026, 9, 1), now=house.clock.now(), **where
            )  # type: ignore[misc]
        )
    house.wecom.script[path] = ["cut"] * 9
    before = house.wecom.calls.count(path)
    assert await house.sender.take_back("ww-sample") == 0
    assert house.wecom.calls.count(path) == before + 3
