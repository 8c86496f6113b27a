"""The channels: each turns its platform's events into `Incoming` and sends `Outgoing`."""

from __future__ import annotations
