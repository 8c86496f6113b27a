"""Answers that come at the same moment, on PostgreSQL, where transactions really run side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sqlmodel import select

from bot.gateway import Handled
from engagement.households import service
from engagement.kernel import Event
from engagement.registry import FEATURES
from storage import ledger
from storage.engine import Session
from storage.groups import Member
from tests.engagement.stage import Stage, keys, open_stage


def at_once(stage: Stage, presses: Sequence[tuple[str, str]]) -> list[str]:
    """Several people press (who, button) at the same moment; returns the first text key of each answer."""

    async def all_of_them() -> list[Handled]:
        incomings = [
            replace(
                stage.incoming(who),
                event=Event.BUTTON,
                dedupe_key=f"race{next(stage._ids)}",
                sender_name=who,
                button=button,
            )
            for who, button in presses
        ]
        return await asyncio.gather(*(stage._handle(incoming) for incoming in incomings))

    return [handled.queued[0].message.key for handled in asyncio.run(all_of_them())]


def test_two_acceptances_at_once(tmp_path: Path, postgres_url: str) -> None:
    """王姐 asked two neighbours, one by one and many times over; both say yes at once: she has one family in the end."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url)
    people = [("王姐", "李阿姨", "小满"), ("陈师傅", "糖糖", "老方"), ("阿芳", "小何", "梅姨")]
    for who in (name for three in people for name in three):
        stage.say(who, "签到")
    for joiner, one, two in people:
        buttons = [stage.say(joiner, f"加入家庭 {host}")[0].buttons[0].key for host in (one, two)]
        said = at_once(stage, list(zip((one, two), buttons, strict=True)))
        assert said.count("households.joined") == 1, said
        assert keys(stage.say(joiner, "我的家庭")) == ["households.mine_unnamed"]

    def look(session: Session) -> None:
        found = ledger.check(session)
        assert (found.wrong_balances, found.negative_balances) == (0, 0)
        assert service.wrong_households(session) == (3, 0)
        accounts = {member.account_id for member in session.exec(select(Member)) if member.account_id is not None}
        assert sum(ledger.balance(session, account) for account in accounts) == 9 * 5

    stage.database.read_now(look)
    stage.database.close()


def test_two_who_ask_each_other_at_once(tmp_path: Path, postgres_url: str) -> None:
    """Both press the same leave twice, and both invite: nothing moves twice, nobody is lost."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url)
    for who in ("王姐", "李阿姨"):
        stage.say(who, "签到")
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    said = at_once(stage, [("李阿姨", asked.buttons[0].key)] * 2)
    assert sorted(said) == ["households.joined", "households.together_already"]
    (one,), (two,) = stage.say("王姐", "退出家庭"), stage.say("李阿姨", "退出家庭")
    left = at_once(stage, [("王姐", one.buttons[0].key), ("李阿姨", two.buttons[0].key)])
    assert sorted(left) == ["households.alone", "households.left"], "the last one keeps the rest"
    for who in ("王姐", "李阿姨"):
        assert stage.say(who, "积分")[0].values["balance"] == 5
    stage.database.close()
