"""Which server stands behind a tag: one for all, or the nodes of a cluster."""

from collections.abc import Sequence
from typing import Protocol

from grantlog.adapters.redis.connection import Connection
from grantlog.ports import UnavailableError


class Nodes(Protocol):
    """The servers of one projection, one connection each."""

    async def start(self, seconds: float) -> None:
        """Begins to connect, and waits at most so long for the first success. Never raises: a store may be down."""
        ...

    async def close(self) -> None:
        """Ends all connections."""
        ...

    def behind(self, tag: int) -> Connection | None:
        """The connection to the server that holds a tag; None while nobody knows it."""
        ...

    def all(self) -> Sequence[Connection]:
        """The connections to all servers that hold tags."""
        ...

    def noticed(self, error: Exception) -> None:
        """Takes note of an error that may mean that tags have moved."""
        ...


class SingleNode:
    """One server holds every tag."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(self, seconds: float) -> None:
        """Begins to connect."""
        self._connection.start()
        await self._connection.usable(seconds)

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.close()

    def behind(self, tag: int) -> Connection:  # noqa: ARG002  # one for all
        """The one connection."""
        return self._connection

    def all(self) -> Sequence[Connection]:
        """The one connection."""
        return (self._connection,)

    def noticed(self, error: Exception) -> None:
        """A single server moves nothing."""


def live(nodes: Nodes, tag: int) -> tuple[Connection, str]:
    """The connection behind a tag and the run id of its server now. Raises UnavailableError."""
    connection = nodes.behind(tag)
    if connection is None or connection.run_id is None:
        raise UnavailableError("the projection is down")
    return connection, connection.run_id
