"""What a session is now: the fold of its events."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from grantlog.core.decision import Stamp
from grantlog.core.identifiers import Micros
from grantlog.core.session.events import Ended, Started

SessionEvent = Started | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A session as it stands."""

    version: int
    account: UUID
    secret_hash: bytes
    auth_time: int
    amr: tuple[str, ...]
    acr: str | None
    stamps: tuple[Stamp, ...]
    device: bytes
    started_at: Micros
    expires_at: Micros
    ended: bool = False


def evolve(state: SessionState | None, event: SessionEvent, version: int) -> SessionState:
    """The state after ``event``, which takes ``version``. A birth needs no state; everything else does."""
    if isinstance(event, Started):
        return SessionState(
            version=version,
            account=event.account,
            secret_hash=event.secret_hash,
            auth_time=event.auth_time,
            amr=event.amr,
            acr=event.acr,
            stamps=event.stamps,
            device=event.device,
            started_at=event.started_at,
            expires_at=event.expires_at,
        )
    if state is None:
        raise ValueError(f"{type(event).__name__} cannot begin a session")
    match event:
        case Ended():
            return replace(state, version=version, ended=True)
        case _:
            assert_never(event)
