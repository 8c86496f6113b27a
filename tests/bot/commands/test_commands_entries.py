"""``kb entry``, ``kb golden``, ``kb gaps --grouped`` and what follows: by themselves, and words for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.commands import kb as commands_kb
from storage import migrate
from storage.documents import Question
from storage.engine import Session, open_database
from storage.groups import Group
from storage.learning import AnswerTally
from tests.bot.commands.test_commands_kb import _server

FAQ = (
    '{"id":"hours","question":"几点可以提货？","aliases":["取货到几点"],"answer":"下午四点到八点。"}\n'
    '{"id":"refund","question":"退款多久到账？","aliases":["钱几天退"],"answer":"三天内。"}\n'
)


def kb(data: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(commands_kb.app, [*arguments, "--data", str(data), "--json"])
    assert done.exit_code == 0, done.output + done.stderr
    return json.loads(done.stdout)


def said(data: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands_kb.app, [*arguments, "--data", str(data)])
    assert done.exit_code == code, done.output + done.stderr
    return str(done.stderr if code else done.stdout)


@pytest.fixture
def data(data_dir: Path, tmp_path: Path) -> Path:
    """A directory with two entries, two groups and three questions without an answer."""
    database = open_database(data_dir)
    migrate.upgrade(database)

    def make(session: Session) -> None:
        now = datetime.now(UTC)
        for number in (1, 2):
            session.add(Group(channel="play", external_id=f"g{number}", name="期", created_at=now))
        session.flush()
        for text, group in (("附近有停车位吗", 1), ("有停车位吗", 2), ("能不能开发票", 1)):
            session.add(Question(text=text, group_id=group, asked_at=now - timedelta(hours=1)))
        day = (now - timedelta(days=2)).date()
        session.add(AnswerTally(group_id=1, local_date=day, answered=9, handed_over=1, relayed=1, relay_seconds=120))

    database.write_now(make)
    database.close()
    path = tmp_path / "faq.jsonl"
    path.write_text(FAQ, "utf-8")
    kb(data_dir, "add", str(path), "--publish")
    return data_dir


def test_an_entrys_life(data: Path) -> None:
    assert kb(data, "entry", "show", "refund")["answer"] == "三天内。"
    done = kb(data, "entry", "phrase", "refund", "退的钱啥时候到", "几点可以提货")
    assert (done["document"], done["version"], done["phrasings"]) == (1, 2, 4)
    assert [(one["kind"], one["other"]) for one in done["clashes"]] == [("same", "hours")]
    assert kb(data, "entry", "phrase", "refund", "几点可以提货", "--remove")["clashes"] == []
    kb(data, "entry", "phrase", "refund", "退款几天到账呀", "--instead", "钱几天退")
    kb(data, "entry", "answer", "refund", "五天内。")
    shown = kb(data, "entry", "show", "refund")
    assert (shown["state"], shown["answer"], len(shown["phrasings"])) == ("scanned", "五天内。", 3)
    assert kb(data, "ask", "退款多久到账")["answer"] == "三天内。"
    kb(data, "publish", "1")
    assert kb(data, "ask", "退款多久到账")["answer"] == "五天内。"
    made = kb(data, "entry", "new", "南门有 3 个。", "有停车位吗", "能停车吗", "--scope", "group:g1")
    kb(data, "publish", str(made["document"]))
    assert kb(data, "ask", "有停车位吗", "--group", "g1")["answer"] == "南门有 3 个。"
    assert kb(data, "ask", "有停车位吗")["decision"] != "answered"
    kb(data, "entry", "split", "refund", "一天内。", "退款几天到账呀", "--id", "fast")
    kb(data, "entry", "merge", "hours", "fast", "--answer", "keep")
    assert kb(data, "entry", "show", "fast")["entry"] == "hours"
    kb(data, "entry", "move", "refund", "group:g2")
    kb(data, "entry", "drop", "hours")
    assert "hours" in said(data, "entry", "show", "hours", code=2)


def test_the_golden_set_warns_when_something_is_published(data: Path, tmp_path: Path) -> None:
    kb(data, "golden", "add", "退款多久到账呢", "refund")
    kb(data, "golden", "add", "火星上有水吗", "--none")
    path = tmp_path / "more.jsonl"
    path.write_text('{"query":"几点可以提货","relevant":["hours"]}\n', "utf-8")
    assert kb(data, "golden", "import", str(path)) == {"cases": 1}
    assert kb(data, "golden", "run")["figures"]["n"] == 3
    listed = kb(data, "golden", "list")
    assert (len(listed["cases"]), len(listed["runs"])) == (3, 1)
    kb(data, "golden", "remove", str(listed["cases"][1]["id"]))
    kb(data, "entry", "drop", "refund")
    assert kb(data, "publish", "1")["lost"] == ["退款多久到账呢"]
    assert said(data, "golden", "add", "谁", "nobody", code=2)
    assert said(data, "golden", "add", "没有答案", code=2)
    assert said(data, "golden", "list")


def test_from_a_gap_to_an_answer(data: Path) -> None:
    found = kb(data, "gaps", "--grouped")["gaps"]
    assert [one["count"] for one in found] == [2, 1]
    first = str(found[0]["questions"][-1])
    made = kb(data, "propose", first, "南门有 3 个，先到先停。")
    assert len(made["phrasings"]) == 2
    assert kb(data, "proposals")["proposals"][0]["id"] == made["id"]
    done = kb(data, "accept-proposal", str(made["id"]))
    kb(data, "publish", str(done["document"]))
    assert kb(data, "ask", "有停车位吗")["answer"] == "南门有 3 个，先到先停。"
    other = kb(data, "propose", str(found[1]["questions"][0]), "--entry", "refund")
    kb(data, "decline-proposal", str(other["id"]))
    assert kb(data, "gaps", "--grouped")["gaps"] == []
    assert "7" in said(data, "decline-proposal", "7", code=2)


def test_the_week_and_the_doubles(data: Path) -> None:
    week = kb(data, "week")
    assert (week["all"]["questions"], week["all"]["coverage"], week["all"]["hand_over_seconds"]) == (10, 0.9, 120.0)
    assert week["waiting"] == 3
    assert [one["entry"] for one in kb(data, "duplicates")["few"]] == ["hours", "refund"]


def test_words_for_people(data: Path) -> None:
    for words in (
        ["entry", "show", "hours"],
        ["entry", "phrase", "hours", "几点拿货"],
        ["entry", "phrase", "hours", "几点拿货"],
        ["gaps", "--grouped"],
        ["propose", "1", "南门有 3 个，先到先停。"],
        ["proposals"],
        ["accept-proposal", "1"],
        ["proposals"],
        ["duplicates"],
        ["week"],
        ["golden", "list"],
        ["golden", "add", "几点提货", "hours"],
        ["golden", "run"],
    ):
        assert said(data, *words).strip(), words


def test_bad_input_is_one_line(data: Path) -> None:
    for words in (
        ["entry", "show", "nothing"],
        ["entry", "answer", "hours", "在{password}"],
        ["entry", "phrase", "hours", "？"],
        ["entry", "merge", "hours", "hours"],
        ["entry", "move", "hours", "mars"],
        ["entry", "split", "hours", "好。", "几点可以提货", "取货到几点"],
        ["propose", "x", "好的好的"],
        ["accept-proposal", "9"],
        ["golden", "run"],
        ["golden", "remove", "9"],
    ):
        assert said(data, *words, code=2).count("\n") == 1, words


def test_with_a_server_the_same_commands_talk_to_it(data: Path) -> None:
    with _server(data):
        assert kb(data, "entry", "answer", "refund", "五天内。")["version"] == 2
        kb(data, "publish", "1")
        assert kb(data, "ask", "退款多久到账")["answer"] == "五天内。"
        assert kb(data, "gaps", "--grouped")["gaps"]
