"""After a restore, or when the newest part of the log was lost: a new identity for what goes on from here."""

import os
from uuid import UUID

import asyncpg

from grantlog.adapters.postgres.errors import translated
from grantlog.adapters.postgres.pool import CONNECT_SECONDS
from grantlog.adapters.postgres.statements import statement


async def recover(url: str) -> UUID:
    """Gives the log a new id and trusts no projection from now on. Returns the new id. Raises UnavailableError."""
    fresh = UUID(bytes=os.urandom(16), version=4)
    with translated():
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            await connection.execute(statement("recover"), fresh)
        finally:
            await connection.close()
    return fresh
