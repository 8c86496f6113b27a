"""The usual bot: python-telegram-bot's Application with its webhook, and SQLModel's AsyncSession over aiosqlite.

Same tables, same writes, same answer as ours; run as a process of its own by benchmarks/webhook.py.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.rival_orm import check_in, open_engine
from engagement.kernel import Event, Incoming, Place


class UsualBot:
    """One handler: a check-in is written down and answered."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take the engine; one message at a time writes, since SQLite takes one writer."""
        self._engine = engine
        self._turn = asyncio.Lock()

    async def on_message(self, update: Any, _context: Any) -> None:
        """Check somebody in and answer."""
        message = update.effective_message
        incoming = Incoming(
            event=Event.MESSAGE,
            channel="telegram",
            account=str(message.get_bot().id),
            dedupe_key=str(update.update_id),
            place=Place.GROUP,
            conversation=str(message.chat_id),
            sender=str(message.from_user.id),
            sender_name=message.from_user.full_name,
            text=message.text,
            message_id=str(message.message_id),
            occurred_at=message.date,
            received_at=message.date,
        )
        async with self._turn:
            said = await check_in(self._engine, incoming)
        await message.reply_text(said, do_quote=True)


def main() -> None:
    """Serve until SIGTERM."""
    from telegram.ext import Application, MessageHandler, filters

    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    application = (
        Application.builder()
        .token(arguments.token)
        .base_url(f"{arguments.base_url}/bot")
        .concurrent_updates(True)
        .connection_pool_size(64)
        .build()
    )
    engine = open_engine(arguments.data / "tuantuan.db")
    application.add_handler(MessageHandler(filters.TEXT, UsualBot(engine).on_message))
    application.run_webhook(
        listen="127.0.0.1",
        port=arguments.port,
        url_path="hook",
        webhook_url=f"http://127.0.0.1:{arguments.port}/hook",
        secret_token=arguments.secret,
    )


if __name__ == "__main__":
    main()
