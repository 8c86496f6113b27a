"""Settings of the Telegram channel, and what is wrong with them in plain words."""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

HOOK_PATH = "/telegram/webhook"
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


class Mode(StrEnum):
    """How updates arrive."""

    POLLING = "polling"
    WEBHOOK = "webhook"


class TelegramSettings(BaseSettings):
    """The Telegram bot.

    Environment: ``BOT_TELEGRAM__…`` (docs/settings.md). Instances are passed in; only bot.main reads the environment.

    Source: Telegram Bot API (limits: 30 messages a second over all, 20 a minute per group).
    """

    model_config = SettingsConfigDict(env_prefix="BOT_TELEGRAM__", extra="ignore")

    token: SecretStr = Field(default=SecretStr(""), description="Token of the bot, from @BotFather")
    base_url: str = Field(default="https://api.telegram.org", description="Bot API server")
    mode: Mode = Field(default=Mode.POLLING, description="polling needs no public address, webhook does")
    webhook_url: str = Field(default="", description="Public address that Telegram calls; a bare host gets our path")
    secret: SecretStr = Field(
        default=SecretStr(""), description="16-256 letters, digits, _ and - that Telegram repeats"
    )
    rate: float = Field(default=27.0, gt=0, le=1000, description="Messages a second over all groups")
    group_rate: float = Field(default=20.0, gt=0, le=10_000, description="Messages a minute in one group")
    connections: int = Field(default=64, ge=1, le=512, description="Connections to the Bot API at a time")
    timeout: float = Field(default=15.0, gt=0, le=120, description="Seconds to wait for the answer to one message")

    def problems(self) -> list[str]:
        """Return keys of texts that say what must be mended; empty when the bot can start."""
        found = [] if self.token.get_secret_value() else ["telegram.no_token"]
        if self.mode is not Mode.WEBHOOK:
            return found
        if not self.webhook_url:
            found.append("telegram.no_webhook_url")
        elif urlsplit(self.webhook_url).scheme not in ("http", "https") or not urlsplit(self.webhook_url).hostname:
            found.append("telegram.bad_webhook_url")
        secret = self.secret.get_secret_value()
        if not secret:
            found.append("telegram.no_secret")
        elif not _SECRET.fullmatch(secret):
            found.append("telegram.bad_secret")
        return found

    @property
    def hook_path(self) -> str:
        """The path of our webhook."""
        path = urlsplit(self.webhook_url).path
        return path if path not in ("", "/") else HOOK_PATH

    @property
    def hook_url(self) -> str:
        """The address that Telegram is told."""
        parts = urlsplit(self.webhook_url)
        return parts._replace(path=self.hook_path).geturl()

    @property
    def api(self) -> str:
        """The Bot API's address up to and with ``/bot``, to which the token is added."""
        return self.base_url.rstrip("/").removesuffix("/bot") + "/bot"

    @property
    def files(self) -> str:
        """The address of files up to and with ``/file/bot``, to which the token is added."""
        return self.base_url.rstrip("/").removesuffix("/bot") + "/file/bot"

    @property
    def on_this_machine(self) -> bool:
        """The Bot API server is a loopback address: no proxy, nothing leaves the country."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False
