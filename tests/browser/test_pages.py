"""Every page that there is: none forgotten, each within reach of everybody (axe), light on the way, without an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import pages
from tests.browser.house import WHO, House
from tests.browser.pages import Sample
from tests.browser.serving import SIZES
from tests.tools import roles

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240), pytest.mark.untraced]
Visit = Callable[[str, str], "Page"]

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
STILL = """() => { const still = new CSSStyleSheet();
still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
document.adoptedStyleSheets = [...document.adoptedStyleSheets, still]; }"""
"""Nothing fades: a colour is looked at as it stays, and not on its way."""
EXTRA = """async () => { for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
return document.documentElement.scrollWidth - document.documentElement.clientWidth; }"""
"""Charts are told of a new size between two frames."""
TWICE = "document.documentElement.style.fontSize = '200%'"
SMALL = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, label.chip")]
  .filter((one) => !one.closest(".skip, .sr-only, .cards-on-phone thead, label:not(.chip)") || one.matches("label.chip"))
  .flatMap((one) => {
    const box = one.getBoundingClientRect(), look = getComputedStyle(one), more = getComputedStyle(one, "::after");
    if (!box.width || !box.height || look.visibility === "hidden") return [];
    const wider = more.position === "absolute" && more.content !== "none" ? more : null;
    const width = Math.max(box.width, parseFloat(wider?.width) || 0);
    const height = Math.max(box.height, parseFloat(wider?.height) || 0);
    if (width >= 43.5 && height >= 43.5) return [];
    const words = (one.textContent || one.getAttribute("aria-label") || one.name || "").trim().slice(0, 16);
    return [`${one.tagName} "${words}" is ${Math.round(width)} by ${Math.round(height)}`];
  })"""
"""What a finger has less than 44 by 44 pixels of."""
NO_FINGERS = {"/sim"}
SERIOUS = {"serious", "critical"}
LIGHTEST, LIGHT = 60 * 1024, 300 * 1024
"""Bytes over the wire: the first page of somebody with a phone, and any other."""
FIRST = {"/", "/login", "/login?to=h5&back=/h5", "/h5"}

PAGES = list(pages.samples("page"))
LARGE = [sample for sample in PAGES if sample.large]


def names(sample: Sample) -> str:
    return sample.name


# ---------------------------------------------------------------- none is forgotten


def test_every_route_has_a_sample() -> None:
    """If this fails, a page was added: give it a line in tests/browser/pages.py."""
    assert set(pages.routes()) - set(pages.SAMPLES) == set()


def test_a_sample_is_looked_at_by_somebody_who_may() -> None:
    may = {path: {role.value for role in policy.roles} for method, path, policy in roles.routes() if method == "GET"}
    for path, found in pages.SAMPLES.items():
        for sample in found:
            assert not sample.who or sample.who in WHO
            if path in may:
                assert (sample.who in may[path]) if may[path] else not sample.who, path


def test_samples_answer_as_they_say(house: House) -> None:
    wrong: list[tuple[str, int | str]] = []
    for sample in pages.samples():
        with house.client(sample.who) as client:
            answer = client.get(sample.filled(house.world).address)
        if answer.status_code != sample.status:
            wrong.append((sample.name, answer.status_code))
        if sample.kind == "page" and "<h1" not in answer.text and sample.address != "/sim":
            wrong.append((sample.name, "no h1"))
    assert not wrong


# ---------------------------------------------------------------- light on the way


def weighed(page: Page, address: str) -> int:
    """Bytes of a page and of all it loads, as they come over the wire, with nothing kept from before.

    Pictures that the bot sent into the simulator's chat are what is said there, not what the page is made of.
    """
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - a builtin cannot be marked
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(150)  # what a page asks for as soon as it is there
    total = 0
    for answer in answers:
        if "/sim/pictures/" in answer.url:
            continue
        answer.finished()
        sizes = answer.request.sizes()
        total += sizes["responseBodySize"] + sizes["responseHeadersSize"]
    return total


# ---------------------------------------------------------------- within everybody's reach


