"""Cards: whatever somebody is called, the picture has its shape, fetches nothing and shows no box."""

from __future__ import annotations

import calendar
import io
import json
import re
import socket
import threading
import time
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from prompts import cards, lettering
from tests.full import part

pytestmark = pytest.mark.untraced

LINK = "https://t.me/example_bot?start=inv_0123456789abcdef"
HOSTILE = (
    "<img src=file:///etc/passwd>",
    "</div></div></body><script>alert(1)</script>",
    '"><style>*{display:none}</style>',
    "{{ 7 * 7 }}{% for x in y %}",
    "&lt;b&gt;\n\r\t第二行",
    "长" * 300,
    "W" * 300,
    "😀👩‍👩‍👧🎉",
    "垚燚𠮷龘𪚥",
    "\u202e管理员\u200b\ufeff",
    "Z̸̢̛͎a̷l̶g̵o̸",
    "مرحبا 안녕 สวัสดี",
    "",
)


def values(name: str, word: str) -> dict[str, Any]:
    """A card's values, with ``word`` wherever words go."""
    cases: dict[str, dict[str, Any]] = {
        "checkin": {"year": 2026, "month": 11, "today": 21, "done": [1, 2, 21], "points": 5, "said": word or "x"},
        "statement": {"year": 2026, "month": 11, "balance": 1280, "rows": [{"what": word, "points": 5}] * 3},
        "board": {"rows": [{"name": word, "points": 9}] * 3, "begin": "2026-11-15", "end": "2026-11-21"},
        "milestone": {"kind": "streak", "days": 30, "points": 25, "balance": 1280, "date": "2026-11-21"},
        "poster": {"link": LINK},
        "campaign": {"phase": "warm", "date": "2026-11-28", "left": 7},
    }
    found = cases[name]
    words = {key: word for key, kind in cards.SHAPES[name].items() if kind == ""}
    return {**words, **found} | (
        {"kind": "streak"} if name == "milestone" else {"phase": "warm"} if name == "campaign" else {}
    )


