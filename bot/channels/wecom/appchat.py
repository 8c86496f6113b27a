"""Groups inside the company that the app itself has made: pushes and answers there.

Source: WeCom developer documents (appchat/send); CHANNELS (appchat: 200 a minute per member).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.app import TEXT_BYTES
from bot.channels.wecom.pace import Counts, harmless, within
from bot.channels.wecom.settings import WecomSettings
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from storage.engine import Database

log = structlog.get_logger("bot.channels.wecom")
PREFIX = "appchat:"


class AppchatSender:
    """Sends to ``appchat:{chatid}``; never raises for what WeCom says."""

    def __init__(
        self,
        api: WecomApi,
        settings: WecomSettings,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        database: Database,
    ) -> None:
        """Take what calls WeCom, what puts messages into words, and the counts' rows."""
        self._api = api
        self._render = render
        self._clock = clock
        # Who is in which chat is not known here; one chat alone never gives a member more than this.
        self._counts = Counts(database, settings.corp_id, ((settings.appchat_per_minute, 60.0),))

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message to one chat."""
        chat = message.conversation.removeprefix(PREFIX)
        if message.kind in (Kind.EDIT, Kind.REACTION):
            return Receipt(Outcome.REJECTED, reason="not_here")
        pieces = within([harmless(part) for part in self._render(message).parts], TEXT_BYTES)
        if not pieces or not chat:
            return Receipt(Outcome.REJECTED, reason="empty")
        wait = await self._counts.wait(message.conversation, self._clock.now(), len(pieces))
        if wait:
            return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
        for number, piece in enumerate(pieces):
            try:
                await self._api.post("appchat/send", {"chatid": chat, "msgtype": "text", "text": {"content": piece}})
            except (Refused, CutOff) as error:
                if number == 0:
                    return receipt_of(error)
                log.warning("wecom.cut_short", reason=receipt_of(error).reason, feature=message.feature)
                break
        return Receipt(Outcome.SENT)
