"""``play``: the contract's lines and keys, the simulated clock, the same output twice, and bad scripts."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.play import BadScript, read_script
from bot.settings import Settings
from bot.verification import verify
from tests.bot.scripts import Played, at, create, instant, play, write_script
from tests.full import part

pytestmark = [pytest.mark.xdist_group("starter"), pytest.mark.untraced]
KEYS = {
    "id",
    "at",
    "kind",
    "group",
    "to",
    "reply_to",
    "feature",
    "key",
    "text",
    "values",
    "buttons",
    "picture",
    "citations",
}
KINDS = {"reply", "push", "dm", "edit", "reaction"}
MORNING = [
    create("2026-12-01T07:00"),
    at("2026-12-01T08:00", group="g1", member="u1", name="李阿姨", text="签到", id="m1"),
    at("2026-12-01T08:01", group="g1", member="u1", name="李阿姨", text="积分", id="m2"),
    at("2026-12-01T08:02", group="g1", member="u2", name="王姐", text="你家孩子几岁了", id="m3"),
    at("2026-12-01T08:03", group="g1", member="u2", name="王姐", text="几点能提货", addressed=True, id="m4"),
    at("2026-12-01T08:04", group="g1", member="u1", button="board:week", id="m5"),
    at("2026-12-01T08:05", group="g1", join="u3", name="陈师傅", invited_by="u1"),
    at("2026-12-01T08:06", group="g1", leave="u3"),
    at("2026-12-01T08:07", grant="staff", member="u8"),
    at("2026-12-01T08:08", member="u1", text="积分", id="m6"),
    at("2026-12-01T23:00"),
    at("2026-12-03T15:00", group="g1", join="u4", name="小赵", invited_by="u1"),
]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A day played once, looked at by several tests."""
    return play(tmp_path_factory.mktemp("play") / "data", MORNING)


def test_every_line_has_the_contract_s_keys(morning: Played) -> None:
    for line in morning.lines:
        assert line.keys() >= KEYS, line
        assert line["kind"] in KINDS
        assert isinstance(line["values"], dict)
        assert line["group"] in ("g1", None)
        assert line["group"] or line["to"]
        assert line["text"]
    assert len({line["id"] for line in morning.lines}) == len(morning.lines)
    assert [instant(line) for line in morning.lines] == sorted(instant(line) for line in morning.lines)


def test_the_summary_counts(morning: Played) -> None:
    assert morning.summary.keys() >= {"messages", "replies", "pushes", "refusals", "faults", "bugs"}
    pushes = [line for line in morning.lines if line["kind"] == "push"]
    assert morning.summary["messages"] == 5
    assert morning.summary["pushes"] == len(pushes)
    assert morning.summary["replies"] == len(morning.lines) - len(pushes)
    assert [morning.summary[name] for name in ("refusals", "faults", "bugs")] == [0, 0, 0]


def test_points_and_check_in(morning: Played) -> None:
    (first,) = morning.answers_to("m1")
    assert (first["key"], first["values"]["points"], first["values"]["streak"]) == ("checkin.first", 5, 1)
    assert (first["feature"], first["group"], first["text"].count("\n")) == ("checkin", "g1", 2)
    (points,) = morning.answers_to("m2")
    assert (points["key"], points["values"]["balance"]) == ("points.balance", 5)


def test_chatter_questions_buttons_private(morning: Played) -> None:
    assert morning.answers_to("m3") == []
    assert [line["key"] for line in morning.answers_to("m4")] == ["faq.handed_over"]
    (board,) = morning.answers_to("m5")
    assert {button["key"] for button in board["buttons"]} >= {"board:day", "board:month", "board:all"}
    assert all(button["label"] for button in board["buttons"])
    (private,) = morning.answers_to("m6")
    assert (private["group"], private["to"], private["values"]["balance"]) == (None, "u1", 5)
    assert "groups.welcome" in morning.keys("push")


def test_the_clock_fires_what_is_due_on_its_way(morning: Played) -> None:
    topics = [line for line in morning.lines if line["key"] == "topic.push"]
    assert [instant(line).astimezone(instant(line).tzinfo).isoformat()[:16] for line in topics] == [
        "2026-11-30T23:30",
        "2026-12-01T23:30",
        "2026-12-02T23:30",
    ]


