"""Frames of the long connection: ``{cmd, headers.req_id, body}``, bounded and strict where we read.

Source: CHANNELS (the AI bot protocol); FAULTS A7, A8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.channels.fields import as_object, as_text, decode

LARGEST_FRAME = 256 * 1024
"""Bytes of a frame that is understood, inclusive."""
LARGEST_WRITTEN = 1024 * 1024
"""Bytes of a frame that we send, inclusive: a piece of a file, 512 KB at most, with a third more for its spelling."""
LARGEST_READ = 4 * 1024 * 1024
"""Bytes of a frame that is read and then passed over; a larger one ends the connection, for nobody can tell where it ends."""
LONGEST_REQ_ID = 256

SUBSCRIBE = "aibot_subscribe"
PING = "ping"
RESPOND = "aibot_respond_msg"
WELCOME = "aibot_respond_welcome_msg"
UPDATE = "aibot_respond_update_msg"
SEND = "aibot_send_msg"
UPLOAD = "aibot_upload_media_init"
UPLOAD_PIECE = "aibot_upload_media_chunk"
UPLOAD_END = "aibot_upload_media_finish"
MESSAGE = "aibot_msg_callback"
EVENT = "aibot_event_callback"

DISCONNECTED = "disconnected_event"
PRESSED = "template_card_event"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        cmd: what it is; empty in an answer.
        req_id: of the question in an answer; of a callback, for answering it.
        code: the answer's ``errcode``, 0 = yes; None when it is no answer.
    """

    cmd: str
    req_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    code: int | None = None

    @property
    def event(self) -> str:
        """What kind of event a callback tells of; empty when it is none."""
        event = self.body.get("event")
        kind = event.get("eventtype") if type(event) is dict else None
        return kind if type(kind) is str else ""


def read(raw: str | bytes) -> Frame:
    """Read a frame.

    Raises:
        ValueError: too large, not strict JSON in UTF-8, or not the shape of a frame.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw
    if len(data) > LARGEST_FRAME:
        raise ValueError("frame too large")
    whole = as_object(decode(data))
    cmd = as_text(whole.get("cmd") or "", 64)
    req_id = as_object(whole.get("headers") or {}).get("req_id", "")
    req_id = as_text(req_id, LONGEST_REQ_ID + 1)
    if len(req_id) > LONGEST_REQ_ID:
        raise ValueError("req_id too long")
    code = whole.get("errcode")
    if code is not None and type(code) is not int:
        raise ValueError("errcode")
    return Frame(cmd, req_id, as_object(whole.get("body") or {}), code)


def write(cmd: str, req_id: str, body: Mapping[str, Any] | None = None) -> str:
    """Write a frame.

    Raises:
        ValueError: it would be too large.
    """
    whole: dict[str, Any] = {"cmd": cmd, "headers": {"req_id": req_id}}
    if body is not None:
        whole["body"] = body
    # Half a character, which no line can carry, becomes a question mark.
    data = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(data) > LARGEST_WRITTEN:
        raise ValueError("frame too large")
    return data.decode()
