"""Callbacks of the platform → events, bounded, with keys that a repetition has too; and the consumer that has them written down.

An event's ``message_id`` says how it can be answered: ``m:`` a message, ``w:`` somebody who came in, ``c:`` a pressed button,
and behind it the callback's ``req_id``. It stands in the rows, so that an answer finds its way after a restart as well.

Source: CHANNELS (the AI bot protocol); FAULTS A1, A2, A7.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.channels.fields import as_object, as_text, possible
from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.cards import OVER
from bot.channels.wecom_bot.files import LONGEST_URL, media_id
from bot.channels.wecom_bot.frames import Frame
from bot.channels.wecom_bot.words import SETTLES
from engagement.clocks import Clock
from engagement.kernel import MAX_TEXT, Event, Incoming, Place
from prompts.loader import texts

log = structlog.get_logger("bot.channels.wecom_bot")
CHANNEL = "wecom_bot"
ENTERED = "/start"
"""What somebody who opens the chat is taken to have said, as on other platforms."""
_ID = 64
_KEY = 64
_MANY = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_FIRST_MENTION = re.compile(r"^\s*@\S{1,64}(?:\s+|$)")
_BUGS = (ValueError, TypeError, LookupError, AttributeError, AssertionError)
"""What no database raises: an event that brings one about brings it about each time."""
_BUG_TRIES = 3
_THUMBS = {1: "up", 2: "down"}
_REASONS = {1: "off_topic", 2: "incomplete", 3: "wrong", 4: "wrong_figures"}

Receiver = Callable[[Incoming], Awaitable[object]]
"""Persists an event; returns after the commit, raises when there was none."""


def parse(frame: Frame, account: str, name: str, received_at: datetime) -> Incoming | None:
    """Read one callback.

    Args:
        account: our bot's id.
        name: the bot's name in the chat; empty when unknown: then the first mention is taken to be the bot's.
        received_at: aware.

    Returns:
        None for what is not ours to handle.

    Raises:
        ValueError: the shape is not the platform's; nothing may come of it.
    """
    body = frame.body
    if as_text(body.get("aibotid") or account, _ID + 1) != account:
        return None
    sender = _id(as_object(body.get("from") or {}).get("userid"))
    if not sender:
        return None
    kind = as_text(body.get("chattype") or "single", 16)
    if kind not in ("single", "group"):
        # Answered in private it would be told to somebody who was not asked.
        raise ValueError("chattype")
    group = kind == "group"
    conversation = _id(body.get("chatid")) if group else sender
    if not conversation:
        raise ValueError("chatid")
    base: dict[str, Any] = {
        "channel": CHANNEL,
        "account": account,
        "place": Place.GROUP if group else Place.DM,
        "conversation": conversation,
        "sender": sender,
        # The platform tells no name: the account's, which colleagues know, stands for it.
        "sender_name": as_text(as_object(body.get("from") or {}).get("name") or "", 160) or sender,
        "occurred_at": _moment(body.get("create_time"), received_at),
        "received_at": received_at,
        # The platform tells no group's name either; staff tell them apart by the end of the id.
        "group_name": texts().fill("wecom_bot.group", {"tail": conversation[-4:]}) if group else "",
        "addressed": True,  # in a group the platform passes on only what mentions the bot
    }
    if frame.cmd == frames.MESSAGE:
        return _message(frame, name, base)
    return _event(frame, base)


def _message(frame: Frame, name: str, base: dict[str, Any]) -> Incoming | None:
    body = frame.body
    number = as_text(body.get("msgid") or "", 120)
    if not number:
        raise ValueError("msgid")
    said = _said(body)
    text = said.text
    if base["place"] is Place.GROUP:
        text = without_mention(text, name)
    text = text.strip()[:MAX_TEXT]
    # In private a picture alone asks for nothing, and a file is taken there alone: the same as on other platforms.
    alone = "file" if base["place"] is Place.DM else "photo"
    if not text and said.media != alone:
        return None
    return Incoming(
        event=Event.MESSAGE,
        dedupe_key=f"m:{number}",
        message_id=f"m:{frame.req_id}",
        text=text,
        media=said.media,
        media_id=said.media_id,
        **base,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said, and what went with it.

    Attributes:
        media: ``photo``, ``file``, ``heard`` (the platform wrote a voice message down) or empty.
        media_id: what a photo or a file is fetched by.
    """

    text: str = ""
    media: str = ""
    media_id: str = ""


def _said(body: Any) -> _Said:
    kind = as_text(body.get("msgtype") or "", 32)
    if kind in ("text", "voice"):
        text = as_text(as_object(body.get(kind) or {}).get("content") or "", MAX_TEXT * 2)
        return _Said(text, "heard" if kind == "voice" else "")
    if kind in ("image", "file"):
        sent = as_object(body.get(kind) or {})
        key = as_text(sent.get("aeskey") or "", 64)
        url = as_text(sent.get("url") or "", LONGEST_URL + 1)
        return _Said("", "photo" if kind == "image" else kind, media_id(url, key) if len(url) <= LONGEST_URL else "")
    if kind != "mixed":
        return _Said()
    items = as_object(body.get("mixed") or {}).get("msg_item") or []
    if type(items) is not list:
        raise ValueError("msg_item")
    found = [_said(as_object(item)) for item in items[:_MANY] if as_object(item).get("msgtype") in ("text", "image")]
    photo = next((one for one in found if one.media), _Said())
    return _Said(" ".join(one.text for one in found if one.text), photo.media, photo.media_id)


