"""Plays a script in this process and keeps what the bot put out after each line.

A script is what ``python -m bot play`` takes. So that it survives a change of numbering, a line may also say what it quotes
or presses by name; ``play`` ignores that, and here it decides:

- ``"quotes": "topic.push"`` — quotes the latest output of that key (``topic.push!``: the one before it) in this chat;
- ``"presses": "board:day"`` — presses the latest button whose key starts so in this chat; ``ask:#2`` the second of one message.

    python -m tests.scenarios.staging tests/scenarios/week.jsonl

plays a script, writes the numbers that it found into it, and prints the transcript.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.main import replay
from bot.play import Line, read_script
from bot.settings import Settings
from knowledge.settings import KnowledgeSettings


@dataclass
class Moment:
    """A line of the script as it was played, what fired before it, and what it brought."""

    line: dict[str, Any]
    brought: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Performance:
    """A script, played."""

    moments: list[Moment] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, int] = field(default_factory=dict)

    def transcript(self) -> Iterator[str]:
        """Everything in order, to be read aloud."""
        for moment in self.moments:
            yield from (_said(output) for output in moment.brought if _pushed(output))
            yield _asked(moment.line)
            yield from (_said(output) for output in moment.brought if not _pushed(output))


def _pushed(output: dict[str, Any]) -> bool:
    return output["reply_to"] is None and output["kind"] in {"push", "dm"}


def _asked(line: dict[str, Any]) -> str:
    what = line.get("text", "")
    if "button" in line:
        what = f"[{line['button']}]"
    for word in ("create", "join", "leave", "grant"):
        if word in line:
            what = f"({word} {line[word]})"
    how = ("@ " if line.get("addressed") else "") + (f"「{line['quotes']}」" if "quotes" in line else "")
    if "gone" in (line.get("reply_to"), line.get("button")):
        how += "?? NOT FOUND "
    return (
        f"{line['at'][5:16]} {line.get('group', 'dm')} {line.get('name', line.get('member', ''))!s}: {how}{what[:80]}"
    )


def _said(output: dict[str, Any]) -> str:
    where = output["group"] or f"dm→{output['to']}"
    text = output["text"].replace("\n", "\n            ")
    buttons = " ".join(f"[{button['label']}]" for button in output["buttons"])
    return f"    {output['id']} {where} {output['kind']} <{output['key']}> {text} {buttons}".rstrip()


def perform(script: Path, directory: Path) -> Performance:
    """Play a script over an empty directory."""
    done = Performance()

    def lines() -> Iterator[Line]:
        for text in script.read_text(encoding="utf-8").splitlines():
            raw = json.loads(text)
            done.moments.append(Moment(raw))
            # First the clock: what is quoted may be pushed on the way to this line.
            yield from _parsed({"at": raw["at"]})
            _resolve(raw, done.outputs)
            yield from _parsed(raw)

    def write(output: dict[str, Any]) -> None:
        done.outputs.append(output)
        done.moments[-1].brought.append(output)

    settings = Settings(llm=KnowledgeSettings())
    done.summary = asyncio.run(replay(lines(), directory, settings, write))
    return done


def _parsed(raw: dict[str, Any]) -> Sequence[Line]:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as one:
        one.write(json.dumps(raw, ensure_ascii=False))
        one.flush()
        return list(read_script(Path(one.name)))


def _resolve(line: dict[str, Any], outputs: Sequence[dict[str, Any]]) -> None:
    if "quotes" not in line and "presses" not in line:
        return
    group, member = line.get("group"), line["member"]
    here = [
        one
        for one in reversed(outputs)
        if (one["group"] == group if group else one["to"] == member and not one["group"])
    ]
    if "quotes" in line:
        wanted = line["quotes"]
        found = [one for one in here if one["key"] == wanted.rstrip("!")]
        before = wanted.endswith("!")
        line["reply_to"] = found[before]["id"] if len(found) > before else "gone"
        return
    prefix, _, place = line["presses"].partition("#")
    for one in here:
        fit = [button["key"] for button in one["buttons"] if button["key"].startswith(prefix)]
        if fit:
            line["button"] = fit[int(place or 1) - 1]
            return
    line["button"] = "gone"


def main() -> None:
    """Play, renumber, print."""
    script = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        done = perform(script, Path(folder) / "played")
    script.write_text(
        "".join(json.dumps(moment.line, ensure_ascii=False) + "\n" for moment in done.moments), encoding="utf-8"
    )
    for line in done.transcript():
        print(line)
    print(done.summary)


if __name__ == "__main__":
    main()
