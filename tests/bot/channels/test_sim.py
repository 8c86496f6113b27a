"""The simulator over the real program: real database, real gateway, a clock that is set. The docstring is the chat."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from bot.channels.sim import community, history
from bot.channels.sim.history import History, Line
from bot.channels.sim.lines import segments, words_of
from bot.channels.sim.rehearsal import DAYS, Rehearsal
from bot.channels.sim.simulator import Simulator
from bot.channels.sim.story import story
from bot.main import Program, open_program
from bot.pages import backstage
from bot.rendering.capabilities import WEB
from bot.rendering.render import Choice, Rendered, render
from console import demo
from console.auth import Role
from engagement.clocks import SetClock
from engagement.errors import Refusal
from engagement.kernel import Incoming, Kind, Outcome, Outgoing, Place
from engagement.region import service
from prompts import packs
from storage.groups import Region, RoleGrant

MORNING = datetime(2026, 11, 19, 23, 20, tzinfo=UTC)  # 7:20 in Shanghai

pytestmark = pytest.mark.xdist_group("sim")


def open_simulator(directory: Path, clock: SetClock) -> tuple[Program, Simulator]:
    """A program without the knowledge base, and the simulator over it."""
    program = open_program(directory, clock=clock, answers=False)
    simulator = Simulator(
        directory,
        clock,
        receive=program.pump.receive,
        settle=program.pump.drain,
        advance=lambda to: program.advance(clock, to),
        render=lambda message: render(message, WEB),
        backstage=backstage(program, Simulator.name),
    )
    program.senders[simulator.name] = simulator
    return program, simulator


class Stage:
    """The simulator with a short way to say something and to see what came of it."""

    def __init__(self, program: Program, sim: Simulator) -> None:
        self.program, self.sim = program, sim

    async def say(self, room: str, person: str, text: str, **more: object) -> list[Line]:
        before = self.sim.history.number
        await self.sim.say(room, person, text, **more)  # type: ignore[arg-type]
        await self.program.pump.drain()
        return [line for line in self.sim.history.last(room, 20) if line["number"] > before]

    async def press(self, room: str, person: str, line: Line, key: str) -> list[Line]:
        before = self.sim.history.number
        await self.sim.press(room, person, str(line["id"]), key)
        await self.program.pump.drain()
        return [one for one in self.sim.history.last(room, 20) if one["number"] > before]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """A directory after a day of the sample community, and what its clock shows."""
    folder, clock = tmp_path_factory.mktemp("rehearsed"), SetClock(MORNING)

    async def play() -> None:
        program, simulator = open_simulator(folder, clock)
        await Rehearsal(simulator).play(days=1)
        simulator.close()
        program.close()

    asyncio.run(play())
    return folder, clock.now()


@pytest.fixture
async def stage(data_dir: Path, rehearsed: tuple[Path, datetime]) -> AsyncIterator[Stage]:
    """A copy of that directory, opened again."""
    folder, now = rehearsed
    shutil.copytree(folder, data_dir, dirs_exist_ok=True)
    program, simulator = open_simulator(data_dir, SetClock(now))
    yield Stage(program, simulator)
    simulator.close()
    program.close()


async def test_a_newcomer_checks_in_and_asks_for_points(stage: Stage) -> None:
    """
    王姐: 积分
    团团: 王姐，你现在有 … 积分
    """
    said = await stage.say("yangguang", "wang", "积分")
    assert [line["from"] for line in said] == ["wang", "bot"]
    assert "王姐" in words_of(said[1])
    assert said[1]["quote"] == {"id": said[0]["id"], "name": "王姐", "text": "积分"}


async def test_a_routine_check_in_is_a_reaction_on_the_message(stage: Stage) -> None:
    """
    李阿姨: 签到   [👍]
    """
    said = await stage.say("yangguang", "li", "签到")
    assert len(said) == 1
    assert said[0]["reactions"] == ["👍"]


async def test_chatter_is_shown_and_answered_by_nobody(stage: Stage) -> None:
    """
    李阿姨: 今天的橙子真甜
    """
    assert len(await stage.say("yangguang", "li", "今天的橙子真甜")) == 1


async def test_the_morning_brings_a_topic_and_a_quote_of_it_counts(stage: Stage) -> None:
    """
    [7:30] 团团: 早呀，今天的话题：…
    李阿姨 (quotes it): 我家那坛酸菜     [👍]
    """
    sim = stage.sim
    await sim.move(sim.target("morning"))
    topic = sim.history.last("yangguang", 1)[0]
    assert topic["key"] == "topic.push"
    assert sim.clock.now().astimezone(UTC) == datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
    assert {one["conversation"] for one in sim.fired} == set(sim.rooms)
    said = await stage.say("yangguang", "li", "我家那坛酸菜还在", reply_to=str(topic["id"]))
    assert said[0]["addressed"]
    assert said[0]["reactions"] or len(said) == 2


async def test_buttons_of_the_board_lead_to_another_board(stage: Stage) -> None:
    """
    李阿姨: 排行榜
    团团: 本周积分榜 … [今日] [本月] [总榜]
    李阿姨 presses [总榜]
    团团: 总积分榜 …
    """
    await stage.say("yangguang", "li", "签到")
    board = (await stage.say("yangguang", "li", "排行榜"))[-1]
    keys = {button["label"]: button["key"] for row in board["buttons"] for button in row}
    answer = await stage.press("yangguang", "li", board, keys["总榜"])
    assert "总积分榜" in words_of(answer[-1])
    with pytest.raises(Refusal):
        await stage.sim.press("yangguang", "li", str(board["id"]), "no:such")


async def test_a_private_chat_is_the_persons_own(stage: Stage) -> None:
    """
    李阿姨 (privately): 帮助
    团团: 在群里直接发这些就行 …
    """
    said = await stage.say("li", "li", "帮助")
    assert said[1]["from"] == "bot"
    with pytest.raises(Refusal):
        await stage.sim.say("li", "wang", "帮助")


async def test_inviting_and_removing_a_neighbour(stage: Stage) -> None:
    """
    小林 进群了
    小林: 签到
    团团: 小林，欢迎第一次打卡 …
    小林 离开了群聊
    """
    sim = stage.sim
    person = await sim.join("yangguang", "小林", "li")
    await stage.program.pump.drain()
    assert any(line["kind"] == "note" and "小林" in words_of(line) for line in sim.history.last("yangguang", 3))
    assert (await stage.say("yangguang", person, "签到"))[-1]["key"] == "checkin.first"
    assert person in sim.rooms["yangguang"].members
    with pytest.raises(Refusal):
        await sim.join("yangguang", "小林", "li")
    await sim.leave("yangguang", person)
    assert person not in sim.rooms["yangguang"].members
    with pytest.raises(Refusal):
        await sim.say("yangguang", person, "还在吗")
    with pytest.raises(Refusal):
        await sim.leave("yangguang", "zhou")


async def test_a_photo_goes_with_words_or_stands_alone(stage: Stage) -> None:
    sim = stage.sim
    heard: list[Incoming] = []
    for text in ("健身打卡", ""):
        line = await sim.say("yangguang", "li", text, media="photo")
        shown = sim.history.get("yangguang", line)
        assert shown is not None and words_of(shown).startswith("🖼")
        heard.append(sim.incoming(shown))
    assert [(one.text, one.media) for one in heard] == [("健身打卡", "photo"), ("", "photo")]
    for media in ("", "film"):
        with pytest.raises(Refusal):
            await sim.say("yangguang", "li", "", media=media)


async def test_a_restart_shows_the_same_chats_and_goes_on_counting(data_dir: Path) -> None:
    clock = SetClock(MORNING)
    program, sim = open_simulator(data_dir, clock)
    await Rehearsal(sim).play(days=1)
    await sim.join("cuihu", "小林", "")
    await program.pump.drain()
    lines, number = sim.history.last("yangguang", 500), sim.history.number
    sim.close()
    program.close()
    with (data_dir / "simulator.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "torn')
    program, again = open_simulator(data_dir, clock)
    assert not again.history.fresh
    assert again.history.last("yangguang", 500) == lines
    assert again.history.number >= number
    assert any(person.name == "小林" for person in again.people.values())
    # An id that was used before would be taken for a redelivery and never be answered.
    await again.say("yangguang", "li", "积分")
    await program.pump.drain()
    assert again.history.last("yangguang", 1)[0]["key"].startswith("points.")
    again.close()
    program.close()


@pytest.mark.parametrize(
    ("move", "to"),
    [("to", "2026-11-19T07:00"), ("to", "2027-03-01T07:00"), ("to", "tomorrow"), ("sideways", "")],
)
async def test_the_clock_goes_forward_and_not_too_far(stage: Stage, move: str, to: str) -> None:
    with pytest.raises(Refusal):
        stage.sim.target(move, to)


async def test_one_move_of_the_clock_at_a_time(stage: Stage) -> None:
    sim = stage.sim
    first = asyncio.create_task(sim.move(sim.clock.now() + timedelta(days=2)))
    await asyncio.sleep(0)
    with pytest.raises(Refusal):
        await sim.move(sim.clock.now() + timedelta(hours=1))
    await first


@pytest.mark.parametrize("text", ["", "   ", "长" * 501])
async def test_nothing_and_too_much_are_refused(stage: Stage, text: str) -> None:
    with pytest.raises(Refusal):
        await stage.sim.say("yangguang", "li", text)


async def test_a_reaction_to_nothing_and_a_message_to_nobody_are_not_sent(stage: Stage) -> None:
    def message(kind: Kind, conversation: str) -> Outgoing:
        return Outgoing(kind, "sim", "", Place.GROUP, conversation, "checkin", "guard.too_fast", {}, reply_to="x")

    assert (await stage.sim.send(message(Kind.REACTION, "yangguang"))).outcome is Outcome.REJECTED
    assert (await stage.sim.send(message(Kind.REPLY, "nowhere"))).outcome is Outcome.GONE


async def test_an_edit_changes_the_line_in_place(stage: Stage) -> None:
    said = Outgoing(Kind.PUSH, "sim", "", Place.GROUP, "yangguang", "guard", "guard.too_fast", {})
    line = (await stage.sim.send(said)).provider_id
    count = len(stage.sim.history.last("yangguang", 500))
    edit = Outgoing(Kind.EDIT, "sim", "", Place.GROUP, "yangguang", "guard", "guard.group_only", {}, reply_to=line)
    assert (await stage.sim.send(edit)).outcome is Outcome.SENT
    changed = stage.sim.history.get("yangguang", line)
    assert changed is not None
    assert changed["edited"]
    assert len(stage.sim.history.last("yangguang", 500)) == count


async def test_the_sample_weeks_are_alike_in_every_new_directory(tmp_path: Path) -> None:
    async def said(directory: Path) -> list[str]:
        program, sim = open_simulator(directory, SetClock(MORNING))
        await Rehearsal(sim).play(days=2)
        found = [f"{line['name']}: {words_of(line)}" for line in sim.history.last("yangguang", 500)]
        sim.close()
        program.close()
        return found

    first = await said(tmp_path / "one")
    assert len(first) > 15
    assert sorted(first) == sorted(await said(tmp_path / "two"))


def test_history_keeps_so_many_lines_and_says_when_a_page_is_too_far_behind(tmp_path: Path) -> None:
    kept = History(tmp_path / "lines.jsonl")
    for _ in range(history.EVENTS + 5):
        name, number = kept.next_id()
        kept.put({"id": name, "number": number, "conversation": "g"})
    assert len(kept.last("g", 10_000)) == history.KEEP
    assert kept.since(0) is None
    assert kept.since(kept.event + 1) is None
    assert kept.since(kept.event) == []
    assert len(kept.since(kept.event - 3) or ()) == 3
    assert [line["number"] for line in kept.last("g", 2, before=kept.number)] == [kept.number - 2, kept.number - 1]
    kept.close()
    # Opening again writes the file anew, without what is no longer kept.
    History(kept.path).close()
    assert len(kept.path.read_text().splitlines()) == history.KEEP + 1


def test_segments_are_words_and_never_markup() -> None:
    words = Rendered(("<b>a &lt;b&gt;</b> &amp; c", "d"), html=True, buttons=((Choice("k", "l"),),))
    assert segments(words) == [["a <b>", True], [" & c", False], ["\nd", False]]
    assert segments(Rendered(("<b>plain</b>",))) == [["<b>plain</b>", False]]


async def test_what_the_sample_neighbours_say_fits_the_topic(data_dir: Path) -> None:
    """Four days: whoever quotes the day's topic says something of what was written for that very question."""
    program, sim = open_simulator(data_dir, SetClock(MORNING))
    exams = []

    async def examine(share: float) -> None:
        exams.append((program.clock.now().date().isoformat(), share))

    sim.backstage.examine = examine
    await Rehearsal(sim).play(days=4)
    assert exams == [("2026-11-17", 1.0), ("2026-11-19", 1.0)]
    bank = {one.id: one.question for one in packs.topics()}
    fitting = {bank[name]: set(answers) for name, answers in community.topics().items()}
    told = {deed.says for deeds in story().days.values() for deed in deeds}
    for room in sim.rooms:
        lines = sim.history.last(room, 400)
        topics = {one["id"]: words_of(one) for one in lines if one["key"] == "topic.push"}
        assert len(topics) == 4
        quoting = [one for one in lines if one["quote"] and one["from"] != "bot"]
        said = [(topics[one["quote"]["id"]], words_of(one)) for one in quoting if one["quote"]["id"] in topics]
        said = [one for one in said if one[1] not in told]
        assert 2 * sim.rooms[room].talks <= len(said) <= 4 * sim.rooms[room].talks, "alive"
        for topic, words in said:
            assert any(question in topic and words in answers for question, answers in fitting.items()), (topic, words)
    sim.close()
    program.close()


