"""没答上的 and 试一试 and 必考题: worked as staff do, with every step taken back, and with nobody's name shown."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from sqlmodel import col, select

from bot.desk import ProgramDesk
from knowledge import page_requests
from storage.audit import AuditRow
from storage.documents import Phrasing, Question
from storage.engine import Session
from storage.groups import Identity, Member
from storage.learning import GoldenCase, Proposal
from storage.outbox import Outbox
from tests.console import keeping
from tests.console.keeping import Desk

pytestmark = pytest.mark.xdist_group("console_gaps")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with keeping.with_entries(tmp_path, desk=ProgramDesk) as opened:
        opened.sign_in("staff")
        opened.group = opened.write(keeping.group)
        yield opened


def ask(desk: Desk, *texts: str) -> list[int]:
    group = desk.group
    return desk.write(lambda session: keeping.asked(session, group, *texts))  # type: ignore[no-any-return]


def listed(desk: Desk) -> str:
    return unescape(desk.get("/console/gaps", rows="1"))


def state(desk: Desk) -> list[tuple[str, str]]:
    return desk.read(  # type: ignore[no-any-return]
        lambda session: [(one.origin, one.state) for one in session.exec(select(Proposal).order_by(col(Proposal.id)))]
    )


def act(desk: Desk, deed: str, **fields: str) -> str:
    """Send a form of the list as the page's script does."""
    data = {"csrf": desk.token(), "deed": deed, "key": "k", **fields}
    answer = desk.client.post("/console/gaps/do", data=data, headers={"hx-request": "true"})
    assert answer.status_code == 200
    return unescape(answer.text)


def test_questions_of_one_meaning_are_one_gap_and_nobody_is_named(desk: Desk) -> None:
    ask(desk, "能用现金付吗", "可以用现金付吗", "停车位在哪里，我电话 13812345678")
    page = listed(desk)
    assert "2 组问题，一共问了 3 次" in page
    assert page.index("现金") < page.index("停车位")
    assert "13812345678" not in page
    assert "王阿姨" not in page
    assert "3 位还在等" not in page
    assert 'hx-trigger="load"' in desk.get("/console/gaps")
    looked = desk.read(lambda s: [one.action for one in s.exec(select(AuditRow)) if one.action == "questions.viewed"])
    assert looked, "who looked at neighbours' questions is written down"


def test_an_answer_becomes_a_draft_and_is_taken_back(desk: Desk) -> None:
    first = ask(desk, "能用现金付吗", "可以用现金付吗")[0]
    done = act(desk, "gap_answer", question=str(first), answer="可以，提货时给团长。", scope="all", text="能用现金付吗")
    assert "进了草稿" in done
    assert 'data-key="u"' in done
    assert "都答上了" in listed(desk)
    undo = re.search(r'name="id" value="(\d+)"', done)
    assert undo is not None
    answer = desk.client.post(
        "/console/gaps/do",
        data={"csrf": desk.token(), "deed": "gap_undo", "id": undo.group(1)},
        headers={"hx-request": "true"},
    )
    assert answer.headers["hx-refresh"] == "true"
    assert "1 组问题" in listed(desk)
    assert state(desk) == []
    drafts = desk.read(lambda s: [one.text for one in s.exec(select(Phrasing)) if "现金" in one.text])
    assert drafts == []


def test_a_link_is_learned_at_once_and_unlearned(desk: Desk) -> None:
    first = ask(desk, "几时开门取东西")[0]
    done = act(desk, "gap_link", question=str(first), entry="pickup", text="几时开门取东西")
    assert "现在就会答" in done
    learned = lambda s: [one.text for one in s.exec(select(Phrasing).where(Phrasing.kind == "learned"))]  # noqa: E731
    assert desk.read(learned) == ["几时开门取东西"]
    undo = re.search(r'name="id" value="(\d+)"', done)
    assert undo is not None
    act(desk, "gap_undo", id=undo.group(1))
    assert desk.read(learned) == []
    assert "1 组问题" in listed(desk)


def test_dismissing_and_bringing_back(desk: Desk) -> None:
    first = ask(desk, "今天星期几来着")[0]
    done = act(desk, "gap_dismiss", question=str(first), scope="all", text="今天星期几来着")
    assert "不用管" in done
    assert "都答上了" in listed(desk)
    undo = re.search(r'name="id" value="(\d+)"', done)
    assert undo is not None
    act(desk, "gap_undo", id=undo.group(1))
    assert "星期几" in listed(desk)
    again = act(desk, "gap_undo", id=undo.group(1))
    assert "data-toast" in again


