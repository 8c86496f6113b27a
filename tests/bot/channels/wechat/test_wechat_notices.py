"""Notices in the platform's own form: only when no message may be sent, only of events that somebody waits for, and in form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.wechat.channel import WeChatChannel, WeChatSettings
from bot.channels.wechat.examine import examine
from bot.channels.wechat.notices import EVENTS, LONGEST, Notice, fitting, written
from bot.rendering.capabilities import WECHAT
from bot.rendering.render import render
from engagement.clocks import ShiftedClock
from engagement.errors import Refusal
from engagement.kernel import Button, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from prompts.loader import texts
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.notices import Notices
from tests.platforms.wechat.server import SUBSCRIPTION, TEMPLATE
from tests.platforms.wechat.signing import AES_KEY, APP_ID, SECRET, TOKEN

EXPIRE, ANSWER = "template-of-points", "template-of-answers"
NOTICES: dict[str, Any] = {
    "points_expire": {
        "template": EXPIRE,
        "fields": {"thing1": "{group}", "number2": "{amount}", "time3": "{date}", "thing4": "到期前可以用掉"},
    },
    "answer": {
        "template": ANSWER,
        "way": "subscription",
        "fields": {"thing1": "{question}", "thing2": "{answer}", "name3": "{leader}", "date4": "{today}"},
    },
}
POINTS = {"name": "李阿姨", "group": "阳光花园", "amount": 120, "month": 6, "day": 18, "days": 7}
REPLY = {"question": "坏果怎么退？", "answer": ["拍照发给我", "当天退"], "leader": "王姐", "name": "李阿姨"}


class Bench:
    """A channel with templates, before an account that has them."""

    def __init__(self, wechat: FakeWeChat, notices: dict[str, Any] = NOTICES) -> None:
        self.clock = ShiftedClock()
        self.settings = WeChatSettings.model_validate(
            {
                "app_id": APP_ID,
                "secret": SECRET,
                "token": TOKEN,
                "aes_key": AES_KEY,
                "base_url": wechat.url,
                "timeout": 1.0,
                "patience": 0.0,
                "notices": notices,
            }
        )
        self.channel = WeChatChannel(
            self.settings,
            self.receive,
            lambda message: render(message, WECHAT),
            self.clock,
            page="https://tuan.example/h5",
        )

    async def receive(self, _: Incoming) -> bool:
        return True

    async def send(self, key: str, values: dict[str, object], **more: Any) -> Receipt:
        feature = key.partition(".")[0]
        return await self.channel.sender.send(
            Outgoing(Kind.DM, "wechat", APP_ID, Place.DM, "o-li", feature, key, values, **more)
        )

    async def expire(self) -> Receipt:
        return await self.send("points.expires", dict(POINTS))

    async def answer(self) -> Receipt:
        return await self.send("faq.relayed", dict(REPLY))


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        platform.notices = Notices(
            templates={EXPIRE: "小区：{{thing1.DATA}}\n积分：{{number2.DATA}}\n到期：{{time3.DATA}}\n{{thing4.DATA}}"},
            subscriptions={ANSWER: "问：{{thing1.DATA}}\n答：{{thing2.DATA}}\n{{name3.DATA}} {{date4.DATA}}"},
        )
        platform.person("o-li")
        yield platform


@pytest.fixture
async def bench(wechat: FakeWeChat) -> AsyncIterator[Bench]:
    bench = Bench(wechat)
    yield bench
    await bench.channel.close()


async def test_who_may_be_written_to_is_written_to(wechat: FakeWeChat, bench: Bench) -> None:
    wechat._grant("o-li", "message")
    assert (await bench.expire()).outcome is Outcome.SENT
    assert [one.way for one in wechat.log] == ["service"] and wechat.notices.told == []


async def test_after_two_days_of_silence_the_points_are_told_in_the_platform_s_form(
    wechat: FakeWeChat, bench: Bench
) -> None:
    receipt = await bench.expire()
    assert receipt.outcome is Outcome.SENT and receipt.provider_id.startswith("n2001")
    ((who, template, data, url),) = wechat.notices.told
    assert (who, template, url) == ("o-li", EXPIRE, "https://tuan.example/h5")
    assert (data["thing1"], data["number2"], data["thing4"]) == ("阳光花园", "120", "到期前可以用掉")
    assert data["time3"].endswith("-06-18")


async def test_a_subscription_serves_once(wechat: FakeWeChat, bench: Bench) -> None:
    """李阿姨 agreed to one notice: the answer after two days reaches her, the next one does not."""
    wechat.notices.agreed[("o-li", ANSWER)] = 1
    receipts = [await bench.answer() for _ in range(2)]
    assert [one.outcome for one in receipts] == [Outcome.SENT, Outcome.REJECTED]
    assert receipts[1].reason == "not_subscribed" and wechat.notices.refused == [43101]
    ((_, _, data, url),) = wechat.notices.told
    assert (data["thing1"], data["thing2"], data["name3"], url) == ("坏果怎么退？", "拍照发给我 当天退", "王姐", "")


async def test_what_nobody_waits_for_is_not_told(wechat: FakeWeChat, bench: Bench) -> None:
    """Anything but the two events stays unsaid, and no slice that advertises has one of them."""
    receipt = await bench.send("wechat.menu_help", {})
    assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "window_closed")
    assert wechat.notices.told == [] and wechat.notices.refused == []
    assert {key.partition(".")[0] for event in EVENTS.values() for key in event.keys} == {"points", "faq"}


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (43101, Outcome.REJECTED, "not_subscribed"),
        (40037, Outcome.REJECTED, "no_template"),
        (47003, Outcome.REJECTED, "bad_fields"),
        (45009, Outcome.RETRY, "quota"),
        (48001, Outcome.REJECTED, "no_permission"),
        (43004, Outcome.GONE, "not_following"),
        (None, Outcome.UNKNOWN, "cut_off"),
        (-1, Outcome.RETRY, "busy"),
    ],
)
async def test_what_each_no_means(
    wechat: FakeWeChat, bench: Bench, code: int | None, outcome: Outcome, reason: str
) -> None:
    await bench.channel.api.token()
    wechat.fail(TEMPLATE, code)
    receipt = await bench.expire()
    assert (receipt.outcome, receipt.reason) == (outcome, reason)


async def test_who_left_is_told_nothing(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.person("o-li").follows = False
    assert (await bench.expire()).outcome is Outcome.GONE
    assert wechat.notices.told == []


async def test_a_number_under_words_that_were_never_shown_means_nothing(wechat: FakeWeChat, bench: Bench) -> None:
    buttons = (Button("x:1", "points.button_undo"),)
    await bench.send("points.expires", dict(POINTS), buttons=buttons)
    assert len(wechat.notices.told) == 1
    keys, _ = await bench.channel._shared.choices.offered("o-li") or ((), None)
    assert keys == ()


# ---------------------------------------------------------------- form


def notice(**fields: str) -> Notice:
    return Notice(template="template-id", fields=fields)


@given(words=st.text(max_size=60), kind=st.sampled_from(sorted(LONGEST.keys() - {"keyword"})))
def test_whatever_is_said_fits(words: str, kind: str) -> None:
    """The platform refuses a notice of which one field is too long, empty, or of another kind."""
    shown = fitting(f"{kind}1", words)
    assert 0 < len(shown) <= LONGEST[kind] and "\n" not in shown


def test_a_date_is_the_next_one() -> None:
    told = notice(date1="{date}", time2="{today}")
    now = datetime(2026, 12, 20, 17, 0, tzinfo=UTC)
    assert written(told, {"month": 1, "day": 3}, now) == {
        "date1": {"value": "2027-01-03"},
        "time2": {"value": "2026-12-21"},
    }
    assert written(told, {"month": 12, "day": 20}, now)["date1"] == {"value": "2026-12-20"}
    assert written(told, {"month": 2, "day": 30}, now)["date1"] == {"value": "-"}


def test_words_are_bare() -> None:
    told = written(notice(thing1="有 **{amount}** 分\n快用"), {"amount": 5}, datetime(2026, 9, 1, tzinfo=UTC))
    assert told == {"thing1": {"value": "有 5 分 快用"}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"theme": {"template": EXPIRE, "fields": {"thing1": "x"}}},
        {"points_expire": {"template": "x", "fields": {"thing1": "x"}}},
        {"points_expire": {"template": EXPIRE, "fields": {"thing1": "{price}"}}},
        {"points_expire": {"template": EXPIRE, "fields": {"thing1": "{amount"}}},
        {"points_expire": {"template": EXPIRE, "fields": {"thing1": "{amount.x}"}}},
        {"points_expire": {"template": EXPIRE, "fields": {"picture1": "x"}}},
        {"points_expire": {"template": EXPIRE, "fields": {"thing1.DATA": "x"}}},
    ],
)
async def test_a_mapping_that_cannot_work_is_said_at_the_start(wechat: FakeWeChat, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        Bench(wechat, wrong)
    assert refused.value.key == "wechat.bad_notices"


def test_each_event_has_the_values_of_its_texts() -> None:
    for name, event in EVENTS.items():
        for key in event.keys:
            assert set(re.findall(r"\{([a-z_]+)\}", texts().raw(key))) <= event.values, (name, key)


# ---------------------------------------------------------------- doctor


async def found(bench: Bench) -> list[str]:
    findings = await examine(bench.settings)
    assert all("{" not in texts().fill(key, values) for key, values in findings)
    return [key for key, _ in findings]


async def test_doctor_compares_the_templates(wechat: FakeWeChat, bench: Bench) -> None:
    assert await found(bench) == []
    wechat.notices.templates[EXPIRE] += "{{thing9.DATA}}"
    assert await found(bench) == ["wechat.other_fields"]
    wechat.notices.templates.clear()
    assert await found(bench) == ["wechat.no_template"]
    wechat.notices.subscriptions.clear()
    assert await found(bench) == ["wechat.no_template", "wechat.no_template"]
    assert wechat.notices.told == [] and wechat.log == []


async def test_doctor_says_that_the_day_is_used_up_or_that_there_are_none(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.notices.left = 0
    assert await found(bench) == ["wechat.no_notice_quota"], "said once"
    wechat.verified = False
    assert {"wechat.no_templates", "wechat.no_subscriptions"} <= set(await found(bench))


async def test_the_day_s_count_is_the_platform_s(wechat: FakeWeChat, bench: Bench) -> None:
    wechat.notices.left = 0
    receipt = await bench.expire()
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, "quota") and receipt.retry_after >= 600
    assert wechat.calls.count(TEMPLATE) == 1 and SUBSCRIPTION not in wechat.calls
