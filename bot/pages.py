"""Composes what a browser sees: the simulator, the console and the residents' pages, over one program."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from bot.channels.addresses import is_loopback
from bot.main import Program
from bot.settings import Mode
from engagement.clocks import SetClock, ShiftedClock, SystemClock
from engagement.errors import Refusal
from engagement.kernel import Kind, Outgoing, Place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import date, datetime

    from starlette.routing import BaseRoute

    from bot.channels.sim.backstage import Backstage
    from bot.channels.terminal import Terminal
    from bot.channels.web import WebSimulator
    from bot.channels.wechat.oauth import OAuth
    from console.outside import Neighbours
    from console.works import Works
    from engagement.kernel import Reply
    from storage.engine import Session

_SECRET_FILE = "web.secret"  # noqa: S105 - the file's name


class Pages:
    """The pages of one program.

    Attributes:
        simulator: None unless the channel ``sim`` is on.
    """

    def __init__(
        self,
        program: Program,
        *,
        sim: bool,
        web: bool,
        alone: bool = True,
        door: Callable[[str], OAuth] | None = None,
        neighbours: Mapping[str, Neighbours] | None = None,
    ) -> None:
        """Wire; nothing runs before :meth:`start`.

        Args:
            alone: no platform is connected, so that nobody's data but the sample's is there.
        """
        self.program = program
        self._alone = alone
        self._neighbours = neighbours or {}
        self._door = door
        self.web = web
        self.simulator: WebSimulator | None = self._simulator() if sim else None
        self._works: Works | None = None

    def _is_a_trial(self) -> bool:
        """Say whether whoever opens the pages may be anybody of the sample: on one's own machine, with nobody outside."""
        settings = self.program.settings
        address = settings.web.public_url
        return settings.mode is Mode.LOCAL and self._alone and (not address or is_loopback(address))

    def _simulator(self) -> WebSimulator:
        from bot.channels.web import Simulator, WebSimulator
        from bot.rendering.capabilities import WEB
        from bot.rendering.render import render

        program = self.program
        simulator = Simulator(
            program.directory,
            program.clock,
            receive=program.pump.receive,
            settle=program.pump.drain,
            advance=_advance(program),
            render=lambda message: render(message, WEB),
            backstage=backstage(program, Simulator.name),
        )
        program.senders[simulator.name] = simulator
        program.sources[simulator.name] = simulator.uploads.fetch
        return WebSimulator(simulator)

    def routes(self) -> list[BaseRoute]:
        """Return what the web application mounts; the console's own comes last, since it answers for ``/``."""
        from bot.desk import ProgramDesk
        from bot.pushing import ProgramPushing
        from console.app import Console, create_app

        program, settings = self.program, self.program.settings
        if settings.mode is Mode.LOCAL and self.web and not program.dispatcher.pages:
            # Who tries the product on his own machine gets links that open there.
            here = settings.web.host if is_loopback(f"http://{settings.web.host}") else "127.0.0.1"
            program.dispatcher.pages = f"http://{here}:{settings.web.port}"
        found: list[BaseRoute] = [] if self.simulator is None else self.simulator.routes()
        from starlette.routing import Mount

        console = Console(
            database=program.database,
            clock=program.clock,
            answering=program.answering,
            secret=(secret := self._secret()),
            demo=self._is_a_trial(),
            simulator=self.simulator is not None,
            console=self.web,
            https=settings.web.public_url.startswith("https://"),
            desk=ProgramDesk(program),
            works=program.directory / "works",
            zone=settings.knowledge.zone,
            pushing=ProgramPushing(program),
            public_url=settings.web.public_url.rstrip("/"),
            door=lambda: next(iter(program.dispatcher.doors.values()), ""),
            outside=None if self._door is None else self._door(secret),
            neighbours=self._neighbours,
            joined=joined(program),
            tell=telling(program),
            wall=SystemClock(),
        )
        self._works = (app := create_app(console)).state.works
        found.append(Mount("/", app))
        return found

    def _secret(self) -> str:
        """Return what signs sessions; in local mode one is made and kept, so that a restart asks nobody to sign in."""
        given = self.program.settings.web.secret.get_secret_value()
        if given:
            return given
        path = self.program.directory / _SECRET_FILE
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32), "ascii")
        return path.read_text("ascii").strip()

    async def start(self) -> None:
        """Begin what runs by itself."""
        if self.simulator is not None:
            await self.simulator.start()
        if self._works is not None:
            self._works.resume()

    async def stop(self) -> None:
        """End it."""
        if self._works is not None:
            await self._works.stop()
        if self.simulator is not None:
            await self.simulator.stop()


