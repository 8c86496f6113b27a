"""Platforms that tests talk to: ours, over real HTTP on loopback, with the limits of the real ones."""

from __future__ import annotations
