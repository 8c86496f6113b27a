"""The calendar on the command line: files looked through, a draft until it runs, other words, a preview; and dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from bot import campaign_check, trial
from bot import play as playing
from bot.commands import push_watching
from bot.commands.push import app
from bot.main import Program, open_program, replay
from bot.settings import Settings
from engagement.kernel import Outcome, Outgoing, Receipt
from knowledge.errors import KnowledgeRefusal
from prompts.campaigns import FOLDER, packs
from scheduler.campaigns import Progress, Standing
from storage.audit import AuditRow
from storage.campaigns import Campaign, Delivery, Fire
from storage.engine import Session
from storage.groups import Identity
from storage.outbox import Outbox

pytestmark = pytest.mark.xdist_group("push-calendar")

SCRIPT = (
    '{"at":"2026-12-01T07:00:00+08:00","group":"g1","create":{"name":"测试群","zone":"Asia/Shanghai","leader":"u9","leader_name":"周团长"}}',
    '{"at":"2026-12-01T07:01:00+08:00","member":"u9","name":"周团长","text":"帮助","id":"m1"}',
    '{"at":"2026-12-01T07:02:00+08:00","group":"g1","member":"u1","name":"李阿姨","text":"签到","id":"m2"}',
    '{"at":"2026-12-01T07:03:00+08:00","grant":"staff","member":"u9"}',
    '{"at":"2026-12-01T12:00:00+08:00"}',
)
GOOD = """
key = "spring-fair"
name = "春天集市"
form = "own"
slogan = "下楼逛一圈"
when = {day = "06-18"}

[[beat]]
day = -3
at = "10:00"
phase = "warm"
title = "还有三天"
text = "{group}的邻居，{peak}见。"

[[beat]]
at = "10:00"
phase = "peak"
title = "今天开市"
text = "早上好，今天开市。"
other = "开市啦，慢慢逛。"
poster = true
"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory after a morning."""
    folder = tmp_path_factory.mktemp("calendar")
    script = folder / "script.jsonl"
    script.write_text("\n".join(SCRIPT), encoding="utf-8")
    asyncio.run(replay(playing.read_script(script), folder / "data", Settings(), lambda _line: None))
    return folder / "data"


@pytest.fixture
def program(played: Path) -> Iterator[Program]:
    made = open_program(played, answers=False, own=False)
    yield made
    made.close()


def run(*arguments: str, data: Path | None = None, **more: Any) -> Result:
    where = ["--data", str(data)] if data is not None else []
    return CliRunner().invoke(app, [*arguments, *where], **more)


def as_json(data: Path, *arguments: str) -> Any:
    result = run(*arguments, "--json", data=data)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(data: Path, *arguments: str, words: str = "") -> str:
    result = run(*arguments, data=data)
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert words in result.stderr
    return result.stderr


