"""What can be made to go wrong with a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with an error; nothing is sent."""

    status: int
    description: str = "error"
    parameters: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Cut the connection: before anything is sent, or after it was sent and before the answer."""

    after_sending: bool = False


@dataclass(frozen=True, slots=True)
class Delay:
    """Do as asked, `seconds` later."""

    seconds: float


Fault = Answer | Drop | Delay


def too_many(retry_after: int) -> Answer:
    """429 with `retry_after` seconds."""
    return Answer(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})


def answer(status: int, description: str = "error", raw: bytes | None = None, **parameters: Any) -> Answer:
    """Any error: `answer(502, raw=b"<html>")`, `answer(403, "Forbidden: bot was blocked by the user")`."""
    return Answer(status, description, parameters, raw)


def drop(*, after_sending: bool = False) -> Drop:
    """A connection that is cut."""
    return Drop(after_sending)


def delay(seconds: float) -> Delay:
    """A slow answer."""
    return Delay(seconds)


def fault_of(data: dict[str, Any]) -> Fault:
    """Read a fault from JSON: {"answer": 429, "retry_after": 3}, {"drop": "before"|"after"}, {"delay": 0.05}."""
    if "drop" in data:
        return Drop(data["drop"] == "after")
    if "delay" in data:
        return Delay(float(data["delay"]))
    if data["answer"] == 429:
        return too_many(int(data.get("retry_after", 1)))
    return Answer(int(data["answer"]), str(data.get("description", "error")), dict(data.get("parameters", {})))
