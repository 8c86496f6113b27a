"""What can be wrong with a database as a whole. Imports nothing, so that the command line can know it from the start."""

from __future__ import annotations


class Unreadable(Exception):
    """The rows cannot be read at all: a damaged file, not a database, or a server that refuses; says which."""
