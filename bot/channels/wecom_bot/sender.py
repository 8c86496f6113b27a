"""Sending over the long connection: answers in a stream, greetings, cards with buttons, pushes; each step once.

A message becomes steps: its words, what did not fit into the first frame, its picture or file, its buttons. A step that is done
is not done again when a later one has to wait. The words of an answer go into the stream of the message they answer: the same
stream and words twice are one message, so an answer whose fate is unknown may be said again: also by another process, for a
stream that no draft began is named after the callback and the message.

Source: CHANNELS (WeCom AI bot); FAULTS F4, F5.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from bot.channels.begun import Begun
from bot.channels.begun import digest as digest_of
from bot.channels.wecom_bot import frames, words
from bot.channels.wecom_bot.budget import Budget
from bot.channels.wecom_bot.cards import Cards
from bot.channels.wecom_bot.connection import Connection, CutOff, NotSent
from bot.channels.wecom_bot.media import Attachment, Refused, Uploads, attached
from bot.channels.wecom_bot.words import CARD_BUTTONS, THUMBS
from bot.channels.worded import Worded
from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt
from storage.outbox import NOT_HERE

log = structlog.get_logger("bot.channels.wecom_bot")
STREAM_SECONDS = 600.0
"""From a stream's first frame to its last."""
READY_SECONDS = 55.0
"""How long an answer waits for a connection; what nobody asked for does not hold others up."""
LATER_SECONDS = 50.0
"""Before the next try then: with the courier's five tries an answer outlives a break of eight minutes, and no more would help."""
DRAFT_SECONDS = 1.0
"""Between two frames of words that are being written."""
_AGAIN_SOON = 5.0
_MOST_STREAMS = 4096
_SURE = 0.5
TOO_MANY = frozenset({45009, 45011, 45033, 846607})
"""Answers that mean: later."""
ENDED = 846608
"""The answer that means: this stream has had its last frame, or is too old for another."""
OVER = frozenset({846605, ENDED})
"""Answers that mean: this callback, or its stream, can no longer be answered."""
NEVER_SPOKE = frozenset({846610, 40003, 86008, 93000, 93006})
"""Answers that mean: this chat is not there for the bot."""
BUSY = frozenset({-1, 6000})


@dataclass(frozen=True, slots=True)
class _Words:
    """Words of a message; with the first ones the platform's thumbs, about ``thumbs``."""

    content: str
    thumbs: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """As a message of their own."""
        return {"msgtype": "markdown", "markdown": {"content": self.content}}


Step = _Words | Attachment | Mapping[str, Any]
"""Words, a picture or file, a card."""


@dataclass(slots=True)
class _Stream:
    """What became of the words under one callback.

    Attributes:
        id: ours, the same at every try; empty = none was begun.
        since: monotonic seconds of its first frame; 0 = none went out.
        shown: when the last frame of a draft went out.
        by: which message ended it; empty = it is still open.
        unsure: a last frame may have arrived.
        thumbs: its first frame asked for them; a later one cannot.
        quiet: the platform did not take a draft; no more of them.
        doubted: another process may have ended it.
    """

    id: str = ""
    since: float = 0.0
    shown: float = 0.0
    by: str = ""
    unsure: bool = False
    thumbs: bool = False
    quiet: bool = False
    doubted: bool = False


