"""The wire: vectors that Tencent publishes, another implementation, and XML that nobody should read."""

from __future__ import annotations

import base64
import contextlib
import json
import time
import tracemalloc
from pathlib import Path

import pytest

from bot.channels.envelope import Cipher, Forged
from bot.channels.wecom.wire import LARGEST_BODY, Unreadable, first, parse_xml
from tests.platforms.wecom.sealing import Seal, signature

TOKEN, KEY, CORP = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
SEALED = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvu"
    "JTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwG"
    "c2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9"
    "EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0"
    "lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
CIPHER = Cipher(TOKEN, KEY, CORP)


def test_the_published_message_opens_and_is_read() -> None:
    """Source: Tencent, sample of WXBizMsgCrypt (a message)."""
    opened = CIPHER.open(SEALED, "477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149")
    fields = parse_xml(opened)
    assert (first(fields, "ToUserName"), first(fields, "MsgType"), first(fields, "Content")) == (CORP, "text", "hello")


@pytest.mark.parametrize("size", [0, 1, 11, 12, 31, 32, 100, 5000])
def test_what_the_fake_seals_opens(size: int) -> None:
    sealed = Seal.of(KEY, CORP).close(b"x" * size)
    assert CIPHER.open(sealed, signature(TOKEN, ("1", "2", sealed)), "1", "2") == b"x" * size


def test_what_is_for_somebody_else_does_not() -> None:
    for other in ("wx-another", CORP + "x", ""):
        sealed = Seal.of(KEY, other).close(b"x")
        with pytest.raises(Forged):
            CIPHER.open(sealed, signature(TOKEN, ("1", "2", sealed)), "1", "2")


def test_lists_keep_their_order() -> None:
    fields = parse_xml(b"<xml><C>a</C><L><Item>1</Item><Item>2</Item></L><E/></xml>")
    assert fields["L/Item"] == ("1", "2")
    assert (first(fields, "C"), first(fields, "E"), first(fields, "none")) == ("a", "", "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"<xml></xml",
        b"<!DOCTYPE x><xml/>",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><xml/>'.encode("utf-16"),
        "<xml><C>草莓</C></xml>".encode("gb18030"),
        b"<xml>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</xml>",
        b"<xml>" + b"<a/>" * 5000 + b"</xml>",
        b"<xml>\0</xml>",
        b'<xml><C a="b">x</C></xml>',
        b"<xml><C>x<!-- y --></C></xml>",
        b"<xml><C>x</C><?run it?></xml>",
        b"<xml><C>x</C><C>y</C></xml>",
        b"<xml>" + b"x" * LARGEST_BODY + b"</xml>",
    ],
)
def test_what_is_not_read(body: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_xml(body)


def test_bad_xml_that_others_collected(shared: Path) -> None:
    """Also correctly sealed: quick, small, and never more than an Unreadable."""
    folder = shared / "data" / "abuse" / "wire"
    read = 0
    for name in ("xml_bombs_defusedxml_dev.jsonl", "xml_not_wellformed_dev.jsonl"):
        for line in (folder / name).read_text("utf-8").splitlines():
            case = json.loads(line)
            body = next((str(case[part]) for part in ("xml", "body", "text", "content", "b64") if part in case), "")
            data = base64.b64decode(body) if "b64" in case and body == case["b64"] else body.encode("utf-8", "replace")
            tracemalloc.start()
            begun = time.perf_counter()
            with contextlib.suppress(Unreadable):
                sealed = Seal.of(KEY, CORP).close(data)
                parse_xml(CIPHER.open(sealed, signature(TOKEN, ("1", "2", sealed)), "1", "2"))
            took, (_, peak) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 10_000_000, case.get("id")
            assert took < 0.5, case.get("id")  # traced and on a shared machine; untraced it is far below 50 ms
            read += 1
    assert read > 100
