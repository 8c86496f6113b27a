"""The knowledge base of one data directory, as everybody above calls it.

``ask`` is the whole way. Whoever holds a transaction of his own calls its parts: ``sense`` (may use the network),
``prepare`` (rows and memory only), ``finish`` (may use the network).

Source: DESIGN 4 and 6, F62.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowledge import concerns, confidence, embedding, judge, model, normalise, retriever, spelling
from knowledge.answer import Answer, Candidate, Decision, Passage, Prepared, Scope, Sight, fill, wanted
from knowledge.arrays import give_back
from knowledge.catalogue import Catalogue, Shelf
from knowledge.confidence import Floors
from knowledge.errors import ModelFault
from knowledge.generation import sound
from knowledge.index import VectorIndex
from knowledge.kept import Keeper, Kept
from knowledge.lexical import Asked
from knowledge.lexical import asked as cut
from knowledge.quoting import quotable
from knowledge.reading import Reader
from knowledge.retriever import Ranked
from knowledge.wording import Said, Wording
from storage.documents import counter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.budget import Asker
    from knowledge.embedding import Embedder
    from knowledge.model import ChatModel, Heard
    from knowledge.settings import DocumentSettings, KnowledgeSettings
    from storage.engine import Database, Session

_LOG = logging.getLogger("knowledge")
OFFERED = 3
START_FIRST = 8.0
"""Seconds that the rest of a start has the processor for itself before the vector index is opened."""
OPENING = 10.0
"""Seconds that a first question waits for the index at most; then keywords answer it."""
SURE = 2.0
"""Log-odds above the floor at which a question need not be looked at for wrong characters: six in seven of clean ones."""
PASSAGE_FLOOR = 2.0
"""Log-odds above the entries' own floor that a passage needs: long texts share characters with anything."""


