"""The words people read: each is used and each that is used is there, gets its values, and is short, plain and lawful."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.routing import Routes
from engagement.kernel import Event, Place
from engagement.registry import FEATURES
from prompts.loader import Texts, UnknownText, plain, texts
from tests.engagement.stage import Stage, open_stage
from tests.full import part

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "console", "scheduler", "engagement", "knowledge", "storage", "prompts", "benchmarks")
SLICES = sorted({key.partition(".")[0] for key in texts().keys()})  # noqa: SIM118 - not a mapping
CHAT = ("guard", *(feature.name for feature in FEATURES))
"""Files of what is said in chats; the others are read on pages and in a terminal."""
ROOMS = {slice_.removeprefix("console_") for slice_ in SLICES if slice_.startswith("console_")}
"""Rooms of the console: `room.name` in its templates and its `say(…)` is a text of console_<room>.toml."""
FOREIGN = {"charts.js", "htmx.min.js"}
"""Scripts that others wrote; the words in them name nothing of ours."""
KEY = re.compile(rf"({'|'.join(SLICES)})\.([a-z][a-z0-9_]*)")
NOT_KEYS = {"css", "js", "html", "toml", "json", "py", "md", "svg", "png", "db"}
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\u2b50]")
LISTS = {
    "members.help_all",
    "members.help_heading",
    "members.help_leader",
    "members.help_short",
    "members.help_short_alone",
    "theme.next",
    "groups.leader_start",
}
"""Said in private or asked for, and long because they are lists."""
AD_LAW = (
    *(
        "最佳",
        "最好的",
        "最低价",
        "最优惠",
        "最便宜",
        "全网最",
        "史上最",
        "第一品牌",
        "销量第一",
        "国家级",
        "世界级",
        "顶级",
    ),
    *(
        "极品",
        "绝对",
        "百分之百",
        "100%",
        "独家",
        "史无前例",
        "万能",
        "根治",
        "特效",
        "永久",
        "包治",
        "稳赚",
        "保证赚",
        "零风险",
    ),
)

# ---------------------------------------------------------------- what code names

pytestmark = [pytest.mark.xdist_group("texts"), pytest.mark.untraced]


class Named:
    """Text keys that stand in code: whole ones, patterns of f-strings, and bare names that a helper puts behind a slice."""

    def __init__(self) -> None:
        self.whole: dict[str, str] = {}
        self.families: list[re.Pattern[str]] = []
        self.open: set[str] = set()
        self.names: set[str] = set()
        self.parts: list[re.Pattern[str]] = []

    def uses(self, key: str) -> bool:
        slice_, _, name = key.partition(".")
        if key in self.whole or any(family.fullmatch(key) for family in self.families):
            return True
        if slice_.startswith("console_"):
            return False
        return slice_ in self.open and (name in self.names or any(part.fullmatch(name) for part in self.parts))


def _pattern(node: ast.JoinedStr) -> tuple[str, str]:
    """(the constant beginning, a regular expression of the whole) of an f-string."""
    pieces = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
    expression = "".join("[a-z0-9_]*" if piece is None else re.escape(str(piece)) for piece in pieces)
    return str(pieces[0] or "") if pieces else "", expression


def _not_texts(tree: ast.Module, rooms: bool) -> set[int]:
    """Strings that look like keys and are names of commands, statements, loggers, log events and acts.

    With ``rooms`` what is said there are keys of the console's rooms, which :func:`read_room` looks up.
    """
    found: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        is_log = isinstance(owner, ast.Name) and owner.id in {"log", "_log", "_LOG"}
        if (name in {"Command", "Prepared", "_alike", "_count", "get_logger", "getLogger"} or is_log) and node.args:
            found.add(id(node.args[0]))
        if rooms and name in {"say", "t"} and node.args and "." in str(getattr(node.args[0], "value", "")):
            found.add(id(node.args[0]))
        found.update(id(keyword.value) for keyword in node.keywords if keyword.arg in {"action", "name", "reads"})
    return found


@cache
def named() -> Named:
    result = Named()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            _read_module(path, result)
        for path in sorted((ROOT / package).rglob("*.html")) + sorted((ROOT / package).rglob("*.js")):
            if path.name in FOREIGN:
                continue
            source = path.read_text("utf-8")
            if package == "console":
                read_page(source, path.name, result)
            result.names.update(re.findall(r"[\"'`]([a-z][a-z0-9_]*)[\"'`]", source))
            result.names.update(re.findall(r"\.([a-z][a-z0-9_]*)", source))
            for start in re.findall(r"[\"']([a-z][a-z0-9_]*_)[\"']\s*[~+]", source):
                result.parts.append(re.compile(f"{start}[a-z0-9_]+"))
    return result


def read_page(source: str, where: str, result: Named) -> None:
    """Keys of a template: `t("name")` and `t("room.name")` must be there; `"room.begin_" ~ x` uses a family of them."""
    for room, name, more in re.findall(r"\bt\(\s*[\"'](?:([a-z][a-z0-9_]*)\.)?([a-z][a-z0-9_]*)[\"'](\s*~)?", source):
        slice_ = f"console_{room}" if room else "console"
        if not more:
            result.whole.setdefault(f"{slice_}.{name}", where)
    for room, start in re.findall(r"[\"']([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*_|)[\"']\s*~", source):
        result.families.append(re.compile(rf"console_{room}\.{start}[a-z0-9_]+"))
    for room, name in re.findall(r"[\"']([a-z][a-z0-9_]*)\.([a-z0-9_]*[a-z0-9])[\"']", source):
        result.families.append(re.compile(rf"console_{room}\.{name}"))


def read_room(node: ast.AST, where: str, result: Named) -> None:
    """Keys of rooms in the console's own modules: `say("room.name")` must be there, any other `"room.name"` uses it."""
    if (
        isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in {"say", "t"}
        and node.args
    ):
        key = node.args[0]
        written = key.value if isinstance(key, ast.Constant) else None
        if isinstance(written, str) and re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z0-9_]+", written):
            result.whole.setdefault(f"console_{written}", f"{where}:{node.lineno}")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        room, dot, name = node.value.partition(".")
        if dot and room in ROOMS and re.fullmatch("[a-z0-9_]+", name):
            result.families.append(re.compile(rf"console_{room}\.{name}{'[a-z0-9_]+' if name.endswith('_') else ''}"))
    elif isinstance(node, ast.JoinedStr):
        start, expression = _pattern(node)
        if start.partition(".")[0] in ROOMS and "." in start:
            result.families.append(re.compile(f"console_{expression}"))