def complaints(page: Page, *, contrast_only: bool = False) -> list[str]:
    """What axe finds on a page as it is shown now: rule, and the first elements."""
    chosen = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if contrast_only else {}
    options = json.dumps({"resultTypes": ["violations"], "iframes": False, **chosen})
    found: list[dict[str, Any]] = page.evaluate(f"axe.run(document, {options}).then((found) => found.violations)")
    return [
        f"{one['id']}: {[node['target'][0] for node in one['nodes']][:3]} {one['nodes'][0]['failureSummary'][34:260]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def shown(page: Page, size: str, scheme: Any) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


def looked_at(page: Page, sample: Sample) -> int:
    """Open a page and hand it the ruler, which the page's own policy would not load; returns the page's weight."""
    weight = weighed(page, sample.address)
    page.evaluate(AXE.read_text("utf-8"))
    page.evaluate(STILL)
    return weight


@pytest.mark.parametrize("sample", PAGES, ids=names)
def test_a_page_is_light_and_within_reach(arrive: Visit, house: House, sample: Sample) -> None:
    """Over the wire; at the size of a phone and of a desktop, by day and, as to its colours, by night."""
    page = arrive(sample.who, "phone")
    shown(page, "phone", "light")
    weight = looked_at(page, sample.filled(house.world))
    most = LIGHTEST if sample.address in FIRST else LIGHT
    found: dict[object, list[str]] = {"weight": [f"{weight / 1024:.1f} KB"] if weight > most else []}
    for size in ("phone", "desktop"):
        for scheme in ("light", "dark"):
            shown(page, size, scheme)
            found[size, scheme] = complaints(page, contrast_only=scheme == "dark") + wider(page)
            if (size, scheme) == ("phone", "light") and sample.address not in NO_FINGERS:
                found[size, scheme] += page.evaluate(SMALL)
    shown(page, "narrow", "light")
    found["narrow"] = wider(page)
    shown(page, "phone", "light")
    page.evaluate(TWICE)
    found["letters twice as large"] = wider(page)
    report(found)


def wider(page: Page) -> list[str]:
    """What goes over the edge of the screen, once charts have taken notice of its size."""
    extra = page.evaluate(EXTRA)
    return [f"{extra} pixels wider than the screen"] if extra > 0 else []


def report(found: Mapping[object, list[str]]) -> None:
    """Fail with everything that was found, one to a line."""
    wrong = [f"{where}: {line}" for where, lines in found.items() for line in lines]
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_chosen_one_of_a_row_of_choices_is_in_sight(visit: Visit, house: House) -> None:
    page = visit("staff", "phone")
    page.goto(f"{house.address}/console/words?tab=theme&month=12")
    box = page.locator(".chips > [aria-current]").last.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= SIZES["phone"][0]


OFF_THE_SUN = """() => {
  const words = document.querySelector(".h5-head p"), range = document.createRange();
  words.textContent = "万科金域华府三期南区生鲜水果邻里团购福利群";
  range.selectNodeContents(words);
  const letter = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return [...range.getClientRects()].map((line) =>
    Math.round(Math.hypot(innerWidth - 2.5 * letter - line.right, line.top - 2.5 * letter) / letter * 10) / 10);
}"""
"""How far each line of a group's long name ends from the middle of the sun, whose radius is six letters."""


ANOTHER_GROUP = """() => {
  document.querySelector(".h5-main").insertAdjacentHTML("afterbegin",
    '<nav class="chips"><a class="chip min-h-11" href="/h5">万科金域华府三期南区生鲜水果邻里团购福利群</a></nav>');
  const chip = document.querySelector(".h5-main .chip");
  return chip.scrollWidth - chip.clientWidth;
}"""
"""How far a group's long name goes over the edge of what is pressed to choose it."""


def test_a_long_name_of_a_group_has_room(visit: Visit, house: House) -> None:
    """It keeps off the sun behind it, and among the groups to choose from it stays on its button."""
    page = visit("resident", "phone")
    page.goto(f"{house.address}/h5")
    ends = page.evaluate(OFF_THE_SUN)
    assert len(ends) > 1 and min(ends) > 6, ends
    shown(page, "narrow", "light")
    assert page.evaluate(ANOTHER_GROUP) <= 0 and not wider(page)


def test_large_type_is_within_reach(visit: Visit, house: House) -> None:
    found: dict[object, list[str]] = {}
    for sample in LARGE:
        page = visit(sample.who, "phone")
        cookie = {"name": "tt_large", "value": "1", "url": house.address}
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        shown(page, "phone", "light")
        looked_at(page, sample.filled(house.world))
        assert "large" in (page.locator("html").get_attribute("class") or "")
        found[sample.name] = complaints(page) + wider(page)
        page.context.clear_cookies(name="tt_large")
    report(found)


def test_the_ruler_notices_what_is_wrong(visit: Visit, house: House) -> None:
    page = visit("", "phone")
    looked_at(page, Sample("/login"))
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<input><img src=\"/static/logo.svg\">')"
    )
    assert [line.partition(":")[0] for line in complaints(page)] == ["image-alt", "label"]
    assert len(page.evaluate(SMALL)) == 1