def file(folder: Path, text: str = GOOD, name: str = "fair.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# ---------------------------------------------------------------- files


def test_a_good_file_is_good(tmp_path: Path) -> None:
    result = run("check", file(tmp_path))
    assert result.exit_code == 0
    assert "没有问题" in result.stdout
    found = json.loads(run("check", file(tmp_path), "--json").stdout)
    assert found == {
        "ok": True,
        "files": [{"file": str(tmp_path / "fair.toml"), "key": "spring-fair", "complaints": []}],
    }


def test_the_ready_year_is_good() -> None:
    result = run("check", *map(str, sorted(FOLDER.glob("*.toml"))), "--year", "2027")
    assert result.exit_code == 0, result.stdout
    assert len([line for line in result.stdout.splitlines() if "没有问题" in line]) >= len(packs()) - 2


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('key = "spring-fair"', 'key = "Spring Fair"', "开头", "小写字母"),
        ('name = "春天集市"', "", "开头", "缺 name"),
        ('form = "own"', 'form = "party"', "开头", "form 只能写其中一个"),
        ('slogan = "', 'colour = "red"\nslogan = "', "开头", "没有 colour"),
        ('when = {day = "06-18"}', "", "第 1 条", "没说是哪天"),
        ('{day = "06-18"}', '{day = "06-31", monthly = 8}', "开头", "只写一种日子"),
        ('{day = "06-18"}', "{monthly = 8, months = [13]}", "开头", "months"),
        ('{day = "06-18"}', '{day = "06-18", cycle = true}', "开头", "monthly 或 weekly"),
        ('{day = "06-18"}', "{monthly = 40}", "开头", "1 到 28"),
        ('{day = "06-18"}', '{festival = "xmas"}', "开头", "没有“xmas”这个节日"),
        ('at = "10:00"\nphase = "warm"', 'at = "25:00"\nphase = "warm"', "第 1 条", "10:00"),
        ('phase = "warm"', 'phase = "hot"', "第 1 条", "phase 只能写其中一个"),
        ('title = "还有三天"', f'title = "{"长" * 17}"', "第 1 条", "17 个字，最多 16 个"),
        ("{peak}见", "{peek}见", "第 1 条", "{peek} 没人认得"),
        ("poster = true", 'poster = "yes"', "第 2 条", "true 或 false"),
        ("day = -3", "day = 0", "开头", "同一天"),
        ("早上好，", "看 https://evil.example/x ，", "第 2 条 今天开市", "链接"),
        ("[[beat]]\nday", "[[beat\nday", "整个文件", "第 8 行"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, old: str, new: str, place: str, words: str) -> None:
    assert old in GOOD
    result = run("check", file(tmp_path, GOOD.replace(old, new, 1)))
    assert result.exit_code == 2
    line = next(one for one in result.stdout.splitlines() if "请看一眼" not in one)
    assert line.startswith(f"fair.toml　{place}")
    assert words in line
    assert line.count("。") <= 2


def test_several_things_are_told_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace('form = "own"', 'form = "party"')
        .replace("{peak}", "{peek}")
        .replace("poster = true", "poster = 1")
    )
    assert len(run("check", file(tmp_path, text)).stdout.splitlines()) == 3


def test_what_is_doubtful_is_told_and_may_stay(tmp_path: Path) -> None:
    doubtful = GOOD.replace("早上好，", "全网最低价，").replace(
        'at = "10:00"\nphase = "warm"', 'at = "23:00"\nphase = "warm"'
    )
    result = run("check", file(tmp_path, doubtful))
    assert result.exit_code == 0
    assert "广告法不让说" in result.stdout
    assert "免打扰" in result.stdout
    missing = run("check", str(tmp_path / "nothing.toml"))
    assert missing.exit_code == 2
    assert "打不开" in missing.stdout
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in run("check", str(tmp_path / "raw.toml")).stdout


def test_words_that_are_held_back_here_are_refused() -> None:
    from engagement.moderation import rules
    from prompts.wordlists import ListedWord

    own = rules.Lexicon.of([ListedWord("土味情话", rules.OWN)])
    assert campaign_check.of_words("今晚讲土味情话", [own]) == [("“土味情话”在禁用词表里，请换掉。", True)]
    assert campaign_check.of_words("今晚讲故事", [own]) == []


# ---------------------------------------------------------------- a plan's life


