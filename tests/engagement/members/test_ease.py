"""长辈模式 and 大字."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.main import open_program
from bot.settings import Mode, Settings, WebSettings
from engagement.easy import MORE, MOST_ROWS, shortened
from engagement.kernel import Button, Reply
from engagement.registry import FEATURES
from prompts.loader import texts
from tests.each import each
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    return opened


def test_private_answers_are_short_once_asked_for(stage: Stage) -> None:
    """
    李阿姨（私聊）: 长辈模式 → 好的，说短一点
    李阿姨（私聊）: 积分 → 一句，一个下一步；群里还是平常的样子
    李阿姨: 长辈模式 → 开着呢 [关掉长辈模式]
    """
    (usual,) = stage.say("李阿姨", "积分", private=True)
    assert keys(stage.say("李阿姨", "长辈模式", private=True)) == ["members.elder_on"]
    (short,) = stage.say("李阿姨", "积分", private=True)
    assert short.key == "members.easy_points_balance"
    assert len(shown(short)) < len(shown(usual))
    assert keys(stage.say("李阿姨", "积分")) == ["points.balance"]
    assert placeholders_match(short)
    (history,) = stage.say("李阿姨", "排行榜", private=True)
    assert len(history.tails) <= 1
    (on,) = stage.say("李阿姨", "长辈模式", private=True)
    assert on.key == "members.elder_is_on"
    (off,) = stage.say("李阿姨", "", button=on.buttons[0].key, private=True)
    assert keys(stage.say("李阿姨", "积分", private=True)) == ["points.balance"]
    stage.say("李阿姨", "", button=off.buttons[0].key, private=True)
    assert keys(stage.say("李阿姨", "积分", private=True)) == ["members.easy_points_balance"]


@pytest.mark.parametrize("words", ["退出长辈模式", "退长辈模式", "关掉长辈模式", "说普通一点"])
def test_one_word_is_the_way_out(stage: Stage, words: str) -> None:
    stage.say("李阿姨", "长辈模式", private=True)
    assert keys(stage.say("李阿姨", words, private=True)) == ["members.elder_off"]
    assert keys(stage.say("李阿姨", "积分", private=True)) == ["points.balance"]


def test_a_list_says_how_much_more_there_is(stage: Stage) -> None:
    for name in ("王姐", "赵叔", "孙姨", "周伯"):
        stage.say(name, "签到")
    stage.say("李阿姨", "长辈模式", private=True)
    (board,) = stage.say("李阿姨", "排行榜", private=True)
    assert "后面还有 2 条" in shown(board)


def test_it_is_mine_alone(stage: Stage) -> None:
    stage.say("王姐", "签到")
    stage.say("李阿姨", "长辈模式")
    assert keys(stage.say("王姐", "积分", private=True)) == ["points.balance"]


def test_who_is_in_no_group_may_ask_for_it(stage: Stage) -> None:
    assert keys(stage.say("路人", "长辈模式", private=True)) == ["members.elder_on"]
    assert keys(stage.say("路人", "大字", private=True)) == ["members.large_none"]


SHORT = sorted(key for key in texts().keys() if key.startswith("members.easy_"))  # noqa: SIM118
GIVEN = {"name", "streak", "count"}
"""What the answers that are shortened are given beside what their own words name."""


@each(SHORT)
def test_a_short_text_stands_for_one_that_gives_its_values(key: str) -> None:
    words = texts()
    usual = "{}.{}".format(*key.removeprefix("members.easy_").split("_", 1))
    assert usual in words.keys(), f"stands for {usual}, which is none"  # noqa: SIM118
    lacking = words.placeholders(key) - words.placeholders(usual) - GIVEN
    assert not lacking, f"{usual} does not give {sorted(lacking)}"
    assert len(words.raw(key)) <= 60, "too long"
    assert words.raw(key).count("\n") <= 1, "more than a fact and a next step"


@each(SHORT)
def test_a_short_text_is_what_is_said_for_the_usual_one(key: str) -> None:
    usual = "{}.{}".format(*key.removeprefix("members.easy_").split("_", 1))
    values = dict.fromkeys(texts().placeholders(key), 1)
    said = shortened(Reply(usual, values, tails=("points.statement_open",)))
    assert (said.key, said.tails) == (key, ()), said.key


def test_lists_are_cut_and_rights_stay_whole() -> None:
    rows = [{"rank": n} for n in range(10)]
    button = Button("x:1", "members.button_end")
    cut = shortened(Reply("points.board_week", {"rows": rows, "rank": 2}, tails=("a.b", "c.d"), buttons=[button]))
    assert (len(cut.values["rows"]), cut.tails, cut.buttons) == (MOST_ROWS, ("a.b", MORE), [button])  # type: ignore[arg-type]
    assert cut.values["easy_left"] == 10 - MOST_ROWS
    whole = Reply("members.mine", {"rows": rows}, tails=("a.b", "c.d"))
    assert shortened(whole) is whole
    lacking = Reply("points.balance", {"balance": 5})
    assert shortened(lacking).key == "points.balance"


@pytest.mark.parametrize(
    ("mode", "address", "pages"),
    [
        ("local", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("local", "", ""),
        ("production", "https://tuan.example", "https://tuan.example"),
        ("production", "", ""),
    ],
)
def test_nobody_is_sent_to_a_page_that_he_cannot_enter(
    stage: Stage, data_dir: Path, mode: str, address: str, pages: str
) -> None:
    """Where nobody has said under which address the pages stand, 大字 says so, and what helps meanwhile, without a link."""
    settings = Settings(mode=Mode(mode), web=WebSettings(public_url=address))
    program = open_program(data_dir, settings, answers=False)
    try:
        assert program.dispatcher.pages == pages
    finally:
        program.close()
    stage.gateway.dispatcher.pages = pages
    (said,) = stage.say("李阿姨", "大字")
    assert ("://" in shown(said)) is bool(pages)
    assert pages or "邻居登录还没开通" in shown(said)


def test_large_type_is_a_link_where_there_are_pages(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "大字")) == ["members.large_none"]
    stage.gateway.dispatcher.pages = "https://tuan.example"
    (link,) = stage.say("李阿姨", "大字")
    assert "https://tuan.example/h5?size=large" in shown(link)
