"""The rules of an account: creation, locking, what a new password ends, and what is remembered of its consent."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from grantlog.core.account.events import (
    ConsentGiven,
    ConsentWithdrawn,
    Created,
    Locked,
    PasswordChanged,
    ProfileChanged,
    Unlocked,
)
from grantlog.core.account.state import AccountState, consent_to
from grantlog.core.decision import Decision, GateChange, Name, Refused, Stamp
from grantlog.core.identifiers import ClientId, Micros


def username_name(username_hash: bytes) -> Name:
    """The name by which the log finds an account's stream: base64url of the keyed hash of the normalised username."""
    return Name("username", urlsafe_b64encode(username_hash).decode().rstrip("="))


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A new account; its username as a keyed hash, its profile already encrypted."""

    username_hash: bytes
    profile: bytes


def create(state: AccountState | None, command: Create, now: Micros) -> Decision[Refused | None]:
    """Creates an account. That its username is free is proved by the append, which claims it."""
    if state is not None:
        return _refused("the account exists already", "account_exists")
    event = Created(username_hash=command.username_hash, profile=command.profile, created_at=now)
    return Decision(event, None, names=(username_name(command.username_hash),))


def change_password(state: AccountState | None, account: UUID, cause: str) -> Decision[Refused | None]:
    """Records that the password was replaced. Every session and grant from before is dead: who stole it is out."""
    if state is None:
        return _unknown()
    return Decision(PasswordChanged(cause=cause), None, gate=GateChange("account", str(account), closes=True))


def change_profile(state: AccountState | None, profile: bytes) -> Decision[Refused | None]:
    """Replaces the profile, already encrypted. What was issued before goes on: it is read when somebody asks."""
    if state is None:
        return _unknown()
    return Decision(ProfileChanged(profile=profile), None)


def lock(state: AccountState | None, account: UUID, cause: str) -> Decision[Refused | None]:
    """Locks an account, with every session and grant of it. Again: nothing new to say."""
    if state is None:
        return _unknown()
    if state.locked:
        return Decision(None, None)
    return Decision(Locked(cause=cause), None, gate=GateChange("account", str(account), closes=True))


def unlock(state: AccountState | None, account: UUID, cause: str) -> Decision[Refused | None]:
    """Lets the person log in again. What was issued before stays dead."""
    if state is None:
        return _unknown()
    if not state.locked:
        return Decision(None, None)
    return Decision(Unlocked(cause=cause), None, gate=GateChange("account", str(account)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent:
    """What a person allowed a client, everything that it implies included."""

    client_id: ClientId
    scope: tuple[str, ...]
    resources: tuple[str, ...]
    """Every resource that can be reached with it."""
    details_digest: bytes | None
    """SHA-256 of the authorization details (RFC 9396) as they were shown; None: there were none."""
    client_digest: bytes
    """SHA-256 of what the client is to people now."""


def give_consent(state: AccountState | None, command: GiveConsent, now: Micros) -> Decision[Refused | None]:
    """Remembers what a client was allowed. What is remembered already needs no event."""
    if state is None:
        return _unknown()
    if state.locked:
        return _refused("the account is locked", "account_locked")
    if covers(state, command):
        return Decision(None, None)
    event = ConsentGiven(
        client_id=command.client_id,
        scope=command.scope,
        resources=command.resources,
        details_digest=command.details_digest,
        client_digest=command.client_digest,
        given_at=now,
    )
    return Decision(event, None)


def covers(state: AccountState, asked: GiveConsent) -> bool:
    """Whether all that is asked was allowed before, to the client as it is now. Authorization details: the very same."""
    known = consent_to(state, asked.client_id)
    return (
        known is not None
        and known.client_digest == asked.client_digest
        and set(asked.scope) <= set(known.scope)
        and set(asked.resources) <= set(known.resources)
        and (asked.details_digest is None or asked.details_digest in known.details_digests)
    )


def withdraw_consent(state: AccountState | None, account: UUID, client_id: ClientId) -> Decision[Refused | None]:
    """Forgets what a client was allowed and closes its gate at this account: all that it holds of it is dead.

    Also where nothing is remembered: it may hold what was allowed once only.
    """
    if state is None:
        return _unknown()
    gate = GateChange("consent", consent_gate(account, client_id), closes=True)
    return Decision(ConsentWithdrawn(client_id=client_id), None, gate=gate)


def consent_gate(account: UUID, client_id: ClientId) -> str:
    """The name of the gate above all that one client holds of one account: it tells neither."""
    named = sha256(f"{account}|{client_id}".encode()).digest()
    return urlsafe_b64encode(named).decode().rstrip("=")


def consent_stamp(account: UUID, client_id: ClientId, epoch: int = 0) -> Stamp:
    """What every grant of an account to a client carries. ``epoch``: of that gate, read before the consent was."""
    return Stamp("consent", consent_gate(account, client_id), epoch)


def _unknown() -> Decision[Refused | None]:
    return _refused("the account is not known", "account_unknown")


def _refused(description: str, reason: str) -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_request", description, reason))
