"""A server of our own for the AI bot's long connection that says no as WeCom does; see :class:`FakeWecomBot`.

```python
async with FakeWecomBot("bot-1", "secret") as wecom:           # real WebSocket on loopback: wecom.url
    await wecom.say("zhang", "签到")                            # aibot_msg_callback on the live connection
    await wecom.wait_for(lambda: wecom.shown("zhang"))          # what people see, in order
    await wecom.hang_up(Hangup.RESET)                           # or CLOSE, AWAY, ERROR, SILENCE, GONE
```
"""

from __future__ import annotations

from tests.platforms.wecom_bot.server import FakeWecomBot, Hangup, Seen

__all__ = ["FakeWecomBot", "Hangup", "Seen"]
