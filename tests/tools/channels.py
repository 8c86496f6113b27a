"""docs/channels.md: what each channel can do, from the flags that drive rendering; and what nobody can do."""

from __future__ import annotations

from collections.abc import Callable

from bot.rendering.capabilities import TABLE, Capabilities, Dialect, Hears, Unit

NAMES = {
    "telegram": "Telegram",
    "wechat": "公众号",
    "wecom": "企业微信应用（私聊）",
    "wecom_group": "企业微信客户群",
    "wecom_appchat": "应用建的内部群",
    "wecom_robot": "群机器人",
    "wecom_bot": "智能机器人",
    "web": "模拟器",
    "desk": "自己的网页",
    "terminal": "终端",
    "local": "回放剧本",
}
PLACES = {
    "telegram": ("群、私聊", "到点自动发"),
    "wechat": ("私聊（公众号里没有群）", "发不了：没有群"),
    "wecom": ("和团长、同事的私聊", "私聊自动发"),
    "wecom_group": ("邻居的微信群", "一天一条，群主点了「发送」才发出去"),
    "wecom_appchat": ("同事的群", "到点自动发"),
    "wecom_robot": ("同事的群", "到点自动发"),
    "wecom_bot": ("同事的群、私聊", "说过一句话的群，到点自动发"),
    "web": ("本机试用的群、私聊", "到点自动发"),
    "desk": ("网页", "没有群"),
    "terminal": ("本机试用的群、私聊", "到点自动发"),
    "local": ("剧本里的群、私聊", "到点自动发"),
}
"""Where people meet it, and how what nobody asked for gets into a group there."""
GUIDES = {
    "telegram": "telegram.md",
    "wechat": "wechat.md",
    "wecom": "wecom.md",
    "wecom_bot": "wecom-bot.md",
    "web": "console.md",
    "sim": "console.md",
    "terminal": "operations.md",
}
"""The guide of each channel that `--channels` takes."""
NOBODY = (
    "**进普通微信群听、说话。** 微信没有给程序的门。卖「外部群接口」「机器人挂号」的都不是官方办法，会封号；这里一个也不用。",
    "**替群主点那一下「发送」。** 客户群里的每一条都要群主在手机上确认；程序只能准备好、提醒、到点收回。",
    "**知道客户群里谁说了什么。** 平台只给每天的合计。",
    "**先开口。** 没有跟它说过话的人，Telegram、公众号、智能机器人都不让程序先私聊。",
    "**撤回别人的话、改别人的话。** 团团能改的只有自己说过的，而且只有上面写着「能改」的渠道。",
    "**保证只送到一次。** 平台收下了、回音却断在路上的那一下，谁也分不清；话题会再发一次，结算的留给人看（ADR-0004）。",
)
_UNITS = {Unit.CHARACTERS: "字", Unit.UTF16: "字（表情算两个）", Unit.BYTES: "字节（一个汉字 3 字节）"}
_HEARS = {Hears.ALL: "都听得到", Hears.ADDRESSED: "只有 @ 它的话", Hears.NOTHING: "听不到"}


def _buttons(can: Capabilities) -> str:
    if can.button_limit:
        return f"最多 {can.button_limit} 个"
    return "没有，选项编号，回数字" if can.hears is not Hears.NOTHING else "没有，也不编号：那里听不到回答"


def _picture(can: Capabilities) -> str:
    if not can.picture:
        return "没有，只有文字"
    return f"有，图下的字最多 {can.caption_limit:,}" if can.caption_limit else "有，和文字分开"


def _edits(can: Capabilities) -> str:
    if can.edit:
        return "能改"
    return "不能" if can.hears is Hears.NOTHING else "不能；私聊里另发一条"


ROWS: dict[str, Callable[[Capabilities], str]] = {
    "听得到什么": lambda can: _HEARS[can.hears],
    "一条最长": lambda can: f"{can.text_limit:,} {_UNITS[can.unit]}",
    "长的分成几条": lambda can: f"最多 {can.parts} 条" if can.parts > 1 else "不分",
    "加粗": lambda can: "有" if can.dialect is Dialect.HTML else "没有",
    "按钮": _buttons,
    "引用": lambda can: "认得出" if can.quotes else "认不出，按钮、口令里说是哪件",
    "点名": lambda can: "点得开的名字" if can.links_people else "只写名字",
    "表情回应": lambda can: "有" if can.reactions else "没有，改成一句话",
    "改说过的话": _edits,
    "图片": _picture,
    "文件": lambda can: "有" if can.document else "没有，说到网页「我的」里下载",
}


def table() -> str:
    """Return docs/channels.md."""
    lines = [
        "# 各渠道能做什么",
        "",
        "由 `python -m tests.tools.docs` 从 `bot/rendering/capabilities.py` 里的表生成，不要手改。同一句话在每个渠道上长什么样，",
        "就是按它排的：没有按钮的编号，放不下的分开，发不了图的只发文字。每个渠道都过同一套测试（`tests/channels`）。",
        "",
    ]
    lines += ["| 渠道 | 在哪里 | 没人问的话怎么到群里 | " + " | ".join(ROWS) + " |"]
    lines += ["| --- " * (len(ROWS) + 3) + "|"]
    for name, can in TABLE.items():
        place, push = PLACES[name]
        lines.append(f"| {NAMES[name]} | {place} | {push} | " + " | ".join(row(can) for row in ROWS.values()) + " |")
    guides = {file: NAMES.get(name, name) for name, file in reversed(GUIDES.items())}
    lines += [
        "",
        "怎么接、要花什么、各自做不到什么："
        + "、".join(f"[{guides[f]}]({f})" for f in dict.fromkeys(GUIDES.values()))
        + "。",
    ]
    lines += ["", "## 谁都做不到的", "", *(f"- {one}" for one in NOBODY)]
    return "\n".join(lines) + "\n"