class WecomBotSender:
    """Sends messages; those of one conversation come one after the other (the courier and delivery see to it)."""

    def __init__(
        self,
        connection: Connection,
        render: Callable[[Outgoing], Worded],
        budget: Budget,
        timer: Callable[[], float] = time.monotonic,
        pictures: Path | None = None,
        cards: Cards | None = None,
    ) -> None:
        """Wire the parts.

        Args:
            budget: how much may go into each conversation.
            timer: seconds that only go forward.
            pictures: the folder of drawn cards.
            cards: is told what stands on those with buttons.
        """
        self._connection = connection
        self._render = render
        self._timer = timer
        self._pictures = pictures
        self._uploads = Uploads(connection, timer)
        self._budget = budget
        self._cards = cards or Cards(connection)
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._begun = Begun(timer)

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message. What would change an earlier one is said anew in private, where somebody waits for it.

        Returns:
            SENT; RETRY when it, or the rest of it, surely did not arrive or may be said again; UNKNOWN when nobody knows.
        """
        if message.kind is Kind.EDIT:
            if message.place is not Place.DM:
                return Receipt(Outcome.REJECTED, reason="no_edit")
            message = replace(message, reply_to="")
        digest = digest_of(message)
        steps = self._steps(message, digest)
        if not steps:
            return Receipt(Outcome.REJECTED, reason="empty")
        begun, _ = self._begun.pop(digest)
        for number, step in enumerate(steps):
            if number < begun:
                continue
            receipt = await self._step(message, step, digest, first=number == 0)
            if receipt.outcome in (Outcome.RETRY, Outcome.UNKNOWN) and number:
                self._begun.keep(digest, number, wait=receipt.retry_after)
            if receipt.outcome is not Outcome.SENT:
                log.info(
                    "wecom_bot.not_sent", outcome=receipt.outcome.value, reason=receipt.reason, feature=message.feature
                )
                return replace(receipt, begun=number > 0)
        # The platform gives no number, and nothing it tells us refers to one: ours says only that this was said now.
        return Receipt(Outcome.SENT, provider_id=uuid.uuid4().hex)

    async def draft(self, conversation: str, number: int, text: str, reply_to: str) -> None:
        """Show what is being written, in the stream that the answer will end; nobody minds when it does not work."""
        stream = self._stream(reply_to)
        if stream is None or stream.by or stream.unsure or stream.quiet or not text.strip():
            return
        now = self._timer()
        if not self._connection.is_open or (stream.since and now - stream.shown < DRAFT_SECONDS):
            return
        if stream.since and now - stream.since > STREAM_SECONDS * 0.9:
            return
        if not stream.since:
            # Noted before: what is written here next finds a stream that was begun.
            stream.id, stream.since = _stream_id(reply_to), now
            if await self._budget.take(conversation):
                stream.id, stream.since = "", 0.0
                return
        stream.shown = now
        body = _stream_body(stream, words.cut(words.as_words(text)), finish=False)
        try:
            answer = await self._connection.ask(frames.RESPOND, body, _req_id(reply_to))
        except (NotSent, CutOff, ValueError) as error:
            log.debug("wecom_bot.draft_not_shown", kind=type(error).__name__)
        else:
            stream.quiet = bool(answer.code)

    def doubt(self, message: Outgoing) -> None:
        """Note that another process may have said a message: then it is not said again where the platform knows it."""
        stream = self._stream(message.reply_to)
        if stream is not None:
            stream.doubted = True

    # ---------------------------------------------------------------- steps

    def _steps(self, message: Outgoing, digest: str) -> list[Step]:
        worded = self._render(message)
        buttons = [button for row in worded.buttons for button in row]
        stream = self._stream(message.reply_to)
        thumbs = ""
        if stream is not None and stream.by in ("", digest) and (stream.thumbs or not stream.since):
            thumbs = words.about(buttons)
        if thumbs:
            # The platform's own stand under a stream.
            buttons = [button for button in buttons if not button.key.startswith(THUMBS)]
        parts = words.pieces(worded.parts)
        steps: list[Step] = [_Words(part, "" if number else thumbs) for number, part in enumerate(parts)]
        attachment = attached(message, self._pictures)
        if attachment is not None:
            steps.append(attachment)
        # An answer's card bears the same number at every try; what is pushed may say the same again another day.
        task = digest if message.reply_to else uuid.uuid4().hex
        for start in range(0, len(buttons), CARD_BUTTONS):
            step = words.card(buttons[start : start + CARD_BUTTONS], f"{task}-{start}")
            self._cards.note(step["template_card"])
            steps.append(step)
        return steps

    async def _step(self, message: Outgoing, step: Step, digest: str, *, first: bool) -> Receipt:
        unasked = message.kind is Kind.PUSH
        if not await self._connection.ready(0.0 if unasked else READY_SECONDS):
            if self._connection.is_elsewhere:
                return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason=NOT_HERE)
            later = _AGAIN_SOON if unasked else LATER_SECONDS
            return Receipt(Outcome.RETRY, retry_after=later, reason="not_connected")
        if isinstance(step, Attachment):
            return await self._attach(message, step)
        if not isinstance(step, _Words):
            return await self._push(message, step)
        if first:
            stream = self._stream(message.reply_to)
            if stream is not None and stream.by in ("", digest):
                receipt = await self._answer(message, step, digest, stream)
                if receipt is not None:
                    return receipt
            if message.reply_to.startswith("w:"):
                return await self._welcome(message, step)
        return await self._push(message, step.body)

    async def _answer(self, message: Outgoing, step: _Words, digest: str, stream: _Stream) -> Receipt | None:
        """End the stream under the message that is answered; None when the words have to go out as a push."""
        if stream.by == digest and not stream.unsure:
            return Receipt(Outcome.SENT)
        now = self._timer()
        if stream.since and now - stream.since > STREAM_SECONDS and not stream.unsure:
            stream.by = "late"
            return None
        if not stream.since:
            wait = await self._budget.take(message.conversation)
            if wait:
                return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
            if not stream.since:
                stream.id, stream.since, stream.thumbs = _stream_id(message.reply_to, digest), now, bool(step.thumbs)
        body = _stream_body(stream, step.content, finish=True, thumbs=step.thumbs)
        try:
            answer = await self._connection.ask(frames.RESPOND, body, _req_id(message.reply_to))
        except NotSent:
            return Receipt(Outcome.RETRY, retry_after=_SURE, reason="network")
        except CutOff:
            stream.unsure, stream.by = True, digest
            return Receipt(Outcome.RETRY, retry_after=_SURE, reason="cut_off")
        if answer.code in OVER:
            own = stream.id == _stream_id(message.reply_to, digest)
            return _ended(stream, digest, answer.code, own=own, young=now - stream.since < STREAM_SECONDS / 2)
        if not answer.code:
            stream.by, stream.unsure = digest, False
        return _receipt(answer.code)

    async def _welcome(self, message: Outgoing, step: _Words) -> Receipt:
        """Greet who came in; too late for that, the words go out as a push, which needs a chat that has spoken."""
        text = {"msgtype": "text", "text": {"content": step.content}}
        receipt = await self._counted(message, frames.WELCOME, text, _req_id(message.reply_to))
        return await self._push(message, step.body) if receipt.reason == "over" else receipt

    async def _attach(self, message: Outgoing, attachment: Attachment) -> Receipt:
        try:
            body = await self._uploads.body(attachment)
        except (NotSent, CutOff):
            return Receipt(Outcome.RETRY, retry_after=_SURE, reason="network")
        except Refused as no:
            if no.code in TOO_MANY | BUSY:
                return _receipt(no.code)
            log.warning("wecom_bot.not_attached", what=attachment.kind, code=no.code)
            # The words stand there already; who asked for a file has to hear that it did not come.
            return Receipt(Outcome.SENT) if attachment.kind == "image" else Receipt(Outcome.REJECTED, reason="no_file")
        return await self._push(message, body)

    async def _push(self, message: Outgoing, body: Mapping[str, Any]) -> Receipt:
        kind = 2 if message.place is Place.GROUP else 1
        return await self._counted(message, frames.SEND, {"chatid": message.conversation, "chat_type": kind, **body})

    async def _counted(self, message: Outgoing, cmd: str, body: Mapping[str, Any], req_id: str = "") -> Receipt:
        wait = await self._budget.take(message.conversation)
        if wait:
            return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
        try:
            answer = await self._connection.ask(cmd, body, req_id)
        except NotSent:
            return Receipt(Outcome.RETRY, retry_after=_SURE, reason="network")
        except CutOff:
            return Receipt(Outcome.UNKNOWN, reason="cut_off")
        receipt = _receipt(answer.code)
        if receipt.outcome is Outcome.GONE and message.place is Place.GROUP:
            # Nothing tells us when the bot is back in a group: it is tried again with the next push.
            return Receipt(Outcome.REJECTED, reason="gone")
        return receipt

    # ---------------------------------------------------------------- what is remembered

    def _stream(self, reply_to: str) -> _Stream | None:
        """Return the stream under a message; None where there can be none."""
        if not reply_to.startswith("m:") or not _req_id(reply_to):
            return None
        stream = self._streams.get(reply_to)
        if stream is None:
            stream = self._streams[reply_to] = _Stream()
            while len(self._streams) > _MOST_STREAMS:
                self._streams.popitem(last=False)
        return stream


def _req_id(reply_to: str) -> str:
    return reply_to.partition(":")[2]


def _stream_id(reply_to: str, digest: str = "") -> str:
    return "s" + hashlib.sha256(f"{reply_to} {digest}".encode()).hexdigest()[:24]


def _ended(stream: _Stream, digest: str, code: int, *, own: bool, young: bool) -> Receipt | None:
    """Say what became of an answer whose stream takes no more; None when the words have to go out as a push.

    Args:
        own: nothing but this message is ever said in the stream.
        young: the stream cannot have ended by itself.
    """
    if stream.doubted and own and code == ENDED:
        # Whoever left the message to us had said it.
        stream.by = digest
        return Receipt(Outcome.SENT)
    if not stream.unsure:
        stream.by = "over"
        return None
    stream.unsure = False
    # Nobody but that last frame can have ended so young a stream. Else, once more as a push could be twice.
    return Receipt(Outcome.SENT) if code == ENDED and young else Receipt(Outcome.UNKNOWN, reason="cut_off")


def _stream_body(stream: _Stream, content: str, *, finish: bool, thumbs: str = "") -> dict[str, Any]:
    inside: dict[str, Any] = {"id": stream.id, "finish": finish, "content": content}
    if thumbs:
        inside["feedback"] = {"id": thumbs}
    return {"msgtype": "stream", "stream": inside}


def _receipt(code: int | None) -> Receipt:
    """Say what an answer means for the message."""
    if not code:
        return Receipt(Outcome.SENT)
    if code in TOO_MANY:
        return Receipt(Outcome.RETRY, retry_after=60.0, reason="too_many")
    if code in BUSY:
        return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason="busy")
    if code in NEVER_SPOKE:
        return Receipt(Outcome.GONE, reason="not_started")
    if code in OVER:
        return Receipt(Outcome.REJECTED, reason="over")
    log.warning("wecom_bot.rejected", code=code)
    return Receipt(Outcome.REJECTED, reason="rejected")
