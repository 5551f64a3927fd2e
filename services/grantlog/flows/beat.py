"""The beat: while it lasts, readers trust the projection. It is given only where trust is deserved."""

from dataclasses import dataclass
from uuid import UUID

from grantlog import metrics
from grantlog.core.identifiers import MICROS
from grantlog.flows.catch_up import LOG, Step, projection_store
from grantlog.flows.holding import Held
from grantlog.ports import Head, Ports, Projection

INTERVAL = 0.25
"""Seconds between beats."""


class SwitchNeededError(Exception):
    """The projection that the head row names is not the one that stands there: nobody may trust it before a switch."""


class BeatRefusedError(Exception):
    """The store did not take the beat: it has lost ``ready`` or the cursor, or we have lost the connection."""


@dataclass(slots=True)
class Standing:
    """The projection as the tail has it: what the head row names, and the position up to which it holds the log."""

    projection: Projection
    position: int
    log_id: UUID


def check(standing: Standing, head: Head) -> None:
    """Raises SwitchNeededError where the head row speaks of another log or projection, or stands behind our cursor."""
    named = head.projection
    if head.log_id != standing.log_id or head.position < standing.position:
        raise SwitchNeededError("the log is another one")
    if not named.named or named.runs != standing.projection.runs or named.generation != standing.projection.generation:
        raise SwitchNeededError("the head row names another projection")


async def beat(ports: Ports, held: Held, standing: Standing, step: Step, patience: float) -> bool:
    """Beats once, if the lease is safe and the projection no more than ``patience`` seconds behind the log. Whether it did.

    Raises SwitchNeededError where the head row says so, BeatRefusedError, UnavailableError.
    """
    head = await ports.log.head()
    metrics.PROJECTION_LAG_EVENTS.labels(LOG).set(max(0, head.position - standing.position))
    behind = 0.0 if step.at_end or step.newest is None else (head.recorded_at - step.newest) / MICROS
    metrics.PROJECTION_LAG_SECONDS.set(behind)
    check(standing, head)
    if behind > patience or not held.safe:
        return False
    # The time in the beat is that of the head row's answer: trust is counted from what we know, not from when we say it.
    with projection_store():
        accepted = await ports.keeper.beat(standing.projection, standing.position, head.gate_sequence, head.recorded_at)
    if not accepted:
        raise BeatRefusedError
    return True
