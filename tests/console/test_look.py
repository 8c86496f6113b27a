"""The look: what is committed fits the templates, nothing on a page needs an exception from the policy, pages stay light."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from bot.main import Program
from console import navigation, policy
from console.auth import Role
from tests.console.browsers import Browser
from tests.console.doors import token
from tests.console.entering import application, sign_in

pytestmark = pytest.mark.xdist_group("console")
CONSOLE = Path(__file__).resolve().parents[2] / "console"
TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))
STATIC = CONSOLE / "static"
HOOKS = {"console", "plain", "h5", "entries", "said"}
"""Classes that tests and scripts find things by; they have no look."""
FIRST_PAGE, ANY_PAGE = 60 * 1024, 300 * 1024


@pytest.fixture(scope="module")
def program(community: Program) -> Program:
    return community


# ---------------------------------------------------------------- classes


def classes_of(source: str) -> set[str]:
    """Classes that a template names whole; those put together from pieces are left out."""
    found: set[str] = set()
    for quoted in re.findall(r"""\bclass=(?:"((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"|'([^']*)')""", source, flags=re.DOTALL):
        value = quoted[0] or quoted[1]
        for inside in re.findall(r"(?:^|[\s}])\{\{(.*?)\}\}(?![\w-])", value, flags=re.DOTALL):
            chosen = re.findall(r"'([^']*)'\s+if\b|\belse\s+'([^']*)'|:\s*'([^']*)'|\|default\('([^']*)'", inside)
            pieces = "~" in inside
            found.update(word for one in chosen for part in one for word in part.split() if not pieces)
        rest = re.sub(r"\{\{.*?\}\}", "\0", value, flags=re.DOTALL)
        rest = re.sub(r"\{%.*?%\}", " ", rest, flags=re.DOTALL)
        found.update(word for word in rest.split() if "\0" not in word)
    return found


def classes_in(css: str) -> set[str]:
    """Classes that a style sheet has rules for."""
    return {re.sub(r"\\(.)", r"\1", one) for one in re.findall(r"\.((?:\\.|[\w-])+)", css)}


def test_the_committed_look_has_every_class_of_the_templates() -> None:
    """If this fails, a template is ahead of console/static/app.css: run `make assets ONLY=css` and commit the file."""
    known = classes_in((STATIC / "app.css").read_text("utf-8")) | HOOKS
    missing = {path.name: sorted(lost) for path in TEMPLATES if (lost := classes_of(path.read_text("utf-8")) - known)}
    assert not missing


def test_a_class_that_is_not_there_is_noticed() -> None:
    chosen = "{{ 'on' if x else 'off' }}{% if y %} planted{% endif %}"
    template = f"""<p class="card lg:p-2 {chosen} m{{{{ n }}}} btn-{{{{ 'wide' if z else 'slim' }}}}"></p>"""
    assert classes_of(template) == {"card", "lg:p-2", "on", "off", "planted"}
    assert classes_in(r".card{a:b}.lg\:p-2{a:b}.w-\[15rem\]:hover{a:b}") == {"card", "lg:p-2", "w-[15rem]"}
    assert "planted" not in classes_in((STATIC / "app.css").read_text("utf-8"))


# ---------------------------------------------------------------- the policy without exceptions

INLINE = re.compile(
    r"""\sstyle\s*=|<style\b|\son[a-z]+\s*=|javascript:|\shx-on\b|<script(?![^>]*\b(?:src=|type="application/json"))"""
)


def without_code(source: str) -> str:
    """A template without what is in its braces."""
    return re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", source, flags=re.DOTALL)


def test_no_template_has_style_or_script_within() -> None:
    found = {path.name: INLINE.findall(without_code(path.read_text("utf-8"))) for path in TEMPLATES}
    assert not {name: lines for name, lines in found.items() if lines}
    assert not [path.name for path in TEMPLATES if re.search(r"(?:src|href)=\"https?:", path.read_text("utf-8"))]


@pytest.mark.parametrize(
    "planted",
    [
        '<p style="x">',
        "<style>",
        '<a onclick="x">',
        "<script>x</script>",
        '<a href="javascript:x">',
        '<a hx-on:click="x">',
    ],
)
def test_style_and_script_within_are_noticed(planted: str) -> None:
    assert INLINE.search(planted)
    assert not INLINE.search('<script defer src="/x.js"></script><script type="application/json">{}</script>')


# ---------------------------------------------------------------- weight


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def weight(client: TestClient, path: str) -> int:
    """Bytes of a page and all it loads, gzipped."""
    page = client.get(path)
    assert page.status_code == 200
    files = set(re.findall(r'(?:src|href)="/static/([\w.-]+)', page.text))
    assert "app.css" in files
    return len(gzip.compress(page.content, 9)) + sum(packed(STATIC / name) for name in files)


