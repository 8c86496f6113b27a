"""The ways through the pages that people go most, with a phone and at a desk; an error of script or policy on the way fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.browser.journeys import JOURNEYS, Journey

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(120), pytest.mark.untraced]
WAYS = [(who, journey) for who, found in JOURNEYS.items() for journey in found]


@pytest.mark.parametrize("size", ["phone", "desktop"])
@pytest.mark.parametrize(("who", "journey"), WAYS, ids=[f"{who}-{journey.__name__}" for who, journey in WAYS])
def test_journey(visit: Callable[[str, str], Page], who: str, journey: Journey, size: str) -> None:
    """What a person looks for is asked for on the way itself (`see` in journeys.py), and errors of pages by `visit`."""
    journey(visit(who, size))
