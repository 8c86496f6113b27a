"""Sending in the Official Account: in the callback's response when it waits, else as customer-service messages.

Source: WeChat Official Account documents (passive replies, customer-service messages, temporary media).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bot.channels.choices import withdraw
from bot.channels.unsaid import Unsaid
from bot.channels.wechat.api import Api, ApiError
from bot.channels.wechat.callback import Shared
from bot.channels.wechat.notices import Notice, notice_for, request, written
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Outcome, Outgoing, Place, Receipt

log = structlog.get_logger("bot.channels.wechat")
SEND = "/cgi-bin/message/custom/send"
UPLOAD = "/cgi-bin/media/upload"
MEDIA_LASTS = timedelta(days=2, hours=12)
"""Temporary media live three days."""
MOST_MEDIA = 500
LARGEST_PICTURE = 10 * 1024 * 1024
_BAD_MEDIA = 40007
_SHUT = frozenset({"window_closed", "window_used"})
"""Why no message may be sent to somebody who may still be told by a notice."""


class WeChatSender:
    """Sends one message at a time per call; any number of calls may be under way."""

    def __init__(
        self,
        api: Api,
        render: Callable[[Outgoing], Worded],
        shared: Shared,
        clock: Clock,
        pictures: Path | None = None,
        notices: Mapping[str, Notice] | None = None,
        page: str = "",
    ) -> None:
        """Take the API, what puts messages into words, what the callback knows, and the folder of the cards.

        Args:
            notices: event → how it is told when no message may be sent; page: what opens when it is tapped.
        """
        self._api = api
        self._render = render
        self._shared = shared
        self._clock = clock
        self._pictures = pictures
        self._media: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._uploading: dict[str, asyncio.Lock] = {}
        self._notices = notices or {}
        self._page = page
        self._unsaid = Unsaid(clock)

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message; implements :class:`engagement.kernel.Sender`.

        Returns:
            SENT when its words went out; a picture that the platform does not take lets them go alone.
        """
        at = (message.conversation, message.reply_to)
        if message.place is not Place.DM:
            return Receipt(Outcome.REJECTED, reason="no_groups")
        words = self._render(message)
        parts = [part for part in words.parts if part]
        if not parts:
            # Nothing will go back with the callback: a bare stamp, of which there are none here.
            self._shared.windows.give_up(at)
            return Receipt(Outcome.REJECTED, reason="empty")
        # Before it is shown: the person may be quicker than our notes.
        await self._shared.choices.offer(message.conversation, words.numbered, self._clock.now())
        receipt, left = await self._say_all(message, parts)
        if receipt.outcome is not Outcome.SENT:
            perhaps_shown = receipt.outcome is Outcome.UNKNOWN and left == 1  # they stand in the last part
            if not perhaps_shown:
                await withdraw(self._shared.choices, message.conversation, words.numbered, self._clock.now())
            notice = notice_for(self._notices, message.key) if receipt.reason in _SHUT else None
            return receipt if notice is None else await self._notify(message, notice)
        picture = self._picture(message)
        # Behind the words, which matter more: whatever becomes of it, nothing is said twice.
        if picture is not None and self._left(message.conversation) != 0:
            await self._show(message.conversation, picture)
        return receipt

    async def _say_all(self, message: Outgoing, parts: Sequence[str]) -> tuple[Receipt, int]:
        """Say what is still to be said of a message; also return how many of its parts are not sent."""
        at = (message.conversation, message.reply_to)
        if len(parts) > 1:
            # The response and a message of its own have no order.
            self._shared.windows.give_up(at)
        elif await self._shared.windows.put(at, parts[0]):
            return _sent(), 0
        rest = self._unsaid.rest(message, parts)
        return await self._unsaid.say(message, rest, partial(self._by_service, message))

    async def _by_service(self, message: Outgoing, part: str) -> Receipt:
        who = message.conversation
        if self._left(who) == 0:
            log.info("wechat.not_sent", reason="window", feature=message.feature)
            return Receipt(Outcome.REJECTED, reason="window_closed")
        try:
            await self._say(who, {"msgtype": "text", "text": {"content": part}})
        except ApiError as error:
            log.info("wechat.not_sent", reason=error.receipt.reason, feature=message.feature)
            if error.receipt.outcome is Outcome.GONE:
                self._shared.budget.close(who)
            return error.receipt
        return _sent()

    async def _notify(self, message: Outgoing, notice: Notice) -> Receipt:
        """Tell an event in the platform's own form; what was offered under the words is not in it."""
        who, now = message.conversation, self._clock.now()
        path, body = request(notice, who, written(notice, message.values, now), self._page)
        try:
            answer = await self._api.call("POST", path, json=body)
        except ApiError as error:
            log.info("wechat.notice_not_sent", reason=error.receipt.reason, feature=message.feature)
            return error.receipt
        log.info("wechat.notice_sent", feature=message.feature)
        return Receipt(Outcome.SENT, provider_id=f"n{answer.get('msgid', '')}"[:64])

    def _left(self, who: str) -> int | None:
        return self._shared.budget.left(who, self._clock.now())

    async def _say(self, who: str, what: dict[str, Any]) -> None:
        await self._api.call("POST", SEND, json={"touser": who, **what})
        self._shared.budget.spend(who, self._clock.now())

    # ---------------------------------------------------------------- pictures

    def _picture(self, message: Outgoing) -> Path | None:
        if not message.picture or self._pictures is None or Path(message.picture).name != message.picture:
            return None
        path = self._pictures / message.picture
        return path if path.is_file() and path.stat().st_size <= LARGEST_PICTURE else None

    async def _show(self, who: str, path: Path) -> None:
        try:
            media_id = await self._media_of(path)
            try:
                await self._say(who, {"msgtype": "image", "image": {"media_id": media_id}})
            except ApiError as error:
                if error.code != _BAD_MEDIA:
                    raise
                self._media.pop(path.name, None)
                media_id = await self._media_of(path)
                await self._say(who, {"msgtype": "image", "image": {"media_id": media_id}})
        except ApiError as error:
            log.info("wechat.picture_not_sent", reason=error.receipt.reason)

    async def _media_of(self, path: Path) -> str:
        """Return the platform's id of a picture, uploaded once in its life time; others wait for the first one's upload."""
        lock = self._uploading.setdefault(path.name, asyncio.Lock())
        async with lock:
            known = self._media.get(path.name)
            if known is not None and known[1] > self._clock.now():
                return known[0]
            content = await asyncio.to_thread(path.read_bytes)
            answer = await self._api.call(
                "POST", UPLOAD, params={"type": "image"}, files={"media": (path.name, content, "image/png")}
            )
            media_id = str(answer.get("media_id", ""))
            self._media[path.name] = (media_id, self._clock.now() + MEDIA_LASTS)
            while len(self._media) > MOST_MEDIA:
                forgotten, _ = self._media.popitem(last=False)
                self._uploading.pop(forgotten, None)
            return media_id


def _sent() -> Receipt:
    """Make an id, for the platform tells none: an edit of this message later goes out as a new one."""
    return Receipt(Outcome.SENT, provider_id=secrets.token_hex(8))
