"""What the roles of the schema may do: the log is written by one function, and by nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from tests.support.appends import issued, registered
from tests.support.logs import postgres_store

from grantlog.adapters.postgres import open_postgres
from grantlog.core.identifiers import Micros, after
from grantlog.ports import Appended, Projection, Replay

COLUMNS = {
    "head": "log",
    "log_identity": "log",
    "log": "type",
    "event": "stream",
    "event_lasting": "stream",
    "state": "stream",
    "state_lasting": "stream",
    "sealed": "stream",
    "name_claim": "kind",
    "replay": "key",
    "gate": "id",
    "bucket": "tag",
    "partition": "name",
}
"""Every table of the log, and a column of it."""


@asynccontextmanager
async def login(url: str, role: str) -> AsyncIterator[str]:
    """The URL of a login that has been granted one role, and nothing else."""
    user = f"login_{role}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE ROLE {user} LOGIN IN ROLE {role}")
        yield url.replace("postgresql://grantlog@", f"postgresql://{user}@")
    finally:
        await connection.execute(f"DROP ROLE {user}")
        await connection.close()


async def refused(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for each in statements:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(each)
    finally:
        await connection.close()


async def test_the_server_claims_one_time_values_by_a_function_alone(module_postgres_url: str) -> None:
    async with login(module_postgres_url, "grantlog_server") as url:
        async with open_postgres(url) as opened:
            value = Replay(b"of the server's role", after(opened.log.now(), 60))
            assert await opened.log.claim([value])
            assert not await opened.log.claim([value])
        await refused(url, "INSERT INTO replay (key, expires_at) VALUES ('x', 1)", "DELETE FROM replay")
    async with login(module_postgres_url, "grantlog_reader") as url:
        await refused(url, "SELECT * FROM claim_v1('{}', '{}', '{}', 0)", "SELECT * FROM kept_secret")


@pytest.mark.parametrize("role", ["grantlog_server", "grantlog_tail", "grantlog_worker"])
async def test_nobody_writes_the_log_but_by_append(module_postgres_url: str, role: str) -> None:
    async with login(module_postgres_url, role) as url:
        async with open_postgres(url) as opened:
            row = issued(opened.log.mint(), opened.log.now(), seal=b"box")
            assert isinstance(await opened.log.append(row), Appended)
            assert (await opened.log.load(row.stream)).state == row.state
            assert await opened.log.sealed(row.stream, 1) == b"box"
        for table, column in COLUMNS.items():
            await refused(
                url,
                f"INSERT INTO {table} DEFAULT VALUES",
                f"UPDATE {table} SET {column} = {column}",  # noqa: S608  # names of our own
                f"DELETE FROM {table}",  # noqa: S608  # names of our own
                f"TRUNCATE {table}",
                f"DROP TABLE {table}",
            )
        await refused(url, "SELECT recover_v1(gen_random_uuid())", "CREATE TABLE mine ()", "SET ROLE grantlog")


async def test_a_reader_appends_nothing(module_postgres_url: str) -> None:
    async with login(module_postgres_url, "grantlog_reader") as url, open_postgres(url) as opened:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await opened.log.append(issued(opened.log.mint(), opened.log.now()))
        await refused(url, "SELECT * FROM password", "SELECT * FROM wrapped_key", "SELECT * FROM vault.data_key")


async def test_the_server_names_no_projection_and_keeps_no_query_tables(module_postgres_url: str) -> None:
    async with login(module_postgres_url, "grantlog_server") as url:
        await refused(
            url,
            "SELECT name_projection_v1('{}', NULL, NULL)",
            "SELECT ensure_partitions_v1()",
            "UPDATE cursor SET position = 0",
            "UPDATE lease SET until = 0",
            "DELETE FROM family",
        )


async def test_the_tail_may_do_what_the_tail_does(module_postgres_url: str) -> None:
    async with login(module_postgres_url, "grantlog_tail") as url, postgres_store(url) as store:
        row = registered(store.log.mint(), store.log.now(), "of the tail")
        verdict = await store.log.append(row)
        assert isinstance(verdict, Appended)
        lease = await store.leases.acquire("tail", "one", 60)
        assert lease is not None
        rows = await store.tail.recorded(await store.tail.follow(verdict.position - 1, 10))
        await store.queries.record(rows, verdict.position)
        assert row.stream in [stream for stream, _ in await store.queries.clients()]
        assert await store.tail.advance("tail", verdict.position, lease.fence)
        assert await store.tail.name_projection(Projection(1, {}, Micros(0)), lease) is not None
        await store.leases.release(lease)
        await refused(url, "SELECT * FROM password", "SELECT * FROM wrapped_key", "SELECT ensure_partitions_v1()")


async def test_a_worker_may_do_what_workers_do(module_postgres_url: str) -> None:
    async with login(module_postgres_url, "grantlog_worker") as url, postgres_store(url) as store:
        assert await store.leases.claim_slot("expire", 1)
        assert await store.leases.claim_effect("notify", 1)
        assert await store.dead_letters.list() == []
        assert await store.partitions.ensure_ahead() == 0
        assert await store.partitions.drop_expired() == 0
        found: Any = await store.queries.counts()
        assert found["events"] >= 0
