"""The Official Account's XML and envelope: other people's vectors, other people's bombs."""

from __future__ import annotations

import base64
import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.channels.envelope import Cipher, Forged, Malformed, is_signed, signature
from bot.channels.wechat.wire import LARGEST, read, sealed, write
from tests.platforms.wechat.signing import AES_KEY, APP_ID, TOKEN, opened, signed

# Tencent's sample of WXBizMsgCrypt (Sample.py): what is signed, and what is in it.
SAMPLE = (
    "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh"
    "0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRj"
    "pA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6"
    "OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
)
SAMPLE_SIGNATURE, SAMPLE_TIME, SAMPLE_NONCE = "5d197aaffba7e9b25a30732f161a50dee96bd5fa", "1409735669", "1320562132"
# A message and an echo of WeCom, as wechatpy tests with them.
CORP = ("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
CORP_MESSAGE = (
    "RgqEoJj5A4EMYlLvWO1F86ioRjZfaex/gePD0gOXTxpsq5Yj4GNglrBb8I2BAJVODGajiFnXBu7mCPatfjsu6IHCrsTyeDXzF6Bv283dGymzxh6ydJRv"
    "ZsryDyZbLTE7rhnus50qGPMfp2wASFlzEgMW9z1ef/RD8XzaFYgm7iTdaXpXaG4+BiYyolBug/gYNx410cvkKR2/nPwBiT+P4hIiOAQqGp/TywZBtDh1"
    "yCF2KOd0gpiMZ5jSw3e29mTvmUHzkVQiMS6td7vXUaWOMZnYZlF3So2SjHnwh4jYFxdgpkHHqIrH/54SNdshoQgWYEvccTKe7FS709/5t6NMxuGhcUGA"
    "POQipvWTT4dShyqio7mlsl5noTrb++x6En749zCpQVhDpbV6GDnTbcX2e8K9QaNWHp91eBdCRxthuL0="
)
CORP_ECHO = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q=="


@pytest.fixture(scope="module")
def cipher() -> Cipher:
    return Cipher(TOKEN, AES_KEY, APP_ID)


def test_the_sample_that_tencent_publishes(cipher: Cipher) -> None:
    fields = read(cipher.open(SAMPLE, SAMPLE_SIGNATURE, SAMPLE_TIME, SAMPLE_NONCE))
    assert fields["Content"] == "abcdteT" and fields["MsgId"] == "6054768590064713728"
    assert fields["FromUserName"] == "oyORnuP8q7ou2gfYjqLzSIWZf0rs" and fields["CreateTime"] == "1409735668"


def test_the_values_that_the_library_tests_with() -> None:
    cipher = Cipher(*CORP)
    fields = read(cipher.open(CORP_MESSAGE, "74d92dfeb87ba7c714f89d98870ae5eb62dff26d", "1411525903", "461056294"))
    assert (fields["Content"], fields["FromUserName"]) == ("test", "messense")
    assert cipher.open(CORP_ECHO, "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "1411443780", "437374425").isdigit()
    with pytest.raises(Forged):
        cipher.open(CORP_ECHO, "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96", "1411443780", "437374424")


@pytest.mark.parametrize(
    ("given", "timestamp", "nonce"),
    [
        (SAMPLE_SIGNATURE.upper(), SAMPLE_TIME, SAMPLE_NONCE),
        ("", SAMPLE_TIME, SAMPLE_NONCE),
        ("密" * 40, SAMPLE_TIME, SAMPLE_NONCE),
        (SAMPLE_SIGNATURE, "1409735670", SAMPLE_NONCE),
        (SAMPLE_SIGNATURE, SAMPLE_TIME, "1320562133"),
    ],
)
def test_another_signature_is_none(cipher: Cipher, given: str, timestamp: str, nonce: str) -> None:
    with pytest.raises(Forged):
        cipher.open(SAMPLE, given, timestamp, nonce)


def test_another_accounts_envelope_is_none() -> None:
    with pytest.raises(Forged, match="receiver"):
        Cipher(TOKEN, AES_KEY, "wx2c2769f8efd9abc3").open(SAMPLE, SAMPLE_SIGNATURE, SAMPLE_TIME, SAMPLE_NONCE)


def in_envelope(cipher: Cipher, plain: bytes) -> str:
    """Encrypt any bytes, padding and all."""
    return base64.b64encode(cipher._crypto.cipher.encrypt(plain)).decode()


@pytest.mark.parametrize(
    "plain",
    [
        b"r" * 16 + (3).to_bytes(4, "big") + b"<x>" + APP_ID.encode() + b"\x00" * 23,
        b"r" * 16 + (3).to_bytes(4, "big") + b"<x>" + APP_ID.encode() + b"\x21" * 23,
        b"r" * 16 + (3).to_bytes(4, "big") + b"<x>" + APP_ID.encode() + b"\x05" * 22 + b"\x17",
        b"r" * 16 + b"\xff" * 4 + b"<x>" + APP_ID.encode() + b"\x17" * 23,
        b"\x10" * 16,
    ],
)
def test_signed_nonsense_is_no_envelope(cipher: Cipher, plain: bytes) -> None:
    encrypted = in_envelope(cipher, plain)
    with pytest.raises(Malformed):
        cipher.open(encrypted, signature(TOKEN, "1", "2", encrypted), "1", "2")


@pytest.mark.parametrize("encrypted", ["", "a", "%%%%", "YWJj", SAMPLE[:-4] + "!!!="])
def test_signed_but_no_base64(cipher: Cipher, encrypted: str) -> None:
    with pytest.raises(Malformed):
        cipher.open(encrypted, signature(TOKEN, "1", "2", encrypted), "1", "2")


def test_what_we_seal_the_library_opens(cipher: Cipher) -> None:
    answer = sealed(cipher, write({"Content": "五分 ]]> <b>&amp;", "CreateTime": 5}), "1409735669", "77")
    assert opened(answer, aes=True) == {"Content": "五分 ]]> <b>&amp;", "CreateTime": "5"}


def test_words_cannot_leave_their_place() -> None:
    evil = "]]></Content><ToUserName>x</ToUserName><Content><![CDATA[\x00\x0b\ud800"
    assert read(write({"Content": evil})) == {"Content": evil[:-3]}


def test_a_signature_is_compared_whole() -> None:
    right = signature("t", "1", "2")
    assert is_signed(right, "t", "1", "2") and is_signed(right, "t", "2", "1")
    assert not is_signed(right[:-1], "t", "1", "2") and not is_signed("", "t", "1", "2")


GOOD = b"<xml><A><![CDATA[1]]></A><B>2</B></xml>"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"<root><A>1</A></root>",
        b"<xml><A>1</A><A>2</A></xml>",
        b"<xml a='1'><A>1</A></xml>",
        b"<xml xmlns='urn:x'><A>1</A></xml>",
        b"<xml><x:A xmlns:x='urn:x'>1</x:A></xml>",
        b"<xml><!-- c --><A>1</A></xml>",
        b"<?xml-stylesheet href='http://127.0.0.1/x'?><xml><A>1</A></xml>",
        b"<xml><A>&nope;</A></xml>",
        b"<xml><A>\x00</A></xml>",
        b"<xml><A>\xff\xfe</A></xml>",
        "<xml><A>签到</A></xml>".encode("gbk"),
        "<?xml version='1.0' encoding='gbk'?><xml><A>签到</A></xml>".encode("gbk"),
        "<!DOCTYPE xml [<!ENTITY a 'b'>]><xml><A>&a;</A></xml>".encode("utf-16"),
        "<!DOCTYPE xml><xml><A>1</A></xml>".encode("utf-16-le"),
        b"<!DOCTYPE xml [<!ENTITY % p SYSTEM 'http://127.0.0.1/p'> %p;]><xml><A>1</A></xml>",
        b"<xml>" + b"<A>" * 100_000,
        b"<xml>" + b"<A>1</A>" * 30_000,
        b"<xml>" + b"".join(b"<A%d>1</A%d>" % (n, n) for n in range(300)) + b"</xml>",
        b"<xml " + b" ".join(b"a%d='1'" % n for n in range(20_000)) + b"/>",
        b"<xml><A>" + b"a" * (LARGEST - 30) + b"</A></xml>",
        b"<xml><A>" + b"a" * LARGEST + b"</A></xml>",
        b"<xml><!--" + b"c" * 200_000 + b"--></xml>",
    ],
)
def test_what_is_no_callback_is_refused_at_once(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Malformed):
        read(body)
    assert time.process_time() - began < 0.05


