"""Sending to Telegram: replies, private messages, pushes, edits, reactions, pictures, files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot.channels.begun import Begun, digest
from bot.channels.telegram.api import (
    NO_REACTIONS,
    NO_RIGHTS,
    NOT_MODIFIED,
    THREAD_CLOSED,
    THREAD_GONE,
    receipt_of,
    seconds_of,
)
from bot.channels.telegram.pictures import Uploads
from bot.channels.telegram.troubles import Tell
from bot.channels.worded import Labelled, Worded
from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt

if TYPE_CHECKING:
    from telegram import Bot, InlineKeyboardMarkup
    from telegram.error import TelegramError

log = structlog.get_logger("bot.channels.telegram")
_PATIENCE = 10.0
_NO_TEXT = "there is no text in the message"


class TelegramSender:
    """Sends one message at a time per call; any number of calls may be under way.

    Pace is not its business: the rate gate stands before it (DESIGN §5).
    """

    def __init__(
        self,
        bot: Bot,
        render: Callable[[Outgoing], Worded],
        pictures: Path | None = None,
        tell: Tell = lambda _message, _word: None,
    ) -> None:
        """Take the library's bot, what puts messages into words, the folder of the cards, and who hears of troubles."""
        from telegram import LinkPreviewOptions

        self._bot = bot
        self._render = render
        self._pictures = pictures
        self._tell = tell
        self._uploads = Uploads(bot)
        self._no_preview = LinkPreviewOptions(is_disabled=True)
        self._answers: set[asyncio.Task[None]] = set()
        self._begun = Begun()

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message.

        Returns:
            What Telegram did; see :func:`bot.channels.telegram.api.receipt_of`. What a topic does not take goes to the
                general one, and a stamp that the group does not allow is said in words. RETRY with an id: its beginning is
                out, and the same message said again is its rest.
        """
        receipt = await self._try(message)
        said = message.kind not in (Kind.EDIT, Kind.REACTION)
        if receipt.outcome is Outcome.GONE and message.place is Place.DM:
            self._tell(message, "shut")
        elif receipt.reason in (THREAD_GONE, THREAD_CLOSED) and said:
            if message.place is Place.GROUP:
                self._tell(message, receipt.reason if message.thread else "general_closed")
            # Without what it quotes: that stands in the same topic, and would take the answer there again.
            return await self._try(replace(message, thread="", reply_to="")) if message.thread else receipt
        elif receipt.reason == NO_RIGHTS and said:
            self._tell(message, "cannot_write")
        elif receipt.reason == NO_REACTIONS:
            self._tell(message, NO_REACTIONS)
            if message.key:
                return await self._try(replace(message, kind=Kind.REPLY, emoji=""))
        return receipt

    async def _try(self, message: Outgoing) -> Receipt:
        from telegram.error import BadRequest, TelegramError

        repeatable = message.kind in (Kind.EDIT, Kind.REACTION)
        try:
            if message.kind is Kind.REACTION:
                return await self._react(message)
            if message.kind is Kind.EDIT:
                return await self._edit(message)
            return await self._say(message)
        except TelegramError as error:
            if repeatable and isinstance(error, BadRequest) and NOT_MODIFIED in error.message.lower():
                return Receipt(Outcome.SENT, provider_id=message.reply_to)
            receipt = receipt_of(error, repeatable=repeatable)
            log.info("telegram.not_sent", outcome=receipt.outcome.value, reason=receipt.reason, feature=message.feature)
            return receipt

    async def draft(self, conversation: str, number: int, text: str, reply_to: str = "") -> None:
        """Show what is being written in a private chat; nobody minds when it does not work.

        Source: Telegram Bot API (sendMessageDraft: the same number animates from one text to the next).
        """
        from telegram.error import TelegramError

        try:
            await self._bot.send_message_draft(int(conversation), number, text)
        except TelegramError as error:
            log.debug("telegram.draft_not_shown", kind=type(error).__name__)

    def answer(self, callback_id: str) -> None:
        """Stop the clock on a pressed button, in the background; whether it works is of no consequence."""
        task = asyncio.get_running_loop().create_task(self._answer(callback_id))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def drain(self) -> None:
        """Wait for what :meth:`answer` started."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=5)

    async def _answer(self, callback_id: str) -> None:
        from telegram.error import TelegramError

        try:
            await self._bot.answer_callback_query(callback_id)
        except TelegramError as error:
            log.debug("telegram.callback_not_answered", kind=type(error).__name__)

    # ---------------------------------------------------------------- kinds

    async def _react(self, message: Outgoing) -> Receipt:
        if not message.reply_to.isdecimal():
            return Receipt(Outcome.REJECTED, reason="no_message")
        await self._bot.set_message_reaction(_chat(message), int(message.reply_to), message.emoji or None)
        return Receipt(Outcome.SENT, provider_id=message.reply_to)

    async def _edit(self, message: Outgoing) -> Receipt:
        if not message.reply_to.isdecimal():
            return Receipt(Outcome.REJECTED, reason="no_message")
        from telegram.error import BadRequest

        words = self._render(message)
        common: dict[str, Any] = {
            "chat_id": _chat(message),
            "message_id": int(message.reply_to),
            "parse_mode": "HTML" if words.html else None,
            "reply_markup": _keyboard(words.buttons),
        }
        try:
            await self._bot.edit_message_text(words.parts[0], link_preview_options=self._no_preview, **common)
        except BadRequest as error:
            if _NO_TEXT not in error.message.lower():
                raise
            # Our message was a picture: its words stand under it.
            await self._bot.edit_message_caption(caption=words.parts[0], **common)
        return Receipt(Outcome.SENT, provider_id=message.reply_to)

    async def _say(self, message: Outgoing) -> Receipt:
        words = self._render(message)
        keyboard = _keyboard(words.buttons)
        common: dict[str, Any] = {"parse_mode": "HTML"} if words.html else {}
        if message.thread.isdecimal():
            common["message_thread_id"] = int(message.thread)
        name, parts = digest(message), list(words.parts)
        left, first = self._begun.pop(name)
        attach = self._attachment(message)
        if first:
            parts = parts[-left:]
        elif attach is not None:
            fits = words.captioned
            sent = await self._attached(
                message,
                partial(
                    attach,
                    caption=parts[0] if fits else None,
                    reply_markup=keyboard if fits and len(parts) == 1 else None,
                    reply_parameters=_quote(message),
                    **common,
                ),
            )
            if sent is not None:
                first = str(sent.message_id)
                parts = parts[1:] if fits else parts
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)
            try:
                sent = await self._text(message, part, keyboard if last else None, common, quoting=not first)
            except self._error() as error:
                if not first:
                    raise
                receipt = receipt_of(error, repeatable=False)
                if receipt.outcome is Outcome.RETRY:
                    self._begun.keep(name, len(parts) - number + 1, first, receipt.retry_after)
                    return replace(receipt, provider_id=first, begun=True)
                # The message is out; sending it again would say its beginning twice.
                log.warning("telegram.cut_short", kind=type(error).__name__, feature=message.feature)
                if receipt.outcome is not Outcome.UNKNOWN:
                    whole = tuple(range(1 + len(message.more)))
                    return Receipt(Outcome.SENT, provider_id=first, unsaid=whole, reason="in_part")
                break
            first = first or str(sent.message_id)
        return Receipt(Outcome.SENT, provider_id=first)

    async def _attached(self, message: Outgoing, attach: Callable[[], Awaitable[Any]]) -> Any:
        """Send a message's file; None when it is a picture that this chat does not take, for then its words go alone."""
        from telegram.error import BadRequest

        try:
            return await attach()
        except BadRequest as error:
            # Photos forbidden in the group, a file that Telegram cannot read. Any other no is said again to the words.
            if message.document is not None:
                raise
            reason = receipt_of(error, repeatable=False).reason
            log.info("telegram.picture_refused", reason=reason)
            if reason == NO_RIGHTS:
                self._tell(message, "no_pictures")
            return None

    async def _text(
        self,
        message: Outgoing,
        part: str,
        keyboard: InlineKeyboardMarkup | None,
        common: dict[str, Any],
        *,
        quoting: bool,
    ) -> Any:
        from telegram.error import RetryAfter

        try:
            return await self._bot.send_message(
                _chat(message),
                part,
                reply_markup=keyboard,
                reply_parameters=_quote(message) if quoting else None,
                link_preview_options=self._no_preview,
                **common,
            )
        except RetryAfter as error:
            # Only in the middle of a long message is it worth holding the line.
            if quoting or seconds_of(error) > _PATIENCE:
                raise
            await asyncio.sleep(seconds_of(error))
        return await self._bot.send_message(
            _chat(message), part, reply_markup=keyboard, link_preview_options=self._no_preview, **common
        )

    def _attachment(self, message: Outgoing) -> Callable[..., Awaitable[Any]] | None:
        """Return what sends the message's file, if it has one; a card that is missing lets the words go out alone."""
        if message.document is not None:
            from telegram import InputFile

            name = Path(message.document.name).name or "file.txt"
            file = InputFile(message.document.text.encode("utf-8", "replace"), filename=name)
            return partial(self._bot.send_document, _chat(message), file)
        if not message.picture or self._pictures is None or Path(message.picture).name != message.picture:
            return None
        path = self._pictures / message.picture
        return partial(self._uploads.send, _chat(message), path) if path.is_file() else None

    @staticmethod
    def _error() -> type[TelegramError]:
        from telegram.error import TelegramError

        return TelegramError


def _chat(message: Outgoing) -> int | str:
    chat = message.conversation
    return int(chat) if chat.lstrip("-").isdecimal() else chat


def _quote(message: Outgoing) -> Any:
    """Quote the message that is answered; if it is gone meanwhile, the answer still comes."""
    if not message.reply_to.isdecimal():
        return None
    from telegram import ReplyParameters

    return ReplyParameters(int(message.reply_to), allow_sending_without_reply=True)


def _keyboard(rows: Sequence[Sequence[Labelled]]) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup

    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(choice.label, callback_data=choice.key) for choice in row] for row in rows]
    )
