"""PostgreSQL's time, as a process that is not PostgreSQL knows it."""

import time
from collections.abc import Callable

from grantlog.core.identifiers import MICROS, Micros
from grantlog.ports import UnavailableError


class PostgresClock:
    """Estimates PostgreSQL's time as this process's monotonic clock plus an offset that it learns from every answer.

    An answer that was received at ``r`` and says ``T`` proves that the offset is at least ``T - r``: the largest bound ever
    seen is the best, so the estimate comes from below and is never ahead of PostgreSQL. An answer to a question sent at
    ``s`` also proves that the offset is at most ``T - s``: where that lies below the estimate, PostgreSQL's clock was set
    back, and the offset is learnt anew.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` counts seconds."""
        self.monotonic = monotonic
        self._offset: int | None = None

    def learn(self, moment: Micros, received: float | None = None, sent: float | None = None) -> None:
        """Takes in that PostgreSQL said ``moment``, between ``sent`` and ``received`` (monotonic seconds; now)."""
        at_least = moment - _micros(self.monotonic() if received is None else received)
        stepped_back = sent is not None and self._offset is not None and moment - _micros(sent) < self._offset
        if self._offset is None or at_least > self._offset or stepped_back:
            self._offset = at_least

    @property
    def known(self) -> bool:
        """Whether PostgreSQL has been heard at all."""
        return self._offset is not None

    def now(self) -> Micros:
        """PostgreSQL's time. Raises UnavailableError before its first answer: there is nothing to guess from."""
        if self._offset is None:
            raise UnavailableError("PostgreSQL's time is not known yet")
        return Micros(_micros(self.monotonic()) + self._offset)


def _micros(seconds: float) -> int:
    return int(seconds * MICROS)