async def test_the_sample_weeks_are_counted_while_they_are_played(data_dir: Path) -> None:
    """Nobody has come in by the manager's door yet; it then finds the region and makes no second one."""
    clock = SetClock(MORNING)
    program, sim = open_simulator(data_dir, clock)
    await Rehearsal(sim).play(days=6)
    weeks = program.database.read_now(lambda session: service.sealed(session, 1))
    # Friday: the week before is over, and of it the groups saw the days from Saturday on.
    assert [(one.week.isoformat(), one.groups) for one in weeks] == [("2026-11-09", len(sim.rooms))]
    assert program.database.read_now(lambda session: service.due(session, clock.now())) is None

    manager = program.database.write_now(lambda session: demo.person(session, Role.MANAGER, "", clock.now()))
    grant = program.database.read_now(lambda session: session.get(RoleGrant, (manager, "manager")))
    assert grant is not None and grant.region_id == 1
    assert program.database.read_now(lambda session: len(session.exec(select(Region)).all())) == 1
    sim.close()
    program.close()


def test_the_topics_of_the_sample_weeks_are_the_bank_s() -> None:
    bank = {one.id: one for one in packs.topics()}
    for name, answers in community.topics().items():
        topic = bank[name]
        assert not (topic.seasons or topic.months or topic.weekdays or topic.festival or topic.groups), name
        assert len(set(answers)) == len(answers) == 6, name
    assert len(community.topics()) > DAYS


def test_a_pack_that_names_a_stranger_is_refused() -> None:
    sample = {
        "person": [{"id": "a", "name": "a"}],
        "group": [{"id": "g", "name": "g", "leader": "b", "members": []}],
        "words": {},
    }
    with pytest.raises(ValueError, match="b"):
        community.parse(json.loads(json.dumps(sample)))


async def test_a_card_stands_over_its_words(stage: Stage) -> None:
    message = Outgoing(
        Kind.REPLY, "sim", "", Place.GROUP, "yangguang", "render", "render.cut", {}, picture="a" * 40 + ".png"
    )  # fmt: skip
    assert (await stage.sim.send(message)).outcome is Outcome.SENT
    assert stage.sim.history.last("yangguang", 1)[0]["picture"] == "a" * 40 + ".png"