class Shape(HTMLParser):
    """Tags, classes and lines of a page; what a neighbour wrote must not change them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "onerror", "onload"}, (tag, attrs)
        self.tags.append((tag, dict(attrs).get("class") or ""))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def size(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        image.verify()
        assert image.format == "PNG"
        return image.size


@pytest.mark.parametrize("name", sorted(cards.SHAPES))
def test_every_card_is_drawn_from_little(name: str) -> None:
    few: dict[str, dict[str, object]] = {
        "checkin": {"year": 2026, "month": 2},
        "statement": {"month": 2},
        "poster": {"link": "x"},
    }
    width, height = size(cards.draw(name, few.get(name, {})))
    assert width == cards.WIDTH
    assert 600 < height < 2400


@pytest.mark.parametrize("name", sorted(cards.SHAPES))
def test_odd_words_change_no_tag(name: str) -> None:
    """Neither more nor fewer elements, at most another weight of type; a name never wraps."""
    usual = Shape(cards.page(name, values(name, "李阿姨")))
    for word in HOSTILE:
        odd = Shape(cards.page(name, values(name, word)))
        assert abs(len(odd.tags) - len(usual.tags)) <= 4, word  # two lines where one was
        assert {tag for tag, _ in odd.tags} <= {tag for tag, _ in usual.tags} | {"span"}, word
        for text in odd.text[4:]:
            assert "\u202e" not in text
            assert "\u200b" not in text


@pytest.mark.parametrize("name", sorted(cards.SHAPES))
def test_odd_words_leave_the_layout(name: str) -> None:
    _, usual = size(cards.draw(name, values(name, "李阿姨")))
    for word in HOSTILE:
        _, height = size(cards.draw(name, values(name, word)))
        assert abs(height - usual) <= 3 * 120, word  # a title and a sentence may take more lines


@pytest.mark.timeout(240)
def test_names_that_are_abuse(shared: Path) -> None:
    """Names and texts of the abuse set (FAULTS A9, A10), in every card."""
    folder = shared / "data" / "abuse" / "text"
    names = [
        str(json.loads(line)["text"])
        for file in ("names_nasty_dev.jsonl", "blns_dev.jsonl")
        for line in (folder / file).read_text("utf-8").split("\n")
        if line
    ]
    assert len(names) > 400
    for place, name in enumerate(cards.SHAPES):
        allowed = {tag for tag, _ in Shape(cards.page(name, values(name, "李阿姨"))).tags} | {"span"}
        for word in part(names, 6, place):
            found = Shape(cards.page(name, values(name, word)))
            assert {tag for tag, _ in found.tags} <= allowed, (name, word)
    for number, word in enumerate(part(names[:49], 3)):
        name = sorted(cards.SHAPES)[number % len(cards.SHAPES)]
        assert size(cards.draw(name, values(name, word)))[0] == cards.WIDTH


def test_a_machine_without_the_library_gets_a_plain_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("blitz_py")

    monkeypatch.setattr(cards, "_engine", missing)
    for name in cards.SHAPES:
        for word in HOSTILE[:6]:
            width, height = size(cards.draw(name, values(name, word)))
            assert (width, 400 < height < 2400) == (cards.WIDTH, True)
    assert "李阿姨" in cards.page("checkin", values("checkin", "李阿姨"), plain=True)


def reds(pixels: bytes) -> int:
    return sum(pixels[at : at + 3] == b"\xff\x00\x00" for at in range(0, len(pixels), 4))


def test_the_library_fetches_nothing(tmp_path: Path) -> None:
    """Even if a tag got through: no file is read and nobody is called."""
    red = tmp_path / "red.png"
    Image.new("RGB", (400, 400), "#ff0000").save(red)
    calls: list[object] = []
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(1.5)

        def wait() -> None:
            try:
                calls.append(server.accept()[1])
            except OSError:
                return

        waiting = threading.Thread(target=wait)
        waiting.start()
        there = f"http://127.0.0.1:{server.getsockname()[1]}"
        for tag in (
            f"<link rel=stylesheet href={there}/a.css>",
            f"<style>@import url({there}/b.css); @font-face {{ font-family: x; src: url({there}/x.ttf) format('ttf'); }}</style>",
            f"<body style='font-family:x;background-image:url({there}/c.png)'>x</body>",
            f"<img src={there}/d.png><iframe src={there}/e.html></iframe><object data={there}/f></object>",
            f"<svg width=9 height=9><image href='{there}/g.png' width=9 height=9 /></svg>",
            f"<script>fetch('{there}/h')</script><meta http-equiv=refresh content='0;url={there}/i'>",
        ):
            cards._engine()(tag, width=500)
        waiting.join()
    assert calls == []
    for tag in (
        f"<img src='file://{red}' width=400 height=400>",
        f"<div style='width:400px;height:400px;background-image:url(file://{red})'></div>",
    ):
        assert not reds(cards._engine()(tag, width=500)[2]), tag
        assert reds(cards._engine()(tag, width=500, allow_file_urls=True)[2]), "this test could see it"


def test_each_month_has_its_days_in_their_columns() -> None:
    """28 to 31 days, beginning on each day of the week."""
    seen = set()
    for year in range(2020, 2048):
        for month in range(1, 13):
            first, length = calendar.monthrange(year, month)
            seen.add((first, length))
            weeks: Any = cards._checkin({"year": year, "month": month, "done": [], "made_up": [], "frozen": []})
            days = [(column, day) for week in weeks["weeks"] for column, (day, _) in enumerate(week) if day]
            assert [day for _, day in days] == list(range(1, length + 1))
            assert all(date(year, month, day).weekday() == column for column, day in days)
            assert all(len(week) == 7 for week in weeks["weeks"])
            assert any(day for day, _ in weeks["weeks"][0])
            assert any(day for day, _ in weeks["weeks"][-1])
    assert len(seen) == 28


def test_a_day_has_one_state() -> None:
    page = cards.page(
        "checkin",
        {"year": 2026, "month": 2, "today": 3, "done": [1, 3, 99, -1], "made_up": [1, 2], "frozen": [1, 2, 4]},
    )
    found = re.findall(r'<div class="day ([a-z_ ]+)">(\d+)</div>', page)
    assert [one for one in found if one[0].strip()] == [
        ("done", "1"), ("made_up", "2"), ("done today", "3"), ("frozen", "4"),
    ]  # fmt: skip
    assert "2月打卡 3 天" in page


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("nothing", {}),
        ("../cards/board", {}),
        ("frame", {}),
        ("checkin", {"year": 2026, "month": 13}),
        ("checkin", {"year": 0, "month": 1}),
        ("checkin", {"year": True, "month": None}),
        ("statement", {"month": 0}),
        ("poster", {"link": ""}),
        ("poster", {"link": "x" * 301}),
        ("poster", {"link": 5}),
    ],
)
def test_what_cannot_be_drawn(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(cards.CannotDraw):
        cards.draw(name, wrong)


def test_values_of_a_wrong_kind_count_as_empty() -> None:
    wrong = {
        "name": 5, "group": ["x"], "year": 2026, "month": 2, "today": "x3", "done": "12", "streak": 10**30,
        "points": None, "made_up": [None, "x", {}], "frozen": {"a": 1}, "more": "ignored",
    }  # fmt: skip
    page = cards.page("checkin", wrong)
    assert "999,999,999" in page
    assert '<div class="p">−60</div>' in cards.page("statement", {"month": 2, "rows": [{"points": "-60"}]})
    assert "+0" not in page
    assert cards.page("board", {"rows": [5, None, {"name": None, "points": "x"}], "begin": "yesterday"})


CAMPAIGN = {"name": "邻里运动会", "slogan": "走两步也算", "title": "动一动", "date": "2027-05-22", "left": 9}


def test_a_campaign_shows_its_phase_in_words_and_colours_and_how_far_off_the_day_is() -> None:
    found = {phase: cards.page("campaign", {**CAMPAIGN, "phase": phase}) for phase in ("warm", "peak", "last", "")}
    colours = {phase: re.findall(r"linear-gradient\(135deg, (#\w+)", page)[-1] for phase, page in found.items()}
    assert len(set(colours.values())) == 4
    said = {phase: re.sub("<[^>]*>", " ", page.partition("<body>")[2]).split() for phase, page in found.items()}
    assert [one[0] for one in said.values()] == ["快到了", "正当时", "还在进行", "邻里运动会"]
    shown = "邻里运动会 走两步也算 动一动 5月22日 2027年 · 星期六 还有 9 天 团团助手 和邻居一起，人多热闹"
    assert said["warm"][1:] == shown.split()
    assert "动一动" in cards.page("campaign", CAMPAIGN, plain=True)
    today = cards.page("campaign", {**CAMPAIGN, "left": 0, "today": True})
    assert ">今天<" in today and "还有" not in today
    assert "还有" not in cards.page("campaign", {**CAMPAIGN, "left": 0})
    assert 'class="rule"' not in cards.page("campaign", {"name": "一年"}), "nothing to count towards"


def test_the_longest_words_of_a_campaign_stand_on_one_line_each() -> None:
    """What the calendar allows is never cut, only set smaller; what is longer still ends with an ellipsis."""
    longest = {"name": "长" * 14, "slogan": "一二三四五" * 6, "title": "题" * 16}
    page = cards.page("campaign", {**CAMPAIGN, **longest})
    assert all(f">{word}</span>" in page for word in longest.values())
    assert "题…" in cards.page("campaign", {**CAMPAIGN, "title": "题" * 40})
    assert size(cards.draw("campaign", {**CAMPAIGN, **longest})) == size(cards.draw("campaign", CAMPAIGN))


def test_a_campaign_is_drawn_in_a_tenth_of_a_second() -> None:
    """Of the processor's time, the best of three: other work on the machine does not count."""
    cards.draw("campaign", CAMPAIGN)
    took = []
    for left in (1, 2, 3):
        begin = time.process_time()
        cards.draw("campaign", {**CAMPAIGN, "left": left})
        took.append(time.process_time() - begin)
    assert min(took) < 0.1, took


