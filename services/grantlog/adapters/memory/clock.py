"""A clock for the ports in memory: the machine's, or one that a test moves."""

import time
from typing import Protocol

from grantlog.core.identifiers import MICROS, Micros


class Clock(Protocol):
    """What the ports in memory take for PostgreSQL's time."""

    def now(self) -> Micros:
        """The moment."""
        ...


class MachineClock:
    """The machine's own clock."""

    def now(self) -> Micros:
        """The moment."""
        return Micros(time.time_ns() // 1000)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, moment: int = 1_800_000_000 * MICROS) -> None:
        """``moment``: µs since 1970; early in 2027 where none is given."""
        self._moment = moment

    def now(self) -> Micros:
        """The moment."""
        return Micros(self._moment)

    def advance(self, seconds: float) -> None:
        """Moves on, or back."""
        self._moment += int(seconds * MICROS)

    def learn(self, moment: Micros, received: float | None = None, sent: float | None = None) -> None:
        """Learns nothing: it is PostgreSQL's time."""
