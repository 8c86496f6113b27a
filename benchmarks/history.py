"""What a community has behind it: a year of points, months of topics, pushes, questions, cases, acts; plainly sample.

The pages are measured over it: what is quick in an empty table says nothing. Written straight into the tables.

Source: F128.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from storage.columns import micros

BUSY = 100
"""Groups with a month of messages, points, topics and challenges."""
DEEP = 10
"""Groups with a year of points and check-ins."""
DAILY = 60
"""Check-ins a day in a busy group."""
DAYS, YEAR = 30, 365
LED = 12
"""Groups that the first leader leads."""
MONTHS = 6
SCORED = 300
"""Members of a busy group who took part in a month's challenge."""
PUSHED_DAYS, PUSHED_KINDS = 14, ("topic", "theme", "challenge")
UNSURE = 200
ASKED, ANSWERED = 20_000, 100_000
CASES, DECIDED = 3_000, 30_000
ACTS = 300_000
BROWSERS, LINKS = 50_000, 20_000
PLANS = 1_500
Row = tuple[object, ...]


class History:
    """Writes it, in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, today: date, now: datetime) -> None:
        """Read who there is.

        Args:
            today: the groups' local day.
        """
        self.connection = connection
        self.today, self.now = today, now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self.chance = random.Random(3)
        self.groups = [int(one) for (one,) in connection.execute("SELECT id FROM chat_group ORDER BY id")]
        self.of: dict[int, list[tuple[int, int]]] = {}
        rows = connection.execute(
            "SELECT id, group_id, account_id FROM member WHERE group_id <= ? AND account_id IS NOT NULL"
            " ORDER BY group_id, id",
            (BUSY,),
        )
        for member, group, account in rows:
            self.of.setdefault(group, []).append((member, account))

    def write(self) -> None:
        """Write all of it."""
        self._leaders()
        self._points()
        self._topics()
        self._scores()
        self._pushes()
        self._questions()
        self._cases()
        self._acts()
        self._doors()
        self._plans()

    def _insert(self, table: str, columns: str, rows: Iterator[Row]) -> None:
        marks = ", ".join("?" * len(columns.split(",")))
        self.connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    def _ago(self, **much: float) -> int:
        return micros(self.now - timedelta(**much))

    def _leaders(self) -> None:
        """Each group's first member leads it; the very first one leads some more, where she is nobody else."""
        self.connection.execute(
            "UPDATE member SET role = 'leader' WHERE id IN (SELECT min(id) FROM member GROUP BY group_id)"
        )
        person = self.connection.execute("SELECT person_id FROM member ORDER BY id LIMIT 1").fetchone()[0]
        more = ((group, person, "Sample leader", "leader", self._ago(days=90)) for group in self.groups[1:LED])
        self._insert("member", "group_id, person_id, name, role, joined_at", more)

    def _points(self) -> None:
        """Points and check-ins; one member of the first group never missed a day."""
        chance = self.chance

        def days() -> Iterator[tuple[int, int, int, str, int]]:
            for back in range(YEAR):
                day, at = (self.today - timedelta(days=back)).isoformat(), self._ago(days=back)
                for group, people in self.of.items():
                    if back >= DAYS and group > DEEP:
                        continue
                    some = dict(chance.sample(people, min(DAILY, len(people))))
                    if group == 1:
                        some[people[1][0]] = people[1][1]
                    for member, account in some.items():
                        yield group, member, account, day, at

        self._insert(
            "ledger_entry",
            "account_id, group_id, member_id, amount, kind, idempotency_key, local_date, occurred_at",
            ((a, g, m, 2, "checkin", f"bench:{m}:{day}", day, at) for g, m, a, day, at in days()),
        )
        self.connection.execute(
            "INSERT INTO checkin (member_id, topic, local_date, occurred_at, made_up)"
            " SELECT member_id, 'daily', local_date, occurred_at, 0 FROM ledger_entry"
        )
        self.connection.execute(
            "INSERT INTO checkin_streak (member_id, topic, streak, longest, total, last_date, cards, made_up)"
            " SELECT member_id, 'daily', 1, 1, count(*), max(local_date), 0, 0 FROM ledger_entry GROUP BY member_id"
        )
        self.connection.execute(
            "UPDATE account SET balance = (SELECT coalesce(sum(amount), 0) FROM ledger_entry e WHERE e.account_id = account.id)"
            " WHERE group_id <= ?",
            (BUSY,),
        )
        self.connection.execute(
            "UPDATE member SET last_seen = (SELECT last_date FROM checkin_streak s WHERE s.member_id = member.id)"
            " WHERE id IN (SELECT member_id FROM checkin_streak)"
        )

    def _topics(self) -> None:
        def asked() -> Iterator[Row]:
            for group in self.of:
                for back in range(DAYS):
                    day = (self.today - timedelta(days=back)).isoformat()
                    yield group, day, "own", "What is for dinner?", "", "planned", 0, self._ago(days=back)

        self._insert("topic_day", "group_id, local_date, source, question, hint, state, attempt, created_at", asked())
        held = self.connection.execute("SELECT id, group_id FROM topic_day").fetchall()
        answers = (
            (day, member, "Sample words", self._ago(hours=place))
            for day, group in held
            for place, (member, _) in enumerate(self.chance.sample(self.of[group], min(20, len(self.of[group]))))
        )
        self._insert("topic_answer", "topic_day_id, member_id, text, answered_at", answers)

    def _scores(self) -> None:
        months, first = [], self.today.replace(day=1)
        for _ in range(MONTHS):
            months.append(f"{first:%Y-%m}")
            first = (first - timedelta(days=1)).replace(day=1)
        scores = (
            (group, month, member, days := self.chance.randrange(1, 20), days, 0, 1, 0)
            for group, people in self.of.items()
            for month in months
            for member, _ in people[:SCORED]
        )
        self._insert("theme_score", "group_id, month, member_id, points, days, answers, day_bits, answer_bits", scores)

    def _pushes(self) -> None:
        """Two weeks of pushes that went out, some of which nobody knows; and one to every group that waits."""
        at = micros(self.now)
        waits = "bench-waits"
        kinds = [("bench-" + kind, kind) for kind in PUSHED_KINDS] + [(waits, "theme")]
        self._insert(
            "campaign", "key, kind, name, state, created_at", ((k, kind, k, "running", at) for k, kind in kinds)
        )
        number = dict(self.connection.execute("SELECT key, id FROM campaign"))
        columns = (
            "campaign_id, group_id, local_date, shard, epoch, state, reason, body, attempts, sender, due_at, expires_at,"
            " sent_at, provider_id"
        )

        def sent() -> Iterator[Row]:
            left = UNSURE
            for back in range(PUSHED_DAYS, 0, -1):
                day, due = (self.today - timedelta(days=back)).isoformat(), self._ago(days=back - 1, hours=3)
                for key, _ in kinds[:-1]:
                    for group in self.groups:
                        state = "unknown" if back == 1 and left > 0 else "sent"
                        left -= state == "unknown"
                        yield number[key], group, day, "", 0, state, "", "", 1, "", due, due, due, "1"

        self._insert("delivery", columns, sent())
        waiting = ((number[waits], group, self.today.isoformat(), "", 0, "pending", "", "", 0, "", at, at, None, "")
                   for group in self.groups)  # fmt: skip
        self._insert("delivery", columns, iter(waiting))
        days = (
            (group, (self.today - timedelta(days=back)).isoformat(), 3)
            for group in self.groups
            for back in range(PUSHED_DAYS)
        )
        self._insert("group_day", "group_id, local_date, unasked", days)

    def _questions(self) -> None:
        people = self.connection.execute(
            "SELECT id, group_id FROM member WHERE id % 20 = 0 ORDER BY id LIMIT ?", (ASKED + ANSWERED,)
        ).fetchall()
        rows = (
            (group, member, f"Sample question {place}", *(("open", None) if place % 6 == 0 else ("answered", self._ago(days=1))),
             0.1, self._ago(hours=place % 160), "")
            for place, (member, group) in enumerate(people)
        )  # fmt: skip
        self._insert("question", "group_id, member_id, text, state, answered_at, score, asked_at, answer", rows)
        tallies = (
            (group, (self.today - timedelta(days=back)).isoformat(), 9, 1, 1, 1, 0, 0, 1, 0, 1, 60)
            for group in self.groups
            for back in range(DAYS)
        )
        self._insert(
            "answer_tally",
            "group_id, local_date, answered, asked_back, chosen, handed_over, refused, worded, helped, missed, relayed,"
            " relay_seconds",
            tallies,
        )

    def _cases(self) -> None:
        people = self.connection.execute(
            "SELECT id, group_id, person_id FROM member WHERE id % 50 = 1 ORDER BY id LIMIT ?", (CASES + DECIDED,)
        ).fetchall()
        cases = (
            (group, member, "topic", str(place), "Sample words", "advert", 2, "waiting" if place % 11 == 0 else "released",
             self._ago(hours=place % 300), None if place % 11 == 0 else self._ago(hours=1), "", "")
            for place, (member, group, _) in enumerate(people)
        )  # fmt: skip
        self._insert(
            "moderation_case",
            "group_id, member_id, activity, reference, text, reason, severity, state, created_at, decided_at, appeal_state,"
            " appeal",
            cases,
        )
        leaders = self.connection.execute("SELECT person_id, group_id FROM member WHERE role = 'leader'").fetchall()
        requests = (
            (group, person, people[0][0], 500, "Sample", "open", self._ago(hours=5)) for person, group in leaders[:500]
        )
        self._insert("gift_request", "group_id, maker_id, member_id, amount, reason, state, asked_at", iter(requests))
        done = (
            (group, person, "pause", "null", "groups.paused", "null", self._ago(hours=place % 160))
            for person, group in leaders
            for place in range(7)
        )
        self._insert("leader_action", 'group_id, actor_id, kind, "before", told, "values", done_at', done)

    def _acts(self) -> None:
        acts = (
            (self._ago(minutes=ACTS - place), 1 + place % len(self.groups), 1, "group.viewed", "{}", "")
            for place in range(ACTS)
        )
        self._insert("audit", "at, actor_id, group_id, action, details, chain", acts)

    def _doors(self) -> None:
        until = micros(self.now + timedelta(days=20))
        browsers = (
            (
                f"bench{place:059d}",
                "h5",
                "resident",
                place + 1,
                "Chrome",
                0,
                0,
                self._ago(days=1),
                self._ago(hours=1),
                until,
            )
            for place in range(BROWSERS)
        )
        self._insert(
            "web_session", "id, area, role, person_id, browser, demo, strong, made_at, seen_at, until", browsers
        )
        links = ((f"bench{place:059d}", "h5", place + 1, "/h5", self._ago(hours=1), until) for place in range(LINKS))
        self._insert("entry_link", "id, purpose, person_id, path, made_at, until", links)

    def _plans(self) -> None:
        """Campaigns of five years that are over."""
        at = self._ago(days=40)
        days = [self.today - timedelta(days=40 + place) for place in range(PLANS)]
        names = [f"bench-plan-{place}" for place in range(PLANS)]
        self._insert(
            "campaign",
            "key, kind, name, state, created_at",
            ((name, "calendar", name, "finished", at) for name in names),
        )
        number = dict(self.connection.execute("SELECT key, id FROM campaign"))
        plans = (
            (name, f"Sample {place}", "event", "", "all", "groups", 0, 0, "approved", number[name], day.isoformat(),
             (day + timedelta(days=2)).isoformat(), at)
            for place, (name, day) in enumerate(zip(names, days, strict=True))
        )  # fmt: skip
        self._insert(
            "calendar_plan",
            '"key", name, form, slogan, scope, audience, night, joined, stage, campaign_id, first_day, last_day, written_at',
            plans,
        )
        known = self.connection.execute(
            "SELECT id, first_day FROM calendar_plan WHERE key LIKE 'bench-plan-%'"
        ).fetchall()
        beats = (
            (
                plan,
                (date.fromisoformat(first) + timedelta(days=place)).isoformat(),
                600,
                "",
                "Sample",
                "Sample words",
                "",
                0,
            )
            for plan, first in known
            for place in range(3)
        )
        self._insert("calendar_beat", "plan_id, local_day, minute, phase, title, text, other, poster", beats)


def freshen(connection: sqlite3.Connection, today: date, now: datetime) -> None:
    """Let what waits wait on: in a folder that was kept it would be too late by now."""
    connection.execute(
        "UPDATE delivery SET state = 'pending', reason = '', local_date = ?, due_at = ?, not_before = ?, expires_at = ?"
        " WHERE campaign_id = (SELECT id FROM campaign WHERE key = 'bench-waits')",
        (today.isoformat(), micros(now), micros(now + timedelta(hours=6)), micros(now + timedelta(hours=12))),
    )
