"""The console's doors: who has an account, which browsers are in, which links open one, what failed.

Tokens are random and stand here as their SHA-256 only; a password as its argon2 hash; the second step's secret sealed with a
key that is not in the database; a failed sign-in under a keyed hash of the account or of the source, never the address itself.

Source: DESIGN §7, FAULTS E2, E3, E7.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, bindparam, delete, update
from sqlmodel import Field, SQLModel, col
from sqlmodel import select as pick

from storage.columns import BigInt, document, micros, ref, utc
from storage.engine import Session
from storage.statements import Prepared

LINK_MINUTES = 10
"""A link in a private chat opens for so long."""
INVITED_DAYS = 7
"""An invitation, and a link to choose a new password, open for so long."""
FORGET_FAILURES = timedelta(days=1)
KEEP_USED = timedelta(days=1)


class Login(SQLModel, table=True):
    """An account with a name and a password.

    Attributes:
        name: what is typed, in lower case.
        password: argon2 hash; empty until the person chose one.
        second: the TOTP secret, sealed; empty without a second step.
        second_since: None while it is being set up.
        second_step: the last TOTP step that was used, so that a code works once.
        recovery: keyed hashes of the recovery codes that are left.
    """

    __tablename__ = "login"
    person_id: int = ref("person.id", primary_key=True, index=False)
    name: str = Field(max_length=32, unique=True)
    password: str = Field(default="", max_length=200)
    second: str = Field(default="", max_length=200)
    second_since: datetime | None = utc(nullable=True)
    second_step: int = Field(default=0, sa_type=BigInt)
    recovery: list[str] | None = document()
    made_at: datetime = utc()
    changed_at: datetime | None = utc(nullable=True)
    disabled_at: datetime | None = utc(nullable=True)


class WebSession(SQLModel, table=True):
    """One browser that is in.

    Attributes:
        id: SHA-256 (hex) of the token that stands in the cookie.
        area: ``console``, ``h5``, or ``step``: the password was right, the second step is awaited.
        role: as what; whether the person still is that is looked up at every request.
        browser: a short description, e.g. ``Chrome · Android``; nothing personal.
        demo: by one click in local mode; ends nowhere else.
        strong: a second step was passed.
        until: exclusive; moves on while the browser is used.
    """

    __tablename__ = "web_session"
    __table_args__ = (
        CheckConstraint("area IN ('console', 'h5', 'step')", name="web_session_area"),
        CheckConstraint("role IN ('admin', 'staff', 'manager', 'leader', 'resident')", name="web_session_role"),
    )
    id: str = Field(primary_key=True, max_length=64)
    area: str = Field(max_length=10)
    role: str = Field(max_length=10)
    person_id: int = ref("person.id")
    region_id: int | None = ref("region.id", nullable=True, index=False)
    browser: str = Field(default="", max_length=60)
    demo: bool = False
    strong: bool = False
    made_at: datetime = utc()
    seen_at: datetime = utc()
    until: datetime = utc(index=True)


class EntryLink(SQLModel, table=True):
    """A link that lets one person in once.

    Attributes:
        id: SHA-256 (hex) of the token that stands in the address.
        purpose: ``console`` (a leader), ``h5`` (a resident), ``invite`` and ``reset`` (choose a password).
        path: where it leads.
    """

    __tablename__ = "entry_link"
    __table_args__ = (CheckConstraint("purpose IN ('console', 'h5', 'invite', 'reset')", name="entry_link_purpose"),)
    id: str = Field(primary_key=True, max_length=64)
    purpose: str = Field(max_length=10)
    person_id: int = ref("person.id")
    group_id: int | None = ref("chat_group.id", nullable=True, index=False)
    path: str = Field(default="", max_length=200)
    made_at: datetime = utc()
    until: datetime = utc(index=True)
    used_at: datetime | None = utc(nullable=True)


class SpentState(SQLModel, table=True):
    """A way to a platform that vouches for its people, and back: taken once.

    Attributes:
        id: SHA-256 (hex) of the state that the browser came back with.
        until: it would not hold any longer anyhow.
    """

    __tablename__ = "spent_state"
    id: str = Field(primary_key=True, max_length=64)
    until: datetime = utc(index=True)


class SignInFailure(SQLModel, table=True):
    """How often it failed lately for one account or one source.

    Attributes:
        key: keyed hash of ``account:NAME`` or ``source:ADDRESS``.
        until: tries before this instant are refused unheard.
    """

    __tablename__ = "sign_in_failure"
    key: str = Field(primary_key=True, max_length=64)
    count: int = 0
    last_at: datetime = utc(index=True)
    until: datetime = utc()


_P = SpentState.__table__  # type: ignore[attr-defined]
_SPEND = Prepared(
    "spent_state.spend",
    lambda insert: (
        insert(_P)
        .values(id=bindparam("row"), until=bindparam("until"))
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(_P.c.id)
    ),
)


def digest(token: str) -> str:
    """Return what stands in the rows for a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """Return 256 random bits, for a cookie or an address."""
    return secrets.token_urlsafe(32)


# ---------------------------------------------------------------- accounts
def normal_name(name: str) -> str:
    """Return a typed account name as it is compared."""
    return " ".join(name.split()).casefold()[:32]


def login_named(session: Session, name: str) -> Login | None:
    """Return the account of a name."""
    return session.exec(pick(Login).where(Login.name == normal_name(name))).first()


def login_of(session: Session, person_id: int) -> Login | None:
    """Return a person's account."""
    return session.get(Login, person_id)


