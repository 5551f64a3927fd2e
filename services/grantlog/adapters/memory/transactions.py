"""Short-lived records in memory."""

from collections.abc import Callable
from time import monotonic


class MemoryTransactions:
    """The port ``Transactions`` in memory."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._records: dict[tuple[str, str], tuple[bytes, float, str]] = {}

    async def put(self, kind: str, key: str, value: bytes, ttl: int, *, owner: str = "", limit: int = 0) -> bool:
        """See the port."""
        self._expire()
        others = sum(
            1 for (its, name), (_, _, who) in self._records.items() if who == owner and its == kind and name != key
        )
        if limit and others >= limit:
            return False
        self._records[kind, key] = (value, self._clock() + ttl, owner)
        return True

    async def get(self, kind: str, key: str) -> bytes | None:
        """See the port."""
        self._expire()
        record = self._records.get((kind, key))
        return None if record is None else record[0]

    async def take(self, kind: str, key: str) -> bytes | None:
        """See the port."""
        self._expire()
        record = self._records.pop((kind, key), None)
        return None if record is None else record[0]

    async def swap(self, kind: str, key: str, old: bytes, new: bytes) -> bool:
        """See the port."""
        self._expire()
        record = self._records.get((kind, key))
        if record is None or record[0] != old:
            return False
        self._records[kind, key] = (new, *record[1:])
        return True

    def _expire(self) -> None:
        now = self._clock()
        self._records = {name: record for name, record in self._records.items() if record[1] > now}
