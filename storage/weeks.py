"""Closed weeks, counted once: figures without names, and how many persons stand behind each.

A regional manager's pages read these rows and no people. A figure's ``…_behind`` decides whether it may be shown
(:mod:`engagement.region.rules`): distinct persons, each counted in one group only, that in which she became a member first, so
that adding up over groups counts nobody twice. A week of a region is sealed with all its groups at once and never changes
afterwards: what came or went between two looks would else tell what one group had.

Source: F115, F116; FAULTS E11.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, day, document, ref, utc


class GroupWeek(SQLModel, table=True):
    """A group's week.

    Attributes:
        week: its Monday; the week ends before the next one, in the group's zone.
        region_id: to which the group belonged when the week was counted.
        neighbours: members at its end, in full fives.
        checked_in: members who checked in at least once; behind it stands the smaller of those and of the others.
        messages: heard in the group; behind it stand those who certainly wrote some.
        answered, gaps: questions handed over or not found that week, with and without an answer when the week was counted.
    """

    __tablename__ = "group_week"
    __table_args__ = (Index("ix_group_week_region", "region_id", "week"),)
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    week: date = day(primary_key=True)
    region_id: int = ref("region.id", index=False)
    neighbours: int = 0
    neighbours_behind: int = 0
    checked_in: int = 0
    checked_in_behind: int = 0
    messages: int = Field(default=0, sa_type=BigInt)
    messages_behind: int = 0
    answered: int = 0
    answered_behind: int = 0
    gaps: int = 0
    gaps_behind: int = 0


class CampaignWeek(SQLModel, table=True):
    """How many of a group took part in a campaign for the first time in that week; no row where nobody did.

    Attributes:
        plan_id: the campaign's plan; plans are the campaigns' own (:mod:`engagement.campaigns`).
    """

    __tablename__ = "campaign_week"
    __table_args__ = (Index("ix_campaign_week_region", "region_id", "week"),)
    group_id: int = ref("chat_group.id", primary_key=True, index=False)
    week: date = day(primary_key=True)
    plan_id: int = Field(primary_key=True, sa_type=BigInt)
    region_id: int = ref("region.id", index=False)
    joined: int = 0
    joined_behind: int = 0


class RegionWeek(SQLModel, table=True):
    """That all groups of a region are counted, and the sums that may be shown.

    Attributes:
        groups: how many were counted.
        figures: name → ``[sum or null, groups left out]``.
        campaigns: plan id → the same.
    """

    __tablename__ = "region_week"
    region_id: int = ref("region.id", primary_key=True, index=False)
    week: date = day(primary_key=True)
    groups: int
    figures: dict[str, list[int | None]] | None = document()
    campaigns: dict[str, list[int | None]] | None = document()
    sealed_at: datetime = utc()
