"""What a message looks like on each channel, whatever the values say."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rendering import PLAY, TELEGRAM, TERMINAL, WEB, Capabilities, Dialect, Hears, Unit, render
from bot.rendering.capabilities import TABLE, WECOM_BOT, WECOM_GROUP
from bot.rendering.render import UNQUOTED
from bot.rendering.words import nobody_at_all, shown
from engagement.kernel import Button, Citation, Document, Kind, Outgoing, Place, Section
from prompts.loader import Texts, texts
from tests.full import part
from tests.platforms.telegram.markup import read, units

TEXTS = {
    "demo.balance": "{name}，你家现在有 **{balance}** 积分，这周 {week}。",
    "demo.tail": "看明细发「积分明细」。",
    "demo.lines": "{lines}",
    "demo.list": "今日打卡：\n{rows:demo.row}",
    "demo.row": "· {name} {points} 分",
    "demo.label": "{label}",
    "demo.bold": "**满 20 个送一盒**，今天",
    "demo.handle": "请找 @{name} 帮忙",
}


@pytest.fixture(autouse=True)
def _texts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = texts()
    both = Texts({key: real.raw(key) for key in real.keys()} | TEXTS)  # noqa: SIM118 (not a mapping)
    monkeypatch.setitem(render.__globals__, "texts", lambda: both)


def said(key: str, kind: Kind = Kind.REPLY, place: Place = Place.GROUP, **more: Any) -> Outgoing:
    values = more.pop("values", {})
    return Outgoing(kind, "telegram", "1", place, "-1", "demo", key, values, **more)


def balance(name: str, **more: Any) -> Outgoing:
    return said("demo.balance", values={"name": name, "balance": 1280, "week": "+45"}, **more)


@pytest.mark.parametrize(("can", "how"), [(WECOM_BOT, "@我 我才听得到"), (WECOM_GROUP, "点下面的链接"), (TELEGRAM, "")])
def test_what_is_pushed_says_how_one_is_heard_there(can: Capabilities, how: str) -> None:
    pushed, answered = (render(said("demo.tail", kind), can).text for kind in (Kind.PUSH, Kind.REPLY))
    assert pushed == answered if not how else how in pushed.splitlines()[-1]
    assert answered == "看明细发「积分明细」。"


def test_bold_is_markup_on_telegram_and_plain_words_elsewhere() -> None:
    rendered = render(balance("李阿姨", tails=("demo.tail",)), TELEGRAM)
    assert rendered.html
    assert rendered.parts == ("李阿姨，你家现在有 <b>1280</b> 积分，这周 +45。\n看明细发「积分明细」。",)
    assert render(balance("李阿姨"), PLAY).text == "李阿姨，你家现在有 1280 积分，这周 +45。"
    assert not render(said("demo.tail"), TELEGRAM).html
    assert render(said("demo.lines", values={"lines": "1 < 2 & 3"}), TELEGRAM).text == "1 < 2 & 3"
    assert render(said("demo.lines", values={"lines": "1 < 2 & 3"}), WEB).text == "1 &lt; 2 &amp; 3"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("**管理员**", "**管理员**"),
        ("<b>x</b>", "<b>x</b>"),
        ("{balance}", "{balance}"),
        ("张三\n系统通知：恭喜中奖", "张三 系统通知：恭喜中奖"),
        ("@所有人", "＠所有人"),
        ("@durov_bot", "＠durov_bot"),
        ("li@example.org", "li@example.org"),
        ("a\ud83db\x00c", "abc"),
        ("\u202e员理管", "员理管"),
        ("管\u200b理员", "管理员"),
        ("a" + "\u0301" * 40, "a\u0301\u0301"),
        ("\u05d0\u05d1", "\u2068\u05d0\u05d1\u2069"),
        ("x\U000e0041\U000e0042", "x"),
    ],
)
def test_a_name_is_shown_and_never_obeyed(name: str, seen: str) -> None:
    rendered = render(balance(name), TELEGRAM)
    text, entities = read(rendered.text, "HTML")
    assert text == f"{seen}，你家现在有 1280 积分，这周 +45。"
    assert entities == [("bold", "1280")]
    assert render(balance(name), PLAY).text == text


def test_nobody_rings_at_everybodys_door_not_even_by_a_template() -> None:
    for name in ("所有人", "all", "everyone", "全体成员"):
        assert "@" not in render(said("demo.handle", values={"name": name}), PLAY).text
        mention = render(said("demo.tail", mention=True, to="7", to_name=name), TELEGRAM).text
        assert f"@{name}" not in read(mention, "HTML")[0]
    assert nobody_at_all("找 @李阿姨") == "找 @李阿姨"


def test_a_mention_is_a_link_on_telegram_and_a_name_elsewhere() -> None:
    message = balance("李阿姨", mention=True, to="7", to_name="张<b>\n三")
    assert render(message, TELEGRAM).text.startswith('<a href="tg://user?id=7">@张&lt;b&gt; 三</a> 李阿姨，')
    assert render(message, PLAY).text.startswith("@张<b> 三 李阿姨，")
    _, entities = read(render(message, TELEGRAM).text, "HTML")
    assert ("text_mention", "@张<b> 三") in entities
    assert ("bold", "1280") in entities
    latin = render(said("demo.tail", mention=True, to="7", to_name="durov"), TELEGRAM).text
    assert read(latin, "HTML") == ("durov 看明细发「积分明细」。", [("text_mention", "durov")])
    private = balance("李阿姨", mention=True, to="7", to_name="张三", place=Place.DM)
    assert render(private, PLAY).text.startswith("李阿姨")


def test_the_source_stands_at_the_end_once_with_the_label_of_the_machine() -> None:
    cited = [
        Citation("生鲜售后规则", "c1", "24 小时内"),
        Citation("《生鲜售后规则》", "c2", "…"),
        Citation("积分规则", "c3", ""),
    ]
    message = said("demo.tail", citations=tuple(cited), values={"ai": True})
    assert render(message, PLAY).text == "看明细发「积分明细」。\n依据：《生鲜售后规则》、《积分规则》 · AI 整理"
    assert render(said("demo.tail", citations=tuple(cited[:1])), PLAY).text.endswith("\n依据：《生鲜售后规则》")
    clause = said("demo.tail", citations=(Citation("《生鲜售后规则》第3.2条", "c", ""),))
    assert render(clause, PLAY).text.endswith("\n依据：《生鲜售后规则》第3.2条")
    forged = said("demo.tail", citations=(Citation("a》@all\n**b**", "c", ""),))
    assert render(forged, TELEGRAM).text.endswith("\n依据：《a》＠all **b**》")
    assert render(said("demo.tail", values={"ai": True}), PLAY).text.endswith("\nAI 整理")


def test_rows_and_lines() -> None:
    rows = [{"name": "李*阿姨*", "points": 5}, {"name": "王姐", "points": 3}]
    assert render(said("demo.list", values={"rows": rows}), TELEGRAM).text == "今日打卡：\n· 李*阿姨* 5 分\n· 王姐 3 分"
    assert render(said("demo.lines", values={"lines": ["一", "二\n三"]}), PLAY).text == "一\n二 三"


def test_buttons_are_laid_in_rows_or_numbered() -> None:
    buttons = tuple(
        Button(f"pick:{n}", "demo.label", {"label": label})
        for n, label in enumerate(["提货时间", "改提货点", "帮邻居代提"])
    )
    rendered = render(said("demo.tail", buttons=buttons), TELEGRAM)
    assert [[choice.label for choice in row] for row in rendered.buttons] == [["提货时间", "改提货点"], ["帮邻居代提"]]
    assert rendered.parts == ("看明细发「积分明细」。",)
    plain = render(said("demo.tail", buttons=buttons), TERMINAL)
    assert plain.buttons == ()
    assert plain.numbered == ("pick:0", "pick:1", "pick:2")
    assert plain.text.endswith("回复数字选一个：\n1. 提货时间\n2. 改提货点\n3. 帮邻居代提")


def test_a_button_key_that_does_not_fit_is_a_bug_and_says_so() -> None:
    for key in ("", "x" * 65, "题" * 22):
        with pytest.raises(ValueError, match="64 bytes"):
            render(said("demo.tail", buttons=(Button(key, "demo.label", {"label": "x"}),)), TELEGRAM)


def test_a_reaction_is_its_emoji_where_it_has_no_words() -> None:
    assert render(said("", Kind.REACTION, emoji="👍"), PLAY).text == "👍"
    assert render(said("demo.tail", Kind.REACTION, emoji="👍"), PLAY).text == "看明细发「积分明细」。"


def test_a_long_text_is_split_at_line_ends_and_cut_after_three() -> None:
    lines = [f"第 {n} 行" + "好" * 90 for n in range(45)]
    rendered = render(said("demo.lines", values={"lines": lines}), TELEGRAM)
    assert len(rendered.parts) == 2
    assert "\n".join(rendered.parts) == "\n".join(lines)
    rendered = render(said("demo.lines", values={"lines": lines * 10}), TELEGRAM)
    assert len(rendered.parts) == 3
    assert rendered.parts[-1].endswith("……后面太长，先说到这里。")
    assert all(units(part) <= 4096 for part in rendered.parts)


def test_markup_that_spans_a_cut_is_closed_and_opened_again() -> None:
    small = Capabilities("small", 20, Unit.UTF16, parts=2, dialect=Dialect.HTML)
    values = {"name": "阿姨", "balance": "9" * 20, "week": "+1"}
    parts = render(said("demo.balance", values=values), small).parts
    assert len(parts) == 2
    assert all(part.count("<b>") == part.count("</b>") == 1 for part in parts)


ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8"))


@given(ANY_TEXT, st.sampled_from(Unit), st.integers(80, 200), st.integers(1, 3))
def test_no_part_is_longer_than_its_channel_takes(name: str, unit: Unit, limit: int, parts: int) -> None:
    length = {
        Unit.CHARACTERS: len,
        Unit.UTF16: units,
        Unit.BYTES: _bytes,
    }[unit]
    rendered = render(balance(name), Capabilities("x", limit, unit, parts=parts))
    assert 1 <= len(rendered.parts) <= parts
    assert all(part and length(part) <= limit for part in rendered.parts)


@given(ANY_TEXT)
def test_any_name_at_all_leaves_one_line_and_one_bold_word(name: str) -> None:
    text, entities = read(render(balance(name), TELEGRAM).text, "HTML")
    assert text.count("\n") == 0
    assert [words for kind, words in entities if kind == "bold"] == ["1280"]
    assert not any(kind in ("mention", "text_mention", "link") for kind, _ in entities)
    text.encode("utf-8")


@pytest.mark.timeout(240)
def test_every_nasty_name_in_every_text_on_every_channel(shared: Path) -> None:
    """Names of the collection, in every text that takes one: nothing crashes, nobody is called, nothing is marked."""
    lines = (shared / "data/abuse/text/names_nasty_dev.jsonl").read_text("utf-8").strip().split("\n")
    names = [json.loads(line)["text"] for line in lines]
    known = texts()
    count = 0
    for place, key in enumerate(known.keys()):
        if key.startswith("render.") or "{name}" not in known.raw(key) or re.search(r"\{\w+:", known.raw(key)):
            continue
        for name in part(names, 5, place):
            values = dict.fromkeys(known.placeholders(key), "1") | {"name": name}
            message = said(key, values=values, mention=True, to="7", to_name=name)
            for channel in (TELEGRAM, WEB, PLAY, TERMINAL):
                rendered = render(message, channel)
                rendered.text.encode("utf-8")
                assert "@所有人" not in rendered.text
                assert "<script" not in rendered.text or not rendered.html
            first = render(message, TELEGRAM)
            text, entities = read(first.parts[0], "HTML" if first.html else None)
            assert all(kind != "mention" for kind, _ in entities), (key, name, text)
            assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in text), (key, name, text)
            count += 1
    assert count >= len(names)


def test_shown_leaves_ordinary_words_alone() -> None:
    for word in ("李阿姨", "Anna", "301 张哥", "👨‍👩‍👧‍👦", "élan", "7*24"):
        assert shown(word).replace("\x01", "*") == word


def test_who_has_no_name_is_called_by_none() -> None:
    """Neither Official Account nor WeCom tells names: no sentence of ours begins with a comma."""
    assert render(balance("", tails=("demo.tail",)), PLAY).text.startswith("你家现在有 1280 积分，这周 +45。\n看明细")
    assert render(balance("，"), PLAY).text.startswith("，，你家"), "what somebody is called is shown"


def test_what_a_channel_has_not_is_said_otherwise_or_not_at_all() -> None:
    """A file is on the page; a bare stamp and a group's changed message are nothing; where nobody is heard none may choose."""
    small = Capabilities("small", 200, button_limit=0)
    copy = said("demo.tail", document=Document("my-data.json", "{}"), place=Place.DM)
    assert render(copy, small).text == texts().raw("render.no_file_yet"), "nothing is promised that does not come"
    there = replace(copy, values={**copy.values, "pages": True})
    assert render(there, small).text == texts().raw("render.no_file")
    assert "\n" not in render(copy, replace(small, document=True)).text
    assert render(said("", Kind.REACTION, emoji="🙊"), small).parts == ()
    assert render(said("", Kind.REACTION, emoji="🙊"), replace(small, reactions=True)).text == "🙊"
    assert render(said("demo.tail", Kind.REACTION, emoji="👍"), small).text == "看明细发「积分明细」。"
    changed = said("demo.tail", Kind.EDIT)
    assert (render(changed, small).parts, render(changed, replace(small, edit=True)).text) == (
        (),
        "看明细发「积分明细」。",
    )
    assert render(replace(changed, place=Place.DM), small).text, "somebody waits for it"
    choices = said("demo.tail", buttons=(Button("a:1", "demo.label", {"label": "要"}),))
    assert render(choices, small).numbered == ("a:1",)
    deaf = render(choices, replace(small, hears=Hears.NOTHING))
    assert (deaf.text, deaf.numbered, deaf.buttons) == ("看明细发「积分明细」。", (), ())


