"""积分: what people can ask and leaders can do with points."""

from __future__ import annotations

from engagement.feature import Command, Feature, JobSpec, PersonalData
from engagement.points import gifts, handlers, leading, service, validity

_LEADER = frozenset({"leader"})
_DAY = 24 * 60

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
            takes="optional",
            slash=("history",),
            help="points.help_history",
        ),
        Command(
            "points.statement",
            ("积分账单", "账单", "月账单"),
            handlers.bill,
            reads=True,
            slash=("statement",),
            takes="optional",
            help="points.help_statement",
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
            leading.give,
            refusal="points.leader_only",
            slash=("give",),
            takes="required",
            consent=False,
            roles=_LEADER,
            help="points.help_give",
        ),
        Command(
            "points.take",
            ("扣分", "减分", "扣积分"),
            leading.take,
            refusal="points.leader_only",
            slash=("take",),
            takes="required",
            consent=False,
            roles=_LEADER,
            help="points.help_take",
        ),
        Command(
            "points.reverse",
            ("冲正", "冲销"),
            leading.reverse,
            slash=("reverse",),
            takes="required",
            consent=False,
            roles=_LEADER,
            help="points.help_reverse",
        ),
        Command(
            "points.expiry",
            ("积分有效期", "设置积分有效期"),
            leading.expiry,
            slash=("expiry",),
            takes="optional",
            consent=False,
            roles=_LEADER,
            help="points.help_expiry",
        ),
    ),
    buttons={
        "points": handlers.show,
        "board": handlers.board_button,
        "undo_points": leading.undo,
        "gift_yes": leading.agree,
        "gift_no": leading.turn_down,
        "reverse": leading.reverse_button,
    },
    quotes={"reverse": leading.reverse_quoted},
    plain=frozenset({"gift_yes", "gift_no", "reverse"}),
    undos={"points_expiry": leading.undo_expiry, "points_reversal": leading.undo_reversal},
    jobs=(
        # In the small hours and silent; any time of the day will do.
        JobSpec("points_expiry", 10, validity.plan_expiry, grace_minutes=_DAY - 20, unasked=False, ignores_quiet=True),
        JobSpec("points_notice", 9 * 60 + 30, validity.plan_notices, grace_minutes=600, unasked=False),
    ),
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
        PersonalData(
            table="ledger_lot",
            columns=("member_id", "expires_on", "remaining"),
            purpose="points.purpose_lots",
            export=service.export_lots,
            erase=lambda session, person_id, now: None,
        ),
        PersonalData(
            table="gift_request",
            columns=("maker_id", "member_id", "amount", "reason", "decided_by"),
            purpose="points.purpose_requests",
            export=gifts.export_requests,
            erase=lambda session, person_id, now: gifts.erase_requests(session, person_id),
        ),
        PersonalData(
            table="award_trace",
            columns=("member_id", "local_date", "mark"),
            purpose="points.purpose_traces",
            export=service.export_traces,
            erase=lambda session, person_id, now: service.erase_traces(session, person_id),
        ),
    ),
    help="points.help",
)
