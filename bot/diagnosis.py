"""``doctor`` and the start-up check: what is misconfigured, and how to mend it, in plain words."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bot import transfer
from bot.channels.addresses import is_loopback
from bot.settings import Mode, Settings
from prompts.loader import texts

SECRET_LENGTH = 32
_LOCAL_ONLY = ("sim", "terminal")
CHANNELS = ("telegram", "wechat", "wecom", "wecom_bot", "web", "sim", "terminal")

ROLES = ("all", "web", "worker")


def problems(settings: Settings, channels: list[str], role: str = "all") -> list[str]:
    """Return keys of texts (``doctor.…``) that say why the program must not start so; empty = it may.

    Source: CONTRACT (serve), LAW (transfer abroad).
    """
    found: list[str] = []
    production = settings.mode is Mode.PRODUCTION
    if any(channel not in CHANNELS for channel in channels) or not channels:
        found.append("doctor.unknown_channel")
    if role not in ROLES:
        found.append("doctor.unknown_role")
    elif role != "all" and not settings.database.url.get_secret_value():
        found.append("doctor.role_needs_postgresql")
    found.extend(_of_channels(settings, channels, role))
    if not production:
        return found
    if any(channel in _LOCAL_ONLY for channel in channels):
        found.append("doctor.no_simulator")
    if len(settings.web.secret.get_secret_value()) < SECRET_LENGTH:
        found.append("doctor.web_secret")
    if transfer.is_refused(settings, channels):
        found.append(transfer.BASIS)
    return found


def _of_channels(settings: Settings, channels: list[str], role: str) -> list[str]:
    wrong = {
        "telegram": settings.telegram.problems,
        "wechat": settings.wechat.problems,
        "wecom": settings.wecom.problems,
        "wecom_bot": settings.wecom_bot.problems,
    }
    found = [problem for name, problems in wrong.items() if name in channels for problem in problems()]
    if "wecom_bot" in channels and role == "worker":
        # Only the process that holds the connection can speak, also unasked.
        found.append("wecom_bot.not_a_workers")
    return found


def say_what_leaves(settings: Settings) -> None:
    """Say on standard error what would go abroad with these settings; that it must not is a finding, and said there."""
    channels = _set_up(settings)
    if not transfer.is_refused(settings, channels):
        transfer.tell(settings, channels)


def _set_up(settings: Settings) -> list[str]:
    """Return the channels whose accounts are set."""
    channels = ["web", *(["telegram"] if settings.telegram.token.get_secret_value() else [])]
    if settings.wechat.app_id:
        channels.append("wechat")
    if settings.wecom.corp_id:
        channels.append("wecom")
    if settings.wecom_bot.bot_id:
        channels.append("wecom_bot")
    return channels


def examine(directory: Path, settings: Settings) -> list[str]:
    """Return sentences about what is wrong with the settings and the data directory; empty = nothing."""
    channels = _set_up(settings)
    found = [texts().raw(key) for key in problems(settings, channels)]
    place = directory if directory.exists() else directory.absolute().parent
    if not os.access(place, os.W_OK):
        found.append(texts().fill("doctor.not_writable", {"path": place}))
    if settings.mode is Mode.PRODUCTION and not settings.web.public_url.startswith("https://"):
        found.append(texts().raw("doctor.no_public_url"))
    if settings.mode is Mode.LOCAL and settings.web.public_url and not is_loopback(settings.web.public_url):
        found.append(texts().raw("doctor.local_in_public"))
    if "telegram" in channels or "wecom" in channels:
        found.extend(_left_alone(directory, settings, channels))
    if "wechat" in channels:
        found.extend(texts().raw(key) for key in settings.wechat.weaknesses())
    if "wecom" in channels and not settings.wecom.h5_url and not settings.web.public_url:
        found.append(texts().raw("wecom.no_h5"))
    if settings.llm.base_url and not settings.llm.model:
        found.append(texts().raw("doctor.no_model_name"))
    if settings.speech.base_url and not settings.speech.model:
        found.append(texts().raw("doctor.no_speech_model"))
    return found


def _left_alone(directory: Path, settings: Settings, channels: list[str]) -> list[str]:
    """Name what stands in the rows and reaches its groups no more: bot accounts without settings, robots without a key."""
    from bot.channels.wecom import internal
    from storage import bots, migrate
    from storage.engine import NAME, open_database

    if not settings.database.url.get_secret_value() and not (directory / NAME).is_file():
        return []
    found: list[str] = []
    database = open_database(directory, settings.database)
    try:
        if migrate.pending(database):
            return []
        if "telegram" in channels:
            running = {str(one.bot_id) for one in settings.telegram.accounts()}
            left = database.read_now(lambda session: bots.unserved(session, "telegram", running))
            found += [texts().fill("telegram.bot_gone", {"bot": bot, "count": count}) for bot, count in left.items()]
        if "wecom" in channels:
            gone = database.read_now(lambda session: internal.gone(session, settings.wecom))
            found += [texts().fill("wecom.robot_gone", {"name": name}) for name in gone]
    finally:
        database.close()
    return found


def ask_platforms(settings: Settings, directory: Path) -> list[str]:
    """Ask the platforms of the accounts that are set whether they work; returns sentences, empty = nothing is wrong."""
    import asyncio

    return asyncio.run(_asked(settings, directory))


async def _asked(settings: Settings, directory: Path) -> list[str]:
    from bot.channels.telegram.examine import examine as telegram
    from bot.channels.wechat.examine import examine as wechat
    from bot.channels.wecom.examine import examine as wecom
    from bot.channels.wecom_bot.examine import IN_USE
    from bot.channels.wecom_bot.examine import examine as wecom_bot

    now = datetime.now(UTC)
    found: list[tuple[str, Mapping[str, object]]] = []
    if settings.telegram.token.get_secret_value() and not settings.telegram.problems():
        found += await telegram(settings.telegram, now)
    if settings.wechat.app_id and not settings.wechat.problems():
        found += await wechat(settings.wechat)
    if settings.wecom.corp_id and not settings.wecom.problems():
        found += await wecom(settings.wecom)
    if settings.wecom_bot.bot_id and not settings.wecom_bot.problems():
        said = await wecom_bot(settings.wecom_bot, settings.database, directory, now)
        if said == [(IN_USE, {})]:
            # No fault: somebody should know that nobody was asked, and why.
            sys.stderr.write(texts().raw(IN_USE) + "\n")
        else:
            found += said
    return [texts().fill(key, values) for key, values in found]
