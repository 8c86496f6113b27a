"""The platform's XML and its envelope: bounded, without DOCTYPE or entities, outside and inside the encryption.

The parser is expat with everything refused that a callback has no use for, so nothing can grow, and nothing is ever fetched.

Source: FAULTS A3, A6-A8; WeChat Official Account documents (message encryption, WXBizMsgCrypt).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Any
from xml.parsers import expat

LARGEST = 256 * 1024
"""Bytes of a document, inclusive."""
MOST_ELEMENTS = 200
DEEPEST = 5
LONGEST_VALUE = 64 * 1024
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BLOCK = 32


class Malformed(ValueError):
    """The bytes are not what the platform sends."""


class Forged(ValueError):
    """The signature is wrong, or it was meant for somebody else."""


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


def signature(token: str, *parts: str) -> str:
    """Return the platform's signature: SHA-1 over the token and the parts, sorted and joined."""
    # Which hash is used is the platform's choice.
    return hashlib.sha1("".join(sorted((token, *parts))).encode("utf-8", "replace")).hexdigest()  # noqa: S324


def is_signed(given: str, token: str, *parts: str) -> bool:
    """Say whether a signature is right, in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), signature(token, *parts).encode())


class Cipher:
    """The envelope of the safe mode, for one account."""

    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        """Prepare.

        Args:
            token: of the callback.
            aes_key: EncodingAESKey, 43 characters.
            receiver: the AppID (in WeCom: the corporation's id), which stands inside every envelope.

        Raises:
            ValueError: the key is none.
        """
        from wechatpy.crypto import PrpCrypto

        key = base64.b64decode(aes_key + "=")
        if len(key) != 32:
            raise ValueError("EncodingAESKey")
        self._token = token
        self._receiver = receiver
        self._crypto = PrpCrypto(key)

    def open(self, encrypted: str, given: str, timestamp: str, nonce: str) -> bytes:
        """Check and decrypt an envelope; the signature covers what is in it.

        Args:
            encrypted: text of the element ``Encrypt``.
            given: ``msg_signature`` of the address.

        Raises:
            Forged: the signature is wrong, or it is for another account.
            Malformed: signed, and yet no envelope.
        """
        if not is_signed(given, self._token, timestamp, nonce, encrypted):
            raise Forged("msg_signature")
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("base64") from error
        if not sealed or len(sealed) % 16:
            raise Malformed("blocks")
        plain: bytes = self._crypto.cipher.decrypt(sealed)
        padding = plain[-1]
        if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
            raise Malformed("padding")
        content = plain[16:-padding]
        length = int.from_bytes(content[:4], "big")
        if len(content) < 4 or length > len(content) - 4:
            raise Malformed("length")
        if not hmac.compare_digest(content[4 + length :], self._receiver.encode()):
            raise Forged("receiver")
        return content[4 : 4 + length]

    def seal(self, document: bytes, timestamp: str, nonce: str) -> bytes:
        """Encrypt and sign a document as an answer."""
        encrypted = self._crypto.encrypt(document, self._receiver).decode()
        return write(
            {
                "Encrypt": encrypted,
                "MsgSignature": signature(self._token, timestamp, nonce, encrypted),
                "TimeStamp": int(timestamp),
                "Nonce": nonce,
            }
        )
