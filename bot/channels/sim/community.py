"""The sample community: who lives in the simulator before anybody has played it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from prompts.loader import PROMPTS

ZONE = "Asia/Shanghai"
COLOURS = 8


@dataclass(slots=True)
class Person:
    """Somebody whose lines the player types.

    Attributes:
        cast: offered first; the others only liven the weeks before.
        eager: chance (0 to 1) to check in on a day of the sample weeks; 0: has come in and said nothing.
        until: how many weeks before the player's own she was last seen.
    """

    id: str
    name: str
    cast: bool = False
    eager: float = 0.5
    until: int = 0


@dataclass(slots=True)
class Room:
    """A group chat of the simulator.

    Attributes:
        members: ids of :class:`Person`, the leader first.
        facts: what the leader tells the bot at the start, as typed after 「群信息」.
        talks: how many neighbours answer a topic at most.
        desk: shown on the simulator's page; the others are seen from the console only.
    """

    id: str
    name: str
    leader: str
    members: list[str]
    facts: Sequence[str] = ()
    talks: int = 3
    desk: bool = True


def kept(room: Room) -> dict[str, Any]:
    """Return a room as the page gets it and as it is written down."""
    shown = {name: getattr(room, name) for name in ("id", "name", "leader", "desk")}
    return {**shown, "members": list(room.members)}


def room_of(written: Mapping[str, Any]) -> Room:
    """Return a room that was written down."""
    one = written
    return Room(one["id"], one["name"], one["leader"], list(one["members"]), desk=one.get("desk", True))


@dataclass(frozen=True, slots=True)
class Words:
    """What the neighbours said in the sample weeks.

    Attributes:
        echoes: what they say to an activity.
        unknown: a question that waits for the player to answer it as the leader.
    """

    checkin: tuple[str, ...]
    chatter: tuple[str, ...]
    echoes: tuple[str, ...]
    questions: tuple[str, ...]
    unknown: str


@dataclass(frozen=True, slots=True)
class Community:
    """The pack as values."""

    people: tuple[Person, ...]
    rooms: tuple[Room, ...]
    words: Words


def parse(table: dict[str, Any]) -> Community:
    """Turn the decoded pack into values.

    Raises:
        KeyError: a field is missing.
        ValueError: a group names somebody who is not there.
    """
    people = tuple(
        Person(one["id"], one["name"], bool(one.get("cast")), float(one.get("eager", 0.5)), int(one.get("until", 0)))
        for one in table["person"]
    )
    known = {person.id for person in people}
    rooms = []
    for one in table["group"]:
        members = [one["leader"], *one["members"]]
        if not known.issuperset(members):
            raise ValueError(f"{one['id']}: {sorted(set(members) - known)}")
        shown = {name: one[name] for name in ("facts", "talks", "desk") if name in one}
        rooms.append(Room(one["id"], one["name"], one["leader"], members, **shown))
    said = table["words"]
    words = Words(
        tuple(said["checkin"]),
        tuple(said["chatter"]),
        tuple(said["echoes"]),
        tuple(said["questions"]),
        said["unknown"],
    )
    return Community(people, tuple(rooms), words)


@lru_cache(maxsize=1)
def topics() -> Mapping[str, tuple[str, ...]]:
    """Return the topics of the sample weeks: id in the bank → what neighbours answer to it, in the order of the days."""
    text = (PROMPTS / "sample" / "topics.toml").read_text("utf-8")
    return {one["id"]: tuple(one["answers"]) for one in tomllib.loads(text)["topic"]}


@lru_cache(maxsize=1)
def _table() -> str:
    return (PROMPTS / "sample" / "community.toml").read_text("utf-8")


def sample() -> Community:
    """Return a fresh copy of the sample community; the simulator changes its rooms."""
    return parse(tomllib.loads(_table()))
