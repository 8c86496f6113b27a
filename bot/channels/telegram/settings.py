"""Settings of the Telegram channel, and what is wrong with them in plain words."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.channels.addresses import is_loopback

HOOK_PATH = "/telegram/webhook"
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


class Mode(StrEnum):
    """How updates arrive."""

    POLLING = "polling"
    WEBHOOK = "webhook"


class BotAccount(BaseModel):
    """One further bot account."""

    token: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")


class TelegramSettings(BaseSettings):
    """The Telegram bot, or several that serve one installation.

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

    more: list[BotAccount] = Field(
        default_factory=list, description='Further bot accounts: [{"token": "…", "secret": "…"}]; rates hold for each'
    )

    def accounts(self) -> list[TelegramSettings]:
        """Return the settings of each bot account, this one first; each has a token, a webhook and a secret of its own."""
        return [
            self.model_copy(update={"more": []}),
            *(
                self.model_copy(
                    update={
                        "token": one.token,
                        "secret": one.secret,
                        "webhook_url": f"{self.hook_url}/{one.token.get_secret_value().partition(':')[0]}"
                        if self.webhook_url
                        else "",
                        "more": [],
                    }
                )
                for one in self.more
            ),
        ]

    @property
    def bot_id(self) -> int:
        """Telegram's id of the bot, as the token tells it; 0 when it does not."""
        number = self.token.get_secret_value().partition(":")[0]
        return int(number) if number.isascii() and number.isdigit() and len(number) < 17 else 0

    def problems(self) -> list[str]:
        """Return keys of texts that say what must be mended; empty when every bot can start."""
        if not self.more:
            return self.own_problems()
        accounts = self.accounts()
        found = [problem for one in accounts for problem in one.own_problems()]
        if len({one.bot_id for one in accounts}) < len(accounts):
            found.append("telegram.same_bot")
        if self.mode is Mode.WEBHOOK and len({one.secret.get_secret_value() for one in accounts}) < len(accounts):
            found.append("telegram.same_secret")
        return list(dict.fromkeys(found))

    def own_problems(self) -> list[str]:
        """Return keys of texts that say what must be mended of this one account."""
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
        return is_loopback(self.base_url)
