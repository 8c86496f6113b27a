"""One page from the web, behind a guard: public addresses only, looked up once and held, each redirect checked anew.

Off unless ``BOT_KNOWLEDGE__URLS`` says otherwise.
Source: F69, FAULTS D5.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from knowledge.errors import KnowledgeRefusal

if TYPE_CHECKING:
    from knowledge.settings import DocumentSettings

MAX_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 3
SECONDS = 10.0
MAX_URL = 2000
TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "text/markdown": ".md",
    "text/plain": ".txt",
}
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!0x)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\<>\"^`{|}\u2028\u2029\ufeff]")
_CLOSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
        *(
            "::/96",
            "::ffff:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "100::/64",
            "2001::/23",
            "2002::/16",
            "fec0::/10",
        ),
    )
)
"""Not public, or a way round to what is not: shared and test networks, a cloud's own services, embedded IPv4."""

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a host, as text; raises OSError when there are none."""
Connect = Callable[[str, int, float], socket.socket]
"""A connection to an address and port within so many seconds."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page as it came.

    Attributes:
        suffix: of the file that it is, e.g. ``.html``.
        name: for staff: the host and the last part of the path.
        url: where it came from after redirects.
    """

    content: bytes
    suffix: str
    name: str
    url: str

    def save(self, folder: Path) -> Path:
        """Writes it into a folder under a name that the page has no part in; ``loaders.load`` takes it from there."""
        path = folder / f"{hashlib.sha256(self.url.encode()).hexdigest()[:24]}{self.suffix}"
        path.write_bytes(self.content)
        return path


def addresses(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an address; nothing is looked up."""
    return socket.create_connection((address, port), seconds)


