"""Settings of the Official Account channel, and what is wrong with them in plain words."""

from __future__ import annotations

import base64
import binascii
import re
from enum import StrEnum

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.channels.addresses import is_loopback, is_safe
from bot.channels.wechat.notices import Notice

_APP_ID = re.compile(r"wx[0-9a-zA-Z]{8,30}")
_TOKEN = re.compile(r"[A-Za-z0-9]{3,32}")
_AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
_PATH = re.compile(r"/[A-Za-z0-9/_-]{1,100}")


class Mode(StrEnum):
    """How callbacks arrive: the console of the platform calls it 明文 and 安全模式."""

    PLAIN = "plain"
    AES = "aes"


class WeChatSettings(BaseSettings):
    """The Official Account.

    Environment: ``BOT_WECHAT__…`` (docs/settings.md). Instances are passed in; only bot.main reads the environment.

    Source: WeChat Official Account documents (message push, customer-service messages).
    """

    model_config = SettingsConfigDict(env_prefix="BOT_WECHAT__", extra="ignore")

    app_id: str = Field(default="", description="AppID of the Official Account")
    secret: SecretStr = Field(default=SecretStr(""), description="AppSecret of the Official Account")
    token: SecretStr = Field(default=SecretStr(""), description="Token of the callback: 3-32 letters and digits")
    aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey of the callback: 43 characters")
    mode: Mode = Field(default=Mode.AES, description="aes (safe mode) or plain, as set in the platform's console")
    original_id: str = Field(
        default="", description="The account's original id (gh_…); callbacks to another are refused"
    )
    name: str = Field(default="", max_length=60, description="Name of the Official Account, as people search for it")
    base_url: str = Field(default="https://api.weixin.qq.com", description="Server of the platform's API")
    open_url: str = Field(default="https://open.weixin.qq.com", description="Server of the platform's web sign-in")
    path: str = Field(default="/wechat/callback", description="Path of our callback")
    patience: float = Field(
        default=0.8, ge=0, le=4.5, description="Seconds to wait for an answer before it goes as a message of its own"
    )
    replay_window: float = Field(default=300.0, gt=0, le=3600, description="Seconds by which a callback may be old")
    budget: int = Field(default=5, ge=1, le=100, description="Messages that may follow what a person wrote")
    budget_hours: float = Field(default=48.0, gt=0, le=1000, description="Hours in which they may")
    event_budget: int = Field(default=3, ge=0, le=100, description="Messages that may follow a follow, a scan, a click")
    event_seconds: float = Field(default=60.0, gt=0, le=200_000, description="Seconds in which they may")
    menu: bool = Field(default=True, description="Set up the account's menu at the start")
    notices: dict[str, Notice] = Field(
        default_factory=dict,
        description="Templates for what may be told when no message may be sent, as JSON: docs/wechat.md",
    )
    connections: int = Field(default=32, ge=1, le=512, description="Connections to the API at a time")
    timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds to wait for the API's answer")

    def problems(self) -> list[str]:
        """Return keys of texts that say what must be mended; empty when the channel can start."""
        found: list[str] = []
        if not _APP_ID.fullmatch(self.app_id):
            found.append("wechat.no_app_id")
        if not self.secret.get_secret_value():
            found.append("wechat.no_secret")
        if not _TOKEN.fullmatch(self.token.get_secret_value()):
            found.append("wechat.bad_token")
        if self.mode is Mode.AES and not self._has_key():
            found.append("wechat.bad_aes_key")
        if not _PATH.fullmatch(self.path):
            found.append("wechat.bad_path")
        if not all(map(is_safe, (self.base_url, self.open_url))):
            # The secret and people's codes go there.
            found.append("wechat.bad_url")
        if not all(notice.is_sound(event) for event, notice in self.notices.items()):
            found.append("wechat.bad_notices")
        return found

    def weaknesses(self) -> list[str]:
        """Return keys of texts about what works and had better be otherwise."""
        return ["wechat.plain_mode"] if self.mode is Mode.PLAIN else []

    def _has_key(self) -> bool:
        key = self.aes_key.get_secret_value()
        if not _AES_KEY.fullmatch(key):
            return False
        try:
            return len(base64.b64decode(key + "=")) == 32
        except binascii.Error:
            return False

    @property
    def on_this_machine(self) -> bool:
        """The API server is a loopback address: no proxy."""
        return is_loopback(self.base_url)
