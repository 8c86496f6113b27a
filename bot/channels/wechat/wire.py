"""The platform's XML: bounded, without DOCTYPE or entities, outside and inside the envelope.

The parser is expat with everything refused that a callback has no use for, so nothing can grow, and nothing is ever fetched.

Source: FAULTS A6-A8; WeChat Official Account documents.
"""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from bot.channels.envelope import Cipher, Malformed

LARGEST = 256 * 1024
"""Bytes of a document, inclusive."""
MOST_ELEMENTS = 200
DEEPEST = 5
LONGEST_VALUE = 64 * 1024
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Reader:
    """Collects the leaves of one document."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._texts: list[list[str]] = []
        self._elements = 0
        self._length = 0

    def open(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if attributes or not _NAME.fullmatch(name) or self._elements > MOST_ELEMENTS or len(self._path) >= DEEPEST:
            raise Malformed("element")
        if not self._path and name != "xml":
            raise Malformed("root")
        self._path.append(name)
        self._texts.append([])
        self._length = 0

    def close(self, _name: str) -> None:
        key = ".".join(self._path[1:])
        if len(self._path) == 2 and key in self.found:
            raise Malformed("twice")  # two readers could take different ones
        value = "".join(self._texts.pop())
        if key:
            self.found.setdefault(key, value)
        self._path.pop()

    def text(self, data: str) -> None:
        self._length += len(data)
        if self._length > self._longest:
            raise Malformed("long")
        if self._texts:
            self._texts[-1].append(data)

    @staticmethod
    def refuse(*_: Any) -> Any:
        raise Malformed("refused")


def read(body: bytes, longest: int = LONGEST_VALUE) -> dict[str, str]:
    """Read a document ``<xml>…</xml>``.

    Args:
        body: UTF-8, at most :data:`LARGEST` bytes; what an XML declaration says of the encoding is not followed.
        longest: characters of one value, inclusive; an envelope's may be as long as the document.

    Returns:
        The elements under the root by name; those deeper by path, ``ScanCodeInfo.ScanType``, the first of equals.

    Raises:
        Malformed: not well-formed, too large or deep, or with a DOCTYPE, an entity, an attribute, a comment, an instruction, or
            an element under the root twice.
    """
    if not 0 < len(body) <= LARGEST:
        raise Malformed("size")
    reader = _Reader(longest)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = reader.open
    parser.EndElementHandler = reader.close
    parser.CharacterDataHandler = reader.text
    for handler in (
        *("StartDoctypeDeclHandler", "EntityDeclHandler", "UnparsedEntityDeclHandler", "NotationDeclHandler"),
        *("ExternalEntityRefHandler", "SkippedEntityHandler", "ProcessingInstructionHandler", "CommentHandler"),
    ):
        setattr(parser, handler, reader.refuse)
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise Malformed("xml") from error
    return reader.found


def write(fields: dict[str, str | int]) -> bytes:
    """Write a document of texts (in CDATA) and numbers; what XML cannot hold is left out."""
    pieces = [
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}>{_cdata(value)}</{name}>"
        for name, value in fields.items()
    ]
    return f"<xml>{''.join(pieces)}</xml>".encode()


def _cdata(text: str) -> str:
    # "]]>" would end the section, and what follows would be elements.
    return "<![CDATA[" + _UNSENDABLE.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def sealed(cipher: Cipher, document: bytes, timestamp: str, nonce: str) -> bytes:
    """Write the document that carries an encrypted answer."""
    encrypted, signed = cipher.seal(document, timestamp, nonce)
    return write({"Encrypt": encrypted, "MsgSignature": signed, "TimeStamp": int(timestamp), "Nonce": nonce})
