"""A cluster that loses a node, and moves a slot: what lies elsewhere is believed on, what has moved is not before its time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack

import pytest
from redis.crc import key_slot
from tests.support.projections import SLOTS, TAGS, cluster_node, command, family, join, opened, real_time
from tests.support.servers import run_apart

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.adapters.redis.address import parse_address
from grantlog.adapters.redis.client import Redis
from grantlog.adapters.redis.cluster import ClusterNodes
from grantlog.adapters.redis.layout import ready_key
from grantlog.core.identifiers import MICROS, mint_stream_id
from grantlog.ports import Projection, UnavailableError

pytestmark = pytest.mark.cluster


@pytest.fixture
def nodes() -> Iterator[list[EmbeddedValkey]]:
    """A cluster of the test's own, to be broken."""
    with ExitStack() as stack:
        servers = [cluster_node(stack, number) for number in range(3)]
        run_apart(join(servers))
        yield servers


CLOCK = real_time()


@pytest.fixture(autouse=True)
def only_signs_of_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is not read again just because time has passed."""
    monkeypatch.setattr("grantlog.adapters.redis.cluster.INTERVAL", 1000.0)


@pytest.fixture
async def redis(nodes: list[EmbeddedValkey]) -> AsyncIterator[Redis]:
    async with opened(nodes[0].tcp_url, CLOCK, cluster=True) as opened_redis:
        yield opened_redis


def home(tag: int) -> int:
    """The number of the node that holds a tag at first."""
    slot = key_slot(ready_key(tag))
    return next(number for number, (first, last) in enumerate(SLOTS) if first <= slot <= last)


async def begin(redis: Redis, generation: int = 1) -> Projection:
    projection = Projection(generation, await redis.keeper.runs(), CLOCK.now())
    await redis.keeper.begin(projection, 0, 0, CLOCK.now())
    return projection


async def runs_without(redis: Redis, old: str) -> Mapping[str, str]:
    """The runs, once another than the old one stands behind tag 0."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(UnavailableError):
                runs = await redis.keeper.runs()
                if runs["0"] != old:
                    return runs
            await trusted(redis)
            await asyncio.sleep(0.05)


async def trusted(redis: Redis) -> list[bool]:
    """Behind which tags the projection is believed."""
    streams = [mint_stream_id(CLOCK.now(), tag, bytes(9)) for tag in range(TAGS)]
    return [(await redis.read_model.read(stream)).trusted for stream in streams]


async def test_tags_spread_over_the_nodes_and_each_has_its_own_run(nodes: list[EmbeddedValkey], redis: Redis) -> None:
    runs = await redis.keeper.runs()
    assert len({home(tag) for tag in range(TAGS)}) > 1
    for tag in range(TAGS):
        info = await command(nodes[home(tag)].url, "INFO", "server")
        assert isinstance(info, bytes)
        assert f"run_id:{runs[str(tag)]}".encode() in info


async def test_a_lost_node_costs_its_own_tags_only(nodes: list[EmbeddedValkey], redis: Redis) -> None:
    projection = await begin(redis)
    assert await trusted(redis) == [True] * TAGS
    lost = home(0)
    nodes[lost].kill()
    assert await trusted(redis) == [home(tag) != lost for tag in range(TAGS)]
    assert not await redis.read_model.raise_gates(projection, 5)
    with pytest.raises(UnavailableError):
        await redis.keeper.beat(projection, 1, 0, CLOCK.now())
    nodes[lost].start()
    runs = await runs_without(redis, projection.runs[str(0)])
    assert {tag for tag in projection.runs if runs[tag] != projection.runs[tag]} == {
        str(tag) for tag in range(TAGS) if home(tag) == lost
    }
    assert await trusted(redis) == [home(tag) != lost for tag in range(TAGS)]


async def test_a_slot_that_moved_is_followed_and_not_believed_before_it_is_named(
    nodes: list[EmbeddedValkey], redis: Redis
) -> None:
    before = await begin(redis)
    slot, source = key_slot(ready_key(0)), nodes[home(0)]
    target = nodes[(home(0) + 1) % 3]
    await command(source.url, "FLUSHALL")
    identity = await command(target.url, "CLUSTER", "MYID")
    assert isinstance(identity, bytes)
    for node in (target, source, *nodes):
        assert await command(node.url, "CLUSTER", "SETSLOT", slot, "NODE", identity) == b"OK"
    stream = mint_stream_id(CLOCK.now(), 0, bytes(9))
    assert not (await redis.read_model.read(stream)).trusted, "the old node sends us away"
    runs = await runs_without(redis, before.runs["0"])
    assert not (await redis.read_model.read(stream)).trusted
    expiry = CLOCK.now() // MICROS + 600
    assert not await redis.read_model.put(before, stream, family(1, at=CLOCK.now()), expiry)
    after = await begin(redis, 2)
    assert after.runs["0"] == runs["0"]
    assert await redis.read_model.put(after, stream, family(2, at=CLOCK.now()), expiry)
    assert (await redis.read_model.read(stream)).version == 2


@pytest.mark.parametrize("url", ["unix:///tmp/no.sock", "redis://127.0.0.1:1/3"])
async def test_a_cluster_is_reached_over_tcp_and_has_one_database(url: str) -> None:
    with pytest.raises(ValueError, match="a cluster"):
        ClusterNodes(parse_address(url), tags=1)


async def test_a_cluster_that_is_not_there_is_believed_nothing() -> None:
    async with opened("redis://127.0.0.1:1", CLOCK, cluster=True) as redis:
        assert await trusted(redis) == [False] * TAGS
        with pytest.raises(UnavailableError):
            await redis.keeper.runs()
