"""The guided dialogue for what the bot has to know about a group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.groups import rules
from engagement.kernel import Outgoing, Place
from engagement.registry import FEATURES
from knowledge.answer import Answer, Decision
from storage import identities, outbox
from storage.engine import Session
from storage.groups import Group
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def facts(stage: Stage) -> dict[str, str]:
    return dict(stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).facts or {}))


def group(stage: Stage) -> Group:
    return stage.database.read_now(lambda s: s.get_one(Group, stage.group_id))


def sent(stage: Stage, message: Outgoing) -> Outgoing:
    """The platform took a private message: the bot remembers what it was about."""

    def remember(session: Session) -> None:
        outbox.remember(
            session,
            channel=message.channel,
            account=message.account,
            conversation=message.conversation,
            provider_id=f"sent{len(stage.said)}",
            subject=message.subject,
            sent_at=stage.clock.now(),
        )

    if message.subject and message.place is Place.DM:
        stage.database.write_now(remember)
    return message


def privately(stage: Stage, text: str = "", when: str = "", button: str = "") -> Outgoing:
    """The leader types or presses in private; the answer is sent."""
    messages = stage.say(LEADER, text, when, button=button, private=True)
    for message in messages:
        sent(stage, message)
        assert placeholders_match(message), message.key
        shown(message)
    return messages[0]


def key_of(message: Outgoing, start: str) -> str:
    return next(button.key for button in message.buttons if button.key.startswith(start))


def test_a_fact_that_is_typed_ends_the_question_before_it(stage: Stage) -> None:
    """
    团团: 提货点在哪里？ 周团长: 群信息 提货点 东门快递柜 → 记下了；把王姐的单改一下 → no pick-up place
    """
    privately(stage, button=key_of(privately(stage, "设置"), "fill:"))
    assert privately(stage, "群信息 提货点 东门快递柜").key == "groups.fact_kept"
    assert not privately(stage, "把王姐的单改一下").key.startswith("groups.")
    assert facts(stage) == {"pickup_place": "东门快递柜"}


def test_the_whole_way_in_private(stage: Stage) -> None:
    """
    周团长（私聊）: 设置 → 点 [从头过一遍]
    团团: 提货点在哪里？            周团长: 东门快递柜          （不用引用）
    团团: 记下了…… 提货时间……？      周团长: 16:00-20:00
    ……坏果、7 天无理由、免打扰、时区点按钮……
    团团: 记好了：…… 邻居问“在哪提货”，我就答：东门快递柜。
    """
    settings = privately(stage, "设置")
    asked = privately(stage, button=key_of(settings, f"fill:{stage.group_id}::all"))
    assert (asked.key, asked.subject) == ("groups.ask_pickup_place", f"fill:{stage.group_id}:pickup_place:all")
    typed = {
        "pickup_place": "东门快递柜",
        "pickup_hours": "16:00-20:00",
        "delivery_day": "周二、周五下午",
        "order_cutoff": "每天 22:00",
        "hotline": "400-000-0000",
        "leader_name": "周姐",
        "after_sale_time": "提货后 24 小时内",
    }
    for key, value in typed.items():
        assert f"groups.ask_{key}" in (asked.key, *asked.tails)
        asked = privately(stage, value)
    for key in ("bad_fruit", "no_reason", "quiet", "zone"):
        assert f"groups.ask_{key}" in asked.tails
        asked = privately(stage, button=key_of(asked, "fill_as:"))
    assert "groups.fill_done" in asked.tails
    assert "邻居问“在哪提货”，我就答：东门快递柜。" in shown(asked)
    assert facts(stage) == {**typed, "bad_fruit": "坏多少赔多少，过半全退", "no_reason": "支持，不影响再卖就能退"}
    assert "还没填" not in shown(privately(stage, "设置"))
    assert privately(stage, "好吃的橙子").feature == "faq", "it is over: plain words are a question again"


def test_every_answer_can_be_taken_back(stage: Stage) -> None:
    asked = privately(stage, button=f"fill:{stage.group_id}:pickup_place:missing")
    asked = privately(stage, "东门快递柜")
    assert privately(stage, button=key_of(asked, "undo:")).key == "groups.restored"
    assert facts(stage) == {}
    before = (group(stage).quiet_from, group(stage).zone)
    quiet = privately(stage, button=f"fill_as:{stage.group_id}:quiet:all:2")
    zone = privately(stage, button=f"fill_as:{stage.group_id}:zone:all:2")
    assert (group(stage).quiet_from, group(stage).zone) == (21 * 60, "Asia/Urumqi")
    for message in (zone, quiet):
        privately(stage, button=key_of(message, "undo:"))
    assert (group(stage).quiet_from, group(stage).zone) == before


def test_in_the_group_the_leader_quotes(stage: Stage) -> None:
    """
    周团长（群里）: 设置 → [填提货点]
    李阿姨引用那条: 东门呀 → （不作声）
    周团长引用那条: 东门快递柜 → 记下了，下一项……
    """
    (settings,) = stage.say(LEADER, "设置")
    (asked,) = stage.say(LEADER, "", button=key_of(settings, "fill:"))
    assert "groups.ask_here" in asked.tails
    stage.say("李阿姨", "签到")
    assert stage.say("李阿姨", "东门呀", quoting=asked) == []
    (kept,) = stage.say(LEADER, "东门快递柜", quoting=asked)
    assert kept.key == "groups.fact_kept"
    assert facts(stage) == {"pickup_place": "东门快递柜"}
    assert stage.say(LEADER, "今晚加餐") == [], "in a group nothing is taken without a quote"
    assert facts(stage) == {"pickup_place": "东门快递柜"}


def test_a_question_in_between_is_a_question(stage: Stage) -> None:
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:missing")
    for words in ("这个填了有什么用？", "怎么填", "谢谢", "好的"):
        assert privately(stage, words).feature == "faq"
    assert privately(stage, "积分").feature == "points"
    assert facts(stage) == {}
    privately(stage, "东门快递柜")
    assert facts(stage) == {"pickup_place": "东门快递柜"}


def test_a_question_of_a_neighbour_in_between_closes_it(stage: Stage) -> None:
    """Plain words after a neighbour's question was handed over may be the answer to that: nothing is guessed."""
    privately(stage, button=f"fill:{stage.group_id}:pickup_hours:missing")
    stage.clock.set(stage.clock.now())
    (_, told) = stage.say("李阿姨", "问团长 燃气灶能代收吗")
    sent(stage, told)
    privately(stage, "可以放我这里")
    assert facts(stage) == {}


