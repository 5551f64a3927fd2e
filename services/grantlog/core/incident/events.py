"""Facts of one finding, and of what was done about it.

No personal data and no secrets: who was touched stands here as ids, everything else as short stable words.
"""

from dataclasses import dataclass
from uuid import UUID

from grantlog.core.events import event
from grantlog.core.identifiers import ClientId, Micros


@event("incident.finding_recorded", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRecorded:
    """Something happened that somebody should know of."""

    kind: str
    severity: str
    grant: UUID | None
    client_id: ClientId | None
    account: UUID | None
    detail: tuple[tuple[str, str], ...]
    """Pairs of stable words, sorted by name."""
    recorded_at: Micros


@event("incident.families_listed", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class FamiliesListed:
    """The families that the finding touches were counted; the first of them are named."""

    count: int
    families: tuple[UUID, ...]


@event("incident.notified", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """Somebody was told by ``channel`` (``webhook``, ``log``), or could not be."""

    channel: str
    outcome: str
    """``delivered`` or ``failed``."""
