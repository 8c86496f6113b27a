"""Messages of the self-built app to leaders and staff, one person each, counted here first.

Source: WeCom developer documents (message/send); CHANNELS (WeCom app: dropped silently above the limits).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.channels.choices import Choices, withdraw
from bot.channels.cutting import within
from bot.channels.unsaid import Unsaid
from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.pace import Counts
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.words import harmless
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Outcome, Outgoing, Receipt
from storage.engine import Database

TEXT_BYTES = 2048


class AppSender:
    """Sends in private; never raises for what WeCom says."""

    def __init__(
        self,
        api: WecomApi,
        settings: WecomSettings,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        choices: Choices,
        database: Database,
    ) -> None:
        """Take what calls WeCom, what puts messages into words, what remembers the choices under them, and the counts' rows."""
        self._api = api
        self._agent = settings.agent_id
        self._render = render
        self._clock = clock
        self._choices = choices
        limits = (settings.app_per_minute, 60.0), (settings.app_per_hour, 3600.0)
        self._counts = Counts(database, settings.corp_id, limits)
        self._unsaid = Unsaid(clock)

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message to one member; RETRY with the seconds to wait when he has had enough.

        There are no edits here: what replaces another message is said anew.
        """
        who = message.conversation
        if not who or "|" in who or who.startswith("@"):
            # "@all" would be everybody, a bar several people.
            return Receipt(Outcome.REJECTED, reason="no_user")
        words = self._render(message)
        pieces = within([harmless(part) for part in words.parts], TEXT_BYTES)
        if not pieces:
            return Receipt(Outcome.REJECTED, reason="empty")
        rest = self._unsaid.rest(message, pieces)
        wait = await self._counts.wait(who.lower(), self._clock.now(), len(rest))
        if wait:
            return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
        # Before it is shown: the person may be quicker than our notes.
        await self._choices.offer(who.lower(), words.numbered, self._clock.now())
        receipt, left = await self._unsaid.say(message, rest, partial(self._one, who))
        perhaps_shown = receipt.outcome is Outcome.UNKNOWN and left == 1  # they stand in the last piece
        if receipt.outcome is not Outcome.SENT and not perhaps_shown:
            await withdraw(self._choices, who.lower(), words.numbered, self._clock.now())
        return receipt

    async def _one(self, who: str, words: str) -> Receipt:
        body = {"touser": who, "msgtype": "text", "agentid": self._agent, "text": {"content": words}}
        try:
            answer = await self._api.post("message/send", body)
        except (Refused, CutOff) as error:
            return receipt_of(error)
        missed = f"{answer.get('invaliduser') or ''}|{answer.get('unlicenseduser') or ''}".lower().split("|")
        if who.lower() in missed:
            return Receipt(Outcome.GONE, reason="not_visible")
        return Receipt(Outcome.SENT, provider_id=str(answer.get("msgid", ""))[:64])
