"""Incidents that workers write: one stream for each event that caused one, however often the task runs."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from grantlog.core.decision import Decision, Envelope
from grantlog.core.identifiers import StreamId, bucket_of, mint_stream_id
from grantlog.core.incident.state import IncidentState, evolve
from grantlog.flows.dispatch import task_key
from grantlog.flows.handle import RejectedError
from grantlog.ports import Append, Appended, Ports, Recorded, Rejected, UnavailableError

ATTEMPTS = 8


def incident_of(handler: str, cause: Recorded) -> StreamId:
    """The incident that ``handler`` opens for an event: the same id at every attempt, beside the event's own stream."""
    noise = sha256(b"incident" + cause.leaf + task_key(handler, cause.position).encode()).digest()
    return mint_stream_id(cause.recorded_at, bucket_of(cause.stream), noise)


async def append_to(
    ports: Ports,
    incident: StreamId,
    rule: Callable[[IncidentState | None], Decision[Any]],
    handler: str,
    position: int,
) -> bool:
    """Asks ``rule`` and appends what it says, with the causing position in the envelope. Whether it was new.

    Raises UnavailableError, RejectedError where the log refuses the row for good.
    """
    for _ in range(ATTEMPTS):
        loaded = await ports.log.load(incident)
        decision = rule(loaded.state)
        event: Any = decision.event
        if event is None:
            return False
        version = loaded.version + 1
        verdict = await ports.log.append(
            Append(
                stream=incident,
                version=version,
                event=event,
                state=evolve(loaded.state, event, version),
                envelope=Envelope(
                    actor=f"worker:{handler}", request_id=f"{task_key(handler, position)}.{version}", cause=position
                ),
                gate=decision.gate,
                names=decision.names,
            )
        )
        if isinstance(verdict, Appended):
            return not verdict.again
        if isinstance(verdict, Rejected):
            raise RejectedError(verdict.reason)
    raise UnavailableError("the incident is contended")
