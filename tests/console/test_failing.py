"""What a browser gets when something fails: our own page with all headers; and a body that never ends is not waited for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient

from console import patience
from console.app import HEADERS
from console.auth import Area, Role
from console.policy import ANYBODY_SIGNED_IN, Allow
from tests.console.doors import SITE, House, come_as, link, token

SECRET_WORDS = "words of somebody"
FIRST_PART = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n'


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    def broken() -> None:
        raise RuntimeError(SECRET_WORDS)

    house.app.get("/broken", dependencies=[Depends(Allow())])(broken)
    with TestClient(house.app, SITE, follow_redirects=False, raise_server_exceptions=False) as found:
        yield found


# ---------------------------------------------------------------- words and headers


def test_what_nobody_expected_is_a_page_of_ours_with_every_header(client: TestClient) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "我这边出错了" in answer.text
    assert SECRET_WORDS not in answer.text
    assert "RuntimeError" not in answer.text
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"


def test_a_mark_leads_from_the_page_to_the_log(client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    text = client.get("/broken").text
    mark = text.partition("带上这个编号：")[2][:6]
    assert len(mark) == 6
    out, err = capfd.readouterr()
    assert mark in out + err


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/console/knowledge/x", 404, "没有这一页"),
        ("/console/calendar/x", 404, "没有这一页"),
        ("/console/calendar/1/beats/x/preview", 404, "没有这一页"),
        ("/nowhere", 404, "没有这一页"),
        ("/broken/x", 404, "没有这一页"),
    ],
)
def test_an_address_with_a_word_for_a_number_is_a_page_that_is_not_there(
    client: TestClient, house: House, path: str, status: int, words: str
) -> None:
    person, _, _ = house.with_second("boss", "admin")
    come_as(client, house.database, Role.ADMIN, person, strong=True)
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert "detail" not in answer.text


@pytest.mark.parametrize("host", ["[", "[::1", "elsewhere.example", "testserver:1", ""])
def test_a_host_that_is_not_ours_gets_nothing(client: TestClient, host: str) -> None:
    answer = client.get("/login", headers={"host": host})
    assert answer.status_code == 400
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_half_an_address_as_origin_is_another_site(client: TestClient) -> None:
    assert client.post("/large", data={"csrf": token(client)}, headers={"origin": "http://["}).status_code == 403


def test_a_closed_page_gives_the_one_reason_that_is_true(client: TestClient, house: House) -> None:
    come_as(client, house.database, Role.LEADER, 1)
    role = client.get("/console/audit")
    form = client.post("/large", data={"csrf": "0" * 128})
    assert (role.status_code, form.status_code) == (403, 403)
    assert "归别人管" in role.text
    assert "放得太久" in form.text
    for text in (role.text, form.text):
        assert "登录过期" not in text
    assert 'href="/console">回首页' in role.text
    assert 'href="/h5">回首页' in client.get("/h5/nowhere").text
    assert 'href="/">回首页' in client.get("/broken").text


# ---------------------------------------------------------------- the time of a body


def trickle(app: FastAPI, path: str, headers: dict[str, str], pause: float) -> tuple[int, dict[str, str], str]:
    """Post a body of which a byte comes, and then after each pause another one, for ever."""

    async def run() -> tuple[int, dict[str, str], str]:
        sent: list[Any] = []
        first = [FIRST_PART] if headers["content-type"].startswith("multipart") else []

        async def receive() -> dict[str, object]:
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": first.pop() if first else b"a", "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        given = {"host": "testserver", "content-length": "1000", **headers}
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 443),
            "scheme": "https",
            "http_version": "1.1",
            "root_path": "",
        }
        async with asyncio.timeout(5):
            await app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(one.get("body", b"") for one in sent[1:])
        return sent[0]["status"], answered, body.decode()

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("header", [True, False])
def test_a_form_that_trickles_in_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch, kind: str, header: bool
) -> None:
    monkeypatch.setattr(patience, "FORM_SECONDS", 0.2)
    headers = {"content-type": kind, **({"x-csrf-token": "0" * 128} if header else {})}
    status, answered, text = trickle(house.app, "/large", headers, 0.01)
    assert status == 408
    assert answered["connection"] == "close"
    assert answered["x-content-type-options"] == "nosniff"
    assert "传得太慢" in text


def test_files_have_their_own_time_and_only_for_who_may_send_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FORM_SECONDS", 0.1)
    monkeypatch.setattr(patience, "UPLOAD_SECONDS", 0.6)
    began: list[float] = []

    async def take(request: Request) -> None:
        began.append(asyncio.get_running_loop().time())
        await request.form()

    policy = Allow(Area.CONSOLE, ANYBODY_SIGNED_IN, files=1, most_bytes=10_000)
    house.app.post("/take", dependencies=[Depends(policy)])(take)
    browser = house.browser()
    come_as(browser, house.database, Role.LEADER, 1)
    kind = {"content-type": "multipart/form-data; boundary=b"}
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    # Nobody known: sent away before a byte of it is read.
    assert trickle(house.app, "/take", kind, 0.01)[0] == 303

    def took() -> tuple[int, float]:
        async def clock() -> float:
            return asyncio.get_running_loop().time()

        first = asyncio.run(clock())
        status = trickle(house.app, "/take", {**kind, "cookie": cookies}, 0.01)[0]
        return status, asyncio.run(clock()) - first

    status, seconds = took()
    assert status == 408
    assert seconds > 0.5


# ---------------------------------------------------------------- how pages travel


def raw(client: TestClient, path: str, **headers: str) -> tuple[str, bytes, str]:
    """Ask, and return the encoding, the body as it came, and the page."""
    with client.stream("GET", path, headers={"accept-encoding": "gzip", **headers}) as answer:
        encoding = answer.headers.get("content-encoding", "")
        body = b"".join(answer.iter_raw())
        assert "Accept-Encoding" in answer.headers["vary"]
    return encoding, body, (gzip.decompress(body) if encoding else body).decode()


def test_a_page_is_packed_on_its_way(client: TestClient) -> None:
    encoding, body, text = raw(client, "/login")
    assert encoding == "gzip"
    assert len(body) * 2 < len(text.encode())
    assert "</html>" in text
    assert raw(client, "/login", **{"accept-encoding": "identity"})[0] == ""


def test_a_page_with_a_secret_or_for_another_site_goes_as_it_is(client: TestClient, house: House) -> None:
    assert raw(client, link(house, "h5", 2))[0] == ""
    assert raw(client, "/login", **{"sec-fetch-site": "cross-site"})[0] == ""
    assert raw(client, "/login", **{"sec-fetch-site": "same-origin"})[0] == "gzip"


def test_how_long_a_packed_page_is_tells_nothing_of_its_token(client: TestClient) -> None:
    """The same page twice: other letters for the token, another length."""
    client.get("/login")
    pages = [raw(client, "/login") for _ in range(12)]
    assert len({text for _, _, text in pages}) == 12
    assert len({len(body) for _, body, _ in pages}) > 3


def test_every_token_of_a_browser_holds(client: TestClient) -> None:
    client.get("/login")
    tokens = [token(client) for _ in range(3)]
    assert len(set(tokens)) == 3
    for one in tokens:
        assert client.post("/large", data={"csrf": one}).status_code == 303
    mixed = tokens[0][:64] + tokens[1][64:]
    for wrong in (mixed, tokens[0][:-1], tokens[0].upper(), tokens[0][64:], tokens[0] + "00"):
        assert client.post("/large", data={"csrf": wrong}).status_code == 403
