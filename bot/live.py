"""活动进度, live: the message that says how far a campaign is, edited while it goes out; the same words as when asked again.

Who asked is remembered by what was said: the message's subject stands in ``sent_message``, so a restart goes on with it.

Source: F27, F98.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from bot.addressing import address
from bot.queued import Queued, queue
from engagement.campaigns import progress
from engagement.clocks import Clock
from engagement.dispatch import Dispatcher, Said
from engagement.errors import Refusal
from engagement.feature import Actor
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from storage import identities
from storage.columns import micros
from storage.engine import Database, Session
from storage.groups import Identity, RoleGrant
from storage.outbox import SentMessage

EVERY = timedelta(seconds=4)
"""Time between two edits of a message, at least; of many messages, as many seconds as there are."""
LONGEST = timedelta(hours=6)
"""Nobody looks at a message any longer than this."""
EDITS = frozenset({"telegram", "sim", "web", "play"})
"""Channels whose messages can be edited; elsewhere the answer stays what it was when it was given."""
_Chat = tuple[str, str, str]
"""(channel, account, conversation)."""


@dataclass(slots=True)
class _Shown:
    """A message that is kept up to date.

    Attributes:
        said: what it says, without the time of day.
        due: when it is looked at next.
    """

    provider_id: str
    since: datetime
    due: datetime
    said: tuple[object, ...] = ()


class Live:
    """Knows which messages are kept up to date, and does it."""

    def __init__(self, database: Database, dispatcher: Dispatcher, clock: Clock) -> None:
        """Begin with none."""
        self._database = database
        self._dispatcher = dispatcher
        self._clock = clock
        self._shown: dict[tuple[_Chat, int], _Shown] = {}

    def sent(self, message: Outgoing, receipt: Receipt) -> None:
        """Note that a message went out: one about a campaign under way is looked after, in place of an earlier one there."""
        prefix, _, number = message.subject.partition(":")
        if prefix != progress.LIVE or message.channel not in EDITS or receipt.outcome is not Outcome.SENT:
            return
        if message.kind is Kind.EDIT or message.place is not Place.DM or not receipt.provider_id:
            return
        now = self._clock.now()
        chat = message.channel, message.account, message.conversation
        said = _words(message.values, message.tails)
        self._shown[chat, int(number)] = _Shown(receipt.provider_id, now, now + EVERY, said)

    def resume(self, session: Session) -> None:
        """Go on with what an earlier process looked after."""
        now = self._clock.now()
        rows = session.exec(
            select(SentMessage)
            .where(col(SentMessage.sent_at) > now - LONGEST, col(SentMessage.channel).in_(EDITS))
            .where(col(SentMessage.conversation).in_(_staff()))
            .where(col(SentMessage.subject).startswith(f"{progress.LIVE}:", autoescape=True))
            .order_by(col(SentMessage.id))
        ).all()
        for row in rows:
            chat = row.channel, row.account, row.conversation
            self._shown[chat, int(row.subject.partition(":")[2])] = _Shown(row.provider_id, row.sent_at, now)

    def forget(self) -> None:
        """Leave the messages to the process that hears those who asked."""
        self._shown.clear()

    async def attend(self) -> Sequence[Queued]:
        """Return the edits of what has changed; they stand in the outbox."""
        now = self._clock.now()
        pause = max(EVERY, timedelta(seconds=len(self._shown)))
        edits: list[Queued] = []
        for key, one in list(self._shown.items()):
            if one.due > now:
                continue
            one.due = now + pause
            message = await self._database.read(partial(self._look, key=key, one=one))
            if message is None or not message.subject or now - one.since > LONGEST:
                del self._shown[key]
            if message is None or _words(message.values, message.tails) == one.said:
                continue
            one.said = _words(message.values, message.tails)
            edits.append(await self._database.write(partial(self._put, message=message, now=now)))
        return edits

    def _look(self, session: Session, key: tuple[_Chat, int], one: _Shown) -> Outgoing | None:
        """Return what a message says by now; None when its reader may not see it any more."""
        (channel, account, conversation), number = key
        now = self._clock.now()
        who = session.exec(
            select(Identity).where(Identity.channel == channel, Identity.external_id == conversation)
        ).first()
        if who is None:
            return None
        incoming = Incoming(
            event=Event.MESSAGE,
            channel=channel,
            account=account,
            dedupe_key=f"live:{one.provider_id}:{micros(now)}",
            place=Place.DM,
            conversation=conversation,
            sender=conversation,
            sender_name=who.name,
            occurred_at=now,
            received_at=now,
        )
        actor = Actor(who.person_id, who.name, roles=identities.roles(session, who.person_id))
        ctx = self._dispatcher.context(session, incoming, actor, None, now)
        try:
            reply = progress.again(ctx, number)
        except Refusal:
            return None
        message = address(ctx, Said("campaigns", reply))
        return None if message is None else replace(message, kind=Kind.EDIT, reply_to=one.provider_id)

    @staticmethod
    def _put(session: Session, message: Outgoing, now: datetime) -> Queued:
        key = f"live:{message.channel}:{message.conversation}:{message.reply_to}:{micros(now)}"[-160:]
        return queue(session, key, message, now)


def _staff() -> SelectOfScalar[str]:
    """Return the private chats of those who may ask: few, so that their messages are found by index."""
    return select(Identity.external_id).join(RoleGrant, col(RoleGrant.person_id) == col(Identity.person_id))


def _words(values: object, tails: Sequence[str]) -> tuple[object, ...]:
    """Return what a message says, without the time of day at which it says it."""
    kept = {name: value for name, value in dict(values).items() if name not in ("updated", "over")}  # type: ignore[call-overload]
    return (*sorted(kept.items()), *(tail for tail in tails if tail != "campaigns.progress_updated"))
