"""Runs the SQL file of an alembic revision."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, cast

from alembic import op


class _AdaptedConnection(Protocol):
    """SQLAlchemy's wrapper around an asyncpg connection."""

    def run_async(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        """Runs a coroutine on the asyncpg connection, inside SQLAlchemy's greenlet."""
        ...


def run_script(revision_file: str) -> None:
    """Runs ``<revision>.sql`` beside ``<revision>.py`` in the revision's transaction.

    The file goes to PostgreSQL whole, by the simple protocol: a prepared statement could hold only one of its statements,
    and nobody has to find out where a function body ends.
    """
    text = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    connection = cast("_AdaptedConnection", op.get_bind().connection.dbapi_connection)
    connection.run_async(lambda driver: driver.execute(text))
