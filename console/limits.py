"""How often a sign-in may be tried: for one account and from one source, each with a delay that grows.

A try is counted before the password is looked at, so that many at once are no way around it.

Source: FAULTS E2.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from console.auth import Signer
from storage import entry
from storage.engine import Session
from storage.entry import SignInFailure

ACCOUNT_FREE = 5
"""Wrong tries of one account before the first delay."""
SOURCE_FREE = 30
"""The same from one address, behind which a whole office may sit."""
FIRST = timedelta(seconds=30)
LONGEST = timedelta(hours=1)


def delay(count: int, free: int) -> timedelta:
    """Return how long nothing is heard after the ``count``-th wrong try: none up to ``free``, then doubling up to an hour."""
    if count < free:
        return timedelta(0)
    return min(FIRST * (1 << min(count - free, 12)), LONGEST)


def keys(signer: Signer, name: str, source: str) -> tuple[tuple[str, int], ...]:
    """Return (key, free tries) of an account's name and of a source; no address can be read from them."""
    account = signer.mac("sign-in account", entry.normal_name(name))
    return (account, ACCOUNT_FREE), (signer.mac("sign-in source", source), SOURCE_FREE)


def known_keys(signer: Signer, nonce: str, source: str) -> tuple[tuple[str, int], ...]:
    """Return the same for a browser that was in by this account's password: strangers' tries do not keep it out."""
    return (signer.mac("sign-in known browser", nonce), ACCOUNT_FREE), keys(signer, "", source)[1]


def second_keys(signer: Signer, person_id: int, source: str) -> tuple[tuple[str, int], ...]:
    """Return the same for somebody's second step: under no name that a stranger could type and lock."""
    return (signer.mac("sign-in second step", str(person_id)), ACCOUNT_FREE), keys(signer, "", source)[1]


def accounts_keys(signer: Signer, name: str, person_id: int) -> list[str]:
    """Return the keys under which wrong tries of one account stand: of its password and of its second step."""
    return [keys(signer, name, "")[0][0], second_keys(signer, person_id, "")[0][0]]


def take(session: Session, watched: Sequence[tuple[str, int]], now: datetime) -> datetime | None:
    """Count a try. Returns None if it is heard, or until when nothing is: then it does not count."""
    blocked = entry.blocked_until(session, [key for key, _ in watched], now)
    if blocked is not None:
        return blocked
    for key, free in watched:
        row = session.exec(pick(SignInFailure).where(col(SignInFailure.key) == key).with_for_update()).first()
        if row is None or row.last_at <= now - entry.FORGET_FAILURES:
            row = row or SignInFailure(key=key, last_at=now, until=now)
            row.count = 0
        row.count += 1
        row.last_at = now
        row.until = now + delay(row.count, free)
        session.add(row)
    session.flush()
    return None


def succeed(session: Session, watched: Sequence[tuple[str, int]]) -> None:
    """Take a try back that was right: the account's are forgotten, the source has one less."""
    account, source = watched[0][0], watched[1][0]
    entry.forgive(session, [account])
    row = session.get(SignInFailure, source)
    if row is not None:
        row.count = max(0, row.count - 1)
        row.until = row.last_at
        session.add(row)
        session.flush()
