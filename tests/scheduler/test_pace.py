"""The pace of one bot: what arrives at the platform in any second, whatever happens to messages on their way."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from scheduler.pace import LATEST, SECOND, Left, Pace

RATE = 27
INTERVAL = round(SECOND / RATE)
WAY = 40_000
"""Microseconds from us to the platform when nothing comes between, and as much back."""


def pace(rate: int = RATE) -> Pace:
    interval = round(SECOND / rate)
    return Pace(interval, rate + 1, 2 * interval)


def most_in_a_second(times: list[int]) -> int:
    ordered = sorted(times)
    return max(sum(1 for other in ordered if one <= other < one + SECOND) for one in ordered)


def arrivals(rate: int, count: int, delays: list[int], *, learns: bool = True) -> list[int]:
    """Send so many pushes, each as soon as it may go; returns when each arrived.

    Args:
        delays: microseconds that each takes longer than usual to arrive.
        learns: the pace is told when the answers come.
    """
    found = pace(rate)
    now = 1_000_000_000
    under_way: list[tuple[int, Left]] = []
    times: list[int] = []
    for n in range(count):
        while wait := found.ahead(now):
            now += wait
        for answered, left in [one for one in under_way if one[0] <= now]:
            found.answered(left, answered)
            under_way.remove((answered, left))
        while wait := found.ahead(now):
            now += wait
        left = found.leave(now)
        times.append(now + WAY + delays[n])
        if learns:
            under_way.append((times[-1] + WAY, left))
    return times


@pytest.mark.parametrize("rate", [1, 5, 27, 100, 200])
@pytest.mark.parametrize("seed", range(3))
def test_no_second_is_too_full_at_the_platform_whatever_happens_on_the_way(rate: int, seed: int) -> None:
    """Some messages are held up for up to a quarter of a second, alone or several in a row."""
    rng = random.Random(seed)
    delays: list[int] = []
    while len(delays) < 12 * rate + 40:
        delays += [0] * rng.randint(1, rate)
        held = rng.randint(0, 250_000)
        # The event loop or the receiver stands still: what was sent meanwhile arrives at its end, all at once.
        delays += [max(0, held - n * round(SECOND / rate)) for n in range(rng.randint(1, max(1, rate // 4)))]
    times = arrivals(rate, 12 * rate + 40, delays)
    assert most_in_a_second(times) <= rate + 1
    assert len(times) / (times[-1] - times[0]) * SECOND > 0.85 * rate


def test_the_first_second_is_even_and_so_are_the_others() -> None:
    times = arrivals(RATE, 200, [0] * 200)
    assert {b - a for a, b in pairwise(times)} == {INTERVAL}


def test_a_stall_costs_a_fraction_of_itself() -> None:
    """Ten stalls of 0.3 s in 30 seconds: without making up for them 3 s, 81 pushes, would be lost."""
    found, now, sent = pace(), SECOND * 1000, 0
    end = now + 30 * SECOND
    stalls = iter(range(now + SECOND, end, 3 * SECOND))
    stall = next(stalls)
    while now < end:
        if now >= stall:
            now += 300_000
            stall = next(stalls, end * 2)
        elif wait := found.ahead(now):
            now += min(wait, max(1, stall - now))
        else:
            found.answered(found.leave(now), now)
            sent += 1
    assert sent >= 30 * RATE - 25


def test_what_was_idle_has_lost_nothing() -> None:
    found, now = pace(), SECOND * 1000
    found.answered(found.leave(now), now)
    now += 60 * SECOND
    assert found.ahead(now) == 0
    found.answered(found.leave(now), now)
    assert found.ahead(now) == INTERVAL


def test_an_answer_that_has_not_come_counts_as_late_as_can_be() -> None:
    found, now = pace(), SECOND * 1000
    found.answered(found.leave(now - SECOND // 2), now - SECOND // 2)
    first = found.leave(now)
    for n in range(1, RATE + 1):
        found.answered(found.leave(now + n * 30_000), now + n * 30_000)
    now += SECOND
    assert found.ahead(now) == LATEST
    found.answered(first, now)
    assert found.ahead(now) == LATEST, "a second late, but nothing is told of by more"
    first.late = 0
    assert found.ahead(now) < SECOND // 20


def test_a_slow_platform_is_no_reason_to_be_slow() -> None:
    """Every answer takes 0.3 s: that is usual there."""
    found, now = pace(), SECOND * 1000
    for _ in range(100):
        while wait := found.ahead(now):
            now += wait
        found.answered(found.leave(now), now + 300_000)
    assert now - SECOND * 1000 < 100 * INTERVAL * 1.01


def test_a_clock_that_was_set_back_stops_nothing() -> None:
    found, now = pace(), SECOND * 1_000_000
    for _ in range(40):
        while wait := found.ahead(now):
            now += wait
        found.answered(found.leave(now), now)
    assert found.ahead(now - 3600 * SECOND) == 0
    assert found.answer(now - 3600 * SECOND) == 0