def test_what_is_one_is_read() -> None:
    assert read(GOOD) == {"A": "1", "B": "2"}
    assert read(b"<?xml version='1.0' encoding='utf-8'?>\r\n" + GOOD) == {"A": "1", "B": "2"}
    nested = read(b"<xml><S><T>a</T><T>b</T></S></xml>")
    assert nested["S.T"] == "a"


def rows(shared: Path) -> Iterator[tuple[str, bytes]]:
    for name in ("xml_bombs_defusedxml_dev", "xml_not_wellformed_dev"):
        for line in (shared / f"data/abuse/wire/{name}.jsonl").read_text("utf-8").strip().split("\n"):
            row: dict[str, Any] = json.loads(line)
            yield row["name"], base64.b64decode(row["b64"])


@pytest.mark.parametrize("aes", [False, True], ids=["plain", "encrypted"])
def test_every_row_of_the_xml_collections(shared: Path, cipher: Cipher, aes: bool) -> None:
    """Refused, each within 50 ms and 10 MB, with no file and no socket; also when correctly signed and encrypted."""
    touched: list[str] = []
    watching = True

    def watch(event: str, _: object) -> None:
        if watching and event in ("open", "socket.connect", "socket.getaddrinfo"):
            touched.append(event)

    found = list(rows(shared))
    posts = [signed(body, time.time(), aes=True) for _, body in found] if aes else []
    envelopes = [
        (read(post.body, LARGEST)["Encrypt"], post.query["msg_signature"], post.query["timestamp"], post.query["nonce"])
        for post in posts
    ]
    sys.addaudithook(watch)
    tracemalloc.start()
    slowest = 0.0
    try:
        for number, (name, body) in enumerate(found):
            began = time.process_time()
            inside = cipher.open(*envelopes[number]) if aes else body
            assert inside == body
            with pytest.raises(Malformed):
                read(inside)
            slowest = max(slowest, time.process_time() - began)
            assert slowest < 0.05, name
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        watching = False
        tracemalloc.stop()
    assert len(found) > 500 and touched == []
