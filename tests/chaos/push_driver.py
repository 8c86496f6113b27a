"""The process that is killed: plans and delivers with the real engine, and ends when every row has reached its end.

python -m tests.chaos.push_driver DIRECTORY PORT PUSHES [DATABASE_URL]
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx
import structlog
from pydantic import SecretStr
from sqlalchemy import func
from sqlmodel import select

from engagement.clocks import SystemClock
from engagement.feature import JobSpec, Occurrence, Planned
from engagement.kernel import Kind, Outcome, Outgoing, Receipt, Reply
from scheduler.engine import Engine, Parts
from scheduler.gate import no_gate
from storage.campaigns import Delivery
from storage.engine import DatabaseSettings, Session, open_database


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


JOB = JobSpec(kind="topic", minute=0, plan=plan, grace_minutes=24 * 60, ignores_quiet=True)


class HttpSender:
    """Speaks to tests/platforms/local.py."""

    def __init__(self, port: int) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, limits=limits, trust_env=False)

    async def send(self, message: Outgoing) -> Receipt:
        try:
            answer = await self.client.post(
                "/send", json={"id": message.values["delivery"], "conversation": message.conversation}
            )
        except (httpx.ConnectError, httpx.PoolTimeout):
            return Receipt(Outcome.RETRY, retry_after=0.5)
        except httpx.HTTPError:
            return Receipt(Outcome.UNKNOWN, reason="cut")
        if answer.status_code == 429:
            return Receipt(Outcome.RETRY, retry_after=answer.json()["retry_after"])
        return Receipt(Outcome.SENT, provider_id=answer.json()["message_id"])


async def main(directory: Path, port: int, pushes: int, url: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    database = open_database(directory, DatabaseSettings(url=SecretStr(url)))
    sender = HttpSender(port)
    engine = Engine(Parts(directory, database, (JOB,), {"play": sender}, SystemClock(), no_gate(), url=url))
    await engine.start()
    print("started", flush=True)

    def closed(session: Session) -> int:
        states = ("sent", "skipped", "failed", "unknown", "cancelled")
        return session.exec(select(func.count()).select_from(Delivery).where(Delivery.state.in_(states))).one()  # type: ignore[attr-defined]

    while await database.read(closed) < pushes:  # noqa: ASYNC110 - rows in a database, no event to wait for
        await asyncio.sleep(0.2)
    await engine.stop()
    await sender.client.aclose()
    database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else ""))