def test_the_code_can_be_read_from_the_poster() -> None:
    """Each module is where the code's own matrix has it, with four modules of white around."""
    modules = cards.qr_modules(LINK)
    with Image.open(io.BytesIO(cards.draw("poster", values("poster", "李阿姨")))) as image:
        grey = image.convert("L")
    width, height = grey.size
    dark = [[grey.getpixel((x, y)) < 80 for x in range(width)] for y in range(height)]  # type: ignore[operator]
    # The left upper corner of the code: the first long dark run on white below the head.
    one = 600 / len(modules)
    left = (width - 600) / 2
    top = next(y for y in range(height) if all(dark[y][int(left + one * k + one / 2)] for k in range(7)))
    for row, line in enumerate(modules):
        for column, module in enumerate(line):
            at = int(top + one * (row + 0.5)), int(left + one * (column + 0.5))
            assert dark[at[0]][at[1]] == module, (row, column)
    quiet = int(4 * one) - 2
    for y in range(top - quiet, top + 600 + quiet):
        assert all(grey.getpixel((int(x), y)) == 255 for x in (left - quiet, left - 5, left + 605, left + 600 + quiet))


def test_an_address_is_of_what_is_on_the_card() -> None:
    one = cards.address("board", {"group": "a", "rows": []})
    assert re.fullmatch(r"[0-9a-f]{40}\.png", one)
    assert one == cards.address("board", {"rows": [], "group": "a"})
    others = [
        cards.address("board", {"group": "b", "rows": []}),
        cards.address("milestone", {"group": "a", "rows": []}),
    ]
    assert len({one, *others}) == 3
    assert cards.address("board", {"group": "\ud800"})