def test_it_waits_half_an_hour_and_then_for_a_quote(stage: Stage) -> None:
    asked = privately(stage, button=f"fill:{stage.group_id}:pickup_place:missing")
    assert privately(stage, "东门快递柜", "2026-12-01T09:31").feature == "faq"
    assert keys(stage.say(LEADER, "东门快递柜", "2026-12-05T10:00", quoting=asked, private=True)) == [
        "groups.fact_kept"
    ]


def test_skip_stop_and_clear(stage: Stage) -> None:
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:missing")
    assert privately(stage, "跳过").key == "groups.ask_pickup_hours"
    assert privately(stage, "没有").key == "groups.ask_delivery_day"
    stopped = privately(stage, "先停")
    assert stopped.key == "groups.fill_stopped"
    assert privately(stage, "东门快递柜").feature == "faq"
    assert facts(stage) == {}
    again = privately(stage, button=f"fill:{stage.group_id}:hotline:missing")
    assert privately(stage, button=key_of(again, "fill_skip:")).key == "groups.ask_leader_name"
    assert privately(stage, button=key_of(again, "fill_stop:")).key == "groups.fill_stopped"
    privately(stage, "群信息 热线 400-000-0000")
    asked = privately(stage, button=f"fill:{stage.group_id}:hotline:all")
    assert "现在是：400-000-0000" in shown(asked)
    assert privately(stage, "没有").key == "groups.fact_cleared"
    assert facts(stage) == {}
    assert keys(stage.say(LEADER, "随便", quoting=stopped, private=True)) == ["groups.fill_over"]