def test_a_reply_goes_the_way_of_the_chat_to_everybody_who_waits_once(desk: Desk) -> None:
    group = desk.group

    def reachable(session: Session) -> None:
        member = session.exec(select(Member).where(Member.group_id == group, Member.role == "member")).one()
        session.add(Identity(channel="sim", external_id="wang", person_id=member.person_id, name="王阿姨"))
        rows = session.exec(select(Question).where(Question.group_id == group)).all()
        for row in rows:
            row.member_id, row.relay = member.id, {"place": "group", "person": member.person_id}
            session.add(row)

    first, second = ask(desk, "能用现金付吗", "可以用现金付吗")
    desk.write(reachable)
    fields = {"question": str(first), "answer": "可以，提货时给团长。", "scope": "all", "text": "现金", "reply": "1"}
    done = act(desk, "gap_answer", **fields)
    assert "已回复 2 位" in done, done
    rows = desk.read(lambda s: list(s.exec(select(Question).where(col(Question.id).in_([first, second])))))
    assert {one.state for one in rows} == {"answered"}
    assert {one.answer for one in rows} == {"可以，提货时给团长。"}
    sent = desk.read(lambda s: [one.kind for one in s.exec(select(Outbox))])
    assert len(sent) == 2
    assert ("reply", "open") not in state(desk), "what the replies offered is a draft already"
    again = act(desk, "gap_answer", **fields)
    assert "已经有人处理" in again
    assert desk.read(lambda s: len(s.exec(select(Outbox)).all())) == len(sent)


def test_rubbish_and_others(desk: Desk) -> None:
    for deed in ("", "remove", "erase", "golden_run"):
        assert desk.post("/console/gaps/do", deed=deed).status_code == 400
    for question in ("", "x", "-1", "9" * 30, "424242"):
        page = act(desk, "gap_dismiss", question=question, scope="all")
        assert "data-toast" in page
    assert desk.client.post("/console/gaps/do", data={"deed": "gap_undo", "id": "1"}).status_code == 403
    for words in ("%", "<script>alert(1)</script>", "啊" * 300):
        assert "<script>alert" not in desk.get("/console/gaps/entries", words=words, question="1")
    for start in ("-1", "x", "999999999999"):
        desk.get("/console/gaps", rows="1", start=start)
    assert "几点能提货" in desk.get("/console/gaps/entries", words="提货", question="1")


def test_without_a_script_it_works_too(desk: Desk) -> None:
    first = ask(desk, "能用现金付吗")[0]
    answer = desk.post("/console/gaps/do", deed="gap_dismiss", question=str(first), scope="all", text="能用现金付吗")
    assert answer.status_code == 303
    assert "这个不用管了" in desk.get(answer.headers["location"])


def test_what_leaders_offered_is_taken_or_declined(desk: Desk) -> None:
    def offer(session: Session) -> None:
        for at, text in enumerate(("停车位在哪里", "有没有发票")):
            row = Proposal(
                origin="reply", key=f"question:9{at}", scope="all", phrasings=[text], answer="门口左手边就有。"
            )
            row.made_at = keeping.NOW
            session.add(row)

    desk.write(offer)
    page = listed(desk)
    assert "停车位在哪里" in page
    assert "团长回复" in page
    ids = re.findall(r'value="accept_proposal".*?name="id" value="(\d+)"', page, re.DOTALL)
    assert len(ids) == 2
    assert "进了草稿" in desk.do("accept_proposal", id=ids[0], answer="门口右手边。", back="/console/gaps")
    assert "不要了" in desk.do("decline_proposal", id=ids[1], back="/console/gaps")
    assert [one for _, one in state(desk)] == ["accepted", "declined"]


# ---------------------------------------------------------------- the bench


def test_the_bench_answers_as_a_neighbour_is_answered_and_says_why(desk: Desk) -> None:
    page = unescape(desk.get("/console/try", q="草莓烂了怎么退"))
    assert "拍照发群里，当天退。" in page
    assert "直接回答" in page
    assert "<mark>草莓烂了" in page
    way = re.search(r'href="(/console/knowledge/\d+\?at=spoiled[^"]*)"', page)
    assert way is not None
    assert 'id="spoiled" data-at' in desk.get(way.group(1).partition("#")[0])
    assert "不回答" in desk.get("/console/try", q="今天股票涨了吗") or "转给团长" in desk.get(
        "/console/try", q="今天股票涨了吗"
    )
    for rubbish in ("", " ", "%", "<script>alert(1)</script>", "\x00", "啊" * 1000):
        assert "<script>alert" not in desk.get("/console/try", q=rubbish, scope="group:9999999")
    assert "几点" in desk.get("/console/try", q="几点能提货", group=str(desk.group))


