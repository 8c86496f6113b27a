"""Signatures of callbacks that were used, where a signature does not cover what is said under it.

Whoever has seen one address could say anything under it as long as it is not too old, were it not known which document it came
with; another process, or this one after a restart, knows it from here.

Source: FAULTS A3; WeChat Official Account documents (plain mode).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlmodel import Field, SQLModel

from storage.columns import micros, utc
from storage.engine import Session
from storage.statements import Prepared

KEEP_HOURS = 3
"""A callback may be an hour old at most, either way; see :class:`bot.channels.wechat.settings.WeChatSettings`."""


class UsedNonce(SQLModel, table=True):
    """A signature and its document.

    Attributes:
        account: which account's; nonce: its time stamp and its chance number.
        digest: of the document, SHA-256 in hex.
    """

    __tablename__ = "used_nonce"
    account: str = Field(primary_key=True, max_length=64)
    nonce: str = Field(primary_key=True, max_length=80)
    digest: str = Field(max_length=64)
    used_at: datetime = utc(index=True)


_T = UsedNonce.__table__  # type: ignore[attr-defined]
_OF = (_T.c.account == bindparam("of_account"), _T.c.nonce == bindparam("of_nonce"))
_PUT = Prepared(
    "used_nonce.put",
    lambda insert: (
        insert(_T)
        .values(
            account=bindparam("of_account"),
            nonce=bindparam("of_nonce"),
            digest=bindparam("digest"),
            used_at=bindparam("used_at"),
        )
        .on_conflict_do_nothing()
    ),
)
_GET = Prepared("used_nonce.get", select(_T.c.digest).where(*_OF))
_PRUNE = Prepared("used_nonce.prune", delete(_T).where(_T.c.used_at < bindparam("before")))


def take(session: Session, account: str, nonce: str, digest: str, now: datetime) -> bool:
    """Note that a signature came with a document; False when it came with another one before."""
    session.run(_PUT, of_account=account, of_nonce=nonce, digest=digest, used_at=micros(now))
    row = session.row(_GET, of_account=account, of_nonce=nonce)
    return row is not None and str(row[0]) == digest


def prune(session: Session, before: datetime) -> None:
    """Forget what was used before an instant."""
    session.run(_PRUNE, before=micros(before))
