"""Answers: documents in, questions asked, passages found, answers with their source."""

from __future__ import annotations
