"""The simulator's world: its people, its lines, its clock. bot/channels/web.py shows it on a page."""

from __future__ import annotations
