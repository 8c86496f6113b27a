"""Every file of the project obeys the rules of the house; and each rule notices what it is there to notice."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture import house_rules
from tests.architecture.house_rules import Complaint

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "console", "scheduler", "engagement", "knowledge", "storage", "prompts")
LONGEST_MODULE = 400
LONGEST_TEST = 600
# The three places where the world may break in any way and the work must go on.
MAY_CATCH_ALL = {"bot/gateway.py", "scheduler/planner.py", "scheduler/delivery.py"}
# Where the clock comes in from outside: the edges. Everywhere else `now` is a parameter.
MAY_READ_THE_CLOCK = ("engagement/clocks.py", "bot/", "scheduler/clock.py", "scheduler/engine.py", "console/")
# What people type is Chinese: command words stand in the manifests, their variants in routing.
MAY_BE_CHINESE = re.compile(r"engagement/\w+/manifest\.py|bot/routing\.py|knowledge/amounts\.py")


@cache
def _files() -> tuple[Path, ...]:
    """Tracked files and new ones that are not ignored; everything outside hidden folders where there is no git."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        paths = {ROOT / name for name in listing.stdout.split("\0") if name}
    else:
        hidden = re.compile(r"(^|/)(\.venv|\.cache|\.git|data|node_modules|__pycache__)")
        paths = {path for path in ROOT.rglob("*") if not hidden.search(path.relative_to(ROOT).as_posix())}
    return tuple(sorted(path for path in paths if path.is_file()))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _modules(*packages: str) -> Iterator[Path]:
    for path in _files():
        if path.suffix == ".py" and _name(path).split("/")[0] in packages:
            yield path


def _texts() -> Iterator[tuple[Path, str]]:
    for path in _files():
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            yield path, content.decode("utf-8", errors="replace")


def _report(complaints: Iterator[tuple[Path, Complaint]]) -> None:
    found = [f"{_name(path)}:{complaint.line}: {complaint.what}" for path, complaint in complaints]
    assert not found, "\n" + "\n".join(found)


def _apply(rule: Callable[[str], Iterator[Complaint]], paths: Iterator[Path]) -> Iterator[tuple[Path, Complaint]]:
    for path in paths:
        for complaint in rule(path.read_text(encoding="utf-8")):
            yield path, complaint


def test_no_chinese_literals_outside_prompts() -> None:
    modules = (path for path in _modules(*PACKAGES) if not MAY_BE_CHINESE.fullmatch(_name(path)))
    _report(_apply(house_rules.chinese_literals, modules))


def test_times_are_aware_and_now_is_a_parameter() -> None:
    def complaints() -> Iterator[tuple[Path, Complaint]]:
        for path in _modules(*PACKAGES, "tests", "benchmarks"):
            free = not _name(path).startswith(PACKAGES) or _name(path).startswith(MAY_READ_THE_CLOCK)
            inner = _name(path).startswith("engagement/") and not free
            for complaint in house_rules.naive_clocks(path.read_text(encoding="utf-8"), clock_is_a_parameter=inner):
                yield path, complaint

    _report(complaints())


def test_errors_are_swallowed_in_three_places_only() -> None:
    modules = (path for path in _modules(*PACKAGES) if _name(path) not in MAY_CATCH_ALL)
    _report(_apply(house_rules.broad_excepts, modules))


def test_no_registry_and_no_machine_is_named() -> None:
    def complaints() -> Iterator[tuple[Path, Complaint]]:
        for path, text in _texts():
            for complaint in house_rules.foreign_places(text):
                yield path, complaint

    _report(complaints())


def test_a_module_is_one_room() -> None:
    def complaints() -> Iterator[tuple[Path, Complaint]]:
        for path in _modules(*PACKAGES, "tests", "benchmarks"):
            limit = LONGEST_TEST if _name(path).startswith("tests/") else LONGEST_MODULE
            lines = path.read_text(encoding="utf-8").count("\n")
            if lines > limit and "migrations/versions" not in _name(path):
                yield path, Complaint(lines, f"{lines} lines, at most {limit}")

    _report(complaints())


