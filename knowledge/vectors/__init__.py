"""Word vectors and sounds that ship with the product; README.md in this folder says from where."""

from __future__ import annotations
