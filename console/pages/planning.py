"""The rooms of what goes out: calendar, pushes, moderation and texts, as one router."""

from __future__ import annotations

from fastapi import APIRouter

from console.pages import calendar, calendar_look, calendar_plan, calendar_write, moderation, pushes, words

router = APIRouter()
for _room in (calendar, calendar_write, calendar_look, calendar_plan, pushes, moderation, words):
    router.include_router(_room.router)
