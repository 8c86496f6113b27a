"""Signing in: passwords, the second step, limits, hosts; and what must not get anybody in."""

from __future__ import annotations

import re
import statistics
import time
from datetime import timedelta

import pyotp
import pytest
from sqlmodel import select

from console import limits, passwords, second, sessions
from console.auth import Area, Role, Signer
from engagement.entry import accounts
from storage.engine import Session
from storage.entry import Login, SignInFailure
from tests.console.doors import CSRF, NOW, PASSWORD, SECRET, House, come_as, sign_in, token


def test_a_manager_comes_in_by_a_password(house: House) -> None:
    house.account("Wang", "manager", "south")
    client = house.browser()
    answer = sign_in(client, " WANG ", back="/console/me")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/me")
    page = client.get("/console/me")
    assert page.status_code == 200
    assert "wang" in page.text
    assert "区域经理" in page.text
    assert house.actions()[-2:] == ["signin.password", "signin.done"]


@pytest.mark.parametrize(("name", "password"), [("wang", "wrong"), ("nobody", PASSWORD), ("", ""), ("wang", "")])
def test_a_wrong_one_gets_the_same_words(house: House, name: str, password: str) -> None:
    house.account("wang")
    answer = sign_in(house.browser(), name, password)
    assert answer.status_code == 401
    assert "账号或密码不对" in answer.text
    assert not [one for one in answer.headers.get_list("set-cookie") if "tt_console" in one]


def test_staff_set_a_second_step_up_before_anything_opens(house: House) -> None:
    person = house.account("wang")
    client = house.browser()
    assert sign_in(client, "wang").status_code == 303
    for path in ("/console", "/console/knowledge"):
        assert client.get(path).headers["location"] == "/console/me/second"
    data = {"csrf": token(client, "/console/me/second"), "password": PASSWORD}
    page = client.post("/console/me/second", data=data).text
    assert "data:image/svg+xml;base64," in page
    grouped = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)
    pending = re.search(r'name="pending" value="([^"]+)"', page)
    assert grouped is not None
    assert pending is not None
    shown = grouped.group().replace(" ", "")
    assert shown not in pending.group(1)
    form = {"csrf": token(client, "/console/me/second"), "pending": pending.group(1)}
    assert client.post("/console/me/second/confirm", data={**form, "code": "000000"}).status_code == 422
    code = house.code(shown)
    for forged in ("", "rubbish", second.sealed(Signer(SECRET), person, shown)):
        answer = client.post("/console/me/second/confirm", data={**form, "pending": forged, "code": code})
        assert answer.status_code == 303
    assert house.database.read_now(lambda s: s.get_one(Login, person)).second == ""
    done = client.post("/console/me/second/confirm", data={**form, "code": code})
    codes = re.findall(r"<li>([a-z0-9]{5}-[a-z0-9]{5})</li>", done.text)
    assert (done.status_code, len(set(codes))) == (200, 10)
    assert "/login" not in client.get("/console").headers.get("location", "")
    fresh = CSRF.search(done.text)
    assert fresh is not None
    assert client.post("/large", data={"csrf": fresh.group(1)}).status_code == 303
    row = house.database.read_now(lambda s: s.get_one(Login, person))
    assert row.second
    assert shown not in row.second
    assert not set(codes) & set(row.recovery or [])
    # A code that was used once opens nothing more, also at the sign-in.
    other = house.browser()
    assert sign_in(other, "wang").headers["location"].startswith("/login/code")
    assert other.get("/console").headers["location"].startswith("/login?")
    assert other.post("/login/code", data={"csrf": token(other, "/login/code"), "code": code}).status_code == 401
    answer = other.post("/login/code", data={"csrf": token(other, "/login/code"), "code": codes[0]})
    assert answer.headers["location"] == "/console"
    assert other.get("/console/me").status_code == 200
    third = house.browser()
    sign_in(third, "wang")
    assert third.post("/login/code", data={"csrf": token(third, "/login/code"), "code": codes[0]}).status_code == 401