def test_the_first_page_is_light(client: TestClient) -> None:
    assert weight(client, "/") <= FIRST_PAGE
    assert weight(client, "/login") <= FIRST_PAGE


def test_pages_of_every_role_are_light(client: TestClient) -> None:
    sign_in(client, "staff")
    seen = 0
    for path in ("/console/today", "/console/knowledge", "/console/try"):
        if client.get(path).status_code == 200:
            seen += 1
            assert weight(client, path) <= ANY_PAGE, path
    sign_in(client, "resident")
    assert weight(client, "/h5") <= FIRST_PAGE + 20 * 1024
    assert seen >= 2


def test_static_files_come_packed_and_are_kept(client: TestClient) -> None:
    address = re.findall(r'href="(/static/app\.css\?v=[0-9a-f]{8})"', client.get("/").text)[0]
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == (STATIC / "app.css").read_text("utf-8")
    plain = client.get("/static/app.css", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert "immutable" not in plain.headers["cache-control"]
    again = client.get(address, headers={"if-none-match": answer.headers["etag"], "accept-encoding": "gzip"})
    assert again.status_code == 304
    assert client.get("/static/icon-192.png").headers["content-type"] == "image/png"
    assert "set-cookie" not in answer.headers


# ---------------------------------------------------------------- colours

READ = (
    *(("--color-base-content", f"--color-base-{n}") for n in ("100", "200", "300")),
    *(("--muted", ground) for ground in ("--color-base-100", "--color-base-200", "--sunk")),
    *(
        (f"--color-{tone}-content", f"--color-{tone}")
        for tone in ("primary", "secondary", "neutral", "info", "success")
    ),
    *((f"--color-{tone}-content", f"--color-{tone}") for tone in ("warning", "error", "accent")),
    *(
        (f"--color-{tone}", ground)
        for tone in ("success", "error", "info")
        for ground in ("--color-base-100", "--sunk")
    ),
    ("--color-success", "--soft"),
    ("--color-success", "--color-base-200"),
    ("--color-warning", "--soft-accent"),
    ("--color-warning", "--color-base-100"),
    ("--muted", "--soft-accent"),
    ("--color-base-content", "--soft"),
)
"""What is written on what."""


def tokens(theme: str) -> dict[str, str]:
    """Colours of a theme, from the sources of the look."""
    sources = [(CONSOLE / "assets" / name).read_text("utf-8") for name in ("input.css", "house.css")]
    plugin = sources[0].partition(f'name: "{theme}";')[2].partition("}")[0]
    ours = sources[1].partition(f'[data-theme="{theme}"] {{')[2].partition("}")[0]
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", plugin + ours))


def brightness(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def contrast(one: str, other: str) -> float:
    dark, light = sorted((brightness(one), brightness(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["tuan", "tuan-dark"])
def test_what_is_written_can_be_read(theme: str) -> None:
    colours = tokens(theme)
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in READ}
    assert not {pair: value for pair, value in weak.items() if value < 4.5}
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    faces = re.findall(r"--c\d: (#[0-9a-f]{6});", (CONSOLE / "assets" / "house.css").read_text("utf-8"))
    assert len(faces) == 8
    assert all(contrast(face, "#ffffff") >= 4.5 for face in faces)


# ---------------------------------------------------------------- switches, the installed page, the notice


def test_light_and_dark_are_remembered_and_follow_the_system_again(client: TestClient) -> None:
    assert "data-theme" not in client.get("/").text
    for wanted, shown in (("dark", 'data-theme="tuan-dark"'), ("light", 'data-theme="tuan"')):
        answer = client.post("/theme", data={"csrf": token(client), "back": "/", "theme": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert shown in client.get("/").text
    for wanted in ("system", "<script>", ""):
        client.post("/theme", data={"csrf": token(client), "back": "//elsewhere.example", "theme": wanted})
        assert "data-theme" not in client.get("/").text
    assert client.post("/theme", data={"theme": "dark"}).status_code == 403


def test_the_page_can_be_put_on_a_home_screen(client: TestClient) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    described = json.loads(answer.text)
    assert described["name"] == "团团助手"
    for icon in described["icons"]:
        assert client.get(icon["src"]).status_code == 200
    for size in (192, 512):
        head = (STATIC / f"icon-{size}.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) == (size, size)


def test_only_the_notice_is_kept_on_a_device(client: TestClient) -> None:
    worker = client.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    kept = re.findall(r'"(/[^"]*)"', re.findall(r"FILES = \[(.*?)\]", worker.text)[0])
    assert [path.partition("?")[0] for path in kept] == ["/offline", "/static/app.css", "/static/logo.svg"]
    assert "worker-src 'self'" in worker.headers["content-security-policy"]
    sign_in(client, "staff")
    with_somebody = client.get("/offline")
    assert with_somebody.status_code == 200
    assert "csrf" not in with_somebody.text
    assert with_somebody.text == Browser(client.app).get("/offline").text
    assert client.get("/console", headers={"accept-encoding": "gzip"}).headers["cache-control"] == "no-store"


def test_the_build_names_no_host_and_runs_no_scripts() -> None:
    lock = json.loads((CONSOLE / "assets" / "package-lock.json").read_text("utf-8"))
    assert not re.search(r"https?://", json.dumps(lock))
    assert all("integrity" in one for name, one in lock["packages"].items() if name)
    wanted = json.loads((CONSOLE / "assets" / "package.json").read_text("utf-8"))["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted} == wanted
    settings = (CONSOLE / "assets" / ".npmrc").read_text("utf-8")
    assert "ignore-scripts=true" in settings
    assert "omit-lockfile-registry-resolved=true" in settings


# ---------------------------------------------------------------- navigation


def hrefs(page: str) -> list[str]:
    side = page.partition('<nav class="rooms"')[2].partition("</nav>")[0]
    return re.findall(r'href="([^"]+)"', side)


def roles_of(app: FastAPI) -> Iterator[tuple[str, frozenset[Role]]]:
    for route in policy.routes_of(app.routes):
        if isinstance(route, APIRoute):
            for one in route.dependant.dependencies:
                if isinstance(one.call, policy.Allow):
                    yield route.path, one.call.roles


@pytest.mark.parametrize("who", ["staff", "leader"])
def test_only_rooms_that_are_there_are_linked(client: TestClient, who: str) -> None:
    sign_in(client, who)
    start = client.get("/console", follow_redirects=True)
    linked = hrefs(start.text)
    assert "/console/knowledge" in linked
    assert len(linked) == len(set(linked)) >= 3
    for path in linked:
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        if path.startswith("/console/") and "/my/" not in path:
            assert f'href="{path}" aria-current="page"' in answer.text, path
    assert "/console/accounts" not in linked


def test_a_room_that_is_missing_or_closed_is_not_linked(program: object) -> None:
    app = application(program)  # type: ignore[arg-type]
    known = dict(roles_of(app))
    for room in navigation.ROOMS:
        if room.path in known:
            assert room.roles & known[room.path], room.path
    app.state.open_paths = {"/console/knowledge": frozenset({Role.STAFF}), "/console/try": frozenset({Role.ADMIN})}
    with Browser(app, follow_redirects=False) as browser:
        sign_in(browser, "staff")
        assert hrefs(browser.get("/console/knowledge").text) == ["/console/knowledge"]


def test_every_room_has_its_drawing() -> None:
    drawn = set(re.findall(r'name == "([a-z]+)"', (CONSOLE / "templates" / "parts.html").read_text("utf-8")))
    assert {room.icon for room in navigation.ROOMS} <= drawn


def test_a_phone_has_four_rooms_and_the_rest_behind_more(client: TestClient) -> None:
    sign_in(client, "staff")
    page = client.get("/console", follow_redirects=True).text
    dock = page.partition('<nav class="tabbar"')[2].partition("</nav>")[0]
    first, _, rest = dock.partition("<details")
    assert len(re.findall("<a ", first)) == min(4, len(hrefs(page)))
    assert page.count('id="main"') == 1
    if rest:
        assert "更多" in rest


# ---------------------------------------------------------------- for who does not see or has no mouse


@pytest.mark.parametrize(
    "path", ["/", "/login", "/console/today", "/console/knowledge", "/console/try", "/console/my/facts"]
)
def test_a_page_can_be_used_without_eyes_and_mouse(client: TestClient, path: str) -> None:
    sign_in(client, "staff")
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 200
    page = answer.text
    assert '<html lang="zh-CN"' in page
    assert len(re.findall("<h1", page)) == 1
    assert '<a class="skip" href="#main"' in page
    assert 'id="toasts" role="status" aria-live="polite"' in page
    labelled = set(re.findall(r'<label[^>]*\bfor="([^"]+)"', page))
    for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
        if 'type="hidden"' in field or 'type="submit"' in field:
            continue
        name = re.findall(r'\bid="([^"]+)"', field)
        before = page[: page.index(field)]
        wrapped = before.count("<label") > before.count("</label")
        assert wrapped or "aria-label" in field or (name and name[0] in labelled), field
    assert not re.findall(r"<img(?![^>]*\balt=)", page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
