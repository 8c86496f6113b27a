"""``push effects`` on a directory with a campaign that is over."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot import play as playing
from bot.commands import effects as commands_effects
from bot.commands.effects import told
from bot.commands.push import app
from bot.main import replay
from bot.settings import Settings
from engagement.campaigns.effects import Effect, compare
from engagement.campaigns.tables import Beat, Echo, Plan
from storage.campaigns import Campaign, Delivery
from storage.engine import DatabaseSettings, Session, open_database
from storage.groups import Group, Member, Person

pytestmark = pytest.mark.xdist_group("push")

SCRIPT = (
    '{"at":"2026-12-01T07:00:00+08:00","group":"g1","create":{"name":"测试群","zone":"Asia/Shanghai","leader":"u9"}}'
)
DAY = date(2026, 6, 18)
NOON = datetime(2026, 6, 18, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a campaign reached 24 groups of ten neighbours; a third answered, one group had no bot."""
    folder = tmp_path_factory.mktemp("effects")
    script = folder / "script.jsonl"
    script.write_text(SCRIPT, encoding="utf-8")
    asyncio.run(replay(playing.read_script(script), folder / "data", Settings(), lambda _line: None))
    assert "还没有活动推送过" in run(folder / "data").stdout
    database = open_database(folder / "data", DatabaseSettings())
    database.write_now(fill)
    database.close()
    return folder / "data"


def fill(session: Session) -> None:
    campaign = Campaign(key="fair:2026", kind="calendar", name="邻里节", state="finished", created_at=NOON)
    session.add(campaign)
    session.flush()
    days: dict[str, Any] = {"first_day": DAY, "last_day": DAY, "written_at": NOON, "stage": "approved"}
    plan = Plan(key="fair:2026", name="邻里节", form="event", campaign_id=campaign.id, **days)
    session.add(plan)
    session.flush()
    session.add(Beat(plan_id=plan.id or 0, local_day=DAY, minute=600, title="今天", text="来", other="来吧"))
    for number in range(25):
        group = Group(channel="play", external_id=f"e{number}", name=f"群{number}", created_at=NOON)
        session.add(group)
        session.flush()
        row: dict[str, Any] = {"campaign_id": campaign.id, "group_id": group.id, "local_date": DAY, "shard": "s"}
        became: dict[str, Any] = {"state": "sent"} if number else {"state": "failed", "reason": "gone"}
        session.add(Delivery(**row, **became, due_at=NOON, expires_at=NOON))
        for one in range(10):
            person = Person(created_at=NOON)
            session.add(person)
            session.flush()
            member = Member(group_id=group.id or 0, person_id=person.id or 0, name="样例", joined_at=NOON)
            session.add(member)
            session.flush()
            if number and one < 2 + number % 3:
                session.add(Echo(plan_id=plan.id or 0, member_id=member.id or 0, group_id=group.id or 0, first_at=NOON))


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["effects", *arguments, "--data", str(data)])


def test_in_words(played: Path) -> None:
    result = run(played, "邻里节")
    assert result.exit_code == 0, result.output
    head, row, *more = result.stdout.splitlines()
    assert head.split() == ["活动", "群", "认得的人", "参加", "参与率", "回应", "占消息", "没发出"]
    assert row.split() == ["邻里节", "24", "240", "72", "30.0%", "72", "24", "1"]
    assert "    没推成 1：机器人已不在群里" in more
    assert any(line.startswith("    B 比 A ") and line.endswith("：还看不出谁更好") for line in more)
    assert not any("还没结束" in line for line in more)


def test_many_comparisons_come_with_a_warning(played: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "一共比了" not in run(played).stdout
    monkeypatch.setattr(commands_effects, "MANY", 1)
    assert "一共比了 1 个活动" in run(played).stdout
    assert "一共比了" not in run(played, "邻里节").stdout


def test_for_a_program(played: Path) -> None:
    (one,) = json.loads(run(played, "fair", "--json").stdout)["campaigns"]
    wanted = {"groups": 24, "members": 240, "participants": 72, "participation": 0.3, "messages": 24, "over": True}
    assert {name: one[name] for name in wanted} == wanted
    assert one["missed"] == {"failed": {"gone": 1}}
    low, high = one["comparison"]["interval_95"]
    assert low < one["comparison"]["difference"] < high
    assert one["comparison"]["text"].startswith("B 比 A ")
    assert one in json.loads(run(played, "--json").stdout)["campaigns"]


def test_what_is_not_there(played: Path) -> None:
    result = run(played, "没有的")
    assert result.exit_code == 2
    assert "没有的" in result.stderr and "push effects" in result.stderr


def effect(a: list[float], b: list[float], **more: Any) -> list[str]:
    return told(
        Effect("fair:2026", "邻里节", "groups", "finished", True, comparison=compare(a, b), **more), missed=True
    )


def test_how_two_wordings_are_told_apart() -> None:
    spread = [-0.1, 0.0, 0.1] * 5
    assert effect([0.3 + x for x in spread], [0.331 + x for x in spread])[-1] == (
        "    B 比 A 多 3.1 个百分点（−3.2 到 9.4）：还看不出谁更好"
    )
    assert effect([0.3 + x for x in spread], [0.5 + x for x in spread])[-1].endswith("：B 更好")
    worse = effect([0.5 + x for x in spread], [0.3 + x for x in spread])[-1]
    assert worse.startswith("    B 比 A 少 20.0 个百分点（差 −26.3 到 −13.7）：") and worse.endswith("A 更好")
    assert "不到 10 个群" in effect([0.5] * 9, [0.1] * 30)[-1]
    assert "比不了" in effect([0.0] * 12, [0.0] * 12)[-1]
    assert "2 个群换了" in effect([0.0] * 12, [0.0] * 12, own_words=2)[-1]


def test_an_interval_before_the_end_is_called_early() -> None:
    spread = [-0.1, 0.0, 0.1] * 5
    one = Effect("k", "邻里节", "groups", "running", False, comparison=compare(spread, spread))
    assert "还没结束" in told(one, missed=False)[-1]
    one.missed = {"skipped": {"quiet": 3}, "pending": {"": 2}}
    assert told(one, missed=True)[1:3] == ["    不推 3：免打扰时段", "    等待中 2"]