@pytest.mark.parametrize(("limit", "fits"), [(0, False), (11, False), (12, True)])
def test_what_fits_under_a_picture(limit: int, fits: bool) -> None:
    """Counted as people see it: the marks of markup are none of the words."""
    can = Capabilities("x", 100, Unit.UTF16, dialect=Dialect.HTML, picture=True, caption_limit=limit)
    rendered = render(said("demo.bold"), can)
    assert (rendered.text, rendered.captioned) == ("<b>满 20 个送一盒</b>，今天", fits)


def test_where_nobody_can_quote_no_text_asks_for_it() -> None:
    """The AI bot's push said 「回复这条聊聊」 and below it that it cannot tell what is quoted."""
    push = said(
        "topic.push",
        Kind.PUSH,
        values={"question": "今晚吃什么", "points": 5},
        tails=("topic.push_how",),
        more=(Section("faq.to_leader", {"group": "一期", "name": "李阿姨", "question": "几点"}),),
    )
    assert "回复这条聊聊" in render(push, TELEGRAM).text
    for name in ("wecom_bot", "wechat", "wecom"):
        text = render(push, TABLE[name]).text
        assert "发「话题」加上你的话" in text, name
        assert "回复这条" not in text and "引用这条" not in text, name
    every = texts().keys()
    asking = {key for key in every if re.search("引用|回复这条", texts().raw(key))}
    ours = {key for key in asking if key.partition(".")[0] not in ("console", "push", "sim")}
    assert ours - {"render.call_me"} == set(UNQUOTED), "each of these has other words"
    assert asking.isdisjoint(UNQUOTED.values())
