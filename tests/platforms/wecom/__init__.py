"""A WeCom of our own that says no, and says nothing, as the real one does; see :class:`FakeWecom`."""

from __future__ import annotations

from tests.platforms.wecom.server import Delivery, FakeWecom, Template

__all__ = ["Delivery", "FakeWecom", "Template"]
