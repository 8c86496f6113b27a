"""Writes the guides that follow from what the program declares (:data:`WRITTEN`); a test fails when they are behind.

python -m tests.tools.docs
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.settings import Settings
from engagement.feature import Command, Feature
from engagement.kernel import Place
from engagement.registry import FEATURES
from prompts.loader import texts
from tests.tools import channels, roles

ROOT = Path(__file__).resolve().parents[2]
ROLES = {"leader": "团长", "staff": "运营", "manager": "区域经理", "admin": "管理员"}
TITLES = {
    "members": "帮助和自己的数据",
    "groups": "群",
    "leader": "团长",
    "checkin": "签到",
    "points": "积分",
    "households": "家庭",
    "campaigns": "活动日历",
    "topic": "每日话题",
    "theme": "月度主题",
    "invites": "邀请邻居",
    "announcements": "公告",
    "mass_sends": "客户群的群发",
    "moderation": "内容审核",
    "entry": "网页",
    "bonds": "绑定账号",
    "curation": "知识维护",
    "faq": "问答",
}
TAKES = {"": "", "optional": "可带内容", "required": "后面要写内容"}
UNLISTED = {
    "members.about": "自我介绍；在 Telegram 里点「开始」也是它",
    "members.privacy": "记什么、做什么用、谁看得到、怎么不让记",
    "members.export": "私聊发给你一份关于你的全部数据",
    "members.withdraw": "从现在起不再记录你；以前的还在",
    "members.erase": "删掉关于你的数据，会先问一遍",
    "members.elder_end": "私聊里恢复平常的说法",
    "members.no_birthday": "忘掉你的生日",
    "groups.resume": "接着来：话题、主题、小结照常发",
    "leader.day": "团长看今日一览，邻居看今日话题",
    "leader.people": "群里我认得多少人",
    "leader.export": "名单不整份导出；要看、要表格去哪里",
    "groups.copy": "照抄自己带的另一个群的设置",
    "groups.unleader": "一位团长不再是团长",
    "groups.thread": "群里分话题的，以后没人问也会说的话都发到这个话题里；在 General 里发就改回去",
    "groups.zone": "群的时区，一天从哪里算起",
    "leader.unmute": "提前放开一位被禁言的邻居",
    "leader.muted": "谁在禁言中，还有多久",
    "checkin.cards": "补签卡有几张、怎么得",
    "checkin.leave_end": "提前回来，剩下的假不算了",
    "points.board_day": "今天的积分榜",
    "points.board_week": "这周的积分榜",
    "points.board_month": "这个月的积分榜",
    "points.board_all": "有史以来的积分榜",
    "households.invite": "请一位邻居来我家，合用一份积分；对方同意才算",
    "households.join": "去一位邻居家，合用一份积分；对方同意才算",
    "households.accept": "同意等着我答复的家庭邀请",
    "households.name": "给家里起个名",
    "households.give": "把自己攒下的一部分转到家人名下",
    "households.leave": "带着自己攒下的退出家庭，会先问一遍",
    "campaigns.leave": "私聊：这个活动自己的群不参加，「不参加 3」",
    "campaigns.join": "私聊：不参加的活动又要参加，「参加 3」",
    "campaigns.move": "私聊：活动在自己的群里早几天或晚几天，「换日子 3」「推迟 3」",
    "campaigns.try": "私聊：看一个活动发到群里的样子，只有自己看得到，「试发 3」",
    "campaigns.words": "私聊：换一个活动在自己的群里的文案，「换文案 3」",
    "campaigns.wanted": "不要的一类活动又要了，「要节气」",
    "campaigns.drafts": "私聊：等着批准的活动；带编号看那一个",
    "campaigns.approve": "私聊：批准一个活动，到日子就发，「批准 3」",
    "campaigns.back": "私聊：把批准了的活动退回草稿，「退回 3」",
    "campaigns.progress": "私聊：活动发到哪了，「活动进度 3」",
    "campaigns.pause": "私聊：先停着不发，「暂停活动 3」；团长发，是自己的群不参加",
    "campaigns.resume": "私聊：停着的活动接着发，「恢复活动 3」；团长发，是自己的群又参加",
    "campaigns.cancel": "私聊：活动不再发，会先问一遍，「取消活动 3」；团长发，是自己的群不参加",
    "topic.swap": "明天的话题换一个",
    "topic.skip": "明天不发话题",
    "topic.restore": "明天还是发话题",
    "announcements.update": "给公告发过的群说一声有什么变化",
    "announcements.end": "给公告发过的群说一声事情结束了",
    "announcements.withdraw": "还没发出去的公告不发了",
    "moderation.appeal": "私聊说一声：我的话收错了",
    "invites.code": "新邻居进群 7 天内填，记下是谁请来的；单独发是看自己的码",
    "invites.reset": "换一个邀请码，以前的码和链接不再算",
    "invites.mine": "看请来了谁、得了多少积分",
    "curation.answer": "私聊：改一条问答的答案；引用我的回答也行",
    "curation.phrasing": "私聊：给一条问答加几种问法；引用我的回答也行",
    "curation.split": "私聊：把几种问法拆出去另写答案",
    "curation.merge": "私聊：两条问答合成一条，会先问一遍",
    "curation.dates": "私聊：一份文档从哪天到哪天有效，「有效期 3 11-20 到 11-30」",
    "curation.owner": "私聊：谁负责一份文档，「负责人 3 售后组」",
    "curation.review": "私聊：哪天提醒再看一遍，「复查 3 90天」",
    "curation.show": "私聊：看一份文档的版本和内容，「看 3」也行",
    "curation.diff": "私聊：新版本改了什么，「差异 3」也行",
    "curation.publish": "私聊：发布新版本，会先问一遍，「发布 3」也行",
    "curation.back": "私聊：退回前一版，会先问一遍，「回滚 3」也行",
    "curation.take": "私聊：不再用一份文档回答，会先问一遍，「下架 3」也行",
    "curation.restore": "私聊：下架的文档用回来，「恢复 3」也行",
    "faq.ask": "问一个问题，和 @ 团团一样",
}
"""What the commands do that the help in the chat leaves out."""
PUSHES = {
    "topic": "每日话题",
    "topic_summary": "话题小结",
    "birthday": "生日祝福（只祝同意过的人；群里一句，或者私聊）",
    "theme": "月度主题（开场、每周一次、月底小结）",
    "challenge": "挑战进度（月中几次）",
    "points_expiry": "不说话：到期的积分出账",
    "points_notice": "私聊本人：积分快到期了（前 30、7、1 天）",
    "moderation_morning": "私聊团长：夜里先收着的内容",
    "moderation_evening": "私聊团长：还没处理的内容",
    "question_reminder": "私聊团长：还没回的问题，满 7 天前再说一次；满了告诉提问的邻居（私聊，或在群里一句）",
    "question_morning": "私聊团长：夜里来的问题",
    "curation_week": "周一私聊运营和团长：上周答得怎样、该复查的、等着处理的",
    "curation_waits": "私聊别的运营：有草稿等第二个人看（攒十分钟，一次说完）",
    "curation_told": "私聊交稿的人：草稿发布了，或者退回了",
    "leader_evening": "私聊要了的团长：今日一览",
    "mass_send_evening": "私聊团长：她今天没点、没发出去的客户群",
}
SHOWN_WORDS = 6


def commands(features: Sequence[Feature] = FEATURES) -> str:
    """Return docs/commands.md.

    Raises:
        KeyError: a command has neither a help text nor a line in :data:`UNLISTED`, or a push has none in :data:`PUSHES`.
    """
    lines = [
        "# 口令",
        "",
        "由 `python -m tests.tools.docs` 从各功能的声明生成，不要手改。",
        "",
        "口令单独成句才算：「签到」是口令，「我昨天忘记签到了怎么办」是提问。空格、标点、表情、繁体、全角都认；",
        "私聊里的口令说的是你最近进的群，或「切换群」选的那个。除了口令，在群里 @ 团团、引用它的话，或者私聊，都可以直接提问。",
    ]
    for feature in features:
        lines += ["", f"## {TITLES.get(feature.name, feature.name)}", "", _plain(texts().raw(feature.help)), ""]
        lines += ["| 发什么 | 斜杠口令 | 在哪里 | 谁能用 | 做什么 |", "| --- | --- | --- | --- | --- |"]
        lines += [_command(command) for command in feature.commands]
        pushes = [f"{job.minute // 60}:{job.minute % 60:02d} {PUSHES[job.kind]}" for job in feature.jobs if job.daily]
        if pushes:
            lines += ["", f"有内容时到点会说（群的当地时间）：{'；'.join(pushes)}。"]
    return "\n".join(lines) + "\n"


def _command(command: Command) -> str:
    words = "、".join(command.words[:SHOWN_WORDS]) + (" 等" if len(command.words) > SHOWN_WORDS else "")
    takes = f"（{TAKES[command.takes]}）" if command.takes else ""
    slash = " ".join(f"`/{name}`" for name in command.slash)
    place = "群、私聊" if len(command.places) == 2 else "群" if Place.GROUP in command.places else "私聊"
    who = "、".join(ROLES[role] for role in ROLES if role in command.roles) or "大家"
    what = texts().raw(command.help) if command.help else UNLISTED[command.name]
    return f"| {words}{takes} | {slash} | {place} | {who} | {_plain(what)} |"


def _plain(text: str) -> str:
    return text.replace("|", "／").replace("\n", " ")


def settings(model: type[BaseModel] = Settings) -> str:
    """Return docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written by `python -m tests.tools.docs` from the settings classes; not to be edited by hand.",
        "",
        "Settings come from the environment only. None is needed for a local trial (`make run`). `python -m bot doctor` says",
        "what is wrong with them and how to mend it; a value that cannot be read ends every command with 2 and one line.",
        "Secrets are marked; they never appear in logs.",
    ]
    part = ""
    for name, field in variables(model):
        here = name.removeprefix("BOT_").rpartition("__")[0]
        if here != part or lines[-1] == lines[6]:
            part = here
            lines += ["", f"## {here.capitalize() or 'Program'}", ""]
            lines += ["| variable | values | default | meaning |", "| --- | --- | --- | --- |"]
        lines.append(f"| `{name}` | {_values(field)} | {_default(field)} | {_plain(field.description or '')} |")
    return "\n".join(lines) + "\n"


