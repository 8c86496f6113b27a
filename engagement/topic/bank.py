"""The bank of topics as it holds in a group: the ready ones without those that the staff switched off, and the staff's own.

Both stand among the wordings, by scope: ``topic.off:ID`` and ``topic.own:KEY`` (a JSON of question, hint, kind, festival).

Source: F32, F79.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.errors import Refusal
from engagement.topic import rules
from prompts import packs
from prompts.packs import Topic
from storage import audit, wordings
from storage.engine import Session
from storage.groups import Group

OFF, OWN = "topic.off:", "topic.own:"
PREFIX = "topic."
MOST_OWN = 200
LONGEST_HINT = 40
_MARK = "staff."
"""How ids of the staff's own topics begin."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A topic with where it is switched off; of the staff's own also where it holds.

    Attributes:
        own: the scope of the staff's own; empty for a ready one.
        off: scopes in which nobody is asked it.
    """

    topic: Topic
    own: str
    off: frozenset[str]


def entries(session: Session) -> list[Entry]:
    """Return the whole bank, the staff's own first."""
    off, own = _kept(session)
    mine = [
        Entry(topic, scope, frozenset())
        for slot, scopes in own.items()
        for scope, text in scopes.items()
        if (topic := _topic(slot, text)) is not None
    ]
    return [*mine, *(Entry(topic, "", frozenset(off.get(topic.id, ()))) for topic in packs.topics())]


def of_groups(session: Session, group_ids: Collection[int]) -> Mapping[int, tuple[Topic, ...]]:
    """Return group id → the topics that it may be asked."""
    off, own = _kept(session)
    if not off and not own:
        return dict.fromkeys(group_ids, packs.topics())
    regions = session.exec(pick(Group.id, Group.region_id).where(col(Group.id).in_(sorted(group_ids)))).all()
    found: dict[int, tuple[Topic, ...]] = {}
    for group, region in regions:
        scopes = {"all", f"region:{region}", f"group:{group}"}
        hidden = frozenset(topic for topic, where in off.items() if scopes & set(where))
        mine = tuple((slot, text) for slot, where in own.items() for scope, text in where.items() if scope in scopes)
        found[group or 0] = _bank(hidden, mine)
    return found


@lru_cache(maxsize=256)
def _bank(hidden: frozenset[str], own: tuple[tuple[str, str], ...]) -> tuple[Topic, ...]:
    """Return the same tuple for groups that have the same, so that what may be asked on a day is worked out once."""
    mine = [topic for slot, text in own if (topic := _topic(slot, text)) is not None]
    return (*mine, *(topic for topic in packs.topics() if topic.id not in hidden))


def _kept(session: Session) -> tuple[dict[str, Collection[str]], dict[str, Mapping[str, str]]]:
    off: dict[str, Collection[str]] = {}
    own: dict[str, Mapping[str, str]] = {}
    for slot, scopes in wordings.beginning(session, PREFIX).items():
        if slot.startswith(OFF):
            off[slot.removeprefix(OFF)] = scopes.keys()
        elif slot.startswith(OWN):
            own[slot] = scopes
    return off, own


@lru_cache(maxsize=1024)
def _topic(slot: str, text: str) -> Topic | None:
    try:
        said = json.loads(text)
        question, hint = str(said["question"]), str(said.get("hint", ""))
        kind, festival = str(said.get("kind", "")), str(said.get("festival", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    groups = (kind,) if kind in packs.GROUPS else ()
    return Topic(_MARK + slot.removeprefix(OWN), question, hint, festival=festival, groups=groups)


# ---------------------------------------------------------------- changing


def switch(session: Session, topic_id: str, scope: str, by: int | None, now: datetime, *, on: bool) -> None:
    """Let a ready topic be asked in a scope, or not.

    Raises:
        Refusal: ``topic.no_such``.
    """
    if all(topic.id != topic_id for topic in packs.topics()):
        raise Refusal("topic.no_such")
    wordings.write(session, f"{OFF}{topic_id}", scope, "" if on else "off", by, now)
    _note(session, "bank_on" if on else "bank_off", by, now)


def add(session: Session, key: str, scope: str, said: Mapping[str, str], by: int | None, now: datetime) -> None:
    """Write a topic of the staff's own; the same key twice is one topic.

    Args:
        said: ``question``, ``hint``, ``kind`` (of group; empty = all) and ``festival`` (empty = any day).

    Raises:
        Refusal: ``topic.question_short``, ``topic.question_long``, ``topic.hint_long``, ``topic.no_such``, ``topic.bank_full``.
    """
    question, hint = rules.tidy(said.get("question", "")), rules.tidy(said.get("hint", ""))
    kind, festival = said.get("kind", ""), said.get("festival", "")
    fault = rules.question_fault(question)
    if fault:
        raise Refusal(f"topic.question_{fault}", most=rules.LONGEST_QUESTION)
    if len(hint) > LONGEST_HINT:
        raise Refusal("topic.hint_long", most=LONGEST_HINT)
    if (kind and kind not in packs.GROUPS) or (festival and festival not in calendar.FESTIVALS):
        raise Refusal("topic.no_such")
    if len(wordings.beginning(session, OWN)) >= MOST_OWN:
        raise Refusal("topic.bank_full", most=MOST_OWN)
    text = json.dumps(
        {"question": question, "hint": hint, "kind": kind, "festival": festival}, ensure_ascii=False, sort_keys=True
    )
    wordings.write(session, f"{OWN}{key}", scope, text, by, now)
    _note(session, "bank_added", by, now)


def remove(session: Session, topic_id: str, by: int | None, now: datetime) -> tuple[str, str, str]:
    """Take a topic of the staff's own away; returns its key, scope and words, by which :func:`put_back` brings it back.

    Raises:
        Refusal: ``topic.no_such``.
    """
    slot = f"{OWN}{topic_id.removeprefix(_MARK)}"
    scopes = wordings.of_slots(session, [slot]).get(slot, {})
    if not topic_id.startswith(_MARK) or not scopes:
        raise Refusal("topic.no_such")
    scope, text = next(iter(scopes.items()))
    wordings.write(session, slot, scope, "", by, now)
    _note(session, "bank_removed", by, now)
    return slot.removeprefix(OWN), scope, text


def said_of(text: str) -> Mapping[str, str]:
    """Return what :func:`add` takes of a topic's words as they are kept."""
    return {name: str(value) for name, value in json.loads(text).items()}


def kinds() -> Sequence[str]:
    """Return the kinds of groups."""
    return packs.GROUPS


def _note(session: Session, act: str, by: int | None, now: datetime) -> None:
    audit.record(session, at=now, actor_id=by, group_id=None, action=f"topic.{act}")