def test_a_code_works_once_and_the_neighbouring_steps_too(house: House) -> None:
    _, secret, _ = house.with_second("wang")
    for moved, fits in ((-29, True), (0, True), (0, False), (-95, False), (90, False)):
        client = house.browser()
        sign_in(client, "wang")
        code = pyotp.TOTP(secret).at(house.clock.now() + timedelta(seconds=moved))
        answer = client.post(
            "/login/code", data={"csrf": token(client, "/login/code"), "code": f" {code[:3]} {code[3:]}"}
        )
        assert (answer.status_code == 303) == fits, moved


def test_another_phone_is_set_up_with_the_old_one_only(house: House) -> None:
    """A password alone puts no other phone in the place of a lost one; until the new one is confirmed the old counts."""
    person, _, _ = house.with_second("wang", "manager")
    before = house.database.read_now(lambda s: s.get_one(Login, person)).second
    for strong, status in ((False, 403), (True, 200)):
        client = house.browser()
        come_as(client, house.database, Role.MANAGER, person, strong=strong)
        data = {"csrf": token(client, "/console/me/second"), "password": PASSWORD}
        assert client.post("/console/me/second", data=data).status_code == status
        assert client.post("/console/me/second", data={**data, "password": "wrong"}).status_code == 422
    assert house.database.read_now(lambda s: s.get_one(Login, person)).second == before


def test_the_step_alone_opens_nothing_and_ends(house: House) -> None:
    house.with_second("wang")
    client = house.browser()
    sign_in(client, "wang")
    assert client.get("/console/me").status_code == 303
    house.clock.set(NOW + timedelta(minutes=11))
    assert client.get("/login/code").headers["location"] == "/login"
    assert house.browser().get("/login/code").headers["location"] == "/login"


def test_the_second_step_is_limited_too(house: House) -> None:
    house.with_second("wang")
    client = house.browser()
    sign_in(client, "wang")
    csrf = token(client, "/login/code")
    statuses = [client.post("/login/code", data={"csrf": csrf, "code": f"{n:06}"}).status_code for n in range(8)]
    assert statuses.count(429) >= 2


def test_an_account_without_a_role_or_stopped_does_not_come_in(house: House) -> None:
    person = house.account("wang", "")
    assert "还没有角色" in sign_in(house.browser(), "wang").text
    house.database.write_now(lambda s: accounts.grant(s, person, "staff", NOW, by=None))
    house.database.write_now(lambda s: accounts.disable(s, person, NOW, by=None))
    assert "账号或密码不对" in sign_in(house.browser(), "wang").text


def test_a_sealed_secret_opens_in_its_own_row_and_house_only() -> None:
    signer = Signer(SECRET)
    sealed = second.sealed(signer, 7, "JBSWY3DPEHPK3PXP")
    assert second.opened(signer, 7, sealed) == "JBSWY3DPEHPK3PXP"
    assert second.opened(signer, 8, sealed) == second.opened(Signer("another"), 7, sealed) == ""
    assert second.opened(signer, 7, "rubbish") == second.opened(signer, 7, "") == ""


def test_ten_thousand_tries_are_hardly_heard(house: House) -> None:
    """One a second at one account: some twenty are heard in three hours. From one source at many accounts: a few more."""
    signer, heard, spread = Signer(SECRET), 0, 0

    def tries(session: Session) -> tuple[int, int]:
        one = many = 0
        for n in range(10_000):
            at = NOW + timedelta(seconds=n)
            one += limits.take(session, limits.keys(signer, "wang", f"10.0.{n % 250}.{n % 199}"), at) is None
        for n in range(10_000):
            at = NOW + timedelta(days=2, seconds=n)
            many += limits.take(session, limits.keys(signer, f"name{n}", "10.9.9.9"), at) is None
        return one, many

    heard, spread = house.database.write_now(tries)
    assert 5 <= heard <= 20
    assert 30 <= spread <= 45
    rows = house.database.read_now(lambda s: [row.key for row in s.exec(select(SignInFailure))])
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in rows)


