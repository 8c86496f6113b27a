"""Groups inside the company that the app itself has made: pushes and answers there.

Source: WeCom developer documents (appchat/send); CHANNELS (appchat: 200 a minute per member).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.channels.cutting import within
from bot.channels.unsaid import Unsaid
from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.app import TEXT_BYTES
from bot.channels.wecom.pace import Counts
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.words import harmless
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from storage.engine import Database

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
        self._unsaid = Unsaid(clock)

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message to one chat."""
        chat = message.conversation.removeprefix(PREFIX)
        if message.kind in (Kind.EDIT, Kind.REACTION):
            return Receipt(Outcome.REJECTED, reason="not_here")
        pieces = within([harmless(part) for part in self._render(message).parts], TEXT_BYTES)
        if not pieces or not chat:
            return Receipt(Outcome.REJECTED, reason="empty")
        rest = self._unsaid.rest(message, pieces)
        wait = await self._counts.wait(message.conversation, self._clock.now(), len(rest))
        if wait:
            return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
        receipt, _ = await self._unsaid.say(message, rest, partial(self._one, chat))
        return receipt

    async def _one(self, chat: str, words: str) -> Receipt:
        try:
            await self._api.post("appchat/send", {"chatid": chat, "msgtype": "text", "text": {"content": words}})
        except (Refused, CutOff) as error:
            return receipt_of(error)
        return Receipt(Outcome.SENT)
