"""The rules of the house that no linter knows, as pure functions from a file's text to complaints."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
# Says on the line itself why a Chinese literal may stand there, e.g. `# zh: what people type`.
ALLOWED_CHINESE = re.compile(r"#.*\bzh: \w")
CLOCKS = {"utcnow", "utcfromtimestamp", "today", "now", "fromtimestamp", "time", "localtime", "time_ns"}
CLOCK = re.compile(rf"\.\s*(?:{'|'.join(sorted(CLOCKS))})\b")
BROAD = {"Exception", "BaseException"}
# Assembled, so that this file does not name what it forbids.
HOSTS = re.compile(
    r"\b(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|debian\.org|crates\.io"
    r"|proxy\.golang\.org|repo\.maven\.apache\.org|rubygems\.org|anaconda\.org|tuna\.tsinghua\.edu\.cn|mirrors?\.[\w.-]+)\b"
)
MACHINE_PATHS = re.compile(r"(?<![\w./<])/(?:work|root|home|Users|farm)/[\w.-]|/tmp/(?:team|bash_jobs)")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line that breaks a rule; `line` counts from 1."""

    line: int
    what: str


def chinese_literals(source: str) -> Iterator[Complaint]:
    """Chinese in a string that is neither a docstring nor part of a pattern nor marked with `# zh: why`.

    A pattern is an argument of `re.…()`, or a name that one is built from. The mark stands on the line itself, or on
    the first line of its statement.
    """
    if not CHINESE.search(source) and "\\" not in source:
        return
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    lines = source.splitlines()
    exempt = {id(node.value) for node in nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    for pattern in _patterns(tree):
        exempt.update(id(part) for part in ast.walk(pattern))
    for statement in nodes:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and ALLOWED_CHINESE.search(lines[statement.lineno - 1]):
            exempt.update(id(part) for part in ast.walk(statement))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exempt:
            written = lines[node.lineno - 1 : (node.end_lineno or node.lineno)]
            if CHINESE.search(node.value) and not any(ALLOWED_CHINESE.search(line) for line in written):
                yield Complaint(node.lineno, f"a Chinese text outside prompts/: {node.value[:20]!r}")


def _patterns(tree: ast.Module) -> list[ast.AST]:
    """The calls of `re`, and the assignments of the names that their arguments are built from, however deep."""
    assigned = {
        target.id: statement
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    found: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
    ]
    for pattern in found:  # grows while it is read: names lead to further names
        names = (part.id for part in ast.walk(pattern) if isinstance(part, ast.Name))
        found.extend(assigned.pop(name) for name in names if name in assigned)
    return found


def naive_clocks(source: str, *, clock_is_a_parameter: bool) -> Iterator[Complaint]:
    """Times without a zone; where the clock is a parameter, also times that come from the machine at all."""
    if not CLOCK.search(source):
        return
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        zoned = bool(node.args or node.keywords)
        if owner.endswith(("datetime", "date")):
            naive = name in {"utcnow", "utcfromtimestamp", "today"} or (name == "now" and not zoned)
            naive = naive or (
                name == "fromtimestamp" and len(node.args) + len(node.keywords) < 2 and "datetime" in owner
            )
            if naive:
                yield Complaint(node.lineno, f"{owner}.{name}() has no zone")
            elif name == "now" and clock_is_a_parameter:
                yield Complaint(node.lineno, "`now` is a parameter here")
        elif owner == "time" and name in {"time", "localtime", "time_ns"} and clock_is_a_parameter:
            yield Complaint(node.lineno, f"time.{name}(): `now` is a parameter here")


def broad_excepts(source: str) -> Iterator[Complaint]:
    """Handlers that swallow everything. One that passes the error on swallows nothing."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler():
                caught = (
                    [] if node.type is None else [part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)]
                )
                if (node.type is None or BROAD & set(caught)) and not _passes_on(node):
                    yield Complaint(node.lineno, "swallows every error")
            case ast.Call(func=ast.Attribute(attr="suppress") | ast.Name(id="suppress"), args=args):
                if any(isinstance(arg, ast.Name) and arg.id in BROAD for arg in args):
                    yield Complaint(node.lineno, "suppresses every error")


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Say whether the error goes on: raised, put into a future, or returned itself (not merely its text)."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Attribute) and node.attr == "set_exception"):
            return True
        if isinstance(node, ast.Return) and node.value is not None:
            kept = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            if any(isinstance(value, ast.Name) and value.id == handler.name for value in kept):
                return True
    return False


def foreign_places(text: str) -> Iterator[Complaint]:
    """Hosts of package registries, and paths of one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        for found in (HOSTS.search(line), MACHINE_PATHS.search(line)):
            if found:
                yield Complaint(number, f"belongs to one machine or network: {found.group()}")


def cited(text: str) -> Iterator[tuple[int, str]]:
    """Features, decisions and faults that a file cites, with their lines.

    Features stand in a `Source:` note (`Source: F1, F6` or `F92-F96`); decisions (`ADR 0003`, yielded as `ADR-0003`) and
    faults (`FAULTS A9, D1-D4`, yielded as `FAULTS A9` …) wherever they are named. A fault's letter may be F too, so what
    follows FAULTS up to the next `;` is no feature.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        yield from ((number, f"ADR-{digits}") for digits in re.findall(r"\bADR[- ](\d{4})\b", line))
        for faults in re.findall(r"\bFAULTS ((?:[A-F]\d+(?:, | and |[-\u2013])?)+)", line):
            yield from ((number, f"FAULTS {name}") for name in _expanded(faults))
        if found := re.search(r"Sources?:\s*(.+)", line):
            features = re.sub(r"\bFAULTS\b[^;]*", "", found.group(1))
            yield from ((number, name) for name in _expanded(features) if name[0] == "F")


def _expanded(note: str) -> Iterator[str]:
    """The ids of a note, ranges written out: `A9, D1-D3` gives A9, D1, D2, D3."""
    for letter, first, last in re.findall(r"\b([A-F])(\d+)(?:\s*[-\u2013]\s*[A-F]?(\d+))?\b", note):
        yield from (f"{letter}{number}" for number in range(int(first), int(last or first) + 1))