def test_what_cannot_be_read_is_asked_again(stage: Stage) -> None:
    privately(stage, button=f"fill:{stage.group_id}:quiet:all")
    again = privately(stage, "晚上别吵")
    assert again.key == "groups.quiet_how"
    assert privately(stage, "22点到8点").key == "groups.quiet_kept"
    privately(stage, button=f"fill:{stage.group_id}:zone:all")
    assert privately(stage, "火星").key == "groups.zone_how"
    assert privately(stage, "新疆時間").key == "groups.zone_kept"
    assert (group(stage).quiet_to, group(stage).zone) == (8 * 60, "Asia/Urumqi")


def test_who_names_another_fact_means_that_one(stage: Stage) -> None:
    """团团: 提货点在哪里? 周团长: 热线 400-000-0000 → 热线, and 提货点 is asked again; then 「提货点 东门」 loses its name."""
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:first")
    other = privately(stage, "热线 400-000-0000")
    assert (other.key, other.tails[0]) == ("groups.fact_kept", "groups.ask_pickup_place")
    assert facts(stage) == {"hotline": "400-000-0000"}
    assert privately(stage, "提货点 东门快递柜").tails[0] == "groups.ask_pickup_hours"
    assert facts(stage) == {"hotline": "400-000-0000", "pickup_place": "东门快递柜"}


def test_quiet_hours_can_be_none(stage: Stage) -> None:
    """周团长: 免打扰 关 → 关了; 设置 says so, 撤销 brings them back; in the dialogue 「没有」 does the same."""
    before = group(stage)
    off = privately(stage, "免打扰 关")
    assert off.key == "groups.quiet_off"
    assert (group(stage).quiet_from, group(stage).quiet_to) == (0, 0)
    assert "免打扰：没开" in shown(privately(stage, "设置"))
    privately(stage, button=key_of(off, "undo:"))
    assert (group(stage).quiet_from, group(stage).quiet_to) == (before.quiet_from, before.quiet_to)
    asked = privately(stage, button=f"fill:{stage.group_id}:quiet:all")
    assert "现在是：22:00–07:00" in shown(asked)
    assert privately(stage, "没有").key == "groups.quiet_off"
    assert privately(stage, "免打扰 0:00-24:00").key == "groups.quiet_how"


def test_settings_tell_the_facts_in_the_order_of_the_questions(stage: Stage) -> None:
    for said in ("热线 400-000-0000", "提货时间 16:00-20:00", "提货点 东门"):
        privately(stage, f"群信息 {said}")
    lines = shown(privately(stage, "设置")).splitlines()
    assert lines[1:4] == ["提货点：东门", "提货时间：16:00-20:00", "热线：400-000-0000"]


def test_the_summary_says_what_is_missing(stage: Stage) -> None:
    privately(stage, button=f"fill:{stage.group_id}:no_reason:missing")
    end = privately(stage, "跳过")
    assert end.key == "groups.fill_none"
    assert "我只能请 TA 问你" in shown(end)


@pytest.mark.parametrize(
    "reference", ["", "1", "1:2", "1:hotline", "x:hotline:all", "1:weather:all", "1:hotline:all:x:y"]
)
def test_rubbish_is_no_question(stage: Stage, reference: str) -> None:
    for prefix in ("fill", "fill_as", "fill_skip", "fill_stop"):
        (no,) = stage.say(LEADER, "", button=f"{prefix}:{reference}")
        assert no.key == "guard.old_button", prefix


