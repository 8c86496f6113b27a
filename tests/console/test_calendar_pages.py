"""The calendar in the console: a month on the wall, moving and taking back, writing, approving, previews, and rubbish."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select
from starlette.testclient import TestClient

from bot.main import Program
from engagement.campaigns import service
from engagement.campaigns.tables import Beat, Plan
from prompts import campaigns
from storage.audit import AuditRow
from storage.campaigns import Campaign
from storage.groups import Group, Identity, Person, RoleGrant
from tests.console.browsers import Browser
from tests.console.doors import token
from tests.console.entering import application, sign_in

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 19)
KEY = re.compile(r'name="key" value="([^"]+)"')

pytestmark = pytest.mark.xdist_group("console")


def filled(session: object) -> None:
    session.add(Group(channel="sim", external_id="one", name="一号群", created_at=NOW - timedelta(days=90)))  # type: ignore[attr-defined]
    for pack in campaigns.packs():
        service.load(session, pack, 2026, NOW, approved=False)  # type: ignore[arg-type]


def post(client: TestClient, path: str, **fields: str) -> object:
    return client.post(path, data={"csrf": token(client), **fields})


def plan(program: Program, key: str) -> Plan:
    return program.database.read_now(lambda s: s.exec(select(Plan).where(Plan.key == key)).one())


def beats(program: Program, plan_id: int | None) -> list[Beat]:
    return program.database.read_now(
        lambda s: list(s.exec(select(Beat).where(Beat.plan_id == plan_id).order_by(col(Beat.local_day))))
    )


def test_a_month_shows_its_days(client: TestClient) -> None:
    sign_in(client, "staff")
    page = client.get("/console/calendar?month=2026-12").text
    assert "2026年12月" in page
    assert "冬至" in page
    assert "十一月" in page or "冬月" in page
    assert "data-beat=" in page
    assert "style=" not in page


def test_rubbish_is_this_month(client: TestClient) -> None:
    sign_in(client, "staff")
    for month in ("", "2026-13", "x", "1900-01", "9999-12", "2026-1", "\x00", "<script>"):
        page = client.get("/console/calendar", params={"month": month, "region": "x", "form": "x", "state": "x"})
        assert page.status_code == 200, month
        assert "2026年11月" in page.text, month
        assert "<script>alert" not in page.text, month


@pytest.mark.parametrize("who", ["leader", "resident"])
def test_it_is_the_staffs(client: TestClient, program: Program, who: str) -> None:
    def lead(session: object) -> None:
        from storage.groups import Member

        person = Person(created_at=NOW)
        session.add(person)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        identity = Identity(person_id=person.id or 0, channel="sim", external_id="lead", name="团长")
        session.add(identity)  # type: ignore[attr-defined]
        role = "leader" if who == "leader" else "member"
        session.add(Member(group_id=1, person_id=person.id or 0, name="团长", role=role, joined_at=NOW))  # type: ignore[attr-defined]

    program.database.write_now(lead)
    answer = client.post(f"/demo/{who}", data={"csrf": token(client, "/")})
    assert answer.status_code == 303
    number = plan(program, "double12:2026").id if _has(program, "double12:2026") else 1
    for path in ("", "/new", f"/{number}", "/days/2026-12-01", f"/{number}/effects"):
        assert client.get(f"/console/calendar{path}").status_code in (303, 403), path
    given = token(client, "/")
    for path in ("/shift", "/new", f"/{number}/do/approve", f"/{number}/words"):
        assert client.post(f"/console/calendar{path}", data={"csrf": given}).status_code in (303, 403)


def _has(program: Program, key: str) -> bool:
    return program.database.read_now(lambda s: s.exec(select(Plan).where(Plan.key == key)).first()) is not None


def movable(program: Program) -> tuple[Plan, list[Beat]]:
    """Return a plan with a day to come that is nobody's festival and no peak."""
    found = program.database.read_now(
        lambda s: s.exec(
            select(Plan).where(
                Plan.audience == "groups",
                col(Plan.joined).is_(False),
                col(Plan.form).not_in(["terms", "festival"]),
                Plan.first_day > TODAY,
            )
        ).first()
    )
    assert found is not None
    return found, beats(program, found.id)


