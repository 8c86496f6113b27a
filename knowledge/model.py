"""The chat model behind a port, and the only one there is: any endpoint that speaks chat.completions.

Source: DESIGN 6, LOCAL-MODEL (library facts), FAULTS C4 and C9.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from knowledge.errors import ModelFault
from knowledge.masking import mask_outgoing

if TYPE_CHECKING:
    from knowledge.settings import KnowledgeSettings

_PROMPT = Path(__file__).resolve().parents[1] / "prompts" / "llm" / "answer.zh.md"
PAUSE = 30.0
"""Seconds without a call after ``FAILURES`` failures in a row: a dead endpoint must not cost every asker the deadline."""
FAILURES = 3


class ChatModel(Protocol):
    """What words an answer from passages. It never decides anything: its words go through ``grounding``."""

    @property
    def name(self) -> str:
        """Model and prompt version, as recorded with the answer."""

    async def word(self, question: str, passages: Sequence[str]) -> str:
        """An answer in a few sentences, unchecked.

        Raises:
            ModelFault: No answer within the deadline, or none that is text.
        """


@lru_cache(maxsize=1)
def prompt() -> tuple[str, str]:
    """Version and words of the system message."""
    head, _, body = _PROMPT.read_text(encoding="utf-8").partition("\n\n")
    return head.removeprefix("version:").strip(), body.strip()


class EndpointChat:
    """langchain-core prompt | ChatOpenAI, with a deadline over all retries and a breaker.

    Args:
        settings: Address, key, model, deadline in seconds.
        clock: Monotonic seconds.
    """

    def __init__(self, settings: KnowledgeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._chain: Any = None
        self._failures = 0
        self._closed_until = 0.0
        self.name = f"{settings.model} ({prompt()[0]})"

    def _built(self) -> Any:
        if self._chain is None:
            from langchain_core.output_parsers import StrOutputParser
            from langchain_core.prompts import ChatPromptTemplate
            from langchain_openai import ChatOpenAI
            from pydantic import SecretStr

            arguments: dict[str, Any] = {
                "model": self._settings.model,
                "base_url": self._settings.base_url,
                "api_key": self._settings.api_key if self._settings.api_key.get_secret_value() else SecretStr("none"),
                "timeout": self._settings.deadline,
                "max_retries": self._settings.retries,
                "temperature": 0,
                "use_responses_api": False,
                "extra_body": {"max_tokens": self._settings.max_tokens},
            }
            template = ChatPromptTemplate.from_messages([("system", "{rules}"), ("human", "{passages}\n\n{question}")])
            self._chain = template | ChatOpenAI(**arguments) | StrOutputParser()
        return self._chain

    async def word(self, question: str, passages: Sequence[str]) -> str:
        """See ``ChatModel.word``; question and passages are masked before they leave."""
        import openai

        if self._clock() < self._closed_until:
            raise ModelFault("chat", "paused")
        numbered = "\n".join(f"<passage>\n{_inert(text)}\n</passage>" for text in passages)
        values = {
            "rules": prompt()[1],
            "passages": numbered,
            "question": f"<question>\n{_inert(question)}\n</question>",
        }
        chain = await asyncio.to_thread(self._built)  # the first call imports for two seconds
        try:
            async with asyncio.timeout(self._settings.deadline):
                answer = await chain.ainvoke(values)
        except (openai.OpenAIError, TimeoutError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_until = self._clock() + PAUSE
                self._failures = 0
            raise ModelFault("chat", type(error).__name__) from error
        self._failures = 0
        if not isinstance(answer, str) or not answer.strip():
            raise ModelFault("chat", "empty")
        return answer


def _inert(text: str) -> str:
    """Masked, and unable to close the element that it stands in."""
    return mask_outgoing(text).replace("<", "＜").replace(">", "＞")


def configured(settings: KnowledgeSettings) -> ChatModel | None:
    """The model that the settings name; None = answers stay extractive."""
    return EndpointChat(settings) if settings.base_url and settings.model else None
