"""Voice messages: fetched from the channel and written down before routing, outside every transaction.

What was understood stands before the answer, so that people see at once when it was misheard. Nothing of the sound is
kept, and of the words no more than of typed ones. What a file is called is learnt here too, where only the file says so.

Source: F62, F126.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from engagement.dispatch import Said
from engagement.errors import TooLarge, Unfetchable
from engagement.feature import Fetch
from engagement.kernel import Incoming, Kind, one_line
from knowledge.errors import ModelFault
from knowledge.speech import seconds_of

if TYPE_CHECKING:
    from knowledge.settings import SpeechSettings
    from knowledge.speech import Speech

log = structlog.get_logger("bot.voice")
VOICE, HEARD, FILE = "voice", "heard", "file"
__all__ = ["HEARD", "UNHEARD", "VOICE", "Ear", "Fetch", "TooLarge", "Unfetchable", "with_heard"]
UNHEARD: Mapping[str, str] = {
    VOICE: "members.voice_type",
    "voice_long": "members.voice_long",
    "voice_failed": "members.voice_failed",
    "voice_busy": "members.voice_busy",
}
"""What ``Incoming.media`` is of a voice message without words → what is said to it."""
AT_ONCE = 4
"""Voice messages that are listened to at a time; the others wait."""
OF_ONE = 3
"""Voice messages of one person in work; beyond it the person is asked to wait."""
SHOWN = 60
LOOK_SECONDS = 15.0

Look = Callable[[str], Awaitable[tuple[str, int]]]
"""Tells a file's name and its bytes, by its ``media_id``; raises Unfetchable when it cannot be had."""


class Ear:
    """Listens to voice messages.

    Attributes:
        sources: channel → how it hands out files; filled by whoever starts a channel.
        looks: channel → how it tells a file's name and about how many bytes it has, where its events do not.
    """

    def __init__(self, speech: Speech | None, settings: SpeechSettings) -> None:
        """Take what writes down (None: nothing does)."""
        self._speech = speech
        self._settings = settings
        self.sources: dict[str, Fetch] = {}
        self.looks: dict[str, Look] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._in_work: Counter[tuple[str, str]] = Counter()

    async def hear(self, incoming: Incoming) -> Incoming:
        """Return the event with the words in it; one without words says in ``media`` why. Never raises for the world."""
        if incoming.media == FILE and incoming.media_id and not incoming.file_name:
            return await self._look(incoming)
        if incoming.media != VOICE or incoming.text or not incoming.media_id:
            return incoming
        fetch = self.sources.get(incoming.channel)
        if self._speech is None or fetch is None:
            return incoming
        who = (incoming.channel, incoming.sender)
        if self._in_work[who] >= OF_ONE:
            return replace(incoming, media="voice_busy")
        self._in_work[who] += 1
        try:
            async with self._room:
                return await self._listen(incoming, self._speech, fetch)
        finally:
            self._in_work[who] -= 1
            if not self._in_work[who]:
                del self._in_work[who]

    async def _look(self, incoming: Incoming) -> Incoming:
        """Return the event with its file's name; a file that cannot be had has no ``media_id`` any more."""
        look = self.looks.get(incoming.channel)
        if look is None:
            return incoming
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                name, size = await look(incoming.media_id)
        except (Unfetchable, TimeoutError) as error:
            log.warning("file.unseen", kind=type(error).__name__)
            return replace(incoming, media_id="")
        return replace(incoming, file_name=name, file_size=size)

    async def _listen(self, incoming: Incoming, speech: Speech, fetch: Fetch) -> Incoming:
        try:
            async with asyncio.timeout(self._settings.deadline):
                sound = await fetch(incoming.media_id, self._settings.most_bytes)
            lasts = seconds_of(sound)
            if lasts is not None and lasts > self._settings.most_seconds:
                return replace(incoming, media="voice_long")
            words = await speech.transcribe(sound)
        except TooLarge:
            return replace(incoming, media="voice_long")
        except (Unfetchable, ModelFault, TimeoutError) as error:
            log.warning("voice.failed", kind=type(error).__name__, reason=getattr(error, "reason", ""))
            return replace(incoming, media="voice_failed")
        return replace(incoming, media=HEARD, text=words) if words else replace(incoming, media="voice_failed")


def with_heard(incoming: Incoming, said: Sequence[Said]) -> Sequence[Said]:
    """Let the first answer to a voice message begin with what was understood; a stamp is said in words for it."""
    if incoming.media != HEARD:
        return said
    for kinds in ((Kind.REPLY, Kind.REACTION), (Kind.DM,)):
        for index, one in enumerate(said):
            if one.reply.kind in kinds and one.reply.key:
                kind = Kind.REPLY if one.reply.kind is Kind.REACTION else one.reply.kind
                values = {**one.reply.values, "heard": one_line(incoming.text, SHOWN)}
                begun = replace(one.reply, kind=kind, emoji="", values=values)
                return [*said[:index], Said(one.feature, begun), *said[index + 1 :]]
    return said