def test_a_fact_that_is_missing_is_told_once_a_day(stage: Stage) -> None:
    """
    （李阿姨问“在哪提货”，群里没填，知识库只能说“问团长”）
    团团私聊周团长: 有邻居问到提货点，我还不知道…… [填提货点]   一天一次
    """
    from engagement.events import FactMissing
    from engagement.feature import Actor, GroupView

    def ask(*wanted: str) -> list[str]:
        def run(session: Session) -> list[str]:
            view = GroupView.of(session.get_one(Group, stage.group_id))
            ctx = stage.gateway.dispatcher.context(
                session, stage.incoming("李阿姨"), Actor(0, ""), view, stage.clock.now()
            )
            said = ctx.emit(FactMissing(stage.group_id, wanted))
            return [f"{one.key}:{len(one.buttons)}" for one in said]

        return stage.database.write_now(run)

    assert ask("pickup_place") == [], "the leader's private chat is not open"
    stage.say(LEADER, "积分", private=True)
    assert ask("pickup_place") == ["groups.fact_wanted:1"]
    assert ask("pickup_place") == []
    assert ask("pickup_place", "pickup_hours") == ["groups.fact_wanted:1"]
    stage.say(LEADER, "积分", "2026-12-02T09:00", private=True)
    assert ask("pickup_place", "pickup_hours") == ["groups.fact_wanted:2"]
    stage.say(LEADER, "群信息 提货点 东门", "2026-12-03T09:00")
    assert ask("pickup_place") == []
    stage.say(LEADER, "积分", "2026-12-03T23:00", private=True)
    assert ask("hotline") == [], "not at night"
    stage.say(LEADER, "积分", "2026-12-04T09:00", private=True)
    assert ask("bad_fruit") == [], "that answer was whole without it"