def test_names_say_what_is_inside() -> None:
    empty_names = {"utils", "util", "helper", "helpers", "manager", "common", "misc", "data"}
    found = [_name(path) for path in _modules(*PACKAGES) if empty_names & {path.stem, path.parent.name}]
    assert not found


def test_the_locks_agree_and_every_pin_has_its_hash() -> None:
    def pins(name: str) -> dict[str, str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if re.match(r"[a-z0-9]", line)]
        assert found
        assert all(line.endswith("\\") for line in found), "a pin without a hash"
        return dict(re.match(r"([\w.-]+)==(.+?)(?: \\)?$", line).groups() for line in found)  # type: ignore[union-attr, misc]

    product, development = pins("requirements.lock"), pins("requirements-dev.lock")
    pins("requirements-emulator.lock")
    assert product.items() <= development.items(), "make test must test what make run installs"


PLANTED: list[tuple[Callable[[str], Iterator[Complaint]], str, int]] = [
    (house_rules.chinese_literals, 'reply = "签到成功"', 1),
    (house_rules.chinese_literals, 'reply = f"{name} 签到成功"', 1),
    (house_rules.chinese_literals, 'def check_in():\n    """签到."""\n    return re.compile("签到|打卡")', 0),
    (house_rules.chinese_literals, 'WORDS = ("签到",)  # zh: what people type', 0),
    (house_rules.chinese_literals, 'TERMS = {  # zh: the names of the almanac\n    "立春": 1,\n}', 0),
    (house_rules.chinese_literals, 'PART = "签到"\nWHOLE = f"{PART}|打卡"\nTYPED = re.compile(rf"^{WHOLE}$")', 0),
    (house_rules.chinese_literals, 'PART = "签到"\nTYPED = re.compile("^x$")', 1),
    (house_rules.chinese_literals, "x = 1  # 签到", 0),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=False), "at = datetime.now()", 1),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=False), "at = datetime.datetime.utcnow()", 1),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=False), "day = date.today()", 1),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=False), "at = datetime.fromtimestamp(5)", 1),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=False), "at = datetime.now(UTC)", 0),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=True), "at = datetime.now(UTC)", 1),
    (lambda text: house_rules.naive_clocks(text, clock_is_a_parameter=True), "at = time.time()", 1),
    (house_rules.broad_excepts, "try:\n    f()\nexcept Exception:\n    pass", 1),
    (house_rules.broad_excepts, "try:\n    f()\nexcept:\n    log()", 1),
    (house_rules.broad_excepts, "try:\n    f()\nexcept (ValueError, Exception) as e:\n    log(e)", 1),
    (house_rules.broad_excepts, "with contextlib.suppress(Exception):\n    f()", 1),
    (house_rules.broad_excepts, "try:\n    f()\nexcept BaseException:\n    undo()\n    raise", 0),
    (house_rules.broad_excepts, "try:\n    f()\nexcept ValueError:\n    pass", 0),
    (house_rules.broad_excepts, "try:\n    f()\nexcept BaseException as e:\n    undo()\n    return None, e", 0),
    (house_rules.broad_excepts, "try:\n    f()\nexcept Exception as e:\n    return str(e)", 1),
    (house_rules.broad_excepts, "try:\n    f()\nexcept Exception as e:\n    return None", 1),
    (house_rules.foreign_places, f"see https://files.{'pythonhosted'}.org/x", 1),
    (house_rules.foreign_places, f"registry.{'npmjs'}.org", 1),
    (house_rules.foreign_places, f"cd /{'work'}/main", 1),
    (house_rules.foreign_places, f"open the /{'home'}/li folder", 1),
    (house_rules.foreign_places, "GET /healthz and /h5/group/1/home/", 0),
]


@pytest.mark.parametrize(("rule", "text", "count"), PLANTED)
def test_each_rule_can_fail(rule: Callable[[str], Iterator[Complaint]], text: str, count: int) -> None:
    assert len(list(rule(text))) == count
