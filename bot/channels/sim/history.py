"""What was said in the simulator: the last lines of each conversation, in memory and in a file of JSON lines.

The file is appended to and read at the start, so that a reload or a restart shows the same chats. It belongs to the
simulator alone: live channels never keep what neighbours say.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

Line: TypeAlias = dict[str, Any]
"""One bubble, note or private message, as the page gets it; ``id`` and ``conversation`` are always there."""

KEEP = 500
"""Lines kept of each conversation."""
EVENTS = 3000
"""Changes a page may be behind before it must load everything again."""


class History:
    """Lines by conversation, and the numbered changes that open pages ask for."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier run left; a torn last line is passed over."""
        self.path = path
        self.fresh = not path.exists()
        self.world = secrets.token_hex(4)
        self.cast: dict[str, Any] = {}
        self._lines: dict[str, dict[str, Line]] = {}
        self._events: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=EVENTS)
        self._event = 0
        self.number = 0
        if not self.fresh:
            self._read()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rewrite()
        self._file = path.open("a", encoding="utf-8")

    def _read(self) -> None:
        with self.path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                try:
                    row = json.loads(text)
                except ValueError:
                    continue
                if not isinstance(row, dict):
                    continue
                if "world" in row:
                    self.world, self.number = str(row["world"]), int(row["number"])
                elif "cast" in row:
                    self.cast = row["cast"]
                elif "id" in row and "conversation" in row:
                    self._keep(row)
                    self.number = max(self.number, int(row.get("number", 0)))

    def _rewrite(self) -> None:
        rows: list[Mapping[str, Any]] = [{"world": self.world, "number": self.number}]
        if self.cast:
            rows.append({"cast": self.cast})
        rows.extend(line for conversation in self._lines.values() for line in conversation.values())
        fresh = self.path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        fresh.replace(self.path)

    def _keep(self, line: Line) -> None:
        kept = self._lines.setdefault(str(line["conversation"]), {})
        kept[str(line["id"])] = line
        while len(kept) > KEEP:
            del kept[next(iter(kept))]

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def next_id(self) -> tuple[str, int]:
        """Return a new line's id and number, never used before in this data directory."""
        self.number += 1
        return f"{self.world}-{self.number}", self.number

    def put(self, line: Line) -> None:
        """Add a line, or replace the one of the same id."""
        self._keep(line)
        self._write(line)
        self.tell({"type": "line", "line": line})

    def put_cast(self, cast: dict[str, Any]) -> None:
        """Keep who is in which group."""
        self.cast = cast
        self._write({"cast": cast})
        self.tell({"type": "cast", **cast})

    def tell(self, event: Mapping[str, Any]) -> None:
        """Number a change for the pages that are open."""
        self._event += 1
        self._events.append((self._event, event))

    def get(self, conversation: str, line_id: str) -> Line | None:
        """Return a line that is still kept."""
        return self._lines.get(conversation, {}).get(line_id)

    def last(self, conversation: str, count: int, before: int | None = None) -> list[Line]:
        """Return the latest lines of a conversation, oldest first; ``before`` a number, exclusive."""
        lines = list(self._lines.get(conversation, {}).values())
        if before is not None:
            lines = [line for line in lines if line["number"] < before]
        return lines[-count:] if count else []

    def conversations(self) -> Iterator[str]:
        """Return every conversation that has lines."""
        return iter(tuple(self._lines))

    @property
    def event(self) -> int:
        """Number of the latest change."""
        return self._event

    def since(self, event: int) -> list[Mapping[str, Any]] | None:
        """Return the changes after ``event``; None when they are no longer all here (or never were)."""
        if event > self._event or (self._events and event < self._events[0][0] - 1):
            return None
        return [change for number, change in self._events if number > event]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def moment_of(line: Line) -> datetime:
    """Return when a line was said."""
    return datetime.fromisoformat(str(line["at"]))