def test_a_draft_is_approved_and_taken_back(played: Path, tmp_path: Path, program: Program) -> None:
    made = as_json(played, "import", file(tmp_path), "--year", "2027", "--scope", "group:1")["imported"]
    key = "spring-fair:group:1:2027"
    assert (made["key"], made["state"], made["beats"], made["first_day"]) == (key, "draft", 2, "2027-06-15")
    refused(played, "import", file(tmp_path), "--year", "2027", "--scope", "group:1", words="已经排过")
    refused(played, "import", file(tmp_path), "--scope", "group:99", words="没有这个范围")
    refused(played, "import", file(tmp_path), "--scope", "everybody", words="没有这个范围")
    refused(played, "pause", key, words="还是草稿")
    refused(played, "withdraw", key, words="本来就是草稿")
    assert as_json(played, "approve", key, "--by", "周团长")["state"] == "approved"
    refused(played, "approve", key, words="批准过")
    refused(played, "approve", key, "--by", "没有这人", words="找不到这一位")
    foreseen = as_json(played, "plan", "--from", "2027-06-15", "--to", "2027-06-18", "--group", "测试群")
    mine = [one for one in foreseen["pushes"] if one["campaign"] == key]
    assert [(one["local_date"], one["state"], one["name"]) for one in mine] == [
        ("2027-06-15", "planned", "春天集市"),
        ("2027-06-18", "planned", "春天集市"),
    ]
    assert mine[0]["text"] == "还有三天\n测试群的邻居，6月18日见。"
    assert as_json(played, "pause", "spring-fair") == {"campaign": key, "state": "paused"}
    assert as_json(played, "calendar", "--year", "2027")["plans"][-1]["state"] in {"approved", "paused", "running"}
    assert {one["state"] for one in as_json(played, "calendar")["plans"] if one["key"] == key} == {"paused"}
    assert as_json(played, "resume", str(made["id"])) == {"campaign": key, "state": "running"}
    assert as_json(played, "withdraw", key)["state"] == "draft"
    refused(played, "resume", key, words="先批准")
    assert as_json(played, "approve", key)["state"] == "approved"
    rows = program.database.read_now(lambda s: s.exec(select(AuditRow)).all())
    acts = [row.action for row in rows if json.loads(row.details) == {"plan": made["id"]}]
    assert acts == ["calendar.planned", "calendar.approved", "calendar.withdrawn", "calendar.approved"]


def test_what_has_begun_is_not_taken_back(played: Path, program: Program) -> None:
    plan = next(one for one in as_json(played, "calendar")["plans"] if one["form"] == "terms")
    campaign = program.database.read_now(lambda s: s.exec(select(Campaign).where(Campaign.key == plan["key"])).one())

    def fire(session: Session) -> None:
        now = datetime(2026, 12, 1, tzinfo=UTC)
        session.add(Fire(campaign_id=campaign.id or 0, group_id=1, local_date=now.date(), due_at=now, fired_at=now))

    program.database.write_now(fire)
    refused(played, "withdraw", plan["key"], words="已经有群收到")
    assert next(one for one in as_json(played, "calendar")["plans"] if one["id"] == plan["id"])["state"] == "running"


def test_a_year_that_is_over_or_none_is_told(played: Path, tmp_path: Path) -> None:
    refused(played, "import", file(tmp_path), "--year", "27", words="2020")
    refused(played, "calendar", "--year", "20270", words="2099")
    as_json(played, "import", file(tmp_path), "--year", "2021")
    listed = [{one["key"] for one in as_json(played, "calendar", *year)["plans"]} for year in ((), ("--year", "2021"))]
    assert ["spring-fair:2021" in keys for keys in listed] == [False, True]
    assert "一条也不会推" in run("approve", "spring-fair:2021", data=played).stdout


def test_an_empty_calendar_says_what_to_do(tmp_path: Path) -> None:
    assert "push import" in run("calendar", data=tmp_path / "new").stdout
    refused(tmp_path / "new", "show", "nothing", words="没有这个活动")


@pytest.mark.parametrize("wanted", ["year-gala:2026", "year-gala", "咱们群的年度盛典"])
def test_a_plan_is_found_by_what_people_call_it(played: Path, wanted: str) -> None:
    found = as_json(played, "show", wanted)
    assert found["name"] == "咱们群的年度盛典"
    assert as_json(played, "show", str(found["id"]))["key"] == found["key"]


# ---------------------------------------------------------------- words and previews


