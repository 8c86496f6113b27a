"""The three programs that are compared do the same work; a few messages each."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks import seed, workload
from benchmarks.checkin import Bench, Size
from benchmarks.gateway_program import GatewayProgram
from bot.settings import Settings
from bot.verification import verify
from engagement.kernel import Incoming

pytestmark = pytest.mark.untraced

SIZE = Size(turns=1, gateway=60, orm=30, loop=130, windows=1, probe=40, open_seconds=0.2)


def test_every_program_brings_about_every_effect(data_dir: Path) -> None:
    """The counts are asserted by the benchmark itself, after every turn."""
    bench = Bench(data_dir, 50, SIZE)
    rates = bench.rates()
    assert min(*rates.gateway, *rates.orm, *rates.loop) > 0
    latency = bench.latency()
    assert 0 < latency["acknowledged_p50_ms"] <= latency["answered_p99_ms"]
    wrong = [check.key for check in verify(data_dir, Settings()) if not check.ok]
    assert wrong == []
    assert Bench(data_dir, 50, SIZE).rounds.next(1)[0].received_at > bench.rounds.next(1)[0].received_at - 2 * (
        workload.DAY_STEP
    ), "a second run begins after the days of the first"


def test_a_program_that_leaves_something_out_is_noticed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(data_dir, 50, SIZE)

    async def lazy(_self: object, messages: list[Incoming], _conversations: int) -> float:
        await asyncio.sleep(0)
        return 1.0

    monkeypatch.setattr(GatewayProgram, "closed_loop", lazy)
    with pytest.raises(AssertionError, match="30 messages, but"):
        bench._gateway_turn(30)


def test_percentiles() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert workload.percentile(values, 0.5) == 51
    assert workload.percentile(values, 0.99) == 100
    assert workload.percentile([], 0.5) == 0.0


def test_a_day_is_used_once(data_dir: Path) -> None:
    seed.fill(data_dir, groups=1, residents=5, quiet=True)
    rounds = workload.Rounds(workload.Crowd(1, 5))
    first, second = rounds.next(99), rounds.next(3)
    assert (len(first), len(second)) == (5, 3)
    assert {m.received_at for m in first}.isdisjoint({m.received_at for m in second})
    assert len({m.dedupe_key for m in first + second}) == 8
