"""What a callback says, as an event of the product.

Source: WeChat Official Account documents (standard messages, event pushes); FAULTS A1, A7, A8, A11.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.channels.envelope import Malformed
from engagement.kernel import MAX_TEXT, Event, Incoming, Place, one_line

CHANNEL = "wechat"
_OPEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,40}", re.ASCII)
_EVENT = re.compile(r"[A-Za-z0-9_]{1,64}")
_MEDIA_ID = re.compile(r"[A-Za-z0-9_.=+/-]{1,256}")
_SCENE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EARLIEST, _LATEST = 1_293_840_000, 4_102_444_800  # 2011, before there were Official Accounts, and 2100
_QR_PREFIX = "qrscene_"
_START = "/start"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a callback was.

    Attributes:
        who: openid; us: the account's original id.
        incoming: the event of the product; None when it is of no consequence to it.
        of: tells this act of the person from any other.
        words, acted, left: whether it renews the allowance of who wrote, of who followed, scanned or clicked, or ends it.
    """

    who: str
    us: str
    incoming: Incoming | None = None
    of: str = ""
    words: bool = False
    acted: bool = False
    left: bool = False


def understand(fields: dict[str, str], account: str, received_at: datetime) -> Heard:
    """Understand a callback's document.

    Args:
        fields: see :func:`bot.channels.wechat.wire.read`.
        account: our AppID.
        received_at: now.

    Raises:
        Malformed: a field that every callback has is missing or no such.
    """
    who = _matching(fields, "FromUserName", _OPEN_ID)
    us = _matching(fields, "ToUserName", _OPEN_ID)
    kind = _matching(fields, "MsgType", _EVENT).lower()
    created = int(_matching(fields, "CreateTime", _INTEGER))
    if kind == "event":
        return _event(fields, who, us, created, account, received_at)
    number = _matching(fields, "MsgId", _NUMBER)
    if not _EARLIEST < created < _LATEST:
        return Heard(who, us)
    text, media, media_id = _content(fields, kind)
    if not text and not media:
        return Heard(who, us, of=number, words=True)
    message = replace(
        _said(who, f"m{who}:{number}", created, account, received_at),
        text=text,
        message_id=number,
        media=media,
        media_id=media_id,
    )
    return Heard(who, us, message, number, words=True)


def _event(fields: dict[str, str], who: str, us: str, created: int, account: str, received_at: datetime) -> Heard:
    name = _matching(fields, "Event", _EVENT).lower()
    key = fields.get("EventKey", "").strip()
    if not _EARLIEST < created < _LATEST:
        return Heard(who, us)
    # Two taps in one second are two; the platform repeats one with all that it says.
    which = hashlib.sha256(key.encode()).hexdigest()[:12] if name == "click" else ""
    about = _said(who, f"e{who}:{created}:{name}{which}", created, account, received_at)
    if name == "unsubscribe":
        return Heard(who, us, replace(about, event=Event.BOT_REMOVED, addressed=False), left=True)
    if name in ("subscribe", "scan"):
        scene = key.removeprefix(_QR_PREFIX)
        text = f"{_START} {scene}" if _SCENE.fullmatch(scene) else _START
    elif name == "click" and key:
        # The keys of our menu are what one would type.
        text = _words(key)
    else:
        return Heard(who, us)
    incoming = replace(about, text=text, message_id=f"{created}{name}{which}")
    return Heard(who, us, incoming, incoming.message_id, acted=True)


def _said(who: str, dedupe_key: str, created: int, account: str, received_at: datetime) -> Incoming:
    """Return what everything has that a person tells the account: a private chat, with us and nobody else."""
    return Incoming(
        event=Event.MESSAGE,
        channel=CHANNEL,
        account=account,
        dedupe_key=dedupe_key,
        place=Place.DM,
        conversation=who,
        sender=who,
        occurred_at=datetime.fromtimestamp(created, UTC),
        received_at=received_at,
        addressed=True,
    )


def _content(fields: dict[str, str], kind: str) -> tuple[str, str, str]:
    """Return the words, the kind of what goes with them, and the platform's id of it."""
    if kind == "text":
        return _words(fields.get("Content", "")), "", ""
    if kind == "link":
        return _words(fields.get("Url", "")), "", ""
    if kind in ("image", "voice") and _MEDIA_ID.fullmatch(fields.get("MediaId", "")):
        # What the platform recognised of a voice message spares us the listening.
        said = _words(fields.get("Recognition", "")) if kind == "voice" else ""
        return (said, "", "") if said else ("", "photo" if kind == "image" else "voice", fields["MediaId"])
    return "", "", ""


def _words(text: str) -> str:
    """Return words as they came, cut; empty when nothing of them can be seen."""
    text = text.replace("\x00", "")[:MAX_TEXT]
    return text if one_line(text) else ""


def _matching(fields: dict[str, str], name: str, form: re.Pattern[str]) -> str:
    value = fields.get(name, "").strip()
    if not form.fullmatch(value):
        raise Malformed(name)
    return value
