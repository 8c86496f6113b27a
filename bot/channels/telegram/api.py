"""The library's bot, set up for us; and what each of its errors means for a message.

Source: Telegram Bot API (ResponseParameters); python-telegram-bot 22 (telegram.error, telegram.request).
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from engagement.kernel import Outcome, Receipt

if TYPE_CHECKING:
    from telegram import Bot
    from telegram.error import RetryAfter, TelegramError

    from bot.channels.telegram.settings import TelegramSettings

_AGAIN_SOON = 2.0
_TOKEN_REFUSED = 60.0
NO_RIGHTS, NO_REACTIONS = "no_rights", "no_reactions"
THREAD_GONE, THREAD_CLOSED = "thread_gone", "thread_closed"
# Fragments of Telegram's descriptions, in the order in which they are looked for.
_GONE = (
    ("bot was kicked", "removed"),
    ("bot is not a member", "removed"),
    ("group chat was deleted", "deleted"),
    ("chat was deleted", "deleted"),
    ("chat not found", "chat_not_found"),
    ("bot was blocked", "blocked"),
    ("user is deactivated", "deactivated"),
    ("can't initiate conversation", "not_started"),
    ("peer_id_invalid", "not_started"),
    ("user_is_blocked", "blocked"),
    ("input_user_deactivated", "deactivated"),
    ("channel_private", "removed"),
)
_REJECTED = (
    ("not enough rights", NO_RIGHTS),
    ("have no rights", NO_RIGHTS),
    ("chat_restricted", NO_RIGHTS),
    ("chat_admin_required", NO_RIGHTS),
    ("need administrator rights", NO_RIGHTS),
    ("_forbidden", NO_RIGHTS),  # CHAT_WRITE_FORBIDDEN, CHAT_SEND_PHOTOS_FORBIDDEN …
    ("message is too long", "too_long"),
    ("caption is too long", "too_long"),
    ("can't parse entities", "markup"),
    ("message thread not found", THREAD_GONE),
    ("topic_deleted", THREAD_GONE),
    ("topic_closed", THREAD_CLOSED),
    ("message to edit not found", "edit_gone"),
    ("message can't be edited", "edit_gone"),
    ("message_id_invalid", "edit_gone"),
    ("reaction_invalid", NO_REACTIONS),
    ("react", "reaction"),
    ("text must be non-empty", "empty"),
    ("message text is empty", "empty"),
)
NOT_MODIFIED = "message is not modified"


def build_bot(settings: TelegramSettings) -> Bot:
    """Make the library's bot; nothing is sent yet.

    Connections are plenty and reused, since many groups are answered at once; proxies of the environment are used, but
    not for a server on this machine.
    """
    os.environ.setdefault("PTB_TIMEDELTA", "true")  # opt in to the library's next form of durations
    from telegram import Bot

    from bot.channels.telegram.connections import Connections

    # It logs every address, and each holds the token.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs what a server answered, words and all, before it raises; what is raised is enough.
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)
    proxies = not settings.on_this_machine
    return Bot(
        settings.token.get_secret_value() or "0:none",
        base_url=settings.api,
        base_file_url=settings.files,
        request=Connections(settings.connections, settings.timeout, trust_env=proxies),
        get_updates_request=Connections(1, settings.timeout, trust_env=proxies),
    )


def seconds_of(error: RetryAfter) -> float:
    """Return how many seconds Telegram asks to wait."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def receipt_of(error: TelegramError, *, repeatable: bool) -> Receipt:
    """Say what an error means for the message that met it.

    Args:
        error: what the library raised.
        repeatable: doing it twice is the same as once (a reaction, an edit), so an unknown end may be tried again.

    Returns:
        RETRY when nothing was sent; UNKNOWN when nobody can know; never SENT but for an edit that changes nothing.
    """
    from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter

    match error:
        case RetryAfter():
            return Receipt(Outcome.RETRY, retry_after=max(0.1, seconds_of(error)), reason="too_many")
        case ChatMigrated():
            return Receipt(Outcome.MIGRATED, new_id=str(error.new_chat_id))
        case Forbidden():
            return _of_no(error.message, Receipt(Outcome.GONE, reason="forbidden"))
        case InvalidToken():
            return Receipt(Outcome.RETRY, retry_after=_TOKEN_REFUSED, reason="token")
        case BadRequest():
            return _of_no(error.message, Receipt(Outcome.REJECTED, reason="bad_request"))
        case Conflict():
            return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason="conflict")
        case NetworkError() if repeatable or _nothing_sent(error):
            return Receipt(Outcome.RETRY, retry_after=_AGAIN_SOON, reason="network")
        case _:
            return Receipt(Outcome.UNKNOWN, reason="cut_off")


def _of_no(message: str, otherwise: Receipt) -> Receipt:
    """Read a no, of whichever status: 403 too may only mean that the bot may not speak, and then the chat is not gone."""
    gone = _word(message, _GONE)
    if gone:
        return Receipt(Outcome.GONE, reason=gone)
    rejected = _word(message, _REJECTED)
    return Receipt(Outcome.REJECTED, reason=rejected) if rejected else otherwise


def _word(message: str, table: tuple[tuple[str, str], ...]) -> str:
    lower = message.lower()
    return next((word for fragment, word in table if fragment in lower), "")


def _nothing_sent(error: TelegramError) -> bool:
    """Say whether the message surely did not go out, so that sending it again doubles nothing.

    Either the connection failed before a byte of it left, or the server answered that it failed (500, 502, 503); a gateway
    that gave up waiting (504) knows nothing.
    """
    from bot.channels.telegram.connections import was_never_sent

    never = was_never_sent(error.__cause__)
    if never is not None:
        return never
    return "504" not in error.message and "gateway timeout" not in error.message.lower()
