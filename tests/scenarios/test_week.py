"""A week of two groups, as people are: 30 November to 7 December 2026.

    李阿姨 (62) checks in every morning, asks what everybody asks, types as she speaks;
    刘姐 is angry, with reason; Tony writes in English; 杨奶奶 came yesterday; 小满妈妈 lives in both groups;
    周团长 leads both, sets them up, answers by quoting, gives points and takes them back, has a second leader;
    somebody has a line break and 「@所有人」 in his name and tries everything;
    老周 leaves, has his data deleted, comes back; messages come twice, buttons are pressed twice and by the wrong person.

``week.jsonl`` is what ``python -m bot play`` takes; staging.py says how its quotes are found again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.play import read_script
from tests.full import FULL
from tests.scenarios.staging import Performance, perform

SCRIPT = Path(__file__).with_name("week.jsonl")
ZONE = ZoneInfo("Asia/Shanghai")
BUDGET = 4
LONGEST = 400
TO_A_LEADER = {"faq.to_leader", "faq.reminder", "faq.morning"}

pytestmark = [pytest.mark.xdist_group("starter"), pytest.mark.untraced]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Performance:
    return perform(SCRIPT, tmp_path_factory.mktemp("week") / "played")


def _local(output: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(output["at"]).astimezone(ZONE)


def test_nothing_breaks(week: Performance) -> None:
    assert (week.summary["bugs"], week.summary["faults"]) == (0, 0)
    assert week.summary["messages"] > 300
    assert 20 <= week.summary["refusals"] <= 40


def test_the_script_is_one_that_play_takes(week: Performance) -> None:
    assert len(list(read_script(SCRIPT))) == len(week.moments)


def test_every_quote_and_button_was_found(week: Performance) -> None:
    """An offered answer (「ask:」) depends on the knowledge base; everything else must be there."""
    lost = [
        moment.line
        for moment in week.moments
        if "gone" in (moment.line.get("reply_to"), moment.line.get("button"))
        and not moment.line.get("presses", "").startswith("ask")
    ]
    assert not lost


def test_no_group_hears_more_than_its_budget(week: Performance) -> None:
    heard = Counter((one["group"], _local(one).date()) for one in week.outputs if one["kind"] == "push")
    assert heard
    assert max(heard.values()) <= BUDGET, heard.most_common(3)


def test_every_morning_has_its_topic_unless_the_leader_skipped_it(week: Performance) -> None:
    topics = Counter(
        (one["group"], _local(one).date().isoformat()) for one in week.outputs if one["key"] == "topic.push"
    )
    days = [f"2026-12-0{number}" for number in range(1, 8)]
    assert set(topics) == {(group, day) for group in ("g1", "g2") for day in days} - {("g1", "2026-12-05")}
    assert set(topics.values()) == {1}


def test_the_night_is_quiet(week: Performance) -> None:
    """Nothing unasked in a group's quiet hours, and no leader is woken by a neighbour's question."""
    quiet = {"g1": (22 * 60, 7 * 60), "g2": (22 * 60, 7 * 60)}
    for one in week.outputs:
        if one["key"] == "groups.quiet_kept":
            values = one["values"]
            quiet[one["group"]] = (_minute(values["quiet_from"]), _minute(values["quiet_to"]))
        minute = _local(one).hour * 60 + _local(one).minute
        if one["kind"] == "push":
            start, end = quiet[one["group"]]
            assert end <= minute < start, one
        elif one["key"] in TO_A_LEADER:
            assert 7 * 60 <= minute < 22 * 60, one


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


class Accounts:
    """Points as the answers told them, added up by hand: per group and name."""

    def __init__(self) -> None:
        self.sums: Counter[tuple[str, str]] = Counter()
        self.asked = 0

    def take(self, where: str, who: str, output: dict[str, Any]) -> None:
        """Book what an output says."""
        key, values = output["key"], output["values"]
        if not key.startswith("members."):
            # The line that closes a newcomer's first steps stands under whatever answer the last step brought.
            self.sums[where, who] += values.get("steps_points", 0)
        if key in {"checkin.first", "checkin.done", "checkin.milestone", "topic.counted", "topic.counted_first"}:
            self.sums[where, who] += values["points"]
        elif key == "points.given":
            self.sums[where, values["name"]] += values["amount"]
        elif key == "points.taken":
            self.sums[where, values["name"]] -= values["amount"]
        elif key == "points.undone":
            self.sums[where, values["name"]] += int(values["amount"])
        elif key in {"invites.paid", "invites.paid_newcomer"}:
            self.sums[where, values["name"]] += values["points"]
            if key == "invites.paid":
                self.sums[where, values["inviter"]] += values["thanks"]
        elif key == "members.erased":
            for place, name in list(self.sums):
                if name == who:
                    del self.sums[place, name]

    def agrees(self, where: str, who: str, output: dict[str, Any]) -> bool:
        """Say whether an answer to 积分 is the sum so far; everything else agrees."""
        key, values = output["key"], output["values"]
        if key not in {"points.balance", "points.balance_unranked", "points.none", "points.balances"}:
            return True
        self.asked += 1
        if key == "points.balances":
            told = {row["group"]: row["balance"] for row in values["rows"]}
            ours = {NAMES[group]: self.sums[group, who] for group in NAMES}
            return told == ours and values["balance"] == sum(ours.values())
        return bool(values["balance"] == self.sums[where, who])


NAMES = {"g1": "阳光花园一期", "g2": "金桂苑"}


def test_every_balance_is_the_sum_of_what_was_told(week: Performance) -> None:
    accounts = Accounts()
    for moment in week.moments:
        line = moment.line
        who, where = " ".join(line.get("name", "").split()), line.get("group", "g1")
        for output in moment.brought:
            # The name with a line break is shown cleaned; what is booked is booked under what is shown.
            name = output["values"].get("name") if line.get("member") == "u8" else who
            assert accounts.agrees(where, name or who, output), (line, output["values"])
            accounts.take(where, name or who, output)
    assert accounts.asked >= 12


def test_what_is_said_in_one_group_stays_there(week: Performance) -> None:
    """No name, fact or word of g1 in g2, except of those who are in both."""
    both = {"周团长", "小满妈妈"}
    names = {
        moment.line["name"] for moment in week.moments if moment.line.get("group") == "g1" and "name" in moment.line
    }
    facts = {"东门快递柜", "16:00-20:00", "4001234567", "晚上10点", "周二周四周六", NAMES["g1"]}
    answers = {"葱蒜香菜", "热水袋", "羊汤"}
    wanted = (names - both) | facts | answers
    told = [one for one in week.outputs if one["group"] == "g2"]
    assert len(told) >= 25
    assert [(word, one["text"]) for one in told for word in wanted if word in one["text"]] == []
    assert [one["text"] for one in week.outputs if one["group"] == "g1" and NAMES["g2"] in one["text"]] == []


def test_every_text_fits_a_phone(week: Performance) -> None:
    long = {one["key"]: len(one["text"]) for one in week.outputs if len(one["text"]) > LONGEST}
    assert not long
    assert [one["key"] for one in week.outputs if not one["text"].strip()] == []
    assert [one["text"] for one in week.outputs if "{" in one["text"] or "\u202e" in one["text"]] == []


def test_nobody_is_called_by_a_name(week: Performance) -> None:
    """「@所有人」 in a name, a topic's answer or a question stays words."""
    assert [one["text"] for one in week.outputs if "@所有人" in one["text"] or "@all" in one["text"]] == []


