"""WeCom's mass-sending tasks: make one, ask what became of it, remind, recall, and find one of which there was no answer.

Source: WeCom developer documents (externalcontact/add_msg_template, get_groupmsg_send_result, remind_groupmsg_send,
cancel_groupmsg_send, get_groupmsg_list_v2).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Any
from urllib.parse import urlencode

import structlog

from bot.channels.wecom.api import CutOff, Refused, WecomApi, objects, receipt_of
from bot.channels.wecom.settings import WecomSettings
from storage.mass_sends import Asked

log = structlog.get_logger("bot.channels.wecom")
TEXT_BYTES = 4000
_SENT = 1
_PAGE = 100
_MOST_PAGES = 200
_AROUND = timedelta(minutes=10)
"""How far WeCom's clock may be from ours."""
Task = str
"""WeCom's id of a task."""
Keys = Callable[[str], Awaitable[Sequence[str]]]
"""Customer group → the keys of its link, the one that opens first; none for a group that nobody has kept."""


class Recall(Enum):
    """What came of recalling a task."""

    DONE = auto()
    TOO_LATE = auto()
    UNKNOWN = auto()


class Tasks:
    """Calls about the tasks of one company; a task is for one group."""

    def __init__(self, api: WecomApi, settings: WecomSettings, link_title: str, keys: Keys) -> None:
        """Take what calls WeCom, the words on the link to the page, and what knows the groups' keys."""
        self._api = api
        self._keys = keys
        self._page = settings.h5_url
        self._title = link_title

    async def make(self, row: Asked, text: str) -> Task:
        """Make a task for the row's leader and group; empty when WeCom sends it to nobody.

        Raises:
            Refused, CutOff: there is none; after a cut there may be one.
        """
        body: dict[str, Any] = {
            "chat_type": "group",
            "sender": row.leader,
            "chat_id_list": [row.conversation],
            "text": {"content": text},
        }
        if self._page:
            link = {"title": self._title, "url": self._page_of(row, next(iter(await self._keys(row.conversation)), ""))}
            body["attachments"] = [{"msgtype": "link", "link": link}]
        answer = await self._api.post("externalcontact/add_msg_template", body)
        msgid = answer.get("msgid")
        failed = answer.get("fail_list")
        if (isinstance(failed, list) and row.conversation in failed) or not isinstance(msgid, str):
            return ""
        return msgid[:64]

    async def status(self, row: Asked) -> int:
        """Return what became of a row's task: 0 not tapped, 1 sent, 2 and 3 not delivered.

        Raises:
            Refused, CutOff: see there.
        """
        return await self._of(row.provider_id, row) or 0

    async def _of(self, task: Task, row: Asked) -> int | None:
        """Return the status of a task for the row's group; None when the task is not for it."""
        body = {"msgid": task, "userid": row.leader, "limit": 1000}
        answer = await self._api.post("externalcontact/get_groupmsg_send_result", body)
        for one in objects(answer, "send_list"):
            if one.get("chat_id") == row.conversation and isinstance(one.get("status"), int):
                return int(one["status"])
        return None

    async def remind(self, task: Task) -> None:
        """Have WeCom remind the leader.

        Raises:
            Refused, CutOff: see there.
        """
        await self._api.post("externalcontact/remind_groupmsg_send", {"msgid": task})

    async def recall(self, row: Asked) -> Recall:
        """Take a row's task back, so that nobody can tap any more."""
        try:
            await self._api.post("externalcontact/cancel_groupmsg_send", {"msgid": row.provider_id})
        except (Refused, CutOff) as error:
            log.info("wecom.not_recalled", row=row.id, reason=receipt_of(error).reason)
        else:
            return Recall.DONE
        try:
            return Recall.TOO_LATE if await self.status(row) == _SENT else Recall.UNKNOWN
        except (Refused, CutOff):
            return Recall.UNKNOWN

    async def search(self, row: Asked, text: str | None) -> Task | None:
        """Look for the task of a row whose making had no answer, among those made about then; None when there is none.

        Args:
            text: its words, if they are known; the link tells the group and the day apart as well.

        Raises:
            Refused, CutOff: WeCom does not show its tasks.
        """
        # Its leader may have renewed the key since: a task with the old one is ours as well.
        ours = {self._page_of(row, key) for key in await self._keys(row.conversation) or ("",)} if self._page else set()
        async for one in self._made_about(row):
            task = one.get("msgid")
            if not isinstance(task, str) or not task or task == row.provider_id:
                continue
            words = one.get("text")
            said = words.get("content") if isinstance(words, dict) else None
            if (text is not None and said != text) or (ours and ours.isdisjoint(_links(one))):
                continue
            if await self._of(task, row) is not None:
                return task[:64]
        return None

    async def _made_about(self, row: Asked) -> AsyncIterator[dict[str, Any]]:
        body: dict[str, Any] = {
            "chat_type": "group",
            "start_time": int((row.changed_at - _AROUND).timestamp()),
            "end_time": int((row.changed_at + _AROUND).timestamp()),
            "filter_type": 0,
            "limit": _PAGE,
        }
        for _ in range(_MOST_PAGES):
            answer = await self._api.post("externalcontact/get_groupmsg_list_v2", body)
            for one in objects(answer, "group_msg_list"):
                yield one
            cursor = answer.get("next_cursor")
            if not isinstance(cursor, str) or not cursor or cursor == body.get("cursor"):
                return
            body["cursor"] = cursor

    def _page_of(self, row: Asked, key: str) -> str:
        """Return the page that a row's message links to: with its group's key the door into the group."""
        door = f"{self._page.rstrip('/')}/in/{key}" if key else self._page
        return f"{door}?{urlencode({'d': row.local_date.isoformat()})}"


def _links(task: dict[str, Any]) -> set[str]:
    found = set()
    for one in objects(task, "attachments"):
        link = one.get("link")
        if isinstance(link, dict):
            found.add(str(link.get("url")))
    return found