def test_a_beat_is_moved_and_put_back(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, days = movable(program)
    beat = next(x for x in days if x.peak != x.local_day)
    to = beat.local_day + timedelta(days=1)
    if any(x.local_day == to for x in days):
        to = beat.local_day - timedelta(days=1)
    path = "/console/calendar/shift"
    fields = {"csrf": token(client), "beat": str(beat.id)}
    answer = client.post(path, data={**fields, "day": to.isoformat()}, headers={"hx-request": "true"})
    assert answer.status_code == 200
    assert answer.headers["hx-trigger"] == "calendar-moved"
    assert f'name="day" value="{beat.local_day.isoformat()}"' in answer.text
    assert any(x.local_day == to for x in beats(program, one.id))
    client.post(path, data={**fields, "day": beat.local_day.isoformat()})
    assert [x.local_day for x in beats(program, one.id)] == [x.local_day for x in days]
    actions = program.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert actions.count("calendar.shifted") == 2


def test_a_beat_stays_in_its_window(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, days = movable(program)
    for day in ("2026-01-01", "2030-01-01", "x", "", "2026-99-99", "\x00" * 10):
        answer = post(client, "/console/calendar/shift", beat=str(days[0].id), day=day)
        assert answer.status_code == 409, day  # type: ignore[attr-defined]
        assert [x.local_day for x in beats(program, one.id)] == [x.local_day for x in days], day
    for beat in ("0", "999999", "x", "9" * 30):
        assert post(client, "/console/calendar/shift", beat=beat, day="2026-12-01").status_code == 409  # type: ignore[attr-defined]


def test_a_terms_day_is_given(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    beat = program.database.read_now(
        lambda s: s.exec(
            select(Beat)
            .join(Plan, col(Plan.id) == col(Beat.plan_id))
            .where(Plan.form == "terms", Beat.local_day > TODAY)
        ).first()
    )
    assert beat is not None
    day = (beat.local_day + timedelta(days=1)).isoformat()
    answer = post(client, "/console/calendar/shift", beat=str(beat.id), day=day)
    assert "不能挪" in answer.text  # type: ignore[attr-defined]


def test_approve_pause_resume_cancel_and_back(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, _ = movable(program)

    def do(act: str) -> int:
        return int(post(client, f"/console/calendar/{one.id}/do/{act}").status_code)  # type: ignore[attr-defined]

    def state() -> str:
        row = plan(program, one.key)
        campaign = program.database.read_now(lambda s: s.get(Campaign, row.campaign_id or 0))
        return "draft" if row.stage == "draft" or campaign is None else campaign.state

    assert do("pause") == 409
    for act, after in (
        ("approve", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
        ("resume", "running"),
        ("withdraw", "draft"),
    ):
        assert do(act) == 303, act
        assert state() == after
        assert do(act) == 409, act  # sent twice: said, and nothing done
        assert state() == after
    assert do("erase") == 404
    assert int(post(client, "/console/calendar/999999/do/approve").status_code) == 404  # type: ignore[attr-defined]


def test_whoever_wrote_it_leaves_the_approval_to_a_colleague(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    fields = {
        "name": "邻里运动会",
        "scope": "all",
        "day": "2026-12-05",
        "time": "10:00",
        "title": "开跑",
        "text": "一起来。",
    }
    key = KEY.search(client.get("/console/calendar/new").text)
    assert key is not None
    made = post(client, "/console/calendar/new", key=key.group(1), **fields)
    assert made.status_code == 303  # type: ignore[attr-defined]
    again = post(client, "/console/calendar/new", key=key.group(1), **fields)
    assert again.headers["location"] == made.headers["location"]  # type: ignore[attr-defined]
    one = plan(program, f"own:{key.group(1)}")
    assert one.written_by is not None

    def second(session: object) -> None:
        for number in (one.written_by, None):
            person = number
            if person is None:
                row = Person(created_at=NOW)
                session.add(row)  # type: ignore[attr-defined]
                session.flush()  # type: ignore[attr-defined]
                person = row.id
            if session.get(RoleGrant, (person, "staff")) is None:  # type: ignore[attr-defined]
                session.add(RoleGrant(person_id=person or 0, role="staff", granted_at=NOW))  # type: ignore[attr-defined]

    program.database.write_now(second)
    assert "要另一位同事来批准" in client.get(f"/console/calendar/{one.id}").text
    assert post(client, f"/console/calendar/{one.id}/do/approve").status_code == 409  # type: ignore[attr-defined]
    assert plan(program, one.key).stage == "draft"


def test_a_draft_is_written_and_what_is_wrong_is_said(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, days = movable(program)
    path = f"/console/calendar/{one.id}/beats"
    good = {"time": "09:05", "phase": "", "title": "新标题", "text": "新的话", "other": "另一种话", "poster": "1"}
    assert post(client, f"{path}/{days[0].id}/edit", **good).status_code == 303  # type: ignore[attr-defined]
    beat = beats(program, one.id)[0]
    assert (beat.minute, beat.title, beat.text, beat.other, beat.poster) == (545, "新标题", "新的话", "另一种话", True)
    for bad in (
        {"time": "25:99"},
        {"time": ""},
        {"title": ""},
        {"title": "字" * 17},
        {"text": ""},
        {"text": "{nobody}"},
        {"text": "字" * 181},
        {"phase": "x"},
        {"text": "加我微信 https://elsewhere.example/x"},
    ):
        answer = post(client, f"{path}/{days[0].id}/edit", **{**good, **bad})
        assert answer.status_code == 409, bad  # type: ignore[attr-defined]
    assert beats(program, one.id)[0].title == "新标题"
    other = beats(program, 1 if one.id != 1 else 2)[0]
    assert post(client, f"{path}/{other.id}/edit", **good).status_code == 409  # type: ignore[attr-defined]
    free = days[-1].local_day + timedelta(days=3)
    assert post(client, path, day=free.isoformat(), **good).status_code == 303  # type: ignore[attr-defined]
    assert post(client, path, day=free.isoformat(), **good).status_code == 409  # type: ignore[attr-defined]
    assert plan(program, one.key).last_day == free
    last = beats(program, one.id)[-1]
    assert post(client, f"{path}/{last.id}/remove").status_code == 303  # type: ignore[attr-defined]
    assert plan(program, one.key).last_day == days[-1].local_day


def test_words_of_a_group_stand_beside_the_ready_ones_and_go_again(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, _ = movable(program)
    path = f"/console/calendar/{one.id}/words"
    assert post(client, path, beat="1", scope="group:1", text="我们群自己的话").status_code == 303  # type: ignore[attr-defined]
    page = client.get(f"/console/calendar/{one.id}").text
    assert "我们群自己的话" in page
    assert "一号群换过的文案" in page
    assert "我们群自己的话" in client.get(f"/console/calendar/{one.id}/beats/1/preview?group=1").text
    assert post(client, path, beat="1", scope="group:1", text="").status_code == 303  # type: ignore[attr-defined]
    assert "我们群自己的话" not in client.get(f"/console/calendar/{one.id}").text
    for scope in ("group:99", "region:1", "x", "", "group:x"):
        assert post(client, path, beat="1", scope=scope, text="话").status_code == 409  # type: ignore[attr-defined]


def test_words_are_judged_as_they_are_typed(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, _ = movable(program)
    path = f"/console/calendar/{one.id}/check"
    assert "还能写 178 个字" in post(client, path, check="text", text="好的").text  # type: ignore[attr-defined]
    assert "多了 20 个字" in post(client, path, check="text", text="字" * 200).text  # type: ignore[attr-defined]
    assert "没有 {nobody} 这个变量" in post(client, path, check="text", text="你好 {nobody}").text  # type: ignore[attr-defined]
    assert "广告法" in post(client, path, check="text", text="国家级的好橙子").text  # type: ignore[attr-defined]
    assert "&lt;script" in post(client, path, check="other", other="{<script>}").text  # type: ignore[attr-defined]


def test_a_preview_has_every_channel_and_a_picture(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    beat = program.database.read_now(
        lambda s: s.exec(
            select(Beat)
            .join(Plan, col(Plan.id) == col(Beat.plan_id))
            .where(col(Beat.poster), col(Plan.joined).is_(False))
        ).first()
    )
    assert beat is not None
    number = [x.id for x in beats(program, beat.plan_id)].index(beat.id) + 1
    path = f"/console/calendar/{beat.plan_id}/beats/{number}"
    page = client.get(f"{path}/preview").text
    for channel in ("Telegram", "微信", "网页"):
        assert channel in page
    assert "poster.png" in page
    for wrong in ("/beats/0/preview", "/beats/9999/preview", "/beats/x/preview"):
        assert client.get(f"/console/calendar/{beat.plan_id}{wrong}").status_code in (404, 422)
    assert client.get("/console/calendar/999999/beats/1/preview").status_code == 404
    tried = post(client, f"{path}/try", group="1")
    assert "私聊" in tried.text  # type: ignore[attr-defined]


def test_a_day_says_what_goes_out(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    one, days = movable(program)
    page = client.get(f"/console/calendar/days/{days[0].local_day.isoformat()}")
    assert one.name in page.text
    beside = client.get(f"/console/calendar/days/{days[0].local_day.isoformat()}", headers={"hx-request": "true"})
    assert one.name in beside.text
    assert "<html" not in beside.text
    wall = client.get("/console/calendar?month=2026-12", headers={"hx-request": "true", "hx-target": "div#wall"})
    assert "data-beat=" in wall.text
    assert "<html" not in wall.text
    whole = client.get(f"/console/calendar/days/{days[0].local_day.isoformat()}/group?group=1")
    assert whole.status_code == 200
    assert "07:30" in whole.text
    for wrong in ("x", "2026-13-01", "0001-01-01", "2026-1-1"):
        assert client.get(f"/console/calendar/days/{wrong}").status_code == 404
    assert "过去的日子" in client.get("/console/calendar/days/2026-01-01/group?group=1").text


def test_without_a_program_nothing_is_previewed(program: Program) -> None:
    with Browser(application(program, pushing=None), follow_redirects=False) as client:
        sign_in(client, "staff")
        assert client.get("/console/calendar/1").status_code == 200
        assert client.get("/console/calendar/1/beats/1/preview").status_code == 404
        assert post(client, "/console/calendar/1/beats/1/try").status_code == 404  # type: ignore[attr-defined]
