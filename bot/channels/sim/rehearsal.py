"""Three weeks before the player came: played through the real program, so that boards, charts and calendars are alive.

The words are sample data (prompts/sample/community.toml); chance is seeded, so that every new directory starts alike.

Source: CONTRACT (make run), F130.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bot.channels.sim import community
from bot.channels.sim.community import ZONE, Room
from bot.channels.sim.history import Line, moment_of
from bot.channels.sim.lines import words_of
from bot.channels.sim.simulator import Simulator
from bot.channels.sim.story import TOPIC, Teller, story, weeks_before
from engagement import calendar
from engagement.clocks import SetClock, ShiftedClock
from engagement.kernel import Event
from prompts import packs
from prompts.loader import texts

DAYS = 21
_SEED = 20261122
_START = 7 * 60 + 26
"""Local minute at which the player finds the clock: a few minutes before the day's topic."""
_TALKS = 0.8
"""Of those who check in, how many answer the topic."""
_ACTIVITY = "campaigns.beat"
_TALKATIVE, _JOIN = 3, 0.6
"""Answers to a topic from which on a group takes part in activities, and how many of those who come at all do."""
_EXAMS = {17: 0.25, 12: 0.5, 7: 0.7, 3: 1.0, 1: 1.0}
"""Days before the player came on which staff asked the golden cases, and the share of them that was fixed by then."""
_SATURDAY = 5
_BUSY_HOURS = (8, 12, 18, 19, 20)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Something that a neighbour is going to say."""

    room: Room
    person: str
    text: str
    at: datetime
    quoting: str = ""
    addressed: bool = False


class Rehearsal:
    """The weeks before."""

    def __init__(self, simulator: Simulator) -> None:
        """Take the world; :meth:`play` fills it."""
        self._sim = simulator
        self._clock = simulator.clock
        self._sample = community.sample()
        # Nobody gains or loses by this chance: it is the sample community's habits.
        self._chance = random.Random(_SEED)
        self._people = {person.id: person for person in self._sample.people}
        self._today = calendar.local_day(simulator.clock.now(), ZONE)
        self.teller = Teller(simulator)

    async def play(self, days: int = DAYS) -> None:
        """Play ``days`` days and leave the clock at 7:26 in the morning of today.

        On a clock that cannot be moved only the groups are opened.
        """
        sim, clock = self._sim, self._clock
        if not isinstance(clock, ShiftedClock | SetClock):
            sim.keep_cast()
            await self._open()
            sim.preparing = False
            await sim.tell_clock()
            return
        today = self._today
        end = calendar.instant_of(today, _START, ZONE)
        start = calendar.instant_of(today - timedelta(days=days), 7 * 60, ZONE)
        sim.preparing, sim.moving = True, (start, end)
        try:
            clock.set(start)
            sim.keep_cast()
            await self._open()
            await self._appoint([today - timedelta(days=back) for back in range(days, 0, -1)])
            for back in range(days, 0, -1):
                await self._day(today - timedelta(days=back))
                if back == days:
                    await self._enter(today - timedelta(days=back))
                if sim.backstage.examine is not None and back in _EXAMS:
                    await sim.backstage.examine(_EXAMS[back])
                await sim.tell_clock()
            await self._ask_last()
            for deed in story().of(today, today):
                await sim.run_to(calendar.instant_of(today, deed.minute, ZONE))
                await self.teller.do(deed)
            await sim.run_to(end)
        finally:
            sim.preparing, sim.moving = False, None
            sim.fired.clear()
        await sim.tell_clock()

    async def _open(self) -> None:
        """Bring the bot in; the leader tells it about the group; the groups belong to a region from then on."""
        sim, word = self._sim, texts().raw("sim.fact_word")
        for room in sim.rooms.values():
            await sim.hand_over(
                [sim.event(Event.BOT_ADDED, room.id, room.leader, group_name=room.name, zone=ZONE, can_read=True)]
            )
            for fact in room.facts:
                line = sim.speak(room.id, room.leader, f"{word} {fact}", sim.clock.now())
                await sim.hand_over([sim.incoming(line)])
        if sim.backstage.unite is not None:
            await sim.backstage.unite()

    async def _enter(self, day: date) -> None:
        """Those who never say anything come in, late enough to take no word from the day's topic and its end."""
        sim = self._sim
        await sim.run_to(calendar.instant_of(day, 20 * 60 + 30, ZONE))
        for room in sim.rooms.values():
            quiet = [self._people[one] for one in room.members if not self._people[one].eager]
            coming = [sim.event(Event.JOIN, room.id, one.id, subject=one.id, subject_name=one.name) for one in quiet]
            await sim.hand_over(coming)

    async def _appoint(self, days: Sequence[date]) -> None:
        """Say what each group talks about, so that what the neighbours answer fits; the groups are far apart in the pack."""
        sim, topics = self._sim, list(community.topics())
        if sim.backstage.appoint is None:
            return
        for number, room in enumerate(sim.rooms.values()):
            start = number * len(topics) // len(sim.rooms)
            chosen = {day: topics[(start + place) % len(topics)] for place, day in enumerate(days)}
            await sim.backstage.appoint(room.id, chosen)

    def _answers(self, room: Room, topic: Line) -> list[str]:
        """Return what neighbours of a group answer to a topic: each group its own, nothing where none fits."""
        said = words_of(topic)
        known = {one.question: one.id for one in packs.topics() if one.id in community.topics()}
        name = next((name for question, name in known.items() if question in said), "")
        before = 0
        for other in self._sim.rooms.values():
            if other.id == room.id:
                break
            before += other.talks
        words = list(community.topics().get(name, ())[before : before + room.talks])
        self._chance.shuffle(words)
        return words

    async def _day(self, day: date) -> None:
        sim, told = self._sim, story()
        parts = {8 * 60 + 20: self._morning, 12 * 60 + 30: self._noon, 19 * 60: self._evening}
        deeds = told.of(day, self._today)
        for minute in sorted({*parts, *(one.minute for one in deeds)}):
            await sim.run_to(calendar.instant_of(day, minute, ZONE))
            if minute in parts:
                await self._say([plan for room in sim.rooms.values() for plan in parts[minute](room, day)])
                if day.weekday() == 0 and parts[minute] == self._noon:
                    await self.teller.answer(told.answers)
            for deed in (one for one in deeds if one.minute == minute):
                await self.teller.do(deed)
        await self.teller.answer({ask: words for ask, words in told.answers.items() if ask not in told.later})
        for room in sim.rooms.values():
            await sim.overhear(room, tuple(self._murmur(room, day)))

    def _habit(self, person: str, day: date) -> float:
        """Return the chance that somebody says anything on a day; on Saturdays all who come at all do."""
        one = self._people[person]
        if not one.eager or weeks_before(day, self._today) < one.until:
            return 0.0
        return 1.0 if day.weekday() == _SATURDAY else one.eager

    def _morning(self, room: Room, day: date) -> Iterator[_Plan]:
        for person in room.members:
            if self._chance.random() < self._habit(person, day):
                at = calendar.instant_of(day, 7 * 60 + 31 + self._chance.randrange(48), ZONE)
                at += timedelta(seconds=self._chance.randrange(60))
                yield _Plan(room, person, self._chance.choice(self._sample.words.checkin), at)

    def _noon(self, room: Room, day: date) -> Iterator[_Plan]:
        chance, now = self._chance, self._sim.clock.now()
        recent = reversed(self._sim.history.last(room.id, 40))
        topic = next((one for one in recent if one["key"] == TOPIC), None)
        words = self._answers(room, topic) if topic is not None else []
        for person in chance.sample(room.members, len(room.members)):
            if topic is not None and words and chance.random() < self._habit(person, day) * _TALKS:
                yield _Plan(room, person, words.pop(), now, quoting=str(topic["id"]))
        if chance.random() < 0.3:
            asker = chance.choice(self._present(room, day)[1:])
            yield _Plan(room, asker, chance.choice(self._sample.words.questions), now, addressed=True)

    def _present(self, room: Room, day: date) -> list[str]:
        """Return who comes at all these days, the leader first."""
        return [one for one in room.members if self._habit(one, day)]

    def _evening(self, room: Room, day: date) -> Iterator[_Plan]:
        for words in self._chance.sample(self._sample.words.chatter, 1 + self._chance.randrange(3)):
            yield _Plan(room, self._chance.choice(self._present(room, day)), words, self._sim.clock.now())
        yield from self._echoes(room, day)

    def _echoes(self, room: Room, day: date) -> Iterator[_Plan]:
        """Some take part in what an activity said today; where hardly anybody talks, nobody does."""
        recent = [one for one in self._sim.history.last(room.id, 40) if one["key"] == _ACTIVITY]
        said = next((one for one in recent if calendar.local_day(moment_of(one), ZONE) == day), None)
        if said is None or room.talks < _TALKATIVE:
            return
        for person in self._present(room, day):
            if self._chance.random() < _JOIN:
                words = self._chance.choice(self._sample.words.echoes)
                yield _Plan(room, person, words, self._sim.clock.now(), quoting=str(said["id"]))

    async def _ask_last(self) -> None:
        """Leave one question for the player to answer as the leader."""
        room = next(iter(self._sim.rooms.values()))
        now = self._sim.clock.now()
        await self._say([_Plan(room, room.members[2], self._sample.words.unknown, now, addressed=True)])

    def _murmur(self, room: Room, day: date) -> Iterator[datetime]:
        """Yield when neighbours talked to each other; only counted, as live chatter is: no words are made up for it."""
        weekend = 2 if day.weekday() >= 5 else 0
        present = len(self._present(room, day))
        for hour in range(7, 22):
            busy = 3 if hour in _BUSY_HOURS else 1
            for _ in range(self._chance.randrange(0, busy * present // 5 + weekend + 1)):
                yield calendar.instant_of(day, hour * 60 + self._chance.randrange(60), ZONE)

    async def _say(self, plans: Sequence[_Plan]) -> None:
        """Let everybody of one part of the day speak; the program gets it all at once, one commit for many."""
        sim = self._sim
        events = []
        for plan in sorted(plans, key=lambda one: one.at):
            line = sim.speak(
                plan.room.id, plan.person, plan.text, plan.at, reply_to=plan.quoting, addressed=plan.addressed
            )
            events.append(sim.incoming(line))
        await sim.hand_over(events)
