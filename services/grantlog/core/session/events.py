"""Facts of one session: a person, authenticated in one browser."""

from dataclasses import dataclass
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.events import event
from grantlog.core.identifiers import Micros


@event("session.started", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Somebody authenticated (OpenID Connect Core section 2: ``auth_time``, ``amr``, ``acr``). A new id every time."""

    account: UUID
    secret_hash: bytes
    """SHA-256 of the secret in the session cookie."""
    auth_time: int
    amr: tuple[str, ...]
    acr: str | None
    stamps: tuple[Stamp, ...]
    """The gates read together with the password: a log-out of everybody in between leaves this session dead."""
    device: bytes
    """Keyed hash of the device cookie."""
    started_at: Micros
    expires_at: Micros


@event("session.ended", version=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The session is over, and with it everything stamped by it."""

    cause: str
