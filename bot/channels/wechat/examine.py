"""Asking the platform whether an account works: the token, what it may do, and how much of that is left today.

Source: WeChat Official Account documents (stable access token, API quota, custom menu); F130.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.channels.wechat.api import Api, ApiError

if TYPE_CHECKING:
    from bot.channels.wechat.settings import WeChatSettings

QUOTA = "/cgi-bin/openapi/quota/get"
MENU = "/cgi-bin/menu/get"
_NO_MENU_YET = 46003
_NOT_ALLOWED = frozenset({48001, 50001, 50002})
_ACCOUNT = {
    40013: "wechat.wrong_app_id",
    41002: "wechat.wrong_app_id",
    40001: "wechat.wrong_secret",
    40125: "wechat.wrong_secret",
    41004: "wechat.wrong_secret",
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
        return [*await _messages(api, settings), *await _menu(api, settings)]
    finally:
        await api.close()


async def _messages(api: Api, settings: WeChatSettings) -> list[Finding]:
    try:
        answer = await api.call("POST", QUOTA, json={"cgi_path": "/cgi-bin/message/custom/send"})
    except ApiError as error:
        return _refused(error, "wechat.no_messages", settings)
    left: Any = answer.get("quota", {}).get("remain") if isinstance(answer.get("quota"), dict) else None
    return [("wechat.no_quota", {})] if left == 0 else []


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
