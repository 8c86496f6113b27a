"""Asking WeCom whether the company is set up: the token, the app, and what it may do about customer groups.

Nobody is written to and nothing is changed.

Source: WeCom developer documents (gettoken, agent/get, get_follow_user_list, groupchat/list, get_groupmsg_list_v2).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.channels.wecom.api import CutOff, Refused, WecomApi
from engagement.clocks import Clock, SystemClock

if TYPE_CHECKING:
    from bot.channels.wecom.settings import WecomSettings

_TOKEN = {
    40013: "wecom.wrong_corp_id",
    40001: "wecom.wrong_secret",
    40091: "wecom.wrong_secret",
    60020: "wecom.wrong_ip",
}
"""Why there is no token → the text that says what to do; anything else is told with its number."""
_APP = {40056: "wecom.wrong_agent", 301002: "wecom.wrong_agent", 60020: "wecom.wrong_ip"}
_NOT_ALLOWED = frozenset({48002, 60011, 301002, 41093, 84061, 40096})
_LOOK_BACK = timedelta(hours=1)

Finding = tuple[str, dict[str, Any]]
"""Key of a text, and what it needs."""


def wrong(error: Refused | CutOff, settings: WecomSettings, keys: dict[int, str] | None = None) -> Finding:
    """Return what to say of a company that says no."""
    if isinstance(error, CutOff):
        return "wecom.unreachable", {"address": settings.base_url}
    found = (_TOKEN if keys is None else keys).get(error.code)
    return (found, {"code": error.code}) if found else ("wecom.bad_secret", {"code": error.code})


async def examine(settings: WecomSettings, clock: Clock | None = None, api: WecomApi | None = None) -> list[Finding]:
    """Ask WeCom; returns what is wrong, empty = nothing. ``api`` is for tests."""
    clock = clock or SystemClock()
    api = api or WecomApi(settings, clock)
    try:
        try:
            await api.token()
        except (Refused, CutOff) as error:
            return [wrong(error, settings)]
        found: list[Finding] = []
        try:
            token = await api.token()
            app = await api.raw("GET", "agent/get", None, access_token=token, agentid=str(settings.agent_id))
            if app.get("close") == 1:
                found.append(("wecom.app_closed", {}))
            serving = await api.raw("GET", "externalcontact/get_follow_user_list", None, access_token=token)
            if serving.get("follow_user") == []:
                found.append(("wecom.nobody_serves", {}))
        except (Refused, CutOff) as error:
            # That the app may do nothing about customers is told below, in words of its own.
            if not (isinstance(error, Refused) and error.code in _NOT_ALLOWED - _APP.keys()):
                found.append(wrong(error, settings, _APP))
        now = int(clock.now().timestamp())
        since = now - int(_LOOK_BACK.total_seconds())
        tasks = {"chat_type": "group", "start_time": since, "end_time": now, "filter_type": 0, "limit": 1}
        for path, body, key in (
            ("externalcontact/groupchat/list", {"status_filter": 0, "limit": 1}, "wecom.no_groups"),
            ("externalcontact/get_groupmsg_list_v2", tasks, "wecom.no_tasks"),
        ):
            try:
                await api.post(path, body)
            except Refused as error:
                found.append((key, {}) if error.code in _NOT_ALLOWED else wrong(error, settings, {}))
            except CutOff as error:
                found.append(wrong(error, settings))
        return _once(found)
    finally:
        await api.close()


def _once(found: list[Finding]) -> list[Finding]:
    """Say the same thing once."""
    said: list[Finding] = []
    for one in found:
        if one not in said:
            said.append(one)
    return said
