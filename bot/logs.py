"""Structured logs: fixed event names and ids, one JSON line each (or coloured words in a terminal); never words of people."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

_SECRET = re.compile(r"(?<!\d)\d{6,12}:[A-Za-z0-9_-]{30,}\b|\bsk-[A-Za-z0-9_-]{16,}\b")
_ROW = re.compile(r"(?m)^\s*(?:DETAIL|CONTEXT):.*$")
"""PostgreSQL names the values of a row that it does not take."""
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_FORBIDDEN = {"text", "name", "body", "answer", "question", "token", "secret", "password", "phone"}


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop fields that could hold a person's words or a secret, and mask what looks like one (FAULTS E12)."""
    for key in list(event):
        if key in _FORBIDDEN:
            event[key] = "[redacted]"
        elif isinstance(event[key], str):
            event[key] = _PHONE.sub("[phone]", _SECRET.sub("[secret]", _ROW.sub("[row]", event[key])))
    return event


class _Steady:
    """A stream whose failing is nobody's failure: a closed pipe behind stderr must not stop the writer thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def set_up(*, level: str = "INFO", json: bool | None = None) -> None:
    """Configure structlog and the standard library's loggers, to stderr.

    Args:
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
        json: None = words on a terminal, JSON elsewhere.
    """
    if json is None:
        json = not sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Steady(sys.stderr))),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s", force=True)
    for noisy in ("httpx", "apscheduler", "dbos", "chromadb", "telegram", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # What it has to say at the start is said in words by bot.server.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