class KnowledgeBase:
    """Asks and keeps itself up to date; safe to call from several threads.

    Args:
        directory: The data directory, owned by this process; Chroma lives in ``directory/chroma``.
        settings: Model and embedding endpoint.
        embedder: Instead of the one that the settings name.
        chat: Instead of the one that the settings name.
        options: Where the vectors stand and whether fastembed makes them.
        clock: Monotonic seconds, for measuring.
    """

    def __init__(
        self,
        directory: Path,
        settings: KnowledgeSettings,
        *,
        embedder: Embedder | None = None,
        chat: ChatModel | None = None,
        options: DocumentSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embedder = embedder or embedding.configured(settings, options)
        self.wording = Wording(chat or model.configured(settings), judge.configured(settings))
        self._clock = clock
        self._keeper = Keeper(directory)
        self._reader: Reader | None = None
        self._catalogue: Catalogue | None = None
        self.floors = Floors()
        self._calibrated_on = b""
        self._settled: int | None = None
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        self._keeping = threading.Lock()
        self._filling: threading.Thread | None = None
        self._needed = threading.Event()
        self._closed = False
        self._suspect = False
        self.degraded = False
        self.patient = True
        """The first question waits for the vector index; False answers it by keywords meanwhile (a server)."""
        self.index = VectorIndex(
            directory / "chroma",
            self._embedder,
            former=embedding.WordVectorEmbedder(),
            url=options.chroma_url if options is not None else "",
        )

    @property
    def _remote(self) -> bool:
        """Whether a question's vector comes over the network; while an endpoint's index is made, the former one serves."""
        return isinstance(self.index.embedder, embedding.EndpointEmbedder)

    @property
    def catalogue(self) -> Catalogue:
        """What is published, as the last question saw it; only once the base is open."""
        assert self._catalogue is not None
        return self._catalogue

    # ------------------------------------------------------------------ keeping up to date

    def load(self, session: Session, progress: Callable[[int, int], None] | None = None) -> None:
        """Reads what is published, fills the vector index and calibrates; returns when all is done.

        Keywords answer as soon as the rows are read, whatever becomes of the index.

        Raises:
            ModelFault: Only when the index cannot even be made anew; keywords work without it.
        """
        self._refresh(session)
        self._settle(progress)

    def _refresh(self, session: Session) -> Catalogue:
        with self._lock:
            if self._catalogue is None or self._catalogue.counter != counter(session):
                self._catalogue = self._opened().read(session)
            return self._catalogue

    def _opened(self) -> Reader:
        """The reader, which knows what an earlier start has counted."""
        if self._reader is None:
            found = self._keeper.open()
            self._reader = Reader(found.lexicon, found.tallies)
            self.floors, self._calibrated_on = found.floors, found.fingerprint
        return self._reader

    def _keep(self) -> None:
        """Writes down what is counted of the newest catalogue, if that is not what the file says."""
        with self._keeping:
            newest = self.catalogue
            tallies = newest.entries.tally, newest.passages.tally
            self._keeper.keep(Kept(newest.lexicon, tallies, self.floors, self._calibrated_on))

    def preview(self, session: Session, instead: Mapping[int, int | None]) -> tuple[Catalogue, Floors]:
        """What would answer if other versions were published (``Reader.read``); what answers now stays as it is."""
        with self._lock:
            return self._opened().read(session, instead), self.floors

    def open(self, session: Session) -> None:
        """Reads what is published and calibrates; the vector index is opened beside the start, or by the first question.

        Chroma and langchain take two seconds to import: a server is ready before, and its first answer waits for them.
        """
        catalogue = self._refresh(session)
        self._calibrate(catalogue)
        self._keep()
        self._settle_later(START_FIRST)

    def _settle(self, progress: Callable[[int, int], None] | None = None) -> None:
        """One at a time, and always to the newest catalogue: an older one would empty the index of what is new."""
        with self._settling:
            catalogue = self._catalogue
            assert catalogue is not None
            if self._suspect:
                self._suspect = False
                self.index.suspect()
            try:
                self.index.fill(catalogue.texts, progress, limited=catalogue.limited)
            finally:  # words that are no longer published leave the file, whatever becomes of the vectors
                self._calibrate(catalogue)
                self._keep()
            self._settled = catalogue.counter
            self.degraded = False
        give_back()

    def _settle_later(self, delay: float = 0.0) -> None:
        """Fills the index beside the answers; a change that comes meanwhile is found by the next question."""
        if self._filling is not None and self._filling.is_alive():
            return

        def fill_index() -> None:
            self._needed.wait(delay)
            if self._closed:
                return
            try:
                self._settle()
            except ModelFault as fault:
                self.degraded = True
                _LOG.warning("knowledge.index_behind", extra={"reason": fault.reason})

        self._filling = threading.Thread(target=fill_index, name="knowledge-index", daemon=True)
        self._filling.start()

    def _await_index(self) -> None:
        """The first question waits until the index is open; later ones never wait."""
        if self.patient and self._settled is None and not self.degraded and self._filling is not None:
            self._needed.set()
            self._filling.join(OPENING)

    def _calibrate(self, catalogue: Catalogue) -> None:
        """Reads the floors off the base, unless they were read off just this one."""
        shelf = catalogue.entries
        if shelf.fingerprint == self._calibrated_on:
            return
        common = np.flatnonzero(shelf.common)  # what leaders alone may read says nothing of neighbours' questions
        places = common if len(common) else np.arange(len(shelf))
        places = places[np.argsort(shelf.places.chunks[places])]

        def hidden(place: int) -> float | None:
            at = int(places[place])
            item = shelf.items[at]
            question = normalise.question(item.asked[-1] if item.asked else "")  # an alias where there is one
            seen = shelf.seen(Sight(frozenset({item.scope}), item.audience == "leaders", item.valid[0]))
            ranked = retriever.rank(shelf, question, {}, seen, hidden=at)
            return confidence.log_odds(ranked[0]) if ranked else None

        self.floors, self._calibrated_on = confidence.calibrate(hidden, len(places)), shelf.fingerprint

    def close(self) -> None:
        """Waits for the index and lets go of it."""
        self._closed = True
        self._needed.set()
        if self._filling is not None:
            self._filling.join(timeout=30)
        self.index.close()

    # ------------------------------------------------------------------ answering

    async def ask(
        self, database: Database, question: str, scope: Scope, facts: Mapping[str, str] | None = None, *, now: datetime
    ) -> Answer:
        """The whole way of a question.

        Args:
            database: Of the same data directory.
            question: As typed; any text.
            scope: Who asks.
            facts: The group's facts.
            now: Aware instant; what is not valid then is not there.
        """
        vector = await self.sense(question)
        prepared = await database.read(lambda session: self.prepare(session, question, scope.sight(now), vector))
        return await self.finish(prepared, facts or {})

    async def sense(self, question: str) -> NDArray[np.float32] | None:
        """The question's vector from a configured endpoint; None when there is none, or when it failed."""
        if not self._remote:
            return None
        import asyncio

        try:
            table = await asyncio.to_thread(sound, self._embedder, [normalise.question(question)])
        except ModelFault as fault:
            _LOG.warning("knowledge.embedding_failed", extra={"reason": fault.reason})
            return None
        vector: NDArray[np.float32] = table[0]
        return vector

    def prepare(
        self, session: Session, question: str, sight: Sight, vector: NDArray[np.float32] | None = None
    ) -> Prepared:
        """Decides and reads what may be quoted. Rows and memory only; milliseconds once loaded.

        Args:
            session: Read from for the version counter and the bodies; nothing is written.
            question: As typed.
            sight: What the asker may see; nothing outside it is ever looked at.
            vector: From ``sense``.
        """
        started = self._clock()
        catalogue = self._refresh(session)
        if catalogue.counter != self._settled:
            self._settle_later()
        asked = normalise.question(question)
        words = cut(asked)
        self._await_index()
        own = catalogue.own(sight)
        near = catalogue.nearest(self._near(asked, vector, own))
        seen = catalogue.entries.seen(sight)
        ranked = retriever.rank(catalogue.entries, words, near, seen)
        sure = bool(ranked) and confidence.log_odds(ranked[0]) >= self.floors.answer + SURE
        repair = None if sure else catalogue.entries.speller.repaired(asked)
        if repair is not None:
            alike = near if self._remote else catalogue.nearest(self._near(repair.text, None, own))
            ranked = spelling.merged(ranked, retriever.rank(catalogue.entries, repair.text, alike, seen), repair)
        found = quotable(session, [one.item.chunk for one in ranked], sight)
        ranked = [one for one in ranked if one.item.chunk in found]
        same = retriever.exact(catalogue, asked, seen)
        if same is not None and same in found:
            ranked.sort(key=lambda one: one.item.chunk != same)
            odds = confidence.CERTAIN
        else:
            odds = confidence.log_odds(ranked[0]) if ranked else -confidence.CERTAIN
        decision, passages = self._decide(asked, odds, ranked, found)
        if decision in {"handed_over", "refused"}:
            passage = self._best_passage(session, catalogue.passages, words, near, sight)
            if passage is not None:
                decision, passages = "answered", (passage,)
        offered = _candidates(ranked, found, odds)
        probable = found[ranked[0].item.chunk] if decision == "asked_back" else None
        return Prepared(asked, decision, passages, offered, confidence.share(odds), started, probable)

    def prepare_entry(self, session: Session, entry: str, sight: Sight) -> Prepared | None:
        """An entry by its own id, as if it had been asked for; None when the asker may not see it."""
        started = self._clock()
        shelf = self._refresh(session).entries
        chunks = shelf.places.chunks[shelf.places.entries == entry].tolist()
        found = quotable(session, chunks, sight)
        if not found:
            return None
        passage = found[min(found)]
        offered = (Candidate(passage.entry, passage.title, 1.0, passage.chunk),)
        return Prepared(normalise.question(passage.title), "answered", (passage,), offered, 1.0, started)

    def _near(self, asked: str, vector: NDArray[np.float32] | None, own: list[str]) -> dict[str, float]:
        try:
            if vector is None and not self._remote:
                vector = sound(self.index.embedder, [asked])[0]
            return self.index.near(vector, retriever.NEIGHBOURS, own) if vector is not None else {}
        except ModelFault as fault:
            _LOG.warning("knowledge.keywords_only", extra={"reason": fault.reason})
            if fault.what == "index":
                self._settled = None  # the next question has the folder opened anew, beside its answer
                self._suspect = True
            return {}

    def _decide(
        self, asked: str, odds: float, ranked: list[Ranked], found: dict[int, Passage]
    ) -> tuple[Decision, tuple[Passage, ...]]:
        if ranked and odds >= self.floors.answer:
            return "answered", tuple(found[one.item.chunk] for one in ranked[:OFFERED])
        if ranked and odds >= self.floors.ask:
            return "asked_back", ()
        return ("handed_over" if concerns.leader(asked, likely=odds >= self.floors.hand) else "refused"), ()

    def _best_passage(
        self, session: Session, shelf: Shelf, asked: Asked, near: dict[int, float], sight: Sight
    ) -> Passage | None:
        ranked = retriever.rank(shelf, asked, near, shelf.seen(sight))
        if not ranked or ranked[0].lacking:
            return None
        if confidence.log_odds(ranked[0]) < self.floors.answer + PASSAGE_FLOOR:
            return None
        return quotable(session, [ranked[0].item.chunk], sight).get(ranked[0].item.chunk)

    async def finish(
        self,
        prepared: Prepared,
        facts: Mapping[str, str],
        asker: Asker | None = None,
        show: Heard | None = None,
    ) -> Answer:
        """Words the answer. No transaction may be open: a configured model is called here.

        Args:
            prepared: From ``prepare``.
            facts: The group's facts; an answer that needs one that is missing is given without it.
            asker: Whose budget a model's call is held against; None = nobody's.
            show: Awaited with the sentences that stand so far, each checked, while a model writes on.
        """
        prepared = await self.wording.judged(prepared, facts, asker)
        decision = prepared.decision
        said: Said = "", (), None
        missing: tuple[str, ...] = ()
        if decision == "answered":
            best = prepared.passages[0]
            missing = wanted(best, facts)
            plain = fill(best, facts)
            if plain is None or not (plain.strip() or best.title):
                decision = "handed_over"
            else:
                said = await self.wording.say(prepared, plain.strip(), facts, asker, show)
        ms = (self._clock() - prepared.started) * 1000
        found = prepared.candidates, prepared.score
        text, citations, worded = said
        return Answer(decision, text, citations, *found, worded, ms, prepared.question, missing)


def _candidates(ranked: list[Ranked], found: dict[int, Passage], odds: float) -> tuple[Candidate, ...]:
    """The best of each question, with the chance of each: the first one's own, the others' in proportion to their scores."""
    first = ranked[0].score if ranked else 1.0
    best = {normalise.question(found[one.item.chunk].title): one.item.chunk for one in reversed(ranked)}.values()
    return tuple(
        Candidate(
            one.item.entry,
            found[one.item.chunk].title,
            confidence.share(odds) * min(1.0, one.score / max(first, 1e-6)),
            one.item.chunk,
        )
        for one in ranked
        if one.item.chunk in best
    )
