"""Edits that come some seconds after their cause: played on a simulated clock, through everything."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from bot.settings import Settings
from bot.verification import verify
from tests.bot.scripts import at, create, instant, play

PEOPLE = [f"u{number}" for number in range(12)]


def says(moment: str, who: str, **more: Any) -> dict[str, Any]:
    return at(moment, group="g1", member=who, name=f"邻居{who}", text="签到", **more)


def test_a_morning_is_one_message_edited_every_20_seconds(tmp_path: Path) -> None:
    lines = [create("2026-12-01T08:00:00")]
    lines += [says("2026-12-01T08:01:00", who) for who in PEOPLE]
    lines.append(at("2026-12-01T08:02:00", group="g1", member="u9", button="quiet_acks:summary"))
    for number, who in enumerate(PEOPLE):
        lines.append(says(f"2026-12-02T08:00:{number * 4:02d}", who, id=f"m{number}"))
    lines += [says("2026-12-02T08:00:50", PEOPLE[3], id="m3"), at("2026-12-02T08:01:50")]
    played = play(tmp_path / "data", lines)
    seen = [line for line in played.lines if line["key"].startswith("checkin.day_")]
    assert [line["kind"] for line in seen] == ["reply", *(["edit"] * (len(seen) - 1))]
    assert len({line["reply_to"] for line in seen[1:]}) == 1
    moments = [instant(line) for line in seen]
    assert all((later - earlier).total_seconds() >= 20 for earlier, later in pairwise(moments))
    assert 3 <= len(seen) <= 4
    assert seen[-1]["values"]["count"] == len(PEOPLE)
    assert (moments[-1] - moments[0]).total_seconds() <= 44 + 60
    assert played.summary["pushes"] == len([line for line in played.lines if line["kind"] == "push"])
    assert [check.key for check in verify(tmp_path / "data", Settings()) if not check.ok] == []
