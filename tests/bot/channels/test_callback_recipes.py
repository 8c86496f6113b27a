"""Recipes of callbacks, sound and unsound, against the Official Account in both modes and the app of WeCom.

Those of Telegram, and those that need the whole program (a restart, a hung model), are elsewhere: see ``ELSEWHERE``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.routing import visible
from tests.platforms.doors import CORP, NAMES, STAMP, Door, door_of, traced
from tests.platforms.wechat.signing import AES_KEY, APP_ID, TOKEN, Post, document, sha1, signed
from tests.platforms.wecom.sealing import Seal

ELSEWHERE = {
    "dup_after_restart": "tests/bot/test_gateway.py and the inbox's unique key: the door remembers nothing",
    "checkin_in_sentence": "tests/bot/test_routing.py: a message is taken, and is no check-in",
    "out_of_order_leave_then_join": "test_wechat_callback.py and wecom/test_callback.py: their events differ",
    "event_no_msgid_dedupe_from_createtime": "the same",
    "wecom_robot_at_bot": "test_wecom_bot_sender.py",
    "http_500_from_us_then_retry": "test_wechat_callback.py and wecom/test_callback.py",
    "ack_within_5s_with_llm_hung": "test_callback_crowd.py, bench callbacks",
    "content_length_lie": "the web server's: it cuts the body, which is then none",
    "slowloris_1B_per_s": "test_wechat_callback.py and wecom/test_callback.py, with shorter patience",
}
_ENTITIES = "<!ENTITY e0 'lol'>" + "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
BODIES: dict[str, Callable[[bytes], bytes]] = {
    "BILLION_LAUGHS": lambda inner: f"<!DOCTYPE xml [{_ENTITIES}]><xml>&e9;".encode() + inner + b"</xml>",
    "QUADRATIC": lambda inner: (
        b"<!DOCTYPE xml [<!ENTITY a '%s'>]><xml>%s%s</xml>" % (b"B" * 50_000, b"&a;" * 9000, inner)
    ),
    "XXE_HTTP": lambda inner: b"<!DOCTYPE xml [<!ENTITY x SYSTEM 'http://127.0.0.1:1/'>]><xml>&x;" + inner + b"</xml>",
    "PARAM_ENTITY": lambda inner: (
        b"<!DOCTYPE xml [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]><xml>" + inner + b"</xml>"
    ),
    "UTF16_DOCTYPE": lambda inner: ("<!DOCTYPE xml><xml>" + inner.decode() + "</xml>").encode("utf-16"),
    "ATTR_50K": lambda inner: b"<xml " + b" ".join(b"a%d='1'" % n for n in range(12_000)) + b">" + inner + b"</xml>",
    "COMMENT_1MB": lambda inner: b"<xml><!--" + b"c" * 150_000 + b"-->" + inner + b"</xml>",
    "DUP_FROMUSER": lambda inner: b"<xml>" + inner + b"<FromUserName>o-evil</FromUserName></xml>",
    "BAD_UTF8": lambda inner: b"<xml>" + inner + b"<A>\xc3\x28</A></xml>",
    "NUL": lambda inner: b"<xml>" + inner + b"<A>\x00</A></xml>",
    "EMPTY": lambda _: b"",
    "PI_STYLESHEET": lambda inner: b"<?xml-stylesheet href='http://127.0.0.1:1/'?><xml>" + inner + b"</xml>",
    "NS": lambda inner: b"<xml xmlns='urn:x'>" + inner + b"</xml>",
}


def recipes(shared: Path) -> list[dict[str, Any]]:
    lines = (shared / "data/abuse/wire/callback_recipes_dev.jsonl").read_text("utf-8").strip().split("\n")
    return [json.loads(line) for line in lines]


def resealed(door: Door, plain: bytes) -> Post:
    """Encrypt any bytes, padding and all, with a right signature."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    key = base64.b64decode(AES_KEY + "=")
    work = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return enveloped(door, base64.b64encode(work.update(plain) + work.finalize()).decode())


def enveloped(door: Door, encrypted: str) -> Post:
    query = {"timestamp": STAMP, "nonce": "n-7", "msg_signature": sha1(TOKEN, STAMP, "n-7", encrypted)}
    if door.name != "wecom":
        query["signature"] = sha1(TOKEN, STAMP, "n-7")
    return Post(query, document({"Encrypt": encrypted}))


def padded(door: Door, words: bytes, *, length: int | None = None, pad: int | None = None) -> bytes:
    receiver = (CORP if door.name == "wecom" else APP_ID).encode()
    size = len(words) if length is None else length
    plain = b"r" * 16 + size.to_bytes(4, "big") + words + receiver
    missing = 32 - len(plain) % 32
    return plain + bytes([missing if pad is None else pad]) * missing


SIGNATURES: dict[str, Callable[[str], str]] = {
    "sig_empty": lambda _: "",
    "sig_upper": str.upper,
    "sig_flip": lambda good: ("0" if good[0] != "0" else "1") + good[1:],
    "sig_sha256": lambda good: hashlib.sha256(good.encode()).hexdigest(),
}
ENVELOPES: dict[str, Callable[[Door, bytes], Post]] = {
    "bad_b64": lambda door, _: enveloped(door, "%%%="),
    "bad_pad": lambda door, words: resealed(door, padded(door, words, pad=33)),
    "pad_zero": lambda door, words: resealed(door, padded(door, words, pad=0)),
    "len_ffffffff": lambda door, words: resealed(door, padded(door, words, length=0xFFFFFFFF)),
    "receiveid_other": lambda door, words: enveloped(door, Seal.of(AES_KEY, "ww0000000000000000").close(words)),
}


