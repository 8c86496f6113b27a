"""Customer groups: which there are, who is in them, who came and went, and how lively an owner's groups were in a day.

Callbacks say at once what changes (bot.channels.wecom.callback); reading the groups anew now and then finds what was missed.
No word of a group is to be had here, and none is kept: figures alone.

Source: WeCom developer documents (externalcontact/groupchat/list, get, statistic_group_by_day); CHANNELS (customer groups).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, WecomApi, objects
from engagement.calendar import instant_of, local_day
from engagement.entry.joining import Neighbour
from engagement.kernel import Event, Incoming, Place, one_line
from storage import mass_sends
from storage.engine import Database

_PAGE = 1000
_MOST_PAGES = 1000
_ZONE = "Asia/Shanghai"
_EXTERNAL = 2
_ID = 64
_FIGURES = (
    "new_chat_cnt",
    "chat_total",
    "chat_has_msg",
    "new_member_cnt",
    "member_total",
    "member_has_msg",
    "msg_total",
)
MOST_DAYS = 30


@dataclass(frozen=True, slots=True)
class CustomerGroup:
    """A group of residents.

    Attributes:
        owner: userid of the staff member whose group it is: the leader who confirms mass-sends.
        residents: external_userid → when he joined. Staff are not among them. No names: nobody has asked to be known.
        staff: userids of the company's own people in it.
    """

    chat: str
    name: str
    owner: str
    residents: Mapping[str, datetime] = field(default_factory=dict)
    staff: frozenset[str] = frozenset()


class CustomerGroups:
    """Reads groups; whatever it raises is :class:`Refused` or :class:`CutOff`, and nothing is changed by a call."""

    def __init__(self, api: WecomApi, account: str) -> None:
        """Take what calls WeCom, and the corp id that events are marked with."""
        self._api = api
        self.account = account

    async def ids(self, owners: Collection[str] = ()) -> list[str]:
        """Return the ids of all groups that the app may see, or of those of some owners."""
        body: dict[str, Any] = {"status_filter": 0, "limit": _PAGE}
        if owners:
            body["owner_filter"] = {"userid_list": sorted(owners)}
        found: dict[str, None] = {}
        for _ in range(_MOST_PAGES):
            answer = await self._api.post("externalcontact/groupchat/list", body)
            rows = objects(answer, "group_chat_list")
            found |= dict.fromkeys(str(row["chat_id"])[:_ID] for row in rows if row.get("chat_id"))
            cursor = answer.get("next_cursor")
            if not cursor or not isinstance(cursor, str) or cursor == body.get("cursor"):
                break
            body["cursor"] = cursor
        return list(found)

    async def get(self, chat: str) -> CustomerGroup:
        """Return a group with its members."""
        group = await self._whole(chat, names=False)
        residents: dict[str, datetime] = {}
        staff: set[str] = set()
        for member in objects(group, "member_list"):
            who = member.get("userid")
            if not isinstance(who, str) or not 0 < len(who) <= _ID:
                continue
            if member.get("type") == _EXTERNAL:
                residents[who] = _moment(member.get("join_time"))
            else:
                staff.add(who)
        name = one_line(str(group.get("name") or ""), 128)
        return CustomerGroup(chat, name, str(group.get("owner") or "")[:_ID], residents, frozenset(staff))

    async def who_is(self, chat: str, union_id: str) -> Neighbour | None:
        """Return who a person is in a group whom WeChat calls ``union_id``; None when WeCom does not say so.

        It tells union ids only to a company that has bound the Official Account's platform account. Nothing of it is kept.
        """
        group = await self._whole(chat, names=True)
        for member in objects(group, "member_list"):
            who = member.get("userid")
            if not union_id or member.get("unionid") != union_id or member.get("type") != _EXTERNAL:
                continue
            if isinstance(who, str) and 0 < len(who) <= _ID:
                return Neighbour(who, one_line(str(member.get("group_nickname") or member.get("name") or "")))
        return None

    async def _whole(self, chat: str, *, names: bool) -> dict[str, Any]:
        """Return a group as WeCom tells of it.

        Raises:
            CutOff: half of it is missing: everybody would seem to have left, and whoever is there to be nobody.
        """
        answer = await self._api.post("externalcontact/groupchat/get", {"chat_id": chat, "need_name": int(names)})
        group = answer.get("group_chat")
        if not isinstance(group, dict) or group.get("chat_id") != chat or not group.get("member_list"):
            raise CutOff(nothing_sent=False)
        return group

    def changes(self, group: CustomerGroup, known: Collection[str], since: datetime, now: datetime) -> list[Incoming]:
        """Return who came after ``since`` and whom we do not have, in that order, and who of ``known`` is not there any more.

        By WeCom's own time of joining: who was there before, or wants nothing kept about himself, is not met anew. A join
        carries its time in the key, so finding it twice is once; a leave has the day of this reading.
        """
        joined = sorted((at, who) for who, at in group.residents.items() if who not in known and at > since)
        events = [
            self._event(Event.JOIN, group.chat, who, at, now, f"s:{group.chat}:in:{int(at.timestamp())}:{who}")
            for at, who in joined
        ]
        day = local_day(now, _ZONE).isoformat()
        return events + [
            self._event(Event.LEAVE, group.chat, who, now, now, f"s:{group.chat}:out:{day}:{who}")
            for who in sorted(set(known) - set(group.residents) - group.staff)
        ]

    def _event(self, event: Event, chat: str, who: str, at: datetime, now: datetime, key: str) -> Incoming:
        return Incoming(
            event, CHANNEL, key[:160], Place.GROUP, chat, who, min(at, now), now, account=self.account, subject=who
        )

    async def days(self, owner: str, first: date, last: date) -> dict[date, dict[str, int]]:
        """Return an owner's figures of the days [first, last], at most 30.

        WeCom counts owners, not groups: of an owner with one group these are the group's.

        Raises:
            ValueError: the days are none, or too many.
        """
        if not 0 <= (last - first).days < MOST_DAYS:
            raise ValueError("between one and thirty days")
        body = {
            "day_begin_time": int(instant_of(first, 0, _ZONE).timestamp()),
            "day_end_time": int(instant_of(last, 0, _ZONE).timestamp()),
            "owner_filter": {"userid_list": [owner]},
        }
        answer = await self._api.post("externalcontact/groupchat/statistic_group_by_day", body)
        found: dict[date, dict[str, int]] = {}
        for item in objects(answer, "items"):
            data = item.get("data")
            if isinstance(data, dict) and isinstance(item.get("stat_time"), int):
                day = local_day(_moment(item["stat_time"]), _ZONE)
                found[day] = {name: _count(data.get(name)) for name in _FIGURES}
        return {day: figures for day, figures in found.items() if first <= day <= last}

    async def keep_days(self, database: Database, owner: str, first: date, last: date) -> int:
        """Read an owner's figures and keep them; returns how many days. Again is the same."""
        days = await self.days(owner, first, last)
        for day, figures in days.items():
            await database.write(
                lambda session, day=day, figures=figures: mass_sends.put_figures(  # type: ignore[misc]
                    session, channel=CHANNEL, account=self.account, owner=owner, local_date=day, figures=figures
                )
            )
        return len(days)


def _moment(value: object) -> datetime:
    seconds = value if isinstance(value, int) and 0 <= value < 10**11 else 0
    return datetime.fromtimestamp(seconds, UTC)


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**9 else 0
