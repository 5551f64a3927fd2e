"""Projections to run a test on: in memory, on Valkey, on Redis 7, on a cluster of three; and families to put there."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.servers import free_port, run_apart, short_directory

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.adapters.memory.clock import ManualClock
from grantlog.adapters.memory.read_model import MemoryProjection
from grantlog.adapters.redis.address import parse_address
from grantlog.adapters.redis.client import Redis, open_redis
from grantlog.adapters.redis.connection import Connection
from grantlog.adapters.redis.layout import family_key, tag_of
from grantlog.adapters.redis.wire import CommandError
from grantlog.core.decision import Stamp
from grantlog.core.grant.events import AccessToken, Profile
from grantlog.core.grant.standing import Family
from grantlog.core.identifiers import MICROS, ClientId, Micros, StreamId, mint_stream_id
from grantlog.ports import Projection, ProjectionKeeper, ReadModel

LEASE = 2.0
TAGS = 3
"""Over the three primaries of the cluster these tags spread."""
RULES = {"narrow": "3/minute", "wide": "1000/second", "single": "1/hour", "quick": "2/second"}
HASH_KEY = b"a key for hashes"

SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


def real_time() -> ManualClock:
    """A clock that begins at the real time, for servers count down by theirs."""
    return ManualClock(int(time.time() * MICROS))


@dataclass(frozen=True, slots=True)
class Stage:
    """A projection that nobody has begun yet, its clock, a second keeper of it, and a way to empty it."""

    clock: ManualClock
    read_model: ReadModel
    keeper: ProjectionKeeper
    other_keeper: ProjectionKeeper
    """Another process's keeper of the same projection."""
    flush: Callable[[], Awaitable[None]]
    milliseconds_left: Callable[[int, StreamId], Awaitable[int]]
    """How long the family of a stream will be kept in a generation."""

    async def named(self, generation: int = 1, next_generation: int | None = None) -> Projection:
        """What the head row would name."""
        return Projection(generation, await self.keeper.runs(), self.clock.now(), next_generation)

    async def begin(self, generation: int = 1, *, position: int = 0, gates: int = 0) -> Projection:
        """Names it, and begins."""
        projection = await self.named(generation)
        await self.keeper.begin(projection, position, gates, self.clock.now())
        return projection

    def stream(self, bucket: int = 0, number: int = 0) -> StreamId:
        """A stream of a bucket."""
        return mint_stream_id(self.clock.now(), bucket, number.to_bytes(8, "big") + b"\0")

    def family(self, version: int = 1, *, tokens: int = 1, client: str = "web-shop") -> Family:
        """A family with tokens that run for ten minutes more; without any it is a tombstone."""
        return family(version, at=self.clock.now(), tokens=tokens, client=client)

    @property
    def expiry(self) -> int:
        """When its tokens expire (NumericDate)."""
        return self.clock.now() // MICROS + 600


def family(version: int = 1, *, at: Micros, tokens: int = 1, client: str = "web-shop") -> Family:
    """A family with tokens that run for ten minutes from ``at``."""
    issued = at // MICROS
    profile = Profile(scope=("api:read",), audience=("https://api.example.com/",))
    return Family(
        version,
        ClientId(client),
        "01980f2c-3a00-7abc-8123-456789abcdef",
        (Stamp("account", "01980f2c-3a00-7abc-8123-456789abcdef", 0), Stamp("client", client, 0)),
        tuple(
            AccessToken(hash=bytes([number]) * 16, issued_at=issued, expires_at=issued + 600, profile=profile)
            for number in range(tokens)
        ),
    )


def opened(
    url: str, clock: ManualClock, *, cluster: bool = False, tags: int = TAGS
) -> AbstractAsyncContextManager[Redis]:
    """All ports on one server."""
    return open_redis(url, cluster=cluster, tags=tags, lease=LEASE, clock=clock, rules=RULES, hash_key=HASH_KEY)


async def command(url: str, *words: bytes | str | int) -> object:
    """One command on a connection of its own."""
    connection = Connection(parse_address(url))
    connection.start()
    try:
        assert await connection.usable(5)
        return await connection.execute(*words)
    except CommandError as error:
        return error
    finally:
        await connection.close()


