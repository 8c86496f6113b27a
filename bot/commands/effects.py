"""``python -m bot push effects``: what came of a campaign, in plain words or for a program."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.beside import program_beside
from prompts.loader import texts

if TYPE_CHECKING:
    from engagement.campaigns.effects import Comparison, Effect

MANY = 5
"""From so many comparisons on it is said that one may be chance."""
_COLUMNS = ("name", "groups", "members", "participants", "share", "answers", "messages", "missed")
_MISSED = ("skipped", "failed", "unknown", "cancelled", "pending", "sending")


def effects(
    campaign: Annotated[str, typer.Argument(metavar="[CAMPAIGN]")] = "",
    data: Annotated[Path, typer.Option("--data", help="Data directory")] = Path("data"),
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output")] = False,
) -> None:
    """Show whom campaigns reached, who answered, and which of two wordings did better."""
    from engagement.campaigns import effects as figures

    with program_beside(data) as program:
        now = program.clock.now()
        plan = program.database.read_now(lambda session: figures.meant(session, campaign)) if campaign else None
        if campaign and (plan is None or plan.campaign_id is None):
            _err(texts().fill("push.no_effects_of", {"campaign": campaign[:40]}))
            raise typer.Exit(2)
        found = program.database.read_now(lambda session: figures.effects(session, now, plan))
    if as_json:
        _out(json.dumps({"campaigns": [_shown(one) for one in found]}, ensure_ascii=False))
        return
    if not found:
        _out(texts().raw("push.no_effects"))
        return
    for line in _table([_row(one) for one in found]):
        _out(line)
    telling = [one for one in found if one.comparison is not None and one.comparison.verdict != "few"]
    for one in found if campaign else telling:
        for line in told(one, missed=bool(campaign)):
            _out(line)
    if not campaign and len(telling) >= MANY:
        _out(_text("many", count=len(telling)))
    if any(one.audience == "groups" for one in found):
        _out(texts().raw("push.effects_known"))


def told(one: Effect, *, missed: bool) -> list[str]:
    """Return in words what of a campaign does not stand in the table: what did not arrive, and which wording did better."""
    lines = [_text("of", name=one.name)]
    if missed:
        if one.along:
            lines.append(_text("along", count=one.along))
        lines += [
            _text(
                "missed", state=_word("state", state), count=count, reason=_word("reason", reason) if reason else None
            )
            if reason
            else _text("missed_plain", state=_word("state", state), count=count)
            for state in _MISSED
            for reason, count in sorted(one.missed.get(state, {}).items())
        ]
    if one.comparison is not None:
        lines += _compared(one.comparison)
        if one.own_words:
            lines.append(_text("own_words", count=one.own_words))
        if not one.over:
            lines.append(texts().raw("push.effects_not_over"))
    return lines if len(lines) > 1 else []


def _compared(one: Comparison) -> list[str]:
    sides = _text("sides", a=one.a, b=one.b, share_a=_percent(one.share_a), share_b=_percent(one.share_b))
    if one.verdict in ("few", "silent"):
        return [sides, texts().raw(f"push.effects_{one.verdict}")]
    assert one.low is not None and one.high is not None
    values = {"points": _percent(abs(one.difference)), "low": _percent(one.low), "high": _percent(one.high)}
    difference = _text("more" if one.difference >= 0 else "fewer", **values)
    return [sides, difference + texts().raw(f"push.effects_{one.verdict}")]


def _percent(share: float) -> str:
    """Write a share, or a difference of shares, in per cent with one digit; −0.0 is 0.0."""
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "−")


def _row(one: Effect) -> list[str]:
    share = one.participation
    return [
        one.name,
        str(one.groups),
        str(one.members),
        str(one.participants),
        "—" if share is None else f"{_percent(share)}%",
        str(one.answers),
        str(one.messages),
        str(sum(sum(counts.values()) for counts in one.missed.values())),
    ]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out under their headings; a Chinese character is two columns wide."""
    lines = [[texts().raw(f"push.effects_column_{name}") for name in _COLUMNS], *rows]
    wide = [max(_width(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return ["  ".join(_padded(cell, width, n == 0) for n, (cell, width) in enumerate(zip(line, wide, strict=True)))
            .rstrip() for line in lines]  # fmt: skip


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, left: bool) -> str:
    gap = " " * (width - _width(text))
    return text + gap if left else gap + text


def _shown(one: Effect) -> dict[str, Any]:
    share = one.participation
    return {
        "campaign": one.key,
        "name": one.name,
        "audience": one.audience,
        "state": one.state,
        "over": one.over,
        "groups": one.groups,
        "members": one.members,
        "participants": one.participants,
        "participation": None if share is None else round(share, 4),
        "answers": one.answers,
        "messages": one.messages,
        "along": one.along,
        "missed": one.missed,
        "comparison": None if one.comparison is None else _variants(one.comparison, one.own_words),
    }


def _variants(one: Comparison, own_words: int) -> dict[str, Any]:
    interval = None if one.low is None or one.high is None else [round(one.low, 4), round(one.high, 4)]
    return {
        "groups_a": one.a,
        "groups_b": one.b,
        "groups_with_own_words": own_words,
        "participation_a": round(one.share_a, 4),
        "participation_b": round(one.share_b, 4),
        "difference": round(one.difference, 4),
        "interval_95": interval,
        "verdict": one.verdict,
        "text": _compared(one)[-1].strip(),
    }


def _text(key: str, **values: object) -> str:
    return texts().fill(f"push.effects_{key}", values)


def _word(kind: str, name: str) -> str:
    key = f"push.{kind}_{name}"
    return texts().raw(key) if key in set(texts().keys()) else name


def _out(line: str) -> None:
    sys.stdout.write(line + "\n")


def _err(line: str) -> None:
    sys.stderr.write(line + "\n")


def register(app: typer.Typer) -> None:
    """Add the command to ``push``."""
    app.command("effects", help=texts().raw("push.effects"))(effects)
