"""A leader's rooms over the real program: what they show, what one tap does, and what nobody else gets to see."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlmodel import col, delete, select
from starlette.testclient import TestClient

from bot.main import Program
from console import exporting
from engagement.calendar import local_day
from storage import mass_sends
from storage.audit import AuditRow
from storage.customer_groups import CustomerGroup
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person
from storage.ledger import Entry
from tests.console.doors import token
from tests.console.entering import LIVED as NOW
from tests.console.entering import sign_in

KEY = re.compile(r'name="key" value="([^"]+)"')
ROOMS = ("", "/ledger", "/facts", "/activities")

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    return community


def group_of(program: Program, name: str = "阳光花园一期团购群") -> int:
    found = program.database.read_now(lambda s: s.exec(select(Group.id).where(Group.name == name)).one())
    assert found is not None
    return found


def foreign(program: Program) -> int:
    """A group that the sample leader does not lead."""

    def make(session: object) -> int:
        known = session.exec(select(Group.id).where(Group.external_id == "elsewhere")).first()  # type: ignore[attr-defined]
        if known is not None:
            return int(known)
        group = Group(channel="sim", external_id="elsewhere", name="别处的群", created_at=NOW)
        session.add(group)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        return group.id or 0

    return program.database.write_now(make)


def act(client: TestClient, group: int | str, *say: str, beside: bool = True, **fields: str) -> str:
    form = {
        "csrf": token(client, "/console/today"),
        "group": str(group),
        "key": "k",
        "back": "/console/today",
        **fields,
    }
    headers = {"hx-request": "true"} if beside else {}
    answer = client.post("/console/act", data={**form, "say": list(say)} if say else form, headers=headers)
    assert answer.status_code == 200
    return answer.text


# ---------------------------------------------------------------- today


def test_the_entrance_leads_to_today(client: TestClient) -> None:
    sign_in(client, "leader")
    assert client.get("/console").headers["location"] == "/console/today"


def test_today_says_what_needs_the_leader_and_answers_in_one_tap(client: TestClient, program: Program) -> None:
    group = group_of(program)

    def ask(session: object) -> int:
        member = session.exec(  # type: ignore[attr-defined]
            select(Member).where(Member.group_id == group, Member.role == "member").order_by(col(Member.id))
        ).first()
        question = Question(
            group_id=group,
            member_id=member.id,
            text="老冰箱帮不帮抬<b>",
            asked_at=NOW,
            relay={"person": member.person_id, "place": "group"},
        )
        session.add(question)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        return question.id or 0

    number = program.database.write_now(ask)
    sign_in(client, "leader")
    page = client.get("/console/today").text
    assert "老冰箱帮不帮抬&lt;b&gt;" in page
    about = re.search(rf'name="about" value="(question:{number}\.[0-9a-f]+)"', page)
    assert about is not None
    forged = act(client, group, "能代收", key="f", about=f"question:{number}.{'0' * 32}")
    assert "没有做任何改动" in forged
    said = act(client, group, "能代收，放东门架子上", key="q", about=about.group(1))
    assert "已经转给" in said
    kept = program.database.read_now(lambda s: s.get_one(Question, number))
    assert (kept.state, kept.answer) == ("answered", "能代收，放东门架子上")
    assert "老冰箱帮不帮抬" not in client.get("/console/today").text


def test_what_has_no_card_yet_is_not_hidden(client: TestClient, program: Program) -> None:
    """Fifteen questions wait: twelve have a card, and the page says that there are more behind them."""
    group = group_of(program)

    def ask(session: Session) -> None:
        for number in range(15):
            session.add(Question(group_id=group, text=f"第 {number} 问", asked_at=NOW, relay={"long": True}))

    def forget(session: Session) -> None:
        session.exec(delete(Question).where(col(Question.text).startswith("第 ")))

    program.database.write_now(ask)
    sign_in(client, "leader")
    page = client.get("/console/today").text
    program.database.write_now(forget)
    assert page.count('name="say" rows="2"') == 12
    assert "后面还有" in page and "就接着出来" in page
    assert "后面还有" not in client.get("/console/today").text


def test_staff_see_where_most_waits_and_answer_there(client: TestClient, program: Program) -> None:
    group = group_of(program, "翠湖天地邻里群")

    def ask(session: object) -> int:
        question = Question(group_id=group, text="周末几点开门", asked_at=NOW, relay={})
        session.add(question)  # type: ignore[attr-defined]
        session.flush()  # type: ignore[attr-defined]
        return question.id or 0

    number = program.database.write_now(ask)
    sign_in(client, "staff")
    page = client.get("/console/today").text
    about = re.search(rf'name="about" value="(question:{number}\.[0-9a-f]+)"', page)
    assert about is not None
    act(client, group, "不用回", key="s", about=about.group(1))
    assert program.database.read_now(lambda s: s.get_one(Question, number)).state == "expired"


@contextmanager
def came(program: Program, group: int, ago: Mapping[str, timedelta]) -> Iterator[None]:
    """Neighbours of a group, by name, who came so long ago; afterwards it has them no more."""

    def come(session: Session) -> list[int]:
        people = [Person(created_at=NOW - since) for since in ago.values()]
        session.add_all(people)
        session.flush()
        made = [
            Member(group_id=group, person_id=person.id or 0, name=name, joined_at=NOW - since)
            for person, (name, since) in zip(people, ago.items(), strict=True)
        ]
        session.add_all(made)
        session.flush()
        return [one.id or 0 for one in made]

    made = program.database.write_now(come)
    try:
        yield
    finally:
        program.database.write_now(lambda s: s.exec(delete(Member).where(col(Member.id).in_(made))))


def test_who_came_a_moment_ago_is_not_called_quiet(client: TestClient, program: Program) -> None:
    """Newcomers without a first word are named from the second day on."""
    group = group_of(program)

    with came(program, group, {"刚来的": timedelta(minutes=5), "来了两天的": timedelta(days=2)}):
        sign_in(client, "leader")
        page = client.get("/console/today").text
    assert "来了两天的" in page
    assert "刚来的" not in page


def test_a_group_without_a_check_in_is_not_said_to_be_fine(client: TestClient, program: Program) -> None:
    def make(session: Session) -> int:
        group = Group(channel="sim", external_id="silent", name="安静的群", created_at=NOW)
        session.add(group)
        session.flush()
        return group.id or 0

    made = program.database.write_now(make)  # the newest group is on the page of staff
    sign_in(client, "staff")
    page = client.get("/console/today").text
    program.database.write_now(lambda session: session.delete(session.get_one(Group, made)))
    line = page.partition(f'href="/console/groups/{made}"')[2].partition("</li>")[0]
    assert "还没人签到" in line
    assert "badge-success" not in line


# ---------------------------------------------------------------- groups


def test_groups_are_found_by_name_and_paged_by_key(client: TestClient, program: Program) -> None:
    other = foreign(program)

    def many(session: object) -> None:
        if session.exec(select(Group.id).where(Group.external_id == "many0")).first() is None:  # type: ignore[attr-defined]
            for n in range(40):
                session.add(Group(channel="sim", external_id=f"many{n}", name=f"第{n}号小区_100%", created_at=NOW))  # type: ignore[attr-defined]

    program.database.write_now(many)
    sign_in(client, "staff")
    page = client.get("/console/groups").text
    following = re.search(r"/console/groups\?q=&amp;after=(\d+)", page)
    assert following is not None
    second = client.get("/console/groups", params={"after": following.group(1)}).text
    shown = [set(re.findall(r'href="/console/groups/(\d+)"', one)) for one in (page, second)]
    assert len(shown[0]) == 24
    assert not shown[0] & shown[1]
    assert "第7号小区" in client.get("/console/groups", params={"q": "第7号"}).text
    assert "第8号小区" not in client.get("/console/groups", params={"q": "第7号"}).text
    assert "没有叫这个名字的群" in client.get("/console/groups", params={"q": "_1000"}).text
    for rubbish in ("'", "\x00", "%%", "<script>alert(1)</script>", "啊" * 900):
        answer = client.get("/console/groups", params={"q": rubbish, "after": rubbish})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
    sign_in(client, "leader")
    page = client.get("/console/groups").text
    assert f'href="/console/groups/{other}"' not in page
    assert "阳光花园一期团购群" in page


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_another_group_is_not_there(client: TestClient, program: Program, room: str) -> None:
    mine, other = group_of(program), foreign(program)
    assert client.get(f"/console/groups/{mine}{room}").status_code == 303
    sign_in(client, "leader")
    page = client.get(f"/console/groups/{mine}{room}")
    assert page.status_code == 200
    assert "阳光花园一期团购群" in page.text
    assert "style=" not in page.text
    for wrong in (str(other), "999999", "0", "-1", "x", "1e3", "9" * 40):
        assert client.get(f"/console/groups/{wrong}{room}").status_code == 404, wrong
    sign_in(client, "staff")
    assert client.get(f"/console/groups/{other}{room}").status_code == 200


def test_a_resident_has_no_rooms(client: TestClient, program: Program) -> None:
    sign_in(client, "resident")
    for room in ROOMS:
        assert client.get(f"/console/groups/{group_of(program)}{room}").status_code == 303


def test_the_board_names_who_may_be_named(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    page = client.get(f"/console/groups/{group_of(program)}").text
    for part in ("今天打卡", "一周活跃热力图", "本月积分榜", "新邻居", "沉默的邻居"):
        assert part in page
    assert "李阿姨" in page


def test_a_long_list_opens_out_and_says_how_many_there_are(
    client: TestClient, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen came this morning: twelve stand there, two open out, the rest is counted; who came today came today."""
    monkeypatch.setattr("console.pages.groups.LISTED", 14)
    group = group_of(program)

    with came(program, group, {f"新来的{number}": timedelta(minutes=5) for number in range(16)}):
        sign_in(client, "leader")
        page = client.get(f"/console/groups/{group}").text
    card = page.partition('id="h-new"')[2].partition("</section>")[0]
    count = re.search(r"最近 7 天，(\d+) 位", card)
    assert count is not None and int(count[1]) >= 16
    assert card.count("<li>") == 14 and card.partition("<details>")[0].count("<li>") == 12
    assert f"再看 {int(count[1]) - 12} 位" in card and f"还有 {int(count[1]) - 14} 位" in card
    assert card.count("今天刚来") == 14, "by the group's own day"


