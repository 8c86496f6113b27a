"""签到: one a member, topic and local day; streaks with rising rewards."""

from __future__ import annotations

from engagement.checkin import handlers, service
from engagement.feature import Command, Feature, PersonalData

_DIGITS = "一二三四五六七八九"


def _numeral(number: int) -> str:
    """Write 1 … 99 as people say it."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _DIGITS[tens - 1] + "十") + (
        "" if ones == 0 else _DIGITS[ones - 1]
    )


def _spellings() -> tuple[str, ...]:
    """What people type to check in; somebody whose words are not heard loses a streak without knowing why.

    Marks, blanks and emoji are taken out before: 「签到+1」 is heard as 签到1.
    """
    acts = ("签到", "打卡", "签到打卡", "打卡签到", "签个到", "打个卡")
    before = ["", "我", "我要", "我来", "来", "我也", "今日", "今天", "每日", "早", "早上好", "早安"]
    before += ["大家早", "大家早上好", "大家好", "上午好", "中午好", "下午好", "晚上好"]
    after = ("", "了", "啦", "喽", "嘍", "咯", "啊", "呀", "哈", "哦", "嘞", "1", "来了", "来啦", "成功")
    words = [first + act + last for act in acts for first in before for last in after]
    words += [
        "已签到",
        "已打卡",
        "签",
        "签到签到",
        "打卡打卡",
        "签到签到签到",
        "打卡打卡打卡",
        "签道",
        "签倒",
        "打咔",
        "qd",
        "打卞",
    ]
    for day in [*range(1, 367), *(_numeral(number) for number in range(1, 100))]:
        words += [f"{act}第{day}天" for act in acts[:2]] + [f"第{day}天{act}" for act in acts[:2]]
    return tuple(dict.fromkeys(words))


FEATURE = Feature(
    name="checkin",
    commands=(
        Command(
            "checkin.do",
            _spellings(),
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
            export=service.export_streaks,
            erase=lambda session, person_id, now: None,
        ),
    ),
    help="checkin.help",
)
