"""What comparable bots do: SQLModel with AsyncSession over aiosqlite, a commit per message. Same tables, same writes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from engagement.calendar import business_day
from engagement.checkin.rules import Rewards, next_streak, reward
from engagement.checkin.tables import DAILY, Checkin, CheckinStreak
from engagement.kernel import Incoming
from engagement.theme.rules import bit_of, month_key
from engagement.theme.tables import ThemeScore
from storage.groups import Account, Consent, Group, Identity, Member
from storage.inbox import Inbox
from storage.ledger import Entry
from storage.outbox import Outbox


def open_engine(path: Path) -> AsyncEngine:
    """Open the database as durable as ours: WAL, synchronous=FULL, foreign keys."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


class OrmProgram:
    """A bot on the async ORM; one message at a time, since SQLite takes one writer."""

    def __init__(self, directory: Path) -> None:
        """Open the engine."""
        self.engine = open_engine(directory / "tuantuan.db")

    async def closed_loop(self, messages: Sequence[Incoming]) -> float:
        """Work messages off as fast as possible; returns seconds."""
        started = time.perf_counter()
        for message in messages:
            await check_in(self.engine, message)
        return time.perf_counter() - started

    async def close(self) -> None:
        """Let go."""
        await self.engine.dispose()


async def check_in(engine: AsyncEngine, message: Incoming) -> str:
    """Receive, handle, answer and record one check-in in one transaction; returns the answer's words."""
    now = message.received_at
    async with AsyncSession(engine, expire_on_commit=False) as session:
        inbox = Inbox(
            channel=message.channel,
            account=message.account,
            dedupe_key=message.dedupe_key,
            conversation=message.conversation,
            received_at=now,
            body=json.dumps({"text": message.text, "sender": message.sender, "name": message.sender_name}),
        )
        session.add(inbox)
        await session.flush()
        group, member, consent = await _who(session, message)
        assert group.id is not None and member.id is not None and member.account_id is not None
        assert consent.withdrawn_at is None
        today = business_day(message.occurred_at, now, group.zone)
        said = await _effect(session, message, group, member, today)
        inbox.state, inbox.body = "done", ""
        outbox = Outbox(
            idempotency_key=f"{inbox.id}:0",
            channel=message.channel,
            account=message.account,
            conversation=message.conversation,
            kind="reply",
            body=json.dumps({"text": said, "reply_to": message.message_id}),
            created_at=now,
        )
        session.add(outbox)
        await session.flush()
        outbox.state, outbox.body, outbox.sent_at = "sent", "", now
        await session.commit()
    return said


async def _who(session: AsyncSession, message: Incoming) -> tuple[Group, Member, Consent]:
    group = (
        await session.exec(
            select(Group).where(
                Group.channel == message.channel,
                Group.account == message.account,
                Group.external_id == message.conversation,
            )
        )
    ).one()
    member, consent = (
        await session.exec(
            select(Member, Consent)
            .join(Identity, col(Identity.person_id) == col(Member.person_id))
            .join(Consent, col(Consent.person_id) == col(Member.person_id))
            .where(
                Identity.channel == message.channel,
                Identity.external_id == message.sender,
                Member.group_id == group.id,
            )
        )
    ).one()
    return group, member, consent


async def _effect(session: AsyncSession, message: Incoming, group: Group, member: Member, today: date) -> str:
    assert group.id is not None and member.id is not None and member.account_id is not None
    session.add(Checkin(member_id=member.id, topic=DAILY, local_date=today, occurred_at=message.occurred_at))
    streak = await session.get(CheckinStreak, (member.id, DAILY))
    if streak is None:
        streak = CheckinStreak(member_id=member.id, topic=DAILY, streak=0, longest=0, total=0, last_date=date.min)
    streak.streak = next_streak(streak.streak, streak.last_date if streak.total else None, today)
    streak.longest = max(streak.longest, streak.streak)
    worth = reward(Rewards(), streak.streak, first=streak.total == 0).points
    streak.total += 1
    streak.last_date = today
    session.add(streak)
    session.add(_entry(group.id, member.id, member.account_id, worth, today, message.occurred_at))
    account = await session.get_one(Account, member.account_id)
    account.balance += worth
    session.add(account)
    score = await session.get(ThemeScore, (group.id, month_key(today), member.id))
    if score is None:
        score = ThemeScore(group_id=group.id, month=month_key(today), member_id=member.id)
    score.points += 1
    score.days += 1
    score.day_bits |= bit_of(today)
    session.add(score)
    return f"{member.name}: {streak.streak}, +{worth}, {account.balance}"


def _entry(group: int, member: int, account: int, amount: int, day: date, at: datetime) -> Entry:
    return Entry(
        account_id=account,
        group_id=group,
        member_id=member,
        amount=amount,
        kind="checkin",
        idempotency_key=f"checkin:{group}:{member}:{DAILY}:{day.isoformat()}",
        local_date=day,
        occurred_at=at,
    )