def logins(session: Session, after: str, most: int) -> list[Login]:
    """Return accounts by name, those behind ``after``, at most ``most``."""
    return list(session.exec(pick(Login).where(col(Login.name) > after).order_by(col(Login.name)).limit(most)))


def spend_step(session: Session, person_id: int, step: int) -> bool:
    """Use a TOTP step; False if it or a later one was used already."""
    done = session.execute(
        update(Login).where(col(Login.person_id) == person_id, col(Login.second_step) < step).values(second_step=step)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- sessions
def sessions_of(session: Session, person_ids: Collection[int], now: datetime) -> list[WebSession]:
    """Return the browsers that are in as these persons, last used first."""
    return list(
        session.exec(
            pick(WebSession)
            .where(col(WebSession.person_id).in_(person_ids), col(WebSession.until) > now, WebSession.area != "step")
            .order_by(col(WebSession.seen_at).desc(), col(WebSession.id))
            .limit(200)
        )
    )


def end_sessions(session: Session, person_id: int, *, but: str = "", only: str = "", area: str = "") -> int:
    """End a person's sessions: all, all ``but`` one, ``only`` one, or those of an area. Returns how many."""
    query = delete(WebSession).where(col(WebSession.person_id) == person_id)
    if but:
        query = query.where(col(WebSession.id) != but)
    if only:
        query = query.where(col(WebSession.id) == only)
    if area:
        query = query.where(col(WebSession.area) == area)
    return int(session.execute(query).rowcount)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- links
def make_link(
    session: Session,
    purpose: str,
    person_id: int,
    now: datetime,
    *,
    group_id: int | None = None,
    path: str = "",
) -> str:
    """Make a link for a person; those of the same purpose that were not used stop to open. Returns the token."""
    session.execute(
        delete(EntryLink).where(
            col(EntryLink.person_id) == person_id, col(EntryLink.purpose) == purpose, col(EntryLink.used_at).is_(None)
        )
    )
    lasts = timedelta(days=INVITED_DAYS) if purpose in ("invite", "reset") else timedelta(minutes=LINK_MINUTES)
    token = new_token()
    session.add(
        EntryLink(
            id=digest(token),
            purpose=purpose,
            person_id=person_id,
            group_id=group_id,
            path=path,
            made_at=now,
            until=now + lasts,
        )
    )
    session.flush()
    return token


def link(session: Session, token: str, now: datetime) -> EntryLink | None:
    """Return the link of a token if it still opens."""
    found = session.get(EntryLink, digest(token))
    return found if found is not None and found.used_at is None and found.until > now else None


def use_link(session: Session, token: str, now: datetime) -> EntryLink | None:
    """Use a link; None if it does not open, or no more."""
    row = digest(token)
    done = session.execute(
        update(EntryLink)
        .where(col(EntryLink.id) == row, col(EntryLink.used_at).is_(None), col(EntryLink.until) > now)
        .values(used_at=now)
    )
    return session.get(EntryLink, row, populate_existing=True) if done.rowcount else None  # type: ignore[attr-defined]


def drop_links(session: Session, person_id: int) -> None:
    """No link of a person opens any more."""
    session.execute(delete(EntryLink).where(col(EntryLink.person_id) == person_id))


def spend_state(session: Session, state: str, until: datetime) -> bool:
    """Use a state up; False if it was used before, here or by another process."""
    return session.row(_SPEND, row=digest(state), until=micros(until)) is not None


# ---------------------------------------------------------------- failures
def blocked_until(session: Session, keys: Sequence[str], now: datetime) -> datetime | None:
    """Return until when tries under any of these keys are refused; None when they are heard."""
    found = session.exec(
        pick(SignInFailure.until).where(col(SignInFailure.key).in_(keys), col(SignInFailure.until) > now)
    ).all()
    return max(found, default=None)


def forgive(session: Session, keys: Sequence[str]) -> None:
    """Forget the failures under these keys."""
    session.execute(delete(SignInFailure).where(col(SignInFailure.key).in_(keys)))


def prune(session: Session, now: datetime) -> None:
    """Forget what is over: sessions, links, old failures."""
    session.execute(delete(WebSession).where(col(WebSession.until) <= now))
    session.execute(delete(EntryLink).where(col(EntryLink.until) <= now - KEEP_USED))
    session.execute(delete(SpentState).where(col(SpentState.until) <= now))
    session.execute(delete(SignInFailure).where(col(SignInFailure.last_at) <= now - FORGET_FAILURES))


# ---------------------------------------------------------------- a person's own
def export_login(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's account."""
    one = login_of(session, person_id)
    if one is None:
        return ()
    return [{"name": one.name, "made": one.made_at.isoformat(), "second_step": one.second_since is not None}]


def export_sessions(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the browsers that a person is in with."""
    rows = session.exec(pick(WebSession).where(WebSession.person_id == person_id).order_by(col(WebSession.made_at)))
    return [
        {
            "pages": one.area,
            "as": one.role,
            "browser": one.browser,
            "since": one.made_at.isoformat(),
            "last": one.seen_at.isoformat(),
        }
        for one in rows
    ]


def export_links(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the links that were made for a person; not what opens them."""
    rows = session.exec(pick(EntryLink).where(EntryLink.person_id == person_id).order_by(col(EntryLink.made_at)))
    return [
        {
            "for": one.purpose,
            "made": one.made_at.isoformat(),
            "until": one.until.isoformat(),
            "used": one.used_at.isoformat() if one.used_at else None,
        }
        for one in rows
    ]


def erase(session: Session, person_id: int) -> None:
    """Take a person's account, browsers and links away."""
    drop_links(session, person_id)
    end_sessions(session, person_id)
    session.execute(delete(Login).where(col(Login.person_id) == person_id))
