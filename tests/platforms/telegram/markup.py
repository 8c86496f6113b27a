"""Telegram's HTML: what is accepted, what people see, and which entities it finds."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_TAGS = {"b": "bold", "i": "italic", "u": "underline", "s": "strikethrough", "code": "code", "pre": "pre", "a": "link"}
_FOUND = {"mention": re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}"), "url": re.compile(r"\bhttps?://\S+")}


class CannotParse(ValueError):
    """400: can't parse entities."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[tuple[str, int, str]] = []
        self.entities: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise CannotParse(f'Unsupported start tag "{tag}"')
        self.open.append((tag, len(self.text), dict(attrs).get("href") or ""))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            raise CannotParse(f'Unexpected end tag "{tag}"')
        _, start, link = self.open.pop()
        kind = "text_mention" if link.startswith("tg://user?id=") else _TAGS[tag]
        self.entities.append((kind, self.text[start:]))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise CannotParse("comment")

    def handle_decl(self, decl: str) -> None:
        raise CannotParse("declaration")


def read(text: str, parse_mode: str | None) -> tuple[str, list[tuple[str, str]]]:
    """Return (what people see, [(entity, its words)]), with what Telegram finds by itself: mentions and addresses.

    Raises:
        CannotParse: the markup is not Telegram's.
    """
    entities: list[tuple[str, str]] = []
    if parse_mode == "HTML":
        reader = _Reader()
        reader.feed(text)
        reader.close()
        if reader.open:
            raise CannotParse("Can't find end tag")
        text, entities = reader.text, reader.entities
    elif parse_mode:
        raise CannotParse(f"unsupported parse_mode {parse_mode}")
    for kind, pattern in _FOUND.items():
        entities += [(kind, match.group()) for match in pattern.finditer(text)]
    return text, entities


def units(text: str) -> int:
    """Length as Telegram counts it: UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
