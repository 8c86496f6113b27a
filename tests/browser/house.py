"""A server with a community in it, what lies in it by number, and everybody's way in by the sample doors."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

WHO = ("resident", "leader", "staff", "manager", "admin")
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
KEY = re.compile(r'name="key" value="([^"]+)"')
ENTRY = re.compile(r'href="/console/knowledge/1/entry\?entry=([\w.-]+)"')

WORK = re.compile(r"(?:work=|works/)([\w-]+)")
SLOT = re.compile(r'"(month:[^"]+)"')


def found(pattern: re.Pattern[str], text: str) -> str:
    """Return what a page holds; it must be there."""
    hit = pattern.search(text)
    assert hit is not None, pattern.pattern
    return hit.group(1)


@dataclass
class House:
    """A server that runs.

    Attributes:
        world: what stands in addresses of pages: numbers of a group, a document, a plan.
    """

    address: str
    world: Mapping[str, str] = field(default_factory=dict)
    _doors: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, who: str = "") -> httpx.Client:
        """Return a browser without eyes, signed in as somebody."""
        return httpx.Client(base_url=self.address, cookies=self.cookies(who), timeout=30)

    def cookies(self, who: str) -> dict[str, str]:
        """Come in by a sample door, once; nobody's are empty."""
        if not who:
            return {}
        if who not in self._doors:
            with httpx.Client(base_url=self.address, timeout=30) as client:
                answer = client.post(f"/demo/{who}", data={"csrf": found(CSRF, client.get("/login").text)})
                assert answer.status_code == 303, who
                self._doors[who] = dict(client.cookies)
        return self._doors[who]


def furnished(address: str) -> House:
    """Put what pages need into a fresh house: a draft of a campaign with a picture, an entry that is being taken in."""
    house = House(address)
    mark = secrets.token_hex(3)
    day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    with house.client("staff") as staff:
        new = staff.get("/console/calendar/new").text
        campaign = {"csrf": found(CSRF, new), "key": found(KEY, new), "scope": "all", "day": day, "time": "10:00"}
        words = {"name": "样例活动", "title": "样例", "text": "周六上午十点，一起晒早餐。", "poster": "1"}
        made = staff.post("/console/calendar/new", data=campaign | words)
        draft = found(re.compile(r"/console/calendar/(\d+)"), made.headers.get("location", made.text))
        entry = {
            "question": f"样例 {mark}：雨天怎么提货",
            "answer": "带上伞，提货点有雨棚。",
            "scope": "all",
            "category": "提货",
        }
        taken = staff.post("/console/knowledge/write", data={"csrf": campaign["csrf"], **entry})
        month = staff.get("/console/words?tab=theme&month=11").text
        house.world = {
            "group_id": "1",
            "document": "1",
            "entry": found(ENTRY, staff.get("/console/knowledge/1").text),
            "plan_id": "1",
            "draft_id": draft,
            "work": found(WORK, taken.headers["location"]),
            "day": day,
            "slot": found(SLOT, month),
        }
    return house
