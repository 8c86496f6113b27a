"""Two versions of a document beside each other: what came, what went, and word by word what changed.

Source: F69 (a draft is compared before it is published).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from storage.documents import Chunk, DocumentVersion, Phrasing

if TYPE_CHECKING:
    from storage.engine import Session

ALIKE = 0.5
"""Share of words that a passage has to keep to count as the same one, changed; its place is no sign: places move."""
_LONGEST = 4000
"""Characters of a text that are compared word by word; longer ones are told to have changed."""
_MOST_PAIRS = 20_000
"""Passages without a partner, old times new, that are compared each with each; beyond it they came and went."""

Piece = tuple[str, str]
"""``=`` kept, ``-`` gone or ``+`` new, and the words."""


@dataclass(frozen=True, slots=True)
class Text:
    """An entry or passage as it is compared."""

    entry: str
    kind: str
    title: str
    body: str
    plain: str
    valid: tuple[str, str]
    asked: tuple[str, ...] = ()
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """One that both versions have.

    Attributes:
        title, body, plain: pieces, empty where nothing changed.
        asked_new, asked_gone: ways to ask that came or went.
        valid: its own dates are others now.
    """

    entry: str
    kind: str
    shown: str
    title: tuple[Piece, ...] = ()
    body: tuple[Piece, ...] = ()
    plain: tuple[Piece, ...] = ()
    asked_new: tuple[str, ...] = ()
    asked_gone: tuple[str, ...] = ()
    valid: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What a version has that the other has not.

    Attributes:
        same: how many entries and passages are in both as they were; moved ones among them.
    """

    added: tuple[Text, ...] = ()
    changed: tuple[Changed, ...] = ()
    removed: tuple[Text, ...] = ()
    same: int = 0

    @property
    def empty(self) -> bool:
        """Nothing that anybody would be answered changed."""
        return not (self.added or self.changed or self.removed)

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        found: dict[str, Any] = asdict(self)
        return found


def between(session: Session, old: DocumentVersion | None, new: DocumentVersion | None) -> Difference:
    """What ``new`` changes of ``old``; None = a version without anything.

    Args:
        session: Read from.
        old: Usually the published version.
        new: Usually a draft.
    """
    return compare(_texts(session, old), _texts(session, new))


def _texts(session: Session, version: DocumentVersion | None) -> list[Text]:
    if version is None:
        return []
    asked: dict[int, list[str]] = defaultdict(list)
    for chunk, text in session.execute(
        select(Phrasing.chunk_id, Phrasing.text)
        .join(Chunk, col(Chunk.id) == Phrasing.chunk_id)
        .where(Chunk.version_id == version.id, Chunk.kind == "entry")
        .order_by(col(Phrasing.id))
    ):
        asked[chunk].append(text)
    rows = session.exec(select(Chunk).where(Chunk.version_id == version.id).order_by(col(Chunk.ordinal)))
    return [
        Text(
            row.entry,
            row.kind,
            row.title,
            row.body,
            row.plain,
            (_moment(row.valid_from), _moment(row.valid_until)),
            tuple(dict.fromkeys(asked[row.id or 0])),
            row.locator,
        )
        for row in rows
    ]


def _moment(value: datetime | None) -> str:
    return value.isoformat() if value is not None else ""


def compare(old: Sequence[Text], new: Sequence[Text]) -> Difference:
    """The same for texts at hand. Pure.

    An entry is the same by its id; a passage by its words, wherever it stands now, else by its place if half of its
    words are still there, else by its words alone.
    """
    gone, come = dict(enumerate(old)), dict(enumerate(new))
    pairs: list[tuple[Text, Text]] = []
    same = 0

    def pair(before: int, after: int) -> None:
        pairs.append((gone.pop(before), come.pop(after)))

    by_words: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for at, text in gone.items():
        if text.kind == "passage":
            by_words[text.kind, text.title, text.body].append(at)
    for at, text in list(come.items()):
        before = by_words.get((text.kind, text.title, text.body))
        if text.kind == "passage" and before:
            del gone[before.pop(0)], come[at]
            same += 1
    by_id = {text.entry: at for at, text in gone.items()}
    for at, text in list(come.items()):
        before_at = by_id.get(text.entry)
        if before_at is None or gone[before_at].kind != text.kind:
            continue
        if text.kind == "entry" or _alike(gone[before_at], text) >= ALIKE:
            pair(before_at, at)
            del by_id[text.entry]
    if len(come) * len(gone) <= _MOST_PAIRS:
        for at, text in list(come.items()):
            rest = [(_alike(other, text), -before) for before, other in gone.items() if other.kind == text.kind]
            if text.kind == "passage" and rest and max(rest)[0] >= ALIKE:
                pair(-max(rest)[1], at)
    changed = [one for one in (_changed(before, after) for before, after in pairs) if one is not None]
    same += len(pairs) - len(changed)
    order = {text.entry: at for at, text in enumerate(new)}
    changed.sort(key=lambda one: order.get(one.entry, 0))
    return Difference(tuple(come.values()), tuple(changed), tuple(gone.values()), same)


def _alike(left: Text, right: Text) -> float:
    """Share of words that two passages have in common, 0 to 1."""
    first, second = _words(left.body[:_LONGEST]), _words(right.body[:_LONGEST])
    return 2 * len(first & second) / max(len(first) + len(second), 1)


def _changed(old: Text, new: Text) -> Changed | None:
    told = (new.title, new.body, new.plain, new.valid, frozenset(new.asked))
    if told == (old.title, old.body, old.plain, old.valid, frozenset(old.asked)):
        return None
    return Changed(
        new.entry,
        new.kind,
        new.title,
        pieces(old.title, new.title),
        pieces(old.body, new.body),
        pieces(old.plain, new.plain),
        tuple(one for one in new.asked if one not in old.asked),
        tuple(one for one in old.asked if one not in new.asked),
        old.valid != new.valid,
    )


def pieces(old: str, new: str) -> tuple[Piece, ...]:
    """Word by word what a text kept, lost and gained, in reading order; empty when it is the same."""
    if old == new:
        return ()
    if len(old) > _LONGEST or len(new) > _LONGEST:
        return tuple(one for one in (("-", old), ("+", new)) if one[1])
    before, after = _split(old), _split(new)
    found: list[Piece] = []
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            found.append(("=", "".join(before[a:b])))
        else:
            found.extend(one for one in (("-", "".join(before[a:b])), ("+", "".join(after[c:d]))) if one[1])
    return tuple(found)


def marked(found: Iterable[Piece], around: int = 16) -> str:
    """Pieces as one line for people: ``[-gone-]{+new+}``, with no more than ``around`` characters kept on each side."""
    known = list(found)
    line = ""
    for at, (what, text) in enumerate(known):
        if what == "-":
            line += f"[-{text}-]"
        elif what == "+":
            line += f"{{+{text}+}}"
        else:
            head = text[:around] if at > 0 else ""
            tail = text[-around:] if at + 1 < len(known) else ""
            line += text if len(text) <= len(head) + len(tail) else f"{head}…{tail}"
    return " ".join(line.split())


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_split(text))


def _split(text: str) -> list[str]:
    """Words as jieba cuts them, with marks and white space: joined again they are the text."""
    import rjieba

    cut: list[str] = rjieba.cut(text)
    return cut
