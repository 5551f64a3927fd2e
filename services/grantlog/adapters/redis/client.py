"""Everything that one process needs of Redis or Valkey, opened and closed together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from grantlog.adapters.redis.address import parse_address
from grantlog.adapters.redis.cluster import ClusterNodes
from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.keeper import RedisKeeper
from grantlog.adapters.redis.naming import Naming
from grantlog.adapters.redis.nodes import Nodes, SingleNode
from grantlog.adapters.redis.read_model import RedisReadModel
from grantlog.adapters.redis.reading import LearningClock
from grantlog.adapters.redis.throttle import RedisThrottle
from grantlog.adapters.redis.transactions import RedisTransactions

FIRST_CONTACT = 1.0
"""Seconds to wait for the first connection; after that the process goes on without, and PostgreSQL answers."""


@dataclass(frozen=True, slots=True)
class Redis:
    """The four ports that Redis stands behind."""

    read_model: RedisReadModel
    keeper: RedisKeeper
    transactions: RedisTransactions
    throttle: RedisThrottle


@asynccontextmanager
async def open_redis(
    url: str,
    *,
    cluster: bool,
    tags: int,
    lease: float,
    clock: LearningClock,
    rules: Mapping[str, str],
    hash_key: bytes,
) -> AsyncIterator[Redis]:
    """Opens the connections; a server that is down does not keep the process from starting.

    ``tags``: how many hash tags the buckets are spread over. ``lease``: seconds for which a beat is believed. ``rules``:
    rates by name, ``"6000/minute"``. ``hash_key``: keys the hashes that stand for addresses and user names. Raises
    ValueError for a URL or a rate that cannot be read.
    """
    address = parse_address(url)
    nodes: Nodes = ClusterNodes(address, tags=tags) if cluster else SingleNode(Connection(address))
    naming = Naming(hash_key, tags)
    throttle = RedisThrottle(nodes, naming, rules)
    try:
        await nodes.start(FIRST_CONTACT)
        yield Redis(
            RedisReadModel(nodes, clock, lease=lease, tags=tags),
            RedisKeeper(nodes, clock, tags=tags),
            RedisTransactions(nodes, naming),
            throttle,
        )
    finally:
        await nodes.close()
