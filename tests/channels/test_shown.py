"""What our words look like on every channel: somebody's name is shown and never obeyed, long answers are whole in pieces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest

from bot.rendering.capabilities import Capabilities, Unit
from engagement.kernel import Card, Citation, Document, Outcome
from prompts.loader import texts
from tests.channels.drivers import Driver, Play

pytestmark = [
    pytest.mark.xdist_group("channels"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.untraced,
]

EVIL = "https://evil.example/x"
HOSTILE = {
    "bold": "<b>加粗</b>",
    "stars": "**粗** *斜* _下_ `码` ~~删~~",
    "cdata": "]]><Content>x</Content>",
    "everybody": "@所有人 @all <@all> ＠所有人",
    "anchor": f'<a href="{EVIL}">领红包</a>',
    "markdown link": f"[领红包]({EVIL})",
    "member": "<@userid> $userName=li$",
    "entity": "&lt;b&gt; &amp;",
    "right to left": "\u202e反过来 مرحبا بك",
    "hidden": "a\u200bb\u2060c\U000e0041d\ufeff",
    "emoji": "👩🏽‍🚒" * 16,
    "line": "一行\n# 二行\r\n> 三行",
    "placeholder": "{points} {rows:members.help_row} %s",
    "marks": "Z" + "\u0335" * 60,
}
_POWER = {
    "wechat": re.compile(r"<a[\s>]", re.IGNORECASE),
    "wecom": re.compile(r"<[a@/]", re.IGNORECASE),
    "wecom_bot": re.compile(r"<|`|\*|~|\]\(|(?m:^\s*[#>])"),
}
"""What the platform would obey in a text."""


def plain(text: str) -> str:
    """Read a text as a person does: wide twins are their narrow ones, what is not seen is not there."""
    seen = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cs", "Co", "Cn", "Mn"))
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", seen))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
async def test_a_name_is_shown_and_not_obeyed(sender: Driver, name: str) -> None:
    """叫什么都行：名字就是名字，不会变成粗体、链接、@所有人，也不会把后面的字倒过来"""
    talk = await sender.newcomer()
    await sender.ask(talk, "帮助")
    await sender.send(sender.message(talk, "members.export", {"name": name}))
    text = await sender.hear(talk)
    assert len(talk.news) == 1
    assert plain(name)[:8].strip() in plain(text) and "全部数据" in text
    assert all(one.startswith("url:https://") for one in talk.news[0].links), "what can be tapped shows where it leads"
    assert not re.search(r"@\s*(所有人|all)", text), "nobody is called"
    assert not set(text) & set("\u202e\u200b\u2060\ufeff\U000e0041")
    assert "\n" not in text.strip()
    if "مرحبا" in name:
        assert "\u2068" in text, "what is read from the right is kept to itself"
    power = _POWER.get(sender.name)
    assert power is None or not power.search(text), text


@pytest.mark.parametrize("name", ["<b>李</b>", "**李**", "@所有人", f'<a href="{EVIL}">李</a>'])
async def test_how_somebody_calls_himself_is_shown_and_not_obeyed(driver: Driver, name: str) -> None:
    """平台告诉我们的名字也一样：李阿姨把自己叫成一段代码，「我的数据」里还是那几个字"""
    talk = await driver.newcomer()
    if not await driver.called(talk, name):
        return  # this platform tells no names, or they are not the person's to choose
    text = await driver.ask(talk, "我的数据")
    assert text.count("，我记着这些") == 1
    assert plain(text).startswith(plain(name)[:11])
    assert all(one.startswith("url:https://") for one in talk.news[0].links)
    assert not re.search(r"@\s*(所有人|all)", text)
    power = _POWER.get(driver.name)
    assert power is None or not power.search(text), text


async def test_what_a_machine_worded_is_marked_and_has_its_source(sender: Driver) -> None:
    """模型写的回答：依据哪份文档，一次只说一遍；写明是 AI 整理的"""
    talk = await sender.newcomer()
    await sender.ask(talk, "帮助")
    cited = [Citation("生鲜售后规则", str(n), "24 小时内") for n in range(2)]
    await sender.send(sender.message(talk, "faq.answer", {"answer": "可以退。", "ai": True}, citations=cited))
    assert await sender.hear(talk) == f"可以退。\n依据：《生鲜售后规则》 · {texts().raw('render.ai')}"


URL = "https://t.example/h5/day?g=wr{0}&t={0}#x"
ROWS = [{"line": f"{n} 👨‍👩‍👧‍👦🇨🇳👍🏽 看这里 {URL.format(n)} {'字' * 40}"} for n in range(200)]
ONE_LINE = [{"line": "".join(f"第{n}👨‍👩‍👧‍👦🇨🇳👍🏽" for n in range(900))}]
_LENGTHS: dict[Unit, Callable[[str], int]] = {
    Unit.CHARACTERS: len,
    Unit.UTF16: lambda text: len(text.encode("utf-16-le")) // 2,
    Unit.BYTES: lambda text: len(text.encode()),
}
_TORN = re.compile("^[\u0300-\u036f\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|\u200d$|\ufffd")


@pytest.mark.parametrize("rows", [ROWS, ONE_LINE], ids=["lines", "one line"])
async def test_a_long_answer_comes_in_whole_pieces(sender: Driver, rows: list[dict[str, str]]) -> None:
    """很长的回答：每一条都在平台的数以内，不拆字、表情、链接；放不下的，最后一句说明"""
    talk = await sender.newcomer()
    await sender.ask(talk, "帮助")
    await sender.send(sender.message(talk, "members.help_all", {"rows": rows}))
    await sender.hear(talk)
    can: Capabilities = sender.can
    length = _LENGTHS[can.unit]
    assert 1 <= len(talk.news) <= can.parts
    whole = {URL.format(n) for n in range(200)}
    for one in talk.news:
        assert length(one.text) <= can.text_limit
        assert not _TORN.search(one.text), (one.text[:20], one.text[-20:])
        flags = [char for char in one.text if "\U0001f1e6" <= char <= "\U0001f1ff"]
        assert len(flags) % 2 == 0, "a flag is two letters"
        assert set(re.findall(r"https://\S+", one.text)) <= whole, "a link is whole or not there"
    said = "\n".join(one.text for one in talk.news)
    assert (texts().raw("render.cut") in said) == ("有问题就直接问" not in said)


async def test_a_document_comes_or_is_said_to_be_elsewhere(sender: Driver) -> None:
    """导出：能发文件的发文件；不能的，说到哪里下载"""
    talk = await sender.newcomer()
    await sender.ask(talk, "帮助")
    message = sender.message(
        talk, "members.export", {"name": "李", "pages": True}, document=Document("my-data.json", '{"a": 1}')
    )
    await sender.send(message)
    await sender.hear(talk)
    has = any(one.document for one in talk.news)
    assert has == sender.can.document
    assert (texts().raw("render.no_file") in talk.text) != has
    assert len([one for one in talk.news if one.text]) == 1


async def test_a_card_goes_with_the_words_or_the_words_go_alone(sender: Driver) -> None:
    """有图的渠道：字和图；没有图的：只有字，一条不少"""
    talk = await sender.newcomer()
    await sender.ask(talk, "帮助")
    card = Card("board", {"group": "阳光花园", "rows": [{"name": "李阿姨", "points": 5}]})
    receipt = await sender.send(sender.message(talk, "members.export", {"name": "李"}, card=card))
    assert receipt.outcome is Outcome.SENT
    await sender.hear(talk)
    # A script's pictures are named and drawn beside it.
    assert any(one.picture for one in talk.news) == (sender.can.picture and not isinstance(sender, Play))
    assert [one.text for one in talk.news if one.text] == ["李，这是你在我这里的全部数据。"]
