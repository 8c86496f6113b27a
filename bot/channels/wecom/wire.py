"""The XML of WeCom's callbacks: flat texts by path, lists among them, bounded, without DOCTYPE.

The envelope is bot.channels.envelope's. The Official Account's reader of documents keeps the first of equal elements
below the root, and who joined a group stands in several, so this one keeps them all.

Source: FAULTS A6, A7, A8; WeCom developer documents (receiving messages and events).
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import ParseError

LARGEST_BODY = 256 * 1024
"""Bytes, inclusive."""
_DEEPEST = 8
_MOST_ELEMENTS = 2000

Fields = Mapping[str, tuple[str, ...]]
"""Path below the root (``MemChangeList/Item``) → texts of the elements there, in order."""


class Unreadable(ValueError):
    """A body that is not what the platform sends."""


class _Flat:
    """Collects texts by path, and stops at what no callback has."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self._path: list[str] = []
        self._texts: list[list[str]] = []
        self._count = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._count += 1
        if attributes or len(self._path) >= _DEEPEST or self._count > _MOST_ELEMENTS:
            raise Unreadable
        self._path.append(tag)
        self._texts.append([])

    def comment(self, _text: str) -> None:
        raise Unreadable  # no callback has one, and it would cut a text in two

    def pi(self, _target: str, _data: str) -> None:
        raise Unreadable

    def data(self, text: str) -> None:
        if self._texts:
            self._texts[-1].append(text)

    def end(self, tag: str) -> None:
        text = "".join(self._texts.pop())
        name = "/".join(self._path[1:])
        self._path.pop()
        if len(self._path) == 1 and name in self.fields:
            raise Unreadable  # who speaks twice: two readers could take different ones
        if name:
            self.fields.setdefault(name, []).append(text)

    def close(self) -> dict[str, list[str]]:
        return self.fields


def parse_xml(body: bytes) -> Fields:
    """Read a callback's XML.

    Args:
        body: UTF-8, at most ``LARGEST_BODY`` bytes; a DOCTYPE of any kind is refused before anything in it is read.

    Raises:
        Unreadable: it is not such a body, or an element stands twice right under the root.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    if len(body) > LARGEST_BODY or b"\0" in body:
        raise Unreadable
    flat = _Flat()
    try:
        body.decode("utf-8")
        parser = DefusedXMLParser(target=flat, encoding="utf-8", forbid_dtd=True)
        parser.feed(body)
        parser.close()
    except (ParseError, DefusedXmlException, UnicodeError, LookupError) as error:
        raise Unreadable from error
    return {name: tuple(texts) for name, texts in flat.fields.items()}


def first(fields: Fields, name: str, limit: int = 4096) -> str:
    """Return the first text at a path, stripped and cut to ``limit`` characters; empty when there is none."""
    return fields[name][0].strip()[:limit] if name in fields else ""
