"""What the commands of the calendar share: which plan and beat somebody means, a plan in words, and whose words hold where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.commands.push_terminal import fail
from bot.push_words import form, word
from prompts.loader import texts

if TYPE_CHECKING:
    from bot.main import Program
    from engagement.campaigns.desk import Line, Paper
    from storage.engine import Session

FIRST_YEAR, LAST_YEAR = 2020, 2099


def plan_of(session: Session, text: str) -> Paper:
    """Find a plan; ends the command when there is none."""
    from engagement.campaigns import desk

    found = desk.find(session, text.strip(), datetime.now(UTC).date())
    if found is None:
        raise fail("no_plan", plan=text[:64])
    return found


def beat_of(session: Session, plan: Paper, text: str) -> Line:
    """Find a beat; ends the command when there is none."""
    from engagement.campaigns import desk

    found = desk.beat_of(desk.lines(session, plan), text.strip())
    if found is None:
        raise fail("no_beat", beat=text[:40], name=plan.name, plan=plan.key, count=plan.beats)
    return found


def year_of(wanted: int) -> int:
    """Return the year that is meant, this one when none is; ends the command when it is none of this century."""
    if wanted and not FIRST_YEAR <= wanted <= LAST_YEAR:
        raise fail("bad_year", year=wanted, first=FIRST_YEAR, last=LAST_YEAR)
    return wanted or datetime.now(UTC).year


def campaign_key(session: Session, text: str) -> str:
    """Return the key of the campaign that somebody means: its own, or that of a plan; ends the command when there is none."""
    from sqlmodel import select

    from storage.campaigns import Campaign

    if session.exec(select(Campaign.id).where(Campaign.key == text)).first() is not None:
        return text
    return plan_of(session, text).key


def check_approved(session: Session, key: str) -> None:
    """End the command when a campaign is a plan that is still, or again, a draft."""
    from engagement.campaigns import desk

    plan = desk.find(session, key, datetime.now(UTC).date())
    if plan is not None and plan.key == key and plan.state == "draft":
        raise fail("not_approved", name=plan.name, plan=plan.key)


def row_of(plan: Paper) -> dict[str, Any]:
    """Return a plan as JSON values."""
    return {
        "id": plan.id,
        "key": plan.key,
        "name": plan.name,
        "form": plan.form,
        "scope": plan.scope,
        "audience": plan.audience,
        "night": plan.night,
        "joined": plan.joined,
        "state": plan.state,
        "first_day": plan.first_day.isoformat(),
        "last_day": plan.last_day.isoformat(),
        "beats": plan.beats,
    }


def in_words(plan: Paper) -> dict[str, object]:
    """Return what a text about a plan may name."""
    days = texts().raw("push.days_joined")
    if not plan.joined:
        days = texts().fill("push.days", {"first": plan.first_day, "last": plan.last_day})
    return {
        "number": plan.id,
        "key": plan.key,
        "name": plan.name,
        "form": form(plan.form),
        "state": word("plan", plan.state),
        "days": days,
        "beats": plan.beats,
        "scope": "" if plan.scope == "all" else f"　{plan.scope}",
        "audience": word("audience", "night" if plan.night else plan.audience),
    }


def check_scope(program: Program, scope: str) -> None:
    """End the command when there is no such region or group."""
    from engagement.moderation import files

    if program.database.read_now(lambda session: files.scope_id(session, scope)) is None:
        raise fail("no_scope", scope=scope[:60])


def person_of(session: Session, name: str) -> int | None:
    """Find who decides among those with a role; None for the operator's own hand."""
    from sqlmodel import col, or_, select

    from storage.groups import Identity, RoleGrant

    wanted = name.strip()
    if not wanted:
        return None
    found = set(
        session.exec(
            select(Identity.person_id)
            .join(RoleGrant, col(RoleGrant.person_id) == col(Identity.person_id))
            .where(or_(Identity.name == wanted, Identity.external_id == wanted))
        ).all()
    )
    if len(found) != 1:
        raise fail("no_person", name=name[:40])
    return found.pop()
