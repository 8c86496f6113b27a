"""What the command line says to who leaves a word out, writes one too many, or one that there is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from bot.__main__ import app

RUN = CliRunner()


def commands(found: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that needs something."""
    for name, one in found.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*words, name))
        elif any(param.required for param in one.params):
            yield (*words, name)


ALL = sorted(commands(typer.main.get_command(app)))


def refused(*typed: str) -> str:
    """The one line on stderr."""
    result = RUN.invoke(app, list(typed))
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_many_commands_need_something() -> None:
    assert len(ALL) >= 40 and ("kb", "entry", "split") in ALL


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_what_is_missing_is_said_in_chinese_with_an_example_that_holds_all_that_is_needed(
    words: tuple[str, ...],
) -> None:
    line = refused(*words)
    assert line.startswith("还少「") and f"python -m bot {' '.join(words)} " in line
    # No bare metavar stands where a value or a word should.
    assert not any(part.isupper() for part in line.replace("「", " ").replace("」", " ").split())


def test_the_example_of_a_command_runs_as_far_as_its_words_go() -> None:
    assert refused("push", "plan", "--from", "2026-12-01") == (
        "还少「--to 最后一天」。这样写：python -m bot push plan --from 2026-12-01 --to 2026-12-07"
    )
    assert refused("push", "show").endswith("python -m bot push show 元旦")
    assert refused("kb", "propose").endswith("python -m bot kb propose 7")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("push", "nonsense"), "没有这个命令。有哪些看：python -m bot push --help"),
        (("nonsense",), "没有这个命令。有哪些看：python -m bot --help"),
        (("push", "show", "a", "--foo"), "没有 --foo 这个选项。能用的看：python -m bot push show --help"),
        (
            ("push", "show", "a", "b"),
            "多写了几个词，不知道是什么；有空格的话要加引号。怎么写看：python -m bot push show --help",
        ),
        (("bench", "checkin", "--groups", "many"), "「--groups」写得不对，读不懂。这样写：python -m bot bench checkin"),
    ],
)
def test_other_slips(typed: tuple[str, ...], said: str) -> None:
    assert refused(*typed) == said


def test_an_option_without_its_value() -> None:
    assert refused("push", "show", "a", "--data").startswith("--data 后面还要写一个值。")


def test_alone_it_explains_itself_and_ends_with_two() -> None:
    for typed in ([], ["push"], ["kb", "entry"]):
        result = RUN.invoke(app, typed)
        assert result.exit_code == 2 and "Traceback" not in result.output


def test_whoever_wants_no_exit_gets_the_error_itself() -> None:
    with pytest.raises(typer.BadParameter):
        typer.main.get_command(app).main(["push", "show"], standalone_mode=False)