def test_a_group_without_neighbours_says_how_to_begin(client: TestClient, program: Program) -> None:
    """No empty charts and no praise for nobody: what to do first, and where."""
    sign_in(client, "staff")
    group = foreign(program)
    page = client.get(f"/console/groups/{group}").text
    assert "还没有邻居用过团团" in page and f'href="/console/groups/{group}/facts"' in page
    assert "data-chart" not in page and "热力图" not in page and "真好" not in page
    page = client.get(f"/console/groups/{group_of(program)}").text
    assert "还没有邻居用过团团" not in page and "data-chart" in page


@contextmanager
def unheard(program: Program, groups: int) -> Iterator[int]:
    """The sample group as one in which the platform lets nobody listen; as it was afterwards, for the other tests."""
    group, day = group_of(program), local_day(NOW, "Asia/Shanghai") - timedelta(days=1)
    figures = {"msg_total": 4321, "member_has_msg": 65, "member_total": 200, "chat_total": groups}

    def make(session: Session) -> None:
        row = session.get_one(Group, group)
        where = {"channel": row.channel, "account": row.account, "owner": "zhou"}
        session.add(CustomerGroup(channel=row.channel, account=row.account, conversation=row.external_id, owner="zhou"))
        mass_sends.put_figures(session, **where, local_date=day, figures=figures)

    def take_back(session: Session) -> None:
        session.execute(delete(CustomerGroup).where(col(CustomerGroup.owner) == "zhou"))
        mass_sends.prune(session, day + timedelta(days=1))

    program.database.write_now(make)
    try:
        yield group
    finally:
        program.database.write_now(take_back)


