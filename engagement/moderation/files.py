"""Word lists as files: read whole or refused by line, compared with what stands, put in place in one transaction.

Source: F81, F125.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.moderation import rules
from engagement.moderation.folding import bare
from engagement.moderation.tables import ModerationWord
from prompts import wordlists
from prompts.loader import texts
from storage import audit
from storage.engine import Session
from storage.groups import Group, Region

MOST_BYTES = 1_000_000
MOST_WORDS = 2_000
"""Words of one scope when they come from a file."""
_REMARK = "#"
_ADD = frozenset({"", "拦", "添加", "加", "先收着", "add", "hold"})  # zh: what is written in a file
_DROP = frozenset({"不拦", "删除", "删", "remove", "drop"})  # zh: what is written in a file
_KINDS = frozenset(  # zh: what is written in a file
    {"", "自定", "广告", "敏感词", "骂人", "赌博", "色情", "诈骗", "违禁品", "其他"}
)
_HEAD = frozenset({"词", "词语", "敏感词", "word"})  # zh: what is written above a column


class Unreadable(ValueError):
    """A file that is no word list at all. Attributes: ``why``: ``large``, ``encoding`` or ``empty``."""

    def __init__(self, why: str) -> None:
        """Keep why."""
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is refused.

    Attributes:
        line: counted from 1.
        why: ``short``, ``long``, ``ordinary``, ``twice``, ``action``, ``kind``, ``columns`` or ``many``.
    """

    line: int
    why: str
    word: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file asks for, words in the form in which they are compared."""

    add: Sequence[str]
    drop: Sequence[str]


@dataclass(frozen=True, slots=True)
class Change:
    """What a list gains and loses; ``kept`` words stand before and after."""

    add: Sequence[str]
    drop: Sequence[str]
    kept: int


def decode(body: bytes) -> str:
    """Read a file's bytes as UTF-8 (with or without its mark) or GB18030.

    Raises:
        Unreadable: ``large``, ``encoding`` or ``empty``.
    """
    if len(body) > MOST_BYTES:
        raise Unreadable("large")
    if b"\x00" in body:
        raise Unreadable("encoding")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not text.strip():
            raise Unreadable("empty")
        return text
    raise Unreadable("encoding")


def read(text: str) -> tuple[Wanted, Sequence[Fault]]:
    """Read a list: one word a line, behind it, each after a comma or tab, a kind and ``拦`` or ``不拦``.

    Lines that begin with # are remarks; a head line (词,分类,动作) is passed over. The kind is checked and not kept: words
    of one's own are all treated alike.
    """
    found: dict[str, tuple[int, bool]] = {}
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith(_REMARK):
            continue
        cells = _cells(stripped)
        if not found and not faults and cells[0] in _HEAD:
            continue
        word = bare(cells[0])
        why = _fault(cells, word, found)
        if why:
            faults.append(Fault(number, why, cells[0][:20]))
        else:
            found[word] = (number, cells[2] not in _DROP)
    add = [word for word, (_, adds) in found.items() if adds]
    if len(add) > MOST_WORDS:
        faults.append(Fault(found[add[MOST_WORDS]][0], "many", add[MOST_WORDS]))
    talk = wordlists.ordinary_talk()
    faults += [
        Fault(found[word][0], "ordinary", word)
        for word in add[:MOST_WORDS]
        if rules.ordinary_share(word, talk) > rules.MOST_ORDINARY
    ]
    return Wanted(add, [word for word in found if word not in add]), sorted(faults, key=lambda one: one.line)


def _cells(line: str) -> list[str]:
    separator = "\t" if "\t" in line else ","
    cells = [
        cell.strip().lower() for cell in next(csv.reader(io.StringIO(line.replace("，", ",")), delimiter=separator))
    ]
    return cells + [""] * (3 - len(cells))


def _fault(cells: Sequence[str], word: str, found: Collection[str]) -> str:
    if len(cells) > 3 and any(cells[3:]):
        return "columns"
    if cells[1] not in _KINDS:
        return "kind"
    if cells[2] not in _ADD | _DROP:
        return "action"
    return "twice" if word in found else rules.word_fault(cells[0])


def scope_id(session: Session, scope: str) -> tuple[str, int] | None:
    """Read ``all``, ``region:ID`` or ``group:ID``; None when there is no such region or group, or it says neither."""
    name, _, number = scope.partition(":")
    if scope == "all":
        return "all", 0
    if name not in ("region", "group") or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    row = session.get(Region if name == "region" else Group, int(number))
    return None if row is None else (name, int(number))


def words(session: Session, scope: str, number: int) -> Sequence[str]:
    """Return the words of one scope, oldest first."""
    return list(
        session.exec(
            pick(ModerationWord.word)
            .where(ModerationWord.scope == scope, ModerationWord.scope_id == number)
            .order_by(col(ModerationWord.id))
        )
    )


def shown(found: Sequence[str]) -> str:
    """Write words as a file that :func:`read` reads."""
    head = texts().raw("moderation.file_head")
    tail = texts().raw("moderation.file_row")
    return "".join(line + "\r\n" for line in (head, *(f"{word}{tail}" for word in found)))


def change(stands: Sequence[str], wanted: Wanted, *, replace: bool) -> Change:
    """Compare what stands with what a file asks for.

    Args:
        replace: what the file does not name goes.
    """
    before, add = set(stands), set(wanted.add)
    drop = (before - add) if replace else (before & set(wanted.drop))
    fresh = [word for word in wanted.add if word not in before]
    return Change(fresh, [word for word in stands if word in drop], len(before - drop))


def put(session: Session, scope: str, number: int, what: Change, now: datetime, by: int | None = None) -> None:
    """Make a change, on record; ``by`` is a person, None the operator's own hand."""
    for row in session.exec(
        pick(ModerationWord).where(
            ModerationWord.scope == scope,
            ModerationWord.scope_id == number,
            col(ModerationWord.word).in_(what.drop),
        )
    ):
        session.delete(row)
    session.flush()
    session.add_all(ModerationWord(scope=scope, scope_id=number, word=word, added_at=now) for word in what.add)
    session.flush()
    figures: Mapping[str, int | str] = {
        "scope": scope,
        "scope_id": number,
        "added": len(what.add),
        "removed": len(what.drop),
    }
    audit.record(session, at=now, actor_id=by, group_id=None, action="moderation.words_imported", **figures)
