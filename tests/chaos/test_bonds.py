"""Bindings at full size: 400 walks of people who bind and part, with every point counted after each step.

The seed is printed; TUANTUAN_CHAOS_SEED sets it.
"""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.engagement.bonds.machine import run
from tests.full import FULL

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]
WALKS = 400 if FULL else 20


def test_many_walks() -> None:
    seed = int(os.environ.get("TUANTUAN_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stderr.write(f"\nTUANTUAN_CHAOS_SEED={seed}\n")
    steps, seen = run(WALKS, 50, from_seed=seed)
    sys.stderr.write(f"bonds: {steps} steps of {WALKS} walks; codes came to {sorted(seen)}\n")
    assert "bonds.bound" in seen
    if WALKS > 100:  # twenty walks need not meet everything
        assert {"bonds.again", "bonds.same_channel", "bonds.other_way", "households.joined"} <= seen