def test_the_same_script_gives_the_same_output(tmp_path: Path, morning: Played) -> None:
    again = play(tmp_path / "data", MORNING)
    assert again.lines == morning.lines
    assert again.summary == morning.summary


def test_a_redelivery_changes_nothing(tmp_path: Path, morning: Played) -> None:
    lines = [twice for line in MORNING for twice in ([line, line] if "id" in line else [line])]
    again = play(tmp_path / "data", lines)
    assert again.lines == morning.lines


def test_a_second_script_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = play(folder, MORNING)
    second = play(
        folder,
        [
            at("2026-12-02T08:00", group="g1", member="u1", text="签到", id="n1"),
            at("2026-12-02T08:01", group="g1", member="u1", text="积分", id="n2"),
            at("2026-12-02T08:02", group="g1", member="u1", text="积分", id="m2"),
        ],
    )
    (points,) = second.answers_to("n2")
    assert points["values"]["balance"] > 5
    assert second.answers_to("m2") == [], "a redelivery over two runs"
    assert not {line["id"] for line in first.lines} & {line["id"] for line in second.lines}


def test_a_quote_of_a_line(tmp_path: Path) -> None:
    played = play(
        tmp_path / "data",
        [
            create("2026-12-01T07:00"),
            at("2026-12-01T08:00", group="g1", member="u1", name="李阿姨", text="今日话题", id="m1"),
            at(
                "2026-12-01T08:01",
                group="g1",
                member="u2",
                name="王姐",
                text="我家腌了两坛泡菜",
                reply_to="o5",
                id="m2",
            ),
        ],
    )
    (topic,) = [line for line in played.lines if line["reply_to"] == "m1"]
    again = play(
        tmp_path / "other",
        [
            create("2026-12-01T07:00"),
            at("2026-12-01T08:00", group="g1", member="u1", name="李阿姨", text="今日话题", id="m1"),
            at("2026-12-01T08:01", group="g1", member="u2", text="我家腌了两坛泡菜", reply_to=topic["id"], id="m2"),
        ],
    )
    assert [line["key"] for line in again.answers_to("m2")] == ["topic.counted_first"]


def test_two_weeks_hold_their_books(tmp_path: Path) -> None:
    """Two groups in two zones, check-ins, gifts, takings and days that nobody speaks; then every invariant."""
    lines: list[Any] = [
        create("2026-12-01T07:00"),
        create("2026-12-01T07:01", "g2", "u8", zone="Asia/Urumqi", name="二期"),
    ]
    for day in range(1, 15):
        for member in ("u1", "u2", "u3"):
            if (day + int(member[1])) % 4:
                group = "g2" if member == "u3" else "g1"
                lines.append(
                    at(f"2026-12-{day:02d}T09:0{member[1]}", group=group, member=member, name=member, text="签到")
                )
    lines.append(at("2026-12-15T09:00", group="g1", member="u9", name="周团长", text="加分 u1 20 帮忙搬货", id="give"))
    lines.append(at("2026-12-15T09:01", group="g1", member="u9", text="扣分 u1 5 算错了", id="take"))
    lines.append(at("2026-12-15T09:02", group="g1", member="u1", text="积分", id="sum"))
    lines.append(at("2026-12-15T09:03", group="g1", member="u9", text="扣分 u1 100 太多了", id="no"))
    folder = tmp_path / "data"
    played = play(folder, lines)
    (balance,) = played.answers_to("sum")
    (taken,) = played.answers_to("take")
    assert balance["values"]["balance"] == taken["values"]["balance"]
    assert [line["key"] for line in played.answers_to("no")] == ["points.too_few"]
    assert (played.summary["bugs"], played.summary["faults"], played.summary["refusals"]) == (0, 0, 1)
    days = {line["at"][:10] for line in played.lines if line["key"] == "topic.push" and line["group"] == "g1"}
    assert len(days) == 15
    assert all(check.ok for check in verify(folder, Settings()))


# ---------------------------------------------------------------- bad scripts

