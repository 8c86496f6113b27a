"""docs/roles.md: every page and every act of the web, who may, in which groups, and what is noted; read from the route table."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fastapi.routing import APIRoute

from console.app import Console, create_app
from console.auth import Role
from console.policy import GROUP, SAFE_METHODS, Allow, policy_of, routes_of
from engagement.clocks import SystemClock

if TYPE_CHECKING:
    from storage.engine import Database

NAMES = {"resident": "居民", "leader": "团长", "manager": "区域经理", "staff": "运营", "admin": "管理员"}
EVERYBODY = "不用登录"
SCOPES = {"resident": "自己在的群", "leader": "自己带的群", "manager": "自己区域的群", "staff": "全部", "admin": "全部"}


def routes() -> list[tuple[str, str, Allow]]:
    """Return (method, path, policy) of every route, by path."""
    # Nothing is asked of the database: the table of routes is the same for every installation.
    app = create_app(Console(cast("Database", None), SystemClock(), None, "no secret, no request", demo=True))
    found = []
    for route in routes_of(app.routes):
        if isinstance(route, APIRoute):
            policy = policy_of(route)
            assert policy is not None, route.path
            found += [(method, route.path, policy) for method in sorted((route.methods or set()) - {"HEAD"})]
    return sorted(found, key=lambda one: (one[1], one[0]))


def table() -> str:
    """Return docs/roles.md."""
    lines = [
        "# 网页：谁能打开什么",
        "",
        "由 `python -m tests.tools.docs` 从路由表生成，不要手改。每个路由都要写明谁能用，没写的过不了测试；",
        "`tests/console/test_matrix.py` 逐行照这张表用六种身份试一遍：没登录、居民、团长、区域经理、运营、管理员。",
        "",
        "路径里有 `{group_id}` 的，只能看范围内的群：团长是自己带的，区域经理是自己区域的，居民是自己在的，运营和管理员是全部；",
        "范围外的群和不存在的群一样，回答「没有这一页」。「记下」是先写进操作记录才给看，写不进就不给看。",
        "POST 都要带本页的令牌，别的网站发来的一律拒绝。",
        "",
        "| 方法 | 路径 | 谁能用 | 看群的范围 | 记下 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for method, path, policy in routes():
        who = "、".join(NAMES[role.value] for role in reversed(Role) if role in policy.roles) or EVERYBODY
        if policy.demo_only:
            who += "（只在本机演示）"
        scope = "、".join(dict.fromkeys(SCOPES[role.value] for role in reversed(Role) if role in policy.roles))
        shown = scope if GROUP in path else ""
        noted = f"`{policy.reads}`" if policy.reads else ""
        lines.append(
            f"| {method if method in SAFE_METHODS else f'**{method}**'} | `{path}` | {who} | {shown} | {noted} |"
        )
    return "\n".join(lines) + "\n"
