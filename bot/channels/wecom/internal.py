"""The company's own groups, from the settings: those with a robot, and those that the app makes for leaders and staff.

Pushes go there as well and nobody confirms them; nobody is heard there.

Source: WeCom developer documents (appchat/create, get, update; group robots); CHANNELS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import col, or_, select

from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.appchat import PREFIX as APPCHAT
from bot.channels.wecom.robot import PREFIX as ROBOT
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.welcome import group_of
from storage.engine import Database, Session
from storage.groups import Group

log = structlog.get_logger("bot.channels.wecom")
_A_DAY = 4
_ZONE = "Asia/Shanghai"
_CHAT_ID = 32
_NO_SUCH_CHAT = frozenset({86001, 86003})
_KEY = "wecom_robot"
"""Mark in a group's settings: which key its robot had when it was last put up, as a digest."""
ROBOT_GONE = "robot_gone"
"""What is told of a group whose robot WeCom knows no more."""


def chat_of(corp_id: str, name: str) -> str:
    """Return the id that a group of this name has: the same every time, so that a lost answer makes no second group."""
    return hashlib.sha256(f"{corp_id} {name}".encode()).hexdigest()[:_CHAT_ID]


class Internal:
    """The groups inside one company, as rows."""

    def __init__(self, api: WecomApi, settings: WecomSettings, database: Database) -> None:
        """Take what calls WeCom, which groups there are to be, and the rows."""
        self._api = api
        self._settings = settings
        self._database = database

    async def keep(self, now: datetime) -> list[str]:
        """Let there be every group that is set, and no other; returns why WeCom did not make some of them.

        One that could not be asked for now stays as it was. A robot cannot be asked for without saying something: the group of
        one that WeCom was found to know no more stays removed until the settings give another key (:func:`gone`).
        """
        robots = {f"{ROBOT}{name}": name for name in self._settings.robots}
        chats = {f"{APPCHAT}{chat_of(self._settings.corp_id, name)}": name for name in self._settings.chats}
        standing, failed = dict(robots), []
        for conversation, name in chats.items():
            try:
                await self._stand(conversation.removeprefix(APPCHAT), name, self._settings.chats[name])
            except (Refused, CutOff) as error:
                failed.append(receipt_of(error, repeatable=True).reason)
                log.warning("wecom.no_chat", reason=failed[-1])
            else:
                standing[conversation] = name
        await self._database.write(partial(self._keep, standing=standing, wanted={*robots, *chats}, now=now))
        return failed

    async def _stand(self, chat: str, name: str, people: list[str]) -> None:
        """Make a group that is not there; who is in it is who is set.

        Raises:
            Refused, CutOff: WeCom says no, or nothing.
        """
        try:
            token = await self._api.token()
            there = await self._api.raw("GET", "appchat/get", None, access_token=token, chatid=chat)
        except Refused as error:
            if error.code not in _NO_SUCH_CHAT:
                raise
            body = {"name": name, "owner": people[0], "userlist": people, "chatid": chat}
            await self._api.post("appchat/create", body)
            return
        info = there.get("chat_info")
        known = info.get("userlist", ()) if isinstance(info, Mapping) else ()
        came, went = [one for one in people if one not in known], [one for one in known if one not in people]
        if came or went:
            change = {"chatid": chat, "owner": people[0], "add_user_list": came, "del_user_list": went}
            await self._api.post("appchat/update", change)

    def _keep(self, session: Session, standing: Mapping[str, str], wanted: Collection[str], now: datetime) -> None:
        account = self._settings.corp_id
        for conversation, name in standing.items():
            row = group_of(session, account, conversation)
            if row is None:
                row = Group(
                    channel=CHANNEL,
                    account=account,
                    external_id=conversation,
                    name=name,
                    zone=_ZONE,
                    daily_budget=_A_DAY,
                    settings={"greeted": True},
                    created_at=now,
                )
            row.hears, row.speaks = False, True
            if conversation.startswith(APPCHAT):
                row.state = "active"
            elif row.state == "active" or not _is_put_up(row, self._settings, name):
                row.state, row.settings = "active", {**(row.settings or {}), _KEY: _digest(self._settings, name)}
            session.add(row)
        mine = select(Group).where(
            Group.channel == CHANNEL,
            Group.account == account,
            or_(col(Group.external_id).startswith(ROBOT), col(Group.external_id).startswith(APPCHAT)),
        )
        for row in session.exec(mine).all():
            if row.external_id not in wanted:
                # Put into the settings again, it is tried again.
                row.state, row.settings = "removed", {**(row.settings or {}), _KEY: ""}
                session.add(row)
        session.flush()


def gone(session: Session, settings: WecomSettings) -> list[str]:
    """Return the robots of the settings whose groups are removed, by name: WeCom knows their keys no more."""
    found = []
    for name in sorted(settings.robots):
        row = group_of(session, settings.corp_id, f"{ROBOT}{name}")
        if row is not None and row.state == "removed" and _is_put_up(row, settings, name):
            found.append(name)
    return found


def _is_put_up(row: Group, settings: WecomSettings, name: str) -> bool:
    """Say whether a group was put up with the key that its robot has in the settings."""
    return (row.settings or {}).get(_KEY) == _digest(settings, name)


def _digest(settings: WecomSettings, name: str) -> str:
    return hashlib.sha256(settings.robots[name].get_secret_value().encode()).hexdigest()[:16]
