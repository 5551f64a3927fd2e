"""The rules of an account: creation, locking, and what a new password ends."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

from grantlog.core.account.events import Created, Locked, PasswordChanged, Unlocked
from grantlog.core.account.state import AccountState
from grantlog.core.decision import Decision, GateChange, Name, Refused
from grantlog.core.identifiers import Micros


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


def _unknown() -> Decision[Refused | None]:
    return _refused("the account is not known", "account_unknown")


def _refused(description: str, reason: str) -> Decision[Refused | None]:
    return Decision(None, Refused("invalid_request", description, reason))
