"""The signature and the encrypted envelope (WXBizMsgCrypt) of callbacks, which the Official Account and WeCom share.

Source: FAULTS A3; documents of both platforms (message encryption).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_BLOCK = 32


class Malformed(ValueError):
    """The bytes are not what the platform sends."""


class Forged(ValueError):
    """The signature is wrong, or it was meant for somebody else."""


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

    def seal(self, document: bytes, timestamp: str, nonce: str) -> tuple[str, str]:
        """Encrypt and sign a document as an answer; return ``Encrypt`` and ``MsgSignature``."""
        encrypted = self._crypto.encrypt(document, self._receiver).decode()
        return encrypted, signature(self._token, timestamp, nonce, encrypted)
