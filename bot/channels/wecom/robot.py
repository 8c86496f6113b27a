"""Group robots: a webhook that says something into one internal group and hears nothing.

Source: WeCom developer documents (group robot); CHANNELS (20 a minute, 2048 bytes, image 2 MB).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bot.channels.cutting import within
from bot.channels.unsaid import Unsaid
from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.pace import Counts
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.words import harmless
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from storage.engine import Database

PREFIX = "robot:"
TEXT_BYTES = 2048
IMAGE_BYTES = 2 * 1024 * 1024


class RobotSender:
    """Sends to ``robot:{name}``; the key, which is a secret, stands in the settings under that name."""

    def __init__(
        self,
        api: WecomApi,
        settings: WecomSettings,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        database: Database,
        pictures: Path | None = None,
    ) -> None:
        """Take what calls WeCom, what puts messages into words, the counts' rows, and the folder of the cards."""
        self._api = api
        self._keys = {name: key.get_secret_value() for name, key in settings.robots.items()}
        self._render = render
        self._clock = clock
        self._pictures = pictures
        self._counts = Counts(database, settings.corp_id, ((settings.robot_per_minute, 60.0),))
        self._unsaid = Unsaid(clock)

    async def send(self, message: Outgoing) -> Receipt:
        """Send the words, and before them the picture if there is one."""
        if message.kind in (Kind.EDIT, Kind.REACTION):
            return Receipt(Outcome.REJECTED, reason="not_here")
        bodies: list[dict[str, Any]] = [
            {"msgtype": "text", "text": {"content": piece}}
            for piece in within([harmless(part) for part in self._render(message).parts], TEXT_BYTES)
        ]
        if not bodies:
            return Receipt(Outcome.REJECTED, reason="empty")
        image = self._image(message)
        key = self._keys.get(message.conversation.removeprefix(PREFIX), "")
        if not key:
            return Receipt(Outcome.REJECTED, reason="no_robot")
        rest = self._unsaid.rest(message, [image, *bodies] if image else bodies)
        wait = await self._counts.wait(message.conversation, self._clock.now(), len(rest))
        if wait:
            return Receipt(Outcome.RETRY, retry_after=wait, reason="too_many")
        receipt, _ = await self._unsaid.say(message, rest, partial(self._one, key))
        return receipt

    def _image(self, message: Outgoing) -> dict[str, Any] | None:
        name = message.picture
        if not name or self._pictures is None or Path(name).name != name:
            return None
        path = self._pictures / name
        if not path.is_file() or path.stat().st_size > IMAGE_BYTES:
            return None
        data = path.read_bytes()
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return {"msgtype": "image", "image": {"base64": base64.b64encode(data).decode(), "md5": md5}}

    async def _one(self, key: str, body: Mapping[str, Any]) -> Receipt:
        try:
            await self._api.raw("POST", "webhook/send", body, key=key)
        except (Refused, CutOff) as error:
            receipt = receipt_of(error)
            if body["msgtype"] == "image" and isinstance(error, Refused) and receipt.outcome is Outcome.REJECTED:
                return Receipt(Outcome.SENT)  # a picture that is not taken lets the words go out alone
            return receipt
        return Receipt(Outcome.SENT)
