"""A page from the web: what a public server says, and nothing from anywhere else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from knowledge import loaders, web
from knowledge.errors import KnowledgeRefusal
from knowledge.settings import DocumentSettings
from prompts.loader import texts

PUBLIC = "93.184.216.34"
ON = DocumentSettings(urls=True)
HTML = "<h1>提货</h1><p>下午四点。</p><script>x()</script>".encode()


def _answer(
    body: bytes = HTML, kind: str = "text/html; charset=utf-8", status: str = "200 OK", more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class Server:
    """Says what it is told to, one answer for each connection, and keeps what it was asked."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers: list[bytes | Callable[[socket.socket], None]] = []
        self.asked: list[bytes] = []
        self.dialled: list[tuple[str, int]] = []
        self.threads: list[threading.Thread] = []

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        """Stands in for the internet: whatever address is called, this server answers."""
        self.dialled.append((address, port))
        thread = threading.Thread(target=self._serve)
        thread.start()
        self.threads.append(thread)
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(5)
            self.asked.append(connection.recv(65536))
            answer = self.answers.pop(0)
            try:
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
            except OSError:
                return

    def fetch(self, url: str, hosts: dict[str, list[str]] | None = None, seconds: float = 10.0) -> web.Fetched:
        known = {"sample.example": [PUBLIC]} if hosts is None else hosts

        def resolve(host: str, port: int) -> list[str]:
            if host not in known:
                raise socket.gaierror
            return known[host]

        return web.fetch(url, ON, resolve=resolve, connect=self.dial, seconds=seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.listener.close()
    for thread in one.threads:
        thread.join(6)


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(KnowledgeRefusal) as caught:
        call()
    assert texts().fill(caught.value.key, caught.value.values)
    return caught.value.key.removeprefix("kb.url_")


def _forbidden(*_: object) -> socket.socket:
    raise AssertionError("a connection was opened")


def test_it_is_off_unless_somebody_turned_it_on() -> None:
    assert not DocumentSettings().urls
    call = lambda: web.fetch("http://sample.example/", DocumentSettings(), resolve=_forbidden, connect=_forbidden)  # type: ignore[arg-type] # noqa: E731
    assert _refused(call) == "off"


def test_a_page_comes_in_and_is_read_like_a_file(server: Server, tmp_path: Path) -> None:
    server.answers = [_answer()]
    page = server.fetch("http://sample.example/帮助/提货?x=1")
    assert (page.suffix, page.url, page.name) == (".html", "http://sample.example/帮助/提货?x=1", "sample.example 提货")
    assert server.dialled == [(PUBLIC, 80)]
    asked = server.asked[0].decode()
    assert asked.startswith("GET /%E5%B8%AE%E5%8A%A9/%E6%8F%90%E8%B4%A7?x=1 HTTP/1.1\r\nHost: sample.example\r\n")
    assert "cookie" not in asked.lower()
    path = page.save(tmp_path)
    assert path.parent == tmp_path
    assert [block.text for block in loaders.load(path).blocks] == ["提货", "下午四点。"]


@pytest.mark.parametrize(
    ("kind", "path", "suffix"),
    [
        ("application/pdf", "/a", ".pdf"),
        ("text/plain", "/a.txt", ".txt"),
        ("text/plain; charset=utf-8", "/README.MD", ".md"),
        ("text/markdown", "/a", ".md"),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "/a", ".xlsx"),
    ],
)
def test_the_kinds_that_are_taken(server: Server, kind: str, path: str, suffix: str) -> None:
    server.answers = [_answer(b"x", kind)]
    assert server.fetch(f"http://sample.example{path}").suffix == suffix


@pytest.mark.parametrize(
    "kind", ["image/png", "application/zip", "application/octet-stream", "application/javascript", ""]
)
def test_other_kinds_are_refused(server: Server, kind: str) -> None:
    server.answers = [_answer(b"x", kind)]
    assert _refused(lambda: server.fetch("http://sample.example/a.html")) == "type"


def test_packed_answers_are_refused(server: Server) -> None:
    server.answers = [_answer(more="Content-Encoding: gzip\r\n")]
    assert _refused(lambda: server.fetch("http://sample.example/")) == "type"


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
        ),
        *("100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "fe80::1"),
        *(
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "2002:7f00:1::",
        ),
        *("2001:db8::1", "2001:0:1::", "fec0::1", "fe80::1%eth0", "127.1", "0x7f000001", "2130706433", "", "localhost"),
    ],
)
def test_what_is_not_public_is_never_called(address: str) -> None:
    assert not web.is_public(address)
    hosts = [PUBLIC, address] if address else [address]
    call = lambda: web.fetch("http://sample.example/", ON, resolve=lambda *_: hosts, connect=_forbidden)  # noqa: E731
    assert _refused(call) == "private"


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "223.5.5.5", "2606:4700:4700::1111", "240e:1::1"])
def test_what_is_public_is(address: str) -> None:
    assert web.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "ftp://sample.example/",
            "file:///etc/passwd",
            "gopher://sample.example",
            "//sample.example/",
            "sample.example",
        ),
        *("http://sample.example:8080/", "http://sample.example:22", "http://sample.example:99999/", "http://:80/"),
        *(
            "http://a@sample.example/",
            "http://a:b@sample.example",
            "http://sample.example\\@127.0.0.1/",
            "http://127.1/",
        ),
        *("http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/", "http://1.2.3/", "http://localhost/"),
        *("http://sample.example%2f@127.0.0.1/", "http://[fe80::1%25eth0]/", "http://[::1", "http://exam\tple.com/"),
        *(
            "http://sample.example/a b",
            "http://ⓔⓧⓐⓜⓟⓛⓔ.ⓒⓞⓜ",
            "http://127。0。0。1/",
            "http://1.2.3.0x4/",
            "http://-a.example/",
        ),
        "http://sample.example/" + "a" * 3000,
    ],
)
def test_addresses_that_can_be_read_in_two_ways_are_refused(url: str) -> None:
    assert _refused(lambda: web.fetch(url, ON, resolve=_forbidden, connect=_forbidden)) == "bad"  # type: ignore[arg-type]


