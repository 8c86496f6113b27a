"""What can be shown where a message goes: one place that knows it, for what renders, what draws and what sends."""

from __future__ import annotations

from bot.rendering.capabilities import TABLE, WEB, Capabilities
from engagement.kernel import Outgoing, Place


def able(message: Outgoing) -> Capabilities:
    """Return what can be shown in the conversation of a message; of a channel that the table does not know, all that we can."""
    if message.channel != "wecom" or message.place is Place.DM:
        return TABLE.get(message.channel, WEB)
    from bot.channels.wecom.appchat import PREFIX as APPCHAT
    from bot.channels.wecom.robot import PREFIX as ROBOT

    inside = {APPCHAT: "wecom_appchat", ROBOT: "wecom_robot"}
    return TABLE[
        next((name for prefix, name in inside.items() if message.conversation.startswith(prefix)), "wecom_group")
    ]
