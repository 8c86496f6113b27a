"""The way from a customer group to the residents' pages: the keys of its link, and who a newcomer there is in the chat.

Source: ADR-0021; WeCom developer documents (externalcontact/groupchat/get).
"""

from __future__ import annotations

import asyncio

import structlog

from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, Refused, receipt_of
from bot.channels.wecom.customer_groups import CustomerGroups
from engagement.clocks import Clock
from engagement.entry.joining import Neighbour
from engagement.errors import Refusal
from engagement.kernel import Outcome
from storage import group_keys, identities
from storage.engine import Database, Session

log = structlog.get_logger("bot.channels.wecom")
WHO_SECONDS = 4.0
"""Somebody waits before a page for who he is in the chat; after that he is asked to try again."""


class Doorway:
    """One company's customer groups, seen from the pages."""

    def __init__(self, groups: CustomerGroups, clock: Clock, database: Database) -> None:
        """Take what reads groups, and the rows."""
        self._groups = groups
        self._clock = clock
        self._database = database

    async def keys_of(self, chat: str) -> list[str]:
        """Return the keys of a group's link, one made where there is none; see :data:`bot.channels.wecom.tasks.Keys`."""
        now = self._clock.now()

        def read(session: Session) -> list[str]:
            row = identities.group_row(session, CHANNEL, self._groups.account, chat)
            if row is None:
                return []
            group_id = int(str(row[0]))
            group_keys.current(session, group_id, now)
            return group_keys.all_of(session, group_id)

        found: list[str] = await self._database.write(read)
        return found

    async def neighbour(self, chat: str, union_id: str) -> Neighbour | None:
        """Return who a newcomer on the pages is in the chat, as WeCom says now; None when it knows nobody, or may not say.

        Raises:
            Refusal: ``entry.join_silent``: no answer in time, or not now. It is not known who he is, so he is nobody new.
        """
        try:
            async with asyncio.timeout(WHO_SECONDS):
                return await self._groups.who_is(chat, union_id)
        except (Refused, CutOff, TimeoutError) as error:
            log.info("wecom.neighbour_unknown", kind=type(error).__name__)
            if isinstance(error, TimeoutError) or receipt_of(error, repeatable=True).outcome is Outcome.RETRY:
                raise Refusal("entry.join_silent") from error
            return None
