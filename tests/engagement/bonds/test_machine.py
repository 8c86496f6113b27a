"""A few walks of the machine; many more stand in tests/chaos/test_bonds.py."""

from __future__ import annotations

import pytest

from tests.engagement.bonds.machine import run


@pytest.mark.timeout(240)
def test_a_few_walks() -> None:
    steps, seen = run(12, 25, same=True)
    assert steps > 30
    assert "bonds.bound" in seen