@pytest.mark.parametrize(("groups", "words"), [(1, "企业微信每天给的合计"), (3, "分不到这一个群")])
def test_where_nobody_hears_the_platform_s_count_is_shown(
    client: TestClient, program: Program, groups: int, words: str
) -> None:
    """客户群：页面上的消息数是企业微信的合计，写明是谁的合计；打卡另画一张，热力图没有。"""
    sign_in(client, "leader")
    with unheard(program, groups) as group:
        page = client.get(f"/console/groups/{group}").text
        today = client.get("/console/today").text
    assert words in page
    assert "4321" in page
    assert "一周活跃热力图" not in page
    assert (page.count('data-chart="trend"'), page.count('data-chart="told"')) == (1, 1)
    assert ("昨天群里 4321 条消息" if groups == 1 else "昨天群主的 3 个群一共 4321 条消息") in today
    assert "一周活跃热力图" in client.get(f"/console/groups/{group}").text


def test_who_looked_stands_in_the_audit_trail(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    group = group_of(program)
    client.get(f"/console/groups/{group}/ledger", params={"q": "李阿姨"})
    client.get(f"/console/groups/{group}/ledger/export")
    rows = program.database.read_now(
        lambda s: list(s.exec(select(AuditRow).order_by(col(AuditRow.id).desc()).limit(2)))
    )
    assert [one.action for one in rows] == ["ledger.exported", "ledger.viewed"]
    assert all(one.group_id == group for one in rows)
    assert "李阿姨" not in str(rows)


# ---------------------------------------------------------------- the ledger


def test_points_are_given_once_and_taken_back(client: TestClient, program: Program) -> None:
    group = group_of(program)
    sign_in(client, "leader")
    said = act(client, group, "加分", "李阿姨", "7", "搬桌子", key="give")
    assert "李阿姨" in said
    assert "刚才已经办过了" in act(client, group, "加分", "李阿姨", "7", "搬桌子", key="give")
    page = client.get(f"/console/groups/{group}/ledger", params={"kind": "adjust", "q": "李阿姨"}).text
    assert page.count("搬桌子") == 1
    undo = re.search(r'name="press" value="(undo_points:\d+)"', said)
    assert undo is not None
    assert "已撤销" in act(client, group, press=undo.group(1), key="undo")
    kinds = col(Entry.kind).in_(["adjust", "reversal"])
    amounts = program.database.read_now(lambda s: list(s.exec(select(Entry).where(kinds, Entry.group_id == group))))
    assert sum(one.amount for one in amounts) == 0


def test_a_leader_gives_nothing_in_another_group(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    assert "不归你管" in act(client, foreign(program), "加分", "李阿姨", "7", "帮忙", key="x")
    for group in ("abc", "-1", "9" * 30, "1.5"):
        assert "没有做任何改动" in act(client, group, "加分", "李阿姨", "7", "帮忙", key="y")


def test_without_script_it_is_a_page_with_a_way_back(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    page = act(client, group_of(program), "设置", beside=False, key="p", back="//elsewhere.example")
    assert "<h1" in page
    assert "elsewhere" not in page
    assert 'href="/console"' in page


def test_a_neighbour_acts_on_her_own_pages(client: TestClient, program: Program) -> None:
    person = program.database.read_now(
        lambda s: s.exec(select(Identity.person_id).where(Identity.external_id == "xiaoman")).one()
    )
    client.post("/demo/resident", data={"csrf": token(client), "person": str(person)})
    form = {"csrf": token(client, "/h5"), "say": "积分", "key": "h5", "back": "/h5"}
    page = client.post("/h5/act", data={**form, "group": str(group_of(program))})
    assert page.status_code == 200
    assert "积分" in page.text
    assert len(re.findall("<h1", page.text)) == 1
    beside = client.post(
        "/h5/act", data={**form, "key": "2", "group": str(group_of(program))}, headers={"hx-request": "true"}
    )
    assert "<html" not in beside.text
    assert beside.headers.get("hx-trigger") == "acted", beside.text
    assert "不归你管" in client.post("/h5/act", data={**form, "key": "3", "group": str(foreign(program))}).text
    refused = client.post(
        "/h5/act", data={**form, "say": "加分 王姐 5 帮忙", "key": "4", "group": str(group_of(program))}
    )
    assert "团长" in refused.text
    assert client.post("/console/act", data=form).status_code in (303, 403)


def test_a_form_without_its_token_does_nothing(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    answer = client.post("/console/act", data={"group": str(group_of(program)), "say": "设置", "key": "k"})
    assert answer.status_code == 403
    answer = client.post("/console/act", data={"csrf": token(client, "/console/today"), "say": "设置", "group": "1"})
    assert "没有做任何改动" in answer.text, "no key"


def test_the_ledger_is_searched_by_everything(client: TestClient, program: Program) -> None:
    group = group_of(program)
    sign_in(client, "leader")
    path = f"/console/groups/{group}/ledger"

    def rows(**wanted: str) -> list[str]:
        return re.findall(r"<li data-entry.*?</li>", client.get(path, params=wanted).text, re.DOTALL)

    everything = rows()
    assert everything
    assert 0 < len(rows(kind="topic")) < len(everything)
    assert all("聊话题" in one for one in rows(kind="topic"))
    assert all("李阿姨" in one for one in rows(q="李阿"))
    assert all("+2" in one for one in rows(least="2", most="2"))
    day = (NOW + timedelta(days=1)).date().isoformat()
    assert all("11月21日" in one for one in rows(since=day, until=day) if "11月20日" not in one)
    assert rows(since="2031-01-01") == []
    for wanted in ({"q": "没有这个人"}, {"kind": "nothing"}, {"since": "rubbish"}, {"least": "1e9"}, {"before": "x.y"}):
        assert client.get(path, params=wanted).status_code == 200
    for rubbish in ("'", "%", "_", "\x00", "<script>alert(1)</script>"):
        assert "<script>alert" not in client.get(path, params={"q": rubbish}).text


def test_the_ledger_is_paged_by_key(client: TestClient, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.pages.ledger.PAGE", 7)
    sign_in(client, "leader")
    path, seen = f"/console/groups/{group_of(program)}/ledger", []
    address = path
    while address:
        page = client.get(address).text
        seen += re.findall(r"reverse:(\d+)", page)
        found = re.search(r'href="([^"]+)" *rel="next"|rel="next" href="([^"]+)"', page)
        address = "" if found is None else (found.group(1) or found.group(2)).replace("&amp;", "&")
    assert len(seen) == len(set(seen))
    assert len(seen) > 14


def test_a_file_has_what_was_searched_for_and_who_took_it(client: TestClient, program: Program) -> None:
    sign_in(client, "leader")
    path = f"/console/groups/{group_of(program)}/ledger/export"
    answer = client.get(path, params={"kind": "topic", "kind_of_file": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert table[0][0] == "流水号"
    assert {row[4] for row in table[1:-1]} == {"聊话题"}
    assert "周团长" in table[-1][0]
    book = client.get(path, params={"kind_of_file": "xlsx"})
    with zipfile.ZipFile(io.BytesIO(book.content)) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet


def test_no_cell_is_a_formula() -> None:
    head, rows = ["名字", "分"], [("=1+1", -5), ("@SUM(A1)", 3), ("\t=1", 1), ("+86", 2), ("王姐", 4)]
    table = list(csv.reader(io.StringIO(exporting.as_csv(head, rows, "=mark").decode("utf-8-sig"))))
    assert [row[0][:1] for row in table[1:5]] == ["'"] * 4
    assert [row[1] for row in table[1:6]] == ["-5", "3", "1", "2", "4"]
    assert table[-1][0] == "'=mark"
    with zipfile.ZipFile(io.BytesIO(exporting.xlsx(head, rows, "=mark"))) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<v>-5</v>" in sheet


# ---------------------------------------------------------------- facts, activities


def test_a_fact_is_kept_cleared_and_put_back(client: TestClient, program: Program) -> None:
    group = group_of(program)
    sign_in(client, "leader")

    def kept() -> dict[str, str]:
        return program.database.read_now(lambda s: dict(s.get_one(Group, group).facts or {}))

    before = kept().get("hotline")
    said = act(client, group, "群信息 热线", "8555 0000", key="fact")
    assert kept()["hotline"] == "8555 0000"
    undo = re.search(r'name="press" value="(undo:\d+)"', said)
    assert undo is not None
    act(client, group, press=undo.group(1), key="fact-undo")
    assert kept().get("hotline") == before
    page = client.get(f"/console/groups/{group}/facts").text
    assert "提货点" in page
    assert "免打扰" in page
    for button in re.findall(
        r'name="press" value="((?:quiet_acks|pause|topic_kind|cal_dark|evening|cal_kind):[^"]+)"', page
    ):
        answered = act(client, group, press=button, key=button)
        assert "过期" not in answered, button
        back = re.search(r'name="press" value="(undo:\d+)"', answered)
        assert back is not None, button
        act(client, group, press=back.group(1), key=f"back {button}")


def test_tomorrows_topic_is_looked_at_swapped_and_written(client: TestClient, program: Program) -> None:
    group = group_of(program)
    sign_in(client, "leader")
    act(client, group, "明日话题", key="t1")
    page = client.get(f"/console/groups/{group}/activities").text
    swap = re.search(r'name="press" value="(topic_swap:\d+)"', page)
    assert swap is not None
    act(client, group, press=swap.group(1), key="t2")
    act(client, group, "写话题", "你家的拿手菜是什么？", key="t3")
    page = client.get(f"/console/groups/{group}/activities").text
    assert "你家的拿手菜是什么？" in page
    assert "你写的" in page
