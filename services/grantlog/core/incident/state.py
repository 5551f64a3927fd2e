"""What an incident is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from grantlog.core.identifiers import ClientId, Micros
from grantlog.core.incident.events import FamiliesListed, FindingRecorded, Notified

IncidentEvent = FindingRecorded | FamiliesListed | Notified


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """The last outcome of telling somebody by one channel."""

    channel: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentState:
    """An incident as it stands."""

    version: int
    kind: str
    severity: str
    grant: UUID | None
    client_id: ClientId | None
    account: UUID | None
    detail: tuple[tuple[str, str], ...]
    recorded_at: Micros
    families_count: int | None = None
    """None: nobody has listed them yet."""
    families: tuple[UUID, ...] = ()
    notifications: tuple[Notification, ...] = ()


def evolve(state: IncidentState | None, event: IncidentEvent, version: int) -> IncidentState:
    """The state after ``event``, which takes ``version``. A birth needs no state; everything else does."""
    if isinstance(event, FindingRecorded):
        return IncidentState(
            version=version,
            kind=event.kind,
            severity=event.severity,
            grant=event.grant,
            client_id=event.client_id,
            account=event.account,
            detail=event.detail,
            recorded_at=event.recorded_at,
        )
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin an incident")
    match event:
        case FamiliesListed():
            return replace(state, version=version, families_count=event.count, families=event.families)
        case Notified():
            told = Notification(channel=event.channel, outcome=event.outcome)
            others = tuple(known for known in state.notifications if known.channel != event.channel)
            return replace(state, version=version, notifications=(*others, told))
        case _:
            assert_never(event)
