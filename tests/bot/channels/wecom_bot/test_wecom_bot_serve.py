"""The whole program as the WeCom AI bot: served, killed, started again."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.platforms.serving import serving
from tests.platforms.wecom_bot import FakeWecomBot


def environment(wecom: FakeWecomBot) -> dict[str, str]:
    return {
        "BOT_WECOM_BOT__BOT_ID": wecom.bot_id,
        "BOT_WECOM_BOT__SECRET": wecom.secret,
        "BOT_WECOM_BOT__URL": wecom.url,
        "BOT_WECOM_BOT__LEASE": "1.5",
        "BOT_WECOM_BOT__FIRST_PAUSE": "0.2",
    }


async def test_a_check_in_counts_once_also_over_a_kill(started_dir: Path) -> None:
    """张: @团团 签到 → a streak of one; (killed) → the same message again: nothing; 李: @团团 签到 → answered."""
    async with FakeWecomBot() as wecom:
        async with serving(started_dir, environment(wecom), channels="wecom_bot") as served:
            await wecom.wait_for(lambda: wecom.live, 30)
            await wecom.say("zhang", "@团团 签到", group="g1", msgid="first")
            await wecom.wait_for(lambda: answers(wecom), 30)
            await served.end(signal.SIGKILL)
        await wecom.wait_for(lambda: wecom.live is None)
        async with serving(started_dir, environment(wecom), channels="wecom_bot") as served:
            await wecom.wait_for(lambda: wecom.live, 30)
            await wecom.say("zhang", "@团团 签到", group="g1", msgid="first")
            await wecom.say("li", "@团团 签到", group="g1", msgid="second")
            await wecom.wait_for(lambda: len(answers(wecom)) == 2, 30)
            await wecom.enter("zhang")
            await wecom.wait_for(lambda: wecom.shown("zhang"), 30)
            await wecom.wait_for(lambda: any(one.media for one in wecom.seen), 60)
        assert "Traceback" not in served.tail() and "zhang" not in served.tail()
        zhang, li = answers(wecom)
        assert zhang.startswith("zhang，") and li.startswith("li，") and "+5" in zhang
        assert next(one.by for one in wecom.seen if one.chat == "zhang") == "welcome"
        assert (wecom.count("kicked"), wecom.most_live) == (0, 1)


def answers(wecom: FakeWecomBot) -> list[str]:
    """What was answered in the group, without cards."""
    return [one.text for one in wecom.seen if one.chat == "g1" and one.by == "stream"]
