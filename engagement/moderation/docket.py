"""Cases as a page has them: the words as they are kept, what was found in them, and what was decided; a page at a time.

Source: F121, F125.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.moderation import lists, rules, service
from engagement.moderation.tables import APPEALED, OPEN, ModerationCase
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group, Member

TABS = ("waiting", "appeals", "decided")
_DECIDED = ("warned", "released", "deleted", "reminded", "muted")


@dataclass(frozen=True, slots=True)
class Case:
    """A text that was held back.

    Attributes:
        pieces: the words as they are kept, in stretches (words, whether the rule hit them); none after 30 days.
        why: what the neighbour was told.
        severity: 1 light, 2 plain, 3 grave.
        warnings: of this neighbour within 30 days.
        state: as in the row; ``appeal_state`` too.
        buttons: (key, label, letter) of what can be decided.
    """

    id: int
    group_id: int
    group: str
    zone: str
    name: str
    pieces: Sequence[tuple[str, bool]]
    why: str
    severity: int
    warnings: int
    state: str
    appeal_state: str
    appeal: str
    at: datetime
    decided_at: datetime | None
    buttons: Sequence[tuple[str, str, str]]


_LETTERS = {"pass": "a", "drop": "d", "remind": "w", "mute": "m", "yes": "a", "no": "d"}
_LATER = {"warned": ("pass", "mute"), "reminded": ("mute",), "deleted": ("mute",)}


def cases(
    session: Session,
    group_ids: Collection[int] | None,
    tab: str,
    now: datetime,
    *,
    but_of: int = 0,
    after: int = 0,
    most: int = 20,
) -> tuple[list[Case], int]:
    """Return cases and the number to go on after, 0 when there are no more.

    Args:
        group_ids: of these groups; None = of all.
        tab: ``waiting`` and ``appeals`` the oldest first, ``decided`` the newest first.
        but_of: a person whose own cases are left out: nobody judges himself.
        after: go on behind this case.
    """
    number = col(ModerationCase.id)
    wanted = (
        pick(ModerationCase, Member, Group)
        .join(Member, col(Member.id) == col(ModerationCase.member_id))
        .join(Group, col(Group.id) == col(ModerationCase.group_id))
        .where(col(ModerationCase.created_at) >= now - rules.KEEP, Member.person_id != but_of)
        .limit(most + 1)
    )
    if tab == "decided":
        wanted = wanted.where(
            col(ModerationCase.state).in_(_DECIDED), ModerationCase.appeal_state != "waiting"
        ).order_by(number.desc())
        wanted = wanted.where(number < after) if after else wanted
    else:
        waits = APPEALED if tab == "appeals" else OPEN
        wanted = wanted.where(waits, number > after).order_by(number)
    if group_ids is not None:
        wanted = wanted.where(col(ModerationCase.group_id).in_(sorted(group_ids)))
    rows = session.exec(wanted).all()
    warned = service.all_warnings(session, {case.member_id for case, _, _ in rows[:most]}, now)
    found = [_case(session, *row, warned) for row in rows[:most]]
    return found, found[-1].id if len(rows) > most else 0


def _case(session: Session, case: ModerationCase, member: Member, group: Group, warned: Mapping[int, int]) -> Case:
    acts: Sequence[str] = ("yes", "no")
    if case.appeal_state != "waiting":
        acts = ("pass", "drop", "remind", "mute") if case.state == "waiting" else _LATER.get(case.state, ())
    words = texts()
    return Case(
        case.id or 0,
        case.group_id,
        group.name,
        group.zone,
        member.name,
        _pieces(case.text, rules.inspect(case.text, lists.holding(session, case.group_id), case.activity)),
        words.raw(f"moderation.why_{case.reason}"),
        case.severity,
        warned.get(case.member_id, 0),
        case.state,
        case.appeal_state,
        case.appeal,
        case.created_at,
        case.decided_at,
        [(f"mod_{act}:{case.id}", words.raw(f"moderation.button_{act}"), _LETTERS[act]) for act in acts],
    )


def _pieces(text: str, findings: Sequence[rules.Finding]) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    read = 0
    for one in sorted(findings, key=lambda finding: finding.start):
        start, end = max(one.start, read), one.end
        if start >= end:
            continue
        if read < start:
            found.append((text[read:start], False))
        found.append((text[start:end], True))
        read = end
    return [*found, (text[read:], False)] if read < len(text) else found
