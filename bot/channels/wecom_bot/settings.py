"""Settings of the WeCom AI bot, and what is wrong with them in plain words."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.channels.addresses import is_loopback


class WecomBotSettings(BaseSettings):
    """The WeCom AI bot (企业微信智能机器人, over a WebSocket).

    Environment: ``BOT_WECOM_BOT__…`` (docs/settings.md). Instances are passed in; only bot.main reads the environment.

    Source: CHANNELS (WeCom AI bot: 30 messages a minute and 1,000 an hour in a conversation).
    """

    model_config = SettingsConfigDict(env_prefix="BOT_WECOM_BOT__", extra="ignore")

    bot_id: str = Field(default="", max_length=64, description="BotID of the AI bot, from the WeCom console")
    secret: SecretStr = Field(default=SecretStr(""), description="Secret of its long connection")
    url: str = Field(default="wss://openws.work.weixin.qq.com", description="Where the long connection leads")
    name: str = Field(default="", max_length=64, description="The bot's name, taken out of messages that mention it")
    leaders: str = Field(
        default="",
        max_length=2000,
        description="Accounts (userid), by commas, that lead the groups in which they first write",
    )
    per_minute: int = Field(default=30, ge=1, le=10_000, description="Messages a minute in one conversation")
    per_hour: int = Field(default=1000, ge=1, le=100_000, description="Messages an hour in one conversation")
    ping: float = Field(default=30.0, gt=0, le=300, description="Seconds between two signs of life")
    timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds to wait for the answer to one frame")
    first_pause: float = Field(default=1.0, gt=0, le=60, description="Seconds before the first try to connect again")
    longest_pause: float = Field(default=60.0, gt=0, le=3600, description="Seconds between two tries, at most")
    stand_by: float = Field(
        default=900.0, gt=0, le=86_400, description="Seconds to stand aside when somebody else connected as this bot"
    )
    lease: float = Field(default=30.0, gt=0, le=600, description="Seconds after which a silent replica is replaced")

    def problems(self) -> list[str]:
        """Return keys of texts that say what must be mended; empty when the bot can start."""
        found = [] if self.bot_id else ["wecom_bot.no_bot_id"]
        if not self.secret.get_secret_value():
            found.append("wecom_bot.no_secret")
        parts = urlsplit(self.url)
        if not parts.hostname or not (parts.scheme == "wss" or (parts.scheme == "ws" and self.on_this_machine)):
            found.append("wecom_bot.bad_url")
        return found

    @property
    def leading(self) -> frozenset[str]:
        """Whose first word in a group without a leader makes them its leader; in small letters, as accounts are compared."""
        return frozenset(name for name in (part.strip().lower() for part in self.leaders.split(",")) if name)

    @property
    def on_this_machine(self) -> bool:
        """The server is a loopback address: no proxy, and it may do without TLS."""
        return is_loopback(self.url)
