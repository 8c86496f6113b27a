"""积分: what people can ask and leaders can do with points."""

from __future__ import annotations

from engagement.feature import Command, Feature, PersonalData
from engagement.points import handlers, service

FEATURE = Feature(
    name="points",
    commands=(
        Command(
            "points.show",
            ("积分", "我的积分", "查积分", "积分查询", "查询积分", "我有多少积分", "看积分", "我的分"),
            handlers.show,
            reads=True,
            slash=("points",),
            help="points.help_show",
        ),
        Command(
            "points.history",
            ("积分明细", "明细", "积分记录", "积分流水"),
            handlers.history,
            reads=True,
            slash=("history",),
            help="points.help_history",
        ),
        Command(
            "points.board",
            ("排行榜", "积分榜", "排行", "排名", "打卡榜", "榜单"),
            handlers.board,
            reads=True,
            slash=("rank", "top"),
            takes="optional",
            help="points.help_board",
        ),
        Command("points.board_day", ("日榜", "今日排行榜", "今日榜"), handlers.board_of("day"), reads=True),
        Command("points.board_week", ("周榜", "本周排行榜"), handlers.board_of("week"), reads=True),
        Command("points.board_month", ("月榜", "本月排行榜"), handlers.board_of("month"), reads=True),
        Command("points.board_all", ("总榜", "总排行榜"), handlers.board_of("all"), reads=True),
        Command(
            "points.give",
            ("加分", "发积分", "送积分", "给积分"),
            handlers.give,
            refusal="points.leader_only",
            slash=("give",),
            takes="required",
            consent=False,
            roles=frozenset({"leader"}),
            help="points.help_give",
        ),
        Command(
            "points.take",
            ("扣分", "减分", "扣积分"),
            handlers.take,
            refusal="points.leader_only",
            slash=("take",),
            takes="required",
            consent=False,
            roles=frozenset({"leader"}),
            help="points.help_take",
        ),
    ),
    buttons={"points": handlers.show, "board": handlers.board_button, "undo_points": handlers.undo},
    personal_data=(
        PersonalData(
            table="ledger_entry",
            columns=("member_id", "amount", "kind", "local_date"),
            purpose="points.purpose_entries",
            export=service.export,
            erase=lambda session, person_id, now: None,
        ),
        PersonalData(
            table="ledger_reason",
            columns=("reason",),
            purpose="points.purpose_reasons",
            export=lambda session, person_id: (),
            erase=lambda session, person_id, now: service.erase_reasons(session, person_id),
        ),
    ),
    help="points.help",
)
