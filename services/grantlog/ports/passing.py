"""Short-lived and countable things."""

from typing import Protocol


class Transactions(Protocol):
    """Short-lived records of the browser's way through login and consent (Redis). Never on the log."""

    async def put(self, kind: str, key: str, value: bytes, ttl: int, *, owner: str = "", limit: int = 0) -> bool:
        """Stores a record for ``ttl`` seconds. False when ``owner`` has ``limit`` of this kind already.

        Raises UnavailableError.
        """
        ...

    async def get(self, kind: str, key: str) -> bytes | None:
        """The record, or None."""
        ...

    async def take(self, kind: str, key: str) -> bytes | None:
        """The record, removed in the same step: exactly one caller gets it."""
        ...

    async def swap(self, kind: str, key: str, old: bytes, new: bytes) -> bool:
        """Puts ``new`` where ``old`` still stands, for as long as that had left. False where it stands no more."""
        ...


class Throttle(Protocol):
    """Counting against abuse (Redis; in the process where Redis is gone)."""

    async def hit(self, rule: str, *subjects: str) -> int:
        """Counts one against the rule's bucket for these subjects. 0: go on; else seconds until it may be tried again."""
        ...

    async def peek(self, rule: str, *subjects: str) -> int:
        """The same without counting."""
        ...

    async def clear(self, rule: str, *subjects: str) -> None:
        """Forgets what was counted."""
        ...