def test_the_delay_grows_and_ends_and_is_forgotten(house: House) -> None:
    assert [limits.delay(n, 5).total_seconds() for n in (1, 4, 5, 6, 7, 50)] == [0, 0, 30, 60, 120, 3600]
    house.account("wang", "manager", "south")
    client = house.browser()
    for _ in range(5):
        assert sign_in(client, "wang", "wrong").status_code == 401
    assert sign_in(client, "wang").status_code == 429
    assert sign_in(client, "nobody").status_code == 401
    house.clock.set(NOW + timedelta(seconds=31))
    assert sign_in(client, "wang").status_code == 303
    assert sign_in(house.browser(), "wang", "wrong").status_code == 401


def test_an_unknown_name_is_locked_in_the_same_way(house: House) -> None:
    client = house.browser()
    assert [sign_in(client, "nobody", "x").status_code for _ in range(6)] == [401] * 5 + [429]


def test_an_unknown_name_takes_the_same_time() -> None:
    """The median difference on the hashing path lies under 5 ms; in the thread's own time, since others work here too."""
    stored = passwords.hashed(PASSWORD)
    passwords.matches("", "x")
    known: list[float] = []
    unknown: list[float] = []
    for _ in range(15):
        for one, taken in ((stored, known), ("", unknown)):
            began = time.thread_time()
            passwords.matches(one, "wrong password")
            taken.append(time.thread_time() - began)
    assert abs(statistics.median(known) - statistics.median(unknown)) < 0.005
    assert statistics.median(unknown) > 0.005


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("short", "short"),
        ("x" * 200, "long"),
        ("password123", "weak"),
        ("Password1234!!", "weak"),
        ("aaaaaaaaaaaa", "weak"),
        ("1234567890", "weak"),
        ("my-wang-is-here", "name"),
        (PASSWORD, ""),
        ("三月的雨下在团购群里", ""),
    ],
)
def test_what_is_no_password(password: str, fault: str) -> None:
    assert passwords.fault(password, "wang") == fault


def test_another_host_gets_nothing(house: House) -> None:
    client = house.browser()
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"host": "testserver.evil.example"}).status_code == 400
    for host in ("testserver", "127.0.0.1:8080", "localhost"):
        assert client.get("/", headers={"host": host}).status_code == 200


def test_what_a_browser_is_called() -> None:
    agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
    assert sessions.browser_of(agent) == "Chrome · Android"
    assert sessions.browser_of("<script>alert(1)</script> 13912345678") == "?"
    assert sessions.browser_of("X11; Linux Firefox/120") == "Firefox · Linux"
    assert sessions.browser_of("Mozilla MicroMessenger/8 iPhone") == "WeChat · iPhone"
    assert Area.STEP.cookie == "tt_step"


def test_nobody_locks_a_second_step_by_the_name_of_an_account(house: House) -> None:
    """The tries of a second step are counted under no name that somebody could type at the sign-in."""
    person, secret, _ = house.with_second("wang")
    stranger = house.browser()
    for _ in range(8):
        sign_in(stranger, f"second step of {person}", "rubbish rubbish")
    client = house.browser()
    sign_in(client, "wang")
    answer = client.post("/login/code", data={"csrf": token(client, "/login/code"), "code": house.code(secret)})
    assert answer.status_code == 303


def test_a_stranger_does_not_lock_a_colleague_out_of_her_own_browser(house: House) -> None:
    """Her browser was in by her password; another's, another account's and a forged one wait like everybody."""
    house.account("wang")
    house.account("li")
    hers, others, stranger = house.browser(), house.browser(), house.browser()
    assert sign_in(hers, "wang").status_code == sign_in(others, "li").status_code == 303
    for _ in range(8):
        sign_in(stranger, "wang", "rubbish rubbish")
    stranger.cookies.set("__Host-tt_known", "nonce.0123456789")
    assert sign_in(stranger, "wang").status_code == sign_in(others, "wang").status_code == 429
    assert sign_in(hers, "wang").status_code == 303
    # What she tries wrong herself is counted there too.
    assert [sign_in(hers, "wang", "rubbish rubbish").status_code for _ in range(7)].count(429) == 2
