"""Somebody does not want to live, is beaten at home, or needs help now: the same words each time, and no mere joke."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engagement.faq import rules
from engagement.kernel import Kind, Outgoing, Place
from engagement.registry import FEATURES
from storage.documents import Question
from storage.groups import Consent
from storage.learning import Turn
from tests.engagement.stage import Stage, keys, open_stage, shown

SELF_HARM = """我不想活了 我想死 想死 活着没意思 活着真没意思 不想活了 真的不想活了 我好想死 我真想死了算了 我活不下去了 活够了
唉，我不想活了，太累 我妈说不想活了 我女儿想自杀 我想自杀 老伴要跳楼 我要跳楼 觉得活着没什么意义 人活着有什么意思 活着太累了
团团，我不想活了 我想结束自己的生命 他割腕了怎么办 还不如死了算了 没有我大家会更好 我想离开这个世界 我想去死 一点都不想活了
我吃了很多安眠药 不想活下去了 我想死，真的 最近总是觉得活着没意思 我不想活啦！！！ 我不活了"""
VIOLENCE = """我老公打我 我老公打我了怎么办 老公又打我 他又动手打我 我被老公打了 老公家暴 婆婆打孩子 我男朋友打我 老公打骂我
我爸喝了酒就打我妈 老公喝酒打人 我被家暴了 儿子打我 孩子被他爸打了，怎么办 我老公掐我脖子 他喝了酒就拿刀砍我 丈夫殴打我"""
NEITHER = """累死我了 笑死 虾死了 想死你们了 想死我了 热死了 气死我了 鱼死了怎么办 跳楼价 跳楼大甩卖 饿死了 虾不活了
螃蟹是活的吗 鱼活不活 活着的虾 收到时虾已经死了 老公打我电话没接 我老公打电话问几点 老公帮我打卡 我妈打我手机 能替家人打卡吗
家里人打不了卡 贵死了 死机器人 我不想要了 不想参加活动了 热得不想活了 菜价贵得没法活了 羡慕死了 生活不下去 要死了 忙得要死
笑死我了 急死了 农药残留多吗 被老公打断了 孩子打疫苗 老公打折买的 儿子打包 想死你做的鱼 花死了怎么办 自杀式降价 团长打我电话了
老公打牌 你去死吧 死了算了这破虾 虾不想活了 我养的鱼活不下去了 花不活了 我的虾不活了"""

EMERGENCY = """胸口痛 胸口好闷喘不上气 我胸口闷得慌 头好晕胸口闷 心脏不舒服 我爸心脏病犯了 我妈喘不上气了 喘不过气来 我呼吸困难
我妈摔倒了起不来 我妈摔倒了 老伴突然倒地上不醒 有人晕倒了 提货点有人晕倒了 孩子昏迷了 老人叫不醒 我老公抽搐了
王阿姨摔得动不了 他没有呼吸了 我邻居煤气中毒了 我们家煤气中毒 煤气味好大 厨房煤气泄漏了 闻到好大的煤气味
楼道里有煤气味怎么办 着火了 3号楼着火了 我家厨房着火了 电瓶车着火了 楼道冒烟 插座冒火花了 我老伴走丢了
孩子不见了 老人走丢了 我妈走失了怎么办 孩子被拐走了 我孙子找不到了 被电动车撞了 我被车撞了 老伴被三轮车撞倒了
出车祸了 吃了你家菜住院了 吃了你们的蘑菇全家进医院了 我妈吃了群里的鱼送医院了 孩子误食老鼠药 孩子噎住了 我被狗咬了
孩子卡在电梯里了 电梯困人了 有人拿刀在店里闹 店里进贼了 有人打架 快帮我叫救护车 救命 救命啊快来人 我爸中风了
孩子从楼上掉下来了 孩子掉河里了 孩子烫伤了 羊水破了 血止不住 货架倒了压着人 取货那边车撞到人了 我胸口疼得厉害
我现在胸口疼得厉害 我妈头晕得站不起来"""
HARMLESS = """头发晕色 气死我了 着火价 火锅 水煤气费 走丢的快递 煤气费怎么交 代交燃气费吗 煤气灶有卖吗 快递不见了
我的橙子不见了 订单找不到了 手机摔了 鸡蛋摔碎了 鱼晕过去了 胸口肉怎么卖 牛胸口有货吗 鸡胸肉多少钱 心疼死我了
心痛钱 头疼怎么选 头疼 上火了 团购火了 辣得嘴着火了 嗓子着火了 生意火爆 爆款着火一样 晕车药有吗 晕了
这价格看晕了 我晕 团长晕 被骗了 被抢光了 红包被抢了 苹果被车压坏了 西瓜摔地上了 草莓压坏了 冰箱不制冷了
住院能退吗 我在住院 医院门口能提货吗 送医院对面 忙得喘不过气 救命太便宜了 救命，太好吃了 笑到岔气 中毒太深
我中了你的毒 电脑中毒了 货丢了 猫走丢了 积分不见了 签到不见了 签到记录找不到了 我的积分找不到了 防火门
灭火器有吗 烟花 炸鸡 爆米花 炸了 锅炸 鱼没气了 汽水没气了 气球漏气了 轮胎漏气 电动车充电 电池坏了 被蚊子咬了
虾被压坏了 刀有吗 菜刀怎么卖 打架鱼 小偷 防身 油烟机 车厘子炸裂 电梯坏了怎么提货 打120元 满119减10
团长不见了 团长找不到了 邻居找不到了 人找不到了 人不见了 我晕倒 笑晕过去 美晕了 帅晕过去了 爆炸头 爆炸好吃"""
EMERGENCY_TOO = """家里有煤气味 闻到煤气味 我家有股煤气味 楼道有煤气味 被蛇咬了 我被蛇咬了 孩子被开水烫了 孩子被热水烫到了
我喝了84消毒液
我妈心梗犯了 我爸中风了 我爸突发心梗 我爸心脏病突然发作 心脏病犯了 孩子窒息了 有人触电
孩子触电怎么办 我妈大出血了 危险 危险啊 孩子丢了 他失踪了
有人拿着菜刀砍人 老伴找不到了"""
HARMLESS_TOO = """我有心脏病，柚子能吃吗|有没有适合 心脏病 的油|我妈中风、糖尿病，能吃红薯吗|心脏病、高血压能吃吗
我朋友心梗，去年的事
砂糖橘9块9，大出血！|砂糖橘今天特价，大出血了！|团长大出血了|窒息 塑料袋|触电 专场|溺水 玩具
下雨路滑，危险|危险！油锅别离人|太窒息了|他丢了
妈妈找不到了|奶奶找不到了，提货点在哪|有人拿着菜刀切肉|有人拿刀切西瓜|家里有煤气|煤气味|我妈中风了三年"""
GAS = """我家一股煤气味 我家里一股煤气味 一股煤气味，头晕 满屋煤气味 满屋子都是煤气味 屋里煤气味 家里煤气味
厨房燃气味 屋里全是天然气味 一股液化气味 楼道一股子煤气味儿 一进门一股煤气味 我家屋子里一股煤气的味道 一股煤气味怎么办
家里一股煤气味是怎么回事 屋里煤气味要紧吗"""
NO_GAS = """煤气费 煤气灶推荐 一股奶香味 换煤气罐 煤气味 满屋奶香味 家里煤气费怎么交 家里煤气灶坏了
屋里一股霉味 家里换煤气罐 一股煤油味 家里煤气味怎么去除 屋里没有煤气味 煤气味的糖 家里有煤气 家里用天然气"""
LONG = (
    "一股" * 100,
    "家里一股煤气" * 6,
    "满屋子都是" * 8,
    "真的" * 100,
    "家里" * 100,
    "在家里" * 13,
    "刚刚" * 20,
    "我妈在家" * 10,
    "家里 " * 66,
    "快来人" * 13,
)


def questions(stage: Stage) -> list[str]:
    return stage.database.read_now(lambda s: [one.text for one in s.exec(select(Question).order_by(Question.id))])  # type: ignore[arg-type]


class Nobody:
    """Must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    stage.gateway.dispatcher.answering = Nobody()  # type: ignore[assignment]
    return stage


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("self_harm", SELF_HARM),
        ("violence", VIOLENCE),
        ("", NEITHER),
        ("emergency", EMERGENCY),
        ("", HARMLESS),
        ("emergency", EMERGENCY_TOO),
        ("emergency", GAS),
        ("", NO_GAS),
    ],
)
def test_what_is_meant(kind: str, words: str) -> None:
    assert {one: rules.danger(one) for one in words.split()} == dict.fromkeys(words.split(), kind)
    for one in ("我 不想 活 了", "活著沒意思", "我媽說不想活了", "我要跳樓"):
        assert rules.danger(one) == "self_harm", one