def altered(door: Door, post: Post, how: str, words: bytes) -> Post:
    """Do to a callback what a recipe says."""
    name = "signature" if door.name == "wechat plain" else "msg_signature"
    if how in SIGNATURES:
        return Post({**post.query, name: SIGNATURES[how](post.query[name])}, post.body)
    if how.startswith("drop_"):
        return Post({key: value for key, value in post.query.items() if key != how.removeprefix("drop_")}, post.body)
    if how == "dup_timestamp":
        return _Twice(post.query, post.body)
    if how == "swap_encrypt":
        return Post(post.query, door.sealed(document(door.sound | {"Content": "给我一百分", "MsgId": 902})).body)
    return ENVELOPES[how](door, words)


class _Twice(Post):
    @property
    def tail(self) -> str:
        return urlencode([*self.query.items(), ("timestamp", self.query["timestamp"])])


def fields(door: Door, recipe: dict[str, Any]) -> dict[str, str | int]:
    found = dict(door.sound)
    for name, key in (("ct", "CreateTime"), ("msgid", "MsgId"), ("content", "Content"), ("msgtype", "MsgType")):
        if name in recipe:
            found[key] = recipe[name]
    if "ct_offset" in recipe:
        found["CreateTime"] = int(STAMP) + int(recipe["ct_offset"])
    if "drop_CreateTime" in recipe.get("mutate", ()):
        del found["CreateTime"]
    return found


async def follow(door: Door, recipe: dict[str, Any]) -> list[int]:
    """Do what a recipe says; returns the statuses."""
    said = fields(door, recipe)
    words = document(said)
    if (body := recipe.get("body")) == "SIZE_50MB_CHUNKED":
        pieces = [b" " * 65_536] * 800
        with traced() as grown:
            status = await door.knock(door.bare(b""), pieces=pieces)
            assert grown() < recipe["max_mb"] * 1_000_000
        return [status]
    if body:
        return [await door.knock(door.sealed(BODIES[body](words.removeprefix(b"<xml>").removesuffix(b"</xml>"))))]
    post = door.sealed(words)
    for how in recipe.get("mutate", ()):
        if how == "reuse_nonce":
            assert await door.knock(post) == 200
            door.events.clear()
            other = document(said | {"Content": "给我一百分", "MsgId": 902})
            post = Post(post.query, other if door.name == "wechat plain" else door.sealed(other).body)
        elif how != "drop_CreateTime":
            post = altered(door, post, how, words)
    if offset := recipe.get("ts_offset"):
        post = late(door, words, offset)
    if recipe.get("method") == "GET":
        post = Post({**post.query, "echostr": "1"}, b"")
    statuses = []
    for number in range(recipe.get("repeat", 1)):
        if recipe.get("vary") == "from":
            post = door.sealed(document(said | {"FromUserName": f"o-{number}"}))
        statuses.append(await door.knock(post, recipe.get("method", "POST")))
    return statuses


def late(door: Door, words: bytes, seconds: int) -> Post:
    stamp = str(int(STAMP) + seconds)
    if door.name != "wecom":
        return signed(words, float(stamp), aes=door.name == "wechat aes")
    sealed = Seal.of(AES_KEY, CORP).close(words)
    query = {"msg_signature": sha1(TOKEN, stamp, "n", sealed), "timestamp": stamp, "nonce": "n"}
    return Post(query, document({"Encrypt": sealed}))


def concerns(door: Door, recipe: dict[str, Any]) -> bool:
    if recipe["name"] in ELSEWHERE or recipe.get("platform") == "telegram":
        return False
    if recipe.get("platform") == "wecom" and door.name != "wecom":
        return False
    return not (recipe.get("mode") == "aes" and door.name == "wechat plain")


@pytest.mark.parametrize("name", NAMES)
async def test_every_recipe(shared: Path, name: str) -> None:
    """Sound ones have their effect, each once; unsound ones are refused, and nothing comes of them."""
    followed = 0
    for recipe in recipes(shared):
        async with door_of(name) as door:
            if not concerns(door, recipe):
                continue
            followed += 1
            statuses = await follow(door, recipe)
            wanted = int(recipe["expect"])
            # Where nothing may come of it, one no is as good as another: which it is would tell a forger how far he got.
            allowed = {wanted} if wanted in (200, 405, 413) else {400, 403}
            if recipe["name"].startswith("createtime_"):
                allowed |= {400}
            effects = recipe["effects"]
            if (name, recipe["name"]) == ("wecom", "msgid_empty"):
                # Events of WeCom have no number; sender and second tell its repetition from another one.
                allowed, effects = {200}, 1
            assert set(statuses) <= allowed, recipe["name"]
            assert len(door.events) == effects, recipe["name"]
    assert followed >= 35


def test_what_cannot_be_seen_does_not_hide_a_command() -> None:
    """What the recipes of words come to: 「签<zero width>到」 is 签到, and nothing but such signs is nothing."""
    assert visible("签\u200b到") == "签到" and visible("\u3000签到\u3000").strip() == "签到"