def telling(program: Program) -> Callable[[int, int | None, Reply], Awaitable[None]]:
    """Return what says something to a person in private, where he speaks with the bot; nobody else hears of it."""
    from bot.queued import Queued, queue
    from storage import bots, identities

    def write(session: Session, person_id: int, group_id: int | None, reply: Reply) -> Queued | None:
        group = None if group_id is None else identities.group_row_by_id(session, group_id)
        channel, account = (str(group[1]), str(group[2])) if group is not None else ("", "")
        found = bots.reach(session, person_id, channel)
        if found is None or not found.is_open:
            return None
        now = program.clock.now()
        message = Outgoing(
            kind=Kind.DM,
            channel=found.channel,
            account=found.account or (account if found.channel == channel else ""),
            place=Place.DM,
            conversation=found.external_id,
            feature="entry",
            key=reply.key,
            values=reply.values,
            buttons=tuple(reply.buttons),
            to=found.external_id,
        )
        return queue(session, f"told:{secrets.token_hex(8)}", message, now)

    async def tell(person_id: int, group_id: int | None, reply: Reply) -> None:
        queued = await program.database.write(lambda session: write(session, person_id, group_id, reply))
        if queued is not None:
            program.courier.post(queued)

    return tell


def joined(program: Program) -> Callable[[int, int], Awaitable[None]]:
    """Return what lets the slices know that somebody came into a group by a page: a name may pass for the leader's."""
    from bot.addressing import address
    from bot.desk import NOWHERE, conversation
    from bot.people import at_desk
    from bot.queued import Queued, queue
    from engagement.dispatch import Said
    from engagement.events import Named
    from engagement.kernel import Event, Incoming

    def write(session: Session, person_id: int, group_id: int) -> list[Queued]:
        now = program.clock.now()
        mark = f"joined:{group_id}:{secrets.token_hex(8)}"
        where = conversation(person_id)
        incoming = Incoming(
            Event.JOIN, NOWHERE, mark, Place.DM, where, where, now, now, desk_person=person_id, desk_group=group_id
        )
        actor, group = at_desk(session, incoming, now)
        ctx = program.dispatcher.context(session, incoming, actor, group, now)
        said = [address(ctx, Said("members", one)) for one in ctx.emit(Named(group_id, person_id, actor.name))]
        return [queue(session, f"{mark}:{number}", one, now) for number, one in enumerate(said) if one is not None]

    async def tell(person_id: int, group_id: int) -> None:
        for queued in await program.database.write(lambda session: write(session, person_id, group_id)):
            program.courier.post(queued)

    return tell


def terminal(program: Program) -> Terminal:
    """Make the terminal channel over a program."""
    from bot.channels.terminal import Terminal
    from bot.rendering.capabilities import TERMINAL
    from bot.rendering.render import render

    found = Terminal(
        program.clock,
        receive=program.pump.receive,
        settle=program.pump.drain,
        advance=_advance(program),
        render=lambda message: render(message, TERMINAL),
    )
    program.senders[found.name] = found
    return found


def backstage(program: Program, channel: str) -> Backstage:
    """Return what the sample weeks of a channel pull."""
    from bot.channels.sim.backstage import Backstage
    from console import demo

    async def unite() -> None:
        await program.database.write(demo.region_of)

    return Backstage(appointing(program, channel), examining(program), unite)


def appointing(program: Program, channel: str) -> Callable[[str, Mapping[date, str]], Awaitable[None]]:
    """Return what writes down the topics of a group's sample weeks."""
    from engagement.topic import service
    from storage import identities

    async def appoint(conversation: str, topics: Mapping[date, str]) -> None:
        def write(session: Session) -> None:
            row = identities.group_row(session, channel, "", conversation)
            assert row is not None
            service.appoint(session, int(str(row[0])), topics, program.clock.now())

        await program.database.write(write)

    return appoint


def examining(program: Program) -> Callable[[float], Awaitable[None]] | None:
    """Return what asks the sample's golden cases, beside the loop; None without a base."""
    answering = program.answering
    if answering is None:
        return None

    async def examine(share: float) -> None:
        from knowledge.starter import sample_run

        await asyncio.to_thread(sample_run, answering, share, program.clock.now())

    return examine


def _advance(program: Program) -> Callable[[datetime], Awaitable[None]]:
    """Return what moves the program's clock and keeps how far it was moved.

    Beside a live channel the clock is the host's: then a move is refused, since nobody may be sent tomorrow's topic today.
    """
    clock = program.clock

    async def advance(to: datetime) -> None:
        if not isinstance(clock, ShiftedClock | SetClock):
            raise Refusal("sim.clock_fixed")
        await program.advance(clock, to)
        keep = getattr(clock, "keep", None)
        if keep is not None:
            keep()

    return advance
