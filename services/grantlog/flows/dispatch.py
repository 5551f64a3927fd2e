"""The log is the outbox: the tail publishes what follows from events, then advances its cursor.

So a task is published at least once, under an id that says what it follows from (``handler:log:position``); whoever runs
it makes it count once. A broker that is gone delays this reader alone: the projection and revocation need none.
"""

from collections.abc import Mapping
from typing import Any

from grantlog.flows.catch_up import LOG, dense_rows
from grantlog.ports import Lease, LogRow, Ports

CURSOR = "dispatch"

HANDLERS: Mapping[str, tuple[str, ...]] = {
    "grant.reuse_detected": ("families",),
    "incident.finding_recorded": ("notify",),
    "incident.families_listed": ("notify",),
    "session.ended": ("logout",),
    "account.password_changed": ("logout",),
    "account.locked": ("logout",),
    "account.factor_added": ("logout",),
    "account.factor_removed": ("logout",),
    "account.recovery_codes_made": ("logout",),
}
"""Which task follows from which event. A row a fact, a name a consequence."""


class FencedOffError(Exception):
    """Somebody else holds the lease by now."""


def task_key(handler: str, position: int) -> str:
    """The id of the task that a handler has on an event: the same however often it is published."""
    return f"{handler}:{LOG}:{position}"


def tasks_of(row: LogRow) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The tasks that follow from an event: (task, id, arguments). Ids only: no token, no personal data."""
    arguments = {"position": row.position, "stream": str(row.stream), "version": row.version}
    return [(handler, task_key(handler, row.position), arguments) for handler in HANDLERS.get(row.type, ())]


async def dispatch(ports: Ports, lease: Lease, position: int) -> int:
    """Publishes what follows from one batch after ``position``. The position reached.

    Raises FencedOffError, LogGapError, and UnavailableError where the broker or the log does not answer.
    """
    rows = await dense_rows(ports.tail, position)
    if not rows:
        return position
    tasks = [task for row in rows for task in tasks_of(row)]
    if tasks:
        await ports.outbox.publish(tasks)
    reached = rows[-1].position
    if not await ports.tail.advance(CURSOR, reached, lease.fence):
        raise FencedOffError(CURSOR)
    return reached
