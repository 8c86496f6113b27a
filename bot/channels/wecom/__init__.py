"""WeCom (企业微信), apart from its AI bot: callbacks in, app messages, robots and leader-confirmed mass-sends out."""

from __future__ import annotations

CHANNEL = "wecom"