def _id(value: object) -> str:
    """Read an id; one that is longer than we keep is refused, for cut off it could be somebody else's."""
    found = as_text(value or "", _ID + 1)
    if len(found) > _ID:
        raise ValueError("id too long")
    return found


def without_mention(text: str, name: str) -> str:
    """Take the bot's name out of the words; of an unknown name, the first mention when it stands in front."""
    if name and f"@{name}" in text:
        return text.replace(f"@{name}", " ")
    return _FIRST_MENTION.sub("", text, count=1)


def _event(frame: Frame, base: dict[str, Any]) -> Incoming | None:
    event = as_object(frame.body.get("event") or {})
    key, why = _natural(frame), ""
    if frame.event == "enter_chat":
        if base["place"] is not Place.DM:
            return None
        return Incoming(event=Event.MESSAGE, dedupe_key=key, message_id=f"w:{frame.req_id}", text=ENTERED, **base)
    if frame.event == frames.PRESSED:
        card = as_object(event.get(frames.PRESSED) or event)
        pressed = as_text(card.get("event_key") or "", _KEY + 2).removeprefix(SETTLES)
        if pressed == OVER:
            return None
        message_id = f"c:{frame.req_id}"
    elif frame.event == "feedback_event":
        given = as_object(event.get("feedback_event") or event)
        kind = given.get("type")
        thumb = _THUMBS.get(kind) if type(kind) is int else None
        about = as_text(given.get("id") or "", _KEY + 1)
        pressed = f"{thumb}:{about}" if thumb and about else ""
        why = _why(given) if thumb == "down" else ""
        message_id = f"c:{frame.req_id}"
    else:
        return None
    if not 0 < len(pressed.encode()) <= _KEY:
        return None
    return Incoming(event=Event.BUTTON, dedupe_key=key, message_id=message_id, button=pressed, text=why, **base)


def _why(given: Mapping[str, Any]) -> str:
    """Put in words why an answer did not help: what was ticked, and what was written.

    Source: WeCom document 101027 (feedback_event: inaccurate_reason_list, content).
    """
    ticked = given.get("inaccurate_reason_list")
    known = [one for one in ticked[:_MANY] if type(one) is int and one in _REASONS] if type(ticked) is list else []
    words = [texts().raw(f"wecom_bot.{_REASONS[one]}") for one in dict.fromkeys(known)]
    written = as_text(given.get("content") or "", MAX_TEXT).strip()
    return texts().raw("wecom_bot.between_reasons").join([*words, *([written] if written else [])])


def _natural(frame: Frame) -> str:
    """Return the key of an event: the platform's number, else who did what when."""
    number = as_text(frame.body.get("msgid") or "", 120)
    if number:
        return f"e:{number}"
    kept = {name: frame.body.get(name) for name in ("from", "chatid", "create_time", "event")}
    if kept["create_time"] is None:
        kept["req_id"] = frame.req_id
    text = json.dumps(kept, sort_keys=True, ensure_ascii=True)
    return f"e:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _moment(value: object, received_at: datetime) -> datetime:
    if type(value) is int and possible(value):
        return datetime.fromtimestamp(value, UTC)
    return received_at


class Intake:
    """Writes callbacks down, one after the other; what cannot be written now is written later and never passed over."""

    def __init__(
        self,
        heard: asyncio.Queue[Frame],
        receive: Receiver,
        clock: Clock,
        account: str,
        name: str,
        pressed: Callable[[Frame], None] = lambda _frame: None,
    ) -> None:
        """Wire the parts; :meth:`run` begins.

        Args:
            pressed: is told of each pressed button, once that is written down.
        """
        self._heard = heard
        self._receive = receive
        self._clock = clock
        self._account = account
        self._name = name
        self._pressed = pressed

    async def run(self) -> None:
        """Go on until cancelled; :meth:`drained` says when nothing waits any more."""
        while True:
            frame = await self._heard.get()
            try:
                await self._one(frame)
            finally:
                self._heard.task_done()

    async def drained(self, seconds: float) -> bool:
        """Wait until everything that came is written down, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.join()
        except TimeoutError:
            return False
        return True

    async def _one(self, frame: Frame) -> None:
        try:
            incoming = parse(frame, self._account, self._name, self._clock.now())
        except ValueError:
            log.warning("wecom_bot.malformed_callback", cmd=frame.cmd)
            return
        if incoming is None:
            log.info("wecom_bot.passed_over", what=frame.event or frame.cmd)
            return
        pause, bugs = _FIRST_PAUSE, 0
        while True:
            try:
                await self._persist(incoming)
            except _NotPersisted as error:
                bugs += isinstance(error.__cause__, _BUGS)
                if bugs == _BUG_TRIES:
                    # Whoever comes next must not wait behind it for ever.
                    log.critical("wecom_bot.given_up", kind=type(error.__cause__).__name__)
                    return
                # The platform does not say it twice: it is kept here until the database takes it.
                log.error("wecom_bot.not_persisted", kind=type(error.__cause__).__name__, again_in=pause)
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                if frame.event == frames.PRESSED:
                    self._pressed(frame)
                return

    async def _persist(self, incoming: Incoming) -> None:
        try:
            await self._receive(incoming)
        except Exception as error:
            raise _NotPersisted from error


class _NotPersisted(Exception):
    """An event could not be written down; the cause says why."""
