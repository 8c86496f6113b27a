"""Answers: documents in, questions asked, passages found, answers with their source."""

from __future__ import annotations

import os

# Nothing of ours is sent to a tracing service, whatever the shell that started us asks for; langsmith looks at all four.
for _name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
    os.environ[_name] = "false"
