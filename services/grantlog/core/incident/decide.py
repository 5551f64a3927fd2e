"""The rules of an incident. Workers do everything at least once, so saying a thing again is never an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from grantlog.core.decision import Decision, Refused
from grantlog.core.identifiers import ClientId, Micros
from grantlog.core.incident.events import FamiliesListed, FindingRecorded, Notified
from grantlog.core.incident.state import IncidentState

FindingKind = Literal["refresh_reuse", "code_replay", "foreign_revocation", "retry_from_other_address", "retry_limit"]
Severity = Literal["info", "warning", "critical"]
Outcome = Literal["delivered", "failed"]

LISTED_LIMIT: Final = 100
"""So many families are named in one event; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something that somebody should know of. ``detail`` holds stable words, no personal data and no secrets."""

    kind: FindingKind
    severity: Severity
    grant: UUID | None = None
    client_id: ClientId | None = None
    account: UUID | None = None
    detail: tuple[tuple[str, str], ...] = ()


def record(state: IncidentState | None, command: Record, now: Micros) -> Decision[None]:
    """Begins an incident. One that stands already was recorded by an earlier attempt."""
    if state is not None:
        return Decision(None, None)
    event = FindingRecorded(
        kind=command.kind,
        severity=command.severity,
        grant=command.grant,
        client_id=command.client_id,
        account=command.account,
        detail=tuple(sorted(command.detail)),
        recorded_at=now,
    )
    return Decision(event, None)


def list_families(state: IncidentState | None, families: Sequence[UUID], count: int) -> Decision[Refused | None]:
    """Records which families the finding touches, once: ``count`` of them, the first of which are ``families``."""
    if state is None:
        return _unknown()
    if state.families_count is not None:
        return Decision(None, None)
    return Decision(FamiliesListed(count=count, families=tuple(families[:LISTED_LIMIT])), None)


def notify(state: IncidentState | None, channel: str, outcome: Outcome) -> Decision[Refused | None]:
    """Records that somebody was told by ``channel``. What was delivered stays delivered."""
    if state is None:
        return _unknown()
    known = next((told.outcome for told in state.notifications if told.channel == channel), None)
    if known in {"delivered", outcome}:
        return Decision(None, None)
    return Decision(Notified(channel=channel, outcome=outcome), None)


def _unknown() -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_request", "the incident is not known", "incident_unknown"))
