"""Messages that go out: written in the transaction of their cause, sent after its commit.

A row's body is personal data and is erased once sent. What a later quote of the message refers to (a topic, a question that
was handed over) stays in ``sent_message``, found by the platform's message id.
"""

from __future__ import annotations

import sys
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.columns import micros, pk, utc
from storage.engine import Session
from storage.inbox import PRUNED_AT_ONCE
from storage.statements import Prepared

KEEP_DAYS = 14
SUBJECT_DAYS = 60
NOT_HERE = "not_here"
"""The reason of a RETRY that no waiting helps: another process is connected to the platform, and the message is left to it."""


class Outbox(SQLModel, table=True):
    """One message to send.

    Attributes:
        idempotency_key: ``{inbox id}:{n}`` for answers; a second attempt of the same cause meets it.
        kind: ``reply``, ``dm``, ``reaction``, ``edit`` or ``push``.
        body: JSON of :class:`engagement.kernel.Outgoing`; empty once sent.
        state: ``pending``, ``sending``, ``sent``, ``dropped`` (expired or refused by the platform) or ``unknown``.
        reason: why it was dropped, a fixed word.
        sender: which process says it (:class:`storage.campaigns.Heartbeat`); what a dead one left, another takes.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'sending', 'sent', 'dropped', 'unknown')", name="outbox_state"),
        Index(
            "ix_outbox_pending",
            "id",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
    )
    id: int | None = pk()
    idempotency_key: str = Field(max_length=160, unique=True)
    channel: str = Field(max_length=20)
    account: str = Field(default="", max_length=64)
    conversation: str = Field(max_length=160)
    kind: str = Field(max_length=10)
    body: str = ""
    state: str = Field(default="pending", max_length=8)
    attempts: int = 0
    not_before: datetime | None = utc(nullable=True)
    created_at: datetime = utc()
    sent_at: datetime | None = utc(nullable=True)
    reason: str = Field(default="", max_length=40)
    sender: str = Field(default="", max_length=80, sa_column_kwargs={"server_default": ""})


class SentMessage(SQLModel, table=True):
    """What a message that the bot put out is about, so that a quote of it can be understood.

    Attributes:
        provider_id: the platform's message id.
        subject: ``prefix:reference``, e.g. ``topic:17``; the slice that owns the prefix handles quotes.
    """

    __tablename__ = "sent_message"
    __table_args__ = (
        UniqueConstraint("channel", "account", "conversation", "provider_id"),
        Index("ix_sent_message_subject", "conversation", "subject"),
    )
    id: int | None = pk()
    channel: str = Field(max_length=20)
    account: str = Field(default="", max_length=64)
    conversation: str = Field(max_length=160)
    provider_id: str = Field(max_length=64)
    subject: str = Field(max_length=80)
    sent_at: datetime = utc(index=True)


_T = Outbox.__table__  # type: ignore[attr-defined]
_S = SentMessage.__table__  # type: ignore[attr-defined]
_INSERT = Prepared(
    "outbox.insert",
    lambda insert: (
        insert(_T)
        .values(
            idempotency_key=bindparam("key"),
            channel=bindparam("channel"),
            account=bindparam("account"),
            conversation=bindparam("conversation"),
            kind=bindparam("kind"),
            body=bindparam("body"),
            state="pending",
            attempts=0,
            reason="",
            created_at=bindparam("created_at"),
            sender=bindparam("sender"),
        )
        .returning(_T.c.id)
    ),
)
_KNOWN = Prepared("outbox.known", select(_T.c.id).where(_T.c.idempotency_key == bindparam("key")))
_SENT = Prepared(
    "outbox.sent",
    update(_T).where(_T.c.id == bindparam("row")).values(state="sent", body="", sent_at=bindparam("sent_at")),
)
_LATER = Prepared(
    "outbox.later",
    update(_T)
    .where(_T.c.id == bindparam("row"))
    .values(attempts=_T.c.attempts + 1, not_before=bindparam("not_before"))
    .returning(_T.c.attempts),
)
_DROPPED = Prepared(
    "outbox.dropped",
    update(_T).where(_T.c.id == bindparam("row")).values(state="dropped", body="", reason=bindparam("why")),
)
_REMEMBER = Prepared(
    "sent_message.insert",
    lambda insert: (
        insert(_S)
        .values(
            channel=bindparam("channel"),
            account=bindparam("account"),
            conversation=bindparam("conversation"),
            provider_id=bindparam("provider_id"),
            subject=bindparam("subject"),
            sent_at=bindparam("sent_at"),
        )
        .on_conflict_do_nothing(index_elements=["channel", "account", "conversation", "provider_id"])
    ),
)
_SUBJECT = Prepared(
    "sent_message.subject",
    select(_S.c.subject).where(
        _S.c.channel == bindparam("channel"),
        _S.c.account == bindparam("account"),
        _S.c.conversation == bindparam("conversation"),
        _S.c.provider_id == bindparam("provider_id"),
    ),
)
_LATEST = Prepared(
    "sent_message.latest",
    select(_S.c.provider_id)
    .where(
        _S.c.channel == bindparam("channel"),
        _S.c.account == bindparam("account"),
        _S.c.conversation == bindparam("conversation"),
        _S.c.subject == bindparam("subject"),
    )
    .order_by(_S.c.id.desc())
    .limit(1),
)
_LAST = Prepared(
    "sent_message.last",
    select(_S.c.subject)
    .where(
        _S.c.channel == bindparam("channel"),
        _S.c.account == bindparam("account"),
        _S.c.conversation == bindparam("conversation"),
        _S.c.sent_at >= bindparam("since"),
        _S.c.sent_at <= bindparam("until"),
    )
    .order_by(_S.c.id.desc())
    .limit(5),
)
_EDGE = Prepared(
    "outbox.edge",
    select(_T.c.id, _T.c.created_at)
    .where(_T.c.id > bindparam("after"))
    .order_by(_T.c.id)
    .limit(1)
    .offset(PRUNED_AT_ONCE),
)
_PRUNE = Prepared(
    "outbox.prune",
    delete(_T).where(
        _T.c.id > bindparam("after"),
        _T.c.id <= bindparam("last"),
        (_T.c.state == "sent") | (_T.c.state == "dropped"),
        _T.c.created_at < bindparam("before"),
    ),
)
_FORGET = Prepared(
    "sent_message.prune",
    delete(_S)
    .where(_S.c.id.in_(select(_S.c.id).where(_S.c.sent_at < bindparam("before")).limit(PRUNED_AT_ONCE)))
    .returning(_S.c.id),
)


def put(
    session: Session,
    *,
    key: str,
    channel: str,
    account: str,
    conversation: str,
    kind: str,
    body: str,
    created_at: datetime,
) -> int:
    """Queue a message; returns its id.

    Raises:
        The driver's IntegrityError when the key is there: the cause was handled already, which the claim of the inbox row
        should have noticed.
    """
    row = session.row(
        _INSERT,
        key=key,
        channel=channel,
        account=account,
        conversation=conversation,
        kind=kind,
        body=body,
        created_at=micros(created_at),
        sender=session.process,
    )
    return int(row[0])


def exists(session: Session, key: str) -> bool:
    """Say whether a message of this key was queued before."""
    return session.row(_KNOWN, key=key) is not None


def mark_sent(session: Session, outbox_id: int, sent_at: datetime) -> None:
    """Record that the platform took the message, and erase its body."""
    session.run(_SENT, row=outbox_id, sent_at=micros(sent_at))


def postpone(session: Session, outbox_id: int, not_before: datetime) -> int:
    """Try again at ``not_before``; returns how many tries there were."""
    return int(session.row(_LATER, row=outbox_id, not_before=micros(not_before))[0])


def drop(session: Session, outbox_id: int, why: str) -> None:
    """Give a message up, with a fixed word that says why."""
    session.run(_DROPPED, row=outbox_id, why=why)


def remember(
    session: Session,
    *,
    channel: str,
    account: str,
    conversation: str,
    provider_id: str,
    subject: str,
    sent_at: datetime,
) -> None:
    """Note what a sent message is about."""
    session.run(
        _REMEMBER,
        channel=channel,
        account=account,
        conversation=conversation,
        provider_id=provider_id,
        subject=subject,
        sent_at=micros(sent_at),
    )


def subject_of(session: Session, *, channel: str, account: str, conversation: str, provider_id: str) -> str | None:
    """Return what the quoted message is about, or None if it is not one of ours or too old."""
    row = session.row(_SUBJECT, channel=channel, account=account, conversation=conversation, provider_id=provider_id)
    return None if row is None else str(row[0])


def latest_about(session: Session, *, channel: str, account: str, conversation: str, subject: str) -> str:
    """Return the platform's id of our latest message about a subject in a conversation; empty if there is none."""
    row = session.row(_LATEST, channel=channel, account=account, conversation=conversation, subject=subject)
    return "" if row is None else str(row[0])


def last_subjects(
    session: Session, *, channel: str, account: str, conversation: str, since: datetime, until: datetime
) -> list[str]:
    """Return what our messages in a conversation are about, newest first, at most five of [since, until]."""
    rows = session.rows(
        _LAST, channel=channel, account=account, conversation=conversation, since=micros(since), until=micros(until)
    )
    return [str(row[0]) for row in rows]


def prune(session: Session, before: datetime, after: int = 0) -> int:
    """Forget what was written before an instant and is done with, some hundreds at a time; see :func:`storage.inbox.prune`."""
    edge, created_at = session.row(_EDGE, after=after) or (sys.maxsize, sys.maxsize)
    session.run(_PRUNE, after=after, last=edge, before=micros(before))
    return int(edge) if created_at < micros(before) else 0


def prune_subjects(session: Session, before: datetime) -> bool:
    """Forget what was said before an instant was about, some hundreds at a time; True when there may be more."""
    return len(session.rows(_FORGET, before=micros(before))) == PRUNED_AT_ONCE