def test_a_message_that_comes_twice_does_one_thing(week: Performance) -> None:
    seen: dict[str, int] = {}
    repeated = 0
    for number, moment in enumerate(week.moments):
        name = moment.line.get("id")
        if name in seen:
            repeated += 1
            assert [one for one in moment.brought if one["reply_to"] == name] == []
        elif name:
            seen[name] = number
    assert repeated


def test_whoever_asks_gets_an_answer(week: Performance) -> None:
    """A command, a question to the bot and a private word are never met with silence; a cry to everybody is."""
    silent = [
        moment.line
        for moment in week.moments
        if "text" in moment.line
        and not moment.line["text"].startswith("@所有人")
        and ("group" not in moment.line or (moment.line.get("addressed") and not moment.line.get("quotes")))
        and not [one for one in moment.brought if one["kind"] in {"reply", "dm", "reaction"}]
    ]
    assert silent == []


def test_politeness_and_junk_do_not_reach_the_leader(week: Performance) -> None:
    passed = [one["values"]["question"] for one in week.outputs if one["key"] == "faq.to_leader"]
    assert passed
    assert [
        text for text in passed if not text.strip() or text in {"谢谢啊", "好吧，谢谢", "再见", "在吗", "你好"}
    ] == []
    told = Counter((one["to"], _local(one).date(), one["key"]) for one in week.outputs if one["key"] in TO_A_LEADER)
    reminders = {key: count for key, count in told.items() if key[2] != "faq.to_leader"}
    assert max(reminders.values()) <= len(NAMES)


def test_nobody_is_taken_for_a_farmer_of_points(week: Performance) -> None:
    said = Counter(
        tail for one in week.outputs for tail in (one.get("key", ""), *one.get("tails", ())) if "points.kept" in tail
    )
    assert not said
    texts = json.dumps(week.outputs, ensure_ascii=False)
    for phrase in ("先不记分", "这回不记分", "就记分啦", "积分已经攒满"):
        assert phrase not in texts


def test_the_same_week_again_is_the_same(week: Performance, tmp_path: Path) -> None:
    """Its first days; `make chaos` plays all of them again."""
    script, lines = tmp_path / "again.jsonl", SCRIPT.read_text("utf-8").splitlines(keepends=True)
    script.write_text("".join(lines if FULL else lines[: len(lines) // 3]), "utf-8")
    again = perform(script, tmp_path / "again")
    differ = [(one, other) for one, other in zip(_lines(week), _lines(again), strict=False) if one != other]
    assert differ[:1] == []
    assert len(again.outputs) > 100
    assert not FULL or again.summary == week.summary


def _lines(performance: Performance) -> Iterator[str]:
    for output in performance.outputs:
        yield json.dumps(output, ensure_ascii=False, sort_keys=True)
