"""The environment, composed: each package has its own settings class, this one names them. Only bot.main reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.channels.telegram.settings import TelegramSettings
from bot.channels.wechat.settings import WeChatSettings
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom_bot.settings import WecomBotSettings
from knowledge.settings import DocumentSettings, KnowledgeSettings, SpeechSettings
from storage.engine import DatabaseSettings


class Mode(StrEnum):
    """How the program runs."""

    LOCAL = "local"
    PRODUCTION = "production"


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda word: str(word).upper())]


class WebSettings(BaseModel):
    """The web server.

    Attributes:
        host: loopback by default; a reverse proxy stands before it.
        secret: signs sessions; production refuses to start without one of 32 characters or more.
    """

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on")
    public_url: str = Field(default="", description="Address that people open, e.g. https://tuan.example")
    secret: SecretStr = Field(default=SecretStr(""), description="Signs sessions; at least 32 characters in production")


class PrivacySettings(BaseModel):
    """What the operator states about personal data."""

    transfer_basis: str = Field(
        default="", description="On which legal basis data may leave the country (Telegram, a model abroad)"
    )


class Settings(BaseSettings):
    """Everything, from ``BOT_…`` variables; ``__`` goes into a part: ``BOT_WEB__PORT=8080``."""

    model_config = SettingsConfigDict(env_prefix="BOT_", env_nested_delimiter="__", extra="ignore")

    mode: Mode = Field(default=Mode.LOCAL, description="local (demo, seeds an empty directory) or production")
    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    telegram: TelegramSettings = Field(default_factory=TelegramSettings)
    wechat: WeChatSettings = Field(default_factory=WeChatSettings)
    wecom: WecomSettings = Field(default_factory=WecomSettings)
    wecom_bot: WecomBotSettings = Field(default_factory=WecomBotSettings)
    llm: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    knowledge: DocumentSettings = Field(default_factory=DocumentSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)


def resident_pages(settings: Settings) -> str:
    """Return the address of the web pages, without a slash at the end; empty while nobody has said where they stand."""
    return settings.web.public_url.rstrip("/")


def complaints(error: ValidationError) -> list[tuple[str, str]]:
    """Name what cannot be read: (variable, what is wrong with it); never the value, which may be a secret."""
    return [
        ("BOT_" + "__".join(str(part) for part in one["loc"]).upper(), one["msg"])
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
