"""Asking Telegram whether the bot accounts work: the token, what the bot may read, where its updates go and how it fares there.

Nobody is written to and nothing is changed.

Source: Telegram Bot API (getMe, getWebhookInfo); CHANNELS (privacy mode).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.channels.telegram.api import build_bot
from bot.channels.telegram.settings import Mode, TelegramSettings

if TYPE_CHECKING:
    from telegram import WebhookInfo

Finding = tuple[str, dict[str, object]]
"""Key of a text, and what it needs."""
MANY = 100
"""Updates that wait; more means that nobody takes them."""
LATELY = timedelta(hours=1)


async def examine(settings: TelegramSettings, now: datetime) -> list[Finding]:
    """Ask Telegram about every account; returns what is wrong, empty = nothing."""
    return [found for one in settings.accounts() for found in await _ask(one, now)]


async def _ask(settings: TelegramSettings, now: datetime) -> list[Finding]:
    from telegram.error import InvalidToken, TelegramError

    bot = build_bot(settings)
    try:
        await bot.initialize()
        info = await bot.get_webhook_info()
    except InvalidToken:
        return [("telegram.bad_token", {"bot": settings.bot_id})]
    except TelegramError:
        return [("telegram.unreachable", {"address": settings.base_url})]
    finally:
        await bot.shutdown()
    name = f"@{bot.username}"
    found: list[Finding] = []
    if not bot.can_read_all_group_messages:
        found.append(("telegram.privacy_on", {"bot": name}))
    if not bot.can_join_groups:
        found.append(("telegram.no_groups", {"bot": name}))
    return found + _of_webhook(info, settings, name, now)


def _of_webhook(info: WebhookInfo, settings: TelegramSettings, name: str, now: datetime) -> list[Finding]:
    if settings.mode is not Mode.WEBHOOK:
        # While a webhook is set, nobody can poll: another program took the bot, or this one was one that did.
        return [("telegram.webhook_set", {"bot": name})] if info.url else []
    if info.url != settings.hook_url:
        return [("telegram.webhook_elsewhere", {"bot": name})]
    failed = info.last_error_date
    if failed is not None and now - failed.astimezone(UTC) < LATELY:
        return [("telegram.webhook_fails", {"bot": name, "reason": (info.last_error_message or "")[:120]})]
    if info.pending_update_count > MANY:
        return [("telegram.webhook_waits", {"bot": name, "count": info.pending_update_count})]
    return []