def test_other_words_win_where_they_are_nearest(played: Path) -> None:
    def read(*more: str) -> str:
        return str(as_json(played, "preview", "farm-winter:2026", "1", "--group", "g1", *more)["text"])

    ready = read()
    first = as_json(played, "word", "farm-winter:2026", "1", "--scope", "all", "--text", "都来看看白菜。")
    assert (first["scope"], first["warned"]) == ("all", [])
    assert read().endswith("都来看看白菜。")
    as_json(played, "word", "farm-winter:2026", "1", "--scope", "group:1", "--text", "{group}看白菜。\\n{hotline}")
    assert read().endswith("\n测试群看白菜。"), "a line whose figure nobody told is left out"
    shown = as_json(played, "show", "farm-winter:2026")["lines"][0]
    assert set(shown["own"]) == {"all", "group:1"}
    assert "group:1 自己的文案" in run("show", "farm-winter:2026", data=played).stdout
    as_json(played, "word", "farm-winter:2026", "1", "--scope", "group:1", "--reset")
    as_json(played, "word", "farm-winter:2026", "1", "--scope", "all", "--reset")
    assert read() == ready


def test_words_are_looked_at(played: Path) -> None:
    def word(*more: str) -> tuple[str, ...]:
        return ("word", "farm-winter:2026", "1", "--scope", "group:1", *more)

    refused(played, *word("--text", "{grup}好"), words="grup")
    refused(played, *word("--text", "长" * 181), words="181")
    refused(played, *word("--text", "看 https://evil.example/x"), words="链接")
    refused(played, *word(), words="--text")
    refused(played, *word("--text", "好", "--reset"), words="--text")
    refused(played, "word", "farm-winter:2026", "99", "--scope", "all", "--text", "好", words="没有“99”这一条")
    refused(played, "word", "farm-winter:2026", "1", "--scope", "group:7", "--text", "好", words="没有这个范围")
    assert as_json(played, *word("--text", "全网最低价的白菜"))["warned"]
    run(*word("--reset"), data=played)


def test_a_preview_is_what_the_channel_shows(played: Path) -> None:
    found = as_json(played, "preview", "year-gala:2026", "今天，道一声谢", "--group", "1", "--channel", "telegram")
    assert found["html"]
    assert found["text"].startswith("<b>今天，道一声谢</b>\n")
    assert found["day"] == "2026-12-24"
    plain = run("preview", "year-gala:2026", "12-24", "--group", "测试群", data=played)
    assert "<b>" not in plain.stdout
    assert "2026-12-24 周四" in plain.stdout
    refused(played, "preview", "year-gala:2026", "1", "--group", "nowhere", words="没有这个群")
    refused(played, "preview", "year-gala:2026", "1", "--group", "1", "--channel", "fax", words="fax")
    night = run("preview", "night-talk:2026", "1", "--group", "1", data=played)
    assert "没有打开" in night.stdout
    course = as_json(played, "preview", "first-week", "1", "--group", "1")
    assert course["day"] == "2026-12-02", "counted from the group's own beginning"


# ---------------------------------------------------------------- a trial


class Line:
    """A channel that keeps what it is given."""

    def __init__(self, outcome: Outcome = Outcome.SENT) -> None:
        self.sent: list[Outgoing] = []
        self.outcome = outcome

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        return Receipt(self.outcome, provider_id="p1", reason="" if self.outcome is Outcome.SENT else "rejected")


def tried(program: Program, **more: object) -> dict[str, Any]:
    request = {"plan": "year-gala:2026", "beat": 1, "to": "周团长", "group": 1, **more}
    return asyncio.run(trial.handle(program, request, lambda *_: None))


def test_a_trial_goes_to_who_looks_after_the_group_and_to_nobody_else(program: Program) -> None:
    line = program.senders["play"] = Line()
    assert tried(program) == {"sent": True, "channel": "play", "to": "周团长", "reason": "sent"}
    (message,) = line.sent
    assert (message.conversation, message.place.value, message.key) == ("u9", "dm", "push.trial")
    assert message.tails[0] == "campaigns.beat"
    for who in ("李阿姨", "u1", "nobody"):
        with pytest.raises(KnowledgeRefusal) as no:
            tried(program, to=who)
        assert no.value.key == "push.test_nobody"
    assert len(line.sent) == 1
    rows = program.database.read_now(lambda s: s.exec(select(Outbox).where(Outbox.conversation == "u9")).all())
    assert all(row.body == "" for row in rows if row.state == "sent")


