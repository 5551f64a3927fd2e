"""The rules of a session: when it begins, whether it is alive, how it ends."""

from dataclasses import dataclass
from hmac import compare_digest
from uuid import UUID

from grantlog.core.decision import Decision, GateChange, Refused, Stamp
from grantlog.core.identifiers import Micros, after, seconds
from grantlog.core.session.events import Ended, Started
from grantlog.core.session.state import SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Somebody proved to be ``account``. ``lifetime`` is in seconds."""

    account: UUID
    secret_hash: bytes
    amr: tuple[str, ...]
    acr: str | None
    stamps: tuple[Stamp, ...]
    """Epochs of the account's gates, read together with the proof."""
    device: bytes
    lifetime: int
    auth_time: int | None = None
    """When it was proven, where a second factor, or a change of one, came later (NumericDate); None: now."""


def start(state: SessionState | None, command: Start, now: Micros) -> Decision[Refused | None]:
    """Begins a session: always a new one, so that no id that somebody planted is ever authenticated."""
    if state is not None:
        return Decision(None, _refused("session_exists"))
    event = Started(
        account=command.account,
        secret_hash=command.secret_hash,
        auth_time=seconds(now) if command.auth_time is None else command.auth_time,
        amr=command.amr,
        acr=command.acr,
        stamps=command.stamps,
        device=command.device,
        started_at=now,
        expires_at=after(now, command.lifetime),
    )
    return Decision(event, None)


def end(state: SessionState | None, session: UUID, cause: str) -> Decision[None]:
    """Ends ``session`` and everything stamped by it. One that is unknown or over needs no event."""
    if state is None or state.ended:
        return Decision(None, None)
    return Decision(Ended(cause=cause), None, gate=GateChange("session", str(session), closes=True))


def alive(state: SessionState | None, presented_hash: bytes, now: Micros, *, closed: bool) -> Refused | None:
    """Why a session cannot be used by who presents this hash of a secret; None where it can.

    ``closed`` says whether a gate named by the session's stamps, or the session's own, is closed to it.
    """
    if state is None:
        return _refused("session_unknown")
    if not compare_digest(state.secret_hash, presented_hash):
        return _refused("session_forged")
    if state.ended:
        return _refused("session_ended")
    if now >= state.expires_at:
        return _refused("session_expired")
    if closed:
        return _refused("session_gate_closed")
    return None


def _refused(reason: str) -> Refused:
    # OpenID Connect Core 3.1.2.6: "login_required: The Authorization Server requires End-User authentication."
    return Refused("login_required", "the end user must authenticate", reason)
