"""Everything planted and started: what the figures are taken from."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

import asyncpg
from ops.bench import history, planting
from ops.bench.planting import Party
from ops.bench.settings import SCOPES
from ops.bench.stage import PATIENCE, Stage, stage

from grantlog.core.identifiers import StreamId
from grantlog.flows.rotate_keys import ensure_keys
from grantlog.flows.service import Service
from grantlog.wiring import migrate_databases, open_service


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything. ``rounds`` of windows of ``seconds``; ``samples`` of what is timed one by one.

    ``strangers`` are tokens that are introspected in turn: more than a process remembers, so each comes as if for the first time.
    """

    rounds: int
    seconds: float
    tokens: int
    strangers: int
    families: int
    rotations: int
    samples: int
    logins: int


FULL = Size(
    rounds=9, seconds=1.2, tokens=2000, strangers=20_000, families=3200, rotations=100_000, samples=200, logins=1000
)
QUICK = Size(rounds=3, seconds=0.4, tokens=256, strangers=1000, families=1024, rotations=2000, samples=20, logins=128)
FEW_ROTATIONS = 10


@dataclass(slots=True, kw_only=True)
class World:
    """The running processes, and what stands in their stores."""

    stage: Stage
    size: Size
    service: Service
    database: asyncpg.Connection
    client: Party
    guard: Party
    tokens: list[str]
    strangers: list[str]
    refresh_tokens: list[str]
    openid_codes: list[str]
    families: list[history.Family]
    """One with few rotations, one with many."""


@asynccontextmanager
async def world(size: Size) -> AsyncIterator[World]:
    """Plants, starts the tail and a process each for issuing and introspecting, and waits until they trust the projection."""
    with stage() as running:
        await migrate_databases(running.settings)
        database = await asyncpg.connect(running.settings.database_url.get_secret_value())
        try:
            async with open_service(running.settings) as service:
                await ensure_keys(service)
                client = await planting.register(service, planting.CLIENT)
                made = World(
                    stage=running,
                    size=size,
                    service=service,
                    database=database,
                    client=client,
                    guard=await planting.register(service, planting.GUARD),
                    tokens=await planting.access_tokens(service, client, size.tokens),
                    strangers=await planting.access_tokens(service, client, size.strangers),
                    refresh_tokens=await planting.refresh_tokens(service, client, size.families),
                    openid_codes=await planting.codes(service, client, size.logins, "openid", "api:read"),
                    families=[
                        await history.family(service, database, client, rotations)
                        for rotations in (FEW_ROTATIONS, size.rotations)
                    ],
                )
                await history.skip_readers(database)
                # As autovacuum would: statistics and visibility of what was planted.
                await database.execute("VACUUM (ANALYZE)")
                running.tail()
                for role in ("issuer", "introspection"):
                    running.serve(role)
                await _trusted(service)
                job = {"client_id": client.client_id, "client_secret": client.client_secret, "scope": SCOPES}
                running.stand_in("forgetful", job)
                yield made
        finally:
            await database.close()


async def _trusted(service: Service) -> None:
    until = perf_counter() + PATIENCE
    while not (await service.ports.read_model.read(StreamId(UUID(int=0)))).trusted:
        if perf_counter() > until:
            raise TimeoutError("the projection was never trusted")
        await asyncio.sleep(0.05)
