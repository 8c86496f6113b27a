"""What happens in the sample weeks besides the daily round: prompts/sample/story.toml, said and pressed like everything else.

Source: CONTRACT (make run), F130.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from bot.channels.sim.lines import words_of
from bot.channels.sim.simulator import BOT, Simulator
from engagement import calendar
from engagement.kernel import Event
from prompts.loader import PROMPTS

TOPIC = "topic.push"
HANDED_OVER = "faq.to_leader"
_LOOK_BACK = 60
"""Lines of a conversation among which a button or the day's topic is looked for."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody does.

    Attributes:
        minute: of the day, local time.
        room: where it is said; empty: in private.
        says: the words; empty: only buttons are pressed.
        press: what buttons' labels begin with, or, after ``#``, what they send; pressed one after the other.
        quotes: the day's topic is quoted; ``media``: goes with the words.
        joins: comes into the room; with the one of this id who invited, if any.
    """

    who: str
    minute: int
    room: str = ""
    says: str = ""
    press: tuple[str, ...] = ()
    quotes: bool = False
    media: str = ""
    joins: bool = False
    invited_by: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """The pack as values.

    Attributes:
        days: days before the player came → what is done.
        weeks: (weeks before the player's own, weekday) → the same.
        answers: question → what the leader answers in the evening; ``later``: those that wait until Monday.
    """

    days: Mapping[int, Sequence[Deed]]
    weeks: Mapping[tuple[int, int], Sequence[Deed]]
    answers: Mapping[str, str]
    later: frozenset[str]

    def of(self, day: date, today: date) -> list[Deed]:
        """Return what is done on a day, in the order of the clock."""
        found = [*self.days.get((today - day).days, ()), *self.weeks.get((weeks_before(day, today), day.weekday()), ())]
        return sorted(found, key=lambda one: one.minute)


def weeks_before(day: date, today: date) -> int:
    """Return how many weeks a day lies before the week of today; 0 = in it."""
    return (calendar.week_start(today) - calendar.week_start(day)) // timedelta(days=7)


def parse(table: Mapping[str, Any]) -> Story:
    """Turn the decoded pack into values.

    Raises:
        KeyError, ValueError: a field is missing or no time.
    """
    days: dict[int, list[Deed]] = defaultdict(list)
    weeks: dict[tuple[int, int], list[Deed]] = defaultdict(list)
    for one in table["deed"]:
        hour, _, minute = str(one["at"]).partition(":")
        words = {name: one[name] for name in ("room", "says", "quotes", "media", "joins", "invited_by") if name in one}
        deed = Deed(one["who"], int(hour) * 60 + int(minute), press=tuple(one.get("press", ())), **words)
        if "back" in one:
            days[one["back"]].append(deed)
        else:
            weeks[one["week"], one["weekday"]].append(deed)
    answers: dict[str, str] = {}
    later = set()
    for one in table["asked"]:
        hour, _, minute = str(one["at"]).partition(":")
        deed = Deed(one["who"], int(hour) * 60 + int(minute), one["room"], f"{table['ask']} {one['text']}")
        weeks[one["week"], one["weekday"]].append(deed)
        if "answer" in one:
            answers[one["text"]] = one["answer"]
        if one.get("later"):
            later.add(one["text"])
    return Story(days, weeks, answers, frozenset(later))


@lru_cache(maxsize=1)
def story() -> Story:
    """Return the sample's story."""
    return parse(tomllib.loads((PROMPTS / "sample" / "story.toml").read_text("utf-8")))


class Teller:
    """Plays the story in a simulator.

    Attributes:
        missed: what could not be done as it stands in the pack: a button that was not there, words that nobody heard.
    """

    def __init__(self, simulator: Simulator) -> None:
        """Take the world."""
        self._sim = simulator
        self.missed: list[str] = []

    async def do(self, deed: Deed) -> None:
        """Do one thing, now."""
        sim = self._sim
        if deed.joins:
            await self._join(deed)
        conversation, since = deed.room or deed.who, sim.history.number
        if deed.says or deed.media:
            topic = self._topic(deed.room) if deed.quotes else ""
            if deed.quotes and not topic:
                self.missed.append(f"{deed.who}: {TOPIC}")
                return
            line = sim.speak(conversation, deed.who, deed.says, sim.clock.now(), reply_to=topic, media=deed.media)
            await sim.hand_over([sim.incoming(line)])
        for label in deed.press:
            await self._press(conversation, deed.who, label, since)

    async def _join(self, deed: Deed) -> None:
        sim = self._sim
        sim.rooms[deed.room].members.append(deed.who)
        sim.keep_cast()
        name = sim.people[deed.who].name
        sim.note(deed.room, "sim.joined", name=name)
        coming = sim.event(
            Event.JOIN, deed.room, deed.who, subject=deed.who, subject_name=name, invited_by=deed.invited_by
        )
        await sim.hand_over([coming])

    async def _press(self, conversation: str, who: str, label: str, since: int) -> None:
        """Press a button under what the bot said after a line's number."""
        sim, key = self._sim, label[1:] if label.startswith("#") else ""
        for line in reversed(sim.history.last(conversation, _LOOK_BACK)):
            for button in (one for row in line["buttons"] for one in row if line["number"] > since):
                if str(button["label"]).startswith(label) or (key and str(button["key"]).startswith(key)):
                    pressed = sim.event(
                        Event.BUTTON, conversation, who, button=button["key"], message_id=line["id"], addressed=True
                    )
                    await sim.hand_over([pressed])
                    return
        self.missed.append(f"{who}: {label}")

    def _topic(self, room: str) -> str:
        recent = reversed(self._sim.history.last(room, _LOOK_BACK))
        return next((str(one["id"]) for one in recent if one["key"] == TOPIC), "")

    async def answer(self, answers: Mapping[str, str]) -> None:
        """Let every leader answer in private what is still open and what there is an answer for."""
        sim = self._sim
        for leader in dict.fromkeys(room.leader for room in sim.rooms.values()):
            lines = sim.history.last(leader, _LOOK_BACK)
            done = {line["quote"]["id"] for line in lines if line["from"] != BOT and line["quote"]}
            for asked in lines:
                if asked["key"] != HANDED_OVER or asked["id"] in done:
                    continue
                words = words_of(asked)
                answer = next((found for question, found in answers.items() if question in words), "")
                if answer:
                    line = sim.speak(leader, leader, answer, sim.clock.now(), reply_to=str(asked["id"]))
                    await sim.hand_over([sim.incoming(line)])
