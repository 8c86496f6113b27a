"""``doctor`` and the start-up check: what is misconfigured, and how to mend it, in plain words."""

from __future__ import annotations

import os
from pathlib import Path

from bot.settings import Mode, Settings, is_loopback
from prompts.loader import texts

SECRET_LENGTH = 32
_LOCAL_ONLY = ("sim", "terminal")
CHANNELS = ("telegram", "wechat", "wecom", "web", "sim", "terminal")

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
    if "wecom" in channels:
        found.append("doctor.not_yet")
    if "wechat" in channels:
        found.extend(settings.wechat.problems())
    if "telegram" in channels:
        found.extend(settings.telegram.problems())
    if not production:
        return found
    if any(channel in _LOCAL_ONLY for channel in channels):
        found.append("doctor.no_simulator")
    if len(settings.web.secret.get_secret_value()) < SECRET_LENGTH:
        found.append("doctor.web_secret")
    abroad = "telegram" in channels and not is_loopback(settings.telegram.base_url)
    models = (settings.llm.base_url, settings.speech.base_url)
    abroad = abroad or any(address and not is_loopback(address) for address in models)
    if abroad and not settings.privacy.transfer_basis.strip():
        found.append("doctor.transfer_basis")
    return found


def examine(directory: Path, settings: Settings) -> list[str]:
    """Return sentences about what is wrong with the settings and the data directory; empty = nothing."""
    channels = ["web", *(["telegram"] if settings.telegram.token.get_secret_value() else [])]
    if settings.wechat.app_id:
        channels.append("wechat")
    found = [texts().raw(key) for key in problems(settings, channels)]
    place = directory if directory.exists() else directory.absolute().parent
    if not os.access(place, os.W_OK):
        found.append(texts().fill("doctor.not_writable", {"path": place}))
    if settings.mode is Mode.PRODUCTION and not settings.web.public_url.startswith("https://"):
        found.append(texts().raw("doctor.no_public_url"))
    if "wechat" in channels:
        found.extend(texts().raw(key) for key in settings.wechat.weaknesses())
    if settings.llm.base_url and not settings.llm.model:
        found.append(texts().raw("doctor.no_model_name"))
    if settings.speech.base_url and not settings.speech.model:
        found.append(texts().raw("doctor.no_speech_model"))
    return found


def ask_platforms(settings: Settings) -> list[str]:
    """Ask the platforms of the accounts that are set whether they work; returns sentences, empty = nothing is wrong."""
    import asyncio

    from bot.channels.wechat.examine import examine as wechat

    if not settings.wechat.app_id or settings.wechat.problems():
        return []
    return [texts().fill(key, values) for key, values in asyncio.run(wechat(settings.wechat))]