def _read_module(path: Path, result: Named) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    where = path.relative_to(ROOT).as_posix()
    skipped = _not_texts(tree, where.startswith("console/"))
    for node in ast.walk(tree):
        if where.startswith("console/"):
            read_room(node, where, result)
        if isinstance(node, ast.JoinedStr):
            start, expression = _pattern(node)
            slice_, dot, rest = start.partition(".")
            if dot and slice_ in SLICES:
                if rest or expression != f"{slice_}\\.[a-z0-9_]*":
                    result.families.append(re.compile(expression))
                else:
                    result.open.add(slice_)
            elif re.fullmatch(r"[a-z][a-z0-9]*_", start):
                result.parts.append(re.compile(expression))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            found = KEY.fullmatch(node.value)
            if found and node.value.endswith("_"):
                result.families.append(re.compile(f"{re.escape(node.value)}[a-z0-9_]+"))
            elif found and found.group(2) not in NOT_KEYS:
                result.whole.setdefault(node.value, f"{where}:{node.lineno}")
            elif re.fullmatch(r"[a-z][a-z0-9_]*", node.value):
                result.names.add(node.value)


def test_every_text_that_code_names_is_there() -> None:
    there = set(texts().keys())
    missing = {key: where for key, where in named().whole.items() if key not in there}
    assert not missing


def test_every_text_is_used() -> None:
    rows = {match.group(2) for key in texts().keys() for match in _rows(texts().raw(key))}  # noqa: SIM118
    unused = [key for key in texts().keys() if key not in rows and not named().uses(key)]  # noqa: SIM118
    assert not unused