def test_an_illness_a_bargain_or_a_knife_for_meat_is_no_emergency() -> None:
    words = HARMLESS_TOO.replace("\n", "|").split("|")
    assert {one: rules.danger(one) for one in words} == dict.fromkeys(words, "")


def test_in_private(stage: Stage) -> None:
    """李阿姨（私聊）: 我不想活了 → 「听着让人揪心…12356…」, without a button, a source or a record."""
    (said,) = stage.say("李阿姨", "我不想活了", private=True)
    assert (said.key, said.buttons, said.citations, said.tails) == ("faq.self_harm", (), (), ())
    assert all(number in shown(said) for number in ("12356", "110", "120"))
    (said,) = stage.say("李阿姨", "我老公打我", private=True)
    assert all(number in shown(said) for number in ("12338", "110"))
    for table in (Consent, Turn, Question):
        assert stage.database.read_now(lambda s, t=table: list(s.exec(select(t)))) == []  # type: ignore[misc]


def test_in_the_group_nobody_is_named(stage: Stage) -> None:
    (said,) = stage.say("王姐", "问 我不想活了")
    assert (said.key, said.kind, said.to, said.mention) == ("faq.self_harm", Kind.REPLY, "", False)
    assert "王姐" not in shown(said)
    stage.say("王姐", "积分", private=True)
    (said,) = stage.say("王姐", "问 我不想活了")
    assert (said.key, said.kind, said.place, said.to) == ("faq.self_harm", Kind.DM, Place.DM, "王姐")