def test_the_readme_names_every_value() -> None:
    """prompts/cards/README.md is what other slices go by."""
    readme = (cards.TEMPLATES / "README.md").read_text("utf-8")
    assert {path.stem for path in cards.TEMPLATES.glob("*.html")} == {*cards.SHAPES, "frame"}
    for name, shape in cards.SHAPES.items():
        part = readme.split(f"## `{name}`")[1].split("\n## ")[0]
        told = set(
            re.findall(r"[`\"]([a-z_]+)[`\"]", "\n".join(row for row in part.splitlines() if row.startswith("|")))
        )
        rows = shape.get("rows")
        inner = set(rows[0]) if isinstance(rows, list) else set()
        assert set(shape) | inner <= told, name


# ---------------------------------------------------------------- letters


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("李阿姨", "李阿姨"),
        ("垚燚𠮷國華", "垚燚𠮷國華"),
        ("😀李👩‍👩‍👧阿姨", "李阿姨"),
        ("𝓛𝓲 ㎡ ﬁ", "Li m2 fi"),
        ("Ž ệ é", "Z e é"),
        ("مرحبا 李", "· 李"),
        (" a\n\t b ", "a b"),
        ("\u202e管\u200b理", "管理"),
        ("á̷̢", "á"),
        ("🍊", ""),
    ],
)
def test_clean(written: str, shown: str) -> None:
    found = lettering.clean(written)
    assert found in (shown, shown.replace("m2", "㎡"))
    assert lettering.clean(found) == found


@settings(max_examples=300)
@given(st.text(max_size=60), st.floats(4, 30), st.booleans())
def test_cleaned_text_has_a_glyph_for_each_letter_and_fits(text: str, wide: float, bold: bool) -> None:
    clean = lettering.clean(text)
    face = lettering.face(bold=bold)
    assert all(char in face for char in clean)
    assert "\n" not in clean
    assert clean == clean.strip()
    assert lettering.width(lettering.cut(clean, wide, bold=bold), bold=bold) <= wide
    lines = lettering.lines(clean, wide, 3, bold=bold)
    assert len(lines) <= 3
    assert all(lettering.width(line, bold=bold) <= wide for line in lines)


def test_lines_break_where_people_do() -> None:
    text = "一起打卡，一起拼好货，邻里有事hello world"
    assert lettering.lines(text, 10, 4) == ["一起打卡，一起拼好", "货，邻里有事hello", "world"]
    assert lettering.lines(text, 4, 2) == ["一起打", "卡，一…"]
    assert lettering.lines("", 4, 2) == []


def test_a_name_is_bold_as_a_whole_or_not_at_all() -> None:
    assert lettering.weight("李阿姨") == 700
    assert lettering.weight("李垚") == 400