def is_public(address: str) -> bool:
    """Say whether an address is one that anybody on the internet can reach, and says so without a disguise."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    closed = any(parsed in network for network in _CLOSED if network.version == parsed.version)
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not closed


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    host: str
    port: int
    target: str


def parse(url: str) -> _Place:
    """The parts of an address that is fit to be called.

    Raises:
        KnowledgeRefusal: ``kb.url_bad``: another scheme or port, a name or password, a number that stands for an
            address, anything that two programs could read in two ways.
    """
    bad = KnowledgeRefusal("kb.url_bad", url=url[:80])
    if len(url) > MAX_URL or _ODD.search(url):
        raise bad
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad from None
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme not in _PORTS or "@" in parts.netloc or "%" in parts.netloc or not host:
        raise bad
    if parts.netloc.startswith("[") or re.fullmatch(r"[0-9.]+", host):
        try:
            host = str(ipaddress.ip_address(host))
        except ValueError:
            raise bad from None
    elif not _HOST.fullmatch(host):
        raise bad
    if port not in {None, 80, 443}:
        raise bad
    target = quote(parts.path or "/", safe="/%:=&~+!$,;'@()*-._") + (
        "?" + quote(parts.query, safe="/%:=&~+!$,;'@()*-._?[]") if parts.query else ""
    )
    return _Place(parts.scheme, host, port or _PORTS[parts.scheme], target)


def fetch(
    url: str,
    settings: DocumentSettings,
    *,
    resolve: Resolve = addresses,
    connect: Connect = dial,
    seconds: float = SECONDS,
) -> Fetched:
    """Fetches a page: no cookies, no credentials, no proxy; blocks, so call it in a thread.

    Args:
        url: http or https, on its usual port.
        settings: Whether this is allowed at all.
        resolve, connect: The world.
        seconds: For everything together: names, redirects, the last byte.

    Raises:
        KnowledgeRefusal: ``kb.url_`` + ``off``, ``bad``, ``private``, ``unreachable``, ``redirects``, ``too_big``,
            ``slow`` or ``type``; with ``url`` = its first 80 characters.
    """
    if not settings.urls:
        raise KnowledgeRefusal("kb.url_off", url=url[:80])
    deadline = time.monotonic() + seconds
    current = url.strip()
    for _ in range(MAX_REDIRECTS + 1):
        place = parse(current)
        address = _address(place, current, resolve, deadline)
        answer = _call(place, address, current, connect, deadline)
        if isinstance(answer, str):
            current = urljoin(current, answer)
            continue
        suffix, content = answer
        last = unquote(place.target.partition("?")[0].rstrip("/").rpartition("/")[2])
        if suffix == ".txt" and last.lower().endswith(".md"):
            suffix = ".md"
        name = re.sub(r"[\x00-\x1f/\\]", "", f"{place.host} {last}".strip())[:120]
        return Fetched(content, suffix, name, current)
    raise KnowledgeRefusal("kb.url_redirects", url=url[:80])


def _address(place: _Place, url: str, resolve: Resolve, deadline: float) -> str:
    """The one address that will be called; every address of the host has to be public."""
    found = [place.host] if _is_address(place.host) else _resolved(place, url, resolve, deadline)
    if not all(is_public(address) for address in found):
        raise KnowledgeRefusal("kb.url_private", url=url[:80])
    return found[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolved(place: _Place, url: str, resolve: Resolve, deadline: float) -> list[str]:
    pool = ThreadPoolExecutor(1)
    try:
        found = list(pool.submit(resolve, place.host, place.port).result(max(deadline - time.monotonic(), 0.01)))
    except TookTooLong:
        raise KnowledgeRefusal("kb.url_slow", url=url[:80]) from None
    except (OSError, UnicodeError):
        found = []
    finally:
        pool.shutdown(wait=False)
    if not found:
        raise KnowledgeRefusal("kb.url_unreachable", url=url[:80])
    return found


class _Stream(io.RawIOBase):
    """Reads a socket until the deadline, however small the pieces are that keep coming."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Line:
    """What http.client needs of a socket."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.01))
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self._connection, self._deadline))

    def close(self) -> None:
        self._connection.close()


def _call(place: _Place, address: str, url: str, connect: Connect, deadline: float) -> str | tuple[str, bytes]:
    """The target of a redirect, or suffix and content."""
    opened: socket.socket | None = None
    try:
        opened = connect(address, place.port, max(deadline - time.monotonic(), 0.01))
        if place.scheme == "https":
            opened.settimeout(max(deadline - time.monotonic(), 0.01))
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=place.host)
        client = http.client.HTTPConnection(place.host, place.port)
        client.sock = _Line(opened, deadline)
        client.putrequest("GET", place.target, skip_accept_encoding=True)
        for name, value in (("Accept", ", ".join(TYPES)), ("Accept-Encoding", "identity"), ("Connection", "close")):
            client.putheader(name, value)
        client.endheaders()
        return _read(client.getresponse(), url, deadline)
    except TimeoutError:
        raise KnowledgeRefusal("kb.url_slow", url=url[:80]) from None
    except (OSError, http.client.HTTPException, ValueError):
        raise KnowledgeRefusal("kb.url_unreachable", url=url[:80]) from None
    finally:
        if opened is not None:
            opened.close()


def _read(answer: http.client.HTTPResponse, url: str, deadline: float) -> str | tuple[str, bytes]:
    location = answer.getheader("Location", "")
    if answer.status in {301, 302, 303, 307, 308} and location:
        return location
    if answer.status != http.client.OK:
        raise KnowledgeRefusal("kb.url_unreachable", url=url[:80])
    suffix = TYPES.get(answer.getheader("Content-Type", "").partition(";")[0].strip().lower())
    if suffix is None or answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise KnowledgeRefusal("kb.url_type", url=url[:80])
    stated = answer.getheader("Content-Length", "0")
    if stated.isdecimal() and int(stated) > MAX_BYTES:
        raise KnowledgeRefusal("kb.url_too_big", url=url[:80])
    content = bytearray()
    while piece := answer.read1(1 << 16):
        content += piece
        if len(content) > MAX_BYTES:
            raise KnowledgeRefusal("kb.url_too_big", url=url[:80])
        if time.monotonic() > deadline:
            raise TimeoutError
    if stated.isdecimal() and len(content) < int(stated):
        raise KnowledgeRefusal("kb.url_unreachable", url=url[:80])
    return suffix, bytes(content)
