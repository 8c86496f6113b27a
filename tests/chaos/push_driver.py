"""The process that is killed: plans and delivers with the real engine, and ends when every row has reached its end.

    python -m tests.chaos.push_driver DIRECTORY PORT PUSHES [DATABASE_URL]

``TUANTUAN_DEAD_AFTER`` shortens the seconds after which a silent process is taken for dead, and all that hangs on them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import structlog
from pydantic import SecretStr
from sqlalchemy import func
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from engagement.clocks import SystemClock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from engagement.rhythm import Moment, Rhythm
from scheduler import heartbeats
from storage import engine as databases
from storage.campaigns import Campaign, Delivery
from storage.engine import DatabaseSettings, Session, open_database

TOPIC, OWN, SETTLEMENT = "topic", "own", "settlement"
ENDED = ("sent", "skipped", "failed", "unknown", "cancelled")


def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Say to each group the natural key of its delivery, so that the platform's log can be compared with the rows."""
    return [
        Planned(
            one,
            Reply(
                "topic.push",
                {"delivery": f"{one.campaign_id}:{one.group.id}:{one.local_date}"},
                kind=Kind.PUSH,
                subject=f"topic:{one.group.id}",
            ),
        )
        for one in occurrences
    ]


def moments(session: Session, ids: Collection[int]) -> Mapping[int, Sequence[Moment]]:
    """Return the day and the minute that stand in a campaign's key, ``own:2026-12-01:480``."""
    found = session.exec(select(Campaign).where(col(Campaign.id).in_(ids))).all()
    return {
        one.id: [(date.fromisoformat(one.key.split(":")[1]), int(one.key.split(":")[2]))]
        for one in found
        if one.id is not None
    }


def _job(kind: str, **changes: object) -> JobSpec:
    return JobSpec(kind=kind, minute=0, plan=plan, grace_minutes=24 * 60, ignores_quiet=True, **changes)  # type: ignore[arg-type]


JOBS = (
    _job(TOPIC, merges=True),
    _job(OWN, merges=True, rhythm=Rhythm(moments, lambda *_: 0, lambda *_: True)),
    _job(SETTLEMENT, resend_ambiguous=False),
)
"""A daily push and a campaign with days of its own, which are said in one message, and one that is never said twice."""


class HttpSender:
    """Speaks to tests/platforms/local.py."""

    def __init__(self, port: int) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, limits=limits, trust_env=False)

    async def send(self, message: Outgoing) -> Receipt:
        """Name every delivery that the message says."""
        said = "|".join(str(values["delivery"]) for values in (message.values, *(one.values for one in message.more)))
        try:
            answer = await self.client.post("/send", json={"id": said, "conversation": message.conversation})
        except (httpx.ConnectError, httpx.PoolTimeout):
            return Receipt(Outcome.RETRY, retry_after=0.5)
        except httpx.HTTPError:
            return Receipt(Outcome.UNKNOWN, reason="cut")
        if answer.status_code == 429:
            return Receipt(Outcome.RETRY, retry_after=answer.json()["retry_after"])
        return Receipt(Outcome.SENT, provider_id=answer.json()["message_id"])


async def main(directory: Path, port: int, pushes: int, url: str) -> None:
    """Work until the end."""
    from scheduler.engine import Engine, Parts
    from scheduler.gate import no_gate

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    database = open_database(directory, DatabaseSettings(url=SecretStr(url)))
    sender = HttpSender(port)
    engine = Engine(Parts(directory, database, JOBS, {"play": sender}, SystemClock(), no_gate(), url=url))
    await engine.start()
    print("started", flush=True)

    def closed(session: Session) -> int:
        wanted = select(func.count()).select_from(Delivery).where(col(Delivery.state).in_(ENDED))
        return session.exec(wanted).one()

    done = 0
    while done < pushes:
        await asyncio.sleep(0.2)
        try:
            done = await database.read(closed)
        except DBAPIError:  # its connection was cut
            continue
    await engine.stop()
    await sender.client.aclose()
    database.close()


if __name__ == "__main__":
    if seconds := os.environ.get("TUANTUAN_DEAD_AFTER"):
        part = timedelta(seconds=float(seconds)) / heartbeats.DEAD_AFTER
        for name in ("DEAD_AFTER", "STALE_AFTER", "BEAT_AFTER", "AGAIN_AFTER"):
            setattr(heartbeats, name, getattr(heartbeats, name) * part)
        databases.IDLE_SECONDS *= part
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else ""))
