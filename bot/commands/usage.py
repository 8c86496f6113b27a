"""What the command line says to who typed it wrong: one plain line with an example, whatever the command.

Source: F27, F69.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from prompts.loader import texts

_WRONG: type[Exception] = typer.BadParameter.__mro__[1]
"""What every mistake of usage is; under which name the library keeps it is its own business."""
_BAD_INPUT = 2
_ABORTED = 1
PROGRAM = "python -m bot"
_PLAIN = re.compile(r"[\w.:/-]+")
"""What every shell takes as one word, Chinese too."""


class Main(TyperGroup):
    """The program's command with all those beneath it."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **others: Any,
    ) -> Any:
        """Run; ends with 2 and one line on stderr when a word is missing, unknown or too much."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **others)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **others)
        except _WRONG as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()  # type: ignore[attr-defined]
            else:
                sys.stderr.write(told(error) + "\n")
            sys.exit(_BAD_INPUT)
        except typer.Abort:
            sys.exit(_ABORTED)
        sys.exit(code if isinstance(code, int) else 0)


def told(error: Exception) -> str:
    """Say a mistake in one line: what is wrong, and how it is written."""
    ctx = getattr(error, "ctx", None)
    words = _path(ctx)
    values: dict[str, object] = {"help": " ".join([PROGRAM, *words, "--help"])}
    found = getattr(error, "param", None)
    kind = type(error).__name__
    if found is not None and ctx is not None:
        values |= {"what": _name(words, found), "example": example(ctx.command, words)}
        return texts().fill("cli.missing" if kind == "MissingParameter" else "cli.unreadable_value", values)
    if kind in ("NoSuchOption", "BadOptionUsage"):
        values["option"] = str(getattr(error, "option_name", ""))[:40]
        return texts().fill("cli.no_option" if kind == "NoSuchOption" else "cli.option_alone", values)
    if ctx is not None and hasattr(ctx.command, "commands"):
        return texts().fill("cli.no_command", values)
    return texts().fill("cli.too_much", values)


def example(command: Any, words: Sequence[str]) -> str:
    """Return how a command is written, with a value for all that it needs."""
    parts = [PROGRAM, *words]
    for one in command.params:
        if not one.required:
            continue
        value = _own("example", words, one.name) or str(one.metavar or one.name)
        shown = value if _PLAIN.fullmatch(value) else shlex.quote(value)
        parts += [shown] if one.param_type_name == "argument" else [one.opts[0], shown]
    return " ".join(parts)


def _path(ctx: Any) -> list[str]:
    """Return the words of a command behind the program's name."""
    found: list[str] = []
    while ctx is not None and ctx.parent is not None:
        found.insert(0, str(ctx.info_name))
        ctx = ctx.parent
    return found


def _name(words: Sequence[str], found: Any) -> str:
    """Return what somebody calls a value who has not read the manual."""
    what = _own("what", words, found.name)
    if found.param_type_name == "argument":
        return what or str(found.metavar or found.name)
    return f"{found.opts[0]} {what}".rstrip()


def _own(kind: str, words: Sequence[str], name: str) -> str:
    """Return a word about a parameter: the command's own, its group's, or everybody's."""
    known = set(texts().keys())
    for place in ("_".join([*words, name]), "_".join([*words[:1], name]), name):
        key = f"cli.{kind}_{place.replace('-', '_')}"
        if key in known:
            return texts().raw(key)
    return ""
