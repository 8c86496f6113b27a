"""What the knowledge base learns from: proposed entries, thumbs, the golden set, and the tallies of its days.

Raw questions are kept nowhere but in the unanswered queue (:mod:`storage.documents`) and, for some minutes, as the turn
that a follow-up leans on.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, day, document, pk, ref, utc


class Proposal(SQLModel, table=True):
    """An entry that somebody or something offers to the base; nothing is answered from it until staff accept it.

    Attributes:
        origin: ``gap`` (made from questions without an answer), ``reply`` (a leader answered a handed-over question),
            ``correction`` (a thumb down with better words) or ``staff``.
        key: natural key of what it was made from, e.g. ``question:17``; unique, so that a redelivery proposes once.
        scope: whom it is for: ``all``, ``region:ID`` or ``group:ID``.
        entry: id of an existing entry that gets the phrasings instead of a new one; empty = a new entry.
        phrasings: ways to ask for it, the main one first; cleaned of personal data.
        made_by: person; None after that person was erased, or when nobody in particular did.
    """

    __tablename__ = "proposal"
    __table_args__ = (
        CheckConstraint("origin IN ('gap', 'reply', 'correction', 'staff')", name="proposal_origin"),
        CheckConstraint("state IN ('open', 'accepted', 'declined')", name="proposal_state"),
    )
    id: int | None = pk()
    origin: str = Field(max_length=10)
    key: str = Field(max_length=80, unique=True)
    scope: str = Field(max_length=80)
    entry: str = Field(default="", max_length=120)
    phrasings: list[str] | None = document()
    answer: str = Field(default="", max_length=2000)
    state: str = Field(default="open", max_length=10, index=True)
    made_at: datetime = utc()
    made_by: int | None = ref("person.id", nullable=True)
    decided_at: datetime | None = utc(nullable=True)
    decided_by: int | None = ref("person.id", nullable=True, index=False)


class Feedback(SQLModel, table=True):
    """A thumb under an answer: one per member, entry and local day; a second press changes it.

    Attributes:
        entry: id of the entry or passage that answered; ``document_id``: where it stands.
        verdict: 1 or -1; ``reason``: of the latter, where the platform asks for one; numbers of people are masked.
    """

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("member_id", "document_id", "entry", "local_date"),
        CheckConstraint("verdict IN (1, -1)", name="feedback_verdict"),
    )
    id: int | None = pk()
    member_id: int = ref("member.id", index=False)
    group_id: int = ref("chat_group.id")
    document_id: int = ref("document.id")
    entry: str = Field(max_length=120)
    verdict: int
    local_date: date = day(index=True)
    at: datetime = utc()
    reason: str = Field(default="", max_length=200, sa_column_kwargs={"server_default": ""})


class GoldenCase(SQLModel, table=True):
    """A question whose right answer staff have fixed; every publish is measured on all of them.

    Attributes:
        question: as people ask; no personal data.
        relevant: ids of the entries that answer it; empty = the base must not answer.
        scope: who asks.
    """

    __tablename__ = "golden_case"
    __table_args__ = (UniqueConstraint("scope", "question"),)
    id: int | None = pk()
    scope: str = Field(default="all", max_length=80)
    question: str = Field(max_length=300)
    relevant: list[str] | None = document()
    made_at: datetime = utc()
    made_by: str = Field(default="", max_length=80)


class GoldenRun(SQLModel, table=True):
    """The golden set measured once: the trend.

    Attributes:
        counter: the knowledge base's version counter that was measured.
        figures: those of ``kb eval``.
        wrong: questions that were not answered rightly, for the comparison with the next run.
    """

    __tablename__ = "golden_run"
    id: int | None = pk()
    at: datetime = utc()
    counter: int = Field(sa_type=BigInt)
    figures: dict[str, float] | None = document()
    wrong: list[str] | None = document()


class AnswerTally(SQLModel, table=True):
    """A group's questions of one local day, counted; no words and no names.

    Attributes:
        worded: answers that a model worded; ``helped``, ``missed``: thumbs up and down.
        relayed, relay_seconds: handed-over questions that a leader answered, and how long that took in all.
    """

    __tablename__ = "answer_tally"
    group_id: int = ref("chat_group.id", index=False, primary_key=True)
    local_date: date = day(primary_key=True)
    answered: int = 0
    asked_back: int = 0
    chosen: int = 0
    handed_over: int = 0
    refused: int = 0
    worded: int = 0
    helped: int = 0
    missed: int = 0
    relayed: int = 0
    relay_seconds: int = Field(default=0, sa_type=BigInt)


class ModelTally(SQLModel, table=True):
    """What a day's calls of outside models used, over all and per group and member: the budgets are held against it.

    Attributes:
        subject: ``all``, ``group:ID`` or ``member:ID``.
        local_date: the group's local day, UTC's for ``all``.
        cost: in millionths of the currency of the prices that the operator set.
    """

    __tablename__ = "model_tally"
    subject: str = Field(max_length=40, primary_key=True)
    local_date: date = day(primary_key=True)
    model: str = Field(max_length=80, primary_key=True)
    calls: int = 0
    failures: int = 0
    prompt_tokens: int = Field(default=0, sa_type=BigInt)
    completion_tokens: int = Field(default=0, sa_type=BigInt)
    cost: int = Field(default=0, sa_type=BigInt)


class Turn(SQLModel, table=True):
    """The last question that a person asked in a place, so that 「那周末呢」 can lean on it; gone after some minutes.

    Attributes:
        place: ``dm`` or ``group:ID``.
        question: as asked, personal data masked; ``entry``: what answered it, empty when nothing did.
    """

    __tablename__ = "dialog_turn"
    person_id: int = ref("person.id", primary_key=True, index=False)
    place: str = Field(max_length=40, primary_key=True)
    question: str = Field(max_length=300)
    entry: str = Field(default="", max_length=120)
    at: datetime = utc(index=True)
