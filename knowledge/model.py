"""The chat model behind a port, and the only one there is: any endpoint that speaks chat.completions.

Source: DESIGN 6, LOCAL-MODEL (library facts), FAULTS C4 and C9.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from knowledge.breaker import Breaker
from knowledge.errors import ModelFault
from knowledge.masking import mask_outgoing

if TYPE_CHECKING:
    from knowledge.settings import KnowledgeSettings

_MOST_TOKENS = 1_000_000
_LONGEST = 8_000
"""Characters of an answer that are waited for."""
_PROMPTS = Path(__file__).resolve().parents[1] / "prompts" / "llm"


@dataclass(frozen=True, slots=True)
class Worded:
    """What a model said, unchecked, and what it used.

    Attributes:
        prompt_tokens, completion_tokens: as the endpoint tells; 0 when it tells nothing, and never below 0.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


Heard = Callable[[str], Awaitable[None]]


class ChatModel(Protocol):
    """What words an answer from passages. It never decides anything: its words go through ``grounding``."""

    @property
    def name(self) -> str:
        """Model and prompt version, as recorded with the answer."""

    async def word(self, question: str, passages: Sequence[str], heard: Heard | None = None) -> Worded:
        """An answer in a few sentences, unchecked.

        Args:
            question: In question form.
            passages: What may be said.
            heard: Awaited with all that has come so far, as it comes, unchecked.

        Raises:
            ModelFault: No answer within the deadline, or none that is text.
        """


@lru_cache(maxsize=8)
def prompt(name: str = "answer") -> tuple[str, str]:
    """Version and words of a system message in prompts/llm."""
    head, _, body = (_PROMPTS / f"{name}.zh.md").read_text(encoding="utf-8").partition("\n\n")
    return head.removeprefix("version:").strip(), body.strip()


class Endpoint(ABC):
    """An endpoint that is asked one kind of thing: built by the first question, with a deadline and a breaker.

    Args:
        settings: Address, key, model, deadline in seconds.
        clock: Monotonic seconds.
    """

    what = "chat"
    """What faults are told of."""
    rules = "answer"
    """Its system message in prompts/llm."""

    def __init__(self, settings: KnowledgeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._breaker = Breaker(clock)
        self._made: Any = None
        self.name = f"{settings.model} ({prompt(self.rules)[0]})"

    @abstractmethod
    def _make(self) -> Any:
        """What langchain asks; its imports take two seconds."""

    def _built(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made

    @asynccontextmanager
    async def asking(self, seconds: float) -> AsyncIterator[Any]:
        """What langchain asks, within a deadline in seconds; what goes wrong in the block is a fault and is counted.

        Raises:
            ModelFault: No answer in time or one that cannot be read, or there were too many of these just now.
        """
        import openai

        if not self._breaker.allows():
            raise ModelFault(self.what, "paused")
        made = await asyncio.to_thread(self._built)
        try:
            async with asyncio.timeout(seconds):
                yield made
        except (openai.OpenAIError, TimeoutError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            self._breaker.failed()
            raise ModelFault(self.what, type(error).__name__) from error
        self._breaker.succeeded()


class EndpointChat(Endpoint):
    """langchain-core prompt | ChatOpenAI, with a deadline over all retries and a breaker."""

    def _make(self) -> Any:
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_openai import ChatOpenAI

        template = ChatPromptTemplate.from_messages([("system", "{rules}"), ("human", "{passages}\n\n{question}")])
        return template | ChatOpenAI(**arguments(self._settings, most_tokens=self._settings.max_tokens))

    async def word(self, question: str, passages: Sequence[str], heard: Heard | None = None) -> Worded:
        """See ``ChatModel.word``; question and passages are masked before they leave."""
        numbered = "\n".join(f"<passage>\n{inert(text)}\n</passage>" for text in passages)
        values = {
            "rules": prompt()[1],
            "passages": numbered,
            "question": f"<question>\n{inert(question)}\n</question>",
        }
        async with self.asking(self._settings.deadline) as chain:
            worded = read_message(await (chain.ainvoke(values) if heard is None else _streamed(chain, values, heard)))
        if not worded.text.strip():
            raise ModelFault("chat", "empty")
        return worded


async def _streamed(chain: Any, values: dict[str, str], heard: Heard) -> Any:
    """The whole message; an endless one is cut off where no answer is that long."""
    message: Any = None
    async for part in chain.astream(values):
        message = part if message is None else message + part
        if not isinstance(message.content, str) or len(message.content) > _LONGEST:
            raise ValueError("no answer")
        await heard(message.content)
    if message is None or not message.response_metadata.get("finish_reason"):
        raise ValueError("torn")
    return message


def read_message(message: Any) -> Worded:
    """What a message of langchain holds, without a sentence that was cut off; a usage that lies counts as little as it can."""
    if not isinstance(message.content, str):
        raise TypeError("no text")
    text = message.content
    if message.response_metadata.get("finish_reason") == "length":
        text = text[: max(text.rfind(mark) for mark in "。！？!?\n") + 1]
    usage = message.usage_metadata or {}

    def tokens(name: str) -> int:
        value = usage.get(name)
        return min(max(value, 0), _MOST_TOKENS) if isinstance(value, int) else 0

    return Worded(text, tokens("input_tokens"), tokens("output_tokens"))


def arguments(settings: KnowledgeSettings, *, most_tokens: int) -> dict[str, Any]:
    """What ChatOpenAI is made with: neither a deadline nor the number of retries is its own (LOCAL-MODEL)."""
    from pydantic import SecretStr

    return {
        "model": settings.model,
        "base_url": settings.base_url,
        "http_async_client": _stays_where_it_is_sent(settings.base_url),
        "api_key": settings.api_key if settings.api_key.get_secret_value() else SecretStr("none"),
        "timeout": settings.deadline,
        "max_retries": settings.retries,
        "temperature": 0,
        "use_responses_api": False,
        "stream_usage": True,
        "extra_body": {"max_tokens": most_tokens},
    }


@cache
def _stays_where_it_is_sent(base_url: str) -> Any:
    """A client that follows no redirect: a question goes to the host that the operator named, and to no other.

    It is kept, as langchain keeps its own: connections are used again, and none is closed behind an event loop's back.
    """
    import openai

    return openai.DefaultAsyncHttpxClient(base_url=base_url, follow_redirects=False)


def inert(text: str) -> str:
    """Masked, and unable to close the element that it stands in."""
    return mask_outgoing(text).replace("<", "＜").replace(">", "＞")


def configured(settings: KnowledgeSettings) -> ChatModel | None:
    """The model that the settings name; None = answers stay extractive."""
    return EndpointChat(settings) if settings.base_url and settings.model else None
