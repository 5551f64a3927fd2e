"""The periodic jobs, and how long a slot of each is. Beat may fire 0, 1 or 2 times: who claims the slot runs."""

from collections.abc import Mapping
from typing import Final

PERIODS: Final[Mapping[str, int]] = {"expire": 600, "audit": 60, "rotate_keys": 300}
"""Seconds."""
AUDIT_PARTS: Final = 4
"""In so many runs the audit has seen every stored family."""
AUDIT_SECONDS: Final = 40.0
"""A run ends before its time limit does it."""
