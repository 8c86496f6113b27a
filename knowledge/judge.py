"""Whether a passage answers a question at all, as a model sees it: one word, and how sure it is of it.

A small model is a poor writer and a fair judge (LOCAL-MODEL: AUC .84 to .98 where lexical scores reach .6). It never decides
alone: ``wording`` says what its word may change.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Protocol

from knowledge.model import Endpoint, Worded, arguments, inert, prompt, read_message

if TYPE_CHECKING:
    from knowledge.settings import KnowledgeSettings

_YES, _NO = re.compile("是|能|可以"), re.compile("否|不|没")
_LOOKED_AT = 10


class Judge(Protocol):
    """What tells whether a passage answers."""

    @property
    def name(self) -> str:
        """Model and prompt version."""

    async def chance(self, question: str, passage: str) -> tuple[float, Worded]:
        """How likely the passage answers, 0 to 1, and what asking used.

        Raises:
            ModelFault: No answer within the deadline, or one that says neither yes nor no.
        """


class EndpointJudge(Endpoint):
    """Asks for one word and reads the chances of its first token."""

    what = rules = "judge"

    def _make(self) -> Any:
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(**arguments(self._settings, most_tokens=2), logprobs=True, top_logprobs=_LOOKED_AT)

    async def chance(self, question: str, passage: str) -> tuple[float, Worded]:
        """See ``Judge.chance``; question and passage are masked before they leave."""
        told = f"<passage>\n{inert(passage)}\n</passage>\n\n<question>\n{inert(question)}\n</question>"
        async with self.asking(self._settings.deadline / 2) as model:
            message = await model.ainvoke([("system", prompt(self.rules)[1]), ("human", told)])
            found = _chance(message)
        return found, read_message(message)


def _chance(message: Any) -> float:
    """Share of yes among the first token's yeses and noes; without chances, the word itself."""
    shares = {True: 0.0, False: 0.0}
    chances = (message.response_metadata.get("logprobs") or {}).get("content") or []
    options = chances[0].get("top_logprobs") if chances else None
    for option in options or [{"token": str(message.content)[:2], "logprob": 0.0}]:
        token, chance = str(option["token"]).strip(), float(option["logprob"])
        if _YES.match(token):
            shares[True] += math.exp(min(0.0, chance))
        elif _NO.match(token):
            shares[False] += math.exp(min(0.0, chance))
    total = shares[True] + shares[False]
    if not total > 0:
        raise ValueError("neither yes nor no")
    return shares[True] / total


def configured(settings: KnowledgeSettings) -> Judge | None:
    """The judge that the settings ask for, or None."""
    return EndpointJudge(settings) if settings.judge and settings.base_url and settings.model else None
