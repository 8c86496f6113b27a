"""Sample residents: as the product itself would have made them, and a broken-off run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import seed
from bot.main import Ownership
from bot.settings import Settings
from bot.verification import verify
from storage import identities
from storage.engine import Session, open_database


def test_residents_are_known_members_with_an_account(data_dir: Path) -> None:
    assert seed.run(data_dir, 0, 700, short=False)["added"] == 700
    database = open_database(data_dir)

    def look(session: Session) -> tuple[identities.Known, object]:
        group = identities.group_row(session, seed.CHANNEL, "", seed.SAMPLE.group_id(1))
        assert group is not None and isinstance(group[0], int)
        known = identities.known(session, seed.CHANNEL, seed.SAMPLE.resident_id(699), group[0])
        assert known is not None
        return known, identities.group_row(session, seed.CHANNEL, "", seed.SAMPLE.group_id(2))

    known, third = database.read_now(look)
    database.close()
    assert known.consented and known.account_id is not None and known.member_name == "Sample resident 699"
    assert third is None, "700 residents fill two groups"
    assert all(check.ok for check in verify(data_dir, Settings()))


def test_a_broken_off_run_goes_on(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "CHUNK", 100)
    assert seed.fill(data_dir, groups=3, residents=250, quiet=True) == 250
    assert seed.fill(data_dir, groups=3, residents=700, quiet=True) == 450
    assert seed.fill(data_dir, groups=0, residents=700, quiet=True) == 0
    with pytest.raises(ValueError, match="holds 3"):
        seed.fill(data_dir, groups=4, residents=800, quiet=True)
    with pytest.raises(ValueError, match="at least one"):
        seed.fill(data_dir, groups=1, residents=0, quiet=True)


def test_nothing_is_filled_beside_a_server(data_dir: Path) -> None:
    owner = Ownership(data_dir)
    with pytest.raises(ValueError, match="a server runs"):
        seed.run(data_dir, 0, 10, short=False)
    owner.release()


def test_only_sqlite_is_filled(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DATABASE__URL", "postgresql://somewhere/else")
    with pytest.raises(ValueError, match="only SQLite"):
        seed.run(data_dir, 0, 10, short=False)
