"""The migrations lead to ``current.sql``, however they are run."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from tests.support.servers import StartPostgres

from grantlog.adapters.embedded.binaries import postgres_binary
from grantlog.adapters.postgres import SchemaMissingError, migrate, open_postgres

SCHEMA = migrate.schema_directory()


def dump(url: str, *arguments: str) -> str:
    """The schema of a database as pg_dump tells it, without what a database has for itself."""
    found = subprocess.run(
        [
            postgres_binary("pg_dump"),
            "--schema-only",
            "--no-owner",
            "--exclude-table=alembic_version",
            # Partitions depend on the day; their parents are compared.
            "--exclude-table=*_p20*",
            *arguments,
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )
    lines = (line for line in found.stdout.splitlines() if not line.startswith(("--", "\\")))
    return "\n".join(line for line in lines if line.strip())


async def run(url: str, *files: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for name in files:
            await connection.execute((SCHEMA / name).read_text())
    finally:
        await connection.close()


async def test_the_migrations_equal_the_current_schema(start_postgres: StartPostgres) -> None:
    server = start_postgres(migrated=False)
    migrated, current = server.url("postgres"), server.url("template1")
    await run(current, "current.sql", "roles.sql", "vault.sql", "vault_roles.sql")
    applied = await migrate.migrate(migrated)
    assert applied == ["0001", "0002"]
    dumped = dump(migrated)
    assert dumped == dump(current)
    assert "CREATE FUNCTION public.append_v1(" in dumped
    assert "GRANT ALL ON FUNCTION public.append_v1(" in dumped


async def test_two_processes_may_migrate_at_once(empty_postgres_url: str) -> None:
    assert await migrate.pending(empty_postgres_url) == ["0001", "0002"]
    outcomes = await asyncio.gather(*(migrate.migrate(empty_postgres_url) for _ in range(3)))
    assert sorted(outcomes) == [[], [], ["0001", "0002"]]
    assert await migrate.pending(empty_postgres_url) == []


async def test_databases_of_one_server_may_be_migrated_at_once(start_postgres: StartPostgres) -> None:
    """Roles belong to the server: both processes find them missing."""
    server = start_postgres(migrated=False)
    program = (
        "import asyncio, sys; from grantlog.adapters.postgres.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"
    )
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, server.url(database))
        for database in ("postgres", "template1")
    ]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0]


async def test_migrating_again_changes_nothing(postgres_url: str) -> None:
    before = dump(postgres_url)
    assert await migrate.migrate(postgres_url) == []
    assert dump(postgres_url) == before


async def test_a_revision_that_fails_leaves_nothing_behind(
    empty_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's own transaction around each revision holds for files that are sent whole, too."""
    for source in SCHEMA.rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            target = tmp_path / source.relative_to(SCHEMA)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    script = tmp_path / "migrations" / "versions" / "0001_pre_spine.sql"
    script.write_text(script.read_text() + "\nSELECT 1 / 0;\n")
    monkeypatch.setattr(migrate, "schema_directory", lambda: tmp_path)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(empty_postgres_url)
    monkeypatch.undo()
    assert await migrate.pending(empty_postgres_url) == ["0001", "0002"]
    assert "append_v1" not in dump(empty_postgres_url)


async def test_the_vault_may_live_elsewhere(start_postgres: StartPostgres) -> None:
    server = start_postgres(migrated=False)
    log, vault = server.url("postgres"), server.url("template1")
    await migrate.migrate(log, vault)
    assert "vault" not in dump(log)
    assert "CREATE TABLE vault.data_key" in dump(vault)


async def test_a_database_without_schema_says_what_to_do(empty_postgres_url: str) -> None:
    with pytest.raises(SchemaMissingError, match="grantlog migrate"):
        async with open_postgres(empty_postgres_url):
            pass
