"""Which of the driver's errors mean that PostgreSQL cannot answer now."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from grantlog.ports import UnavailableError

OUTCOME_UNKNOWN = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
"""The statement may have been committed, or not, or may never have been sent."""

GONE = (
    *OUTCOME_UNKNOWN,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""PostgreSQL did not answer, or said that it cannot now. Statement and lock timeouts are among them."""


class MissingEventError(LookupError):
    """The log names an event that is not stored: its partition was dropped, or somebody removed it."""


def is_gone(error: BaseException) -> bool:
    """Whether this is an outage. The driver's complaint about a wrong argument is an InterfaceError too, and is none."""
    return isinstance(error, GONE) and not isinstance(error, asyncpg.DataError | ValueError)


@contextmanager
def translated() -> Iterator[None]:
    """Turns outages into UnavailableError. Its text names the kind of error only: a driver's may quote addresses."""
    try:
        yield
    except UnavailableError:
        raise
    except Exception as error:
        if not is_gone(error):
            raise
        raise UnavailableError(f"PostgreSQL: {type(error).__name__}") from error