BAD = {
    "not JSON": "{",
    "not an object": "[1]",
    "no at": '{"group": "g1"}',
    "no offset": '{"at": "2026-12-01T08:00:00"}',
    "no date": '{"at": "tomorrow"}',
    "a number for at": '{"at": 5}',
    "an unknown role": '{"at":"2026-12-01T08:00:00+08:00","grant":"king","member":"u1"}',
    "a role for nobody": '{"at":"2026-12-01T08:00:00+08:00","grant":"staff"}',
    "create without a group": '{"at":"2026-12-01T08:00:00+08:00","create":{}}',
    "create that is no object": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","create":"x"}',
    "an unknown zone": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","create":{"zone":"Mars/Olympus"}}',
    "a zone out of the folder": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","create":{"zone":"../../etc/passwd"}}',
    "join without a group": '{"at":"2026-12-01T08:00:00+08:00","join":"u1"}',
    "leave of nobody": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","leave":""}',
    "text of nobody": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","text":"x"}',
    "text that is no text": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","member":"u1","text":5}',
    "a group that is no text": '{"at":"2026-12-01T08:00:00+08:00","group":["g1"],"member":"u1","text":"x"}',
    "media of an unknown kind": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","member":"u1","text":"x","media":"film"}',
    "media of nobody": '{"at":"2026-12-01T08:00:00+08:00","group":"g1","media":"photo"}',
    "deeply nested": "[" * 100_000,
    "a button of nobody": '{"at":"2026-12-01T08:00:00+08:00","button":"points:"}',
    "the first year": '{"at":"0001-01-01T00:00:00+08:00"}',
    "the last year": '{"at":"9999-12-31T00:00:00+08:00","group":"g1","member":"u1","text":"明日话题"}',
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_script_ends_with_2_and_one_line(tmp_path: Path, what: str) -> None:
    script = write_script(tmp_path / "bad.jsonl", [BAD[what]])
    result = CliRunner().invoke(app, ["play", str(script), "--data", str(tmp_path / "data"), "--json"])
    assert result.exit_code == 2, (result.output, result.exception)
    assert len(result.stderr.strip().splitlines()) == 1
    assert "line " in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_time_does_not_go_back(tmp_path: Path) -> None:
    script = write_script(
        tmp_path / "bad.jsonl", [at("2026-12-01T08:00"), at("2026-12-01T08:00"), at("2026-12-01T07:59")]
    )
    with pytest.raises(BadScript, match=r"line 3.*back"):
        list(read_script(script))


def test_a_bad_line_in_the_middle(tmp_path: Path) -> None:
    """What stood before it was played; the message names the line."""
    script = write_script(tmp_path / "bad.jsonl", ["", json.dumps(MORNING[0]), "", "{"])
    with pytest.raises(BadScript, match="line 4"):
        list(read_script(script))


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["play", str(tmp_path / "none.jsonl"), "--data", str(tmp_path / "data")])
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_empty_script(tmp_path: Path) -> None:
    assert list(read_script(write_script(tmp_path / "empty.jsonl", ["", "  "]))) == []


def test_unknown_keys_and_nulls_are_ignored(tmp_path: Path) -> None:
    lines = [
        {**create("2026-12-01T07:00"), "comment": {"by": "nobody"}},
        at("2026-12-01T08:00", group="g1", member="u1", name=None, text="签到", id=None, reply_to=None, x=1),
        {**at("2026-12-01T08:00", group="g1", member="u1", text="积分"), "at": "2026-12-01T00:00:00Z"},
    ]
    played = play(tmp_path / "data", lines)
    assert played.keys("reply") == ["checkin.first", "points.balance"]


def test_as_words(tmp_path: Path) -> None:
    """Without --json people read it."""
    script = write_script(tmp_path / "day.jsonl", MORNING[:2])
    result = CliRunner().invoke(app, ["play", str(script), "--data", str(tmp_path / "data")])
    assert result.exit_code == 0, result.exception
    assert "g1 reply: 李阿姨" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("共 1 条消息")


def test_a_directory_that_a_server_owns(tmp_path: Path) -> None:
    from bot.main import Ownership

    owner = Ownership(tmp_path / "data")
    script = write_script(tmp_path / "day.jsonl", MORNING[:2])
    result = CliRunner().invoke(app, ["play", str(script), "--data", str(tmp_path / "data")])
    owner.release()
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------- rubbish


