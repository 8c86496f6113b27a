"""The residents' pages over the real program: what each room shows and does, and that nobody sees anybody else's."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import update
from sqlmodel import col, select
from starlette.testclient import TestClient

from bot.main import Program
from console.auth import Role
from engagement.checkin.tables import DAILY, Checkin, CheckinStreak
from engagement.members.tables import Birthday
from engagement.topic.tables import TopicAnswer, TopicDay
from storage.audit import AuditRow
from storage.documents import Question
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member
from storage.ledger import Entry
from tests.console.browsers import Browser
from tests.console.doors import come_as
from tests.console.entering import LIVED as NOW
from tests.console.entering import application

TODAY = date(2026, 11, 20)
GROUP = "阳光花园一期团购群"
ROOMS = ("/h5", "/h5/points", "/h5/month", "/h5/ask", "/h5/family", "/h5/mine")
FORM = re.compile(r"<form method=\"post\"(.*?)</form>", re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
ASSET = re.compile(r'(?:href|src)="(/static/[^"]+\.(?:css|js|svg)\?[^"]+)"')

pytestmark = pytest.mark.xdist_group("console")


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    return community


def person_of(program: Program, name: str) -> int:
    query = select(Identity.person_id).where(Identity.external_id == name)
    return program.database.read_now(lambda s: s.exec(query).one())


def as_(program: Program, name: str) -> TestClient:
    """A browser of a neighbour."""
    client = Browser(application(program, demo=False), follow_redirects=False)
    come_as(client, program.database, Role.RESIDENT, person_of(program, name))
    return client


def send(client: TestClient, path: str, needle: str, **fields: str | list[str]) -> str:
    """Send the form of a page that contains some words, as a browser without a script would; returns the page after it."""
    page = client.get(path).text
    answer = client.post(path.partition("?")[0], data=fields_of(page, needle) | fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def send_from(client: TestClient, page: str, needle: str) -> str:
    """Press a button of the answer that stands above a room."""
    answer = client.post("/h5", data=fields_of(page, needle))
    assert answer.status_code == 200
    return answer.text


def fields_of(page: str, needle: str) -> dict[str, str | list[str]]:
    form = next(one for one in FORM.findall(page) if needle in one)
    return dict(HIDDEN.findall(form))


def said(page: str) -> str:
    """What stands in the answer above the room."""
    return page.partition('id="answer"')[2].partition("</section>")[0]


@pytest.fixture
def wang(program: Program) -> TestClient:
    return as_(program, "xiaoman")


def test_every_room_opens_without_a_script_or_a_style_of_its_own(wang: TestClient) -> None:
    for path in ROOMS:
        answer = wang.get(path)
        assert answer.status_code == 200, path
        assert "style=" not in answer.text
        assert "<script>" not in answer.text
        assert 'aria-current="page"' in answer.text
        assert answer.text.count("<h1") == 1
        assert answer.headers["cache-control"] == "no-store"


def test_signing_in_on_the_page_counts_once(program: Program) -> None:
    client = as_(program, "haitang")
    page = client.get("/h5").text
    assert "正在签到……" in page
    fields = fields_of(page, ">签到</button>")
    first = client.post("/h5", data=fields).text
    assert "打卡好了" in said(first)
    assert "今天打过卡了" in first
    assert ">签到</button>" not in first
    second = client.post("/h5", data=fields).text
    points = client.get("/h5/points").text
    assert "今天打过卡了" in second
    assert points.count("11月20日") == 1


def test_a_calendar_of_another_month_is_shown_and_rubbish_is_this_month(program: Program) -> None:
    def earlier(session: Session) -> None:
        member = session.exec(
            select(Member)
            .join(Identity, col(Identity.person_id) == col(Member.person_id))
            .where(Identity.external_id == "xiaoman")
        ).one()
        member.joined_at = datetime(2026, 9, 3, tzinfo=UTC)
        session.add(member)

    program.database.write_now(earlier)
    client = as_(program, "xiaoman")
    page = client.get("/h5").text
    assert "2026年11月打卡日历" in page
    assert "month=2026-10" in page
    october = client.get("/h5?month=2026-10").text
    assert "2026年10月打卡日历" in october
    assert "打了 0 天" in october
    assert "month=2026-09" in october
    assert "month=2026-11" in october
    for rubbish in ("2027-01", "1999-01", "2026-13", "'; --", "٢٠٢٦-10"):
        assert re.search("2026年(11|9)月打卡日历", client.get("/h5", params={"month": rubbish}).text), rubbish


def test_a_missed_day_is_made_up_for_after_its_price_was_said(program: Program) -> None:
    person = person_of(program, "li")

    def long_ago(session: Session) -> None:
        member = session.exec(select(Member).where(Member.person_id == person)).one()
        member.joined_at = NOW - timedelta(days=30)
        day = (NOW - timedelta(days=5)).date()
        session.add(Checkin(member_id=member.id or 0, topic=DAILY, local_date=day, occurred_at=NOW - timedelta(days=5)))
        streak = session.get_one(CheckinStreak, (member.id, DAILY))
        streak.cards = 1
        session.add(member)
        session.add(streak)

    program.database.write_now(long_ago)
    client = as_(program, "li")
    page = client.get("/h5").text
    day = re.search(r">补 (\d+月\d+日)<", page)
    assert day is not None
    asked = send(client, "/h5", f"补 {day[1]}")
    assert "补签卡" in said(asked)
    assert f">补 {day[1]}<" in asked
    made = send_from(client, asked, "makeup:card:")
    assert f">补 {day[1]}<" not in made
    assert "补签的" in made


def test_topics_have_a_button_each_and_a_photo_is_sent_to_the_group(program: Program) -> None:
    def write(session: Session) -> None:
        group = session.exec(select(Group).where(Group.name == "翠湖天地邻里群")).one()
        topics = [
            {"key": "t1", "name": "健身", "points": 3, "streak": True},
            {"key": "t2", "name": "早餐", "points": 2, "photo": True},
            {"key": "t3", "name": "旧的", "active": False},
        ]
        group.settings = {**(group.settings or {}), "checkin": {"topics": topics}}
        session.add(group)

    program.database.write_now(write)
    client = as_(program, "azhen")
    page = client.get("/h5").text
    assert "旧的" not in page
    assert "在群里发一张照片，写上「早餐打卡」" in page
    assert "checkin_topic:t2" not in page
    done = send(client, "/h5", "checkin_topic:t1")
    assert "健身" in said(done)
    assert "checkin_topic:t1" not in done
    assert "✓ 打过了" in done
    calendar = client.get("/h5?topic=t1").text
    assert "打了 1 天" in calendar
    streak = re.compile(r'<dl class="three pt-2"><div><dd>(\d+)</dd>')
    assert streak.findall(calendar) == streak.findall(client.get("/h5").text), (
        "the big figures are of the plain check-in"
    )
    assert client.get("/h5?topic=nothing").status_code == 200


def test_the_topic_of_the_day_is_answered_on_the_page(program: Program) -> None:
    client = as_(program, "zhang")

    def write(session: Session) -> None:
        group = session.exec(select(Group.id).where(Group.name == GROUP)).one()
        known = session.exec(select(TopicDay).where(TopicDay.group_id == group, TopicDay.local_date == TODAY)).first()
        row = known or TopicDay(group_id=group or 0, local_date=TODAY, source="own", question="", created_at=NOW)
        row.question = "早饭吃了什么"
        session.add(row)

    program.database.write_now(write)
    assert "早饭吃了什么" in client.get("/h5/month").text
    page = send(client, "/h5/month", 'name="about"', say="我家天天吃热汤面，加个荷包蛋，全家都爱")
    answers = program.database.read_now(lambda s: list(s.exec(select(TopicAnswer.text))))
    assert said(page)
    assert "我家天天吃热汤面，加个荷包蛋，全家都爱" in answers


def test_points_say_where_they_come_from_and_how(wang: TestClient) -> None:
    page = wang.get("/h5/points").text
    assert "现在的积分" in page
    assert "每天签到" in page
    assert "这个群的积分不会过期" in page
    assert wang.get("/h5/points", params={"before": "' or 1=1"}).status_code == 200
    assert "第一笔就来了" in wang.get("/h5/points", params={"before": "1"}).text


def test_the_month_has_theme_challenge_and_what_comes_next(wang: TestClient) -> None:
    page = wang.get("/h5/month").text
    assert "11月主题" in page
    assert "本月挑战" in page
    assert "12月1日" in page


def test_a_question_is_answered_with_its_source_or_handed_over(wang: TestClient) -> None:
    page = send(wang, "/h5/ask", "想问什么", say="草莓烂了一半能退吗")
    assert "看看出处" in said(page) or "转给" in said(page)
    page = send(wang, "/h5/ask", "想问什么", say="隔壁老王家的猫叫什么名字")
    assert said(page)


def test_what_went_to_the_leader_is_listed_for_its_asker_alone(program: Program) -> None:
    client = as_(program, "xiaoman")
    send(client, "/h5/ask", "想问什么", say="问团长 快递柜的密码纸贴哪里了")
    page = client.get("/h5/ask").text
    assert "快递柜的密码纸贴哪里了" in page and "给结果" not in page
    send(client, "/h5/ask", "想问什么", say="问团长 快递柜坏了三天没人管，我要投诉")
    assert re.search(r"编号 \d+，最晚 \d+月\d+日 \d+:\d\d 给结果。", client.get("/h5/ask").text), (
        "a complaint has its hour"
    )

    def long_ago(session: Session) -> None:
        session.exec(
            update(Question).values(asked_at=NOW - timedelta(hours=73)).where(col(Question.text).contains("投诉"))
        )

    program.database.write_now(long_ago)
    assert "给结果" not in client.get("/h5/ask").text, "and is not promised what is over"
    assert "快递柜的密码纸贴哪里了" not in as_(program, "haitang").get("/h5/ask").text


def test_a_household_is_asked_for_and_taken_back(wang: TestClient, program: Program) -> None:
    other = program.database.read_now(
        lambda s: s.exec(
            select(Member.name)
            .join(Identity, col(Identity.person_id) == col(Member.person_id))
            .where(Identity.external_id == "haitang")
        ).first()
    )
    open_private(program, "haitang")
    page = send(wang, "/h5/family", "f-invite", say=["邀请家人", other or ""])
    assert "等 TA 答复" in page
    page = send(wang, "/h5/family", "family_back:")
    assert "等 TA 答复" not in page
    assert "没找到" in said(send(wang, "/h5/family", "f-join", say=["加入家庭", "没有这个人"]))


def test_where_nobody_is_heard_no_page_sends_into_the_chat(wang: TestClient, program: Program) -> None:
    def hear(session: Session, *, heard: bool) -> None:
        group = session.exec(select(Group).where(Group.name == GROUP)).one()
        group.hears = group.speaks = heard
        session.add(group)

    program.database.write_now(partial(hear, heard=False))
    try:
        pages = [wang.get(room).text for room in ROOMS]
    finally:
        program.database.write_now(partial(hear, heard=True))
    assert "点群里的「打卡」链接" in pages[ROOMS.index("/h5/family")]
    assert "自己写的" in pages[ROOMS.index("/h5/mine")]
    assert not [room for room, page in zip(ROOMS, pages, strict=True) if "群里发" in page or "群里 @" in page]


def open_private(program: Program, name: str) -> None:
    def write(session: Session) -> None:
        row = session.exec(select(Identity).where(Identity.external_id == name)).one()
        row.dm_open = True
        session.add(row)

    program.database.write_now(write)


def test_ones_own_page_begins_with_oneself(wang: TestClient) -> None:
    """Name, large type and the household first, then what is kept, with the copy before the long list."""
    page = wang.get("/h5/mine").text
    main = page[page.index("<main") :]
    places = [main.index(one) for one in ("小满妈妈", "名字跟着群里走", "打开大字", "看我家", "拿一份我的数据")]
    assert places == sorted(places)
    assert main.index("拿一份我的数据") < main.index('class="rows"')


def test_likes_and_notices_are_switched(wang: TestClient) -> None:
    before = wang.get("/h5/mine").text
    assert "✓ 水果" not in before
    assert "✓ 水果" in send(wang, "/h5/mine", "wish:category:fruit:on")
    assert "✓ 水果" not in send(wang, "/h5/mine", "wish:category:fruit:off")
    page = send(wang, "/h5/mine", "notices:points:off")
    assert "关了" in page
    assert "关了" not in send(wang, "/h5/mine", "notices:points:on")


def test_a_copy_is_a_file_of_ones_own_and_noted(wang: TestClient, program: Program) -> None:
    answer = wang.post("/h5/mine/copy", data=fields_of(wang.get("/h5/mine").text, "拿一份我的数据"))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    kept = json.loads(answer.text)
    assert {one["id"] for one in kept["identity"]} == {"xiaoman"}
    noted = program.database.read_now(lambda s: [row.action for row in s.exec(select(AuditRow))])
    assert "data.exported" in noted


def test_another_browser_is_signed_out(wang: TestClient, program: Program) -> None:
    other = as_(program, "xiaoman")
    assert other.get("/h5").status_code == 200
    page = wang.get("/h5/mine").text
    row = re.search(r'name="session" value="([0-9a-f]{20,})"', page)
    assert row is not None
    stranger = as_(program, "haitang")
    form = fields_of(stranger.get("/h5/mine").text, "拿一份")
    stranger.post("/h5/mine/sessions", data={**form, "session": row[1]})
    assert other.get("/h5").status_code == 200
    form = fields_of(page, "拿一份")
    assert wang.post("/h5/mine/sessions", data={**form, "session": "all"}).status_code == 303
    assert other.get("/h5").status_code == 303
    assert wang.get("/h5").status_code == 200


def test_another_group_is_not_there_for_who_is_not_in_it(wang: TestClient, program: Program) -> None:
    def make(session: Session) -> int:
        group = Group(channel="sim", external_id="foreign-h5", name="别家的群", created_at=NOW)
        session.add(group)
        session.flush()
        return group.id or 0

    foreign = str(program.database.write_now(make))
    for path in ROOMS:
        for group in (foreign, "99999999999999999999", "-1", "1 or 1=1", "٣"):
            answer = wang.get(path, params={"group": group})
            assert answer.status_code == 404, (path, group)
            assert "别家的群" not in answer.text
    form = fields_of(wang.get("/h5").text, "请假")
    for path in ("/h5", "/h5/month", "/h5/ask", "/h5/family", "/h5/mine"):
        answer = wang.post(path, data={**form, "group": foreign, "say": "签到"})
        assert answer.status_code == 404, path
    assert wang.post("/h5", data={**form, "csrf": "0" * 64}).status_code == 403


def test_a_button_of_somebody_else_does_nothing(wang: TestClient, program: Program) -> None:
    other = person_of(program, "haitang")
    form = fields_of(wang.get("/h5/mine").text, "删除我的数据")
    del form["say"]
    page = wang.post("/h5/mine", data={**form, "press": f"erase:{other}"}).text
    assert "不是给你的" in said(page)
    assert as_(program, "haitang").get("/h5").status_code == 200


def test_a_leader_who_is_in_as_a_neighbour_leads_nobody(program: Program) -> None:
    """住户页的登录管好几个月，也不问第二步：拿着它的人给不了分，也看不了群设置。"""
    leads = select(Member.group_id, Identity.external_id).join(
        Identity, col(Identity.person_id) == col(Member.person_id)
    )
    group, name = program.database.read_now(lambda s: s.exec(leads.where(Member.role == "leader")).all()[0])
    client = as_(program, name)
    page = client.get("/h5").text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert csrf is not None
    form = {"csrf": csrf.group(1), "group": str(group), "key": "led", "back": "/h5"}
    entries = program.database.read_now(lambda s: len(s.exec(select(Entry.id)).all()))
    for words in ("加分 李阿姨 5 帮忙", "设置"):
        answer = client.post("/h5/act", data=form | {"say": words})
        assert answer.status_code == 200
        assert "团长" in answer.text.partition("<main")[2]
    assert program.database.read_now(lambda s: len(s.exec(select(Entry.id)).all())) == entries


def test_who_stopped_sees_what_remains_and_how_to_come_back(program: Program) -> None:
    client = as_(program, "wang")
    person = person_of(program, "wang")
    page = send(client, "/h5/mine", "退出记录")
    assert "你已经停了记录" in page
    for path in ROOMS:
        shown = client.get(path).text
        assert "你已经停了记录" in shown
        assert "回来签到" in shown
        for form in ("请假", "邀请家人", "加入家庭"):
            assert f'value="{form}"' not in shown, path
    back = send(client, "/h5", "回来签到")
    assert "你已经停了记录" not in back
    consent = program.database.read_now(lambda s: s.get(Consent, person))
    assert consent is not None
    assert consent.withdrawn_at is None


def test_who_left_every_group_still_has_his_data_and_can_delete_it(program: Program) -> None:
    person = person_of(program, "chen")

    def leave(session: Session) -> None:
        for member in session.exec(select(Member).where(Member.person_id == person)):
            member.left_at = NOW
            session.add(member)

    program.database.write_now(leave)
    client = as_(program, "chen")
    for path in ROOMS:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "你现在不在用团团的群里" in answer.text
    asked = send(client, "/h5/mine", "删除我的数据")
    assert "不能恢复" in said(asked)
    button = next(one for one in FORM.findall(asked) if "确定删除" in one)
    gone = client.post("/h5/mine", data=dict(HIDDEN.findall(button)))
    assert "都删好了" in said(gone.text)
    assert client.get("/h5").status_code == 303


def test_the_way_into_the_private_chat_is_a_button_where_the_channel_has_one(program: Program) -> None:
    for door, there in (("", False), ("https://t.me/tuan_bot?start=", True)):
        page = Browser(application(program, door=partial(str, door))).get("/open").text
        assert ('href="https://t.me/tuan_bot?start=page"' in page) is there


@pytest.mark.parametrize("path", ["/open", "/open/privacy"])
def test_public_pages_name_nobody(program: Program, path: str) -> None:
    client = Browser(application(program, demo=False), follow_redirects=False)
    page = client.get(path)
    assert page.status_code == 200
    assert GROUP not in page.text
    names = program.database.read_now(lambda s: [name for name in s.exec(select(Member.name)) if name])
    assert names
    assert not [name for name in names if name in page.text]
    assert 'class="large"' in client.get(path, params={"size": "large"}).text


def test_the_first_page_fits_a_slow_network(wang: TestClient) -> None:
    """What a first visit asks for over the wire: pages go as they are, static files packed."""
    page = wang.get("/h5")
    sizes = {"/h5": len(page.content)}
    for path in set(ASSET.findall(page.text)):
        answer = wang.get(path, headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip", path
        sizes[path] = int(answer.headers["content-length"])
    assert any(".css" in path for path in sizes)
    assert any("console.js" in path for path in sizes)
    assert sum(sizes.values()) <= 60 * 1024, sizes


def test_a_birthday_is_shown_and_deleted(program: Program) -> None:
    client, person = as_(program, "zhao"), person_of(program, "zhao")

    def write(session: Session) -> None:
        session.add(Birthday(person_id=person, month=5, day=20, in_group=False, agreed_at=NOW))

    program.database.write_now(write)
    assert "5月20日" in client.get("/h5/mine").text
    assert "5月20日" not in send(client, "/h5/mine", "删除生日")
