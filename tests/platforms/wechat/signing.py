"""What the platform sends: documents, signatures, envelopes; made with the library, not with the code under test."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from wechatpy.crypto import WeChatCrypto

APP_ID = "wx2c2769f8efd9abc2"
TOKEN = "spamtest"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
ORIGINAL_ID = "gh_10f6c3c3ac5a"
SECRET = "0123456789abcdef0123456789abcdef"
_nonces = itertools.count(100_000)


def sha1(*parts: str) -> str:
    """Sign."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def document(fields: dict[str, str | int]) -> bytes:
    """Write a document as the platform does: numbers plain, words in CDATA."""
    inner = "".join(
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"
        for name, value in fields.items()
    )
    return f"<xml>{inner}</xml>".encode()


@dataclass(frozen=True, slots=True)
class Post:
    """A callback, ready to be sent."""

    query: dict[str, str]
    body: bytes

    @property
    def tail(self) -> str:
        """The query, written."""
        return urlencode(self.query)


def signed(
    body: bytes,
    now: float,
    *,
    aes: bool,
    app_id: str = APP_ID,
    token: str = TOKEN,
    nonce: str = "",
    to: str = ORIGINAL_ID,
) -> Post:
    """Sign a document and, in the safe mode, put it into its envelope."""
    timestamp = str(int(now))
    nonce = nonce or str(next(_nonces))
    query = {"signature": sha1(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, "openid": "o"}
    if not aes:
        return Post(query, body)
    sealed = WeChatCrypto(token, AES_KEY, app_id).encrypt_message(body, nonce, timestamp)
    encrypted = ET.fromstring(sealed).findtext("Encrypt") or ""
    query |= {"encrypt_type": "aes", "msg_signature": sha1(token, timestamp, nonce, encrypted)}
    return Post(query, document({"ToUserName": to, "Encrypt": encrypted}))


def opened(body: bytes, *, aes: bool) -> dict[str, str]:
    """Read a passive reply, checking its envelope."""
    tree = ET.fromstring(body)
    fields = {one.tag: one.text or "" for one in tree}
    if not aes:
        return fields
    inside = WeChatCrypto(TOKEN, AES_KEY, APP_ID).decrypt_message(
        fields, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"]
    )
    return {one.tag: one.text or "" for one in ET.fromstring(inside)}
