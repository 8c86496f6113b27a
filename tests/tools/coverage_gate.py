"""Refuses a coverage report that is under the gates: 90 % over all, every branch where money and order are decided.

python -m tests.tools.coverage_gate .cache/coverage/coverage.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

LEAST_OVERALL = 90.0
WHOLE = ("engagement/*/rules.py", "storage/ledger.py", "storage/writer.py", "bot/gateway.py", "bot/targets.py")


def complaints(report: Mapping[str, Any]) -> Iterator[str]:
    """Judge a report of `coverage json`.

    Args:
        report: lines and branches are counted together, as coverage does; percentages are 0 to 100.

    Yields:
        One line for each gate that is missed. A file that does not exist (yet) is no complaint.
    """
    overall = report["totals"]["percent_covered"]
    if overall < LEAST_OVERALL:
        yield f"overall {overall:.1f} %, at least {LEAST_OVERALL:.0f} %; the poorest:"
        # By what is missing, not by share: a short file at 0 % matters less than a long one at 60 %.
        poorest = sorted(report["files"].items(), key=lambda item: -_missing(item[1]["summary"]))
        for name, file in poorest[:10]:
            if _missing(file["summary"]):
                yield f"  {name} {file['summary']['percent_covered']:.1f} %, {_missing(file['summary'])} missing"
    for name, file in sorted(report["files"].items()):
        if any(fnmatch(name, pattern) for pattern in WHOLE) and _missing(file["summary"]):
            lines = ", ".join(map(str, file["missing_lines"])) or "none"
            branches = ", ".join(f"{start}->{end}" for start, end in file["missing_branches"]) or "none"
            yield f"{name} must be whole: lines missing: {lines}; branches missing: {branches}"


def _missing(summary: Mapping[str, int]) -> int:
    return summary["missing_lines"] + summary["missing_branches"]


def main(arguments: list[str]) -> int:
    """Print what is missed and return the exit code."""
    report = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    missed = list(complaints(report))
    for line in missed:
        print(f"coverage: {line}")
    if not missed:
        print(f"coverage: {report['totals']['percent_covered']:.1f} % over all, every branch of what must be whole")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
