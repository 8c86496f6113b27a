"""The pages, one module a room."""

from __future__ import annotations
