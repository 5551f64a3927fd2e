"""Expiry is arithmetic plus a dropped partition: there is no work per expired token."""

from structlog import get_logger

from grantlog.ports import Ports

_log = get_logger(__name__)


async def expire(ports: Ports) -> int:
    """Creates partitions ahead of time, then drops those that have had theirs. Nothing is left undone: 0."""
    created = await ports.partitions.ensure_ahead()
    dropped = await ports.partitions.drop_expired()
    if created or dropped:
        _log.info("partitions", created=created, dropped=dropped)
    return 0
