"""The fields of a platform's JSON: each is checked for its kind and cut to a bound before anything else sees it.

Source: FAULTS A7, A8.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

LARGEST = 1 << 53
"""Ids of platforms stay below this, exclusive."""
_EARLIEST, _LATEST = 1_356_998_400, 4_102_444_800  # 2013, before there were bots, and 2100
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


def possible(seconds: int) -> bool:
    """Say whether seconds since 1970 can be the time of an update."""
    return _EARLIEST < seconds < _LATEST


def moment_of(value: object, received_at: datetime) -> datetime:
    """Read a time; an impossible one is taken to be ``received_at``."""
    seconds = as_integer(value)
    return datetime.fromtimestamp(seconds, UTC) if possible(seconds) else received_at


def as_object(value: object) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: it is something else.
    """
    if type(value) is not dict:
        raise ValueError("object expected")
    return value


def as_integer(value: object) -> int:
    """Return a whole number below :data:`LARGEST`, of either sign.

    Raises:
        ValueError: it is something else, also true, 1.0 and "1".
    """
    if type(value) is not int or not -LARGEST < value < LARGEST:
        raise ValueError("integer expected")
    return value


def as_text(value: object, limit: int) -> str:
    """Return a text that every database can hold, cut at ``limit`` characters.

    Raises:
        ValueError: it is no text.
    """
    if type(value) is not str:
        raise ValueError("text expected")
    if len(value) > limit:
        value = value[:limit]
    return value if value.isascii() and "\x00" not in value else _UNSAFE.sub("", value)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


_JSON = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)


def decode(body: bytes) -> Any:
    """Decode strict JSON in UTF-8.

    Raises:
        ValueError: not UTF-8, not JSON, NaN, numbers out of range, a key twice, or nested too deep.
    """
    try:
        return _JSON.decode(body.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None
