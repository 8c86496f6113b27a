"""Settings of the WeCom channel, and what is wrong with them in plain words."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.channels.addresses import is_safe
from bot.channels.envelope import Cipher

HOOK_PATH = "/wecom/callback"
_KEY = 43
_NAME = re.compile(r"[\w-]{1,40}")
_USERID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_MOST_STAFF = 2000


class WecomSettings(BaseSettings):
    """The self-built app (自建应用) and what it may send.

    Environment: ``BOT_WECOM__…``. Instances are passed in; only bot.main reads the environment.

    Source: CHANNELS (Limits); WeCom developer documents.
    """

    model_config = SettingsConfigDict(env_prefix="BOT_WECOM__", extra="ignore")

    corp_id: str = Field(default="", max_length=64, description="Id of the company, from its admin console")
    agent_id: int = Field(default=0, ge=0, description="AgentId of the self-built app")
    secret: SecretStr = Field(default=SecretStr(""), description="Secret of the self-built app")
    token: SecretStr = Field(default=SecretStr(""), description="Token of the callback")
    aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey of the callback, 43 characters")
    base_url: str = Field(default="https://qyapi.weixin.qq.com", description="WeCom API server")
    h5_url: str = Field(
        default="", description="Residents' pages (…/h5); the day's message opens /in/ and the group's key below it"
    )
    timeout: float = Field(default=15.0, gt=0, le=120, description="Seconds to wait for the answer to one call")
    robots: dict[str, SecretStr] = Field(
        default_factory=dict, description='Group robots, JSON: {"name": "key of its webhook"}'
    )
    chats: dict[str, list[str]] = Field(
        default_factory=dict,
        description='Groups that the app makes, JSON: {"name": ["userid of its owner", "userid", …]}',
    )
    app_per_minute: int = Field(default=30, ge=1, description="App messages a minute to one member; WeCom drops more")
    app_per_hour: int = Field(default=1000, ge=1, description="App messages an hour to one member; WeCom drops more")
    appchat_per_minute: int = Field(
        default=200, ge=1, description="Messages a minute that a member may meet in appchats"
    )
    robot_per_minute: int = Field(default=20, ge=1, description="Messages a minute of one group robot")
    mass_sends_a_month: int = Field(
        default=0, ge=0, le=31, description="Mass-sends per customer group; 0 = days of month"
    )
    reminders: int = Field(default=3, ge=0, le=3, description="Reminders to the leader in 24 hours")
    remind_after: int = Field(default=60, ge=5, le=1440, description="Minutes between reminders to the leader")
    poll_seconds: float = Field(default=300.0, gt=0, le=3600, description="How often a mass-send's result is asked for")
    wait_hours: float = Field(
        default=12.0, gt=0, le=24, description="Hours after which an unconfirmed mass-send is recalled"
    )
    recall_hour: int = Field(
        default=21, ge=12, le=23, description="Hour of the day (Beijing) at which it is recalled at the latest"
    )
    look_hours: float = Field(
        default=24.0, ge=1, le=168, description="Hours after which a customer group's members are read again"
    )
    list_minutes: float = Field(
        default=60.0, ge=5, le=1440, description="Minutes between two looks for new customer groups"
    )

    def problems(self) -> list[str]:
        """Return keys of texts that say what must be mended; empty when the channel can start."""
        found = []
        if not self.corp_id:
            found.append("wecom.no_corp_id")
        if not self.agent_id or not self.secret.get_secret_value():
            found.append("wecom.no_app")
        if not self.token.get_secret_value():
            found.append("wecom.no_token")
        try:
            self.cipher()
        except ValueError:
            found.append("wecom.bad_aes_key")
        if not is_safe(self.base_url):
            found.append("wecom.bad_url")  # the secret goes there
        if self.h5_url and (urlsplit(self.h5_url).scheme not in ("http", "https") or not urlsplit(self.h5_url).netloc):
            found.append("wecom.bad_h5_url")
        if self.reminders * self.remind_after >= self.wait_hours * 60:
            found.append("wecom.reminders_too_late")
        if self.poll_seconds > self.remind_after * 60:
            found.append("wecom.looks_too_seldom")
        if any(not _NAME.fullmatch(name) or not key.get_secret_value() for name, key in self.robots.items()):
            found.append("wecom.bad_robot")
        if not all(_NAME.fullmatch(name) and _is_staff(people) for name, people in self.chats.items()):
            found.append("wecom.bad_chat")
        return found

    def cipher(self) -> Cipher:
        """Return what opens callbacks.

        Raises:
            ValueError: the EncodingAESKey is none.
        """
        key = self.aes_key.get_secret_value()
        if len(key) != _KEY:
            raise ValueError("EncodingAESKey")
        return Cipher(self.token.get_secret_value(), key, self.corp_id)


def _is_staff(people: list[str]) -> bool:
    """Say whether WeCom makes a group of these: 2 to 2,000 accounts, none twice."""
    return 2 <= len(set(people)) == len(people) <= _MOST_STAFF and all(_USERID.fullmatch(one) for one in people)
