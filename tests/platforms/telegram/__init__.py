"""A Bot API server of our own that says no as Telegram does; see :class:`FakeTelegram`.

```python
async with FakeTelegram(token="1:test") as telegram:          # real HTTP on loopback: telegram.url
    telegram.add_group(-1001, "阳光花园")
    ...                                                        # start the bot with base_url=telegram.url
    await telegram.say(-1001, 7, "签到")                       # to the webhook, or into getUpdates
    await telegram.wait_for(lambda: telegram.sent(-1001))
    telegram.fail("sendMessage", too_many(3), times=2)         # scripts: too_many, drop, delay, answer
```

As a process of its own, with the same over HTTP (`/_/log`, `/_/update`, `/_/fail`, `/_/groups`, `/_/limits`):
`python -m tests.platforms.telegram --port N`.
"""

from __future__ import annotations

from tests.platforms.telegram.faults import Answer, Delay, Drop, Fault, answer, delay, drop, too_many
from tests.platforms.telegram.limits import Limits
from tests.platforms.telegram.server import Delivery, FakeTelegram

__all__ = [
    "Answer",
    "Delay",
    "Delivery",
    "Drop",
    "FakeTelegram",
    "Fault",
    "Limits",
    "answer",
    "delay",
    "drop",
    "too_many",
]
