"""An answer's life: prepare (rows and memory), then finish (facts filled in, perhaps worded by a model).

Source: F62, F69, F72; DESIGN 4 (no model call inside a transaction) and 6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from storage.columns import micros

Decision = Literal["answered", "asked_back", "handed_over", "refused"]

FACTS = frozenset(
    {"pickup_place", "pickup_hours", "delivery_day", "order_cutoff", "hotline", "leader_name"}
    | {"after_sale_time", "bad_fruit", "no_reason"}
)
"""Group facts that an answer may quote; the group's own settings hold them."""

QUOTE = 200
_FACT = re.compile(r"\{([a-z_]+)\}")
_BY_THE_WAY = re.compile(r"打\s*\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks, as far as answers depend on it; set by code from the chat, never from what is said.

    Attributes:
        group: the group's id, or empty: only what is for everybody.
        region: the id of the group's region, or empty.
        leader: a leader or staff, in private: the manual and the case library answer too.
    """

    group: str = ""
    region: str = ""
    leader: bool = False

    @property
    def allowed(self) -> frozenset[str]:
        """Scopes of documents that may answer."""
        found = {"all"}
        if self.group:
            found.add(f"group:{self.group}")
        if self.region:
            found.add(f"region:{self.region}")
        return frozenset(found)

    def sight(self, now: datetime) -> Sight:
        """What may be seen at an instant."""
        return Sight(self.allowed, self.leader, micros(now))


@dataclass(frozen=True, slots=True)
class Sight:
    """What an asker may see at an instant: the one filter that every index and every statement applies.

    Attributes:
        scopes: of documents.
        leader: whether documents for leaders are among them.
        at: microseconds since 1970; what is not valid then is not there.
    """

    scopes: frozenset[str]
    leader: bool
    at: int

    @property
    def audiences(self) -> tuple[str, ...]:
        """Audiences of documents that may answer."""
        return ("everybody", "leaders") if self.leader else ("everybody",)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as it stands in the rows now, published and within scope."""

    chunk: int
    entry: str
    kind: str
    title: str
    body: str
    plain: str
    facts: tuple[str, ...]
    document: str
    document_id: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the bot may offer: an entry's id, its main question, and how likely it is the one, 0 to 1."""

    id: str
    question: str
    score: float
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer stands.

    Attributes:
        document: name a person knows, e.g. a rule's title with its clause.
        chunk: the entry's or the passage's id in it.
        quote: literal text of it, at most ``QUOTE`` characters.
    """

    document: str
    chunk: str
    quote: str
    document_id: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is decided before any model is asked.

    Attributes:
        question: in question form.
        passages: what may be quoted, the one that decides first; empty unless answered.
        started: monotonic seconds when the question came.
        probable: when asked back, the passage of the first candidate: what a judge may look at.
    """

    question: str
    decision: Decision
    passages: tuple[Passage, ...]
    candidates: tuple[Candidate, ...]
    score: float
    started: float
    probable: Passage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said.

    Attributes:
        text: empty unless answered.
        model: name and prompt version when a model worded it, else None.
        ms: milliseconds from question to answer.
        missing: facts that the best passage is about and the group has not told.
    """

    decision: Decision
    text: str
    citations: tuple[Citation, ...]
    candidates: tuple[Candidate, ...]
    score: float
    model: str | None
    ms: float
    question: str = field(default="", repr=False)
    missing: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON values, in the form of ``kb ask --json``."""
        return {
            "decision": self.decision,
            "answer": self.text,
            "citations": [
                {"document": c.document, "chunk": c.chunk, "quote": c.quote, "document_id": c.document_id}
                for c in self.citations
            ],
            "score": round(self.score, 4),
            "candidates": [{"id": c.id, "question": c.question, "score": round(c.score, 4)} for c in self.candidates],
            "model": self.model,
            "ms": round(self.ms, 2),
        }


def fill(passage: Passage, facts: Mapping[str, str]) -> str | None:
    """The passage's text with the group's facts in their places.

    A fact that the group lacks turns the whole answer into the one that needs none; None when there is no such answer.
    Values are put in as they are and never looked into for placeholders.
    """
    if lacking(passage, facts):
        return passage.plain or None
    return _FACT.sub(lambda found: facts[found.group(1)].strip() if found.group(1) in FACTS else "", passage.body)


def lacking(passage: Passage, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the facts that a passage quotes and the group has not told, in order."""
    needed = {name for name in _FACT.findall(passage.body) if name in FACTS} | (set(passage.facts) & FACTS)
    return tuple(sorted(name for name in needed if not (facts.get(name) or "").strip()))


def wanted(passage: Passage, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lacking facts that the passage is about: a number to ring if all else fails is asked for by nobody."""
    aside = set(_BY_THE_WAY.findall(passage.body))
    return tuple(name for name in lacking(passage, facts) if name not in aside)


def cite(passage: Passage, text: str) -> Citation:
    """A citation that quotes ``text``, cut at a sentence's end where that is possible."""
    quote = text.strip()
    if len(quote) > QUOTE:
        head = quote[:QUOTE]
        end = max(head.rfind(mark) for mark in "。！？；\n")
        quote = head[: end + 1] if end > QUOTE // 2 else head
    return Citation(passage.document, passage.entry, quote, passage.document_id)
