"""After a restore: a new identity for the log, and no projection that anybody trusts."""

from uuid import UUID

import asyncpg
from tests.support.appends import issued, revoked

from grantlog.adapters.codec import encode_envelope, leaf_of
from grantlog.adapters.postgres import open_postgres
from grantlog.adapters.postgres.recover import recover
from grantlog.core.identifiers import Micros
from grantlog.ports import Appended, Projection, Recorded

RUNS = {"0": "a" * 40}


async def test_a_recovered_log_has_a_new_id_and_trusts_no_projection(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as opened:
        await opened.tail.name_projection(Projection(4, RUNS, Micros(0), 5))
        before = await opened.log.head()
        fresh = await recover(postgres_url)
        head = await opened.log.head()
    assert before.projection.named
    assert head.log_id == fresh != before.log_id
    assert not head.projection.named
    assert head.projection.since >= before.recorded_at
    assert (head.projection.generation, head.projection.next_generation) == (1005, None), (
        "past every generation ever written, also after the backup was made"
    )


async def test_the_next_append_says_so(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as opened:
        await opened.tail.name_projection(Projection(4, RUNS, Micros(0)))
        fresh = await recover(postgres_url)
        verdict = await opened.log.append(issued(opened.log.mint(), opened.log.now()))
    assert isinstance(verdict, Appended)
    assert (verdict.head.log_id, verdict.head.projection.named) == (fresh, False)


async def test_each_leaf_stands_under_the_id_of_its_time(postgres_url: str) -> None:
    async with open_postgres(postgres_url) as opened:
        old = (await opened.log.head()).log_id
        row = issued(opened.log.mint(), opened.log.now())
        await opened.log.append(row)
        fresh = await recover(postgres_url)
        await opened.log.append(revoked(row))
        first, second = await opened.log.history(row.stream)
    assert first.leaf == leaf_under(old, first)
    assert second.leaf == leaf_under(fresh, second)
    connection = await asyncpg.connect(postgres_url)
    identities = await connection.fetch("SELECT after_position, log_id FROM log_identity ORDER BY after_position")
    await connection.close()
    assert [tuple(row) for row in identities] == [(0, old), (1, fresh)]


def leaf_under(log_id: UUID, found: Recorded) -> bytes:
    return leaf_of(
        log_id,
        found.position,
        found.stream,
        found.version,
        found.type,
        found.schema,
        found.recorded_at,
        encode_envelope(found.envelope),
        found.payload,
    )