def test_a_trial_says_why_it_did_not_arrive(program: Program) -> None:
    program.senders["play"] = Line(Outcome.REJECTED)
    assert tried(program)["reason"] == "rejected"
    with pytest.raises(KnowledgeRefusal) as no:
        tried(program, plan="nothing:2026")
    assert no.value.key == "push.test_gone"

    def shut(opened: bool) -> None:
        def write(session: Session) -> None:
            one = session.exec(select(Identity).where(Identity.external_id == "u9")).one()
            one.dm_open = opened
            session.add(one)

        program.database.write_now(write)

    shut(False)
    with pytest.raises(KnowledgeRefusal) as no:
        tried(program)
    shut(True)
    assert no.value.key == "push.test_closed"


def test_a_trial_needs_a_server(played: Path) -> None:
    refused(played, "test", "year-gala:2026", "1", "--to", "周团长", words="服务开着")


# ---------------------------------------------------------------- dead letters


def doubtful(program: Program, state: str = "unknown") -> int:
    """Make one push unknown; returns its number."""

    def write(session: Session) -> int:
        sent = session.exec(select(Delivery).where(Delivery.state == "sent")).first()
        assert sent is not None
        now = datetime.now(UTC)
        body = Outgoing.load(
            '{"kind":"push","channel":"play","place":"group","conversation":"g1","feature":"campaigns",'
            '"key":"campaigns.beat","values":{"title":"题","body":["正文"]}}'
        ).dump()
        row = Delivery(
            campaign_id=sent.campaign_id,
            group_id=sent.group_id,
            local_date=sent.local_date + timedelta(days=30 + (state == "failed")),
            recipient=0 if state == "unknown" else 1,
            shard="x",
            state=state,
            reason="cut" if state == "unknown" else "gone",
            body=body if state == "unknown" else "",
            attempts=1,
            due_at=now,
            expires_at=now,
        )
        session.add(row)
        session.flush()
        return row.id or 0

    return program.database.write_now(write)


def test_dead_letters_are_told_in_words_and_settled(played: Path, program: Program) -> None:
    assert "没有推失败的" in run("failed", data=played).stdout
    number, failed = doubtful(program), doubtful(program, "failed")
    found = {one["id"]: one for one in as_json(played, "failed")["letters"]}
    assert found[number]["reason_text"] == "没等到平台回话"
    assert found[number]["text"] == "题\n正文"
    assert found[failed]["advice"].startswith("请团长把机器人重新拉进群")
    shown = run("failed", data=played).stdout
    assert f"{number}　不确定" in shown
    assert "push settle" in shown
    refused(played, "settle", str(number), "maybe", words="sent")
    refused(played, "resend", str(number), words="--yes")
    refused(played, "resend", str(failed), "--yes", words="不能再推")
    refused(played, "resend", "999999", "--yes", words="没有编号")
    refused(played, "resend", "第一条", "--yes", words="编号是")
    refused(played, "settle", "1" * 30, "sent", words="编号是")
    assert as_json(played, "resend", str(number), "--yes")["resent"] == [number]
    refused(played, "settle", str(number), "sent", words="已经有结果")
    program.database.write_now(lambda s: change_state(s, number, "unknown"))
    assert as_json(played, "settle", str(number), "skip") == {"id": number, "state": "skipped"}


def change_state(session: Session, number: int, state: str) -> None:
    row = session.get_one(Delivery, number)
    row.state = state
    session.add(row)


# ---------------------------------------------------------------- watching


