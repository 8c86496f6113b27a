"""签到: one a member, topic and local day; streaks with rising rewards, topics, make-ups and days off."""

from __future__ import annotations

from engagement.checkin import bonding, catchup, handlers, leading, mending, records, summary, words
from engagement.events import Bonded, Parted
from engagement.feature import Command, Feature, FollowUp, OwnWords, PersonalData
from engagement.pushes import JobSpec

_LEADER = frozenset({"leader"})

FEATURE = Feature(
    name="checkin",
    commands=(
        Command(
            "checkin.do",
            words.DAILY_WORDS,
            handlers.check_in,
            asked="offered",
            slash=("checkin", "sign"),
            help="checkin.help_do",
        ),
        Command(
            "checkin.topics",
            ("打卡主题", "签到主题", "打卡项目", "有哪些打卡", "打卡有哪些"),
            handlers.topics,
            consent=False,
            slash=("checkin_topics",),
            help="checkin.help_topics",
        ),
        Command(
            "checkin.calendar",
            ("打卡日历", "签到日历", "签到记录", "打卡记录", "我的签到", "我的打卡"),
            handlers.calendar,
            asked="shown",
            reads=True,
            slash=("calendar",),
            help="checkin.help_calendar",
        ),
        Command(
            "checkin.makeup",
            ("补签", "我要补签", "补打卡", "补签昨天", "补签前天"),
            mending.makeup,
            asked="offered",
            slash=("makeup",),
            takes="optional",
            help="checkin.help_makeup",
        ),
        Command(
            "checkin.cards",
            ("补签卡", "我的补签卡"),
            mending.cards,
            asked="shown",
            reads=True,
            slash=("makeup_cards",),
        ),
        Command(
            "checkin.leave",
            ("请假", "打卡请假", *words.LEAVE_WORDS),
            mending.leave,
            asked="offered",
            slash=("leave",),
            takes="optional",
            help="checkin.help_leave",
        ),
        Command("checkin.leave_end", ("销假", "取消请假"), mending.end_leave, slash=("leave_end",)),
        Command(
            "checkin.topic_add",
            ("新增打卡", "添加打卡", "增加打卡"),
            leading.add_topic,
            slash=("topic_add",),
            takes="required",
            consent=False,
            roles=_LEADER,
            help="checkin.help_topic_add",
        ),
        Command(
            "checkin.topic_stop",
            ("停用打卡", "删除打卡", "取消打卡"),
            leading.stop_topic,
            slash=("topic_stop",),
            takes="required",
            consent=False,
            roles=_LEADER,
            help="checkin.help_topic_stop",
        ),
        Command(
            "checkin.double",
            ("双倍日", "双倍积分日"),
            leading.double,
            slash=("double",),
            takes="optional",
            consent=False,
            roles=_LEADER,
            help="checkin.help_double",
        ),
        Command(
            "checkin.freeze",
            ("冻结连签", "冻结打卡"),
            leading.freeze,
            slash=("freeze",),
            takes="optional",
            consent=False,
            roles=_LEADER,
            help="checkin.help_freeze",
        ),
    ),
    buttons={
        "checkin": handlers.check_in,
        "checkin_topic": handlers.topic_button,
        "makeup": mending.makeup_button,
        "leave": mending.leave_button,
        "unfreeze": leading.unfreeze_button,
    },
    quotes={"checkin_photo": handlers.photo},
    pictures=frozenset({"checkin_photo"}),
    events={Bonded: bonding.on_bonded, Parted: bonding.on_parted},
    undos={"checkin_setting": leading.undo_setting, "checkin_freeze": leading.undo_freeze},
    own_words=OwnWords(
        words.topic_spellings, handlers.topic_check_in, others=words.UNKNOWN_TOPIC, is_meant=words.may_be_topic
    ),
    follow_up=FollowUp(summary.next_due, summary.take_due),
    jobs=(
        JobSpec(
            catchup.KIND,
            0,
            catchup.plan,
            grace_minutes=catchup.GRACE_MINUTES,
            unasked=False,
            ignores_quiet=True,
            once=True,
        ),
    ),
    personal_data=(
        PersonalData(
            table="checkin",
            columns=("member_id", "local_date", "occurred_at"),
            purpose="checkin.purpose",
            export=records.export,
            erase=records.erase,
            count=records.count,
        ),
        PersonalData(
            table="checkin_streak",
            columns=("member_id", "streak", "longest", "total", "last_date", "cards"),
            purpose="checkin.purpose",
            export=records.export_streaks,
            erase=records.keep,
        ),
        PersonalData(
            table="checkin_makeup",
            columns=("member_id", "local_date", "made_on", "paid"),
            purpose="checkin.purpose_makeups",
            export=records.export_makeups,
            erase=records.keep,
        ),
        PersonalData(
            table="checkin_pause",
            columns=("member_id", "first_day", "last_day"),
            purpose="checkin.purpose_leaves",
            export=records.export_leaves,
            erase=records.keep,
        ),
    ),
    help="checkin.help",
)
