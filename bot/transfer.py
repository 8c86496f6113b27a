"""What the settings send out of the country, or may: told before anything goes, and in production refused without a basis.

Where an address leads cannot be known from its name, so every host counts as abroad but this machine's, the platforms' own in
China, and, for what our own network holds, a neighbour in it. Telegram is abroad wherever its Bot API server stands: one on this
machine passes everything on.

Source: LAW (PIPL 38-40: transfer abroad).
"""

from __future__ import annotations

import ipaddress
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.channels.addresses import is_loopback
from bot.settings import Mode
from engagement.errors import Refusal
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.settings import Settings

_AT_HOME = (".weixin.qq.com",)
"""Ends of the hosts that WeChat and WeCom have in China; api.wechat.com, of accounts elsewhere, is none of them."""
BASIS = "doctor.transfer_basis"
_told: set[Destination] = set()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where something goes.

    Attributes:
        what: key of the text that says what goes there.
        host: as it stands in the settings, without key or path.
    """

    what: str
    host: str


def destinations(settings: Settings, channels: Sequence[str]) -> list[Destination]:
    """Return where personal data goes, or may go, beyond the country, each once.

    Args:
        channels: that are served; none = a command that answers, without a platform.
    """
    return list(dict.fromkeys([*_of_platforms(settings, channels), *_of_models(settings)]))


def _of_platforms(settings: Settings, channels: Sequence[str]) -> Iterator[Destination]:
    if "telegram" in channels:
        yield Destination("transfer.telegram", _host(settings.telegram.base_url))
    for name, url in (
        ("wechat", settings.wechat.base_url),
        ("wecom", settings.wecom.base_url),
        ("wecom_bot", settings.wecom_bot.url),
    ):
        if name in channels and not is_loopback(url) and not _host(url).endswith(_AT_HOME):
            yield Destination("transfer.platform", _host(url))


def _of_models(settings: Settings) -> Iterator[Destination]:
    for what, url in (
        ("transfer.model", settings.llm.base_url),
        ("transfer.embeddings", settings.llm.embedding_base_url),
        ("transfer.speech", settings.speech.base_url),
    ):
        if url and (host := _host(url) if not is_loopback(url) else _proxy_before(url)):
            yield Destination(what, host)
    if settings.knowledge.chroma_url and not _is_near(settings.knowledge.chroma_url):
        yield Destination("transfer.vectors", _host(settings.knowledge.chroma_url))


def is_refused(settings: Settings, channels: Sequence[str] = ()) -> bool:
    """Say whether the program must not do what it is asked to: something would go abroad, and no basis is stated."""
    if settings.mode is not Mode.PRODUCTION or settings.privacy.transfer_basis.strip():
        return False
    return bool(destinations(settings, channels))


def tell(settings: Settings, channels: Sequence[str] = ()) -> None:
    """Say on standard error what goes where, once a process for each place, before anything goes.

    Raises:
        Refusal: ``doctor.transfer_basis``, see :func:`is_refused`.
    """
    if is_refused(settings, channels):
        raise Refusal(BASIS)
    if settings.privacy.transfer_basis.strip():
        return
    for one in destinations(settings, channels):
        # Telegram on this machine is somebody who tries things out, or passes it on: only in earnest that is asked.
        if one not in _told and not is_loopback(f"http://{one.host}"):
            _told.add(one)
            sys.stderr.write(texts().fill("transfer.leaves", {"what": texts().raw(one.what), "host": one.host}) + "\n")


def _host(url: str) -> str:
    """Return the host of an address; the whole of what is none, cut."""
    try:
        return urlsplit(url).hostname or url[:80]
    except ValueError:
        return url[:80]


def _proxy_before(url: str) -> str:
    """Return the host of the proxy by which a request to this machine would leave it; empty = there is none."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all") or ""
    return "" if not proxy or is_loopback(proxy) or urllib.request.proxy_bypass(_host(url)) else _host(proxy)


def _is_near(url: str) -> bool:
    """Say whether an address is in our own network: this machine, a private address, a name without a domain."""
    host = _host(url)
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host and ":" not in host
