"""The audit trail in words: every act that is written has its own, and none of it is for machines alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from console import trail
from console.auth import Role
from prompts.loader import texts
from storage import audit
from storage.audit import AuditRow
from storage.engine import Session
from storage.groups import Member
from tests.console.doors import NOW, House, come_as, token

ROOT = Path(__file__).resolve().parents[2]
WRITERS = {"audit.record", "_note", "note", "service.note"}
ACT = re.compile(r"[a-z]+\.[a-z_]*[a-z]")


def acts() -> Iterator[tuple[str, str]]:
    """Yield (file, act) of everything that looks like an act in files that write the trail."""
    kinds = {key.removeprefix("console_audit.kind_") for key in texts().keys() if key.startswith("console_audit.kind_")}  # noqa: SIM118
    for folder in ("bot", "console", "engagement", "knowledge", "scheduler"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text("utf-8")
            if "audit" not in source and "reads=" not in source and "_note(" not in source:
                continue
            for node in ast.walk(ast.parse(source)):
                for text in named(node):
                    kind = text.partition(".")[0]
                    if ACT.fullmatch(text) and kind in kinds and text not in texts().keys():  # noqa: SIM118
                        yield path.name, text


def named(node: ast.AST) -> list[str]:
    """Strings that a call gives as ``action`` or ``reads``, or to a function that notes."""
    if not isinstance(node, ast.Call):
        return []
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [one.value for one in node.keywords if one.arg in ("action", "reads")]
    if "note" in name or name in ("save", "keep_settings", "record"):
        given += node.args
    return [one.value for part in given for one in ast.walk(part)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)]  # fmt: skip


def test_every_act_that_is_written_has_words() -> None:
    found = set(acts())
    assert len(found) > 60, "the acts are not found any more"
    bare = {(file, act) for file, act in found if trail.about(act) in (act, "", *dict(trail.kinds()).values())}
    assert not bare, "give them words in prompts/texts/zh/console_audit.toml: act_<kind>_<act>"


def figures() -> Iterator[tuple[str, str]]:
    """Yield (file, name) of every figure that is written with an act."""
    own = {"at", "actor_id", "group_id", "action"}
    for folder in ("bot", "console", "engagement", "knowledge", "scheduler"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in WRITERS:
                    yield from ((path.name, one.arg) for one in node.keywords if one.arg and one.arg not in own)


def test_every_figure_that_is_written_has_words() -> None:
    found = set(figures())
    assert len(found) > 60, "the figures are not found any more"
    bare = {(file, name) for file, name in found if trail.details({name: 7}) == [f"{name} 7"]}
    assert not bare, "give them words in prompts/texts/zh/console_audit.toml: detail_<name>"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("points.given", "加分"),
        ("ledger.viewed", "看了积分流水"),
        ("audit.exported", "导出了操作记录"),
        ("points.dance", "积分"),
        ("weather.viewed", "weather.viewed"),
        ("nothing", "nothing"),
    ],
)
def test_an_act_is_said(action: str, words: str) -> None:
    assert trail.about(action) == words


def test_figures_are_said_and_what_is_none_is_left_out() -> None:
    given = {"page": "/console/audit", "role": "admin", "member": 7, "amount": 5, "region": 0, "strange": 3}
    assert trail.details(given) == ["记录", "以管理员身份", "邻居 7", "5 分", "strange 3"]
    assert trail.details({"page": "/console/groups/{group_id}"}) == ["群"]
    assert trail.details({"page": "/console/groups/{group_id}/ledger"}) == ["积分"]
    assert trail.details({"page": "/me"}) == []
    assert trail.code("ledger.viewed", {"member": 7, "page": "/console/groups/{group_id}"}) == "ledger.viewed member=7"
    assert trail.code("desk.viewed", {"page": "/console/act"}) == "desk.viewed page=/console/act", (
        "a page without a name stays"
    )


def test_kinds_are_named_once_each() -> None:
    names = [name for _, name in trail.kinds()]
    assert len(names) == len(set(names))


def test_the_page_says_acts_in_words_and_keeps_the_code_beside(house: House) -> None:
    person, _, _ = house.with_second("boss", "admin")

    def write(session: Session) -> None:
        audit.record(session, at=NOW, actor_id=1, group_id=1, action="points.given", member=2, amount=5)

    house.database.write_now(write)
    admin = house.browser()
    come_as(admin, house.database, Role.ADMIN, person, strong=True)
    page = admin.get("/console/audit", params={"action": "points"}).text
    assert "<b>加分</b>" in page
    assert "5 分 · 邻居 2" in page
    name = house.database.read_now(lambda s: s.exec(select(Member.name).where(Member.person_id == 1)).first())
    assert name
    assert f'{name} <span class="text-muted">1</span>' in page, "who has no account is called as the group shows him"
    without = re.sub(r"<code.*?</code>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert "points.given" not in without
    assert "amount=" not in without
    assert '<option value="points" selected>积分</option>' in page
    assert '<option value="ledger.viewed" selected>' in admin.get("/console/audit?action=ledger.viewed").text


def test_what_is_done_at_the_desk_is_noted_with_the_group_before_it_is_done(house: House) -> None:
    leader = house.browser()
    come_as(leader, house.database, Role.LEADER, 1)
    form = {"csrf": token(leader), "say": "积分", "key": "k"}
    for group in ("1", "2", "999", "x", "9" * 40, ""):
        assert leader.post("/console/act", data={**form, "group": group}).status_code == 200

    def read(session: Session) -> list[tuple[str, int | None, int | None]]:
        return [(row.action, row.actor_id, row.group_id) for row in session.exec(select(AuditRow))]

    rows = [row for row in house.database.read_now(read) if row[0] == "desk.viewed"]
    assert rows == [("desk.viewed", 1, 1), *[("desk.viewed", 1, None)] * 5]