class Knows:
    """A knowledge base whose best answer would quote a fact that the group has not told."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    async def ask(self, question: str, **_more: object) -> Answer:
        decision: Decision = "answered" if self.missing else "handed_over"
        return Answer(decision, "先问问团长。", (), (), 0.9, None, 1.0, question, self.missing)


def test_a_question_that_lacks_a_fact_reaches_the_leader(stage: Stage) -> None:
    """
    李阿姨: 提问 在哪提货 → 先问问团长
    团团私聊周团长: 有邻居问到提货点 [填提货点]；点开，填上
    """
    stage.say(LEADER, "积分", private=True)
    stage.gateway.dispatcher.answering = Knows("pickup_place")  # type: ignore[assignment]
    assert keys(stage.say(LEADER, "提问 在哪提货", private=True)) == ["faq.answer"], "who tries it out is no neighbour"
    answer, told = stage.say("李阿姨", "提问 在哪提货")
    assert (answer.key, told.key, told.to) == ("faq.answer", "groups.fact_wanted", LEADER)
    assert [told.values["word"], len(told.buttons)] == ["提货点", 1]
    assert keys(stage.say("王姐", "提问 在哪提货")) == ["faq.answer"], "once a day"
    assert privately(stage, button=told.buttons[0].key).key == "groups.ask_pickup_place"
    stage.gateway.dispatcher.answering = Knows()  # type: ignore[assignment]
    assert keys(stage.say("王姐", "提问 天上有几颗星"))[0] == "faq.handed_over"


def test_a_leader_of_two_groups_fills_the_one_that_was_asked_about(stage: Stage) -> None:
    def make(session: Session) -> int:
        other = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(other)
        session.flush()
        assert other.id is not None
        known = identities.known(session, "play", LEADER, None)
        assert known is not None
        member = identities.enter(session, other.id, known.person_id, LEADER, stage.clock.now())
        member.role = "leader"
        session.add(member)
        return other.id

    other = stage.database.write_now(make)
    asked = privately(stage, button=f"fill:{stage.group_id}:pickup_place:missing")
    assert "guard.about_group" in asked.tails
    privately(stage, button=f"group:{other}")
    privately(stage, "东门快递柜")
    assert facts(stage) == {"pickup_place": "东门快递柜"}


# ---------------------------------------------------------------- rules


def test_the_order_of_questions() -> None:
    keys_ = rules.asked_keys()
    assert keys_[0] == "pickup_place"
    assert keys_[-2:] == ("quiet", "zone")
    assert rules.next_key({}, rules.ALL, keys_[-1]) == ""
    assert rules.next_key({"pickup_place": "x"}, rules.FIRST) == "pickup_hours"
    assert rules.next_key({"pickup_place": "x", "pickup_hours": "y"}, rules.FIRST) == ""
    assert rules.next_key({"delivery_day": "x"}, rules.MISSING, "pickup_hours") == "order_cutoff"
    assert rules.next_key({"delivery_day": "x"}, rules.ALL, "pickup_hours") == "delivery_day"
    assert rules.next_key({}, rules.MISSING, "quiet") == ""


def test_references_come_back_as_they_were() -> None:
    for ask in (rules.Ask(7), rules.Ask(7, "quiet", rules.ALL), rules.Ask(7, "zone", rules.FIRST, 2)):
        assert rules.read_ask(ask.reference(ask.choice)) == ask
    for rubbish in (
        "",
        "7",
        "7:zone",
        "0:zone:all",
        "7:zone:all:x",
        "7:zone:all:1:2",
        "7:zone:none",
        "7:sky:all",
        "-1::all",
    ):
        assert rules.read_ask(rubbish) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("跳过", "skip"),
        ("跳過。", "skip"),
        ("先停", "stop"),
        ("算了", "stop"),
        ("无", "clear"),
        ("没有", "clear"),
        ("东门", ""),
    ],
)
def test_words_that_steer(text: str, word: str) -> None:
    assert rules.control(text) == word


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "谢谢", "好的", "ok", "这是啥意思", "几点好呢", "填什么？", "你是谁", "\u200b"),
        *("今天谁没签到", "谁没打卡", "群里有多少人", "今天有几个人问问题没回"),
    ],
)
def test_words_that_are_no_value(text: str) -> None:
    assert rules.is_no_value(text)


@pytest.mark.parametrize(
    "text", ["东门快递柜", "周二到周五", "没有", "跳过", "16点到20点", "东门第几个柜子都行，两个都开着"]
)
def test_words_that_may_be_one(text: str) -> None:
    assert not rules.is_no_value(text)


def test_zones() -> None:
    assert rules.read_zone("北京時間") == "Asia/Shanghai"
    assert rules.read_zone(" Asia/Tokyo ") == "Asia/Tokyo"
    assert rules.read_zone("火星") == "火星"


def other_group(stage: Stage, name: str, **facts: str) -> int:
    """Another group that the leader leads."""

    def make(session: Session) -> int:
        other = Group(channel="play", external_id=name, name=name, created_at=stage.clock.now(), facts=facts)
        session.add(other)
        session.flush()
        assert other.id is not None
        known = identities.known(session, "play", LEADER, None)
        assert known is not None
        identities.enter(session, other.id, known.person_id, LEADER, stage.clock.now()).role = "leader"
        return other.id

    return stage.database.write_now(make)


def test_copy_is_a_command_also_in_the_middle_of_the_questions(stage: Stage) -> None:
    """
    团团: 提货点在哪里？ 周团长: 照抄 → 只带这一个群：没有可以照抄的，什么也没记
    周团长还带金桂苑：照抄 → 照「金桂苑」的填好了，能改回去；已经填了的先问是哪个
    """
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:first")
    assert privately(stage, "照抄").key == "groups.copy_none"
    assert facts(stage) == {}
    other_group(stage, "金桂苑", pickup_place="南门菜鸟", pickup_hours="15:00-19:00")
    privately(stage, button=f"group:{stage.group_id}")
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:first")
    copied = privately(stage, "照抄")
    assert (copied.key, facts(stage)["pickup_place"]) == ("groups.copied", "南门菜鸟")
    assert privately(stage, "照抄设置").key == "groups.copy_which"
    privately(stage, button=key_of(copied, "undo:"))
    assert facts(stage) == {}


def test_what_does_not_look_like_an_answer_is_asked_for_once_more(stage: Stage) -> None:
    """
    团团: 提货时间是几点到几点？ 周团长: 东门快递柜 → 看着不像提货时间，再说一遍……比如：16:00-20:00
    周团长: 下午四点到晚上八点 → 记下了
    团团: 热线？ 周团长: 老王 → 看着不像热线；周团长: 老王 → 那就照你说的记
    团团: 截单？ 周团长: 晚上二十五点 → 没有这个时间，怎么说都不记；跳过 → 下一项
    """
    privately(stage, button=f"fill:{stage.group_id}:pickup_hours:all")
    again = privately(stage, "东门快递柜")
    assert (again.key, again.tails) == ("groups.unlike", ("groups.ask_pickup_hours",))
    assert "16:00-20:00" in shown(again)
    assert facts(stage) == {}
    assert privately(stage, "下午四点到晚上八点").key == "groups.fact_kept"
    privately(stage, button=f"fill:{stage.group_id}:hotline:all")
    assert privately(stage, "老王").key == "groups.unlike"
    assert privately(stage, "老王").key == "groups.fact_kept"
    privately(stage, button=f"fill:{stage.group_id}:order_cutoff:all")
    assert privately(stage, "晚上二十五点").key == "groups.odd_order_cutoff"
    odd = privately(stage, "晚上二十五点")
    assert odd.key == "groups.odd_order_cutoff"
    assert "每天 22:00" in shown(odd)
    assert privately(stage, "群信息 截单时间 晚上二十五点").key == "groups.odd_order_cutoff"
    assert privately(stage, "跳过").key == "groups.ask_hotline"
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:all")
    assert privately(stage, "今天谁没签到").key == "leader.roll_nobody", "a question is no place"
    assert facts(stage) == {"pickup_hours": "下午四点到晚上八点", "hotline": "老王"}


def test_a_fact_that_does_not_look_like_one_is_asked_for_once_more_by_the_command_too(stage: Stage) -> None:
    """
    周团长: 群信息 热线 abc → 看着不像热线，再说一遍就照你说的记；周团长: 8555 0000 → 记下了，别的不问
    周团长: 群信息 热线 老王 → 看着不像；周团长: 老王 → 那就照你说的记；群信息 热线 abc，跳过 → 还是老王
    """
    again = privately(stage, "群信息 热线 abc")
    assert (again.key, again.tails) == ("groups.unlike", ("groups.ask_hotline",))
    assert facts(stage) == {}
    assert privately(stage, "8555 0000").key == "groups.fact_kept"
    assert privately(stage, "群信息 热线 老王").key == "groups.unlike"
    assert privately(stage, "老王").key == "groups.fact_kept"
    assert privately(stage, "群信息 热线 abc").key == "groups.unlike"
    assert privately(stage, "跳过").key == "groups.fill_stopped"
    assert facts(stage) == {"hotline": "老王"}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("pickup_place", "16:00-20:00", "unlike"),
        ("pickup_place", "3 号楼 1 单元", ""),
        ("pickup_place", "物业 24 小时柜", ""),
        ("pickup_hours", "全天", ""),
        ("pickup_hours", "16:00-26:00", "odd"),
        ("pickup_hours", "晚上七点半到九点", ""),
        ("pickup_hours", "10:75", "odd"),
        ("pickup_hours", "４点３０分以后", ""),
        ("order_cutoff", "每晚十点", ""),
        ("order_cutoff", "晚上二十五点", "odd"),
        ("order_cutoff", "24:00", ""),
        ("order_cutoff", "东门", "unlike"),
        ("delivery_day", "周二、周五下午", ""),
        ("delivery_day", "东门快递柜", "unlike"),
        ("hotline", "400-000-0000", ""),
        ("hotline", "没有", ""),
        ("hotline", "晚上", "unlike"),
        ("after_sale_time", "提货后 24 小时内", ""),
        ("after_sale_time", "收到货当天", ""),
        ("after_sale_time", "东门", "unlike"),
        ("leader_name", "周姐", ""),
    ],
)
def test_what_looks_like_a_fact(key: str, value: str, why: str) -> None:
    assert rules.fault(key, value) == why


def test_other_doubtful_words_are_doubted_again(stage: Stage) -> None:
    """
    提货时间是几点？ 我要开团 → 看着不像；接龙 → 也看着不像，不当成“再说一遍”；接龙 → 照你说的记
    """
    privately(stage, button=f"fill:{stage.group_id}:pickup_hours:one")
    assert privately(stage, "开团").key == "groups.unlike"
    assert privately(stage, "隔壁老王").key == "groups.unlike"
    assert facts(stage) == {}
    privately(stage, "隔壁老王")
    assert facts(stage) == {"pickup_hours": "隔壁老王"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("提货点是东门快递柜", "东门快递柜"),
        ("提货在5栋楼下", "5栋楼下"),
        ("我们在5栋楼下的小卖部", "5栋楼下的小卖部"),
        ("提货地点就在 西门岗亭", "西门岗亭"),
        ("在东门", "东门"),
        ("东门快递柜", "东门快递柜"),
        ("是", "是"),
        ("就是东门快递柜", "东门快递柜"),
        ("改到 西门", "西门"),
        ("为民服务中心", "为民服务中心"),
        ("是非堂茶馆", "是非堂茶馆"),
        ("在水一方小区东门", "在水一方小区东门"),
        ("提货点在在水一方小区", "在水一方小区"),
    ],
)
def test_a_fact_is_kept_without_the_words_around_it(stage: Stage, said: str, kept: str) -> None:
    assert rules.without_talk("pickup_place", said) == kept
    privately(stage, f"群信息 提货点 {said}")
    assert facts(stage) == {"pickup_place": kept}
    privately(stage, button=f"fill:{stage.group_id}:pickup_place:one")
    privately(stage, said)
    assert facts(stage) == {"pickup_place": kept}
    assert rules.without_talk("hotline", "电话是 8555 0000") == "电话是 8555 0000"


def test_several_facts_in_one_message(stage: Stage) -> None:
    said = stage.say(LEADER, "群信息 提货点：西门岗亭 提货时间：17-20", private=True)
    assert [one.key for one in said] == ["groups.fact_kept", "groups.fact_kept"]
    assert facts(stage) == {"pickup_place": "西门岗亭", "pickup_hours": "17-20"}
    said = stage.say(LEADER, "群信息 提货点：东门，提货时间：接龙", private=True)
    assert [one.key for one in said] == ["groups.fact_kept", "groups.unlike"]
    said = stage.say(LEADER, "群信息 热线：123 提货点：南门 截单：哈哈哈", private=True)
    assert [one.key for one in said] == ["groups.fact_kept", "groups.unlike"]
    assert facts(stage)["pickup_place"] == "南门", "what is clear is kept, also behind what is doubtful"
    assert (said[1].values["word"], said[1].values["others"]) == ("热线", "截单时间")
    assert "截单时间也看着不像" in shown(said[1]) and placeholders_match(said[1])
    assert rules.read_facts("提货点 东门（截单：晚上）") == [("pickup_place", "东门(截单:晚上)")]


def test_quiet_hours_of_most_of_the_day_are_asked_about(stage: Stage) -> None:
    """
    免打扰 9点到8点 → 有 23 个小时……要的是哪一个？ [21:00-08:00] [09:00-08:00]
    """
    for words, first in (("9点到8点", "21:00-08:00"), ("十点到七点", "22:00-07:00")):
        (asked,) = stage.say(LEADER, f"免打扰 {words}", private=True)
        assert (asked.key, asked.buttons[0].values["span"]) == ("groups.quiet_long", first), words
        assert placeholders_match(asked)
    (asked,) = stage.say(LEADER, "免打扰 十点到七点", private=True)
    assert keys(stage.say(LEADER, "", button=asked.buttons[0].key)) == ["groups.quiet_kept"]
    assert rules.doubted_span(22 * 60, 7 * 60) is None
    assert rules.doubted_span(18 * 60, 10 * 60) == (18 * 60, 10 * 60), "sixteen hours, and nothing shorter is meant"
    (asked,) = stage.say(LEADER, "免打扰 18:00-10:00", private=True)
    assert len(asked.buttons) == 1
    assert keys(stage.say(LEADER, "", button=asked.buttons[0].key)) == ["groups.quiet_kept"]
    for odd in ("1:x:2", "1:12345:1", "1"):
        assert keys(stage.say(LEADER, "", button=f"quiet_as:{odd}")) == ["guard.old_button"]
    privately(stage, button=f"fill:{stage.group_id}:quiet:one")
    assert privately(stage, "10点到9点").key == "groups.quiet_long"
    assert privately(stage, "免打扰 乱写").key == "groups.quiet_how"