def variables(model: type[BaseModel] = Settings, prefix: str = "BOT_") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every variable with its field, the program's own first, then part by part."""
    parts = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            parts.append((kind, f"{prefix}{name.upper()}__"))
        else:
            yield f"{prefix}{name.upper()}", field
    for kind, inner in parts:
        yield from variables(kind, inner)


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    if kind is SecretStr:
        return "secret"
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{choice.value}`" for choice in kind)
    bounds = []
    for rule in field.metadata:
        match rule:
            case Ge(ge):
                bounds.append(f"≥ {ge}")
            case Gt(gt):
                bounds.append(f"> {gt}")
            case Le(le):
                bounds.append(f"≤ {le}")
            case Lt(lt):
                bounds.append(f"< {lt}")
    name = {str: "text", int: "whole number", float: "number", bool: "true, false"}.get(kind, "text")  # type: ignore[arg-type]
    return " ".join([name, *([f"({', '.join(bounds)})"] if bounds else [])])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`" if value not in ("", None) else "empty"


WRITTEN: dict[str, Callable[[], str]] = {
    "docs/commands.md": commands,
    "docs/settings.md": settings,
    "docs/roles.md": roles.table,
    "docs/channels.md": channels.table,
}


def main() -> None:
    """Write them all."""
    for name, write in WRITTEN.items():
        (ROOT / name).write_text(write(), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
