"""A month in one group, replayed through the whole program: gateway, planner, delivery, on a simulated clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.main import replay as play
from bot.play import read_script
from bot.settings import Settings
from prompts import packs

pytestmark = pytest.mark.untraced

Line = dict[str, Any]


def say(day: str, at: str, member: str, text: str, **more: object) -> Line:
    """A message in the group."""
    return {"at": f"{day}T{at}:00+08:00", "group": "g1", "member": member, "name": member, "text": text, **more}


def replay(folder: Path, lines: Sequence[Mapping[str, Any]]) -> tuple[list[Line], dict[str, int]]:
    """Play a script; returns the output lines and the summary."""
    script = folder / "script.jsonl"
    numbered = [{"id": f"m{number}", **line} for number, line in enumerate(lines)]
    script.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in numbered), encoding="utf-8")
    said: list[Line] = []
    summary = asyncio.run(play(read_script(script), folder / "data", Settings(), said.append))
    return said, summary


@pytest.mark.timeout(300)
def test_december(tmp_path: Path) -> None:
    """December, from the bot's coming on the last of November to the closing.

    30.11. 20:00 the bot comes in. 1.12. 10:00 暖冬厨房季 opens. Every day 07:30 a topic; 李阿姨 checks in and answers each
    day, 王姐 now and then; evenings with two answers are summed up. Weekly beats; 15th and 25th 19:00 a look at the
    challenge; 31.12. 10:00 the closing names them and pays 李阿姨, once.
    """
    theme = packs.months()[12]
    lines: list[Line] = [
        {
            "at": "2026-11-30T20:00:00+08:00",
            "group": "g1",
            "create": {"name": "阳光花园一期", "zone": "Asia/Shanghai", "leader": "u9", "leader_name": "周团长"},
        }
    ]
    for number in range(1, 31):
        day = (date(2026, 12, 1) + timedelta(days=number - 1)).isoformat()
        lines += [say(day, "08:00", "李阿姨", "签到"), say(day, "08:01", "李阿姨", f"话题 第{number}天也来聊")]
        if number % 5 == 0:
            lines.append(say(day, "08:02", "王姐", "话题 我也说两句"))
        if number == 12:
            lines.append(say(day, "21:00", "李阿姨", "挑战"))
    lines += [
        say("2026-12-31", "11:00", "李阿姨", "积分明细"),
        say("2026-12-31", "11:01", "李阿姨", "挑战"),
        {"at": "2027-01-01T10:30:00+08:00"},
    ]
    said, summary = replay(tmp_path, lines)
    assert summary["faults"] == summary["bugs"] == 0
    pushes = [line for line in said if line["kind"] == "push"]
    by_key: dict[str, list[Line]] = {}
    for push in pushes:
        by_key.setdefault(push["key"], []).append(push)
    assert len(by_key["topic.push"]) == 32
    assert len({push["values"]["question"] for push in by_key["topic.push"]}) == 32
    assert [push["at"][:10] for push in by_key["topic.summary"]] == [f"2026-12-{n:02d}" for n in range(5, 31, 5)]
    assert all("李阿姨：" in push["text"] and "王姐：" in push["text"] for push in by_key["topic.summary"])
    assert [push["at"][:10] for push in by_key["theme.opening"]] == ["2026-12-01"]
    # The next month opens on a festival: one message, the festival first.
    (new_year,) = [push for push in pushes if push["at"].startswith("2027-01-01T02:00")]
    assert new_year["key"] == "campaigns.beat"
    assert f"{packs.months()[1].name} 今天开始啦" in new_year["text"].partition("\n\n")[2]
    assert len(by_key["theme.beat"]) == len(theme.beats)
    assert [push["at"][:10] for key in by_key if key.startswith("theme.challenge") for push in by_key[key]] == [
        "2026-12-15",
        "2026-12-25",
    ]
    (closing,) = by_key["theme.closing"]
    assert closing["at"].startswith("2026-12-31T02:00")
    assert "李阿姨 60 分、王姐 6 分" in closing["text"]
    assert "2 位邻居" in closing["text"]

    (middle, last) = (line for line in said if line["key"] == "theme.standing")
    assert middle["values"]["points"] == 24
    assert last["values"]["points"] == 60
    assert [line["key"] for line in said].count("theme.completed") == 1
    (history,) = (line for line in said if line["key"] == "points.history")
    assert history["values"]["rows"][0]["points"] == f"+{theme.challenge.reward_points}"
    reactions = [line for line in said if line["kind"] == "reaction" and line["feature"] == "topic"]
    assert len(reactions) == 29 + 5, "every answer after a first one is acknowledged without words"
    longest_day = max(sum(push["at"][:10] == f"2026-12-{n:02d}" for push in pushes) for n in range(1, 32))
    assert longest_day <= 4
