"""The texts in the console: the bank of topics, the months' themes, and all that is said in other words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from httpx2 import Response
from sqlmodel import select
from starlette.testclient import TestClient

from bot.main import Program
from engagement.campaigns import service as campaigns
from engagement.topic import bank, service
from prompts import campaigns as ready
from prompts import packs
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Group, Region
from storage.wordings import Wording
from tests.console.doors import CSRF
from tests.console.entering import sign_in

NOW = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)
KEY = re.compile(r'name="key" value="([^"]+)"')

pytestmark = pytest.mark.xdist_group("console")


def filled(session: Session) -> None:
    session.add(Region(id=1, name="东区"))
    session.flush()
    for number, region in ((1, 1), (2, None)):
        session.add(
            Group(channel="sim", external_id=f"g{number}", name=f"{number}号群", region_id=region, created_at=NOW)
        )


def post(client: TestClient, path: str, **fields: str) -> Response:
    page = client.get("/console/words").text
    token, key = CSRF.search(page), KEY.search(page)
    assert token is not None and key is not None
    return client.post(path, data={"csrf": token.group(1), "key": key.group(1), **fields})


def asked(program: Program, group: int, days: int = 40) -> set[str]:
    """Return the ids of what a group is asked in the days to come."""
    wanted = [(group, date(2026, 11, 20) + timedelta(days=number)) for number in range(days)]
    rows = program.database.write_now(lambda s: service.days_of(s, wanted, NOW))
    return {row.source for row in rows.values()}


def banks(program: Program) -> dict[int, set[str]]:
    found = program.database.read_now(lambda s: bank.of_groups(s, [1, 2]))
    return {group: {topic.id for topic in topics} for group, topics in found.items()}


def test_topics_are_found(client: TestClient) -> None:
    sign_in(client, "staff")
    everything = client.get("/console/words").text
    assert f"{len(packs.topics())} 个话题" in everything
    topic = packs.topics()[100]
    page = client.get("/console/words", params={"q": topic.question[:6]}).text
    assert topic.question in page
    assert "春节" in client.get("/console/words?festival=chunjie").text
    for query in ("page=99999", "page=x", "kind=x", "festival=x", "only=x", "tab=x", "q=%00", "q=" + "啊" * 90):
        assert client.get(f"/console/words?{query}").status_code == 200
    assert "没有找到话题" in client.get("/console/words", params={"q": "<script>alert(1)</script>"}).text


def test_an_own_topic_is_asked_where_it_holds_and_goes_again(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    fields = {"question": "你家阳台上种了什么？", "hint": "说一样就好", "kind": "", "festival": "", "scope": "region:1"}
    assert post(client, "/console/words/topics/added", **fields).status_code == 303
    page = client.get("/console/words?only=own").text
    assert "你家阳台上种了什么？" in page
    assert "东区" in page
    own = {topic for topic in banks(program)[1] if topic.startswith("staff.")}
    assert len(own) == 1
    assert not any(topic.startswith("staff.") for topic in banks(program)[2])
    name = own.pop()
    assert "你家阳台上种了什么？" in client.get("/console/words/preview", params={"topic": name, "group": "1"}).text
    assert post(client, "/console/words/topics/removed", topic=name).status_code == 303
    assert post(client, "/console/words/topics/removed", topic=name).status_code == 409
    assert post(client, "/console/words/topics/removed", topic=packs.topics()[0].id).status_code == 409
    assert banks(program)[1] == {topic.id for topic in packs.topics()}


def test_a_topic_that_is_none(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    fields = {"question": "你家阳台上种了什么？", "hint": "", "kind": "", "festival": "", "scope": "all"}
    for name, bad in (
        ("question", ""),
        ("question", "啊"),
        ("question", "字" * 61),
        ("hint", "字" * 41),
        ("kind", "x"),
        ("festival", "x"),
        ("scope", "region:9"),
        ("scope", ""),
        ("key", "short"),
        ("key", "a b c d e f g h"),
        ("question", "看这里 https://elsewhere.example/x 好不好？"),
    ):
        assert post(client, "/console/words/topics/added", **{**fields, name: bad}).status_code == 409, (name, bad)
    assert program.database.read_now(lambda s: s.exec(select(Wording)).all()) == []


def test_sent_twice_is_one_topic(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    fields = {
        "question": "你家阳台上种了什么？",
        "hint": "",
        "kind": "",
        "festival": "",
        "scope": "all",
        "key": "once-once",
    }
    for _ in range(2):
        assert post(client, "/console/words/topics/added", **fields).status_code == 303
    assert len(program.database.read_now(lambda s: s.exec(select(Wording)).all())) == 1


def test_a_topic_switched_off_is_not_asked_there(client: TestClient, program: Program) -> None:
    """Everything but three is switched off in a group: it is asked those three and nothing else."""
    sign_in(client, "staff")
    kept = [topic.id for topic in packs.topics() if not (topic.festival or topic.groups or topic.weekdays or topic.months
                                                         or topic.seasons)][:3]  # fmt: skip

    def off(session: Session) -> None:
        for topic in packs.topics():
            if topic.id not in kept:
                bank.switch(session, topic.id, "group:1", None, NOW, on=False)

    program.database.write_now(off)
    assert asked(program, 1) == set(kept)
    assert len(asked(program, 2)) > 3
    assert "1号群不问" in client.get("/console/words?only=off").text
    assert post(client, "/console/words/topics/on", topic=packs.topics()[0].id, scope="group:1").status_code == 303
    assert packs.topics()[0].id in banks(program)[1]
    assert post(client, "/console/words/topics/off", topic=kept[0], scope="all").status_code == 303
    assert kept[0] not in banks(program)[2]
    for topic, scope, status in (("x", "all", 409), (kept[0], "group:99", 409), (kept[0], "x", 409)):
        assert post(client, "/console/words/topics/off", topic=topic, scope=scope).status_code == status
    assert post(client, "/console/words/topics/erase", topic=kept[0], scope="all").status_code == 404


def test_a_months_words_for_a_group_and_back(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    page = client.get("/console/words?tab=theme&month=12").text
    assert packs.months()[12].name in page
    slot = "month:12:opening"
    fields = {"slot": slot, "scope": "group:1", "back": "/console/words?tab=theme&month=12"}
    answer = post(client, "/console/words/slot", text="{group}的十二月，我们自己说。", **fields)
    assert answer.headers["location"] == "/console/words?tab=theme&month=12&done=worded"
    assert "我们自己说" in client.get("/console/words?tab=theme&month=12").text
    assert "1号群的十二月" in client.get("/console/words/preview", params={"slot": slot, "group": "1"}).text
    assert "1号群的十二月" not in client.get("/console/words/preview", params={"slot": slot, "group": "2"}).text
    assert "我们自己说" in client.get("/console/words?tab=changed&scope=group:1").text
    assert "我们自己说" not in client.get("/console/words?tab=changed&scope=all").text
    assert post(client, "/console/words/slot", text="", **fields).status_code == 303
    assert "还没有换过文案" in client.get("/console/words?tab=changed").text
    actions = program.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert actions.count("theme.worded") == 2


def test_words_that_are_not_taken(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")
    for slot, text in (
        ("month:13:opening", "话"),
        ("month:x:opening", "话"),
        ("month:12:nothing", "话"),
        ("topic.off:x", "off"),
        ("", "话"),
        ("beat:1", "话"),
        ("beat:99999", ""),
        ("month:12:opening", "{nobody}"),
        ("month:12:opening", "字" * 400),
        ("month:12:opening", "加 https://elsewhere.example/x"),
    ):
        assert post(client, "/console/words/slot", slot=slot, scope="all", text=text).status_code == 409, (slot, text)
    assert program.database.read_now(lambda s: s.exec(select(Wording)).all()) == []


def test_nobody_is_sent_elsewhere(client: TestClient) -> None:
    sign_in(client, "staff")
    for back in ("https://elsewhere.example", "//elsewhere.example", "/console/words?tab=x\r\nSet-Cookie: a=b"):
        answer = post(client, "/console/words/slot", slot="month:12:opening", scope="all", text="话说", back=back)
        assert answer.headers["location"].startswith("/console/words?tab=")
        assert "\n" not in answer.headers["location"]


def test_a_beats_other_words_stand_beside_the_ready_ones(client: TestClient, program: Program) -> None:
    sign_in(client, "staff")

    def worded(session: Session) -> int:
        pack = next(one for one in ready.packs() if one.form == "member_day")
        plan = campaigns.load(session, pack, 2027, NOW, approved=False)
        session.add(Wording(slot="beat:1", scope="group:2", text="二号群自己的会员日", written_at=NOW))
        return plan.id or 0

    number = program.database.write_now(worded)
    page = client.get("/console/words?tab=changed").text
    assert "二号群自己的会员日" in page
    assert f"/console/calendar/{number}" in page
    assert (
        post(client, "/console/words/slot", slot="beat:1", scope="group:2", text="", tab="changed").status_code == 303
    )
    assert "二号群自己的会员日" not in client.get("/console/words?tab=changed").text


def test_it_is_the_staffs(client: TestClient) -> None:
    for path in ("/console/words", "/console/words/preview?topic=x"):
        assert client.get(path).status_code == 303
    for path in ("/console/words/slot", "/console/words/topics/off"):
        assert client.post(path, data={"csrf": "x"}).status_code == 403


def test_previews_of_nothing(client: TestClient) -> None:
    sign_in(client, "staff")
    for query in ("", "topic=x", "slot=x", "slot=month:99:x", "topic=x&group=99999999999999999999"):
        assert client.get(f"/console/words/preview?{query}").status_code == 404


def test_a_list_shows_words_as_they_will_be_said(client: TestClient) -> None:
    """What the month knows stands in it; what only a group or the day brings, by its name. The field keeps the braces."""
    sign_in(client, "staff")
    page = ""
    for month in range(1, 13):
        page = client.get("/console/words", params={"tab": "theme", "month": str(month)}).text
        read = re.sub(r"<textarea.*?</textarea>|<details.*?</details>", "", page, flags=re.DOTALL)
        assert not re.search(r"\{[a-z_]+\}", read), month
    assert "{target}" in page
    assert "〔前几名〕" in page or "〔参加人数〕" in page
