"""How WeCom signs and seals what it sends, written apart from the product's own reading of it."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32


def signature(token: str, parts: Iterable[str]) -> str:
    """Return the SHA-1 over the sorted token and parts, as lower-case hex."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Seal:
    """AES-256-CBC as the platform uses it: chance, length, words, receiver, padded to 32 bytes."""

    key: bytes
    receiver: str

    @classmethod
    def of(cls, encoding_aes_key: str, receiver: str) -> Seal:
        """Make it from the 43 characters that the console shows."""
        return cls(base64.b64decode(encoding_aes_key + "=", validate=True), receiver)

    def close(self, words: bytes) -> str:
        """Encrypt."""
        plain = os.urandom(16) + struct.pack(">I", len(words)) + words + self.receiver.encode()
        pad = _BLOCK - len(plain) % _BLOCK
        work = Cipher(algorithms.AES(self.key), modes.CBC(self.key[:16])).encryptor()
        return base64.b64encode(work.update(plain + bytes([pad]) * pad) + work.finalize()).decode()
