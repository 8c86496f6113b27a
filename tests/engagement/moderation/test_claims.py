"""What the advertising law forbids is told to the leader alone, and nothing is held back; captions are looked at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engagement.kernel import Place
from engagement.moderation.claims import MOST_SHOWN, Said, find
from engagement.registry import FEATURES
from prompts import claims, wordlists
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

DAY = "2026-12-01T"
SHARED = Path(os.environ.get("TUANTUAN_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))


def words(text: str) -> list[str]:
    return [one.word for one in find(text, claims.claims())]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("最好吃的粽子", ["最好吃"]),
        ("国家级农产品，销量第一", ["国家级", "销量第一"]),
        ("NO.1 的酱油", ["NO.1"]),
        ("１００％ 不打药", ["１００％"]),
        ("全網最低價的橙子", ["全網最低價"]),
        ("这款能降血糖", ["降血糖"]),
        ("投资保本，年底分红", ["保本"]),
        ("最甜最甜的瓜", ["最甜"]),
        ("唯一、独家、顶级、包治、保本", ["唯一", "独家", "顶级", "包治"]),
        ("", []),
    ],
)
def test_claims_as_they_were_written(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert len(words(text)) <= MOST_SHOWN


@pytest.mark.parametrize(
    "text",
    [
        "第一次团，最近到货，最后一天报名",
        "最好提前半小时来，最多每户两份",
        "最新通知：明天最低气温零下",
        "第一单元的先来拿",
        "万能钥匙服务在东门",
        "你家哪道菜最好吃",
        "小区什么时候最热闹？",
        "去医院治疗要带医保卡",
        "百分百棉不掉色，100%棉的毛巾",
    ],
)
def test_what_is_no_claim(text: str) -> None:
    assert [one for one in words(text) if one != "百分百"] == []


def test_each_word_comes_with_something_milder() -> None:
    assert find("唯一，唯一", claims.claims()) == [Said("唯一", "少见的、我们这里有")]
    assert all(one.instead for one in claims.claims())


def test_ordinary_talk_claims_nothing() -> None:
    talk = wordlists.ordinary_talk()
    assert sum(bool(words(line)) for line in talk) <= len(talk) * 0.005


def test_the_list_of_terms_is_known() -> None:
    path = SHARED / "data" / "abuse" / "words" / "adlaw_terms_dev.json"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    terms = json.loads(path.read_text("utf-8"))
    claimed = [word for kind in ("absolute", "authority", "medical") for word in terms[kind]]
    missed = [word for word in claimed if not words(word)]
    assert len(missed) <= len(claimed) * 0.1, missed
    assert [word for word in terms["ok_context"] if words(word)] == []


@pytest.mark.parametrize("text", ["[[claim]]\ninstead = 'a'", "x = 1", "[[claim]]\nword = '('\ninstead = 'a'"])
def test_a_wrong_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"claims\.toml"):
        claims.read(path)


# ---------------------------------------------------------------- played


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A leader and two neighbours; the leader and 王姐 have written to the bot in private."""
    opened = open_stage(tmp_path, FEATURES, DAY + "09:00")
    for who in ("周团长", "李阿姨", "王姐"):
        opened.say(who, "签到")
    for who in ("周团长", "王姐"):
        opened.say(who, "积分", private=True)
    opened.said.clear()
    return opened


def test_an_announcement_is_drafted_all_the_same(stage: Stage) -> None:
    """周团长 (private): 发公告 全网最低价的橙子 → the draft, and a word about 最低价; a plain one → the draft alone."""
    said = stage.say("周团长", "发公告 全网最低价的橙子，今晚 8 点截单", private=True)
    assert keys(said) == ["announcements.draft", "moderation.claims"]
    assert "全网最低价" in shown(said[1]) and "起止时间" in shown(said[1])
    assert all(placeholders_match(one) for one in said)
    assert keys(stage.say("周团长", "公告更新 最近路上堵，晚半小时", private=True))[-1:] != ["moderation.claims"]


def test_a_topic_in_the_group_is_spoken_of_in_private(stage: Stage) -> None:
    """周团长 (group): 写话题 … 国家级 … → the topic stands, the word is told in private; a neighbour's words never are."""
    said = stage.say("周团长", "写话题 我们的米是国家级的好米，大家都怎么煮")
    assert keys(said) == ["topic.written", "moderation.claims"]
    assert said[1].place is Place.DM
    assert keys(stage.say("周团长", "群信息 提货点 东门最好的快递柜"))[-1] == "moderation.claims"
    assert keys(stage.say("周团长", "群信息 提货点 东门快递柜"))[-1] != "moderation.claims"


def test_nobody_is_told_in_the_group(tmp_path: Path) -> None:
    """A leader whose private chat is not open hears nothing: the group need not know."""
    opened = open_stage(tmp_path, FEATURES, DAY + "09:00")
    opened.say("周团长", "签到")
    assert keys(opened.say("周团长", "写话题 顶级的米大家怎么煮")) == ["topic.written"]


def test_captions(stage: Stage) -> None:
    """A check-in with a photo counts whatever is said beside it; the words are looked at like any other."""
    stage.say("周团长", "新增打卡 垃圾分类 3分 要照片")
    (asked,) = stage.say("王姐", "垃圾分类打卡")
    said = stage.say("王姐", "加我微信 abc123456 领鸡蛋", quoting=asked, media="photo")
    assert keys(said) == ["checkin.topic_done", "moderation.caption", "moderation.to_leader"]
    assert said[1].place is Place.DM
    (asked,) = stage.say("李阿姨", "垃圾分类打卡")
    said = stage.say("李阿姨", "楼上那个贱人乱扔", quoting=asked, media="photo")
    assert keys(said) == ["checkin.topic_done", "moderation.caption_here"]
    (asked,) = stage.say("王姐", "垃圾分类打卡", "2026-12-02T09:00")
    said = stage.say("王姐", "我电话 13800138000", quoting=asked, media="photo")
    assert keys(said)[-1] == "moderation.masked_caption"
    assert all(placeholders_match(one) for one in said)
    (asked,) = stage.say("李阿姨", "垃圾分类打卡")
    assert "moderation" not in " ".join(keys(stage.say("李阿姨", "今天分得真干净", quoting=asked, media="photo")))
    alone = stage.say("王姐", "垃圾分类打卡", "2026-12-03T09:00", media="photo", private=True)
    (asked,) = stage.say("李阿姨", "垃圾分类打卡", private=True)
    alone += stage.say("李阿姨", "我电话 13800138000", quoting=asked, media="photo", private=True)
    assert keys(alone) == ["checkin.topic_done"] * 2, "nobody else reads what stands beside it in private"
