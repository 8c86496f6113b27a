"""Answers worded by a real language model, each looked at: ``make eval-llm``.

Needs an endpoint that speaks chat.completions (``BOT_LLM__BASE_URL``, ``BOT_LLM__MODEL``); makes its own base in a
temporary folder. Every answer is a line of the output file, so a run that was cut goes on where it ended. Questions without
an answer are put to the model besides with the nearest passages as if these answered them: that is what the gate is for.

The words are for a person to judge; what a program can see, it counts: figures, times and places that stand in no cited
passage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from knowledge import evaluation, grounding, model
from knowledge.answer import Scope, fill
from knowledge.answering import Answering, open_answering
from knowledge.errors import ModelFault
from knowledge.settings import KnowledgeSettings
from knowledge.starter import load_starter
from knowledge.wording import Wording
from storage import migrate
from storage.engine import open_database

EVALS = Path(__file__).resolve().parents[1] / "evals"
SETS = ("starter.jsonl", "blind.jsonl")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FACTS = {
    "pickup_place": "3 号楼下架空层",
    "pickup_hours": "16:00–20:00",
    "delivery_day": "周三、周六",
    "order_cutoff": "前一天 22:00",
    "leader_name": "周团长",
}
_STATED = re.compile(
    r"\d+(?:[.:]\d+)*%?|[一二两三四五六七八九十百千半]+(?=[天日点时分周月年元块斤个份次折倍号楼栋])|[东南西北正侧后前]门"
)


class Recorded(model.EndpointChat):
    """The endpoint, with what it said last, before the gate."""

    said = ""

    async def word(self, question: str, passages: Sequence[str], heard: model.Heard | None = None) -> model.Worded:
        """See ``ChatModel.word``."""
        worded = await super().word(question, passages, heard)
        self.said = worded.text
        return worded


def main() -> None:
    """Ask, write a line an answer, print the count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path(".cache/eval-llm.jsonl"))
    parser.add_argument("--answerable", type=int, default=100)
    parser.add_argument("--unanswerable", type=int, default=50)
    parser.add_argument("--deadline", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=20261122)
    chosen = parser.parse_args()
    settings = KnowledgeSettings(deadline=chosen.deadline)
    if not settings.base_url or not settings.model:
        sys.exit("eval-llm: BOT_LLM__BASE_URL and BOT_LLM__MODEL name no model")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    done = _done(chosen.out)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        migrate.upgrade(database)
        answering = open_answering(database, Path(folder), settings)
        load_starter(answering, NOW, publish=True)
        try:
            asyncio.run(_ask_all(answering, settings, _cases(chosen), done, chosen.out))
        finally:
            answering.close()
            database.close()
    _summary(list(_done(chosen.out).values()))


def _cases(chosen: argparse.Namespace) -> list[evaluation.Case]:
    cases = [case for name in SETS for case in evaluation.read_cases(EVALS / name)]
    rng = random.Random(chosen.seed)
    rng.shuffle(cases)
    with_answer = [case for case in cases if case.relevant][: chosen.answerable]
    without = [case for case in cases if not case.relevant][: chosen.unanswerable]
    return with_answer + without


def _done(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
    return {row["query"]: row for row in rows}


async def _ask_all(
    answering: Answering,
    settings: KnowledgeSettings,
    cases: list[evaluation.Case],
    done: dict[str, dict[str, Any]],
    out: Path,
) -> None:
    chat = Recorded(settings)
    answering.base.wording = Wording(chat)
    for number, case in enumerate(cases, start=1):
        if case.query in done:
            continue
        row = await _ask(answering, chat, case)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stderr.write(f"{number}/{len(cases)} {row['decision']} {row['seconds']} s\n")


async def _ask(answering: Answering, chat: Recorded, case: evaluation.Case) -> dict[str, Any]:
    chat.said = ""
    told = await answering.ask(case.query, now=NOW, facts=FACTS)
    sight = Scope().sight(NOW)
    base = answering.base
    nearest = [
        passage
        for candidate in told.candidates[:3]
        if (entry := answering.database.read_now(lambda s, id=candidate.id: base.prepare_entry(s, id, sight)))  # type: ignore[misc]
        for passage in entry.passages
    ]
    texts = {one.entry: fill(one, FACTS) or "" for one in nearest}
    cited = [texts.get(one.chunk) or one.quote for one in told.citations]
    row: dict[str, Any] = {
        "query": case.query,
        "relevant": sorted(case.relevant),
        "decision": told.decision,
        "model": told.model,
        "said": chat.said if told.decision == "answered" else "",
        "text": told.text,
        "cited": cited,
        "seconds": round(told.ms / 1000, 1),
        "not_cited": missing(told.text, cited),
    }
    if not case.relevant and texts:
        row |= await _forced(chat, case.query, list(texts.values()))
    return row


async def _forced(chat: Recorded, question: str, passages: list[str]) -> dict[str, Any]:
    try:
        said = (await chat.word(question, passages)).text
    except ModelFault as fault:
        return {"forced_said": "", "forced_kept": "", "forced_fault": fault.reason}
    kept, used = grounding.grounded(said, passages)
    if used and not grounding.complete(kept, passages[used[0]]):
        kept, used = "", []
    return {"forced_said": said, "forced_kept": kept, "forced_not_cited": missing(kept, [passages[at] for at in used])}


def missing(text: str, cited: list[str]) -> list[str]:
    """Figures, times and places of a text that stand in none of the cited passages."""
    source = "\n".join(cited).replace(" ", "")
    return [one for one in _STATED.findall(text.replace(" ", "")) if one not in source]


def _summary(rows: list[dict[str, Any]]) -> None:
    with_answer = [row for row in rows if row["relevant"]]
    without = [row for row in rows if not row["relevant"]]
    worded = [row for row in rows if row["model"]]
    say = sys.stdout.write
    say(f"asked {len(with_answer)} with and {len(without)} without an answer; worded by the model: {len(worded)}\n")
    say(f"answers with a figure, time or place that is not cited: {sum(bool(row['not_cited']) for row in rows)}\n")
    say(f"answered although there is no answer: {sum(row['decision'] == 'answered' for row in without)}\n")
    kept = [row for row in without if row.get("forced_kept")]
    say(
        f"forced to word {sum('forced_said' in row for row in without)} of these, words got through the gate: {len(kept)}\n"
    )
    for row in without:
        if row["decision"] == "answered" or row.get("forced_kept"):
            say(f"  {row['query']}\n    answered: {row['text']}\n    forced:   {row.get('forced_kept', '')}\n")


if __name__ == "__main__":
    main()
