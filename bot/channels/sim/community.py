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
        eager: chance (0 to 1) to check in on a day of the sample weeks.
    """

    id: str
    name: str
    cast: bool = False
    eager: float = 0.5


@dataclass(slots=True)
class Room:
    """A group chat of the simulator.

    Attributes:
        members: ids of :class:`Person`, the leader first.
        facts: what the leader tells the bot at the start, as typed after 「群信息」.
    """

    id: str
    name: str
    leader: str
    members: list[str]
    facts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What the neighbours said in the sample weeks.

    Attributes:
        unknown: a question that goes straight to the leader.
        leader: what the leader answers to such ones.
    """

    checkin: tuple[str, ...]
    chatter: tuple[str, ...]
    questions: tuple[str, ...]
    unknown: str
    leader: str


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
        Person(one["id"], one["name"], bool(one.get("cast")), float(one.get("eager", 0.5))) for one in table["person"]
    )
    known = {person.id for person in people}
    rooms = []
    for one in table["group"]:
        members = [one["leader"], *one["members"]]
        if not known.issuperset(members):
            raise ValueError(f"{one['id']}: {sorted(set(members) - known)}")
        rooms.append(Room(one["id"], one["name"], one["leader"], members, tuple(one.get("facts", ()))))
    said = table["words"]
    words = Words(
        tuple(said["checkin"]),
        tuple(said["chatter"]),
        tuple(said["questions"]),
        said["unknown"],
        said["leader"],
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
