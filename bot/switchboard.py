"""Connects the platforms with the program: who takes what comes in, who sends what goes out, who hands out files.

Each platform is a :class:`Line`, so the server starts, stops and asks all of them alike and knows none of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.abilities import able
from bot.rendering.render import Rendered, render
from engagement.kernel import Outgoing, Sender
from prompts.loader import texts
from storage.bots import unserved

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from bot.channels.telegram.bots import TelegramBots
    from bot.channels.wechat.channel import WeChatChannel
    from bot.channels.wechat.oauth import OAuth
    from bot.main import Program
    from bot.voice import Fetch
    from engagement.entry.joining import Neighbour

log = structlog.get_logger("bot.switchboard")


class Channel(Protocol):
    """What every platform's channel can do besides what only its own :class:`Line` knows."""

    async def stop(self) -> None:
        """Take nothing more in."""

    async def close(self) -> None:
        """Hang up, after the last answer went out."""


@dataclass(frozen=True)
class Line:
    """A platform in the running program.

    Attributes:
        channel: its stop and close are called in that order, the last answers go out between them.
        start: begins it; the argument is the process' role. Raises Refusal when the platform does not take the settings.
        routes: what the platform calls.
        pushes: sends what nobody asked for; None: the channel delivers that itself, no engine may.
        neighbours: says who somebody is in one of its groups, by what all accounts of a company call him; None: it cannot.
        door: makes, with a secret that signs, the way on which who opens a page inside the platform's app is vouched for.
    """

    channel: Channel
    start: Callable[[str], Awaitable[None]]
    routes: Callable[[], list[BaseRoute]]
    pushes: Sender | None
    door: Callable[[str], OAuth] | None = None
    neighbours: Callable[[str, str], Awaitable[Neighbour | None]] | None = None


def connect(program: Program, channels: list[str]) -> dict[str, Line]:
    """Connect the platforms that are asked for; nothing is sent before their start.

    Raises:
        Refusal: a setting is missing or wrong; the text says which and how to mend it.
    """
    ways: Mapping[str, Callable[[Program], Line]] = {
        "telegram": _telegram,
        "wechat": _wechat,
        "wecom": _wecom,
        "wecom_bot": _wecom_bot,
    }
    return {name: way(program) for name, way in ways.items() if name in channels}


def pushing(program: Program, lines: Mapping[str, Line]) -> dict[str, Sender]:
    """Return who sends what nobody asked for, by channel."""
    senders = dict(program.senders)
    for name, line in lines.items():
        if line.pushes is None:
            senders.pop(name, None)
        else:
            senders[name] = line.pushes
    return senders


def in_words(message: Outgoing) -> Rendered:
    """Render a message as it can be shown where it goes."""
    return render(message, able(message))


def slash_commands(program: Program) -> list[tuple[str, str]]:
    """Return (slash name, what it does) of every command that stands in help."""
    return [
        (command.slash[0], texts().raw(command.help)[:256])
        for feature in program.dispatcher.features
        for command in feature.commands
        if command.slash and command.help and not command.roles
    ]


def _telegram(program: Program) -> Line:
    from bot.channels.telegram.bots import TelegramBots

    channel = TelegramBots(
        program.settings.telegram,
        program.pump.receive,
        in_words,
        program.clock,
        program.pictures.folder,
    )
    _join(program, channel.name, channel, channel.fetch)
    program.gateway.drafts[channel.name] = channel
    program.gateway.accounts[channel.name] = channel.accounts
    return Line(channel, partial(_start_telegram, program, channel), channel.routes, channel)


async def _start_telegram(program: Program, channel: TelegramBots, role: str) -> None:
    left = await program.database.read(lambda session: unserved(session, channel.name, channel.accounts))
    for account, count in left.items():
        log.warning("telegram.groups_without_bot", account=account, groups=count)
    bots = await (channel.connect() if role == "worker" else channel.start(slash_commands(program)))
    for me in bots:
        if me.username:
            program.dispatcher.doors[(channel.name, me.account)] = f"https://t.me/{me.username}?start="


def _wechat(program: Program) -> Line:
    from bot.channels.wechat.channel import WeChatChannel

    channel = WeChatChannel(
        program.settings.wechat,
        program.pump.receive,
        in_words,
        program.clock,
        program.pictures.folder,
        program.database,
        f"{program.dispatcher.pages}/h5" if program.dispatcher.pages else "",
    )
    _join(program, channel.name, channel.sender, channel.fetch)
    return Line(channel, partial(_start_wechat, program, channel), channel.routes, channel.sender, channel.door)


async def _start_wechat(program: Program, channel: WeChatChannel, role: str) -> None:
    from bot.channels.wechat.menu import usual

    await channel.start(() if role == "worker" else usual(program.dispatcher.pages))


def _wecom(program: Program) -> Line:
    from bot.channels.wecom.channel import WecomChannel

    settings = program.settings.wecom
    if not settings.h5_url and program.dispatcher.pages:
        settings = settings.model_copy(update={"h5_url": f"{program.dispatcher.pages}/h5"})

    channel = WecomChannel(
        settings, program.pump.receive, in_words, program.clock, program.database, program.pictures.folder
    )
    _join(program, channel.name, channel.sender, channel.fetch)

    async def start(role: str) -> None:
        await channel.start(working=role != "web")

    # What leaders confirm is delivery's alone.
    return Line(channel, start, channel.routes, channel.pushes, neighbours=channel.doorway.neighbour)


def _wecom_bot(program: Program) -> Line:
    from bot.long_line import LongLine

    line = LongLine(program)

    async def start(_role: str) -> None:
        await line.start()

    return Line(line, start, list, pushes=None)


def _join(program: Program, name: str, sender: Sender, fetch: Fetch) -> None:
    program.senders[name] = sender
    program.dispatcher.sources[name] = fetch
    if program.gateway.ear is not None:
        program.gateway.ear.sources[name] = fetch
