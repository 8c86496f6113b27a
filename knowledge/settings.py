"""Settings of the knowledge package; composed and read from the environment in bot/settings.py."""

from __future__ import annotations

import importlib.util
import zoneinfo
from functools import cache

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


@cache
def _zones() -> frozenset[str]:
    """Return the names of all zones: reading them goes through hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


class KnowledgeSettings(BaseSettings):
    """The answering model and the embedding endpoint; all empty means: extractive answers, offline word vectors.

    Environment: ``BOT_LLM__…`` (docs/settings.md). Instances are passed in; nothing below bot.main reads the
    environment.
    """

    model_config = SettingsConfigDict(env_prefix="BOT_LLM__", extra="ignore")

    base_url: str = Field(default="", description="OpenAI-compatible address, e.g. https://host/v1; empty = no model")
    api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint")
    model: str = Field(default="", description="Name of the chat model")
    deadline: float = Field(default=8.0, gt=0, le=300, description="Seconds for one answer, all retries included")
    retries: int = Field(default=1, ge=0, le=2, description="Repeats after 429 or 5xx, inside the deadline")
    max_tokens: int = Field(default=400, ge=16, le=4000, description="Longest answer, in tokens")

    member_daily: int = Field(default=30, ge=0, description="Answers a member may have worded by the model in a day")
    group_daily: int = Field(default=300, ge=0, description="The same for a group")
    daily: int = Field(default=20_000, ge=0, description="The same over all; beyond it answers are the passage itself")
    prompt_price: float = Field(default=0.0, ge=0, description="Price of a million tokens sent, in your currency")
    completion_price: float = Field(default=0.0, ge=0, description="Price of a million tokens written")
    judge: bool = Field(
        default=False, description="Ask the model whether the best passage answers at all (needs logprobs)"
    )

    embedding_base_url: str = Field(default="", description="OpenAI-compatible embeddings address; empty = offline")
    embedding_api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint")
    embedding_model: str = Field(default="", description="Name of the embedding model")
    embedding_dimension: int = Field(default=0, ge=0, le=8192, description="Columns of its vectors")
    embedding_timeout: float = Field(default=5.0, gt=0, le=60, description="Seconds for one request")


class DocumentSettings(BaseSettings):
    """What may become a document of the knowledge base beside files, and where its vectors come from and stand.

    Environment: ``BOT_KNOWLEDGE__…`` (docs/settings.md).
    """

    model_config = SettingsConfigDict(env_prefix="BOT_KNOWLEDGE__", extra="ignore")

    urls: bool = Field(default=False, description="Staff may take in pages of the public web by their address")
    zone: str = Field(
        default="Asia/Shanghai", description="Whose days are meant where a document is valid from a day to a day"
    )
    chroma_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/]+)?/?$",
        description="Chroma server of this installation alone, http://host:port; empty = a folder in the data directory",
    )
    fastembed_model: str = Field(
        default="", description="Embedding model that fastembed runs here (the package is not installed with us)"
    )
    fastembed_dimension: int = Field(default=512, ge=1, le=8192, description="Columns of that model's vectors")
    fastembed_folder: str = Field(default="", description="Where that model's files are; empty = fastembed's own cache")

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in _zones():
            raise ValueError("no such time zone")
        return value

    @field_validator("fastembed_model")
    @classmethod
    def _installed(cls, value: str) -> str:
        if value and importlib.util.find_spec("fastembed") is None:
            raise ValueError("needs the package fastembed: pip install fastembed")
        return value


class SpeechSettings(BaseSettings):
    """The speech-to-text endpoint; empty means: who sends a voice message is asked to type.

    Environment: ``BOT_SPEECH__…`` (docs/settings.md).
    """

    model_config = SettingsConfigDict(env_prefix="BOT_SPEECH__", extra="ignore")

    base_url: str = Field(
        default="", description="OpenAI-compatible address with /audio/transcriptions; empty = no voice messages"
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="Key of that endpoint")
    model: str = Field(default="", description="Name of the speech model")
    deadline: float = Field(default=20.0, gt=0, le=120, description="Seconds for one voice message")
    most_seconds: int = Field(
        default=60, ge=1, le=300, description="Longest voice message that is listened to, in seconds"
    )
    most_bytes: int = Field(
        default=1_000_000, ge=1000, le=20_000_000, description="Largest voice message that is listened to, in bytes"
    )
