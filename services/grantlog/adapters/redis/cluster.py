"""The nodes of a Redis or Valkey Cluster: one connection each, and a map of who holds which slot."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from grantlog.adapters.redis.address import Address
from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.layout import ready_key
from grantlog.adapters.redis.wire import CommandError
from grantlog.ports import UnavailableError

_log = structlog.get_logger()

INTERVAL = 5.0
"""Seconds after which the map is read again though nothing happened."""
PAUSE = 0.1
"""Seconds between two readings at least."""
PATIENCE = 1.0
"""Seconds to wait for a node that is asked for the map."""


@dataclass(frozen=True, slots=True)
class Range:
    """The slots ``first`` to ``last`` lie at one primary."""

    first: int
    last: int
    host: str
    port: int


class ClusterNodes:
    """The servers behind the tags, as the cluster itself says (CLUSTER SLOTS).

    The map is read at the start, after every sign of a change (MOVED, a lost connection), and now and then. Commands are not
    sent on to where MOVED points: they fail, nobody trusts the tag for that moment, and the map is read again.
    """

    def __init__(self, seed: Address, *, tags: int, timeout: float = 0.25) -> None:
        if seed.path is not None or seed.database:
            raise ValueError("a cluster is reached over TCP and has one database")
        self._seed = seed
        self._timeout = timeout
        self._slots = [key_slot(ready_key(tag)) for tag in range(tags)]
        self._connections: dict[tuple[str, int], Connection] = {}
        self._behind: list[Connection | None] = [None] * tags
        self._stale = asyncio.Event()
        self._mapped = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._turn = 0

    async def start(self, seconds: float) -> None:
        """See ``Nodes``."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._mapped.wait()
                await asyncio.gather(*(connection.usable(seconds) for connection in self.all()))

    async def close(self) -> None:
        """See ``Nodes``."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    def behind(self, tag: int) -> Connection | None:
        """See ``Nodes``."""
        return self._behind[tag]

    def all(self) -> Sequence[Connection]:
        """See ``Nodes``: those that hold slots, also where no tag lies in them."""
        return tuple(self._connections.values())

    def noticed(self, error: Exception) -> None:
        """See ``Nodes``."""
        if not isinstance(error, CommandError) or error.code in {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY"}:
            self._stale.set()

    async def _keep(self) -> None:
        while True:
            self._stale.clear()
            ranges: list[Range] = []
            try:
                ranges = await self._ask_somebody()
                if ranges:
                    await self._take(ranges)
                    self._mapped.set()
            except Exception as error:  # noqa: BLE001  # whatever it was: the map must be read again
                _log.warning("redis_cluster_map", reason=type(error).__name__)
            await asyncio.sleep(PAUSE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), INTERVAL if ranges else PAUSE)

    async def _ask_somebody(self) -> list[Range]:
        """The map as one node sees it: another one every time, for one that was cut off would tell old tales."""
        known = [connection for connection in self._connections.values() if connection.run_id is not None]
        self._turn += 1
        for offset in range(len(known)):
            ranges = await _ask(known[(self._turn + offset) % len(known)])
            if ranges:
                return ranges
        seed = Connection(self._seed, timeout=self._timeout)
        seed.start()
        try:
            return await _ask(seed) if await seed.usable(PATIENCE) else []
        finally:
            await seed.close()

    async def _take(self, ranges: list[Range]) -> None:
        """Opens connections to new nodes, gives every tag its own, and closes those that hold nothing any more."""
        owners = {(part.host, part.port) for part in ranges}
        for owner in owners - set(self._connections):
            connection = Connection(self._seed.at(*owner), timeout=self._timeout, lost=self._stale.set)
            connection.start()
            self._connections[owner] = connection
        owner_of: list[tuple[str, int] | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for part in ranges:
            owner_of[part.first : part.last + 1] = [(part.host, part.port)] * (part.last + 1 - part.first)
        owning = [owner_of[slot] for slot in self._slots]
        self._behind = [None if owner is None else self._connections[owner] for owner in owning]
        for owner in set(self._connections) - owners:
            await self._connections.pop(owner).close()


async def _ask(connection: Connection) -> list[Range]:
    """The map as this node sees it; nothing where it does not answer, or finds its cluster broken."""
    try:
        info: bytes = await connection.execute(b"CLUSTER", b"INFO")
        if b"cluster_state:ok" not in info:
            return []
        slots = await connection.execute(b"CLUSTER", b"SLOTS")
    except (CommandError, UnavailableError) as error:
        _log.warning("redis_cluster_map", reason=error.code if isinstance(error, CommandError) else "unavailable")
        return []
    host = connection.address.host
    # A node that does not know its own address leaves it empty: it is where we asked.
    return [Range(first, last, (node[0] or b"").decode() or host, node[1]) for first, last, node, *_ in slots]
