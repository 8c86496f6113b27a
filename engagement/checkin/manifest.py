"""签到: one a member, topic and local day; streaks with rising rewards."""

from __future__ import annotations

from engagement.checkin import handlers, service
from engagement.feature import Command, Feature, PersonalData

FEATURE = Feature(
    name="checkin",
    commands=(
        Command(
            "checkin.do",
            (
                "签到",
                "打卡",
                "签到啦",
                "签到了",
                "打卡啦",
                "打卡了",
                "我签到",
                "我打卡",
                "我要签到",
                "我要打卡",
                "我来签到",
                "我来打卡",
                "来签到",
                "来打卡",
                "今日签到",
                "今日打卡",
                "今天签到",
                "今天打卡",
                "每日签到",
                "每日打卡",
                "签到打卡",
                "打卡签到",
                "签个到",
                "打个卡",
                "早上好签到",
                "早安签到",
                "早安打卡",
                "签到签到",
                "打卡打卡",
                "已签到",
                "已打卡",
            ),
            handlers.check_in,
            slash=("checkin", "sign"),
            help="checkin.help_do",
        ),
        Command(
            "checkin.calendar",
            ("打卡日历", "签到日历", "签到记录", "打卡记录", "我的签到", "我的打卡"),
            handlers.calendar,
            reads=True,
            slash=("calendar",),
            help="checkin.help_calendar",
        ),
    ),
    buttons={"checkin": handlers.check_in},
    personal_data=(
        PersonalData(
            table="checkin",
            columns=("member_id", "local_date", "occurred_at"),
            purpose="checkin.purpose",
            export=service.export,
            erase=lambda session, person_id, now: service.erase(session, person_id),
        ),
        PersonalData(
            table="checkin_streak",
            columns=("member_id", "streak", "longest", "total", "last_date"),
            purpose="checkin.purpose",
            export=lambda session, person_id: (),
            erase=lambda session, person_id, now: None,
        ),
    ),
    help="checkin.help",
)