def _rows(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(r"\{([a-z][a-z0-9_]*):([a-z][a-z_]*\.[a-z0-9_]+)\}", text)


def test_the_scan_can_fail() -> None:
    found = Named()
    found.families.append(re.compile("points\\.board_[a-z0-9_]*"))
    found.open.add("cli")
    found.names.add("no_file")
    assert found.uses("points.board_week")
    assert found.uses("cli.no_file")
    assert not found.uses("cli.no_such")
    assert not found.uses("points.nothing")
    assert not found.uses("guard.no_file")


def test_the_scan_of_pages_can_fail() -> None:
    """A room's text counts as used only where its room is named; a key that no file has is found with its place."""
    found = Named()
    page = (
        """{{ t("planted.title") }} {{ t('planted.state_' ~ state) }} {{ t("title") }} {% set key = "planted.lost" %}"""
    )
    read_page(page, "planted.html", found)
    assert found.whole == {"console_planted.title": "planted.html", "console.title": "planted.html"}
    assert found.uses("console_planted.title")
    assert found.uses("console_planted.state_open")
    assert found.uses("console_planted.lost")
    assert not found.uses("console_planted.state_")
    found.open.add("console_planted")
    found.names.add("unused")
    assert not found.uses("console_planted.unused")
    module = ast.parse('say("planted.said")\nlog.info("planted.logged")')
    for node in ast.walk(module):
        read_room(node, "planted.py", found)
    assert found.whole["console_planted.said"] == "planted.py:1"
    assert "console_planted.logged" not in found.whole


# ---------------------------------------------------------------- values


def test_rows_of_lists_are_texts() -> None:
    known = set(texts().keys())
    for key in known:
        for match in _rows(texts().raw(key)):
            assert match.group(2) in known, key


def test_braces_are_placeholders() -> None:
    for key in texts().keys():  # noqa: SIM118
        rest = re.sub(r"\{[a-z][a-z0-9_]*(:[a-z][a-z_]*\.[a-z0-9_]+)?\}", "", texts().raw(key))
        assert "{" not in rest, key
        assert "}" not in rest, key


def _refusals() -> Iterator[tuple[str, str, set[str]]]:
    """(where, key, names of the values) of every refusal that is raised with its values."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal" and node.args):
                    continue
                key = node.args[0]
                if isinstance(key, ast.Constant) and key.value and all(keyword.arg for keyword in node.keywords):
                    names = {str(keyword.arg) for keyword in node.keywords}
                    yield f"{path.name}:{node.lineno}", str(key.value), names


def test_a_refusal_brings_the_values_of_its_text() -> None:
    checked = list(_refusals())
    assert len(checked) > 30
    wrong = [(where, key) for where, key, names in checked if texts().placeholders(key) - names]
    assert not wrong


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Two weeks in which about everything is said and pressed."""
    stage = open_stage(tmp_path_factory.mktemp("story"), FEATURES, "2026-12-01T09:00")
    stage.happen(Event.BOT_ADDED, "周团长", group_name="阳光花园", can_read=False)
    stage.happen(Event.JOIN, "周团长", subject="王姐", subject_name="王姐")
    for number in range(1, 15):
        for who in ("李阿姨", "王姐"):
            stage.say(who, "签到", f"2026-12-{number:02d}T09:00")
            for message in stage.say(who, "今日话题"):
                stage.say(who, "我家腌了两坛泡菜", quoting=message)
    everything = [command.words[0] for feature in FEATURES for command in feature.commands]
    arguments = (
        "",
        " 李阿姨 20 帮忙搬货",
        " 提货点 东门",
        " 22:00-7:00",
        " Asia/Shanghai",
        " 李阿姨",
        " 月",
        " 你家的拿手菜是什么？",
    )
    for turn, who in enumerate(("李阿姨", "周团长", "新来的")):
        for number, word in enumerate(everything):
            for argument in part(arguments, 3, turn + number):
                for message in stage.say(who, word + argument):
                    for button in message.buttons[:2]:
                        stage.say(who, "", button=button.key)
    for word in everything:
        stage.say("李阿姨", word, private=True)
        stage.say("路人", word, private=True)
    return stage


def test_what_is_said_has_its_values(story: Stage) -> None:
    """Every text, closing paragraph, list row and button label of the story."""
    wrong: set[tuple[str, str]] = set()

    def check(key: str, values: object) -> None:
        if not key:
            return
        assert hasattr(values, "keys"), key
        missing = texts().placeholders(key) - set(values.keys())
        wrong.update((key, name) for name in missing)
        for match in _rows(texts().raw(key)):
            for row in values.get(match.group(1), ()):  # type: ignore[attr-defined]
                check(match.group(2), row)

    for message in story.said:
        for key in (message.key, *message.tails):
            check(key, message.values)
        for button in message.buttons:
            check(button.label, button.values)
    assert not wrong
    assert len({message.key for message in story.said}) > 40


# ---------------------------------------------------------------- tone


def test_texts_are_short() -> None:
    long = {key: len(texts().raw(key)) for key in texts().keys() if len(texts().raw(key)) > 400}  # noqa: SIM118
    assert not long


@pytest.mark.parametrize("slice_", CHAT)
def test_what_is_said_in_a_group_is_shorter(slice_: str) -> None:
    mine = [key for key in texts().keys() if key.startswith(f"{slice_}.")]  # noqa: SIM118
    assert mine
    assert not {key: len(texts().raw(key)) for key in mine if key not in LISTS and len(texts().raw(key)) > 200}


def test_at_most_one_emoji() -> None:
    many = [key for key in texts().keys() if len(EMOJI.findall(texts().raw(key))) > 1]  # noqa: SIM118
    assert not many


def test_no_word_that_the_advertising_law_forbids() -> None:
    found = [(key, word) for key in texts().keys() for word in AD_LAW if word in texts().raw(key)]  # noqa: SIM118
    assert not found


def test_what_stands_in_corner_brackets_can_be_sent() -> None:
    """「…」 in a chat text is a command that exists, somebody's words, or a name."""
    routes = Routes(FEATURES)
    wrong = []
    for key in texts().keys():  # noqa: SIM118
        if key.partition(".")[0] not in CHAT:
            continue
        for inside in re.findall("「([^」]+)」", texts().raw(key)):
            if "{" in inside or inside in ALSO_SENT:
                continue
            if routes.command(re.sub("编号|群名", "3", inside), place=Place.DM) is None:
                wrong.append((key, inside))
    assert not wrong


ALSO_SENT = {
    "几点能提货",  # an example of a question
    "草莓烂了一半能退吗",
    "不用回",  # in a quote of a question
    "周末能提货吗",
    "那周末呢",
    "不对，应该是……",  # in a quote of an answer
    "跳过",  # in the guided dialogue
    "只给 3",  # beside a file
    "只给 群名",
    "发布",  # with a number behind it
    "拦",  # in a column of a list of words
    "不拦",
}


def test_nothing_is_left_unfinished() -> None:
    for key in texts().keys():  # noqa: SIM118
        text = texts().raw(key)
        assert text.strip(), key
        assert not re.search(r"TODO|XXX|FIXME|待补", text), key
        assert "  " not in text.strip() or key.partition(".")[0] not in CHAT, key
        assert text.count("**") % 2 == 0, key


# ---------------------------------------------------------------- the loader


def test_a_value_is_shown_and_never_looked_into() -> None:
    words = Texts(
        {"a.b": "{name}，{points}", "a.list": "有：\n{rows:a.row}", "a.row": "- {name}", "a.lines": "{lines}"}
    )
    assert words.fill("a.b", {"name": "{points}", "points": 5}) == "{points}，5"
    assert words.fill("a.list", {"rows": [{"name": "甲"}, {"name": "乙"}]}) == "有：\n- 甲\n- 乙"
    assert words.fill("a.lines", {"lines": ["一", "二\n三"]}) == "一\n二 三"
    assert words.fill("a.b", {"name": "<b>", "points": 1}, lambda value: value.replace("<", "&lt;")) == "&lt;b>，1"
    with pytest.raises(KeyError):
        words.fill("a.b", {"name": "x"})
    with pytest.raises(TypeError):
        words.fill("a.list", {"rows": "x"})
    with pytest.raises(UnknownText):
        words.raw("a.c")


@given(st.text(max_size=60))
def test_any_value_stays_on_its_line(value: str) -> None:
    shown = plain(value)
    assert "\n" not in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]", shown)