def test_whatever_was_asked(stage: Stage) -> None:
    """Not a group's fact, and no answer to the day's topic."""
    (how,) = stage.say("李阿姨", "问团长")
    assert keys(stage.say("李阿姨", "活着没意思", quoting=how)) == ["faq.self_harm"]
    (asked,) = stage.say("周团长", "", button=f"fill:{stage.group_id}:leader_name:missing", private=True)
    stage._remember(asked, "周团长")
    assert keys(stage.say("周团长", "我不想活了", private=True)) == ["faq.self_harm"]


def test_who_wants_the_leader_has_both(stage: Stage) -> None:
    said = stage.say("李阿姨", "问团长 我老公打我")
    assert keys(said) == ["faq.violence", "faq.passed_on", "faq.to_leader"]


@pytest.mark.parametrize("words", LONG)
def test_words_said_over_and_over_are_read_in_no_time(words: str) -> None:
    began = time.perf_counter()
    assert rules.danger(words) == ""
    assert time.perf_counter() - began < 2


def test_an_emergency_reaches_the_leader_at_once_and_by_night(stage: Stage) -> None:
    """
    王姐（私聊，半夜）: 我妈摔倒了起不来 → 先打 120……我也告诉周团长了。没有新手任务、没有👍
    周团长（私聊）: 急事：王姐刚刚说：我妈摔倒了起不来
    """
    (alone,) = stage.say("王姐", "问 胸口痛 喘不上气")
    assert (alone.key, alone.kind) == ("faq.emergency", Kind.REPLY), "nobody can be told yet"
    stage.say("周团长", "积分", private=True)
    said, told = stage.say("王姐", "我妈摔倒了起不来", "2026-12-01T23:30", private=True)
    assert (said.key, said.tails, said.buttons, said.citations) == ("faq.emergency", ("faq.emergency_told",), (), ())
    assert shown(said).startswith("先打 120（走丢、出事打 110，着火打 119），别等我。") and "周团长" in shown(said)
    assert (told.key, told.to, told.kind, told.conversation) == ("faq.to_leader_emergency", "周团长", Kind.DM, "周团长")
    assert "我妈摔倒了起不来" in shown(told) and "热线" not in shown(told)
    for words, minute, key in (("问团长 我妈摔倒了起不来", "23:40", ""), ("提问 着火了", "23:50", "_fire")):
        said, told = stage.say("王姐", words, f"2026-12-01T{minute}")
        assert [said.key, told.key] == [f"faq.emergency{key}", "faq.to_leader_emergency"], words
    assert keys(stage.say("周团长", "着火了", private=True)) == ["faq.emergency_fire"], "no word to himself"
    assert stage.database.read_now(lambda s: list(s.exec(select(Turn)))) == []
    assert questions(stage) == ["胸口痛 喘不上气"], "what nobody could be told waits"


def test_where_no_leader_can_be_reached_an_emergency_waits(stage: Stage) -> None:
    """
    王姐: 我妈晕倒了 → 先打 120……；周团长从没私聊过
    周团长（私聊）: 待回复 → 王姐：我妈晕倒了 [回]
    """
    stage.say("王姐", "签到")
    for _ in range(3):
        assert keys(stage.say("王姐", "我妈晕倒了", private=True)) == ["faq.emergency"]
    assert questions(stage) == ["我妈晕倒了"]
    (one,) = stage.say("周团长", "待回复", private=True)
    assert one.key == "faq.waiting" and "我妈晕倒了" in shown(one)
    told = stage.say("王姐", "我妈晕倒了", private=True)
    assert keys(told) == ["faq.emergency", "faq.to_leader_emergency"], "he can be told now"


def test_who_wants_the_leader_in_vain_waits_once(stage: Stage) -> None:
    stage.say("王姐", "签到")
    assert keys(stage.say("王姐", "问团长 我妈晕倒了", private=True))[:2] == ["faq.emergency", "faq.passed_on"]
    assert keys(stage.say("王姐", "我妈晕倒了", private=True)) == ["faq.emergency"]
    assert questions(stage) == ["我妈晕倒了"]


