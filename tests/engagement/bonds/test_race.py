"""What happens at the same moment, or half: confirmations on PostgreSQL, and a failure in the middle of one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from bot.gateway import Handled
from engagement.households import bonding
from engagement.kernel import Event, Place
from engagement.registry import FEATURES
from storage.bonds import Bond
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    balance,
    bind,
    enter,
    identities_of,
    on_another_channel,
    sound,
    take_code,
)
from tests.engagement.stage import Stage, open_stage


def at_once(stage: Stage, presses: list[tuple[str, str, str]]) -> list[str]:
    """Several press (who, channel, button) at the same moment; returns the text key of each answer."""

    async def all_of_them() -> list[Handled]:
        incomings = [
            replace(
                stage.incoming(who),
                event=Event.BUTTON,
                channel=channel,
                place=Place.DM,
                conversation=who,
                dedupe_key=f"race{next(stage._ids)}",
                button=button,
            )
            for who, channel, button in presses
        ]
        return await asyncio.gather(*(stage._handle(incoming) for incoming in incomings))

    return [handled.queued[0].message.key for handled in asyncio.run(all_of_them())]


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url)
    for who in (MINE, THERE, "三号"):
        opened.say(who, "签到")
    for who, channel in ((THERE, "wechat"), ("三号", "wecom")):
        on_another_channel(opened, who, channel)
    opened.clock.set(opened.clock.now().replace(day=2))
    return opened


def test_two_confirmations_at_once(stage: Stage) -> None:
    """The same button twice at the same moment: they become one once; parting at once as well."""
    yes = enter(stage, take_code(stage)).buttons[0].key
    said = at_once(stage, [(THERE, "wechat", yes)] * 3)
    assert sorted(said) == ["bonds.bound", *["bonds.bound_already"] * 2]
    assert balance(stage, MINE) == 10
    sound(stage)
    said = at_once(stage, [(THERE, "wechat", "bond_part_yes:1"), (MINE, "play", "bond_part_yes:1")])
    assert sorted(said) == ["bonds.parted", "guard.old_button"]
    assert (balance(stage, MINE), balance(stage, THERE)) == (5, 5)
    sound(stage)
    stage.database.close()


def test_two_bindings_cross(stage: Stage) -> None:
    """One is to go on for the other, and the other for a third, at the same moment: there is no chain in the end."""
    first = enter(stage, take_code(stage, MINE), THERE, "wechat").buttons[0].key
    second = enter(stage, take_code(stage, THERE, "wechat"), "三号", "wecom").buttons[0].key
    said = at_once(stage, [(THERE, "wechat", first), ("三号", "wecom", second)])
    assert said.count("bonds.bound") == 1, said
    assert len(set(identities_of(stage).values())) == 3, "the leader, the two, and one who is alone"
    sound(stage)
    stage.database.close()


def test_nothing_is_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails when the points have moved: no identity, membership, point or state has changed, and it goes well later."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE):
        stage.say(who, "签到")
    on_another_channel(stage, THERE)
    stage.clock.set(stage.clock.now().replace(day=2))
    yes = enter(stage, take_code(stage)).buttons[0].key
    before = identities_of(stage)

    def fail(*_args: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(bonding, "_settle", fail)
        with pytest.raises(AssertionError, match="bug"):
            stage.say(THERE, "", button=yes, channel="wechat")
    assert identities_of(stage) == before
    assert (balance(stage, MINE), balance(stage, THERE)) == (5, 5)
    assert stage.database.read_now(lambda s: s.exec(select(Bond.state)).all()) == ["offered"]
    sound(stage)
    assert bind(stage).key == "bonds.bound"
    sound(stage)