def rubbish(shared: Path) -> list[str]:
    found = []
    for path in sorted((shared / "data" / "abuse" / "text").glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n"):
            text = json.loads(line).get("text") if line else None
            if isinstance(text, str):
                found.append(text)
    return found


def test_rubbish_as_names_and_words(tmp_path: Path, shared: Path) -> None:
    """Rows of the collection, typed to the bot by somebody of that name, and in arguments and buttons: no bug."""
    texts = part(rubbish(shared), 5)
    assert len(texts) > 90
    lines: list[Any] = [create("2026-12-01T07:00")]
    moment = instant({"at": "2026-12-01T08:00:00+08:00"})
    for number, text in enumerate(texts):
        when = {"at": (moment + timedelta(seconds=number)).isoformat(), "group": "g1"}
        lines.append({**when, "member": f"x{number % 50}", "name": text, "text": text, "addressed": True})
        match number % 4:
            case 0:
                lines.append({**when, "member": f"y{number}", "name": text, "text": "签到", "id": f"a{number}"})
            case 1:
                lines.append({**when, "member": "u9", "text": f"加分 {text} 20 {text}"})
            case 2:
                lines.append({**when, "member": "u1", "button": text})
            case 3:
                lines.append({**when, "member": "u9", "text": f"群信息 热线 {text}"})
    end = moment + timedelta(seconds=len(texts))
    lines.append({"at": end.isoformat(), "group": "g1", "member": "u1", "text": "排行榜", "id": "board"})
    folder = tmp_path / "data"
    played = play(folder, lines)
    assert (played.summary["bugs"], played.summary["faults"]) == (0, 0)
    assert [line["key"] for line in played.answers_to("board")] == ["points.board_week"]
    for number in range(0, len(texts), 4):
        (said,) = played.answers_to(f"a{number}")
        whole = 2 if "连续 7 天有惊喜" in said["text"] else 1
        assert said["text"].count("\n") == whole, texts[number]
    assert all(check.ok for check in verify(folder, Settings()))


def test_a_card_is_a_file_of_the_data_directory(tmp_path: Path) -> None:
    """
    李阿姨: 打卡日历
    团团: 李阿姨，12 月打卡 1 天：1 日。…   [a picture]
    """
    lines = [
        create("2026-12-01T07:00"),
        at("2026-12-01T08:00", group="g1", member="u1", name="李阿姨", text="签到", id="m1"),
        at("2026-12-01T08:01", group="g1", member="u1", name="李阿姨", text="打卡日历", id="m2"),
    ]
    played = play(tmp_path / "data", lines)
    (calendar,) = played.answers_to("m2")
    assert (tmp_path / "data" / calendar["picture"]).read_bytes().startswith(b"\x89PNG")
    assert calendar["text"]
    again = play(tmp_path / "again", lines)
    assert [line["picture"] for line in again.lines] == [line["picture"] for line in played.lines]


def test_a_file_is_sent_in_private(tmp_path: Path) -> None:
    (tmp_path / "规则.md").write_text("水饺化了当天拍照发给团长。", encoding="utf-8")
    lines = [
        create("2026-12-01T08:00:00"),
        at("2026-12-01T08:01:00", member="w", grant="staff"),
        at("2026-12-01T08:02:00", id="f1", member="w", name="王运营", file="规则.md"),
        at("2026-12-01T08:03:00", id="f2", member="u1", name="李阿姨", file="规则.md"),
    ]
    played = play(tmp_path / "data", lines, answers=True)
    (begun,) = played.answers_to("f1")
    assert begun["key"] == "curation.file_reading"
    told = next(line for line in played.lines if line["key"] == "curation.file_draft")
    assert (told["kind"], told["reply_to"], told["values"]["name"]) == ("edit", begun["id"], "规则")
    assert [line["key"] for line in played.answers_to("f2")] == ["curation.file_not_you"]
    assert played.summary["bugs"] == 0


@pytest.mark.parametrize(
    "line", [{"file": "nowhere.md", "member": "w"}, {"file": "x.md", "member": "w", "group": "g1"}]
)
def test_a_file_that_cannot_be_sent_is_a_bad_line(tmp_path: Path, line: dict[str, str]) -> None:
    script = write_script(tmp_path / "bad.jsonl", [at("2026-12-01T08:00:00", **line)])
    with pytest.raises(BadScript, match="`file`"):
        list(read_script(script))
