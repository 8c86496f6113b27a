"""An Official Account platform of our own that says no as the real one does; see :class:`FakeWeChat`.

```python
async with FakeWeChat() as wechat:                              # real HTTP on loopback: wechat.url
    wechat.callback = "http://127.0.0.1:8080/wechat/callback"   # or wechat.transport, for an application in this process
    await wechat.say("o-li", "签到")                            # signed, encrypted, three tries of five seconds
    wechat.shown("o-li")                                        # what the person sees, in order
    wechat.fail("/cgi-bin/message/custom/send", 45009)
```
"""

from __future__ import annotations

from tests.platforms.wechat.server import Delivery, FakeWeChat

__all__ = ["Delivery", "FakeWeChat"]