def test_watching_ends_when_nothing_waits(capsys: pytest.CaptureFixture[str]) -> None:
    left = [Progress(ready=2), Progress(ready=2), Progress(ready=1), Progress()]
    waits: list[float] = []
    push_watching.follow(lambda: ([], left.pop(0)), lambda _, one: [f"{one.ready}"], None, waits.append)
    assert capsys.readouterr().out.splitlines() == ["2", "1", "0", "推完了。"], "told again only when it has changed"
    assert waits == [1.0, 1.0, 1.0]
    left = [Progress(held=1), Progress()]
    push_watching.follow(lambda: ([], left.pop(0)), lambda *_: [], lambda _, one: {"held": one.held}, waits.append)
    assert capsys.readouterr().out.splitlines() == ['{"held": 1}', '{"held": 0}']


def test_watching_waits_for_what_comes_soon(capsys: pytest.CaptureFixture[str]) -> None:
    def due(minutes: int) -> list[Standing]:
        return [Standing("k", "topic", "", "running", next_at=datetime.now(UTC) + timedelta(minutes=minutes))]

    looks = [(due(5), Progress()), (due(1440), Progress(ready=1)), (due(1440), Progress())]
    push_watching.follow(lambda: looks.pop(0), lambda _, one: [f"{one.ready}"], None, lambda _: None)
    assert capsys.readouterr().out.splitlines() == ["0", "1", "0", "推完了。"]
    push_watching.follow(lambda: (due(11), Progress()), lambda *_: [], None, lambda _: None)
    assert "没有在排队的" in capsys.readouterr().out


def test_watching_can_be_left(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    push_watching.follow(lambda: ([], Progress(ready=1)), lambda *_: ["x"], None, interrupt)
    assert capsys.readouterr().out == "x\n"


def test_status_says_how_long(played: Path) -> None:
    found = as_json(played, "status", "topic", "--watch")
    assert found["campaigns"][0]["campaign"] == "topic"
    assert set(found["progress"]) >= {"ready", "later", "held", "per_second", "seconds_left", "floor_seconds"}


# ---------------------------------------------------------------- a plan of one group


def test_a_year_needs_a_group(played: Path) -> None:
    year = ("plan", "--from", "2027-01-01", "--to", "2027-12-31")
    refused(played, *year, words="--group")
    refused(played, "plan", "--from", "2027-01-01", "--to", "2029-12-31", "--group", "1", words="400")
    refused(played, "plan", "--from", "2027-01-01", "--to", "2027-01-02", "--group", "9", words="没有这个群")


def test_a_month_of_one_group_reads_day_by_day(played: Path) -> None:
    shown = run("plan", "--from", "2026-12-08", "--to", "2026-12-31", "--group", "g1", data=played).stdout
    assert shown.startswith("测试群（编号 1，Asia/Shanghai）")
    assert "2026-12-22 周二　今天群里 2 条，最多 4 条" in shown
    assert "节气饭桌　会推" in shown
    assert "咱们群的年度盛典　不推（群刚建，先不发这个）" in shown
    assert "最满的一天" in shown
    brief = run(
        "plan",
        "--from",
        "2026-12-08",
        "--to",
        "2026-12-31",
        "--group",
        "g1",
        "--brief",
        "--kind",
        "calendar",
        data=played,
    ).stdout
    assert "每日话题" not in brief
    assert len(brief) < len(shown) / 2
    assert (
        "没有“nope”这一类"
        in run("plan", "--from", "2026-12-08", "--to", "2026-12-09", "--kind", "nope", data=played).stdout
    )


def test_what_goes_out_together_has_one_number(played: Path) -> None:
    found = as_json(played, "plan", "--from", "2027-01-01", "--to", "2027-01-01", "--group", "1")
    together = [one for one in found["pushes"] if one["local_time"].startswith("2027-01-01T10:00") and one["message"]]
    assert {one["kind"] for one in together} == {"theme", "calendar"}
    assert len({one["message"] for one in together}) == 1
    assert [one["along"] for one in together] == [False, True]
    assert all(one["unasked"] <= one["budget"] for one in found["pushes"])
    assert "并进上一条" in run("plan", "--from", "2027-01-01", "--to", "2027-01-02", "--group", "1", data=played).stdout
