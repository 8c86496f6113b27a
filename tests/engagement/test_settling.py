"""Where a question is put, its answers say that they settle it: a channel that can takes its buttons away then."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import engagement

ANSWERS = {"sure", "yes", "no", "stay", "keep", "go", "agree", "refuse", "accept", "decline", "erase"}
"""What the text key of an answer's label ends with; a button that asks, shows or leads on has another name."""
FOLDER = Path(engagement.__file__).parent


def _buttons() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield (where, the label's text key, the call) of each button that is made in the product."""
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Button":
                for label in ast.walk(node.args[1]) if len(node.args) > 1 else ():
                    if isinstance(label, ast.Constant) and isinstance(label.value, str):
                        yield f"{path.relative_to(FOLDER)}:{node.lineno}", label.value, node


def _settles(call: ast.Call) -> bool:
    return any(word.arg == "settles" for word in call.keywords)


def test_an_answer_settles_its_question() -> None:
    missing = [where for where, label, call in _buttons() if label.rpartition("_")[2] in ANSWERS and not _settles(call)]
    assert not missing


def test_where_one_answer_settles_it_the_sure_one_does() -> None:
    """Of the buttons that stand in one list with a 「先不…」, none acts without saying so: the others lead on, and are named."""
    leads_on = {"curation.button_diff", "curation.button_ask"}
    for path in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.List):
                continue
            calls = [one for one in node.elts if isinstance(one, ast.Call) and ast.unparse(one.func) == "Button"]
            labels = {ast.unparse(one.args[1]).strip("'"): _settles(one) for one in calls}
            if any(label.rpartition("_")[2] in ANSWERS for label in labels):
                silent = {label for label, settles in labels.items() if not settles} - leads_on
                assert not silent, (path, node.lineno)


@pytest.mark.parametrize("label", ["mass_sends.button_sure", "campaigns.button_end", "curation.button_take_sure"])
def test_those_that_were_once_forgotten(label: str) -> None:
    assert [_settles(call) for _, found, call in _buttons() if found == label] == [True]