def cluster_node(stack: ExitStack, number: int) -> EmbeddedValkey:
    directory = stack.enter_context(short_directory())
    options = {
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-node-timeout": "2000",
        "cluster-require-full-coverage": "no",
        "cluster-config-file": "nodes.conf",
    }
    server = EmbeddedValkey(directory / "kv", directory / "s", name=f"n{number}", port=free_port(), options=options)
    server.start()
    stack.callback(server.kill)
    return server


async def join(nodes: list[EmbeddedValkey]) -> None:
    """Makes one cluster of servers: the slots in equal parts, everybody introduced."""
    bus = [(await command(node.url, "CONFIG", "GET", "cluster-port")) for node in nodes]
    for node, (first, last) in zip(nodes, SLOTS, strict=True):
        await command(node.url, "CLUSTER", "ADDSLOTSRANGE", first, last)
    for node, answer in zip(nodes[1:], bus[1:], strict=True):
        assert isinstance(answer, list)
        await command(nodes[0].url, "CLUSTER", "MEET", "127.0.0.1", node.port, answer[1])
    for node in nodes:
        async with asyncio.timeout(30):
            while True:
                info = await command(node.url, "CLUSTER", "INFO")
                assert isinstance(info, bytes)
                if b"cluster_state:ok" in info and b"cluster_known_nodes:3" in info:
                    break
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def cluster_nodes() -> Iterator[list[EmbeddedValkey]]:
    """Three primaries on loopback, one cluster."""
    with ExitStack() as stack:
        nodes = [cluster_node(stack, number) for number in range(3)]
        run_apart(join(nodes))
        yield nodes


@dataclass(frozen=True, slots=True)
class Store:
    """A server, or a cluster of them, empty."""

    url: str
    servers: tuple[EmbeddedValkey, ...]
    cluster: bool = False

    async def flush(self) -> None:
        """Empties it."""
        for server in self.servers:
            await command(server.url, "FLUSHALL", "SYNC")


@pytest.fixture(scope="session")
def redis7_server() -> Iterator[EmbeddedValkey]:
    found = shutil.which("redis-server")
    assert found is not None
    with short_directory() as directory:
        server = EmbeddedValkey(directory / "kv", directory / "s", binary=Path(found))
        server.start()
        try:
            yield server
        finally:
            server.stop()


SERVERS = [
    "valkey",
    pytest.param("redis7", marks=pytest.mark.redis7),
    pytest.param("cluster", marks=pytest.mark.cluster),
]


async def empty_store(request: pytest.FixtureRequest, kind: str) -> Store:
    if kind == "cluster":
        nodes: list[EmbeddedValkey] = request.getfixturevalue("cluster_nodes")
        found = Store(nodes[0].tcp_url, tuple(nodes), cluster=True)
    else:
        server: EmbeddedValkey = request.getfixturevalue("valkey_server" if kind == "valkey" else "redis7_server")
        found = Store(server.url, (server,))
    await found.flush()
    return found


@pytest.fixture(params=SERVERS)
async def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of server in turn, empty."""
    return await empty_store(request, request.param)


@pytest.fixture(params=["memory", *SERVERS])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A projection in memory, then on each kind of server."""
    clock = real_time()
    if request.param == "memory":
        memory = MemoryProjection(clock, lease=LEASE, tags=TAGS)

        async def flush() -> None:
            memory.flush()

        async def left(generation: int, stream: StreamId) -> int:
            return memory.milliseconds_left(generation, stream)

        yield Stage(clock, memory, memory, memory.another_keeper(), flush, left)
        return
    store = await empty_store(request, request.param)

    async def ttl(generation: int, stream: StreamId) -> int:
        key = family_key(tag_of(stream, TAGS), generation, stream)
        answers = [await command(server.url, "PTTL", key) for server in store.servers]
        return max(answer for answer in answers if isinstance(answer, int))

    async with (
        opened(store.url, clock, cluster=store.cluster) as redis,
        opened(store.url, clock, cluster=store.cluster) as another,
    ):
        yield Stage(clock, redis.read_model, redis.keeper, another.keeper, store.flush, ttl)
