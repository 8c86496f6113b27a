"""The ledger against a model of a few lines: any order of postings, repeats, reversals and failures."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from pydantic import SecretStr

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import ledger
from storage.engine import Database, DatabaseSettings, Session, open_database
from storage.ledger import ConflictingPosting, InsufficientPoints, LedgerCheck
from tests.storage.worlds import NOW, TODAY, Somebody, a_member, post

PEOPLE = ("u1", "u2", "u3")
AMOUNTS = st.one_of(st.integers(-30, 30), st.sampled_from([ledger.MAX_AMOUNT, ledger.MAX_AMOUNT + 1, -(10**20)]))


@dataclass
class Model:
    """What the ledger ought to know: per key (who, amount, entry), per entry its reversal."""

    balances: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PEOPLE, 0))
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)
    entries: dict[int, tuple[str, int]] = field(default_factory=dict)
    reversed: dict[int, int] = field(default_factory=dict)

    def expect(self, who: str, amount: int, key: str) -> type[Exception] | bool:
        """The exception that a posting must raise, else whether it is a repeat."""
        if amount == 0 or abs(amount) > ledger.MAX_AMOUNT:
            return ValueError
        if key in self.keys:
            return True if self.keys[key] == (who, amount) else ConflictingPosting
        return InsufficientPoints if self.balances[who] + amount < 0 else False

    def keep(self, who: str, amount: int, key: str, entry: int) -> None:
        """Note a posting that was made."""
        assert entry not in self.entries
        self.balances[who] += amount
        self.keys[key] = (who, amount)
        self.entries[entry] = (who, amount)


class Broken(Exception):
    """Raised inside a transaction after a posting: nothing of it may stay."""


class LedgerMachine(RuleBasedStateMachine):
    """Postings by three members of two groups."""

    url = ""
    template: Path
    entries: Bundle[int] = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        if not self.url:
            shutil.copytree(self.template, self.folder, dirs_exist_ok=True)
        self.database: Database = open_database(self.folder, DatabaseSettings(url=SecretStr(self.url)))
        if self.url:
            self.database.write_now(_empty)
        groups = dict(zip(PEOPLE, ("g1", "g1", "g2"), strict=True))
        self.people: dict[str, Somebody] = {
            who: self.database.write_now(lambda s, who=who: a_member(s, who, groups[who]))  # type: ignore[misc]
            for who in PEOPLE
        }
        self.model = Model()

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    @rule(
        target=entries,
        who=st.sampled_from(PEOPLE),
        amount=AMOUNTS,
        key=st.integers(0, 25),
        broken=st.sampled_from("nnny"),
    )
    def posting(self, who: str, amount: int, key: int, broken: str) -> int:
        expected = self.model.expect(who, amount, f"key:{key}")

        def do(session: Session) -> ledger.Posted:
            posted = post(session, self.people[who], amount, f"key:{key}")
            if broken == "y":
                raise Broken
            return posted

        try:
            posted = self.database.write_now(do)
        except Broken:
            assert isinstance(expected, bool)
            return 0
        except (ValueError, ConflictingPosting, InsufficientPoints) as error:
            if type(error) is not expected:
                raise
            return 0
        assert posted.repeated is expected
        if not posted.repeated:
            self.model.keep(who, amount, f"key:{key}", posted.entry_id)
        assert posted.balance == self.model.balances[who]
        return posted.entry_id

    @rule(target=entries, entry=entries)
    def reversing(self, entry: int) -> int:
        made = self.model.entries.get(entry)
        try:
            posted = self.database.write_now(lambda s: ledger.reverse(s, entry, local_date=TODAY, occurred_at=NOW))
        except LookupError:
            assert made is None or entry in self.model.reversed.values()
            return 0
        except InsufficientPoints:
            assert made is not None and self.model.balances[made[0]] < made[1] and entry not in self.model.reversed
            return 0
        assert made is not None
        who, amount = made
        assert posted.repeated is (entry in self.model.reversed)
        if not posted.repeated:
            self.model.keep(who, -amount, f"reversal:{entry}", posted.entry_id)
            self.model.reversed[entry] = posted.entry_id
        assert posted.entry_id == self.model.reversed[entry]
        assert posted.balance == self.model.balances[who]
        return posted.entry_id

    @invariant()
    def books_agree(self) -> None:
        check = self.database.read_now(ledger.check)
        assert check == LedgerCheck(len(PEOPLE), len(self.model.entries), 0, 0, 0)
        for who, somebody in self.people.items():
            have = self.database.read_now(lambda s, a=somebody.account_id: ledger.balance(s, a))  # type: ignore[misc]
            assert have == self.model.balances[who] >= 0


def _empty(session: Session) -> None:
    from sqlalchemy import text

    session.connection().execute(text("ALTER TABLE ledger_entry DISABLE TRIGGER ALL"))
    session.connection().execute(text("TRUNCATE ledger_entry, ledger_reason, account, member, identity CASCADE"))
    session.connection().execute(text("ALTER TABLE ledger_entry ENABLE TRIGGER ALL"))


def test_the_model_on_sqlite(migrated_file: Path) -> None:
    class OnSqlite(LedgerMachine):
        template = migrated_file

    run_state_machine_as_test(OnSqlite, settings=settings(max_examples=12, stateful_step_count=30, deadline=None))


def test_the_model_on_postgresql(postgres: Database) -> None:
    """A short run: what differs is the SQL, not the rules."""

    class OnPostgreSQL(LedgerMachine):
        url = postgres.write_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    short = settings(max_examples=4, stateful_step_count=25, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(OnPostgreSQL, settings=short)
