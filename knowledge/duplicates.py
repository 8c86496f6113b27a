"""Phrasings that stand under two entries, answers that contradict each other, entries with too few ways to ask.

``check`` looks at one entry before it is saved, in milliseconds; ``review`` at the whole base, in seconds to a minute.

Source: F62, F69.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import col, select

from knowledge import alignment, editing, gaps, likeness, normalise, retriever, tokens
from knowledge.answer import Sight
from prompts.loader import PROMPTS
from storage.columns import micros
from storage.documents import Chunk

if TYPE_CHECKING:
    from datetime import datetime

    from knowledge.base import KnowledgeBase
    from knowledge.catalogue import Item
    from storage.engine import Database, Session

SAME, NEAR = 0.68, 0.86
"""Likeness from which two phrasings of the same content are one, and two that differ by one thing are near."""
LEAD = 0.1
"""Likeness by which a phrasing must be nearer to another entry than to its own before that is told."""
FEW = 6
"""Ways to ask that an entry should have."""
MOST_TOLD = 500
_LOOKED = 3
"""Entries that one phrasing is compared with before saving."""
_CLOSE = 12
"""Phrasings of them that are compared by likeness."""
_FIGURE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(点)(\d\d)?|(元|斤|天|个工作日|小时|分钟|积?分(?!钟|享)|次|折|%|个月|周|年|毫升))"
)
_LABELLED = re.compile(r"([\u4e00-\u9fff]{2,6}:)\s*[¥￥]?(\d+(?:\.\d+)?)元?(?=[;,。\s]|$)")
"""What a table says of a thing, 「单价：29.9；」; full-width marks are folded by then."""
_NO = re.compile(r"(?:不能|不可以|不支持|不允许|不可|不会|不收|不用|不需要|没有|无法|别)([\u4e00-\u9fff]{2})")


@dataclass(frozen=True, slots=True)
class Clash:
    """Two entries that get in each other's way.

    Attributes:
        kind: ``same`` question form, ``near`` phrasings, or ``conflict``: near, and the answers say different things.
        entry, phrasing: the first of the two; ``other``, ``other_phrasing``: the second.
        title: the second entry's main question.
        alike: likeness of the phrasings, 0 to 1.
        differs: for a conflict, what the answers say, ``3天 | 5天``.
    """

    kind: str
    entry: str
    phrasing: str
    other: str
    other_phrasing: str
    title: str
    alike: float
    differs: str = ""

    def document(self) -> dict[str, object]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Review:
    """What ``review`` found.

    Attributes:
        clashes: gravest first: conflicts, same, near; each pair of entries once.
        astray: phrasings that are nearer to another entry than to the rest of their own: (entry, phrasing, the other).
        few: entries with fewer than ``FEW`` ways to ask, with how many they have.
        entries, phrasings: what was looked at.
    """

    clashes: tuple[Clash, ...]
    astray: tuple[tuple[str, str, str], ...]
    few: tuple[tuple[str, int], ...]
    entries: int
    phrasings: int


@lru_cache(maxsize=1)
def _light() -> frozenset[str]:
    """Characters that carry no content of a question (prompts/knowledge/light.txt)."""
    lines = (PROMPTS / "knowledge" / "light.txt").read_text(encoding="utf-8").splitlines()
    return frozenset("".join(line for line in lines if not line.startswith("#")))


@lru_cache(maxsize=1 << 15)
def core(text: str) -> tuple[frozenset[str], bool]:
    """What a phrasing is about, without the words that every question has; and whether it says no."""
    asked = normalise.question(text)
    return frozenset(tokens.pieces(asked)) - _light(), alignment.negated(asked)


def kind_of(one: str, other: str, alike: float) -> str:
    """``same``, ``near`` or empty: what two phrasings of different entries are to each other.

    The same content, and neither or both say no: only how it is said differs. One thing more on one side is a nearness to
    look at; one thing more on both sides are two questions (「退群」 and 「进群」).
    """
    (left, no), (right, not_either) = core(one), core(other)
    if not left & right or no != not_either:
        return ""
    if left == right:
        return "same" if alike >= SAME else ""
    return "near" if alike >= NEAR and len(left ^ right) == 1 and min(len(left), len(right)) >= 3 else ""


def contradiction(one: str, other: str) -> str:
    """What two answers to near questions say differently: figures of one unit, or yes against no; empty when nothing."""
    left, right = normalise.comparable(one), normalise.comparable(other)
    said, says = _figures(left), _figures(right)
    for unit in sorted(said.keys() & says.keys()):
        if said[unit].isdisjoint(says[unit]) or _windows(unit, said[unit], says[unit]):
            return f"{_shown(said[unit], unit)} | {_shown(says[unit], unit)}"
    for a, b in ((left, right), (right, left)):
        for found in _NO.finditer(a):
            what = found.group(1)
            at = b.find(what)
            if (
                at > 0
                and not _NO.search(b[max(0, at - 4) : at + 2])
                and re.search("[能可会要有]以?.{0,2}$", b[max(0, at - 4) : at])
            ):
                return f"{found.group()} | {b[max(0, at - 3) : at + 2]}"
    return ""


def _windows(unit: str, one: set[str], other: set[str]) -> bool:
    """Whether both say from when until when, and not the same; 「下午四点到八点」 is until 20:00."""
    if unit != "点" or len(one) != 2 or len(other) != 2:  # zh: an hour
        return False
    faces = [
        {(int(hour) % 12, rest) for hour, _, rest in (time.partition(":") for time in said)} for said in (one, other)
    ]
    return faces[0] != faces[1]


def _figures(text: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for value, hour, minute, unit in _FIGURE.findall(text):
        name = hour or unit.removeprefix("积")  # zh: 积分 are 分
        found.setdefault(name, set()).add(f"{value}:{minute}" if minute else value)
    for label, value in _LABELLED.findall(text):
        found.setdefault(label, set()).add(value)
    return found


def _shown(values: Iterable[str], unit: str) -> str:
    before, after = (unit, "") if unit.endswith(":") else ("", unit)
    return " ".join(f"{before}{value}{after}" for value in sorted(values))


def check(
    session: Session,
    base: KnowledgeBase,
    asked: Sequence[str],
    answer: str,
    now: datetime,
    *,
    scope: str = "all",
    entry: str = "",
) -> list[Clash]:
    """What an entry would clash with, before it is saved.

    Args:
        session: Read from.
        base: Open.
        asked: Its phrasings, the main question first.
        answer: Its answer; empty = only the phrasings are compared.
        now: Aware instant.
        scope: Of its document.
        entry: Its own id, which it does not clash with.

    Returns:
        The gravest first, one for each other entry.
    """
    catalogue = base.catalogue
    sight = Sight(frozenset({"all", scope}), leader=True, at=micros(now))
    seen = catalogue.entries.seen(sight)
    alike = gaps.measure(session, base, fresh=False).likeness
    found: dict[str, Clash] = {}
    others: dict[int, Item] = {}
    for text in asked:
        for at in catalogue.entries.same(normalise.question(text)):
            item = catalogue.entries.items[at]
            if item.entry != entry and (seen is None or seen[at]):
                twin = next((one for one in item.asked if editing.form(one) == editing.form(text)), item.title)
                found.setdefault(item.entry, Clash("same", entry, text, item.entry, twin, item.title, 1.0))
                others[item.chunk] = item
    for text in asked[:1]:
        for one in retriever.rank(catalogue.entries, normalise.question(text), {}, seen)[:_LOOKED]:
            if one.item.entry != entry:
                others[one.item.chunk] = one.item
    pool = sorted(
        (
            (len(core(text)[0] ^ core(theirs)[0]), text, theirs, item)
            for item in others.values()
            for theirs in item.asked
            for text in asked[:8]
        ),
        key=lambda row: row[0],
    )[:_CLOSE]
    if pool:
        ours = alike.rows([text for _, text, _, _ in pool])
        theirs = alike.rows([other for _, _, other, _ in pool])
        for (_, text, other, item), value in zip(pool, (ours * theirs).sum(axis=1).tolist(), strict=True):
            kind = kind_of(text, other, value)
            if kind and item.entry not in found:
                found[item.entry] = Clash(kind, entry, text, item.entry, other, item.title, round(value, 3))
    if answer:
        chunks = {item.entry: chunk for chunk, item in others.items()}
        bodies = _bodies(session, [chunks[name] for name in found])
        found = {name: _grave(one, answer, bodies.get(chunks[name], "")) for name, one in found.items()}
    return sorted(found.values(), key=_gravity)


def _bodies(session: Session, chunks: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for chunk, body in session.execute(select(Chunk.id, Chunk.body).where(col(Chunk.id).in_(list(chunks)))):
        found[chunk or 0] = body
    return found


def _grave(clash: Clash, answer: str, other: str) -> Clash:
    differs = contradiction(answer, other) if answer and other else ""
    if not differs:
        return clash
    return replace(clash, kind="conflict", differs=differs)


def _gravity(clash: Clash) -> tuple[int, float, str]:
    return ("conflict", "same", "near").index(clash.kind), -clash.alike, clash.other


def review(database: Database, base: KnowledgeBase, progress: Callable[[int, int], None] | None = None) -> Review:
    """Looks through everything that is published; never within a transaction.

    Args:
        database: Of the base.
        base: Open.
        progress: Called with (phrasings compared, phrasings in all).
    """
    catalogue, measure = database.read_now(lambda session: (base.preview(session, {})[0], gaps.measure(session, base)))
    items = [item for item in catalogue.entries.items if item.asked]
    flat = [(at, text) for at, item in enumerate(items) for text in item.asked]
    rows = measure.likeness.rows([text for _, text in flat])
    best: dict[tuple[int, int], Clash] = {}
    home = np.zeros(len(flat), dtype=np.float32)
    away: dict[int, tuple[float, int]] = {}
    for left, right, alike in likeness.pairs(rows, rows, SAME):
        for one, other, value in zip(left.tolist(), right.tolist(), alike.tolist(), strict=True):
            (a, said), (b, says) = flat[one], flat[other]
            if items[a].entry == items[b].entry:
                home[one] = max(home[one], value if one != other else 0.0)
            elif _together(items[a], items[b]) and value > away.get(one, (0.0, 0))[0]:
                away[one] = (value, b)
            if a >= b or items[a].entry == items[b].entry or not _together(items[a], items[b]):
                continue
            kind = kind_of(said, says, value)
            known = best.get((a, b))
            if kind and (known is None or _rank(kind, value) > _rank(known.kind, known.alike)):
                best[a, b] = Clash(kind, items[a].entry, said, items[b].entry, says, items[b].title, round(value, 3))
        if progress is not None:
            progress(int(left.max(initial=0)) + 1, len(flat))
    chunks = sorted({items[at].chunk for pair in best for at in pair})
    told: dict[int, str] = {}
    for start in range(0, len(chunks), 500):
        part = chunks[start : start + 500]
        told.update(database.read_now(lambda session, part=part: _bodies(session, part)))  # type: ignore[misc]
    clashes = [
        _grave(clash, told.get(items[a].chunk, ""), told.get(items[b].chunk, "")) for (a, b), clash in best.items()
    ]
    if progress is not None:
        progress(len(flat), len(flat))
    few = [(item.entry, len(item.asked)) for item in items if len(item.asked) < FEW]
    lost = [
        (items[flat[one][0]].entry, flat[one][1], items[b].entry)
        for one, (value, b) in away.items()
        if value > home[one] + LEAD
    ]
    return Review(
        tuple(sorted(clashes, key=_gravity)[:MOST_TOLD]),
        tuple(sorted(lost)[:MOST_TOLD]),
        tuple(sorted(few, key=lambda row: (row[1], row[0]))),
        len(items),
        len(flat),
    )


def _rank(kind: str, alike: float) -> tuple[bool, float]:
    return kind == "same", alike


def _together(one: Item, other: Item) -> bool:
    """Whether somebody could be answered from both."""
    return one.scope == other.scope or "all" in (one.scope, other.scope)
