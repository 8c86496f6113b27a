"""The WeCom channel as bot.main composes it: the callback's route, senders for all places, the company's groups.

Where a message goes is told by its conversation: ``robot:…`` and ``appchat:…`` are internal groups, any other group is a customer
group, and a private message is one of the app. In a customer group nothing is said but the day's planned message, for which its
leader is asked: what comes of delivery goes through ``pushes``, everything else through ``sender``, which says no there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.choices import Kept, meant
from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, Refused, WecomApi
from bot.channels.wecom.app import AppSender
from bot.channels.wecom.appchat import PREFIX as APPCHAT
from bot.channels.wecom.appchat import AppchatSender
from bot.channels.wecom.callback import Changed, callback_routes
from bot.channels.wecom.company import Company
from bot.channels.wecom.customer_groups import CustomerGroups
from bot.channels.wecom.doorway import Doorway
from bot.channels.wecom.examine import wrong
from bot.channels.wecom.internal import Internal
from bot.channels.wecom.mass_send import MassSender
from bot.channels.wecom.robot import PREFIX as ROBOT
from bot.channels.wecom.robot import RobotSender
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.tasks import Tasks
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Event, Incoming, Outcome, Outgoing, Place, Receipt, Sender
from prompts.loader import texts
from storage.engine import Database

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds between tries to reach WeCom at the start."""


def is_customer_group(conversation: str) -> bool:
    """Say whether a group is one of residents."""
    return not conversation.startswith((APPCHAT, ROBOT))


class WecomSender:
    """Hands a message to who can say it there."""

    def __init__(self, app: Sender, appchat: Sender, robot: Sender, mass: Sender | None = None) -> None:
        """Take them; without ``mass`` nothing can be said in a customer group."""
        self._app = app
        self._internal = {APPCHAT: appchat, ROBOT: robot}
        self._mass = mass

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message; see :class:`engagement.kernel.Sender`."""
        for prefix, sender in self._internal.items():
            if message.conversation.startswith(prefix):
                return await sender.send(message)
        if message.place is Place.DM:
            return await self._app.send(message)
        if self._mass is None:
            return Receipt(Outcome.REJECTED, reason="not_here")
        return await self._mass.send(message)


class WecomChannel:
    """One company's self-built app.

    Attributes:
        sender: implements :class:`engagement.kernel.Sender` for answers.
        pushes: the same for what delivery sends.
        company: what is done about the customer groups by itself.
        doorway: the way from those to the pages.
        mass: what waits for leaders.
    """

    name = CHANNEL

    def __init__(
        self,
        settings: WecomSettings,
        receive: Callable[[Incoming], Awaitable[object]],
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        database: Database,
        pictures: Path | None = None,
        api: WecomApi | None = None,
    ) -> None:
        """Wire the parts; nothing is sent yet. ``api`` is for tests.

        Raises:
            Refusal: a setting is missing or wrong; the text says which and how to mend it.
        """
        for problem in settings.problems():
            raise Refusal(problem)
        self.settings = settings
        self._clock = clock
        self._api = api or WecomApi(settings, clock)
        self._choices = Kept(database, CHANNEL)
        groups = CustomerGroups(self._api, settings.corp_id)
        internal = Internal(self._api, settings, database)
        self.company = Company(groups, internal, settings, clock, database, receive)
        self.doorway = Doorway(groups, clock, database)
        tasks = Tasks(self._api, settings, texts().raw("wecom.page"), self.doorway.keys_of)
        self.mass = MassSender(tasks, settings, render, clock, database, self.company.leader_of)
        app = AppSender(self._api, settings, render, clock, self._choices, database)
        appchat = AppchatSender(self._api, settings, render, clock, database)
        robot = RobotSender(self._api, settings, render, clock, database, pictures)
        self.sender = WecomSender(app, appchat, robot)
        self.pushes = WecomSender(app, appchat, robot, self.mass)

    def routes(self) -> list[BaseRoute]:
        """Return the callback's route."""
        return callback_routes(self.settings, self._heard, self._clock)

    async def _heard(self, what: Incoming | Changed) -> object:
        if isinstance(what, Incoming) and what.event is Event.MESSAGE and what.place is Place.DM and what.text:
            key = await meant(self._choices, what.sender.lower(), what.text, self._clock.now())
            if key:
                what = replace(what, event=Event.BUTTON, button=key, text="")
        return await self.company.heard(what)

    async def start(self, *, working: bool = True) -> None:
        """Ask for a token, so that a wrong secret is told now and not with the first message, and begin what goes by itself.

        Args:
            working: this process looks after the groups; others only receive.

        Raises:
            Refusal: WeCom takes neither id nor secret, or cannot be reached.
        """
        for pause in (*_PAUSES, None):
            try:
                await self._api.token()
            except (Refused, CutOff) as error:
                if isinstance(error, CutOff) and pause is not None:
                    await asyncio.sleep(pause)
                    continue
                key, values = wrong(error, self.settings)
                raise Refusal(key, **values) from error
            break
        if working:
            self.company.start(self.mass)

    async def stop(self) -> None:
        """Look after nothing any more; answers still go out."""
        await self.company.stop()

    async def close(self) -> None:
        """Close the connections, after the last answer went out."""
        await self.stop()
        await self._api.close()

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent; see :class:`engagement.feature.Fetch`."""
        return await self._api.media(media_id, most)