def test_the_prepared_addresses_open_no_socket(shared: Path) -> None:
    """Whatever a name's owner answers: the machine itself, the cloud's own service, or a second answer that differs."""
    lines = (shared / "data" / "abuse" / "web" / "ssrf_dev.jsonl").read_text(encoding="utf-8").splitlines()
    ends: dict[str, int] = {}
    for line in lines:
        for answer in (["127.0.0.1"], ["169.254.169.254"], [PUBLIC, "10.0.0.1"], ["::ffff:100.100.100.200"]):
            call = lambda: web.fetch(json.loads(line)["text"], ON, resolve=lambda *_: answer, connect=_forbidden)  # noqa: B023, E731
            end = _refused(call)
            ends[end] = ends.get(end, 0) + 1
    print(f"\n{len(lines)} addresses: {ends}")
    assert set(ends) == {"bad", "private"}


# ---------------------------------------------------------------- redirects


@pytest.mark.parametrize(
    ("target", "end"),
    [
        ("http://127.0.0.1/", "private"),
        ("http://[::1]/", "private"),
        ("http://169.254.169.254/latest/meta-data/", "private"),
        ("http://inside.example/", "private"),
        ("http://localhost:22", "bad"),
        ("file:///etc/passwd", "bad"),
        ("http://nowhere.example/", "unreachable"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(server: Server, target: str, end: str) -> None:
    server.answers = [_answer(b"", status="302 Found", more=f"Location: {target}\r\n")]
    hosts = {"sample.example": [PUBLIC], "inside.example": ["10.0.0.7"]}
    assert _refused(lambda: server.fetch("http://sample.example/", hosts)) == end
    assert len(server.dialled) == 1


def test_a_name_that_changes_its_address_is_looked_up_once_for_each_call(server: Server) -> None:
    told = iter([[PUBLIC], ["127.0.0.1"]])
    server.answers = [_answer()]
    web.fetch("http://sample.example/", ON, resolve=lambda *_: next(told), connect=server.dial)
    assert server.dialled == [(PUBLIC, 80)]


def test_three_redirects_are_followed_and_no_more(server: Server) -> None:
    hop = _answer(b"", status="301 Moved", more="Location: /next\r\n")
    server.answers = [hop, hop, hop, _answer()]
    assert server.fetch("http://sample.example/").url == "http://sample.example/next"
    server.answers = [hop] * 4
    assert _refused(lambda: server.fetch("http://sample.example/")) == "redirects"


# ---------------------------------------------------------------- servers that behave badly


def _drip(connection: socket.socket) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1000:
        connection.sendall(bytes([letter]))
        time.sleep(0.05)


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (_answer(b"x", status="404 Not Found"), "unreachable"),
        (b"", "unreachable"),
        (b"SSH-2.0-x\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 900\r\n\r\ncut", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9000000\r\n\r\n", "too_big"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500, "unreachable"),
        (_endless, "too_big"),
        (_drip, "slow"),
        (lambda connection: time.sleep(1.5), "slow"),
    ],
)
def test_a_bad_server_costs_little_time_and_nothing_else(server: Server, answer: bytes, end: str) -> None:
    server.answers = [answer]
    started = time.monotonic()
    seconds = 1.0 if end == "slow" else 10.0
    assert _refused(lambda: server.fetch("http://sample.example/", seconds=seconds)) == end
    assert time.monotonic() - started < 5


def test_a_resolver_that_never_answers() -> None:
    def never(host: str, port: int) -> list[str]:
        time.sleep(1.5)
        return [PUBLIC]

    started = time.monotonic()
    assert (
        _refused(lambda: web.fetch("http://sample.example/", ON, resolve=never, connect=_forbidden, seconds=0.3))
        == "slow"
    )
    assert time.monotonic() - started < 1.2


def test_https_needs_a_certificate_of_the_host(server: Server) -> None:
    server.answers = [_answer()]
    assert _refused(lambda: server.fetch("https://sample.example/")) == "unreachable"
    assert server.dialled == [(PUBLIC, 443)]
    assert b"sample.example" in server.asked[0]  # the name goes with the greeting, though the address is pinned
