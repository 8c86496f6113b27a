"""``doctor --online``: whether the AI bot's platform takes its id and secret. Nothing is sent to anybody.

Source: F130; CHANNELS (WeCom AI bot: a newer connection kicks the older).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.wecom_bot.connection import End, probe
from bot.channels.wecom_bot.lease import name_of

if TYPE_CHECKING:
    from bot.channels.wecom_bot.settings import WecomBotSettings
    from storage.engine import DatabaseSettings
    from storage.leases import Held

IN_USE = "wecom_bot.in_use"
"""Not a fault: a running program is connected, and to try would throw it out."""
_WRONG = {End.UNREACHABLE, End.REFUSED, End.SILENT, End.KICKED}
"""What a running program that is not connected has met with, and a person can mend; the rest mends itself in a moment."""


async def examine(
    settings: WecomBotSettings, rows: DatabaseSettings, directory: Path, now: datetime
) -> list[tuple[str, dict[str, object]]]:
    """Connect once and hang up, where no program of this installation is connected.

    Args:
        rows, directory: where the installation's rows are, and with them the lease.

    Returns:
        (key of a text, its values) of what is wrong, or :data:`IN_USE`; empty when it works. Where a program runs, it is what
        that one has met with.
    """
    held = _held(directory, rows, name_of(settings.bot_id), now)
    if held is not None and held.state not in _WRONG:
        return [(IN_USE, {})]
    wrong = await probe(settings) if held is None else f"wecom_bot.{held.state}"
    return [(wrong, {"url": settings.url})] if wrong else []


def _held(directory: Path, rows: DatabaseSettings, lease: str, now: datetime) -> Held | None:
    """Return the lease of a program that runs on these rows; an installation without rows yet has none."""
    from storage import leases, migrate
    from storage.engine import NAME, open_database

    if not rows.url.get_secret_value() and not (directory / NAME).is_file():
        return None
    database = open_database(directory, rows)
    try:
        if migrate.pending(database):
            return None
        return database.read_now(lambda session: leases.held(session, lease, now))
    finally:
        database.close()
