"""What leaves the process, and the upkeep of partitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Outbox(Protocol):
    """Where the tail hands events on (Celery's broker)."""

    async def publish(self, tasks: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Publishes (task, id, arguments), confirmed. Raises UnavailableError; the caller's cursor then stays."""
        ...


class Partitions(Protocol):
    """The partitions of the log and of what is kept for a while only (PostgreSQL)."""

    async def ensure_ahead(self) -> int:
        """Creates partitions ahead of time. How many were missing."""
        ...

    async def drop_expired(self) -> int:
        """Drops partitions of sealed answers and one-time values whose time has passed, and forgets slots and effects that
        were claimed more than a month ago. How many partitions went.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a URL answered: the status (never a redirect), the media type without parameters, and the body."""

    status: int
    media_type: str
    body: bytes


class Egress(Protocol):
    """Outgoing HTTP to addresses that others chose: bounded, without redirects, never into private ranges unless allowed."""

    async def get(self, url: str, *, accept: str = "application/json") -> Fetched:
        """Gets a document of at most 64 KiB within 5 s; callers of the same moment share one request, and a failure is
        remembered for a few seconds. Raises UnavailableError.
        """
        ...

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Posts and returns the status. Raises UnavailableError."""
        ...

    async def exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Fetched:
        """Posts and returns the answer, of at most 64 KiB within 5 s. Nothing is shared or remembered. Raises
        UnavailableError.
        """
        ...
