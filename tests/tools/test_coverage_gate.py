from __future__ import annotations

from typing import Any

from tests.tools.coverage_gate import complaints


def _report(overall: float, **files: tuple[list[int], list[list[int]]]) -> dict[str, Any]:
    return {
        "totals": {"percent_covered": overall},
        "files": {
            name.replace("__", "/") + ".py": {
                "summary": {"percent_covered": 50.0, "missing_lines": len(lines), "missing_branches": len(branches)},
                "missing_lines": lines,
                "missing_branches": branches,
            }
            for name, (lines, branches) in files.items()
        },
    }


def test_ninety_per_cent_is_enough_and_less_is_not() -> None:
    assert list(complaints(_report(90.0, console__app=([1], [])))) == []
    first, poorest = complaints(_report(89.9, console__app=([1], [])))
    assert first.startswith("overall 89.9 %")
    assert poorest == "  console/app.py 50.0 %, 1 missing"


def test_one_branch_missing_in_what_must_be_whole_is_refused() -> None:
    (line,) = complaints(
        _report(99.0, engagement__points__rules=([], [[4, -1]]), engagement__points__service=([9], []))
    )
    assert line == "engagement/points/rules.py must be whole: lines missing: none; branches missing: 4->-1"
    assert len(list(complaints(_report(99.0, bot__gateway=([7], []), storage__writer=([], [[1, 2]]))))) == 2
