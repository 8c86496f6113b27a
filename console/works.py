"""Long work of the pages: begun by a form, done beside it, looked at while it goes on, and told of after a kill.

Each work is a folder: what was asked, how far it is, and the file it is about. Whoever is at it holds a lock on the folder,
which the system lets go of at his death; so the next one to look knows that it was cut off. A file that had arrived whole is
taken in again, for the same bytes are the same draft; what else was cut off is said.

Source: F69, FAULTS C11 (kill -9), D1; DESIGN 4 and 7.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge import requests
from knowledge.errors import KnowledgeRefusal, ModelFault
from knowledge.lifecycle import Hand

if TYPE_CHECKING:
    from console.app import Console
    from knowledge.answering import Answering

log = logging.getLogger("console")
_ID = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
AT_ONCE = 2
"""Works that run beside each other; reading takes a process of its own each."""
TRIES = 3
"""How often a file is begun whose reading was cut off."""
KEPT = timedelta(days=3)
SHOWN = 30
_WRITTEN = 0.5
"""Seconds between two notes of how far a work is."""
OVER = frozenset({"done", "refused", "failed", "cut"})
"""States in which nothing more happens: done, refused with a reason, failed by our fault, cut off by a kill."""


@dataclass(frozen=True, slots=True)
class Work:
    """One.

    Attributes:
        what: the request's action; ``title`` is what it is about, as a person knows it.
        person: who began it; ``name`` stands in versions for that person.
        state: ``receiving``, ``waiting``, ``running`` or one of ``OVER``.
        step, done, total: how far it is (``knowledge.requests.Progress``).
        file: name of its file in its folder, or empty.
        tries: how often it was begun.
        key, values: why it was refused; ``result``: what came of it.
        back: the page that it belongs to.
    """

    id: str
    what: str
    title: str
    person: int | None
    name: str
    at: str
    request: dict[str, Any] = field(default_factory=dict)
    state: str = "waiting"
    step: str = ""
    done: int = 0
    total: int = 0
    file: str = ""
    tries: int = 0
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    back: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in OVER

    @property
    def share(self) -> int:
        """How far it is, in hundredths."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class Works:
    """The works of one data directory, as one process sees them.

    Args:
        folder: Where they are kept; made when the first one begins.
        answering: What does them.
        now: The clock.
        zone: Whose days are meant.
    """

    def __init__(self, folder: Path, answering: Answering, now: Callable[[], datetime], zone: str) -> None:
        self._folder = folder
        self._answering = answering
        self._now = now
        self._zone = zone
        self._live: dict[str, Work] = {}
        self._locks: dict[str, int] = {}
        self._written: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room: asyncio.Semaphore | None = None

    # ------------------------------------------------------------------ begin

    def open(
        self, what: str, title: str, hand: Hand, request: dict[str, Any], *, back: str = "", receiving: bool = False
    ) -> Work:
        """Writes down that something is to be done; :meth:`start` does it.

        Args:
            what: The request's action.
            title: What it is about.
            hand: Who asks.
            request: Its other arguments.
            back: The page it belongs to.
            receiving: Its file is still on the way.
        """
        self._tidy()
        state = "receiving" if receiving else "waiting"
        at = self._now().isoformat()
        work = Work(secrets.token_urlsafe(9), what, title[:200], hand.person_id, hand.name, at, request, state)
        (self._folder / work.id).mkdir(parents=True, mode=0o700)
        self._lock(work.id)
        return self._keep(replace(work, back=back))

    def place(self, work: Work, name: str) -> Path:
        """Where the file of a work goes, under a name that is only a name."""
        return self._folder / work.id / f"file-{name}"

    def start(self, work: Work, file: str = "") -> Work:
        """Begins beside the request; a second work waits for its turn."""
        work = self._keep(replace(work, state="waiting", file=file or work.file, tries=work.tries + 1))
        task = asyncio.create_task(self._run(work), name="console-work")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(work.id, done))
        return work

    def refuse(self, work: Work, refusal: KnowledgeRefusal) -> Work:
        """Says no before anything was begun."""
        return self._close(replace(work, state="refused", key=refusal.key, values=dict(refusal.values)))

    def cut(self, work: Work) -> Work:
        """Says that its file did not arrive whole."""
        return self._close(replace(work, state="cut"))

    def forget(self, work: Work) -> None:
        """Takes one that is over off the list."""
        if work.over:
            shutil.rmtree(self._folder / work.id, ignore_errors=True)

    # ------------------------------------------------------------------ look

    def find(self, identity: str, person: int | None) -> Work | None:
        """A person's own work; None for everybody else."""
        if not 8 <= len(identity) <= 24 or not _ID.issuperset(identity):
            return None
        work = self._read(identity)
        return work if work is not None and work.person == person else None

    def of(self, person: int | None) -> list[Work]:
        """A person's works, what is under way and then the newest first: as many as are shown."""
        found = [work for work in self._all() if work.person == person]
        return sorted(found, key=lambda work: (not work.over, work.at, work.id), reverse=True)[:SHOWN]

    def _all(self) -> Iterator[Work]:
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                work = self._read(path.name)
                if work is not None:
                    yield work

    def _read(self, identity: str) -> Work | None:
        """What is known of a work; one that nobody is at any more has been cut off."""
        if identity in self._live:
            return self._live[identity]
        try:
            work = Work(**json.loads((self._folder / identity / "work.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        if not work.over and identity not in self._locks and self._lock(identity):
            return self._take_up(work)
        return work

    def _take_up(self, work: Work) -> Work:
        """What becomes of a work whose process died."""
        whole = work.file and (self._folder / work.id / f"file-{work.file}").is_file()
        if work.state == "receiving" or work.what != "add" or (work.file and not whole):
            return self._close(replace(work, state="cut"))
        if work.tries >= TRIES:
            return self._close(replace(work, state="failed", key="knowledge.work_gave_up"))
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # looked at from a thread: the next look begins it
            self._unlock(work.id)
            return work
        return self.start(work)

    def resume(self) -> int:
        """Takes up what a dead process left; returns how many works are under way. Called in the event loop."""
        return sum(not work.over for work in self._all())

    async def stop(self) -> None:
        """Lets go; what is under way stays written down as it is, and the next start takes it up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for identity in list(self._locks):
            self._unlock(identity)

    # ------------------------------------------------------------------ do

    async def _run(self, work: Work) -> None:
        self._room = self._room or asyncio.Semaphore(AT_ONCE)
        async with self._room:
            work = self._keep(replace(work, state="running"))
            asked = {**work.request, "action": work.what, "zone": self._zone}
            if work.file:
                asked["paths"] = [str(self._named(work))]

            def progress(step: str, done: int, total: int) -> None:
                self._live[work.id] = moved = replace(self._live[work.id], step=step, done=done, total=total)
                if time.monotonic() - self._written.get(work.id, 0.0) >= _WRITTEN:
                    self._keep(moved)

            hand = Hand(work.name, work.person)
            try:
                result = await requests.handle(self._answering, asked, self._now(), progress, hand)
            except KnowledgeRefusal as refusal:
                self.refuse(self._live[work.id], refusal)
            except (ModelFault, OSError) as fault:
                log.warning("console.work_failed", extra={"reason": type(fault).__name__})
                self._close(replace(self._live[work.id], state="failed", key="knowledge.work_failed"))
            else:
                self._close(replace(self._live[work.id], state="done", result=result))

    def _named(self, work: Work) -> Path:
        """The file under its own name, which is what its document is called."""
        inside = self._folder / work.id / "named"
        inside.mkdir(exist_ok=True)
        path = inside / work.file
        if not path.exists():
            path.hardlink_to(self.place(work, work.file))
        return path

    def _ended(self, identity: str, task: asyncio.Task[None]) -> None:
        """A work that ended in a bug is told as our fault; the log has it."""
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        work = self._live.get(identity)
        if error is not None and work is not None:
            log.error("console.work_broke", exc_info=error)
            self._close(replace(work, state="failed", key="knowledge.work_failed"))

    # ------------------------------------------------------------------ keep

    def _keep(self, work: Work) -> Work:
        """Writes a work down so that a kill leaves the old words or the new ones."""
        path = self._folder / work.id / "work.json"
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(work), file, ensure_ascii=False, default=str)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._live[work.id] = work
        self._written[work.id] = time.monotonic()
        return work

    def _close(self, work: Work) -> Work:
        """Ends it: the file goes, the words stay for some days."""
        self._keep(work)
        self._unlock(work.id)
        self._live.pop(work.id, None)
        self._written.pop(work.id, None)
        for path in (self._folder / work.id).glob("file-*"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self._folder / work.id / "named", ignore_errors=True)
        return work

    def _lock(self, identity: str) -> bool:
        try:
            held = os.open(self._folder / identity, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            return False
        self._locks[identity] = held
        return True

    def _unlock(self, identity: str) -> None:
        held = self._locks.pop(identity, None)
        if held is not None:
            os.close(held)

    def _tidy(self) -> None:
        """Old words go."""
        before = (self._now() - KEPT).isoformat()
        for work in list(self._all()):
            if work.over and work.at < before:
                self.forget(work)


def works_of(console: Console) -> Works | None:
    """Return what does the long work of some pages; None where the base is not open."""
    if console.works is None or console.answering is None:
        return None
    return Works(console.works, console.answering, console.clock.now, console.zone)
