"""How well and how fast questions are answered: quality against the default retriever, and scale up to 100,000 entries.

    python -m bot bench knowledge --json [--short] [--data DIR]

Quality is taken on the development questions beside the project (TUANTUAN_SHARED or ../shared; left out where they are
absent) and on the sets in tests/evals. Scale is taken in a process of its own (``knowledge_scale``), on made-up entries.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.rival_retriever import DefaultRetriever
from knowledge import evaluation, ingest, tokens
from knowledge.answering import Answering, open_answering
from knowledge.evaluation import Case
from knowledge.settings import KnowledgeSettings
from knowledge.starter import load_starter
from storage import migrate
from storage.engine import open_database

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SHARE = 5
"""A short run asks each so many-th question."""
SEED = 20260302


def opened(folder: Path) -> Answering:
    """A new data directory with an empty base."""
    import engagement.registry  # noqa: F401  (the tables of the slices register on import)

    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(folder)
    migrate.upgrade(database)
    return open_answering(database, folder, KnowledgeSettings())


def misspelt(cases: Sequence[Case], known: str, seed: int = SEED) -> list[Case]:
    """The same questions with two characters each that sound alike, as an input method offers them.

    Args:
        cases: As typed.
        known: Text whose characters are common enough to be offered.
        seed: Of the choice.
    """
    chance = random.Random(seed)
    common = sorted(set(known))
    alike: dict[str, list[str]] = {}
    for sign in common:
        alike.setdefault(tokens.sounds([sign])[0], []).append(sign)
    wrong: list[Case] = []
    for case in cases:
        signs = list(case.query)
        places = [at for at, sign in enumerate(signs) if len(alike.get(tokens.sounds([sign])[0], ())) > 1]
        for at in chance.sample(places, min(2, len(places))):
            others = [one for one in alike[tokens.sounds([signs[at]])[0]] if one != signs[at]]
            signs[at] = chance.choice(others or [signs[at]])
        wrong.append(Case("".join(signs), case.relevant))
    return wrong


def _shares(found: dict[str, float | int]) -> dict[str, float]:
    total, answerable = found["n"], max(found["answerable"], 1)
    counts = ("answered_wrong", "asked_back_miss", "handed_over_wrong")
    right = {"answered_right": round(found["answered_right"] / answerable, 4)}
    return {**found, **right, **{name: round(found[name] / total, 4) for name in counts}}


def measured(answering: Answering, cases: Sequence[Case]) -> dict[str, float]:
    """Figures of ``kb eval``; verdicts as shares: the right ones of the answerable, the others of all."""
    outcomes = evaluation.run(answering.base, answering.database, cases, clock=time.perf_counter, now=NOW)
    return _shares(evaluation.figures(outcomes))


def _rival(corpus: Path, cases: Sequence[Case], wrong: Sequence[Case]) -> dict[str, float]:
    rows = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines() if line.strip()]
    rival = DefaultRetriever([(row["id"], row["question"]) for row in rows])
    sure: dict[bool, list[float]] = {True: [], False: []}
    hits = five = 0
    started = time.perf_counter()
    for case in cases:
        ids, confidence = rival.search(case.query)
        sure[bool(case.relevant)].append(confidence)
        hits += ids[0] in case.relevant
        five += bool(set(ids[:5]) & case.relevant)
    ms = (time.perf_counter() - started) * 1000 / len(cases)
    answerable = max(len(sure[True]), 1)
    missed = sum(rival.search(case.query)[0][0] in case.relevant for case in wrong)
    return {
        "r1": round(hits / answerable, 4),
        "r5": round(five / answerable, 4),
        "auroc": round(evaluation.auroc(sure[True], sure[False]), 4),
        "r1_misspelt": round(missed / max(len(wrong), 1), 4),
        "ms_mean": round(ms, 3),
    }


def development(data: Path, short: bool) -> dict[str, Any] | None:
    """Ours and the default's on questions that nobody here wrote; None where they are absent."""
    folder = Path(os.environ.get("TUANTUAN_SHARED") or ROOT.parent / "shared") / "data" / "retrieval"
    if not (folder / "corpus.jsonl").exists():
        return None
    answerable = evaluation.read_cases(folder / "queries.jsonl")
    outside = evaluation.read_cases(folder / "oos.jsonl")
    if short:
        answerable, outside = answerable[::SHARE], outside[::SHARE]
    known = (folder / "corpus.jsonl").read_text(encoding="utf-8")
    wrong = misspelt(answerable, known)
    with tempfile.TemporaryDirectory(dir=data) as own:
        answering = opened(Path(own))
        ingest.add(answering.database, folder / "corpus.jsonl", now=NOW, publish=True)
        answering.reload()
        ours = measured(answering, [*answerable, *outside])
        ours["r1_misspelt"] = measured(answering, wrong)["r1"]
        answering.close()
        answering.database.close()
    default = _rival(folder / "corpus.jsonl", [*answerable, *outside], wrong)
    ratio = {name: round(ours[name] / default[name], 3) for name in ("r1", "r5", "auroc", "r1_misspelt")}
    return {"ours": ours, "default": default, "ratio": ratio}


def own_sets(data: Path, short: bool) -> dict[str, Any]:
    """The sets in tests/evals about the starter base."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=data) as own:
        answering = opened(Path(own))
        load_starter(answering, NOW, publish=True)
        answering.reload()
        entries = answering.base.catalogue.entries
        known = "".join(text for item in entries.items for text in item.asked)
        found["entries"], found["phrasings"] = len(entries.items), sum(len(item.asked) for item in entries.items)
        for path in sorted((ROOT / "tests" / "evals").glob("*.jsonl")):
            if path.stem.startswith(("starter", "blind", "final", "tuning")):
                cases = evaluation.read_cases(path)[:: SHARE if short else 1]
                found[path.stem] = measured(answering, cases)
                wrong = misspelt([case for case in cases if case.relevant], known)
                found[path.stem]["r1_misspelt"] = measured(answering, wrong)["r1"]
        answering.close()
        answering.database.close()
    return found


def scale(data: Path, entries: int, groups: int) -> dict[str, Any]:
    """Speed and memory with so many made-up entries, and so many groups with texts of their own."""
    with tempfile.TemporaryDirectory(dir=data) as own:
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.knowledge_scale", own, str(entries), str(groups)],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
        )
    result: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return result


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure.

    Args:
        data: where temporary folders are made.
        groups: with texts of their own, besides the entries; 0 = 5,000 (100 with ``short``).
        residents: not used.
        short: a share of the questions, 1,000 entries.
    """
    del residents
    data.mkdir(parents=True, exist_ok=True)
    sizes = [(1_000, groups or 100)] if short else [(10_000, groups or 5_000), (100_000, 0)]
    return {
        "development": development(data, short),
        "own": own_sets(data, short),
        "scale": [scale(data, entries, many) for entries, many in sizes],
    }