def test_a_leader_is_told_once_in_ten_minutes_of_each_who_calls(stage: Stage) -> None:
    """The same is told once, also as a mere cry; what else has happened is told at once."""
    for name in ("王姐", "李阿姨"):
        stage.say(name, "签到")
    stage.say("周团长", "积分", private=True)
    for number, words in enumerate(("我妈晕倒了", "我妈晕倒了", "救命", "问团长 我妈晕倒了", "着火了")):
        said, *told = stage.say("王姐", words, "2026-12-01T10:00", private=True)
        assert said.key.startswith("faq.emergency") and said.tails == ("faq.emergency_told",)
        assert len(told) == int(number in (0, 4)), words
    assert len(stage.say("李阿姨", "我妈晕倒了", private=True)) == 2, "somebody else"
    assert len(stage.say("王姐", "我妈晕倒了", "2026-12-01T10:09", private=True)) == 1
    assert len(stage.say("王姐", "我妈晕倒了", "2026-12-01T10:10", private=True)) == 2
    assert questions(stage) == []


def test_what_a_leader_was_asked_for_is_no_cry(stage: Stage) -> None:
    """
    周团长（私聊）: 发公告 → 3号楼电梯困人了，正在抢修 → the draft, and nobody hears of an emergency
    """
    stage.say("周团长", "积分", private=True)
    stage.say("王姐", "签到")
    stage.say("王姐", "积分", private=True)
    stage.say("周团长", "设团长 王姐")
    stage.gateway.dispatcher.answering = None
    words = "3号楼电梯困人了，正在抢修"

    def asked(command: str) -> Outgoing:
        question = stage.say("周团长", command, private=True)[0]
        stage._remember(question, "周团长")
        return question

    asked("发公告")
    assert keys(stage.say("周团长", words, private=True)) == ["announcements.draft"]
    how = asked("发公告")
    assert keys(stage.say("周团长", "我不想活了", private=True)) == ["faq.self_harm"]
    assert keys(stage.say("周团长", words, private=True, quoting=how)) == ["announcements.draft"]
    asked("新问答")
    assert keys(stage.say("周团长", "煤气泄漏怎么办", private=True))[0].startswith("curation.")
    stage.say("李阿姨", "签到")
    led = next(m for m in stage.say("李阿姨", "问团长 3号楼怎么了") if m.key == "faq.to_leader" and m.to == "周团长")
    assert keys(stage.say("李阿姨", "我妈晕倒了", quoting=led))[0] == "faq.emergency", "a neighbour's is one"
    (now,) = stage.say("周团长", "", button=led.buttons[0].key, private=True)
    stage._remember(now, "周团长")
    assert keys(stage.say("周团长", "着火了", private=True))[0] == "faq.relay_done"
    assert keys(stage.say("周团长", "着火了，消防到了", private=True, quoting=led))[0] == "faq.relay_done"
    (again,) = stage.say("周团长", "问团长")
    assert keys(stage.say("周团长", "我妈晕倒了", quoting=again))[0] == "faq.emergency", "a cry of his own"


@pytest.mark.parametrize(
    ("words", "key", "first", "told"),
    [
        ("我家一股煤气味，我头晕", "faq.emergency_gas", "先出门，别开灯", "先出门，到外面再打 119"),
        ("我妈煤气中毒了，厨房煤气泄漏了", "faq.emergency_gas", "先出门，别开灯", "先出门，到外面再打 119"),
        ("着火了，我妈晕倒了", "faq.emergency_fire", "先离开，再打 **119**", "先离开，再打 119"),
        ("我老伴走丢了", "faq.emergency_police", "先打 **110**", "先打 110"),
        ("有人拿刀在店里闹", "faq.emergency_police", "先打 **110**", "先打 110"),
        ("我妈晕倒了", "faq.emergency", "先打 **120**", "先打 120、110、119"),
    ],
)
def test_what_to_do_first_goes_by_what_has_happened(stage: Stage, words: str, key: str, first: str, told: str) -> None:
    """王姐: 我家一股煤气味 → 先出门，别开灯、别点火……到外面再打 119 和燃气公司"""
    stage.say("王姐", "签到")
    stage.say("周团长", "积分", private=True)
    said, leader = stage.say("王姐", words, private=True)
    assert said.key == key and shown(said).startswith(first.replace("**", "")), shown(said)
    assert "120" in shown(said) and "周团长" in shown(said)
    assert f"我请 TA {told}" in shown(leader)


def test_a_cry_alone_is_one_and_one_before_praise_is_none() -> None:
    assert [rules.danger(one) for one in ("救命", "快来人啊救命", "救命，太好吃了", "救命 也太便宜了")] == [
        "emergency",
        "emergency",
        "",
        "",
    ]
