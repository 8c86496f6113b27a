"""Cards with a question after a press: they say what was chosen, and their buttons are gone. Menus stay as they are.

Which press answers a question is said where the question is put (:class:`engagement.kernel.Button`).

The platform has no button that cannot be pressed: in the card's place comes one with a single grey button that means nothing.
It takes the new card within five seconds of the press, and once; so it is said as soon as the press is written down, beside
everything else, and nobody minds when it does not work: the press counts all the same, and a second one changes nothing.

Source: WeCom documents 101463 (aibot_respond_update_msg), 101031 (update_template_card), 101032 (at least one in button_list,
style 4 is grey).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import structlog

from bot.channels.fields import as_object, as_text
from bot.channels.wecom_bot import frames
from bot.channels.wecom_bot.connection import Connection, CutOff, NotSent
from bot.channels.wecom_bot.frames import Frame
from bot.channels.wecom_bot.words import SETTLES
from prompts.loader import texts

log = structlog.get_logger("bot.channels.wecom_bot")
OVER = "over"
"""The key of the button that means nothing: no feature's has this form."""
SECONDS = 5.0
"""How long after a press the platform takes another card."""
_GREY = 4
_LONGEST = 128
_MOST = 4096


class Cards:
    """Knows the cards that went out from this process, and changes those whose question is answered."""

    def __init__(self, connection: Connection) -> None:
        """Begin with none."""
        self._connection = connection
        self._labels: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def note(self, card: Mapping[str, Any]) -> None:
        """Remember what stands on a card's buttons."""
        self._labels[card["task_id"]] = {button["key"]: button["text"] for button in card["button_list"]}
        while len(self._labels) > _MOST:
            self._labels.popitem(last=False)

    def pressed(self, frame: Frame) -> None:
        """Change the card whose question was answered, in the background: in a group only for who pressed, others may want to."""
        try:
            body = _changed(frame, self._labels)
        except ValueError:
            return
        task = asyncio.get_running_loop().create_task(self._change(frame.req_id, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=SECONDS)

    async def _change(self, req_id: str, body: Mapping[str, Any]) -> None:
        try:
            answer = await self._connection.ask(frames.UPDATE, body, req_id)
        except (NotSent, CutOff, ValueError) as error:
            log.debug("wecom_bot.card_not_changed", kind=type(error).__name__)
        else:
            if answer.code:
                log.info("wecom_bot.card_not_changed", code=answer.code)


def _changed(frame: Frame, labels: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what is said in the place of a pressed card.

    Raises:
        ValueError: the press does not say which card, or its other buttons are still needed.
    """
    event = as_object(frame.body.get("event") or {})
    press = as_object(event.get("template_card_event") or event)
    task = as_text(press.get("task_id") or "", _LONGEST + 1)
    if not 0 < len(task) <= _LONGEST:
        raise ValueError("task_id")
    key = as_text(press.get("event_key") or "", _LONGEST)
    if not key.startswith(SETTLES):
        raise ValueError("event_key")
    label = labels.get(task, {}).get(key, "")
    title = texts().fill("wecom_bot.chosen", {"label": label}) if label else texts().raw("wecom_bot.pressed")
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": title},
        "button_list": [{"text": texts().raw("wecom_bot.over"), "style": _GREY, "key": OVER}],
        "task_id": task,
    }
    body: dict[str, Any] = {"response_type": "update_template_card", "template_card": card}
    if frame.body.get("chattype") == "group":
        body["userids"] = [as_object(frame.body.get("from") or {}).get("userid")]
    return body