def test_only_ones_own_groups_can_be_asked_as(desk: Desk) -> None:
    group = desk.group
    other = desk.write(lambda session: keeping.group(session, "别家的群"))
    desk.add(
        [{"id": "theirs", "question": "会员日是几号？", "answer": "十八号。"}], "own.jsonl", scope=f"group:{other}"
    )
    assert "十八号" in desk.get("/console/try", q="会员日是几号", scope=f"group:{other}")
    assert "十八号" not in desk.get("/console/try", q="会员日是几号", scope=f"group:{group}")
    desk.write(lambda session: keeping.sample_leader(session, group))
    desk.sign_in("leader")
    page = desk.get("/console/try", q="会员日是几号", scope=f"group:{other}")
    assert "十八号" not in page
    assert "别家的群" not in page
    assert "记成必考题" not in page


@pytest.mark.parametrize("scope", ["group:" + "9" * 30, "region:" + "9" * 30, "group:²", "group:x"])
def test_a_group_that_cannot_be_is_nobody(desk: Desk, scope: str) -> None:
    assert "拍照发群里，当天退。" in unescape(desk.get("/console/try", q="草莓烂了怎么退", scope=scope))


def test_what_is_wrong_is_put_right_with_one_tap(desk: Desk) -> None:
    page = desk.do("golden_add", question="烂草莓咋办", relevant="spoiled", scope="all", back="/console/try?q=x")
    assert "记成必考题了" in page
    case = desk.read(lambda s: s.exec(select(GoldenCase)).one())
    assert case.relevant == ["spoiled"]
    page = desk.do("golden_remove", id=str(case.id), back="/console/golden")
    undo = page[page.index("data-toast") :]
    assert 'value="golden_add"' in undo
    assert 'value="烂草莓咋办"' in undo
    desk.do("entry_phrase", document="1", entry="spoiled", texts="烂草莓咋办", back="/console/try?q=x")
    assert "烂草莓咋办" in desk.get("/console/knowledge/1?version=2")


def test_used_words_are_marked() -> None:
    assert page_requests.highlighted("草莓烂了能退吗", "烂了怎么退") == [
        ("草莓", False),
        ("烂了", True),
        ("能退吗", False),
    ]
    assert page_requests.highlighted("", "x") == []
    assert page_requests.highlighted("WIFI 密码", "wifi 是啥")[0] == ("WIFI", True)
    assert "".join(text for text, _ in page_requests.highlighted("İ大小写会变长", "大小")) == "İ大小写会变长"
    assert page_requests.weight([("ab", True), ("c", False)]) == 2


# ---------------------------------------------------------------- golden cases


def test_cases_are_run_and_the_trend_is_told_beside_the_chart(desk: Desk) -> None:
    assert "还没有必考题" in desk.get("/console/golden")
    desk.do("golden_add", question="几点能提货", relevant="pickup", scope="all", back="/console/golden")
    desk.do("golden_add", question="水果坏了咋办", relevant="points", scope="all", back="/console/golden")
    for _ in range(2):
        page = desk.do("golden_run", back="/console/golden")
        for _ in range(100):
            if "delay:700ms" not in page:
                break
            time.sleep(0.05)
            page = desk.get("/console/golden")
    desk.program.clock.set(keeping.NOW + timedelta(hours=1))  # type: ignore[attr-defined]
    page = unescape(desk.get("/console/golden"))
    assert "没答好</span>" in page
    assert "答对</span>" in page
    assert "golden-trend" in page
    assert page.count("<table") >= 2
    desk.do("golden_add", question="积分会不会过期", relevant="points", scope="all", back="/console/golden")
    assert "还没考" in desk.get("/console/golden")
    assert "没有这样的题目" in desk.get("/console/golden", q="没有的题")
    desk.get("/console/golden", before="x")


def test_entries_are_offered_for_a_new_case(desk: Desk) -> None:
    page = desk.get("/console/golden/suggest", question="草莓烂了")
    assert 'value="spoiled" checked' in page
    assert "该用哪条问答" in desk.get("/console/golden/suggest", question="")


def test_a_case_of_an_entry_that_is_not_there_is_refused(desk: Desk) -> None:
    page = desk.do("golden_add", question="几点能提货", relevant="nothing", scope="all", back="/console/golden")
    assert "没有这条问答" in page
    assert desk.read(lambda s: s.exec(select(GoldenCase)).first()) is None
    page = desk.do("golden_remove", id="77", back="/console/golden")
    assert "必考题没有第 77 条" in page
