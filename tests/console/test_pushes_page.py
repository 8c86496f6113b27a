"""The board of pushes: what moves, how long it takes, stopping it at once, and what did not arrive."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from httpx2 import Response
from sqlmodel import col, select
from starlette.testclient import TestClient

from bot.channels.wecom_bot.connection import End
from bot.channels.wecom_bot.lease import name_of
from bot.main import Program
from bot.pushing import ProgramPushing
from console.pages.pushes import line_words, rest_words, span, state_word
from console.pushing import LongLine, Rest, Running
from engagement.clocks import SetClock
from engagement.kernel import Kind, Outgoing, Place
from scheduler import board
from storage import leases, mass_sends
from storage.audit import AuditRow
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Group
from tests.bot.channels.test_sim import open_simulator
from tests.console.browsers import Browser
from tests.console.doors import CSRF, token
from tests.console.entering import application, sign_in

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)

pytestmark = pytest.mark.xdist_group("console")


def filled(session: Session) -> None:
    for number in range(1, 31):
        session.add(Group(channel="sim", external_id=f"g{number}", name=f"{number}号群", created_at=NOW))
    session.add(Campaign(id=101, key="fair:2026", kind="calendar", name="邻里集市", created_at=NOW))
    session.flush()
    for number in range(1, 31):
        state = "sent" if number <= 12 else "failed" if number == 13 else "unknown" if number <= 15 else "pending"
        session.add(_row(101, number, state))


def _row(campaign: int, group: int, state: str, due: datetime = NOW - timedelta(minutes=2)) -> Delivery:
    body = Outgoing(
        kind=Kind.PUSH,
        channel="sim",
        account="",
        place=Place.GROUP,
        conversation=f"g{group}",
        feature="campaigns",
        key="campaigns.beat",
        values={"name": "邻里集市", "title": "今晚开市", "body": ["六点见"]},
    ).dump()
    return Delivery(
        id=campaign * 100 + group,
        campaign_id=campaign,
        group_id=group,
        local_date=date(2026, 11, 19),
        shard="s",
        state=state,
        reason={"failed": "gone", "unknown": "cut"}.get(state, ""),
        body=body if state in ("pending", "unknown") else "",
        due_at=due,
        expires_at=NOW + timedelta(hours=2),
        sent_at=NOW - timedelta(seconds=60 - group) if state == "sent" else None,
    )


def post(client: TestClient, path: str, **fields: str) -> Response:
    return client.post(path, data={"csrf": token(client), **fields})


def state(program: Program) -> str:
    return program.database.read_now(lambda s: s.get_one(Campaign, 101).state)


def test_the_board_counts_and_looks_again_only_while_something_moves(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    page = client.get("/console/pushes").text
    assert "邻里集市" in page
    assert "30 条里办完了 15 条" in page
    assert "还有 15 条在排队" in page
    assert "机器人已不在群里" in page
    assert 'hx-trigger="every 2s"' in page
    assert "没有在推" in page or "大约还要" in page
    assert post(client, "/console/pushes/move", key="fair:2026", how="pause").status_code == 303
    assert 'hx-trigger="every 2s"' not in client.get("/console/pushes/board").text
    assert "停着没动" in client.get("/console/pushes/board").text


def test_stopping_holds_the_next_message(client: TestClient, program: Program) -> None:
    """Paused on the page, nothing of it goes out when the program is driven on; resumed, all of it does."""
    sign_in(client, "staff")
    assert post(client, "/console/pushes/move", key="fair:2026", how="pause").status_code == 303
    assert state(program) == "paused"
    for how, after in (("resume", "running"), ("cancel", "cancelled"), ("resume", "running")):
        assert post(client, "/console/pushes/move", key="fair:2026", how=how).status_code == 303
        assert state(program) == after
    for key, how in (("nothing", "pause"), ("", "pause"), ("\x00", "cancel")):
        assert post(client, "/console/pushes/move", key=key, how=how).status_code == 409
    assert post(client, "/console/pushes/move", key="fair:2026", how="erase").status_code == 404
    actions = program.database.read_now(
        lambda s: list(s.exec(select(AuditRow).where(col(AuditRow.action).startswith("calendar."))))
    )
    assert [one.action for one in actions] == [
        "calendar.paused", "calendar.running", "calendar.cancelled", "calendar.running",
    ]  # fmt: skip
    assert all(one.actor_id is not None for one in actions)


def test_a_pause_by_script_shows_the_board_again(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    found = CSRF.search(client.get("/console/pushes").text)
    assert found is not None
    fields = {"csrf": found.group(1), "key": "fair:2026", "how": "pause"}
    answer = client.post("/console/pushes/move", data=fields, headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<div")
    assert state(program) == "paused"


def test_what_nobody_knows_is_settled_or_sent_again(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    rows = program.database.read_now(
        lambda s: list(s.exec(select(Delivery.id).where(col(Delivery.state) == "unknown").order_by(col(Delivery.id))))
    )
    assert client.get("/console/pushes").text.count("没有，再发") == 2
    assert post(client, f"/console/pushes/letters/{rows[0]}/sent").status_code == 303
    assert post(client, f"/console/pushes/letters/{rows[0]}/sent").status_code == 409
    assert post(client, f"/console/pushes/letters/{rows[1]}/resend").status_code == 303
    assert post(client, f"/console/pushes/letters/{rows[1]}/resend").status_code == 409
    states = program.database.read_now(lambda s: [s.get_one(Delivery, number).state for number in rows])
    assert states == ["sent", "pending"]
    for number, how, status in (("0", "sent", 409), ("999999", "resend", 409), ("x", "sent", 404), ("1", "erase", 404)):
        assert post(client, f"/console/pushes/letters/{number}/{how}").status_code == status
    failed = program.database.read_now(lambda s: s.exec(select(Delivery.id).where(Delivery.state == "failed")).one())
    assert "不能再发" in post(client, f"/console/pushes/letters/{failed}/resend").text


@pytest.mark.parametrize("path", ["/console/pushes", "/console/pushes/board"])
def test_it_is_the_staffs(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 303
    assert client.post("/console/pushes/move", data={"csrf": "x"}).status_code == 403


def test_an_empty_board_teaches(data_dir: Path) -> None:
    program, simulator = open_simulator(data_dir, SetClock(NOW))
    with Browser(application(program), follow_redirects=False) as client:
        sign_in(client, "staff")
        assert "去看日历" in client.get("/console/pushes").text
    with Browser(application(program, pushing=None), follow_redirects=False) as client:
        sign_in(client, "staff")
        assert client.get("/console/pushes").status_code == 200
        assert post(client, "/console/pushes/move", key="x", how="pause").status_code == 404
    simulator.close()
    program.close()


@pytest.mark.parametrize(
    ("later", "state", "words"),
    [
        (0, "open", "企业微信智能机器人连着：11月19日 10:00 起，由 host:7 这个服务连着。"),
        (0, "kicked", "没连着（11月19日 10:00 起）：别处用同一个机器人连上了，把那一个停掉。由 host:7 这个服务去连。"),
        (0, "", "没连着（11月19日 10:00 起）：正在连。由 host:7 这个服务去连。"),
        (31, "open", "没有开着带 wecom_bot 的服务"),
    ],
)
def test_how_the_one_connection_stands(
    client: TestClient, program: Program, later: int, state: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "staff")
    assert "智能机器人" not in client.get("/console/pushes").text, "who has none reads nothing of it"
    monkeypatch.setattr(program.settings.wecom_bot, "bot_id", "bot-1")
    until, name = NOW + timedelta(seconds=30), name_of("bot-1")
    program.database.write_now(lambda s: leases.take(s, name, "host:7/a1b2", now=NOW, until=until, state=state))
    assert isinstance(program.clock, SetClock)
    program.clock.set(NOW + timedelta(seconds=later))
    assert words in client.get("/console/pushes").text


@pytest.mark.parametrize("end", [*End, "connecting"])
def test_each_end_of_the_connection_has_its_words(end: str) -> None:
    assert line_words(LongLine("host:7", end, NOW))


def test_a_day_is_found_by_halving(program: Program) -> None:
    """Rows of a week before are not counted, however many there are."""

    def old(session: Session) -> None:
        session.add(Campaign(id=50, key="old", kind="topic", created_at=NOW))
        session.flush()
        session.add_all(_row(50, number, "sent", NOW - timedelta(days=7)) for number in range(1, 31))

    def look(session: Session) -> tuple[int, list[str], int]:
        return (
            board.first_since(session, NOW - timedelta(hours=1)),
            [one.campaign.key for one in board.recent(session, NOW)],
            sum(board.per_minute(session, NOW)),
        )

    first, keys, sent = program.database.read_now(look)
    assert (first, keys, sent) == (10101, ["fair:2026"], 12)
    program.database.write_now(old)
    assert program.database.read_now(look)[1] == ["fair:2026"]
    assert program.database.read_now(lambda s: board.first_since(s, NOW - timedelta(days=8))) == 5001
    assert program.database.read_now(lambda s: board.first_since(s, NOW + timedelta(days=1))) == 10131
    assert asyncio.run(ProgramPushing(program).rest("fair:2026")).ready == 15


def test_what_is_on_and_has_nothing_left_is_not_on_its_way() -> None:
    def one(state: str, **counts: int) -> Running:
        return Running(1, "fair:2026", "calendar", "邻里集市", state, 0, counts, ())

    assert state_word(one("running", sent=2, pending=1)) == "进行中"
    assert state_word(one("running", sent=3)) == "都推完了"
    assert state_word(one("paused", sent=3)) == "已暂停"
    assert state_word(one("cancelled", sent=3)) == "已取消"


def test_no_promise_where_there_is_no_figure() -> None:
    assert rest_words(Rest()) == []
    assert "算不出" in "".join(rest_words(Rest(ready=3, driven=True)))
    assert "没有在推" in "".join(rest_words(Rest(ready=3)))
    told = "".join(rest_words(Rest(ready=9, seconds=75.0, pace=1.5, floor=3.0, later=2, later_from=NOW, too_late=1)))
    for part in ("1 分 15 秒", "每秒 1.5 条", "3 秒", "11月19日 10:00", "过了时间"):
        assert part in told
    assert "停着" in "".join(rest_words(Rest(held=4)))
    assert rest_words(Rest(asked=2)) == ["2 条等团长点“发送”，点了才发得出去。"]
    assert [span(0.2), span(59), span(3725)] == ["1 秒", "59 秒", "1 小时 2 分"]


def test_who_has_to_confirm(client: TestClient, program: Program) -> None:
    """等谁点、几点起、提醒几次、这个月还剩几次；说了今天不发的写明在收回；名字里的尖括号只是字。"""

    def make(session: Session) -> None:
        where = {"channel": "sim", "account": "", "local_date": date(2026, 11, 19), "parts": ("a",)}
        asked = NOW - timedelta(hours=2)
        mass_sends.begin(session, conversation="g1", leader="<b>zhou", now=asked, **where)  # type: ignore[arg-type]
        mass_sends.begin(session, conversation="g2", leader="qian", now=NOW, **where)  # type: ignore[arg-type]
        for day in (17, 18):
            old = {**where, "local_date": date(2026, 11, day)}
            mass_sends.begin(session, conversation="g1", leader="zhou", now=asked, **old)  # type: ignore[arg-type]
            one = mass_sends.find(session, channel="sim", account="", conversation="g1", local_date=old["local_date"])  # type: ignore[arg-type]
            assert one is not None
            mass_sends.move(session, one, "sent", NOW)
        for chat, reminders, why in (("g1", 2, ""), ("g2", 0, "declined")):
            one = mass_sends.find(session, channel="sim", account="", conversation=chat, local_date=date(2026, 11, 19))
            assert one is not None
            mass_sends.move(session, one, "awaiting", NOW, reminders=reminders, why=why)

    program.database.write_now(make)
    sign_in(client, "staff")
    page = client.get("/console/pushes").text
    section = page[page.index('id="asked"') : page.index('id="letters"')]
    assert "等团长点“发送”的 2 个群" in section
    assert "&lt;b&gt;zhou" in section
    assert section.index("1号群") < section.index("2号群")
    assert ("提醒过 2 次" in section, "还没提醒" in section) == (True, True)
    assert ("这个月还能发 27 次" in section, "这个月还能发 29 次" in section) == (True, True)
    assert section.count("在收回") == 1
