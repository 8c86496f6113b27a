"""Pictures just before sending: drawn in another process, in time or not at all, and forgotten after a week."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import pictures as module
from bot.pictures import KEEP_DAYS, Broken, Easel, Pictures
from engagement.clocks import SetClock
from engagement.kernel import Card, Kind, Outgoing, Place
from prompts import cards
from tests.bot.house import NOW

BOARD = Card("board", {"group": "阳光花园一期", "rows": [{"name": "李阿姨", "points": 5}]})


def message(card: Card | None = BOARD, kind: Kind = Kind.REPLY) -> Outgoing:
    return Outgoing(kind, "play", "", Place.GROUP, "g1", "points", "points.board", {}, card=card)


class Brush(Easel):
    """Draws as it is told, without a process."""

    def __init__(self, draw: Callable[[Card], bytes] = lambda card: b"PNG") -> None:
        super().__init__()
        self.asked: list[Card] = []
        self.paint = draw

    def start(self) -> None:
        """Nothing to start."""

    def draw(self, card: Card) -> bytes:
        self.asked.append(card)
        return self.paint(card)


@pytest.fixture
async def hung(data_dir: Path) -> AsyncIterator[Callable[..., Pictures]]:
    """Makes galleries, and closes them."""
    made: list[Pictures] = []

    def make(easel: Easel | None = None, **more: Any) -> Pictures:
        made.append(Pictures(data_dir, SetClock(NOW), easel=easel or Brush(), **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_a_real_card(hung: Callable[..., Pictures], data_dir: Path) -> None:
    pictures = hung(Easel())
    await pictures.warm()
    drawn = await pictures(message())
    path = data_dir / "pictures" / drawn.picture
    assert path.name == drawn.picture
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_mtime == NOW.timestamp()
    assert (path.parent.stat().st_mode & 0o777) == 0o700
    assert (await pictures(message(Card("poster", {"link": "https://t.me/x"})))).picture != drawn.picture
    assert (await pictures(message(Card("checkin", {"month": 13})))).picture == ""
    assert (await pictures(message(Card("nothing")))).picture == ""
    assert (await pictures(message(Card("board", {"group": "x" * 50_000})))).picture == ""
    assert len(list(path.parent.iterdir())) == 2


def test_the_process_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TELEGRAM__TOKEN", "1:secret")
    easel = Easel()
    easel.start()
    assert easel._process is not None
    environment = Path(f"/proc/{easel._process.pid}/environ").read_bytes()
    easel.close()
    assert b"PYTHONPATH" in environment
    assert b"BOT_" not in environment


async def test_nothing_to_draw(hung: Callable[..., Pictures]) -> None:
    brush = Brush()
    pictures = hung(brush)
    for one in (message(None), message(kind=Kind.EDIT), message(kind=Kind.REACTION)):
        assert await pictures(one) is one
    assert brush.asked == []


async def test_the_same_card_is_drawn_once(hung: Callable[..., Pictures]) -> None:
    brush = Brush()
    pictures = hung(brush)
    found = await asyncio.gather(*(pictures(message()) for _ in range(module.MOST_WAITING)))
    assert len({one.picture for one in found}) == 1
    assert len(brush.asked) == 1


def slowly(card: Card) -> bytes:
    time.sleep(0.03)
    return b"PNG"


async def test_what_thousands_get_is_drawn_once_and_nobody_goes_without(hung: Callable[..., Pictures]) -> None:
    """More sends at once than cards may wait: they all wait for the same one, and later ones find it there."""
    brush = Brush(slowly)
    pictures = hung(brush)
    begun = [asyncio.create_task(pictures(message())) for _ in range(50)]
    await asyncio.sleep(0.01)
    begun[0].cancel()  # who gives up takes it from nobody
    found = await asyncio.gather(*begun[1:])
    assert {one.picture for one in found} == {cards.address(BOARD.name, BOARD.values)}
    assert (await pictures(message())).picture
    assert len(brush.asked) == 1


async def test_what_is_needed_soon_is_drawn_before(
    hung: Callable[..., Pictures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EARLY", 3)
    brush = Brush(lambda card: b"" if card.name == "nothing" else b"PNG")
    pictures = hung(brush)
    some = [Card("nothing"), *(Card("board", {"group": f"{number}"}) for number in range(5))]
    assert await pictures.early([*some, *some]) == 3
    assert brush.asked == some[:4]
    assert await pictures.early(some) == 2
    assert await pictures.early(some) == 0
    asked = len(brush.asked)
    assert all([(await pictures(message(one))).picture for one in some[1:]])
    assert len(brush.asked) == asked, "the sends find them drawn"


async def test_a_send_waits_for_one_card_that_is_drawn_early(hung: Callable[..., Pictures]) -> None:
    brush = Brush(slowly)
    pictures = hung(brush)
    early = asyncio.create_task(pictures.early([Card("board", {"group": f"{number}"}) for number in range(10)]))
    await asyncio.sleep(0.01)
    assert (await pictures(message())).picture
    assert brush.asked.index(BOARD) <= 2
    assert await early == 10


async def test_a_brush_that_rests_draws_nothing_early(hung: Callable[..., Pictures]) -> None:
    def broken(card: Card) -> bytes:
        raise Broken("crash")

    brush = Brush(broken)
    pictures = hung(brush)
    assert await pictures.early([Card("board", {"group": f"{number}"}) for number in range(9)]) == 0
    assert len(brush.asked) == module.FAILURES


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import time; time.sleep(30)", "timeout"),
        ("import sys; sys.exit(3)", "crash"),
        ("import os, sys; os.write(1, bytes(4)); sys.stdin.readline(); os.abort()", "crash"),
        ("import os, sys, time; os.write(1, bytes(4)); sys.stdin.readline(); time.sleep(30)", "timeout"),
        (
            "import os, sys, time; os.write(1, bytes(4)); sys.stdin.readline(); os.write(1, b'xxxx'); time.sleep(30)",
            "timeout",
        ),
    ],
)
async def test_words_alone_when_it_hangs_or_dies(
    hung: Callable[..., Pictures], monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    """It never holds the event loop, and the next card gets a new process."""
    monkeypatch.setattr(module, "START_SECONDS", 1.0)
    easel = Easel(("-c", program), seconds=0.5)
    pictures = hung(easel)
    task = asyncio.create_task(pictures(message()))
    longest, last = 0.0, time.monotonic()
    with capture_logs() as logs:
        while not task.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert (await task).picture == ""
    assert longest < 0.3
    assert [line for line in logs if line["log_level"] == "warning"] == [
        {"event": "pictures.not_drawn", "card": "board", "why": why, "log_level": "warning"}
    ]
    assert easel._process is None
    monkeypatch.undo()
    easel._command, easel._seconds = ("-m", "prompts.easel"), module.START_SECONDS
    assert (await pictures(message())).picture


async def test_a_kill_between_two_cards(hung: Callable[..., Pictures]) -> None:
    easel = Easel()
    pictures = hung(easel)
    await pictures.warm()
    assert easel._process is not None
    easel._process.kill()
    easel._process.wait()
    assert (await pictures(message())).picture == ""
    assert (await pictures(message())).picture


async def test_it_is_renewed_now_and_then(hung: Callable[..., Pictures], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW_AFTER", 1)
    easel = Easel()
    pictures = hung(easel)
    assert (await pictures(message())).picture
    before = easel._process
    assert (await pictures(message(Card("board", {})))).picture
    assert before is not None
    assert easel._process is not before
    assert before.poll() is not None


async def test_it_rests_after_failures_in_a_row(hung: Callable[..., Pictures], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(card: Card) -> bytes:
        raise Broken("crash")

    brush = Brush(fail)
    pictures = hung(brush)
    for _ in range(5):
        assert (await pictures(message())).picture == ""
    assert len(brush.asked) == module.FAILURES
    brush.paint = lambda card: b"PNG"
    assert (await pictures(message())).picture == ""
    pictures._rest_until = 0.0
    assert (await pictures(message())).picture


async def test_a_full_disk_costs_the_picture(hung: Callable[..., Pictures], data_dir: Path) -> None:
    pictures = hung()
    (data_dir / "pictures").write_text("in the way")
    assert (await pictures(message())).picture == ""


async def test_too_many_at_once_go_without(hung: Callable[..., Pictures], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    pictures = hung()
    found = await asyncio.gather(*(pictures(message(Card("board", {"group": str(n)}))) for n in range(4)))
    assert [bool(one.picture) for one in found] == [True, True, False, False]
    assert (await pictures(message())).picture


async def test_forgotten_after_a_week(hung: Callable[..., Pictures], data_dir: Path) -> None:
    pictures = hung()
    await pictures.prune(NOW)
    old, kept = (await pictures(message())).picture, (await pictures(message(Card("board", {})))).picture
    folder = data_dir / "pictures"
    (folder / "torn.new").write_bytes(b"x")
    (folder / "note.txt").write_bytes(b"x")
    before = (NOW - timedelta(days=KEEP_DAYS, seconds=1)).timestamp()
    for name in (old, "torn.new", "note.txt"):
        os.utime(folder / name, (before, before))
    await pictures.prune(NOW)
    assert sorted(path.name for path in folder.iterdir()) == sorted([kept, "note.txt"])
    assert (await pictures(message())).picture == old, "drawn again"


async def test_a_replay_keeps_what_its_lines_name(hung: Callable[..., Pictures], data_dir: Path) -> None:
    pictures = hung(replay=True)
    name = (await pictures(message())).picture
    pictures.close()
    await pictures.prune(NOW + timedelta(days=365))
    assert (data_dir / "pictures" / name).exists()


async def test_a_replay_does_not_wait(hung: Callable[..., Pictures], data_dir: Path) -> None:
    """What its lines name is there when it is over; what cannot be drawn is not named."""

    def slowly(card: Card) -> bytes:
        time.sleep(0.4)
        return b"PNG"

    brush = Brush(slowly)
    pictures = hung(brush, replay=True)
    cards.page("board", {})  # what a first one loads
    began = time.monotonic()
    named = [(await pictures(message(Card("board", {"group": str(n % 5)})))).picture for n in range(20)]
    assert time.monotonic() - began < 1.0
    assert (await pictures(message(Card("checkin", {"month": 13})))).picture == ""
    pictures.close()
    assert sorted(path.name for path in (data_dir / "pictures").iterdir()) == sorted(set(named))
    assert len(brush.asked) == 5


def test_the_easel_answers_with_nothing_to_nonsense() -> None:
    from prompts import easel

    for line in (b"", b"{", b"[]", b"5", b'{"name": "board"}', b'{"name": "board", "values": 5}', b"\xff", b"null"):
        assert easel.answer(line) == b""
    assert easel.answer(b'{"name": "board", "values": {}}').startswith(b"\x89PNG")
