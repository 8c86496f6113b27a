"""Asking the platform whether an account works: the token, what it may do, and how much of that is left today.

Source: WeChat Official Account documents (stable access token, API quota, custom menu); F130.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.channels.wechat.api import Api, ApiError
from bot.channels.wechat.notices import SUBSCRIPTION, TEMPLATE, Way

if TYPE_CHECKING:
    from bot.channels.wechat.settings import WeChatSettings

QUOTA = "/cgi-bin/openapi/quota/get"
MENU = "/cgi-bin/menu/get"
TEMPLATES = {
    Way.TEMPLATE: ("/cgi-bin/template/get_all_private_template", "template_list", "template_id", TEMPLATE),
    Way.SUBSCRIPTION: ("/wxaapi/newtmpl/gettemplate", "data", "priTmplId", SUBSCRIPTION),
}
"""Way → where the account's templates are listed, under which name, the name of their ids, and what sends them."""
_IN_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_0-9]{1,40})\.DATA\s*\}\}")
_NO_MENU_YET = 46003
_NOT_ALLOWED = frozenset({48001, 50001, 50002})
_ACCOUNT = {
    40013: "wechat.wrong_app_id",
    41002: "wechat.wrong_app_id",
    40001: "wechat.wrong_secret",
    40125: "wechat.wrong_secret",
    41004: "wechat.wrong_secret",
    40243: "wechat.frozen_secret",
    40164: "wechat.wrong_ip",
    61004: "wechat.wrong_ip",
}
"""Why there is no token → the text that says what to do; anything else is told with its number."""

Finding = tuple[str, dict[str, object]]
"""Key of a text, and what it needs."""


def wrong(error: ApiError, settings: WeChatSettings) -> Finding:
    """Return what to say of an account that is given no token."""
    if error.is_network:
        return "wechat.unreachable", {"address": settings.base_url}
    key = _ACCOUNT.get(error.code, "wechat.bad_account")
    return key, {"code": error.code}


async def examine(settings: WeChatSettings) -> list[Finding]:
    """Ask the platform; returns what is wrong, empty = nothing. Nobody is written to and nothing is changed."""
    api = Api(settings)
    try:
        try:
            await api.token()
        except ApiError as error:
            return [wrong(error, settings)]
        return [*await _messages(api, settings), *await _menu(api, settings), *await _notices(api, settings)]
    finally:
        await api.close()


async def _messages(api: Api, settings: WeChatSettings) -> list[Finding]:
    try:
        left = await _left(api, "/cgi-bin/message/custom/send")
    except ApiError as error:
        return _refused(error, "wechat.no_messages", settings)
    return [("wechat.no_quota", {})] if left == 0 else []


async def _left(api: Api, path: str) -> object:
    """Return how many calls of a path are left today; None when the platform does not say."""
    answer = await api.call("POST", QUOTA, json={"cgi_path": path})
    return answer["quota"].get("remain") if isinstance(answer.get("quota"), dict) else None


async def _notices(api: Api, settings: WeChatSettings) -> list[Finding]:
    """Compare the templates in the settings with those of the account."""
    found: list[Finding] = []
    for way in dict.fromkeys(notice.way for notice in settings.notices.values()):
        listed, under, name, sends = TEMPLATES[way]
        try:
            answer = await api.call("GET", listed)
            left = await _left(api, sends)
        except ApiError as error:
            found += _refused(error, f"wechat.no_{way.value}s", settings)
            continue
        rows = answer.get(under)
        contents = {
            row.get(name): str(row.get("content", ""))
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict)
        }
        if left == 0 and ("wechat.no_notice_quota", {}) not in found:
            found.append(("wechat.no_notice_quota", {}))
        for event, notice in settings.notices.items():
            if notice.way is not way:
                continue
            if notice.template not in contents:
                found.append(("wechat.no_template", {"event": event}))
            elif set(_IN_TEMPLATE.findall(contents[notice.template])) != notice.fields.keys():
                fields = "、".join(dict.fromkeys(_IN_TEMPLATE.findall(contents[notice.template])))
                found.append(("wechat.other_fields", {"event": event, "fields": fields}))
    return found


async def _menu(api: Api, settings: WeChatSettings) -> list[Finding]:
    if not settings.menu:
        return []
    try:
        await api.call("GET", MENU)
    except ApiError as error:
        return [] if error.code == _NO_MENU_YET else _refused(error, "wechat.no_menu", settings)
    return []


def _refused(error: ApiError, key: str, settings: WeChatSettings) -> list[Finding]:
    if error.code in _NOT_ALLOWED:
        return [(key, {})]
    # What else the platform says of such a question is no proof against the account.
    return [wrong(error, settings)] if error.is_network or error.is_account else []
