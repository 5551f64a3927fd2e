"""Brings a database to the schema this program needs."""

from importlib.resources import as_file, files
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from grantlog.adapters.postgres.errors import translated

_LOCK = 0x6772616E746C6F67  # "grantlog"


def schema_directory() -> Path:
    """Where the SQL files are: beside the package in an installation, at the top of a checkout otherwise."""
    with as_file(files("grantlog") / "_schema" / "postgres") as installed:
        if installed.is_dir():
            return installed
    return Path(__file__).parents[4] / "schema" / "postgres"


async def migrate(url: str, vault_url: str | None = None) -> list[str]:
    """Applies what is missing, the roles, the vault and the partitions ahead. Returns the revisions it applied.

    Safe to run from several processes at once: one works, the others wait and find nothing to do. ``vault_url`` names the
    database of the data keys; the same one where it is None. Raises UnavailableError where there is none to connect to.
    """
    with translated():
        connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        applied = await _upgrade(url)
        await connection.execute(_read("roles.sql"))
        await connection.execute("SELECT ensure_partitions_v1()")
    finally:
        await connection.close()
    await _prepare_vault(vault_url or url)
    return applied


async def pending(url: str) -> list[str]:
    """The revisions that ``migrate`` would apply, oldest first."""
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_missing)
    finally:
        await engine.dispose()


async def _upgrade(url: str) -> list[str]:
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_upgrade_on)
    finally:
        await engine.dispose()


def _upgrade_on(connection: Connection) -> list[str]:
    missing = _missing(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
    return missing


def _missing(connection: Connection) -> list[str]:
    """Revisions between what the database has and the newest, oldest first."""
    script = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    newer = script.iterate_revisions(script.get_current_head(), current or "base")
    return [revision.revision for revision in newer][::-1]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(schema_directory() / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: str) -> AsyncEngine:
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def _prepare_vault(url: str) -> None:
    with translated():
        connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_read("vault.sql"))
        await connection.execute(_read("vault_roles.sql"))
    finally:
        await connection.close()


def _read(name: str) -> str:
    return (schema_directory() / name).read_text(encoding="utf-8")
